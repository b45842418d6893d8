//! A connection string: keywords or a URL.

#![no_main]

use connect_pg::fuzzing::check_connection_string;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| check_connection_string(text));
