//! Sets the password's verifier, and keeps it out of the server's log.
//!
//! A log that has every statement would have `alter role … password '…'`, and only a superuser may turn that off. So the verifier
//! travels as data of a COPY, which no setting logs. A DO block makes the statement, so the statement is not a client's.

use connect_pg::quote_identifier;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::error::{DbError, Severity, SqlState};
use postgres::types::Type;
use postgres::{Client, Transaction};

use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;
use crate::support::statement_logging::disable_statement_logging;
use crate::support::text::one_line;

/// A password that may not have been set.
pub(super) enum AttemptError {
    Unchanged(CliError),
    /// An open transaction has changed the role.
    RoleLocked,
    OutcomeUnknown(CliError),
}

impl From<CliError> for AttemptError {
    fn from(error: CliError) -> Self {
        Self::Unchanged(error)
    }
}

/// What this user may do, and what the server keeps.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Situation {
    is_standby: bool,
    is_superuser: bool,
    /// Temporary tables and DO blocks.
    can_send_as_data: bool,
    /// What `pg_stat_statements` keeps: `none`, `top` or `all` statements; None without it.
    tracked: Option<String>,
    /// The log has the statements of functions and DO blocks.
    logs_parser_statistics: bool,
}

impl Situation {
    /// Returns None if there is no such role.
    fn read(client: &mut Client, role: &str) -> Result<Option<Self>, postgres::Error> {
        let row = client.query_opt(
            "select
                pg_catalog.pg_is_in_recovery(),
                (select c.rolsuper from pg_catalog.pg_roles as c where c.rolname = current_user),
                pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')
                    and exists (
                        select
                        from pg_catalog.pg_language as l
                        where l.lanname = 'plpgsql'
                            and pg_catalog.has_language_privilege(l.oid, 'USAGE')
                    ),
                pg_catalog.current_setting('pg_stat_statements.track', true),
                pg_catalog.current_setting('log_parser_stats')::pg_catalog.bool
            from pg_catalog.pg_roles as r
            where r.rolname = $1::pg_catalog.text",
            &[&role],
        )?;
        row.map(|row| {
            Ok(Self {
                is_standby: row.try_get(0)?,
                is_superuser: row.try_get(1)?,
                can_send_as_data: row.try_get(2)?,
                tracked: row.try_get(3)?,
                logs_parser_statistics: row.try_get(4)?,
            })
        })
        .transpose()
    }

    /// Returns where the verifier can be read afterwards, and how to prevent that.
    fn warnings(&self, global: &GlobalArgs) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_superuser {
            return warnings;
        }
        if !self.can_send_as_data {
            warnings.push(
                "The verifier of the password was in a statement, which the server's log has if it has all statements \
                 (log_statement, log_min_duration_statement).\n\
                 Hint: to prevent that, run it as a superuser, or as a role that may create temporary tables: \
                 grant temporary on database NAME to ROLE"
                    .to_owned(),
            );
        }
        if self.logs_parser_statistics {
            warnings.push(
                "The verifier of the password is in the server's log, because log_parser_stats is on.\n\
                 Hint: to prevent that, run it as a superuser, or turn log_parser_stats off"
                    .to_owned(),
            );
        }
        let is_tracked = match self.tracked.as_deref() {
            Some("all") => true,
            Some("top") => !self.can_send_as_data,
            _ => false,
        };
        if is_tracked {
            warnings.push(format!(
                "pg_stat_statements keeps the statement with the verifier of role {}.\n\
                 Hint: remove it there as a superuser: select pg_stat_statements_reset()",
                one_line(&global.role)
            ));
        }
        warnings
    }
}

