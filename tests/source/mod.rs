//! The source tree itself: the layers of `src/`, and the names of files.

mod dependencies;
mod function_names;
mod layers;
mod rust_imports;
