//! The options of `session-admin import`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::support::cli_error::CliError;
use crate::support::text::one_line;

const HELP: &str = "\
Session ids are hashed before they are sent (sha256 of the id as UTF-8), so the store receives none. Live sessions keep \
their expiry, up to the absolute timeout of the store from now. A session that exists already is not changed, and one that \
was ended here stays ended. So an import can be interrupted (Ctrl-C stops after the batch) and repeated: it adds the \
sessions that are new. The source is only read, in one transaction.

An unreadable row is counted, reported with the reason and skipped. Exit status 1 if there was one, or if the import was \
interrupted.

Where each store keeps its sessions by default (--table and the --…-column options change that), and how the application finds \
them after the import:

  connect-pg-simple              public.session (sid, sess, expire). The store of express-session passes on the bare id: the part \
of the cookie between \"s:\" and the last dot. The data is unchanged: {\"cookie\":{…}, …}.
  express-pg-session             as connect-pg-simple.
  koa-pg-session                 public.session (id, session, expiry). koa-generic-session puts its prefix, by default \
\"koa:sess:\", before the id of the cookie when it calls a store. The ids in the table have it too. The application finds a \
session by prefix and id, or with --strip-prefix koa:sess: by the value of the cookie alone.
  koa-generic-session-sequelize  public.\"Sessions\" (id, data, expires). As koa-pg-session.
  tower-sessions-sqlx-store      tower_sessions.session (id, data, expiry_date). The id is the value of the cookie, 22 \
characters. The data becomes the JSON object of the session's values: {\"key\":value, …}.
  jsonl                          FILE, or standard input: the output of session-admin export.

In SQL the application finds a session by its id with web.load_session(sha256(convert_to(ID, 'UTF8'))), or with \
web.get_session_data(ID).

Time zones: expiries of type timestamp without time zone (connect-pg-simple, express-pg-session and koa-pg-session create such \
columns) are local times in the zone of that store's connections, because PostgreSQL converts the epoch seconds that these \
stores send. The default is the setting of the owner of the table and of the database (alter role, alter database … set \
timezone), else of the server. If the store connected with another zone, name it with --expiry-time-zone. Numbers are \
seconds since the epoch (koa-generic-session-sequelize). For these stores a row without an expiry is not live; it counts as unreadable.

No statement has a session id as a parameter, so no log of either server has one. The data of the sessions are parameters. As \
a superuser, import turns off the logging of parameters here; for another user, a warning says if the server may log them.

These stores do not know the user of a session. With --user-pointer, imported sessions belong to the user that their data names, \
so that a list of the user's devices and \"log out everywhere\" include them. For axum-login: --user-pointer /axum-login.data/user_id. \
For passport: --user-pointer /passport/user. The user is a text; another value is taken as its JSON.

A change of the source after the import does not reach this store. To lose none, stop the application before the last import, \
and start it with this store after it.

The idle timeout of a session is originalMaxAge or maxAge of its cookie, if the data has one; else the time left until its expiry.

Rights: to read the source's table; in this database a superuser, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

Examples:
  session-admin import --from connect-pg-simple --dry-run
  session-admin import --from koa-pg-session --source-url postgresql://old-server/shop --expiry-time-zone Europe/Zurich
  session-admin import --from express-pg-session --table accounts.user_sessions --expiry-column expires_at
  ssh old-server session-admin export | session-admin import --from jsonl

--format json prints {\"outcome\":\"done\"|\"interrupted\", \"dry_run\":…, \"imported\":…, \"existing\":…, \"expired\":…, \"unreadable\":…, \
\"reasons\":{reason: number}, \"unreadable_sessions\":[{\"position\":…, \"reason\":…}] (the first 100), \"expiry_time_zone\":…}.";

/// Import sessions from another store or another server
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The store that wrote the sessions
    #[arg(long, value_enum, value_name = "STORE")]
    pub(super) from: SourceStore,
    /// With jsonl: the file to read, or - for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The server and database to read from: a URL, or keyword=value pairs [default: the database of the store]
    #[arg(
        long,
        env = "SOURCE_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(super) source_url: Option<String>,
    /// The table of the sessions, as schema.name; a part with a dot needs double quotes
    #[arg(long, value_name = "TABLE")]
    pub(super) table: Option<String>,
    /// The column of the session ids
    #[arg(long, value_name = "NAME")]
    pub(super) id_column: Option<String>,
    /// The column of the data
    #[arg(long, value_name = "NAME")]
    pub(super) data_column: Option<String>,
    /// The column of the expiries
    #[arg(long, value_name = "NAME")]
    pub(super) expiry_column: Option<String>,
    /// The time zone of expiries that have none, such as Europe/Zurich [default: see below]
    #[arg(long, value_name = "ZONE")]
    pub(super) expiry_time_zone: Option<String>,
    /// Remove this from the beginning of ids
    #[arg(long, value_name = "PREFIX")]
    pub(super) strip_prefix: Option<String>,
    /// Where the data names the user of the session, as a JSON pointer (RFC 6901), such as /axum-login.data/user_id
    #[arg(long, value_name = "POINTER")]
    pub(super) user_pointer: Option<String>,
    /// The most sessions in a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) batch: u16,
    /// Print what would be imported, and import nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// The stores that can be imported from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SourceStore {
    ConnectPgSimple,
    ExpressPgSession,
    KoaPgSession,
    KoaGenericSessionSequelize,
    TowerSessionsSqlxStore,
    Jsonl,
}

impl Args {
    /// Refuses options that do not go together.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if let Some(pointer) = &self.user_pointer
            && !pointer.starts_with('/')
        {
            return Err(CliError::new(
                format!("{:?} is not a JSON pointer", one_line(pointer)),
                "begin --user-pointer with a slash, and put one between two names: /axum-login.data/user_id",
            ));
        }
        if self.from != SourceStore::Jsonl {
            return match self.file {
                None => Ok(()),
                Some(_) => Err(CliError::new(
                    "FILE needs --from jsonl; the other stores are tables",
                    "name the table with --table, and its database with --source-url",
                )),
            };
        }
        // --source-url may be set in the environment for another import, so it is ignored.
        let table_option = [
            ("--table", self.table.is_some()),
            ("--id-column", self.id_column.is_some()),
            ("--data-column", self.data_column.is_some()),
            ("--expiry-column", self.expiry_column.is_some()),
            ("--expiry-time-zone", self.expiry_time_zone.is_some()),
            ("--strip-prefix", self.strip_prefix.is_some()),
            ("--user-pointer", self.user_pointer.is_some()),
        ]
        .into_iter()
        .find(|(_, is_given)| *is_given);
        match table_option {
            None => Ok(()),
            Some((name, _)) => Err(CliError::new(
                format!("{name} is for tables, and --from jsonl reads a file"),
                format!("omit {name}"),
            )),
        }
    }
}
