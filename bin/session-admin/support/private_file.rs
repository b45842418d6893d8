//! A file that only its owner can read, and that appears under its name only when it is complete.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::support::cli_error::CliError;

/// A file of mode 0600 with a temporary name beside its final one. Dropping it removes it, unless it was put in place.
pub(crate) struct PrivateFile {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    /// The file that it replaces.
    present: Option<Metadata>,
    is_in_place: bool,
}

impl PrivateFile {
    /// Creates an empty file beside `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        // A symbolic link stays; the file that it leads to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let present = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_file() => Some(metadata),
            Ok(_) => return Err(FileError(format!("{} is not a plain file", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(FileError(format!(
                    "cannot inspect {}: {error}",
                    path.display()
                )));
            }
        };
        let Some(name) = target.file_name() else {
            return Err(FileError(format!(
                "{} is not the name of a file",
                path.display()
            )));
        };
        let random = getrandom::u64().map_err(|error| {
            FileError(format!(
                "the operating system has no random numbers: {error}"
            ))
        })?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{random:016x}"));
        let temporary = target.with_file_name(hidden);
        let file = open_private(&temporary).map_err(|error| {
            FileError(format!("cannot write beside {}: {error}", path.display()))
        })?;
        let this = Self {
            file: BufWriter::new(file),
            temporary,
            path: target,
            present,
            is_in_place: false,
        };
        // The umask may have taken rights of the owner away.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            this.file
                .get_ref()
                .set_permissions(fs::Permissions::from_mode(0o600))
                .map_err(|error| this.cannot_write(&error))?;
        }
        Ok(this)
    }

    /// Gives the file the owner and group of the file that it replaces, and the group's right to read it, so that the application
    /// that reads the old one can read it.
    pub(crate) fn take_over_owner(&self) -> Result<(), FileError> {
        #[cfg(unix)]
        if let Some(present) = &self.present {
            use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
            let file = self.file.get_ref();
            let result = file.metadata().and_then(|own| {
                if (present.uid(), present.gid()) == (own.uid(), own.gid()) {
                    Ok(())
                } else {
                    fchown(file, Some(present.uid()), Some(present.gid()))
                }
            });
            result.map_err(|error| self.cannot_write(&error))?;
            // The group may be how the application reads it. Others never may.
            if present.mode() & 0o047 == 0o040 {
                file.set_permissions(fs::Permissions::from_mode(0o640))
                    .map_err(|error| self.cannot_write(&error))?;
            }
        }
        Ok(())
    }

    /// Forces the content to disk.
    pub(crate) fn sync(&mut self) -> Result<(), FileError> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|error| self.cannot_write(&error))
    }

    /// Gives the file its final name.
    pub(crate) fn put_in_place(&mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)?;
        self.is_in_place = true;
        // The name survives a crash as well, where the file system can sync a directory.
        if let Some(directory) = self.path.parent().and_then(|path| File::open(path).ok()) {
            let _ = directory.sync_all();
        }
        Ok(())
    }

    /// Locks the file for as long as this value lives. Some file systems have no locks.
    pub(crate) fn lock(&self) {
        // No other program knows the file yet, so there is nothing to wait for.
        let _ = self.file.get_ref().try_lock();
    }

    /// Describes a failed write.
    pub(crate) fn cannot_write(&self, error: &io::Error) -> FileError {
        FileError(format!(
            "cannot write beside {}: {error}",
            self.path.display()
        ))
    }
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        if !self.is_in_place {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// A file that could not be written. The one that it was to replace is unchanged.
pub(crate) struct FileError(String);

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        Self::new(
            format!("{error}; nothing was changed"),
            "name another file with --output, or run this as a user who may write there",
        )
    }
}
