//! What went wrong and what mends it, decided by SQLSTATE and by what the operating system said, never by a text.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use connect_pg::ConnectionSettings;
use postgres::error::SqlState;

use crate::cli::GlobalArgs;

/// Why nothing came of it, and what to do about it. Neither holds a secret.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    mend: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nMend: {}", self.what, self.mend)
    }
}

/// What is known of an error, whichever of the libraries it comes from.
struct Facts {
    code: Option<SqlState>,
    io: Option<io::ErrorKind>,
    text: String,
    from_server: bool,
}

impl Facts {
    fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut facts = Self {
            code: None,
            io: None,
            text: error.to_string(),
            from_server: false,
        };
        let newer = error
            .downcast_ref::<connect_pg::Error>()
            .is_some_and(connect_pg::Error::is_newer_database);
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(ours) = cause.downcast_ref::<connect_pg::Error>() {
                facts.code = facts.code.or_else(|| ours.code().cloned());
            } else if let Some(theirs) = cause.downcast_ref::<postgres::Error>() {
                facts.code = facts.code.or_else(|| theirs.code().cloned());
                if let Some(server) = theirs.as_db_error() {
                    facts.from_server = true;
                    server.message().clone_into(&mut facts.text);
                    for more in [server.detail(), server.hint()].into_iter().flatten() {
                        facts.text.push_str("; ");
                        facts.text.push_str(more);
                    }
                }
            } else if let Some(system) = cause.downcast_ref::<io::Error>() {
                facts.io = facts.io.or_else(|| Some(system.kind()));
            }
            // An error of ours has no source: its text says all of it.
            next = match cause.downcast_ref::<connect_pg::Error>() {
                Some(ours) => ours.get_ref().map(|inner| inner as _),
                None => cause.source(),
            };
            // The last cause says it in the fewest words; what it led to, we say ourselves.
            if next.is_none() && !newer && !facts.from_server {
                facts.text = cause.to_string();
            }
        }
        facts
    }

    fn class(&self) -> &str {
        self.code
            .as_ref()
            .and_then(|code| code.code().get(..2))
            .unwrap_or("")
    }
}

/// No connection was made.
pub(crate) fn connecting(error: &connect_pg::Error, settings: &ConnectionSettings) -> Failure {
    let facts = Facts::of(error);
    let (user, database, server) = (settings.user(), settings.database(), settings.server());
    let origin = settings.password_source();
    let what = format!(
        "cannot connect to database {database:?} as user {user:?} at {server}: {}",
        facts.text
    );
    let mend = match facts.code {
        Some(SqlState::INVALID_PASSWORD) => match origin {
            Some(origin) => format!("the password came from {origin}; put the right one there"),
            None => no_password(),
        },
        Some(SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "connect as another user (PGUSER, or user@ in --database-url), or let this one in by the server's pg_hba.conf. \
             For a superuser on the server's own machine: sudo -u postgres session-admin …"
                .into()
        }
        Some(SqlState::INVALID_CATALOG_NAME) => {
            "make the database (createdb NAME), or name another one: PGDATABASE, or /NAME at the end of --database-url".into()
        }
        Some(SqlState::INSUFFICIENT_PRIVILEGE) => {
            "connect as another user (PGUSER), or as the owner of the database: grant connect on database … to …".into()
        }
        Some(SqlState::TOO_MANY_CONNECTIONS) => {
            "try again when fewer clients are connected; a superuser has places of his own (superuser_reserved_connections)".into()
        }
        Some(SqlState::CANNOT_CONNECT_NOW) => "the server is starting up or shutting down; try again in a moment".into(),
        Some(_) => "see what the server says above, and its log".into(),
        None if error.is_permission_denied() => no_password(),
        None if error.is_invalid_argument() => "correct the setting that is named above".into(),
        None => match facts.io {
            Some(io::ErrorKind::PermissionDenied) => {
                "this user may not use the server's socket; connect by TCP (PGHOST=localhost), or as another user".into()
            }
            _ => "is the server running (pg_lsclusters, systemctl status postgresql), and is it the right one? \
                  PGHOST and PGPORT, or --database-url, name another"
                .into(),
        },
    };
    Failure::new(what, mend)
}

fn no_password() -> String {
    "the server asks for a password and none was given; put it into ~/.pgpass (mode 0600) as host:port:database:user:password, \
     or into PGPASSWORD. For a superuser on the server's own machine: sudo -u postgres session-admin …"
        .into()
}

/// A call failed on a connection that was open. `rights` says who may do this.
pub(crate) fn calling(
    doing: &str,
    error: &(dyn StdError + 'static),
    global: &GlobalArgs,
    rights: &str,
) -> Failure {
    let facts = Facts::of(error);
    let ours = error.downcast_ref::<connect_pg::Error>();
    let what = format!("cannot {doing}: {}", facts.text);
    let mend = match &facts.code {
        _ if ours.is_some_and(connect_pg::Error::is_newer_database) => {
            "use the newer session-admin; session-admin --version tells which one this is".into()
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => rights.to_owned(),
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            "this server is a standby, or its transactions are read-only; connect to the primary \
             (with several hosts: PGTARGETSESSIONATTRS=read-write)"
                .into()
        }
        Some(code)
            if [
                SqlState::INVALID_SCHEMA_NAME,
                SqlState::UNDEFINED_FUNCTION,
                SqlState::UNDEFINED_TABLE,
                SqlState::UNDEFINED_OBJECT,
            ]
            .contains(code) =>
        {
            return Failure::new(
                format!(
                    "cannot {doing}: there is no store in schema {:?} with role {:?} in this database, or not all of it",
                    global.schema, global.role
                ),
                "install it with session-admin install, or name it with --schema and --role, and its database with --database-url",
            );
        }
        Some(code)
            if [SqlState::INVALID_NAME, SqlState::NAME_TOO_LONG, SqlState::RESERVED_NAME].contains(code) =>
        {
            "choose another name for --schema or --role".into()
        }
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            "somebody else is changing the same things, or holds a transaction open on them; try again \
             (pg_stat_activity and pg_locks show who it is)"
                .into()
        }
        Some(_) if facts.class() == "40" => "nothing was changed; run it again".into(),
        Some(_) if facts.class() == "53" => "the server is out of something; mend that, and run it again".into(),
        Some(code) if *code == SqlState::QUERY_CANCELED => {
            "somebody cancelled it, or a statement_timeout did; nothing was changed. Run it again, if need be with \
             PGOPTIONS='-c statement_timeout=0'"
                .into()
        }
        Some(_) if ["08", "57"].contains(&facts.class()) => connection_lost(),
        None if facts.io.is_some() || ours.is_some_and(connect_pg::Error::is_unavailable) => connection_lost(),
        None if ours.is_some_and(connect_pg::Error::is_invalid_argument) => {
            "choose another name for --schema or --role".into()
        }
        None if ours.is_none() => connection_lost(),
        _ => "see what is said above, and the server's log; nothing was changed".into(),
    };
    Failure::new(what, mend)
}

/// A call failed on a connection to a server that is only read from, where there need be no store.
pub(crate) fn calling_source(doing: &str, error: &postgres::Error, rights: &str) -> Failure {
    let facts = Facts::of(error);
    let mend = match &facts.code {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => rights.into(),
        Some(_) if !["08", "57"].contains(&facts.class()) => {
            "see what is said above, and the log of the server that is imported from".into()
        }
        _ => connection_lost(),
    };
    Failure::new(format!("cannot {doing}: {}", facts.text), mend)
}

fn connection_lost() -> String {
    "the server ended the connection; when it is back, run it again: every subcommand may be repeated".into()
}
