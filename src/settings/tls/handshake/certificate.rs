//! The parts of an X.509 certificate that rustls does not show. (RFC 5280, 4.1)

use std::time::Duration;

const CONTEXT_0: u8 = 0xa0;
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The parts, as they are encoded. Nothing is verified.
pub(super) struct Certificate<'a> {
    /// The content of the `AlgorithmIdentifier` of the signature.
    signature_algorithm: &'a [u8],
    /// The same of the public key, and the key.
    pub(super) key_algorithm: &'a [u8],
    pub(super) key: &'a [u8],
    not_before: u64,
    not_after: u64,
    /// The issuer is the subject.
    pub(super) is_self_signed: bool,
}

impl<'a> Certificate<'a> {
    /// Returns None if it is malformed.
    pub(super) fn parse(der: &'a [u8]) -> Option<Certificate<'a>> {
        let mut certificate = Elements(Elements(der).next(SEQUENCE)?);
        let mut signed = Elements(certificate.next(SEQUENCE)?);
        let signature_algorithm = certificate.next(SEQUENCE)?;
        let _version = signed.next(CONTEXT_0);
        let _serial_number = signed.next(INTEGER)?;
        let _algorithm = signed.next(SEQUENCE)?;
        let issuer = signed.next(SEQUENCE)?;
        let mut validity = Elements(signed.next(SEQUENCE)?);
        let subject = signed.next(SEQUENCE)?;
        let mut key = Elements(signed.next(SEQUENCE)?);
        Some(Certificate {
            signature_algorithm,
            key_algorithm: key.next(SEQUENCE)?,
            // The first byte counts unused bits, of which a key has none.
            key: key.next(BIT_STRING)?.strip_prefix(&[0])?,
            not_before: validity.next_time()?,
            not_after: validity.next_time()?,
            is_self_signed: issuer == subject,
        })
    }

    /// Returns the identifier of the signature's algorithm, and its parameters.
    pub(super) fn signature_algorithm(&self) -> Option<(&'a [u8], Elements<'a>)> {
        let mut algorithm = Elements(self.signature_algorithm);
        let identifier = algorithm.next(OBJECT_IDENTIFIER)?;
        Some((identifier, algorithm))
    }

    /// Returns true if it is valid at a time since 1970.
    pub(super) fn is_valid_at(&self, time: Duration) -> bool {
        (self.not_before..=self.not_after).contains(&time.as_secs())
    }
}

/// Elements of DER, one behind the other.
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// Returns the content of the next element and goes on behind it, if it has this tag.
    pub(super) fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let digits = usize::from(first & 0x7f);
            // No certificate has a gigabyte.
            if !(1..=4).contains(&digits) || rest.len() < digits {
                return None;
            }
            let (digits, rest) = rest.split_at(digits);
            let length = digits
                .iter()
                .fold(0, |length, &digit| length << 8 | usize::from(digit));
            (length, rest)
        };
        let content = rest.get(..length)?;
        self.0 = &rest[length..];
        Some(content)
    }

    /// Returns the next element, a time, as seconds since 1970.
    fn next_time(&mut self) -> Option<u64> {
        if let Some(text) = self.next(UTC_TIME) {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            // RFC 5280, 4.1.2.5.1
            return seconds(if year < 50 { 2000 + year } else { 1900 + year }, rest);
        }
        let (year, rest) = self.next(GENERALIZED_TIME)?.split_at_checked(4)?;
        seconds(number(year)?, rest)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Returns the seconds since 1970 of a year and of the text `MMDDhhmmssZ`. A time before 1970 is 0.
fn seconds(year: u64, rest: &[u8]) -> Option<u64> {
    let digits = rest
        .strip_suffix(b"Z")
        .filter(|digits| digits.len() == 10)?;
    let mut parts = digits.chunks(2).map(number);
    let mut next = || parts.next().flatten();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days before the month, in a year that begins in March. (Fliegel and van Flandern)
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.saturating_sub(719_468);
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<u64> {
        let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
        der.extend(text.bytes());
        Elements(&der).next_time()
    }

    // The expected values are those of `date --utc --date=… +%s`.
    #[test]
    fn times_are_seconds_since_1970() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "000229235959Z"), Some(951_868_799));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(
            time(GENERALIZED_TIME, "20500101000000Z"),
            Some(2_524_608_000)
        );
        assert_eq!(
            time(GENERALIZED_TIME, "99991231235959Z"),
            Some(253_402_300_799)
        );
        assert_eq!(
            time(GENERALIZED_TIME, "21000301000000Z"),
            Some(4_107_542_400)
        );
        assert_eq!(time(UTC_TIME, "500101000000Z"), Some(0));
        for malformed in [
            "",
            "7001010000Z",
            "700101000000",
            "701301000000Z",
            "70010100+000Z",
            "7",
        ] {
            assert_eq!(time(UTC_TIME, malformed), None, "{malformed}");
        }
    }

    #[test]
    fn elements_end_where_they_say() {
        let mut short = Elements(&[SEQUENCE, 2, 1, 2, INTEGER, 0]);
        assert_eq!(short.next(INTEGER), None);
        assert_eq!(short.next(SEQUENCE), Some(&[1, 2][..]));
        assert_eq!(short.next(INTEGER), Some(&[][..]));
        assert_eq!(short.next(INTEGER), None);
        let mut long = vec![SEQUENCE, 0x82, 1, 0];
        long.extend([7; 256]);
        assert_eq!(Elements(&long).next(SEQUENCE).map(<[u8]>::len), Some(256));
        for malformed in [
            &[SEQUENCE][..],
            &[SEQUENCE, 1],
            &[SEQUENCE, 0x80],
            &[SEQUENCE, 0x81],
            &[SEQUENCE, 0x85, 0, 0, 0, 0, 0],
            &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Elements(malformed).next(SEQUENCE), None, "{malformed:?}");
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_certificate() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            assert!(Certificate::parse(&bytes).is_none());
        });
    }
}
