//! The job of `pg_cron` that prunes a store.

use std::fmt::Write;

use connect_pg::install::Change;
use connect_pg::quote_identifier;
use postgres::error::SqlState;
use postgres::{Client, Transaction};
use sha2::{Digest, Sha256};

use crate::support::cli_error::CliError;
use crate::support::error_details::ErrorDetails;
use crate::support::global_args::GlobalArgs;
use crate::support::pg_cron::PgCron;
use crate::support::text::one_line;

/// Every five minutes.
pub(crate) const DEFAULT_SCHEDULE: &str = "*/5 * * * *";

const NAME_PREFIX: &str = "connect-pg prune ";
/// The longest name of PostgreSQL, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// Installs at the same time succeed one after another.
const MAX_ATTEMPTS: u32 = 10;

/// What the job executes, before and after the quoted name of the schema. Each batch is a transaction of its own, with a pause three
/// times as long as it took, as in `session-admin prune`. A run ends after 20 seconds, or half of a shorter `statement_timeout`; the next
/// one continues.
const COMMAND_HEAD: &str = "\
do $connect_pg$
declare
    v_end timestamptz;
    v_start timestamptz;
    v_batch record;
begin
    -- An operator of another schema would run with the rights of this role.
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false);
    v_end := pg_catalog.clock_timestamp() + (
        select least(20000, nullif(s.setting::integer, 0) / 2) * interval '1 millisecond'
        from pg_catalog.pg_settings as s
        where s.name = 'statement_timeout'
    );
    loop
        v_start := pg_catalog.clock_timestamp();
        select p.outcome, p.deleted + p.rescheduled as row_count
        into v_batch
        from ";
const COMMAND_TAIL: &str = ".prune_sessions(1000) as p;
        commit;
        exit when v_batch.outcome <> 'pruned' or v_batch.row_count < 1000;
        perform pg_catalog.pg_sleep(least(1, 3 * extract(epoch from pg_catalog.clock_timestamp() - v_start)));
        exit when pg_catalog.clock_timestamp() > v_end;
    end loop;
end $connect_pg$";

/// A job as it should be.
pub(crate) struct PruneJob {
    pub(crate) name: String,
    schedule: String,
    command: String,
    /// The database in which it runs.
    database: String,
    /// The role as which it runs: the runtime role, which may prune and has the fewest rights.
    pub(crate) role: String,
}

/// A job as `pg_cron` has it.
pub(crate) struct StoredJob {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
    schedule: String,
    command: String,
    database: String,
    pub(crate) role: String,
    is_active: bool,
}

/// What becomes of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The changes are made.
    Apply,
    /// They are only returned.
    Plan,
}

/// Returns the schedule that a store has recorded. An error or a missing store has none.
pub(crate) fn recorded_schedule(client: &mut Client, schema: &str) -> Option<String> {
    client
        .query_opt(
            "select substring(pg_catalog.obj_description(c.oid, 'pg_class') from ' Schedule: ([^.]+)\\. API: private$')
            from pg_catalog.pg_class as c
            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = $1::pg_catalog.text
                and c.relname = 'prune_state'",
            &[&schema],
        )
        .ok()
        .flatten()
        .and_then(|row| row.try_get(0).ok().flatten())
}

impl PruneJob {
    /// Returns the job of the store that the options name.
    pub(crate) fn new(global: &GlobalArgs, database: &str, schedule: &str) -> Self {
        Self {
            name: name(database, &global.schema),
            schedule: schedule.to_owned(),
            command: format!(
                "{COMMAND_HEAD}{}{COMMAND_TAIL}",
                quote_identifier(&global.schema)
            ),
            database: database.to_owned(),
            role: global.role.clone(),
        }
    }

