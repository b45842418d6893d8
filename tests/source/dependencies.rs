//! What the default build contains.

use std::env;
use std::process::Command;

use crate::support::repository::root;

/// Returns the names of the crates that the library needs with these options of cargo.
fn crates(options: &[&str]) -> Vec<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges=normal",
            "--prefix=none",
        ])
        .args(["--format={p}"])
        .args(options)
        .current_dir(root())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let name = |line: &str| line.split(' ').next().unwrap().to_owned();
    text.lines().map(name).collect()
}

#[test]
fn only_feature_tracing_needs_crate_tracing() {
    let has = |options: &[&str]| {
        let crates = crates(options);
        assert!(crates.contains(&"tokio-postgres".to_owned()), "{crates:?}");
        crates.contains(&"tracing".to_owned())
    };
    assert!(!has(&[]));
    assert!(!has(&["--features=tokio,admin"]));
    assert!(has(&["--features=tracing"]));
}
