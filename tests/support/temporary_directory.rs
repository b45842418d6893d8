//! A directory of one test.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::server::unique_name;

/// An empty directory. Dropping it removes it with its content.
pub struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Creates it in the directory for temporary files, whose path is short enough for a socket.
    pub fn new() -> TemporaryDirectory {
        TemporaryDirectory::create_in(&env::temp_dir())
    }

    /// Creates it in cargo's directory, for what is too large for a file system in memory.
    pub fn in_target() -> TemporaryDirectory {
        TemporaryDirectory::create_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    fn create_in(parent: &Path) -> TemporaryDirectory {
        let path = parent.join(unique_name());
        fs::create_dir(&path).unwrap();
        TemporaryDirectory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of a file in it, as text.
    #[cfg(feature = "admin")]
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Returns the names of all files in it, sorted.
    #[cfg(feature = "admin")]
    pub fn file_names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
