use std::path::{Path, PathBuf};

use crate::settings::sources::Sources;

/// The files of libpq's TLS settings. Each connect reads them, so that a new certificate needs no restart.
#[derive(Clone, Debug)]
pub(super) struct TlsFiles {
    pub(super) roots: RootSource,
    pub(super) revoked: TlsFile,
    pub(super) certificate: TlsFile,
    pub(super) key: TlsFile,
}

/// Whom the client trusts to sign a server's certificate.
#[derive(Clone, Debug)]
pub(super) enum RootSource {
    /// Those of the operating system.
    System,
    File(TlsFile),
}

/// A file that a setting names, or a default that may be missing.
#[derive(Clone, Debug)]
pub(super) struct TlsFile {
    pub(super) path: Option<PathBuf>,
    pub(super) is_default: bool,
}

impl TlsFiles {
    pub(super) fn read(sources: &Sources<'_>, home: Option<&Path>) -> TlsFiles {
        let file = |keyword, name| match sources.get(keyword) {
            Some(path) => TlsFile {
                path: Some(path.into()),
                is_default: false,
            },
            None => TlsFile {
                path: home.map(|home| home.join(".postgresql").join(name)),
                is_default: true,
            },
        };
        TlsFiles {
            roots: match sources.get("sslrootcert") {
                Some("system") => RootSource::System,
                _ => RootSource::File(file("sslrootcert", "root.crt")),
            },
            revoked: file("sslcrl", "root.crl"),
            certificate: file("sslcert", "postgresql.crt"),
            key: file("sslkey", "postgresql.key"),
        }
    }

    /// Returns the files of a program that sets none.
    pub(super) fn system_only() -> TlsFiles {
        let none = TlsFile {
            path: None,
            is_default: true,
        };
        TlsFiles {
            roots: RootSource::System,
            revoked: none.clone(),
            certificate: none.clone(),
            key: none,
        }
    }
}

impl TlsFile {
    /// Returns the path, unless it is a default that does not exist.
    pub(super) fn to_use(&self) -> Option<&Path> {
        let path = self.path.as_deref()?;
        (!self.is_default || path.exists()).then_some(path)
    }
}
