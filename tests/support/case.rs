//! Cases of a table.

use std::fmt::Display;
use std::thread;

/// Runs one case of a table. If it fails, its name is shown below the failure.
pub fn case<T>(name: impl Display, run: impl FnOnce() -> T) -> T {
    let _name = ShownOnPanic(name);
    run()
}

struct ShownOnPanic<N: Display>(N);

impl<N: Display> Drop for ShownOnPanic<N> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in the case: {}", self.0);
        }
    }
}
