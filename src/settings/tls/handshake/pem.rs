//! The files of certificates, keys and lists.

use std::path::Path;

use rustls::pki_types::pem::PemObject;

/// Returns all items of one kind in a file, of which there must be one. No error shows its content.
pub(super) fn read<T: PemObject>(path: &Path, setting: &str, kind: &str) -> Result<Vec<T>, String> {
    let bytes = std::fs::read(path).map_err(|error| {
        format!(
            "the file {} ({setting}) cannot be read: {error}",
            path.display()
        )
    })?;
    let items: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    match items {
        Ok(items) if !items.is_empty() => Ok(items),
        _ => Err(format!(
            "the file {} ({setting}) is not in PEM form, or has no {kind}",
            path.display()
        )),
    }
}
