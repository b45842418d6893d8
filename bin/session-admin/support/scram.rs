//! Stored passwords: their form, and whether a password matches one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// How a role's password is stored in `pg_authid.rolpassword`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordForm {
    Scram,
    Md5,
    Unknown,
}

/// Returns the form of a stored password.
pub(crate) fn form(stored: &str) -> PasswordForm {
    if stored.starts_with("SCRAM-SHA-256$") {
        PasswordForm::Scram
    } else if stored.len() == 35 && stored.starts_with("md5") {
        PasswordForm::Md5
    } else {
        PasswordForm::Unknown
    }
}

/// Returns true if a password of printable ASCII is the one that is stored for a role. An unknown form matches none.
pub(crate) fn matches(stored: &str, role: &str, password: &str) -> bool {
    match form(stored) {
        PasswordForm::Md5 => postgres_protocol::password::md5(password.as_bytes(), role) == stored,
        PasswordForm::Scram => matches_scram(stored, password).unwrap_or(false),
        PasswordForm::Unknown => false,
    }
}

/// Compares a password with `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5802, section 3).
fn matches_scram(stored: &str, password: &str) -> Option<bool> {
    let (iterations, rest) = stored.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
    let (salt, keys) = rest.split_once('$')?;
    let (stored_key, _) = keys.split_once(':')?;
    let salted = pbkdf2(
        password.as_bytes(),
        &STANDARD.decode(salt).ok()?,
        iterations.parse().ok()?,
    );
    let client_key = hmac(&salted, &[b"Client Key"]);
    Some(Sha256::digest(client_key).as_slice() == STANDARD.decode(stored_key).ok()?)
}

/// Returns one block of PBKDF2 with HMAC-SHA-256 (RFC 8018). RFC 5802 calls it `Hi`.
fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut block = hmac(password, &[salt, &1_u32.to_be_bytes()]);
    let mut result = block;
    for _ in 1..iterations {
        block = hmac(password, &[&block]);
        for (sum, byte) in result.iter_mut().zip(block) {
            *sum ^= byte;
        }
    }
    result
}

/// Returns the HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[&[u8]]) -> [u8; 32] {
    let mut padded = [0; 64];
    if key.len() > padded.len() {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let mut inner = Sha256::new_with_prefix(padded.map(|byte| byte ^ 0x36));
    for part in message {
        inner.update(part);
    }
    let mut outer = Sha256::new_with_prefix(padded.map(|byte| byte ^ 0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifier_matches_its_password_only() {
        for password in ["password", "x", &"long".repeat(40)] {
            let stored = postgres_protocol::password::scram_sha_256(password.as_bytes());
            assert_eq!(form(&stored), PasswordForm::Scram);
            assert!(matches(&stored, "nodepg", password));
            assert!(!matches(&stored, "nodepg", "other"));
        }
    }

    #[test]
    fn md5_depends_on_the_role() {
        let stored = postgres_protocol::password::md5(b"password", "nodepg");
        assert_eq!(form(&stored), PasswordForm::Md5);
        assert!(matches(&stored, "nodepg", "password"));
        assert!(!matches(&stored, "other", "password"));
    }

    #[test]
    fn malformed_verifier_matches_nothing() {
        for stored in [
            "",
            "password",
            "SCRAM-SHA-256$",
            "SCRAM-SHA-256$1:!$!:!",
            "md5",
        ] {
            assert!(!matches(stored, "nodepg", "password"));
        }
    }
}
