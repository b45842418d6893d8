//! The npm module connect-pg 1.1.5, unmodified, against a database that `correct_web()` made, as the runtime role.
//!
//! The tests are `tests/fixtures/npm/connect-pg.test.js`, and then the module's own specification. Node 18.15 or newer and npm are
//! needed; where they are not, this says so and passes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::skip::skip;
use crate::support::test_database::{TestDatabase, quoted, random};

/// The first version of node whose reports can be chosen.
const NODE: (u32, u32) = (18, 15);
/// After so long a program hangs.
const PATIENCE: Duration = Duration::from_mins(5);

#[test]
fn unmodified_npm_module_passes_its_tests() {
    if let Some(missing) = missing() {
        skip(&missing);
        return;
    }

    let place = Place::new();
    for file in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/npm")).unwrap()
    {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), place.0.join(file.file_name())).unwrap();
        }
    }
    run(Command::new("npm").arg("ci").current_dir(&place.0), &place);

    let database = TestDatabase::new();
    let time_mover = TimeMover::new(&database);
    let node = |arguments: &[&str]| {
        let mut command = Command::new("node");
        command.args(arguments).current_dir(&place.0);
        crate::support::tcp_login::set_environment(&mut command, &database);
        command
            .env("PGPASSWORD", &database.password)
            .env("OWNER_USER", &time_mover.role)
            .env("OWNER_PASSWORD", &time_mover.password);
        run(&mut command, &place)
    };

    let output = node(&["--test-reporter=tap", "connect-pg.test.js"]);
    assert!(
        output.contains("\n# fail 0\n") && output.contains("\n# skipped 0\n"),
        "{output}"
    );

    let output = node(&[
        "--require=./pg-connect.js",
        "node_modules/jasmine-node/bin/jasmine-node",
        "--noColor",
        "node_modules/connect-pg/spec",
    ]);
    assert!(
        output.contains("21 tests, 21 assertions, 0 failures, 0 skipped"),
        "the module's own specification:\n{output}"
    );
}

/// What is not on this machine, or too old.
fn missing() -> Option<String> {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        String::from_utf8(output.stdout)
            .ok()
            .filter(|_| output.status.success())
    };
    let Some(node) = version("node") else {
        return Some("there is no node on this machine".to_owned());
    };
    if version("npm").is_none() {
        return Some("there is no npm on this machine".to_owned());
    }
    let mut numbers = node
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (found < NODE).then(|| {
        format!(
            "node is {}, and {}.{} is needed",
            node.trim(),
            NODE.0,
            NODE.1
        )
    })
}

/// Runs a program to its end, and returns what it printed. Fails the test, showing that, if the program fails or hangs.
fn run(command: &mut Command, place: &Place) -> String {
    let path = place.0.join("output");
    let file = File::create(&path).unwrap();
    let mut child = command
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let start = Instant::now();
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let output = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    match ended {
        Some(status) if status.success() => output,
        Some(status) => panic!("{command:?}: {status}\n{output}"),
        None => panic!("{command:?} hangs\n{output}"),
    }
}

/// A directory below cargo's, with the modules in it; it goes when this is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("npm-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A role that may do to the table what its owner may, for the tests to move time.
struct TimeMover<'a> {
    database: &'a TestDatabase,
    role: String,
    password: String,
}

impl<'a> TimeMover<'a> {
    fn new(database: &'a TestDatabase) -> TimeMover<'a> {
        let role = format!("{}_time", database.role);
        let password = random();
        let create = format!(
            "create role {} login password '{password}' in role {}",
            quoted(&role),
            quoted(&format!("{}_owner", database.role))
        );
        database.superuser().batch_execute(&create).unwrap();
        TimeMover {
            database,
            role,
            password,
        }
    }
}

impl Drop for TimeMover<'_> {
    fn drop(&mut self) {
        let drop_role = format!("drop role {}", quoted(&self.role));
        if let Err(error) = self.database.superuser().batch_execute(&drop_role) {
            eprintln!("left behind by a test: {drop_role}: {error:?}");
        }
    }
}
