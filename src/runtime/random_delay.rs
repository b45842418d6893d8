use std::time::Duration;

/// A random time from zero to `longest`, so that what failed or started together does not meet again.
pub(crate) fn up_to(longest: Duration) -> Duration {
    // Without a random source half of it is as good as any.
    let share = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    longest.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within() {
        assert_eq!(up_to(Duration::ZERO), Duration::ZERO);
        for _ in 0..1000 {
            assert!(up_to(Duration::from_secs(3)) <= Duration::from_secs(3));
        }
    }
}
