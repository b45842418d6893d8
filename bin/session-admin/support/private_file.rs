//! A file that nobody else may read, complete or not there at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::support::failure::Failure;

/// A file of mode 0600 that takes its name once it is complete. Removed unless it is put in place.
pub(crate) struct PrivateFile {
    file: BufWriter<File>,
    waiting: PathBuf,
    target: PathBuf,
    placed: bool,
}

impl PrivateFile {
    /// Makes an empty one beside what it is to become.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        // A link keeps pointing at the file; the file is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&target) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(cannot(format!("{} is not a plain file", path.display())));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(cannot(format!(
                    "cannot look at {}: {error}",
                    path.display()
                )));
            }
            _ => {}
        }
        let Some(name) = target.file_name() else {
            return Err(cannot(format!("{} names no file", path.display())));
        };
        let random = getrandom::u64().map_err(|error| {
            cannot(format!(
                "the operating system gives no random numbers: {error}"
            ))
        })?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{random:016x}"));
        let waiting = target.with_file_name(hidden);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options
            .open(&waiting)
            .map_err(|error| cannot(format!("cannot write beside {}: {error}", path.display())))?;
        Ok(Self {
            file: BufWriter::new(file),
            waiting,
            target,
            placed: false,
        })
    }

    /// Complete: forced to disk, then given its name.
    pub(crate) fn put_in_place(mut self) -> Result<(), Failure> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.waiting, &self.target))
            .map_err(|error| cannot(format!("cannot write {}: {error}", self.target.display())))?;
        self.placed = true;
        // The name, too, is to survive a crash; not every file system can do that.
        if let Some(directory) = self
            .target
            .parent()
            .and_then(|directory| File::open(directory).ok())
        {
            let _ = directory.sync_all();
        }
        Ok(())
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
        if !self.placed {
            let _ = fs::remove_file(&self.waiting);
        }
    }
}

fn cannot(what: String) -> Failure {
    Failure::new(
        what,
        "name another file with --output, or run this as a user who may write there",
    )
}
