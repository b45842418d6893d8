//! A store that was installed without superuser rights, as on a managed service: by a role with CREATEROLE that owns the database.

use crate::support::server::{quoted, value};
use crate::support::session_admin::{
    Database, INSTALLER_PASSWORD, Run, installer_login, run_with_input,
};

/// A database with a store, and the role that owns the database and has installed the store.
struct Installed {
    database: Database,
    installer: String,
}

impl Installed {
    fn new() -> Self {
        let mut database = Database::new();
        let installer = database.installer();
        let store = Self {
            database,
            installer,
        };
        store.run(&["install"]).expect(0);
        store
    }

    /// Runs the program as the installer.
    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, "")
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.database.command(arguments);
        command.envs(installer_login(&self.installer));
        run_with_input(command, input.as_bytes())
    }

    /// Executes SQL as the installer.
    fn execute(&self, sql: &str) {
        self.database
            .login(&self.installer, INSTALLER_PASSWORD)
            .unwrap()
            .batch_execute(sql)
            .unwrap();
    }
}

#[test]
fn superuser_checks_store_of_installer() {
    let installed = Installed::new();
    let database = &installed.database;
    database.run(&["rotate-password"]).expect(0);
    database
        .run(&["check"])
        .expect(0)
        .says(&["ok the store matches release"]);
    installed.execute("drop function public.correct_web()");
    database
        .run(&["check"])
        .expect(1)
        .says(&["drift routine public.correct_web() is missing"]);
    installed.run(&["install"]).expect(0);

    // An install executes the routine, so it does not trust this role, and neither does a dry run.
    let belongs = format!("belongs to {}", installed.installer);
    let connect_as = format!("connect as {}", installed.installer);
    for command in [&["install"][..], &["install", "--dry-run"]] {
        database
            .run(command)
            .expect(2)
            .says(&[&belongs, &connect_as]);
    }
}

#[test]
fn check_by_superuser_runs_nothing_of_installer() {
    let installed = Installed::new();
    installed.execute(&format!(
        "create type public.trap as enum ('x');
         create function public.spring(public.trap) returns pg_catalog.text language plpgsql as $$ begin
             execute 'alter role {} superuser';
             return 'x';
         end $$;
         create cast (public.trap as pg_catalog.text) with function public.spring(public.trap);
         drop table public.correct_web_history;
         create table public.correct_web_history (version int4, name public.trap, applied_on varchar, checksum varchar);
         insert into public.correct_web_history values (1, 'x', 'x', 'x')",
        installed.installer
    ));
    let database = &installed.database;
    database
        .run(&["check"])
        .expect(2)
        .says(&["is not the plain table that connect-pg creates"]);
    let mut superuser = database.superuser();
    let is_superuser: bool = value(
        &mut superuser,
        &format!(
            "select rolsuper from pg_roles where rolname = '{}'",
            installed.installer
        ),
    );
    assert!(!is_superuser);

    // Nor does it trust another role than the owner of the database.
    superuser
        .batch_execute(&format!(
            "alter database {} owner to current_user",
            database.name
        ))
        .unwrap();
    database
        .run(&["check"])
        .expect(2)
        .says(&[&format!("belongs to {}", installed.installer)]);
}

#[test]
fn installer_learns_how_to_become_member_of_owner_role() {
    let installed = Installed::new();
    let mut superuser = installed.database.superuser();
    superuser
        .batch_execute("select web.set_session_data('a', '{}', null)")
        .unwrap();
    let exported = installed.database.run(&["export"]).expect(0).out;
    let commands: [(&[&str], i32); 9] = [
        (&["status"], 0),
        (&["prune"], 0),
        (&["configure"], 0),
        (&["configure", "idle_timeout_seconds=3600"], 0),
        (&["users", "ada"], 1),
        (&["end", "--user", "ada"], 1),
        (&["end", "--all", "--yes"], 0),
        (&["export"], 0),
        (&["import", "--from", "jsonl"], 0),
    ];
    let grant = format!(
        "grant {} to current_user",
        quoted(&format!("{}_owner", installed.database.role))
    );
    for (command, _) in commands {
        installed
            .run_with_input(command, &exported)
            .expect(2)
            .says(&[&grant]);
        // The help says the same. It is wrapped to the width of the terminal.
        let help = installed.run(&[command[0], "--help"]).expect(0).out;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            help.contains("grant nodepg_owner to current_user"),
            "{help}"
        );
    }
    installed.execute(&grant);
    for (command, code) in commands {
        installed.run_with_input(command, &exported).expect(code);
    }
    installed
        .run(&["install"])
        .expect(0)
        .says(&["Already up to date"]);
}
