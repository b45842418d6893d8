//! `bin/compose-sql --check` is the first step of `bin/test`. It finds an edited released file, whose checksum databases
//! store, a stale one, and sources that contradict themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::repository::root;
use crate::support::temporary_directory::TemporaryDirectory;

/// A copy of `sql/` and `bin/compose-sql` that a test may edit.
struct Copy(TemporaryDirectory);

impl Copy {
    fn new() -> Self {
        let directory = TemporaryDirectory::new();
        let source = root();
        fs::create_dir(directory.path().join("bin")).unwrap();
        fs::copy(
            source.join("bin/compose-sql"),
            directory.path().join("bin/compose-sql"),
        )
        .unwrap();
        copy_folder(&source.join("sql"), &directory.path().join("sql"));
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        Command::new(self.path("bin/compose-sql"))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn newest(&self) -> PathBuf {
        let mut files: Vec<_> = fs::read_dir(self.path("sql/released"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .collect();
        files.sort();
        files.pop().unwrap()
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let file = self.path(name);
        let content = fs::read_to_string(&file).unwrap();
        assert!(content.contains(from));
        fs::write(&file, content.replacen(from, to, 1)).unwrap();
    }

    fn fails_check(&self, reason: &str) {
        let output = self.compose(&["--check"]);
        assert!(!output.status.success());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(reason), "{message}");
    }

    fn append(path: &Path, text: &str) {
        let mut content = fs::read_to_string(path).unwrap();
        content.push_str(text);
        fs::write(path, content).unwrap();
    }

    /// Freezes the newest file unless it is frozen in the repository already.
    fn freeze(&self) {
        let output = self.compose(&["--freeze"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() || message.contains("is frozen already"),
            "{message}"
        );
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn repository_passes_check() {
    let output = Copy::new().compose(&["--check"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn edited_frozen_file_fails_check() {
    let copy = Copy::new();
    copy.freeze();
    assert!(copy.compose(&["--check"]).status.success());

    Copy::append(&copy.newest(), "-- one more line\n");
    copy.fails_check("a released file was edited");
}

#[test]
fn stale_file_fails_check() {
    let copy = Copy::new();
    Copy::append(&copy.path("sql/correct_web.sql"), "-- one more line\n");
    copy.fails_check("run bin/compose-sql");
}

#[test]
fn change_after_release_writes_new_file() {
    let copy = Copy::new();
    copy.freeze();
    let frozen = copy.newest();
    let before = fs::read_to_string(&frozen).unwrap();

    Copy::append(&copy.path("sql/correct_web.sql"), "-- one more line\n");
    assert!(copy.compose(&[]).status.success());
    assert_ne!(copy.newest(), frozen);
    assert_eq!(fs::read_to_string(&frozen).unwrap(), before);
    assert!(copy.compose(&["--check"]).status.success());
}

#[test]
fn schema_name_in_comment_or_string_fails_check() {
    for line in ["-- see web.session\n", "select 'web.session';\n"] {
        let copy = Copy::new();
        copy.replace(
            "sql/web/compat/count_sessions.sql",
            "begin\n",
            &format!("begin\n    {line}"),
        );
        copy.fails_check("never in a comment or a string");
    }
}

#[test]
fn function_in_folder_of_other_callers_fails_check() {
    let copy = Copy::new();
    fs::rename(
        copy.path("sql/web/internal/lock_user.sql"),
        copy.path("sql/web/api/lock_user.sql"),
    )
    .unwrap();
    copy.fails_check("sql/web/api/lock_user.sql: the comment must end \"API: public\"");

    let copy = Copy::new();
    copy.replace(
        "sql/web/internal/lock_user.sql",
        "API: private",
        "API: public",
    );
    copy.fails_check("sql/web/internal/lock_user.sql: the comment must end \"API: private\"");
}

#[test]
fn function_in_unknown_folder_fails_check() {
    let copy = Copy::new();
    fs::create_dir(copy.path("sql/web/helpers")).unwrap();
    fs::rename(
        copy.path("sql/web/internal/lock_user.sql"),
        copy.path("sql/web/helpers/lock_user.sql"),
    )
    .unwrap();
    copy.fails_check("functions stand in sql/web/api, compat, admin or internal");
}

#[test]
fn file_not_named_after_its_function_fails_check() {
    let copy = Copy::new();
    fs::rename(
        copy.path("sql/web/internal/lock_user.sql"),
        copy.path("sql/web/internal/user_lock.sql"),
    )
    .unwrap();
    copy.fails_check("a file is named after its function");
}

#[test]
fn missing_included_file_fails_check() {
    let copy = Copy::new();
    fs::remove_file(copy.path("sql/install/types.sql")).unwrap();
    copy.fails_check("sql/install/types.sql: cannot be read");
}
