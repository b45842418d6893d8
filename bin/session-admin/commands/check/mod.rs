//! `session-admin check`

mod connection_limit;
mod durability;
mod exposure;
mod findings;
mod hba;
mod members;
mod password;
mod prune_job;
mod public;
mod report;
mod settings;
mod tables;

use connect_pg::install;
use postgres::Client;

use self::connection_limit::check_connection_limit;
use self::durability::check_durability;
use self::exposure::{check_functions, check_publications, check_views};
use self::findings::{EnvironmentReport, Finding};
use self::hba::check_hba;
use self::members::check_members;
use self::password::check_password;
use self::prune_job::check_prune_job;
use self::public::check_public;
use self::settings::check_settings;
use self::tables::check_tables;
use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;
use crate::support::text::counted;

const HELP: &str = "\
Prints a line \"drift\" for each difference from what install creates, and a line \"warning\" for each weakness around it. \
Exit status 1 if there is any of them. Notes are for you to judge and do not count. Nothing is changed.

Warnings, by their words in JSON:
  role_has_no_password, role_has_default_password, pg_hba_trusts_role   how the runtime role logs in
  dangerous_role_setting      a setting of the runtime or owner role that install does not make and no operator needs,
                              or a timeout below 100 ms
  dangerous_database_setting  a setting of all roles in the database that exposes data or makes calls fail
  member_of_runtime_role      another role can act as the runtime role
  role_connection_limit_low, database_connection_limit_low   fewer than 5 connections
  published                   a publication contains a table of the store
  replica_identity_changed    an option of a table
  view_granted                other roles can read a view on the tables of the store
  foreign_definer_function    a function that is not the store's runs with its owner's rights for other roles
  prune_job_unusable, prune_job_missing, prune_job_differs, prune_job_failed   the job of install --schedule
  foreign_job, runtime_role_may_schedule   pg_cron runs, or could run, other jobs as the runtime role or the owner role
  expired_sessions_not_pruned   with --max-expired-age: no pruner keeps up

Notes:
  role_setting, database_setting   an operator's setting: a timeout, work_mem, timezone, application_name, \
log_min_duration_statement, synchronous_commit other than off; install keeps it
  prune_job_not_visible, prune_job_has_not_run   of install --schedule; only a superuser sees the jobs
  durability_relaxed, durability_unlogged, durability_relaxed_by_server   what a crash of the server loses
  member_of_owner, view_on_store, foreign_function, password_expired, password_stored_as_md5, public_may_connect, \
public_may_create_in_public, public_may_make_temporary_tables, release_not_recorded, password_not_visible, pg_hba_not_visible

--probe is for a monitoring system. Exit status 0: all is well. 1: drift, or expired sessions that are not pruned. \
2: a warning of the list above, or no store. 3: the check failed: wrong usage, no connection, or a missing privilege.

Rights: a superuser, the role that installed the store, or a member of pg_monitor. What only a superuser can see (stored \
passwords, pg_hba.conf) is left out for other users, with a note.
--max-expired-age needs more: a superuser, a member of pg_monitor, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

Examples:
  session-admin check || session-admin install
  session-admin check --probe --max-expired-age 86400
  session-admin check --format json | jq '.findings[].finding'

--format json prints {\"ok\":…, \"installed\":…, \"release\":…, \"durability\":…, \"drift\":[as install's changes], \"findings\":[{\"finding\":…, \
\"text\":…, \"hint\":…}], \"notes\":[the same]}.";

/// Report drift and weaknesses of the store
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Warn if an expired session could have been pruned longer ago, and was not. Reads the whole session table
    #[arg(long, value_name = "SECONDS")]
    max_expired_age: Option<u64>,
    /// For a monitoring system: exit status 0 all is well, 1 drift, 2 danger, 3 the check failed or cannot run
    #[arg(long)]
    probe: bool,
}

impl Args {
    /// Returns true if the exit status is that of a probe.
    pub(crate) fn is_probe(&self) -> bool {
        self.probe
    }
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let checked = global
        .install_options()
        .and_then(|options| install::check(&mut client, &options));
    let mut store = match checked {
        Ok(store) => store,
        Err(error) if error.is_not_installed() => {
            report::print_not_installed(global)?;
            return Ok(if args.probe {
                ExitStatus::Danger
            } else {
                ExitStatus::No
            });
        }
        Err(error) => return Err(call_failed("check", &error, global, Rights::Monitor)),
    };
    let mut environment = EnvironmentReport::default();
    if !store.missing_from_history.is_empty() {
        environment.notes.push(Finding::new(
            "release_not_recorded",
            "the SQL script installed or upgraded the store, so the history of releases (public.correct_web_history) lacks it; \
             this has no effect",
            "session-admin install records it",
        ));
    }
    check_environment(&mut client, global, &mut environment)
        .map_err(|error| call_failed("check", &error, global, Rights::Monitor))?;
    let has_danger = !environment.findings.is_empty();
    // Drift that keeps the status from being read is the better message.
    if let Some(seconds) = args.max_expired_age
        && let Err(error) = check_expired(&mut client, global, seconds, &mut environment)
        && store.changes.is_empty()
        && !has_danger
    {
        return Err(error);
    }
    let durability = global
        .install_options()
        .and_then(|options| check_durability(&mut client, &options, &mut environment))
        .map_err(|error| call_failed("check", &error, global, Rights::Monitor))?;
    check_prune_job(&mut client, global, &mut environment);
    settings::remove_from_drift(&environment, &mut store.changes);
    let is_ok = report::print(global, &store, durability, &environment)?;
    Ok(if args.probe && has_danger {
        ExitStatus::Danger
    } else {
        ExitStatus::of(is_ok)
    })
}

/// Finds expired sessions that no pruner has deleted.
fn check_expired(
    client: &mut Client,
    global: &GlobalArgs,
    max_seconds: u64,
    report: &mut EnvironmentReport,
) -> Result<(), CliError> {
    let status = connection::store(client, global)
        .and_then(|store| store.status())
        .map_err(|error| call_failed("check", &error, global, Rights::Monitor))?;
    let seconds = status.oldest_expired_age().as_secs();
    if seconds > max_seconds {
        report.findings.push(Finding::new(
            "expired_sessions_not_pruned",
            format!(
                "{}; the oldest could have been pruned {seconds} seconds ago",
                counted(
                    status.expired,
                    "expired session is not pruned",
                    "expired sessions are not pruned"
                )
            ),
            "run session-admin prune from a timer, or Store::start_pruning in the application, or let pg_cron prune: session-admin install --schedule",
        ));
    }
    Ok(())
}

fn check_environment(
    client: &mut Client,
    global: &GlobalArgs,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let (role, schema) = (global.role.as_str(), global.schema.as_str());
    // Objects in other schemas must not shadow those of PostgreSQL.
    client.batch_execute("set search_path = pg_catalog, pg_temp")?;
    let exists = client
        .query_opt(
            "select from pg_roles as r where r.rolname = $1::text",
            &[&role],
        )?
        .is_some();
    if exists {
        check_password(client, role, report)?;
        check_hba(client, role, report)?;
        check_members(client, role, report)?;
        check_settings(client, role, report)?;
        check_connection_limit(client, role, report)?;
    }
    check_tables(client, schema, report)?;
    check_publications(client, schema, report)?;
    check_views(client, schema, report)?;
    check_functions(client, role, schema, report)?;
    check_public(client, role, report)
}
