//! A line of a file for `session-admin import --from jsonl`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../bin/session-admin/commands/import/line.rs"]
mod line;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(session) = line::parse(bytes) {
        // What is parsed is text of the line, so it is no longer.
        assert!(session.data.is_none_or(|data| data.len() <= bytes.len()));
    }
});
