//! Hints for failed calls, chosen by SQLSTATE and I/O error, never by the text of a message.

use std::error::Error as StdError;
use std::io;

use connect_pg::ConnectionSettings;
use postgres::error::SqlState;

use crate::support::cli_error::CliError;
use crate::support::error_details::ErrorDetails;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;

const RENAME: &str = "choose another name for --schema or --role";
const CONNECTION_LOST: &str =
    "the connection broke; run it again when the server is back, every subcommand can be repeated";

const READ_MESSAGE: &str = "read the message above, and the log of the server";

/// Describes a connection that could not be opened.
pub(crate) fn connect_failed(error: &connect_pg::Error, settings: &ConnectionSettings) -> CliError {
    let details = ErrorDetails::of(error);
    let (user, database, server) = (settings.user(), settings.database(), settings.server());
    let what = format!(
        "cannot connect to database {database:?} as user {user:?} at {server}: {}",
        details.text
    );
    if let Some((text, hint)) = error.tls_message() {
        let what =
            format!("cannot connect to database {database:?} as user {user:?} at {server}: {text}");
        return CliError::new(what, hint);
    }
    let hint = match details.code {
        Some(SqlState::INVALID_PASSWORD) => match settings.password_source() {
            Some(source) => format!("the password came from {source}; correct it there"),
            None => no_password(),
        },
        Some(SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "connect as another user (PGUSER, or user@ in --database-url), or allow this one in the server's pg_hba.conf; \
             as a superuser on the server's machine: sudo -u postgres session-admin …"
                .into()
        }
        Some(SqlState::INVALID_CATALOG_NAME) => {
            "create the database (createdb NAME), or name another one: PGDATABASE, or /NAME at the end of --database-url".into()
        }
        Some(SqlState::INSUFFICIENT_PRIVILEGE) => {
            "connect as another user (PGUSER), or let the owner of the database run: grant connect on database NAME to USER".into()
        }
        Some(SqlState::TOO_MANY_CONNECTIONS) => {
            "retry later, or use a connection reserved for superusers (superuser_reserved_connections)".into()
        }
        Some(SqlState::CANNOT_CONNECT_NOW) => "the server is starting up or shutting down; retry in a moment".into(),
        Some(_) => details.hint.unwrap_or_else(|| READ_MESSAGE.into()),
        None if error.is_permission_denied() => no_password(),
        None if error.is_invalid_argument() => "correct the setting that is named above".into(),
        None if details.io == Some(io::ErrorKind::PermissionDenied) => {
            "this user may not open the server's socket; connect by TCP (PGHOST=localhost), or as another user".into()
        }
        None => "is the server running (pg_lsclusters, systemctl status postgresql), and is this the right address? \
                 Set PGHOST and PGPORT, or --database-url"
            .into(),
    };
    CliError::new(what, hint)
}

fn no_password() -> String {
    "the server asks for a password and none was given; add host:port:database:user:password to ~/.pgpass (mode 0600), \
     or set PGPASSWORD. As a superuser on the server's machine: sudo -u postgres session-admin …"
        .into()
}

/// Describes names that no store can have.
pub(crate) fn names_refused(error: &connect_pg::Error) -> CliError {
    CliError::new(format!("cannot use these names: {error}"), RENAME)
}

/// Describes a call to the store that failed on an open connection.
pub(crate) fn call_failed(
    action: &str,
    error: &(dyn StdError + 'static),
    global: &GlobalArgs,
    rights: Rights,
) -> CliError {
    let details = ErrorDetails::of(error);
    let ours = error.downcast_ref::<connect_pg::Error>();
    // An install needs no store.
    if !matches!(rights, Rights::Install)
        && details.has_code(&[
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_OBJECT,
        ])
    {
        return CliError::new(
            format!(
                "cannot {action}: there is no store in schema {:?} with role {:?} in this database, or not all of it",
                global.schema, global.role
            ),
            "install it with session-admin install, or name another store with --schema, --role and --database-url",
        );
    }
    let hint = match &details.code {
        _ if ours.is_some_and(connect_pg::Error::is_newer_database) => {
            "use the newer session-admin; session-admin --version prints the version of this one".into()
        }
        _ if ours.is_some_and(connect_pg::Error::is_index_not_built) => {
            "the rest is installed, and the store works without the index, but slowly. Remove the cause; in psql, \
             select pg_terminate_backend(PID) ends a process. Then run session-admin install again"
                .into()
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => match &details.hint {
            Some(hint) => format!("{hint} If a privilege is missing: {}", rights.hint(global)),
            None => rights.hint(global),
        },
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            "this server is a standby, or its transactions are read-only; connect to the primary \
             (with several hosts: PGTARGETSESSIONATTRS=read-write)"
                .into()
        }
        Some(_)
            if details.has_code(&[
                SqlState::INVALID_NAME,
                SqlState::NAME_TOO_LONG,
                SqlState::RESERVED_NAME,
            ]) =>
        {
            RENAME.into()
        }
        // An uninstall. An upgrade that meets additions to a table has a hint of its own.
        Some(code)
            if *code == SqlState::DEPENDENT_OBJECTS_STILL_EXIST && details.hint.is_none() =>
        {
            "nothing was changed; drop or move what is named above, or keep the roles, then run it again".into()
        }
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            "another session is changing the same objects, or has an open transaction on them; try again \
             (pg_stat_activity and pg_locks show it)"
                .into()
        }
        Some(code) if *code == SqlState::QUERY_CANCELED => {
            "another user or statement_timeout cancelled the call, and nothing was changed; run it again with \
             PGOPTIONS='-c statement_timeout=0'"
                .into()
        }
        Some(code) if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE && rights.are_of_store() => {
            "restore the settings, with their default values: session-admin install".into()
        }
        Some(_) => match details.class() {
            "40" => "nothing was changed; run it again".into(),
            "53" => "the server lacks a resource; free some, then run it again".into(),
            "08" | "57" => CONNECTION_LOST.into(),
            _ => return unexplained(action, details),
        },
        None if details.io.is_some() => CONNECTION_LOST.into(),
        None => match ours {
            Some(ours) if ours.is_unavailable() => CONNECTION_LOST.into(),
            Some(ours) if ours.is_invalid_argument() => RENAME.into(),
            Some(_) => return unexplained(action, details),
            None => CONNECTION_LOST.into(),
        },
    };
    CliError::new(format!("cannot {action}: {}", details.text), hint)
}

/// Leaves the hint to the server.
fn unexplained(action: &str, details: ErrorDetails) -> CliError {
    CliError::new(
        format!("cannot {action}: {}; nothing was changed", details.text),
        details.hint.unwrap_or_else(|| READ_MESSAGE.into()),
    )
}

/// Describes a query that failed on a server that sessions are imported from.
pub(crate) fn source_failed(error: &postgres::Error) -> CliError {
    let details = ErrorDetails::of(error);
    let hint: String = match &details.code {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "grant select on the table and usage on its schema to this user, or connect as the role of the store \
             that wrote it (--source-url)"
                .into()
        }
        Some(_) if !["08", "57"].contains(&details.class()) => {
            details.hint.unwrap_or_else(|| READ_MESSAGE.into())
        }
        _ => CONNECTION_LOST.into(),
    };
    CliError::new(format!("cannot read the sessions: {}", details.text), hint)
}
