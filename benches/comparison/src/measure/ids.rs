//! Session ids computed from a number, so that ten million of them need no memory. The worker on Node computes the same ids
//! (`npm/worker.mjs`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Returns the id of session number `index`: 43 characters of base64url, as [`connect_pg::SessionId`] reads them.
///
/// Each of its eight words is another permutation of the 32-bit numbers. So no two sessions share an id, and neighbours by
/// number are not neighbours in an index.
pub fn id_of(index: u32) -> String {
    let mut bytes = [0; 32];
    for (word, chunk) in (0_u32..).zip(bytes.chunks_exact_mut(4)) {
        let mixed = mix(index.wrapping_add(word.wrapping_mul(0x9e37_79b9)));
        chunk.copy_from_slice(&mixed.to_le_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Mixes the bits of a number: the finalizer of `MurmurHash3`.
pub fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// Returns how many users the sessions of a full store belong to. A user has about five, and half of the sessions have no user.
pub fn users(sessions: u32) -> u32 {
    (sessions / 10).max(1)
}

/// Returns the id of user number `user`.
pub fn user_name(user: u32) -> String {
    format!("user-{user:08}")
}

/// Returns the user of session number `index` among `sessions` sessions, if it has one.
pub fn user_of(index: u32, sessions: u32) -> Option<String> {
    mix(index)
        .is_multiple_of(2)
        .then(|| user_name(mix(!index) % users(sessions)))
}

/// Generates a random id, for stores that leave the choice of the id to their caller.
pub fn random_id() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
