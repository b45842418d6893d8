//! The passwords of a password file that the server has refused.

use std::path::Path;

use tokio_postgres::error::SqlState;

use super::password_file::read_password_file;
use crate::error::Error;

/// The most logins of one connect to one host, if the file changes meanwhile again and again.
const MAX_LOGINS: usize = 16;

/// What one connect to one host has tried.
///
/// During a rotation the file has the old and the new password from before the server takes the new one. So a connect that
/// reads the file again after each refusal meets the password in force, without waiting for it.
pub(crate) struct RefusedPasswords<E> {
    refused: Vec<String>,
    /// Of the last login.
    error: Option<E>,
}

impl<E> Default for RefusedPasswords<E> {
    fn default() -> Self {
        Self {
            refused: Vec::new(),
            error: None,
        }
    }
}

impl<E: From<Error>> RefusedPasswords<E> {
    /// Returns the first password of the file that was not refused. If there is none, the error is that of the last login.
    pub(crate) fn next_of(&mut self, file: &Path) -> Result<String, E> {
        let passwords = read_password_file(file);
        let Some(error) = self.error.take() else {
            let mut passwords = passwords.map_err(E::from)?;
            return Ok(passwords.swap_remove(0));
        };
        let is_new = |password: &String| !self.refused.contains(password);
        match passwords.unwrap_or_default().into_iter().find(is_new) {
            Some(password) if self.refused.len() < MAX_LOGINS => Ok(password),
            _ => Err(error),
        }
    }

    /// Adds the password of a failed login. Returns the error if no other password can help.
    pub(crate) fn add(
        &mut self,
        password: Option<&[u8]>,
        code: Option<&str>,
        error: E,
    ) -> Result<(), E> {
        let password = password.and_then(|password| std::str::from_utf8(password).ok());
        match password {
            Some(password) if code == Some(SqlState::INVALID_PASSWORD.code()) => {
                self.refused.push(password.to_owned());
                self.error = Some(error);
                Ok(())
            }
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A password file, and the password in force.
    struct Server {
        file: std::path::PathBuf,
        logins: usize,
    }

    impl Server {
        fn new(content: &str) -> Server {
            let name = format!("connect_pg_test_{:016x}", getrandom::u64().unwrap());
            let file = std::env::temp_dir().join(name);
            std::fs::write(&file, content).unwrap();
            Server { file, logins: 0 }
        }

        /// Connects. Before each reply of the server, `rotate` gets the number of the login, and returns the password in force.
        fn connect(&mut self, mut rotate: impl FnMut(&Path, usize) -> &'static str) -> bool {
            let mut refused = RefusedPasswords::<Error>::default();
            loop {
                let Ok(password) = refused.next_of(&self.file) else {
                    return false;
                };
                self.logins += 1;
                if rotate(&self.file, self.logins) == password {
                    return true;
                }
                let error = Error::password_file("refused".into());
                refused
                    .add(Some(password.as_bytes()), Some("28P01"), error)
                    .unwrap();
            }
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.file);
        }
    }

    #[test]
    fn one_wrong_password_is_tried_once() {
        let mut server = Server::new("wrong\n");
        assert!(!server.connect(|_, _| "right"));
        assert_eq!(server.logins, 1);
    }

    #[test]
    fn each_password_of_the_file_is_tried_once() {
        let mut server = Server::new("old\nnew\n");
        assert!(server.connect(|_, _| "old"));
        assert_eq!(server.logins, 1);
        assert!(server.connect(|_, _| "new"));
        assert_eq!(server.logins, 3);
        assert!(!server.connect(|_, _| "other"));
        assert_eq!(server.logins, 5);
    }

    // The whole rotation is between the read of the file and the reply of the server.
    #[test]
    fn file_that_changed_after_the_read_is_read_again() {
        let mut server = Server::new("old\n");
        assert!(server.connect(|file, _| {
            std::fs::write(file, "new\n").unwrap();
            "new"
        }));
        assert_eq!(server.logins, 2);
    }

    #[test]
    fn file_that_changes_for_ever_is_given_up() {
        let mut server = Server::new("0\n");
        assert!(!server.connect(|file, login| {
            std::fs::write(file, format!("{login}\n")).unwrap();
            "other"
        }));
        assert_eq!(server.logins, MAX_LOGINS);
    }

    #[test]
    fn file_that_vanishes_leaves_the_error_of_the_login() {
        let mut refused = RefusedPasswords::<Error>::default();
        let error = Error::password_file("refused".into());
        refused.add(Some(b"old"), Some("28P01"), error).unwrap();
        let error = refused.next_of(Path::new("/nonexistent")).unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[test]
    fn other_errors_are_final() {
        let mut refused = RefusedPasswords::<Error>::default();
        for (password, code) in [
            (Some(&b"old"[..]), Some("28000")),
            (Some(b"old"), None),
            (None, Some("28P01")),
        ] {
            let error = Error::password_file("refused".into());
            assert!(refused.add(password, code, error).is_err());
        }
    }
}
