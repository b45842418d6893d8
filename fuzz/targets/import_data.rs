//! The data of a session in another store: JSON, or a record of tower-sessions.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../bin/session-admin/commands/import/data.rs"]
mod data;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((text, idle_timeout_seconds)) = data::json(bytes) {
        assert_eq!(text.as_bytes(), bytes);
        assert!(idle_timeout_seconds.is_none_or(|seconds| seconds > 0));
    }
    if let Ok(text) = data::record(bytes) {
        assert!(data::json(text.as_bytes()).is_ok());
    }
});
