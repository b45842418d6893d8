//! A password file, and what is looked up in it.

#![no_main]

use connect_pg::fuzzing::check_password_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, &str, &str)| {
    let (text, host, database, user, password) = input;
    check_password_file(text, [host, database, user, password]);
});