    /// Returns how a job differs from this one: attribute, what it is, what it should be.
    pub(crate) fn differences(&self, stored: &StoredJob) -> Vec<(&'static str, String, String)> {
        let pairs = [
            ("schedule", &stored.schedule, &self.schedule),
            ("command", &stored.command, &self.command),
            ("database", &stored.database, &self.database),
            ("role", &stored.role, &self.role),
        ];
        let mut differences: Vec<_> = pairs
            .into_iter()
            .filter(|(_, is, should)| is != should)
            .map(|(attribute, is, should)| (attribute, is.clone(), should.clone()))
            .collect();
        if !stored.is_active {
            differences.push(("active", "false".into(), "true".into()));
        }
        differences
    }
}

/// Returns the name of a store's job. Names of jobs are unique for each role, and a role may have stores in several databases.
fn name(database: &str, schema: &str) -> String {
    let store = format!("{database}.{schema}");
    let plain = format!("{NAME_PREFIX}{store}");
    if plain.len() <= MAX_NAME_BYTES {
        return plain;
    }
    let digest = Sha256::digest(store.as_bytes());
    let mut name = NAME_PREFIX.to_owned();
    for byte in digest.iter().take(8) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Returns true if a job prunes some store, as this program makes it.
pub(crate) fn is_prune_job(job: &StoredJob) -> bool {
    let is_named = job
        .name
        .as_deref()
        .is_some_and(|name| name.starts_with(NAME_PREFIX));
    let schema = job
        .command
        .strip_prefix(COMMAND_HEAD)
        .and_then(|rest| rest.strip_suffix(COMMAND_TAIL));
    is_named
        && schema.is_some_and(|schema| {
            let inner = schema
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .unwrap_or(schema);
            !inner.replace("\"\"", "").contains(['"', ';', '(', '$'])
        })
}

/// Checks a schedule by the parser of `pg_cron`, before anything is changed. Another error shows itself later.
pub(crate) fn check_schedule(cron: &mut PgCron, schedule: &str) -> Result<(), CliError> {
    let checked = cron.client.transaction().and_then(|mut transaction| {
        transaction.execute(
            "select cron.schedule('connect-pg check of a schedule', $1::pg_catalog.text, 'select 1')",
            &[&schedule],
        )?;
        transaction.rollback()
    });
    match checked {
        Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => {
            Err(CliError::new(
                format!("pg_cron does not accept the schedule {schedule:?}; nothing was changed"),
                "pass the five fields minute, hour, day of month, month, day of week; for example --schedule '*/5 * * * *'",
            ))
        }
        _ => Ok(()),
    }
}

/// Makes the job as it should be, or removes it if there is no schedule. Returns the changes.
pub(crate) fn synchronize(
    cron: &mut PgCron,
    global: &GlobalArgs,
    schedule: Option<&str>,
    mode: Mode,
) -> Result<Vec<Change>, CliError> {
    let job = PruneJob::new(
        global,
        &cron.store_database,
        schedule.unwrap_or(DEFAULT_SCHEDULE),
    );
    let database = cron.database.clone();
    let mut attempts = 1;
    loop {
        match attempt(cron, &job, schedule.is_some(), mode) {
            // Another install may have removed the job that this one has found.
            Err(error)
                if attempts < MAX_ATTEMPTS
                    && error.code() == Some(&SqlState::INTERNAL_ERROR)
                    && !cron.client.is_closed() =>
            {
                attempts += 1;
            }
            result => return result.map_err(|error| refused(&error, global, &job, &database)),
        }
    }
}

fn attempt(
    cron: &mut PgCron,
    job: &PruneJob,
    is_wanted: bool,
    mode: Mode,
) -> Result<Vec<Change>, postgres::Error> {
    let (is_superuser, is_elsewhere) = (cron.is_superuser, cron.database != job.database);
    let mut transaction = cron.client.transaction()?;
    let rights = if is_superuser {
        None
    } else if mode == Mode::Plan && !role_exists(&mut transaction, &job.role)? {
        return Ok(vec![Change::new("created", "job", &job.name)]);
    } else {
        Some(Rights::take(&mut transaction, job, is_elsewhere)?)
    };
    let stored = jobs(
        &mut transaction,
        "j.jobname = $1::pg_catalog.text",
        &[&job.name],
    )?;
    let changes = changes(job, &stored, is_wanted);
    if mode == Mode::Plan || changes.is_empty() {
        transaction.rollback()?;
        return Ok(changes);
    }
    for old in &stored {
        transaction.execute("select cron.unschedule($1::pg_catalog.int8)", &[&old.id])?;
    }
    if is_wanted {
        make(&mut transaction, job, is_superuser, is_elsewhere)?;
    }
    if let Some(rights) = rights {
        rights.give_back(&mut transaction)?;
    }
    transaction.commit()?;
    Ok(changes)
}

fn make(
    transaction: &mut Transaction<'_>,
    job: &PruneJob,
    is_superuser: bool,
    is_elsewhere: bool,
) -> Result<(), postgres::Error> {
    let (name, schedule, command) = (&job.name, &job.schedule, &job.command);
    if is_superuser {
        transaction.execute(
            "select cron.schedule_in_database($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text, $4::pg_catalog.text, $5::pg_catalog.text)",
            &[name, schedule, command, &job.database, &job.role],
        )?;
    } else if is_elsewhere {
        transaction.execute(
            "select cron.schedule_in_database($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text, $4::pg_catalog.text)",
            &[name, schedule, command, &job.database],
        )?;
    } else {
        transaction.execute(
            "select cron.schedule($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text)",
            &[name, schedule, command],
        )?;
    }
    Ok(())
}

/// Returns what the job needs to become as it should be.
fn changes(job: &PruneJob, stored: &[StoredJob], is_wanted: bool) -> Vec<Change> {
    match (stored, is_wanted) {
        ([], true) => vec![Change::new("created", "job", &job.name)],
        ([], false) => Vec::new(),
        (_, false) => vec![Change::new("removed", "job", &job.name)],
        (stored, true) => stored
            .iter()
            .flat_map(|stored| job.differences(stored))
            .map(|(attribute, is, should)| {
                let mut change = Change::new("changed", "job", &job.name);
                change.attribute = Some(attribute.into());
                change.before = Some(is);
                change.after = Some(should);
                change
            })
            .collect(),
    }
}

/// Reads jobs by a condition on the row j.
pub(crate) fn jobs(
    client: &mut impl postgres::GenericClient,
    condition: &str,
    parameters: &[&(dyn postgres::types::ToSql + Sync)],
) -> Result<Vec<StoredJob>, postgres::Error> {
    client
        .query(
            &format!(
                "select j.jobid, j.jobname::pg_catalog.text, j.schedule, j.command, j.database, j.username, j.active
                from cron.job as j
                where {condition}
                order by j.jobid"
            ),
            parameters,
        )?
        .iter()
        .map(|row| {
            Ok(StoredJob {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                schedule: row.try_get(2)?,
                command: row.try_get(3)?,
                database: row.try_get(4)?,
                role: row.try_get(5)?,
                is_active: row.try_get(6)?,
            })
        })
        .collect()
}

fn role_exists(transaction: &mut Transaction<'_>, role: &str) -> Result<bool, postgres::Error> {
    let sql = "select from pg_catalog.pg_roles as r where r.rolname = $1::pg_catalog.text";
    Ok(transaction.query_opt(sql, &[&role])?.is_some())
}

/// The signature of the function that makes a job for another database.
const SCHEDULE_IN_DATABASE: &str =
    "cron.schedule_in_database(text, text, text, text, text, boolean)";

/// What a user who is no superuser gets for one transaction. `pg_cron` lets each role make and see its own jobs only. So the user becomes the
/// runtime role, and that role may use `pg_cron` until the transaction ends.
struct Rights {
    /// The statements that undo it.
    undo: Vec<String>,
}

impl Rights {
    fn take(
        transaction: &mut Transaction<'_>,
        job: &PruneJob,
        is_elsewhere: bool,
    ) -> Result<Self, postgres::Error> {
        let role = quote_identifier(&job.role);
        let row = transaction.query_one(
            "select
                not pg_catalog.pg_has_role(current_user, $1::pg_catalog.text::pg_catalog.name, case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000 then 'SET' else 'MEMBER' end),
                not pg_catalog.has_schema_privilege($1::pg_catalog.text::pg_catalog.name, 'cron', 'USAGE'),
                $2 and not pg_catalog.has_function_privilege($1::pg_catalog.text::pg_catalog.name, $3::pg_catalog.text, 'EXECUTE')",
            &[&job.role, &is_elsewhere, &SCHEDULE_IN_DATABASE],
        )?;
        let mut undo = vec!["reset role".to_owned()];
        for (is_missing, what, preposition) in [
            (
                row.try_get::<_, bool>(1)?,
                "usage on schema cron".to_owned(),
                role.as_str(),
            ),
            (
                row.try_get(2)?,
                format!("execute on function {SCHEDULE_IN_DATABASE}"),
                role.as_str(),
            ),
            (row.try_get(0)?, role.clone(), "current_user"),
        ] {
            if is_missing {
                transaction.batch_execute(&format!("grant {what} to {preposition}"))?;
                undo.push(format!("revoke {what} from {preposition}"));
            }
        }
        transaction.batch_execute(&format!("set local role {role}"))?;
        Ok(Self { undo })
    }

    fn give_back(self, transaction: &mut Transaction<'_>) -> Result<(), postgres::Error> {
        for statement in self.undo {
            transaction.batch_execute(&statement)?;
        }
        Ok(())
    }
}

/// Describes a job that could not be made or removed.
fn refused(
    error: &postgres::Error,
    global: &GlobalArgs,
    job: &PruneJob,
    database: &str,
) -> CliError {
    let details = ErrorDetails::of(error);
    let mut grants = "grant usage on schema cron to USER with grant option".to_owned();
    if database != job.database {
        let _ = write!(
            grants,
            "; grant execute on function {SCHEDULE_IN_DATABASE} to USER with grant option"
        );
    }
    let hint = if details.has_code(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
        format!(
            "run it as a superuser. Or let one run in database {}: {grants}",
            one_line(database)
        )
    } else {
        "read the message above, then run it again".into()
    };
    CliError::new(
        format!(
            "cannot make or remove the job {:?} of pg_cron for role {}: {}; the store itself is not affected",
            job.name,
            one_line(&global.role),
            details.text
        ),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_long_database_is_a_digest() {
        assert_eq!(name("shop", "web"), "connect-pg prune shop.web");
        let long = name(&"d".repeat(63), &"s".repeat(63));
        assert_eq!(long.len(), NAME_PREFIX.len() + 16);
        assert_ne!(long, name(&"d".repeat(63), &"t".repeat(63)));
    }

    #[test]
    fn other_command_is_no_prune_job() {
        let job = |name: &str, schema: &str| StoredJob {
            id: 1,
            name: Some(name.into()),
            schedule: DEFAULT_SCHEDULE.into(),
            command: format!("{COMMAND_HEAD}{schema}{COMMAND_TAIL}"),
            database: "shop".into(),
            role: "nodepg".into(),
            is_active: true,
        };
        for schema in ["web", "\"Größe\"", "\"a\"\"b\""] {
            assert!(is_prune_job(&job("connect-pg prune x", schema)), "{schema}");
        }
        assert!(!is_prune_job(&job("prune", "web")));
        for schema in [
            "web.clear_sessions(); perform web",
            "\"a\"; drop x; \"",
            "f()",
        ] {
            assert!(
                !is_prune_job(&job("connect-pg prune x", schema)),
                "{schema}"
            );
        }
    }
}
