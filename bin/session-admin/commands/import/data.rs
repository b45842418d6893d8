//! The data of a session in another store.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;

/// Returns JSON unchanged, and the lifetime of its cookie in seconds.
pub(super) fn json(data: &[u8]) -> Result<(String, Option<i32>), &'static str> {
    let text = std::str::from_utf8(data).map_err(|_| "the data is not UTF-8")?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| "the data is not JSON")?;
    let idle_timeout_seconds = serde_json::from_str::<Value>(text).ok().and_then(|data| {
        let cookie = data.get("cookie")?;
        let milliseconds = ["originalMaxAge", "maxAge"]
            .iter()
            .find_map(|name| cookie.get(name)?.as_i64())?;
        i32::try_from(milliseconds / 1000)
            .ok()
            .filter(|seconds| *seconds > 0)
    });
    Ok((text.to_owned(), idle_timeout_seconds))
}

/// Returns the data of a tower-sessions `Record { id, data, expiry_date }` as JSON. rmp-serde writes it as an array of three.
pub(super) fn record(data: &[u8]) -> Result<String, &'static str> {
    const NOT_A_RECORD: &str = "the data is not a MessagePack record of tower-sessions";
    let (_, data, _): (IgnoredAny, BTreeMap<String, Value>, IgnoredAny) =
        rmp_serde::from_slice(data).map_err(|_| NOT_A_RECORD)?;
    serde_json::to_string(&data).map_err(|_| NOT_A_RECORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_unchanged() {
        for (text, idle) in [
            (
                r#"{"cookie":{"originalMaxAge":90000}, "a" : 1.0}"#,
                Some(90),
            ),
            (
                r#"{"cookie":{"originalMaxAge":null,"maxAge":5000}}"#,
                Some(5),
            ),
            (r#"{"cookie":{"originalMaxAge":10}}"#, None),
            (r#"{"cookie":null,"lone":"\ud800","nul":"\u0000"}"#, None),
            ("[]", None),
        ] {
            assert!(
                json(text.as_bytes()) == Ok((text.to_owned(), idle)),
                "{text}"
            );
        }
        assert!(json(&[b'"', 0xff, b'"']).is_err());
        assert!(json(b"{").is_err());
        // Deeper than serde_json reads into a Value.
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert!(json(deep.as_bytes()).is_ok());
    }
}
