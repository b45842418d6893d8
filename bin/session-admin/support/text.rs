//! Values as text.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Returns a text on one line: what the database holds must not end the line or control the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, character| {
        if character.is_control() {
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

/// Returns `1234567` as `1,234,567`.
pub(crate) fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count with its noun: `1 session`, `1,000 sessions`.
pub(crate) fn counted(number: impl Into<i128>, singular: &str, plural: &str) -> String {
    let number = number.into();
    let noun = if number == 1 { singular } else { plural };
    format!("{} {noun}", grouped(number))
}

/// Returns a size in the largest unit of 1024 that leaves at least one.
pub(crate) fn bytes(number: i64) -> String {
    let mut unit = "bytes";
    let mut tenths = i128::from(number) * 10;
    for larger in ["kB", "MB", "GB", "TB"] {
        if tenths.abs() < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    if unit == "bytes" {
        format!("{number} bytes")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// Returns a time in the format of RFC 3339, in UTC and without fractions of a second. Returns `None` if that has no such year.
pub(crate) fn timestamp(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    let seconds = time::Duration::seconds(i64::try_from(since_epoch.as_secs()).ok()?);
    OffsetDateTime::UNIX_EPOCH
        .checked_add(seconds)?
        .format(&Rfc3339)
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers_have_groups_and_units() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(-1_234_567), "-1,234,567");
        assert_eq!(counted(1, "batch", "batches"), "1 batch");
        assert_eq!(counted(1000, "batch", "batches"), "1,000 batches");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1536), "1.5 kB");
        assert_eq!(bytes(5 * 1024 * 1024 * 1024), "5.0 GB");
    }

    #[test]
    fn timestamps_are_in_utc_and_whole_seconds() {
        let text = |seconds| timestamp(UNIX_EPOCH + Duration::from_millis(seconds));
        assert_eq!(
            text(1_767_323_045_678).as_deref(),
            Some("2026-01-02T03:04:05Z")
        );
        assert_eq!(
            text(253_402_300_799_999).as_deref(),
            Some("9999-12-31T23:59:59Z")
        );
        assert_eq!(text(253_402_300_800_000), None);
    }

    #[test]
    fn one_line_escapes_control_characters() {
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
    }
}
