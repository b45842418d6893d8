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
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        plain.prop_recursive(4, 16, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(any::<String>(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_data_or_refused(bytes: Vec<u8>, text in "[\\[\\]{}\",:0-9a-z\\\\ -]{0,40}") {
            for bytes in [&bytes, text.as_bytes()] {
                if let Ok((data, _)) = json(bytes) {
                    prop_assert_eq!(data.as_bytes(), bytes);
                }
                let _ = record(bytes);
            }
            // An array of three, as a record is.
            let _ = record(&[&[0x93, 0xa0], &bytes[..]].concat());
        }

        #[test]
        fn written_json_is_kept(value in value()) {
            let text = value.to_string();
            prop_assert_eq!(json(text.as_bytes()).unwrap().0, text);
        }

        #[test]
        fn written_record_has_the_same_data(id: i128, data in btree_map(any::<String>(), value(), 0..4), expiry: [i32; 3]) {
            let bytes = rmp_serde::to_vec(&(id.to_string(), &data, expiry)).unwrap();
            let text = record(&bytes).unwrap();
            prop_assert_eq!(serde_json::from_str::<BTreeMap<String, Value>>(&text).unwrap(), data);
        }
    }

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
