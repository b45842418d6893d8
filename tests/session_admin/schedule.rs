//! `session-admin install --schedule`: `pg_cron` prunes. Servers of their own, because a server loads `pg_cron` when it starts.

use std::fs;
use std::time::Duration;

use crate::support::fresh_server::FreshServer;
use crate::support::server::value;
use crate::support::session_admin::{Run, bare_command, end, run, start};
use crate::support::skip::skip;
use crate::support::wait::wait_until_within;
use postgres::Client;

const DATABASE: &str = "shop";
/// `pg_cron` starts a job at the beginning of a minute.
const MINUTES: Duration = Duration::from_secs(600);

/// A server with `pg_cron`, the database of the store, and the database of the jobs.
struct Server {
    fresh: FreshServer,
    settings: Vec<String>,
    jobs: String,
}

impl Server {
    /// Starts one whose jobs are in this database. Reports a skip and returns None if there is no `pg_cron` for this version.
    fn new(jobs: &str) -> Option<Self> {
        let made = FreshServer::new(&[]).and_then(|mut server| {
            let sql = "select exists (select from pg_available_extensions where name = 'pg_cron')";
            if !value::<bool>(&mut server.connect("postgres"), sql) {
                return Err("this PostgreSQL has no pg_cron".to_owned());
            }
            Ok(server)
        });
        let fresh = made.inspect_err(|reason| skip(reason)).ok()?;
        let mut server = Self {
            fresh,
            settings: vec![
                "shared_preload_libraries=pg_cron".into(),
                format!("cron.database_name={jobs}"),
            ],
            jobs: jobs.into(),
        };
        server
            .connect("postgres")
            .batch_execute(&format!("create database {DATABASE}"))
            .unwrap();
        server.set("cron.use_background_workers=on");
        server
            .connect(jobs)
            .batch_execute("create extension pg_cron")
            .unwrap();
        Some(server)
    }

    /// Starts the server anew with another setting besides.
    fn set(&mut self, setting: &str) {
        self.settings.push(setting.into());
        self.restart();
    }

    fn restart(&mut self) {
        self.fresh.stop();
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        self.fresh.start(&settings).unwrap();
    }

    fn connect(&mut self, database: &str) -> Client {
        self.fresh.connect(database)
    }

    /// Connects to the database of the jobs.
    fn jobs(&mut self) -> Client {
        let jobs = self.jobs.clone();
        self.connect(&jobs)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.fresh.session_admin(DATABASE, arguments)
    }

    /// Runs the program as another role, which needs no password.
    fn run_as(&self, user: &str, arguments: &[&str]) -> Run {
        let mut command = bare_command(arguments);
        self.fresh.set_login(&mut command, DATABASE);
        command.env("PGUSER", user);
        run(command)
    }

