//! Skipping a test that cannot run here.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::thread;

/// Reports that the calling test is skipped, and why.
///
/// The harness hides what a passing test prints. So the line also goes to the file that `CONNECT_PG_TEST_SKIPS` names:
/// `bin/test` prints that file at its end.
pub fn skip(reason: &str) {
    let test = thread::current()
        .name()
        .filter(|name| *name != "main")
        .map(ToOwned::to_owned)
        .or_else(|| std::env::var("NEXTEST_TEST_NAME").ok())
        .unwrap_or_else(|| "a test".to_owned());
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = format!("{test}: {reason}");
    let _ = writeln!(io::stderr(), "\n*** SKIPPED {line} ***\n");
    if let Some(file) = std::env::var_os("CONNECT_PG_TEST_SKIPS") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&file)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
