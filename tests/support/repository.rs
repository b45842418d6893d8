//! The files of this repository.

use std::fs;
use std::path::Path;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the text of a file.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the paths of all files with this extension below a folder, sorted, from the root of the repository on.
pub fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"))
    {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files.extend(self::files(&path, extension));
        } else if path.ends_with(&format!(".{extension}")) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Returns the name of a file without folder and extension.
pub fn stem(path: &str) -> &str {
    Path::new(path).file_stem().unwrap().to_str().unwrap()
}
