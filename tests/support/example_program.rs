//! The program of an example.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the program that `cargo test` or `cargo nextest run` built of an example. With `--test …` they do not build it. So it is
/// built here if it is missing, or older than one of its sources in the list that cargo keeps. `options` name its features.
pub fn example(name: &str, options: &[&str]) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(name);
    if !is_current(&program) {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--example", name, "--target-dir"])
            .arg(profile.parent().unwrap())
            .args(options)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{build:?}");
    }
    program
}

fn is_current(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let Some(built) = modified(program) else {
        return false;
    };
    fs::read_to_string(program.with_extension("d")).is_ok_and(|list| {
        list.split_whitespace()
            .skip(1) // the program itself
            .filter_map(|source| modified(Path::new(source)))
            .all(|changed| changed <= built)
    })
}
