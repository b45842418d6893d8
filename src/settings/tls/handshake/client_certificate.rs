//! The certificate by which the client proves who it is.

use std::path::Path;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::pem;
use crate::settings::tls::handshake_settings::CertificateMode;
use crate::settings::tls::login_watch::LoginWatch;
use crate::settings::tls::tls_files::TlsFiles;

/// Reads certificate and key. Returns None if there is no certificate to send.
pub(super) fn read(
    files: &TlsFiles,
    mode: CertificateMode,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, String> {
    if mode == CertificateMode::Disable {
        return Ok(None);
    }
    let Some(path) = files.certificate.to_use() else {
        return match mode {
            CertificateMode::Require => {
                Err("sslcertmode=require needs a client certificate; set sslcert and sslkey".into())
            }
            _ => Ok(None),
        };
    };
    let chain = pem::read(path, "sslcert", "certificate")?;
    let Some(key_path) = files.key.to_use() else {
        return Err(format!(
            "the client certificate {} has no private key; set sslkey",
            path.display()
        ));
    };
    check_permissions(key_path)?;
    // An encrypted key is no key that rustls knows.
    let keys: Vec<PrivateKeyDer<'static>> = pem::read(
        key_path,
        "sslkey",
        "unencrypted private key (openssl pkey -in FILE -out FILE decrypts one)",
    )?;
    let key = keys.into_iter().next().ok_or("sslkey has no private key")?;
    CertifiedKey::from_der(chain, key, provider)
        .map(|key| Some(Arc::new(key)))
        .map_err(|error| {
            format!(
                "the private key {} (sslkey) does not belong to the certificate {} (sslcert), or its kind is not supported: {error}",
                key_path.display(),
                path.display()
            )
        })
}

/// Checks as libpq does that no other user can read the key. A group may, if the file is root's.
fn check_permissions(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path)
        .map_err(|error| format!("the file {shown} (sslkey) cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err(format!(
            "the private key {shown} (sslkey) is not a plain file"
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let refused = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if metadata.mode() & refused != 0 {
            return Err(format!(
                "the private key {shown} (sslkey) can be read by other users; run chmod 0600 on it (0640 if root owns it)"
            ));
        }
    }
    Ok(())
}

/// Sends the certificate to every server that asks for one, and notes that it asked.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    pub(super) key: Option<Arc<CertifiedKey>>,
    pub(super) watch: LoginWatch,
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.watch.set_certificate_requested(self.key.is_some());
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
