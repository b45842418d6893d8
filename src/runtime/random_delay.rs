use std::time::Duration;

/// Returns a random time from zero to `longest`, so that clients that failed or started together do not collide again.
pub(crate) fn up_to(longest: Duration) -> Duration {
    // Without a random source, half of it does as well.
    let share = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    longest.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_is_at_most_the_longest() {
        assert_eq!(up_to(Duration::ZERO), Duration::ZERO);
        for _ in 0..1000 {
            assert!(up_to(Duration::from_secs(3)) <= Duration::from_secs(3));
        }
    }
}
