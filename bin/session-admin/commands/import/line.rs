//! A line of the output of `session-admin export`.

use connect_pg::SessionRecord;
use serde_json::{Map, Value};

/// Returns the session of a line, or why there is none.
pub(super) fn parse(line: &[u8]) -> Result<SessionRecord, &'static str> {
    let mut line: Map<String, Value> =
        serde_json::from_slice(line).map_err(|_| "the line is not a JSON object")?;
    let key = line
        .get("key")
        .and_then(Value::as_str)
        .and_then(unhex)
        .ok_or("no key of 64 hexadecimal digits")?;
    let idle_timeout_seconds = match line.get("idle_timeout_seconds") {
        None | Some(Value::Null) => None,
        Some(value) => Some(
            value
                .as_i64()
                .and_then(|seconds| i32::try_from(seconds).ok())
                .ok_or("bad timeout")?,
        ),
    };
    let mut text = |name| match line.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a value that should be text is not"),
    };
    let mut session = SessionRecord::new(key);
    session.idle_timeout_seconds = idle_timeout_seconds;
    for (field, name) in [
        (&mut session.created_at, "created_at"),
        (&mut session.last_used_at, "last_used_at"),
        (&mut session.expires_at, "expires_at"),
        (&mut session.absolute_expires_at, "absolute_expires_at"),
    ] {
        *field = text(name)?;
        if field.as_deref().is_some_and(|time| !is_time(time)) {
            return Err("a time is not in the format of RFC 3339");
        }
    }
    session.data = text("data")?;
    session.user_id = text("user_id")?;
    session.client_address = text("client_address")?;
    session.user_agent = text("user_agent")?;
    session.label = text("label")?;
    Ok(session)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Returns true if a text is a time as in RFC 3339. PostgreSQL accepts other texts as well: `now`, and times without a zone.
fn is_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00";
    let (Some(seconds), Some(rest)) = (text.get(..form.len()), text.get(form.len()..)) else {
        return false;
    };
    let has_form = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| {
                if form == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == form
                }
            })
    };
    let zone = rest.strip_prefix('.').map_or(rest, |fraction| {
        fraction.trim_start_matches(|digit: char| digit.is_ascii_digit())
    });
    has_form(seconds, form) && (zone == "Z" || has_form(zone, "+00:00") || has_form(zone, "-00:00"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(
            bytes: Vec<u8>,
            names in proptest::collection::vec("key|data|created_at|idle_timeout_seconds|user_id|label|other", 0..4),
            values in proptest::collection::vec("null|-?[0-9]{1,12}|\"[0-9a-f]{64}\"|\"[0-9T:Z.-]{0,24}\"|\"\\\\u[0-9a-f]{4}\"|\\[\\[|\\{\\}", 4)
        ) {
            let _ = parse(&bytes);
            let key = "00".repeat(32);
            let more: Vec<_> = names.iter().zip(&values).map(|(name, value)| format!(",\"{name}\":{value}")).collect();
            let more = more.concat();
            let _ = parse(format!("{{\"key\":\"{key}\"{more}}}").as_bytes());
        }

        // What export writes.
        #[test]
        fn written_session_is_parsed_as_it_was(
            key: [u8; 32],
            data: Option<String>,
            user_id: Option<String>,
            label: Option<String>,
            idle_timeout_seconds: Option<i32>
        ) {
            let hex: Vec<_> = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let time = "2026-01-02T03:04:05.123456Z";
            let line = json!({
                "key": hex.concat(), "data": data, "user_id": user_id, "label": label, "expires_at": time,
                "idle_timeout_seconds": idle_timeout_seconds
            });
            let session = parse(line.to_string().as_bytes()).unwrap();
            prop_assert_eq!(session.key, key);
            prop_assert_eq!(session.data, data);
            prop_assert_eq!(session.user_id, user_id);
            prop_assert_eq!(session.label, label);
            prop_assert_eq!(session.expires_at.as_deref(), Some(time));
            prop_assert_eq!(session.idle_timeout_seconds, idle_timeout_seconds);
        }
    }

    #[test]
    fn times_have_the_format_of_rfc_3339() {
        for time in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.123456Z",
            "2026-01-02T03:04:05+02:00",
        ] {
            assert!(is_time(time), "{time}");
        }
        for text in [
            "",
            "now",
            "2026-01-02",
            "2026-01-02 03:04:05",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05+0200",
            "2026-01-02T03:04:05é",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }

    #[test]
    fn keys_have_64_hexadecimal_digits() {
        assert_eq!(
            unhex(&"0aF0".repeat(16)).unwrap(),
            [0x0a, 0xf0].repeat(16)[..]
        );
        for text in [
            "",
            &"0".repeat(63),
            &"g".repeat(64),
            &"é".repeat(32),
            &"+".repeat(64),
        ] {
            assert!(unhex(text).is_none(), "{text}");
        }
    }
}
