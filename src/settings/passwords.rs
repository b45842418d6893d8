//! The password for a host.

use std::path::Path;

use super::connection_settings::{ConnectionSettings, PasswordSource};
use super::host::{DEFAULT_SOCKET_DIRECTORY, Host};
use super::passfile;
use super::refused_passwords::RefusedPasswords;
use crate::error::Error;

impl ConnectionSettings {
    /// Returns where the password comes from, as text for an error, or None if there is no password.
    #[doc(hidden)]
    #[must_use]
    pub fn password_source(&self) -> Option<String> {
        if let Some(path) = &self.password_file {
            return Some(format!("the file {}", path.display()));
        }
        if let Some((_, source)) = &self.password {
            return Some(
                match source {
                    PasswordSource::ConnectionString => "the connection string",
                    PasswordSource::Service => "the connection service",
                    PasswordSource::Environment => "PGPASSWORD",
                }
                .into(),
            );
        }
        let path = self.passfile.as_deref()?;
        self.hosts()
            .iter()
            .any(|host| self.look_up_in_passfile(path, host).password.is_some())
            .then(|| format!("the password file {}", path.display()))
    }

    /// Returns what is unusual about these settings without being an error, one sentence each: a password file is ignored
    /// because other users may read it.
    #[doc(hidden)]
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let Some(path) = self.passfile.as_deref() else {
            return Vec::new();
        };
        if self.password_file.is_some() || self.password.is_some() {
            return Vec::new();
        }
        let mut warnings: Vec<String> = self
            .hosts()
            .iter()
            .filter_map(|host| self.look_up_in_passfile(path, host).warning)
            .collect();
        warnings.dedup();
        warnings
    }

    /// Returns the password for a host: from the password file, the settings, or libpq's password file, in this order.
    pub(super) fn password_for(&self, host: &Host) -> Result<Option<String>, Error> {
        self.next_password_for(host, &mut RefusedPasswords::default())
    }

    /// Returns the password for a host, and of a password file the first that was not refused.
    pub(super) fn next_password_for<E: From<Error>>(
        &self,
        host: &Host,
        refused: &mut RefusedPasswords<E>,
    ) -> Result<Option<String>, E> {
        if let Some(path) = &self.password_file {
            return refused.next_of(path).map(Some);
        }
        if let Some((password, _)) = &self.password {
            return Ok(Some(password.clone()));
        }
        Ok(self
            .passfile
            .as_deref()
            .and_then(|path| self.look_up_in_passfile(path, host).password))
    }

    fn look_up_in_passfile(&self, path: &Path, host: &Host) -> passfile::Lookup {
        let name = match (host.name.as_str(), host.address) {
            (DEFAULT_SOCKET_DIRECTORY, _) => "localhost".to_owned(),
            ("", Some(address)) => address.to_string(),
            (name, _) => name.to_owned(),
        };
        passfile::look_up(path, &name, host.port, &self.database, &self.user)
    }
}
