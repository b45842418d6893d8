//! Processor time in nanoseconds, by Linux' `schedstat`. A busy machine distorts it less than elapsed time.

use std::collections::HashMap;
use std::fs;

/// Returns the processor time of the calling thread so far.
pub fn of_this_thread() -> u64 {
    schedstat("/proc/thread-self/schedstat")
}

/// Returns the processor time of all threads of this program so far.
pub fn of_this_process() -> u64 {
    of_process(std::process::id())
}

/// The processor time of each process of a server so far.
pub struct ServerCpu(HashMap<u32, u64>);

impl ServerCpu {
    /// Reads the processor time of a server, which is this process and its children.
    pub fn read(process: u32) -> ServerCpu {
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
            .unwrap_or_default();
        let children = children
            .split_ascii_whitespace()
            .filter_map(|child| child.parse().ok());
        ServerCpu(
            std::iter::once(process)
                .chain(children)
                .map(|process| (process, of_process(process)))
                .collect(),
        )
    }

    /// Returns what the processes that still run have spent since an earlier reading.
    pub fn since(&self, earlier: &ServerCpu) -> u64 {
        self.0
            .iter()
            .map(|(process, now)| now - earlier.0.get(process).copied().unwrap_or(0).min(*now))
            .sum()
    }
}

/// Sums up all threads of a process: Redis has several.
fn of_process(process: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return 0;
    };
    threads
        .flatten()
        .map(|thread| schedstat(&format!("{}/schedstat", thread.path().display())))
        .sum()
}

fn schedstat(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0)
}
