//! `--output`: the password file, which has the password in force at every moment of the rotation.
//!
//! 1. Before the commit the file gets the new password as a further line. The client tries each line.
//! 2. The server takes the new password.
//! 3. The file keeps the new password alone.
//!
//! A crash in between leaves both, and the next rotation replaces them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cli_error::CliError;
use crate::support::private_file::{FileError, PrivateFile};

/// The most lines that the client reads, as in `src/settings/password_file.rs`.
const MAX_LINES: usize = 8;

/// How long to wait for another rotation to replace the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The file of `--output`.
pub(super) struct OutputFile<'a> {
    path: &'a Path,
    /// What the file was before. None until the new password is in it.
    before: Option<Before>,
}

struct Before {
    /// None if there was no file.
    content: Option<Vec<u8>>,
    passwords: Vec<String>,
    /// Locks the file of before, and the one that has replaced it.
    _locks: (Option<File>, PrivateFile),
}

impl<'a> OutputFile<'a> {
    /// Checks that the file can be written.
    pub(super) fn new(path: &'a Path) -> Result<Self, CliError> {
        PrivateFile::create(path)?.take_over_owner()?;
        Ok(Self { path, before: None })
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// Adds the new password to the file, after those that it has. Call it while the role is locked, so that rotations of one role
    /// do this one after another.
    pub(super) fn add(&mut self, password: &str) -> Result<(), CliError> {
        let lock = self.lock()?;
        let content = match fs::read(self.path) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.cannot_read(&error)),
        };
        let passwords: Vec<String> = content
            .as_deref()
            .and_then(|content| std::str::from_utf8(content).ok())
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.is_empty() && *line != password)
            .map(ToOwned::to_owned)
            .collect();
        if passwords.len() >= MAX_LINES {
            return Err(CliError::new(
                format!(
                    "{} has {} passwords, of rotations that did not finish; nothing was changed",
                    self.path.display(),
                    passwords.len()
                ),
                "remove the lines that the server refuses, then run it again",
            ));
        }
        let lines = passwords.iter().map(String::as_str).chain([password]);
        let file = self.replace(lines)?;
        self.before = Some(Before {
            content,
            passwords,
            _locks: (lock, file),
        });
        Ok(())
    }

    /// Leaves the new password alone in the file.
    pub(super) fn settle(&mut self, password: &str) -> Result<(), CliError> {
        let Some(before) = self.before.take() else {
            return Ok(());
        };
        if before.passwords.is_empty() {
            return Ok(());
        }
        self.replace([password].into_iter())
            .map(drop)
            .map_err(|error| {
                let path = self.path.display();
                CliError::new(
                    format!(
                        "the role has the new password, and {path} has it in its last line, but the old one could not be \
                         removed: {error}"
                    ),
                    "the client tries each line, so nothing is interrupted; run it again when the file can be replaced",
                )
            })
    }

    /// Gives the file the content of before. A failure leaves a password that the server refuses, and does no harm.
    pub(super) fn restore(&mut self) {
        let Some(before) = self.before.take() else {
            return;
        };
        match &before.content {
            None => drop(fs::remove_file(self.path)),
            Some(content) => drop(self.write(content)),
        }
    }

    fn replace<'l>(&self, lines: impl Iterator<Item = &'l str>) -> Result<PrivateFile, FileError> {
        let content: String = lines.flat_map(|line| [line, "\n"]).collect();
        self.write(content.as_bytes())
    }

    /// Replaces the file as a whole: a reader gets the old content or the new one. The new file is locked.
    fn write(&self, content: &[u8]) -> Result<PrivateFile, FileError> {
        let mut file = PrivateFile::create(self.path)?;
        file.take_over_owner()?;
        file.write_all(content)
            .map_err(|error| file.cannot_write(&error))?;
        file.sync()?;
        file.lock();
        file.put_in_place()
            .map_err(|error| file.cannot_write(&error))?;
        Ok(file)
    }

    /// Locks the file against other rotations, until they have replaced it. Some file systems have no locks.
    fn lock(&self) -> Result<Option<File>, CliError> {
        let start = Instant::now();
        loop {
            let Ok(file) = File::open(self.path) else {
                return Ok(None);
            };
            match file.try_lock() {
                Ok(()) if is_still_at(&file, self.path) => return Ok(Some(file)),
                Err(TryLockError::Error(_)) => return Ok(None),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(20)),
            }
            if start.elapsed() > LOCK_PATIENCE {
                return Err(CliError::new(
                    format!(
                        "another program keeps {} locked; nothing was changed",
                        self.path.display()
                    ),
                    "wait until the other rotate-password has ended",
                ));
            }
        }
    }

    fn cannot_read(&self, error: &io::Error) -> CliError {
        CliError::new(
            format!(
                "cannot read {}: {error}; nothing was changed",
                self.path.display()
            ),
            "name another file with --output, or run this as a user who may read it",
        )
    }
}

/// Returns true if the path leads to this file. Otherwise it was replaced after it was opened.
fn is_still_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (file.metadata(), fs::metadata(path)) {
            (Ok(file), Ok(path)) => of(file) == of(path),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}
