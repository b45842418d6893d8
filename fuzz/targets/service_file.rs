//! A service file, and the service that is looked up in it.

#![no_main]

use connect_pg::fuzzing::check_service_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, service) = input;
    check_service_file(text, service);
    check_service_file(&format!("[{service}]\n{text}"), service);
});
