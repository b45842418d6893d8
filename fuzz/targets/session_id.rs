//! A session id from a cookie: it is refused, or it is the text.

#![no_main]

use connect_pg::SessionId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for id in [text.parse(), SessionId::foreign(text)].into_iter().flatten() {
        assert_eq!(id.as_cookie_value(), text);
        assert_eq!(format!("{id:?}"), "SessionId(…)");
    }
});
