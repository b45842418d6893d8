//! The npm module connect-pg 1.1.5, unmodified, as the runtime role of a database that `correct_web()` installed.
//!
//! The tests are `tests/fixtures/npm/connect-pg.test.js` and the module's own specification. Without npm, and Node 18.15 or newer,
//! they are skipped.

use std::process::Command;

use crate::support::environment::set_tcp_login;
use crate::support::node::Modules;
use crate::support::server::{quoted, random};
use crate::support::skip::skip;
use crate::support::test_database::TestDatabase;

/// The first version of Node that can choose its test report.
const NODE: (u32, u32) = (18, 15);

#[test]
fn unmodified_npm_module_passes_its_tests() {
    let modules = match Modules::install("npm", NODE) {
        Ok(modules) => modules,
        Err(missing) => {
            skip(&missing);
            return;
        }
    };

    let database = TestDatabase::new();
    let time_mover = TimeMover::new(&database);
    let node = |arguments: &[&str]| {
        let mut command = Command::new("node");
        command.args(arguments);
        set_tcp_login(&mut command, &database.name, &database.role);
        command
            .env("PGPASSWORD", &database.password)
            .env("OWNER_USER", &time_mover.role)
            .env("OWNER_PASSWORD", &time_mover.password);
        modules.run(&mut command, "")
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

/// A role with the privileges of the owner role, by which the tests move time.
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
