use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// `serde_json` reads arrays and objects nested this deep and no deeper.
const MAX_DEPTH: usize = 127;

/// Writes a session's data as JSON, byte for byte as `serde_json` does. Refuses what `serde_json` would not read back.
pub(crate) fn encode<T: Serialize + ?Sized>(data: &T) -> Result<String, Error> {
    let text = serde_json::to_string(data).map_err(|error| Error::encode::<T>(&error))?;
    if depth(&text) > MAX_DEPTH {
        return Err(Error::too_deep::<T>());
    }
    Ok(text)
}

/// Reads a session's data.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::decode::<T>(&error))
}

/// Writes the same JSON in ASCII, for a database whose encoding cannot hold all of Unicode. A character outside ASCII stands in
/// a string, where `\u` and its UTF-16 code units mean the same (RFC 8259, section 7).
pub(crate) fn to_ascii(text: &str) -> String {
    use std::fmt::Write;

    let mut ascii = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'[' | b'{' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(0), |inner, _| json!([inner]))
    }

    #[test]
    fn written_data_can_be_read() {
        let deepest = nested(MAX_DEPTH);
        assert_eq!(
            decode::<Value>(&encode(&deepest).unwrap()).unwrap(),
            deepest
        );
        let deeper = nested(MAX_DEPTH + 1);
        assert!(decode::<Value>(&serde_json::to_string(&deeper).unwrap()).is_err());
        assert!(encode(&deeper).unwrap_err().is_invalid_data());
    }

    #[test]
    fn brackets_in_strings_add_no_depth() {
        assert_eq!(depth(r#"{"[[[\"{{{":["\\",{}]}"#), 3);
    }

    #[test]
    fn ascii_decodes_to_the_same_value() {
        let value = json!({"grün": "🦀\u{0}\"\\", "z": "\u{ffff}\u{10ffff}"});
        let ascii = to_ascii(&encode(&value).unwrap());
        assert!(ascii.is_ascii());
        assert!(ascii.contains(r"\ud83e\udd80"));
        assert_eq!(decode::<Value>(&ascii).unwrap(), value);
    }

    #[test]
    fn errors_quote_no_data() {
        #[derive(serde::Deserialize, Debug)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Data {
            n: u8,
        }
        for text in [
            r#"{"n":"s3cret"}"#,
            r#"{"s3cret":1}"#,
            r#"{"n":1} s3cret"#,
            r#""s3cret"#,
        ] {
            let error = decode::<Data>(text).unwrap_err();
            assert!(error.is_invalid_data());
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{error:?}"
            );
        }
        let lone = decode::<String>(r#""\ud800""#).unwrap_err();
        assert!(lone.to_string().contains("surrogate"), "{lone}");
    }
}
