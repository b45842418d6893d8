//! The channel binding `tls-server-end-point`: a hash of the server's certificate. (RFC 5929, 4.1)

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::certificate::{Certificate, Elements};

// Identifiers of signature algorithms and hash functions, as DER encodes them. (RFC 8017, RFC 5758, RFC 4055)
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const RSA_PSS: u8 = 10;
const ECDSA_WITH_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
const ECDSA_WITH_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

const CONTEXT_0: u8 = 0xa0;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Returns the hash of a certificate, by the hash function of its signature. Returns None if that has none, as Ed25519 has.
pub(super) fn tls_server_end_point(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::parse(der)?;
    let (algorithm, parameters) = certificate.signature_algorithm()?;
    Some(match hash_of(algorithm, parameters)? {
        Hash::Sha224 => Sha224::digest(der).to_vec(),
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
    })
}

/// Returns the hash function. SHA-256 takes the place of MD5 and SHA-1.
fn hash_of(algorithm: &[u8], parameters: Elements<'_>) -> Option<Hash> {
    if algorithm == ECDSA_WITH_SHA1 {
        return Some(Hash::Sha256);
    }
    let (&last, kind) = algorithm.split_last()?;
    match (kind, last) {
        (RSA, RSA_PSS) => hash_of_pss(parameters),
        (RSA, 4 | 5 | 11) | (ECDSA_WITH_SHA2, 2) => Some(Hash::Sha256),
        (RSA, 14) | (ECDSA_WITH_SHA2, 1) => Some(Hash::Sha224),
        (RSA, 12) | (ECDSA_WITH_SHA2, 3) => Some(Hash::Sha384),
        (RSA, 13) | (ECDSA_WITH_SHA2, 4) => Some(Hash::Sha512),
        _ => None,
    }
}

/// Returns the hash function that the parameters of RSASSA-PSS name. The default is SHA-1.
fn hash_of_pss(mut parameters: Elements<'_>) -> Option<Hash> {
    let mut parameters = Elements(parameters.next(SEQUENCE)?);
    let Some(algorithm) = parameters.next(CONTEXT_0) else {
        return Some(Hash::Sha256);
    };
    let identifier = Elements(Elements(algorithm).next(SEQUENCE)?).next(OBJECT_IDENTIFIER)?;
    if identifier == SHA1 {
        return Some(Hash::Sha256);
    }
    let (&last, kind) = identifier.split_last()?;
    match (kind, last) {
        (SHA2, 1) => Some(Hash::Sha256),
        (SHA2, 2) => Some(Hash::Sha384),
        (SHA2, 3) => Some(Hash::Sha512),
        (SHA2, 4) => Some(Hash::Sha224),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut der = vec![tag, u8::try_from(content.len()).unwrap()];
        der.extend(content);
        der
    }

    #[test]
    fn hash_function_is_that_of_the_signature() {
        let hash = |kind: &[u8], last: u8| hash_of(&[kind, &[last]].concat(), Elements(&[]));
        for (last, expected) in [
            (4, Hash::Sha256),
            (5, Hash::Sha256),
            (11, Hash::Sha256),
            (12, Hash::Sha384),
            (13, Hash::Sha512),
            (14, Hash::Sha224),
        ] {
            assert_eq!(hash(RSA, last), Some(expected), "RSA {last}");
        }
        for (last, expected) in [
            (1, Hash::Sha224),
            (2, Hash::Sha256),
            (3, Hash::Sha384),
            (4, Hash::Sha512),
        ] {
            assert_eq!(hash(ECDSA_WITH_SHA2, last), Some(expected), "ECDSA {last}");
        }
        assert_eq!(hash_of(ECDSA_WITH_SHA1, Elements(&[])), Some(Hash::Sha256));
        // Ed25519
        assert_eq!(hash_of(&[0x2b, 0x65, 0x70], Elements(&[])), None);
        assert_eq!(hash(RSA, 1), None);
        assert_eq!(hash_of(&[], Elements(&[])), None);
    }

    #[test]
    fn parameters_of_pss_name_the_hash_function() {
        let pss = [RSA, &[RSA_PSS]].concat();
        let named = |identifier: &[u8]| {
            let algorithm = element(SEQUENCE, &element(OBJECT_IDENTIFIER, identifier));
            let parameters = element(SEQUENCE, &element(CONTEXT_0, &algorithm));
            hash_of(&pss, Elements(&parameters))
        };
        assert_eq!(named(SHA1), Some(Hash::Sha256));
        for (last, expected) in [
            (1, Hash::Sha256),
            (2, Hash::Sha384),
            (3, Hash::Sha512),
            (4, Hash::Sha224),
        ] {
            assert_eq!(named(&[SHA2, &[last]].concat()), Some(expected));
        }
        assert_eq!(named(&[SHA2, &[9]].concat()), None);
        assert_eq!(
            hash_of(&pss, Elements(&element(SEQUENCE, &[]))),
            Some(Hash::Sha256)
        );
        assert_eq!(hash_of(&pss, Elements(&[])), None);
    }
}
