//! Latencies.

use anyhow::Result;
use hdrhistogram::Histogram;

/// Creates an empty histogram of nanoseconds up to ten minutes, exact to a thousandth.
pub fn new() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000_000, 3)?)
}

/// Returns a quantile in microseconds.
pub fn microseconds(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // 52 bits of nanoseconds are 52 days
    let nanoseconds = histogram.value_at_quantile(quantile) as f64;
    nanoseconds / 1000.0
}
