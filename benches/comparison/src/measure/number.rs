//! Numbers as text.

/// Writes a whole number with commas between its thousands.
pub fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rounds to a whole number and writes it as [`grouped`] does.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and far from the limit
pub fn rounded(number: f64) -> String {
    grouped(number.round().max(0.0) as u64)
}
