use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Reports that the calling test is skipped, and why: on standard error, and for `bin/test` in the file that
/// `CONNECT_PG_TEST_SKIPS` names.
pub fn skip(reason: &str) {
    let test = env::var("NEXTEST_TEST_NAME").unwrap_or_else(|_| "a test".to_owned());
    eprintln!("\n*** SKIPPED {test}: {reason} ***\n");
    if let Some(file) = env::var_os("CONNECT_PG_TEST_SKIPS") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .unwrap();
        writeln!(file, "{test}: {reason}").unwrap();
    }
}
