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
pub struct ServerCpu {
    running: HashMap<u32, u64>,
    /// Of the child processes that have ended.
    ended: u64,
}

/// A hundredth of a second: `USER_HZ`, in which the kernel reports times to programs.
const TICK_NANOSECONDS: u64 = 10_000_000;

impl ServerCpu {
    /// Reads the processor time of a server, which is this process and its children.
    pub fn read(process: u32) -> ServerCpu {
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
            .unwrap_or_default();
        let children = children
            .split_ascii_whitespace()
            .filter_map(|child| child.parse().ok());
        ServerCpu {
            running: std::iter::once(process)
                .chain(children)
                .map(|process| (process, of_process(process)))
                .collect(),
            ended: of_ended_children(process),
        }
    }

    /// Returns what the server has spent since an earlier reading, including processes that have ended since.
    pub fn since(&self, earlier: &ServerCpu) -> u64 {
        let running: u64 = self
            .running
            .iter()
            .map(|(process, now)| {
                now.saturating_sub(earlier.running.get(process).copied().unwrap_or(0))
            })
            .sum();
        let known_of_ended: u64 = earlier
            .running
            .iter()
            .filter(|(process, _)| !self.running.contains_key(process))
            .map(|(_, time)| time)
            .sum();
        running + (self.ended - earlier.ended).saturating_sub(known_of_ended)
    }
}

/// Reads the fields `cutime` and `cstime` of `/proc/PID/stat`.
fn of_ended_children(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field, a name in parentheses, may contain spaces. cutime is field 16.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields
        .split_ascii_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * TICK_NANOSECONDS
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
