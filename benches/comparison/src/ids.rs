//! Session ids that can be computed from a number, so that ten million of them need no memory. The worker on Node computes the
//! same (`npm/worker.mjs`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The id of session number `index`: 43 characters of base64url, as [`connect_pg::SessionId`] reads them.
///
/// Each of its eight words is another permutation of the 32-bit numbers, so no two sessions share one, and neighbours in
/// number are no neighbours in any index.
pub fn id_of(index: u32) -> String {
    let mut bytes = [0; 32];
    for (word, chunk) in (0_u32..).zip(bytes.chunks_exact_mut(4)) {
        let mixed = mix(index.wrapping_add(word.wrapping_mul(0x9e37_79b9)));
        chunk.copy_from_slice(&mixed.to_le_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The finalizer of `MurmurHash3`.
pub fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// How many users the sessions of a full store belong to: about five each, since half of the sessions are visitors'.
pub fn users(sessions: u32) -> u32 {
    (sessions / 10).max(1)
}

pub fn user_name(user: u32) -> String {
    format!("user-{user:08}")
}

/// Whose session number `index` is among so many, if anybody's.
pub fn user_of(index: u32, sessions: u32) -> Option<String> {
    mix(index)
        .is_multiple_of(2)
        .then(|| user_name(mix(!index) % users(sessions)))
}

/// A new id, drawn at random: what every side that names its sessions itself is given.
pub fn random_id() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
