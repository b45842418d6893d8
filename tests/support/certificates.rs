//! A private authority and what it signs.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ED25519, RevokedCertParams, SerialNumber,
    SignatureAlgorithm, date_time_ymd,
};

/// An authority with a key of its own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key, in PEM form.
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Signs a certificate for these hosts, or for a client whose user is `name`.
    pub fn sign(&self, name: &str, hosts: &[&str]) -> Signed {
        self.sign_params(&params(name, hosts), &KeyPair::generate().unwrap())
    }

    /// Signs one that has expired.
    pub fn sign_expired(&self, hosts: &[&str]) -> Signed {
        let mut params = params("server", hosts);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        self.sign_params(&params, &KeyPair::generate().unwrap())
    }

    /// Signs one that can be revoked by this serial number.
    pub fn sign_numbered(&self, hosts: &[&str], number: u64) -> Signed {
        let mut params = params("server", hosts);
        params.serial_number = Some(SerialNumber::from(number));
        self.sign_params(&params, &KeyPair::generate().unwrap())
    }

    fn sign_params(&self, params: &CertificateParams, key: &KeyPair) -> Signed {
        Signed {
            certificate: params.signed_by(key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// Returns a list that revokes these certificates.
    pub fn revoke(&self, numbers: &[u64]) -> String {
        let revoked = numbers.iter().map(|&number| RevokedCertParams {
            serial_number: SerialNumber::from(number),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

impl Signed {
    /// Signs a certificate by its own key, of this kind.
    pub fn by_itself(hosts: &[&str], algorithm: &'static SignatureAlgorithm) -> Signed {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = params("server", hosts);
        // As `openssl req -x509` makes it.
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Signed {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: if algorithm == &PKCS_ED25519 {
                ed25519_pem(&key)
            } else {
                key.serialize_pem()
            },
        }
    }

    /// Makes a self-signed certificate by the program openssl. Returns the reason if it cannot.
    pub fn by_openssl(directory: &Path, commands: &[&str]) -> Result<Signed, String> {
        for arguments in commands {
            let output = Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(directory)
                .output()
                .map_err(|error| format!("no program openssl: {error}"))?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        let read = |name| std::fs::read_to_string(directory.join(name)).unwrap();
        Ok(Signed {
            certificate: read("certificate"),
            key: read("key"),
        })
    }

    /// Writes both, the key for its owner alone. Returns the settings that name them.
    pub fn write(&self, directory: &Path, name: &str) -> String {
        let certificate = directory.join(format!("{name}.crt"));
        let key = directory.join(format!("{name}.key"));
        std::fs::write(&certificate, &self.certificate).unwrap();
        write_private(&key, &self.key);
        format!("sslcert={} sslkey={}", certificate.display(), key.display())
    }
}

/// Writes a file that only its owner can read.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Returns the key in the older form of PKCS #8 (RFC 5208), without the public key. OpenSSL 3.0 reads no other.
fn ed25519_pem(key: &KeyPair) -> String {
    const HEAD: [u8; 16] = [
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    let der = key.serialize_der();
    let at = der
        .windows(4)
        .position(|bytes| bytes == &HEAD[12..])
        .unwrap()
        + 4;
    let text = STANDARD.encode([&HEAD, &der[at..at + 32]].concat());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
