//! The payload of a notification, which every role of the database may send.

#![no_main]

use connect_pg::fuzzing::check_payload;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| check_payload(text));
