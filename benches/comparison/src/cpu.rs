//! Processor time, which a busy machine falsifies less than the clock on the wall. By Linux' `schedstat`, in nanoseconds.

use std::collections::HashMap;
use std::fs;

/// Of the calling thread, so far.
pub fn of_this_thread() -> u64 {
    schedstat("/proc/thread-self/schedstat")
}

/// Of each process of a server, so far.
pub struct OfServer(HashMap<u32, u64>);

impl OfServer {
    /// Of a server that is this process and its children.
    pub fn look(process: u32) -> OfServer {
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
            .unwrap_or_default();
        let children = children
            .split_ascii_whitespace()
            .filter_map(|child| child.parse().ok());
        OfServer(
            std::iter::once(process)
                .chain(children)
                .map(|process| (process, of_process(process)))
                .collect(),
        )
    }

    /// What was spent since an earlier look, by those processes that are alive now: at the earlier one, some may have been about
    /// to end.
    pub fn since(&self, earlier: &OfServer) -> u64 {
        self.0
            .iter()
            .map(|(process, now)| now - earlier.0.get(process).copied().unwrap_or(0).min(*now))
            .sum()
    }
}

/// All its threads: Redis has some.
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