    /// Returns the jobs as text, without their numbers and commands.
    fn job_list(&mut self) -> Vec<String> {
        let rows = self.jobs().query(
            "select concat_ws(' | ', jobname, schedule, database, username, active) from cron.job order by 1",
            &[],
        );
        rows.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Returns the words of the findings and of the notes about the job.
    fn findings(&self, status: i32) -> Vec<String> {
        let report = self
            .run(&["check", "--format", "json"])
            .expect(status)
            .json();
        ["findings", "notes"]
            .iter()
            .flat_map(|list| report[list].as_array().unwrap())
            .map(|finding| finding["finding"].as_str().unwrap().to_owned())
            .filter(|word| {
                word.starts_with("prune_job") || word.ends_with("job") || word.contains("schedule")
            })
            .collect()
    }

    /// Lets these roles in without a password. The directory of the socket is private.
    fn trust(&mut self, roles: &str) {
        fs::write(
            self.fresh.data().join("pg_hba.conf"),
            format!("local all {roles} trust\nlocal all all scram-sha-256\n"),
        )
        .unwrap();
        self.connect("postgres")
            .execute("select pg_reload_conf()", &[])
            .unwrap();
    }

    /// Waits until the job has ended with this status.
    fn wait_for_run(&mut self, status: &str) {
        let mut client = self.jobs();
        wait_until_within("the job has run", MINUTES, || {
            let sql = format!(
                "select exists (select from cron.job_run_details where status = '{status}')"
            );
            value::<bool>(&mut client, &sql)
        });
    }
}

/// Makes sessions that are due, and that a prune reschedules, because they were used since. So each of them shows by which transaction.
fn make_due_sessions(client: &mut Client, count: i64) {
    client
        .batch_execute(&format!(
            "select web.create_session(sha256(convert_to('s ' || n, 'UTF8')), '{{}}') from generate_series(1, {count}) as n;
             update web.session set prune_after = now() - interval '1 hour'"
        ))
        .unwrap();
}

/// Does what an administrator or an accident may do. Check finds it, and an install without the option repairs it.
fn assert_each_harm_is_found_and_repaired(server: &mut Server) {
    let job = "connect-pg prune shop.web | * * * * * | shop | nodepg | t";
    for (harm, finding) in [
        ("update cron.job set active = false", "prune_job_differs"),
        (
            "update cron.job set schedule = '0 0 1 1 *'",
            "prune_job_differs",
        ),
        (
            "update cron.job set command = 'select 1'",
            "prune_job_differs",
        ),
        (
            "update cron.job set database = 'postgres'",
            "prune_job_differs",
        ),
        (
            "update cron.job set username = 'postgres'",
            "prune_job_differs",
        ),
        (
            "select cron.unschedule(jobid) from cron.job",
            "prune_job_missing",
        ),
    ] {
        server.jobs().batch_execute(harm).unwrap();
        let found: Vec<_> = server.findings(1);
        assert_eq!(found[0], finding, "{harm}");
        server
            .run(&["install"])
            .expect(0)
            .says(&["job connect-pg prune shop.web"]);
        assert_eq!(server.job_list(), [job]);
        // The new job has a number of its own, and no run yet, unless a minute has begun.
        let found = server.findings(0);
        assert!(
            found.is_empty() || found == ["prune_job_has_not_run"],
            "{found:?}"
        );
    }
}

#[test]
fn scheduled_job_prunes_in_batches_and_check_verifies_it() {
    let Some(mut server) = Server::new("postgres") else {
        return;
    };
    server
        .run(&["install", "--dry-run", "--schedule", "* * * * *"])
        .expect(0)
        .says(&["would be created job connect-pg prune shop.web"]);
    assert_eq!(server.job_list(), [""; 0]);
    server
        .run(&["install", "--schedule", "* * * * *"])
        .expect(0)
        .says(&["created job connect-pg prune shop.web"]);
    server.run(&["rotate-password"]).expect(0);
    assert_eq!(
        server.job_list(),
        ["connect-pg prune shop.web | * * * * * | shop | nodepg | t"]
    );
    let mut store = server.connect(DATABASE);
    make_due_sessions(&mut store, 2500);
    let wait = |store: &mut Client, server: &mut Server| {
        server.wait_for_run("succeeded");
        wait_until_within("the sessions are pruned", MINUTES, || {
            let sql = "select count(*) from web.session where prune_after <= now()";
            value::<i64>(store, sql) == 0
        });
    };
    wait(&mut store, &mut server);
    let batches: i64 = value(
        &mut store,
        "select count(distinct xmin::text) from web.session",
    );
    assert_eq!(batches, 3);
    assert_eq!(server.findings(0), [""; 0]);
    server
        .run(&["install"])
        .expect(0)
        .says(&["Already up to date"]);

    assert_each_harm_is_found_and_repaired(&mut server);
    // This job does not run before the test has ended.
    server
        .run(&["install", "--schedule", "0 0 29 2 *"])
        .expect(0)
        .says(&["changed job connect-pg prune shop.web: schedule was * * * * *, is 0 0 29 2 *"]);
    server
        .jobs()
        .batch_execute(
            "insert into cron.job_run_details (jobid, database, username, command, status, return_message, start_time)
             select jobid, 'shop', 'nodepg', 'x', 'failed', E'ERROR: canceled\\n', now() from cron.job",
        )
        .unwrap();
    server.run(&["check"]).expect(1).says(&[
        "warning the last run of the job \"connect-pg prune shop.web\" failed at ",
        ": ERROR: canceled (hint: ",
    ]);
    assert_eq!(server.findings(1), ["prune_job_failed"]);

    server
        .run(&["install", "--no-schedule"])
        .expect(0)
        .says(&["removed job connect-pg prune shop.web"]);
    assert_eq!(server.job_list(), [""; 0]);
    assert_eq!(server.findings(0), [""; 0]);
    server
        .run(&["install", "--no-schedule"])
        .expect(0)
        .says(&["Already up to date"]);
}

#[test]
fn job_that_may_not_log_in_fails_and_check_says_so() {
    let Some(mut server) = Server::new(DATABASE) else {
        return;
    };
    // The default of pg_cron: it connects as a client does, and the role needs a password.
    let directory = server.fresh.directory.display().to_string();
    server.set("cron.use_background_workers=off");
    server.set(&format!("cron.host={directory}"));
    server
        .run(&["install", "--schedule", "* * * * *"])
        .expect(0);
    server.run(&["rotate-password"]).expect(0);
    let mut store = server.connect(DATABASE);
    make_due_sessions(&mut store, 1500);
    server.wait_for_run("failed");
    server.run(&["check"]).expect(1).says(&[
        "warning the last run of the job",
        "cron.use_background_workers = on",
    ]);
    assert_eq!(server.findings(1), ["prune_job_failed"]);
    server.trust("all");
    server.wait_for_run("succeeded");
    wait_until_within("the sessions are pruned", MINUTES, || {
        let sql = "select count(*) from web.session where prune_after <= now()";
        value::<i64>(&mut store, sql) == 0
    });
}

#[test]
fn job_of_another_origin_and_the_right_to_make_jobs_are_warnings() {
    let Some(mut server) = Server::new(DATABASE) else {
        return;
    };
    server.run(&["install", "--schedule"]).expect(0);
    server.run(&["rotate-password"]).expect(0);
    assert_eq!(
        server.job_list(),
        ["connect-pg prune shop.web | */5 * * * * | shop | nodepg | t"]
    );
    server
        .jobs()
        .batch_execute("grant usage on schema cron to nodepg")
        .unwrap();
    let found = server.findings(1);
    assert!(
        found.contains(&"runtime_role_may_schedule".to_owned()),
        "{found:?}"
    );
    // What a holder of the password can leave behind.
    server
        .jobs()
        .batch_execute(
            "set role nodepg; select cron.schedule('connect-pg prune x', '* * * * *', 'select web.clear_sessions()'); reset role;
             revoke usage on schema cron from nodepg",
        )
        .unwrap();
    let found = server.findings(1);
    assert!(found.contains(&"foreign_job".to_owned()), "{found:?}");
    assert!(
        !found.contains(&"runtime_role_may_schedule".to_owned()),
        "{found:?}"
    );
    server
        .run(&["check"])
        .expect(1)
        .says(&["select cron.unschedule("]);
}

#[test]
fn uninstall_removes_the_job_and_a_failed_one_keeps_it() {
    let Some(mut server) = Server::new("postgres") else {
        return;
    };
    server
        .run(&["install", "--schedule", "7 * * * *"])
        .expect(0);
    let mut store = server.connect(DATABASE);
    store
        .batch_execute("create view public.all_sessions as select key from web.session")
        .unwrap();
    let job = ["connect-pg prune shop.web | 7 * * * * | shop | nodepg | t"];
    server
        .run(&["uninstall"])
        .expect(1)
        .says(&["would be removed job connect-pg prune shop.web"]);
    assert_eq!(server.job_list(), job);
    server.run(&["uninstall", "--yes"]).expect(2);
    assert_eq!(server.job_list(), job);
    store
        .batch_execute("drop view public.all_sessions")
        .unwrap();
    server
        .run(&["uninstall", "--yes", "--drop-roles"])
        .expect(0)
        .says(&[
            "removed job connect-pg prune shop.web",
            "removed role nodepg",
        ]);
    assert_eq!(server.job_list(), [""; 0]);
}

#[test]
fn missing_pg_cron_is_an_error_with_its_remedy() {
    let Some(mut server) = Server::new("postgres") else {
        return;
    };
    // A schedule that pg_cron does not accept.
    let text = "every day";
    server
        .run(&["install", "--schedule", text])
        .expect(2)
        .says(&[
            "pg_cron does not accept the schedule",
            "--schedule '*/5 * * * *'",
        ]);
    server
        .run(&["install", "--schedule", "0'; drop"])
        .expect(2)
        .says(&["Hint: "]);
    server.run(&["check"]).expect(1).says(&["not installed"]);

    server.run(&["install", "--schedule"]).expect(0);
    server.run(&["rotate-password"]).expect(0);
    server
        .jobs()
        .batch_execute("drop extension pg_cron")
        .unwrap();
    let create = "psql --dbname=postgres --command='create extension pg_cron'";
    server
        .run(&["install", "--schedule"])
        .expect(2)
        .says(&[create]);
    server.run(&["check"]).expect(1).says(&[create]);
    assert_eq!(server.findings(1), ["prune_job_unusable"]);
    // An install without the option does not fail: requests do not depend on the job.
    server
        .run(&["install"])
        .expect(0)
        .says(&["was not looked at", create]);

    server.settings = Vec::new();
    server.restart();
    for arguments in [&["install", "--schedule"][..], &["check"]] {
        server.run(arguments).says(&[
            "pg_cron is not loaded",
            "shared_preload_libraries = 'pg_cron'",
        ]);
    }
    server.run(&["install", "--no-schedule"]).expect(0);
    assert_eq!(server.findings(0), [""; 0]);
}

/// Makes a role as managed services give it, which owns the database of the store.
fn installer(server: &mut Server) {
    server.trust("postgres,dba");
    server
        .connect("postgres")
        .batch_execute(&format!(
            "create role dba login createrole; alter database {DATABASE} owner to dba"
        ))
        .unwrap();
}

#[test]
fn installer_without_superuser_rights_makes_the_job_as_runtime_role() {
    for jobs in [DATABASE, "postgres"] {
        let Some(mut server) = Server::new(jobs) else {
            return;
        };
        installer(&mut server);
        // It may not see cron.database_name.
        if jobs != DATABASE {
            server
                .run_as("dba", &["install", "--schedule"])
                .expect(2)
                .says(&["cron.database_name", "grant pg_read_all_settings to"]);
            server
                .connect("postgres")
                .batch_execute("grant pg_read_all_settings to dba")
                .unwrap();
        }
        server
            .run_as("dba", &["install", "--schedule"])
            .expect(2)
            .says(&[
                "the store itself is not affected",
                "permission denied for schema cron",
                "grant usage on schema cron to USER with grant option",
            ]);
        // What was made of the store stays, and the next install makes the job.
        let rights = "grant usage on schema cron to dba with grant option;
             grant execute on function cron.schedule_in_database(text, text, text, text, text, boolean) to dba with grant option";
        server.jobs().batch_execute(rights).unwrap();
        server
            .run_as("dba", &["install"])
            .expect(0)
            .says(&["created job connect-pg prune shop.web"]);
        assert_eq!(
            server.job_list(),
            ["connect-pg prune shop.web | */5 * * * * | shop | nodepg | t"]
        );
        server
            .run_as("dba", &["install"])
            .expect(0)
            .says(&["Already up to date"]);
        // Nothing of what the install took is left.
        let sql = "select has_schema_privilege('nodepg', 'cron', 'usage')
                or has_function_privilege('nodepg', 'cron.schedule_in_database(text, text, text, text, text, boolean)', 'execute')
                or pg_has_role('dba', 'nodepg', 'member')";
        assert!(!value::<bool>(&mut server.jobs(), sql));
        server
            .run_as("dba", &["check"])
            .says(&["note this user cannot see whether pg_cron prunes this store"])
            .hides("prune_job");
        server.run(&["rotate-password"]).expect(0);
        let found = server.findings(0);
        assert_eq!(found, ["prune_job_has_not_run"]);
        server
            .run_as("dba", &["uninstall", "--yes", "--drop-roles"])
            .expect(0)
            .says(&["removed job connect-pg prune shop.web"]);
        assert_eq!(server.job_list(), [""; 0]);
    }
}

#[test]
fn stores_of_one_role_in_two_databases_have_a_job_each() {
    let Some(mut server) = Server::new("postgres") else {
        return;
    };
    server
        .connect("postgres")
        .batch_execute("create database other")
        .unwrap();
    server.run(&["install", "--schedule"]).expect(0);
    server.run(&["rotate-password"]).expect(0);
    server
        .fresh
        .session_admin("other", &["install", "--schedule", "1 2 * * *"])
        .expect(0);
    assert_eq!(
        server.job_list(),
        [
            "connect-pg prune other.web | 1 2 * * * | other | nodepg | t",
            "connect-pg prune shop.web | */5 * * * * | shop | nodepg | t",
        ]
    );
    // Neither is foreign to the other.
    assert!(!server.findings(0).contains(&"foreign_job".to_owned()));
    server.fresh.session_admin("other", &["check"]).expect(0);
}

#[test]
fn installs_at_the_same_time_leave_one_job() {
    let Some(mut server) = Server::new("postgres") else {
        return;
    };
    server.run(&["install", "--schedule"]).expect(0);
    for round in 0..3 {
        let installs: Vec<_> = (0..3)
            .map(|minute| {
                let schedule = format!("{} * * * *", 10 * round + minute);
                let mut command = bare_command(&["install", "--schedule", &schedule]);
                server.fresh.set_login(&mut command, DATABASE);
                start(command)
            })
            .collect();
        for install in installs {
            end(install).expect(0);
        }
        assert_eq!(server.job_list().len(), 1);
    }
}