/// Sets the verifier of the role. `before_commit` runs while the role is locked; its failure undoes everything. Returns what the
/// server shows of the verifier.
pub(super) fn set_verifier(
    client: &mut Client,
    global: &GlobalArgs,
    verifier: &str,
    before_commit: impl FnOnce() -> Result<(), CliError>,
) -> Result<Vec<String>, AttemptError> {
    let failed =
        |error: postgres::Error| call_failed("set the password", &error, global, Rights::Password);
    let Some(situation) = Situation::read(client, &global.role).map_err(failed)? else {
        return Err(AttemptError::Unchanged(CliError::new(
            format!("there is no role {:?} on this server", global.role),
            "create it with session-admin install, or name another one with --role",
        )));
    };
    let mut transaction = client.build_transaction();
    // Overrides default_transaction_read_only. On a standby this would fail with another SQLSTATE than the change.
    if !situation.is_standby {
        transaction = transaction.read_only(false);
    }
    let mut transaction = transaction.start().map_err(failed)?;
    prepare(&mut transaction).map_err(failed)?;
    let changed = lock_role(&mut transaction, &global.role).and_then(|()| {
        if situation.can_send_as_data {
            send_as_data(&mut transaction, &global.role, verifier)
        } else {
            send_as_text(&mut transaction, &global.role, verifier)
        }
    });
    changed.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => AttemptError::RoleLocked,
        _ => AttemptError::Unchanged(failed(error)),
    })?;
    before_commit()?;
    transaction.commit().map_err(|error| {
        // FATAL may follow a commit: that of a connection which waits for a synchronous standby.
        let severity = error.as_db_error().map(DbError::parsed_severity);
        let is_refused = severity == Some(Some(Severity::Error));
        let error = failed(error);
        if is_refused {
            AttemptError::Unchanged(error)
        } else {
            AttemptError::OutcomeUnknown(error)
        }
    })?;
    Ok(situation.warnings(global))
}

/// Bounds the wait for the role, and turns off what shows statements where this user may.
fn prepare(transaction: &mut Transaction<'_>) -> Result<(), postgres::Error> {
    disable_statement_logging(transaction)?;
    // These print the statements of DO blocks too, and every user may set them.
    transaction.execute(
        "select pg_catalog.set_config(s.name, v.value, true)
        from (
            values
                ('lock_timeout', '10s', '0'),
                ('debug_print_parse', 'off', 'on'),
                ('debug_print_raw_parse', 'off', 'on'),
                ('debug_print_rewritten', 'off', 'on'),
                ('debug_print_plan', 'off', 'on')
        ) as v (name, value, present)
        join pg_catalog.pg_settings as s on s.name = v.name and s.setting = v.present",
        &[],
    )?;
    Ok(())
}

/// Locks the role by a change that has no secret. A wait that is ended by FATAL logs its statement.
fn lock_role(transaction: &mut Transaction<'_>, role: &str) -> Result<(), postgres::Error> {
    transaction.batch_execute(&format!(
        "alter role {} password null",
        quote_identifier(role)
    ))
}

fn send_as_data(
    transaction: &mut Transaction<'_>,
    role: &str,
    verifier: &str,
) -> Result<(), postgres::Error> {
    transaction.batch_execute(
        "create temporary table connect_pg_verifier (
            role_name pg_catalog.text,
            verifier pg_catalog.text
        ) on commit drop",
    )?;
    // An error of the binary format shows no data.
    let writer = transaction.copy_in(
        "copy pg_temp.connect_pg_verifier (role_name, verifier) from stdin (format binary)",
    )?;
    let mut writer = BinaryCopyInWriter::new(writer, &[Type::TEXT, Type::TEXT]);
    writer.write(&[&role, &verifier])?;
    writer.finish()?;
    // The context of an error has the statement, so the error is raised again without it.
    transaction.batch_execute(
        "do $$
        declare
            v_detail pg_catalog.text;
            v_hint pg_catalog.text;
        begin
            execute (
                select pg_catalog.format('alter role %I password %L', v.role_name, v.verifier)
                from pg_temp.connect_pg_verifier as v
            );
        exception
            when others or query_canceled then
                get stacked diagnostics
                    v_detail = pg_exception_detail,
                    v_hint = pg_exception_hint;
                raise exception using errcode = sqlstate, message = sqlerrm, detail = v_detail, hint = v_hint;
        end
        $$",
    )
}

fn send_as_text(
    transaction: &mut Transaction<'_>,
    role: &str,
    verifier: &str,
) -> Result<(), postgres::Error> {
    transaction.batch_execute(&format!(
        "alter role {} password '{verifier}'",
        quote_identifier(role)
    ))
}
