//! The result of one run.

use hdrhistogram::Histogram;

/// What the clients of one run did.
pub struct Measured {
    /// Calls within the measured time.
    pub calls: u64,
    /// All calls, including the warm-up: what the server's counters have seen.
    pub all_calls: u64,
    pub seconds: f64,
    pub latencies: Histogram<u64>,
    /// The latencies of each interval of [`Until`](super::job::Until).
    pub timeline: Vec<Histogram<u64>>,
    /// Processor time within the measured time; `None` for a store whose clients run in another program.
    pub cpu: Option<CpuTime>,
}

/// Nanoseconds of processor time.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    pub clients: u64,
    pub server: u64,
}
