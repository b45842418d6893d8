//! `session-admin end`

use connect_pg::quote_identifier;
use postgres::{Client, Transaction};
use serde_json::json;
use uuid::Uuid;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::session_table::{self, COLUMNS, Listed};
use crate::support::text::{counted, one_line};

const HELP: &str = "\
Ends sessions permanently: no request can use them afterwards, and no save in progress can restore them. \
session-admin users USER lists a user's sessions and their handles. Exit status 1 if no live session matched.

--all logs out every user. It requires --yes. While it runs, requests that create or change sessions wait.

Rights: a superuser, or a member of the owner role (by default nodepg_owner). The runtime role may use --user without \
--except-handle.

Examples:
  session-admin end --handle 0b6b66a5-3f0c-4c55-9d3a-3a54e1c2a1f7          # a stolen phone
  session-admin end --user 4711                                           # on all devices
  session-admin end --user 4711 --except-handle 0b6b66a5-3f0c-4c55-9d3a-3a54e1c2a1f7
  session-admin end --all --dry-run

--format json prints {\"dry_run\":…, \"ended\":…, \"would_end\":…, \"sessions\":[as users prints them]}; sessions is null for \
--all, and without --dry-run.";

/// End sessions: one, a user's, or all
#[derive(clap::Args)]
#[command(after_help = HELP)]
#[group(skip)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: SelectionArgs,
    /// With --user: keep this session
    #[arg(long, value_name = "HANDLE", requires = "user", conflicts_with_all = ["handle", "all"])]
    except_handle: Option<Uuid>,
    /// With --all: confirm
    #[arg(long, requires = "all", conflicts_with_all = ["handle", "user"])]
    yes: bool,
    /// Print what would end, and end nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct SelectionArgs {
    /// End the session with this handle
    #[arg(long, value_name = "HANDLE")]
    handle: Option<Uuid>,
    /// End all sessions of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// End every session of the store
    #[arg(long)]
    all: bool,
}

/// The sessions to end.
enum EndSelection<'a> {
    Handle(Uuid),
    User(&'a str, Option<Uuid>),
    All,
}

/// The sessions that ended, or would end.
struct Ended {
    count: i64,
    sessions: Option<Vec<Listed>>,
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let selection = match (&args.selection.handle, &args.selection.user) {
        (Some(handle), _) => EndSelection::Handle(*handle),
        (None, Some(user)) => EndSelection::User(user, args.except_handle),
        (None, None) => EndSelection::All,
    };
    if matches!(selection, EndSelection::All) && !args.yes && !args.dry_run {
        return Err(CliError::new(
            "end --all would log out every user; nothing was ended",
            "confirm with --yes, or count them first: session-admin end --all --dry-run",
        ));
    }
    let mut client = connection::open(global)?;
    let ended = if args.dry_run {
        look(&mut client, global, &selection)
    } else {
        end(&mut client, global, &selection)
    }?;
    report(global, args, &selection, &ended)?;
    Ok(ExitStatus::of(ended.count > 0))
}

fn report(
    global: &GlobalArgs,
    args: &Args,
    selection: &EndSelection<'_>,
    ended: &Ended,
) -> Result<(), CliError> {
    let Ended { count, sessions } = ended;
    let dry_run = args.dry_run;
    if global.format == Format::Json {
        return output::print_json(&json!({
            "dry_run": dry_run,
            "ended": if dry_run { 0 } else { *count },
            "would_end": if dry_run { Some(count) } else { None },
            "sessions": sessions.as_ref().map(|sessions| {
                sessions.iter().map(Listed::json).collect::<serde_json::Value>()
            }),
        }));
    }
    if let Some(sessions) = sessions.as_ref().filter(|sessions| !sessions.is_empty()) {
        output::print(&session_table::table(sessions))?;
    }
    let (whose, no_match) = match selection {
        EndSelection::Handle(handle) => (
            String::new(),
            format!("no live session has the handle {handle}"),
        ),
        EndSelection::User(user, None) => (
            format!(" of {}", one_line(user)),
            format!("{} has no live session", one_line(user)),
        ),
        EndSelection::User(user, Some(_)) => (
            format!(" of {}", one_line(user)),
            format!("{} has no other live session", one_line(user)),
        ),
        EndSelection::All => (String::new(), "there is no live session".into()),
    };
    let number = format!("{}{whose}", counted(*count, "session", "sessions"));
    output::remark(&match (count, dry_run) {
        (0, _) => format!("Nothing to end: {no_match}."),
        (_, true) => format!("Would end {number}. Nothing was ended."),
        (_, false) => format!("Ended {number}."),
    });
    Ok(())
}

fn end(
    client: &mut Client,
    global: &GlobalArgs,
    selection: &EndSelection<'_>,
) -> Result<Ended, CliError> {
    let schema = quote_identifier(&global.schema);
    let failed =
        |error: postgres::Error| call_failed("end sessions", &error, global, Rights::OwnerRole);
    let count = match selection {
        EndSelection::Handle(handle) => client
            .query_one(
                &format!("select {schema}.end_session_by_handle($1)::integer::bigint"),
                &[handle],
            )
            .and_then(|row| row.try_get::<_, i64>(0))
            .map_err(failed)?,
        EndSelection::User(user, None) => client
            .query_one(
                &format!("select {schema}.end_user_sessions($1)::bigint"),
                &[user],
            )
            .and_then(|row| row.try_get(0))
            .map_err(failed)?,
        EndSelection::User(user, Some(except)) => {
            let mut transaction = client.transaction().map_err(failed)?;
            // In the order of end_user_sessions: first the user, then rows. From here on the session keeps its key.
            let key = transaction
                .execute(&format!("select {schema}.lock_user($1)"), &[user])
                .and_then(|_| key_to_keep(&mut transaction, &schema, user, *except))
                .map_err(failed)?
                .ok_or_else(|| not_of_user(user, *except))?;
            transaction
                .query_one(
                    &format!("select {schema}.end_user_sessions($1, $2)::bigint"),
                    &[user, &key],
                )
                .and_then(|row| row.try_get(0))
                .and_then(|count| transaction.commit().map(|()| count))
                .map_err(failed)?
        }
        EndSelection::All => client
            .query_one(&format!("select {schema}.end_all_sessions()"), &[])
            .and_then(|row| row.try_get(0))
            .map_err(failed)?,
    };
    Ok(Ended {
        count,
        sessions: None,
    })
}

fn key_to_keep(
    transaction: &mut Transaction<'_>,
    schema: &str,
    user: &str,
    handle: Uuid,
) -> Result<Option<Vec<u8>>, postgres::Error> {
    transaction
        .query_opt(
            &format!(
                "select s.key
                from {schema}.session as s
                where s.handle = $2
                    and s.user_id = $1
                    and s.expires_at > pg_catalog.statement_timestamp()
                for no key update"
            ),
            &[&user, &handle],
        )?
        .map(|row| row.try_get(0))
        .transpose()
}

/// The handle of another user is a mistake. Ending all sessions of this user would be another.
fn not_of_user(user: &str, handle: Uuid) -> CliError {
    CliError::new(
        format!(
            "{} has no live session with the handle {handle}; nothing was ended",
            one_line(user)
        ),
        "list the handles: session-admin users USER; without --except-handle, all sessions of the user end",
    )
}

fn look(
    client: &mut Client,
    global: &GlobalArgs,
    selection: &EndSelection<'_>,
) -> Result<Ended, CliError> {
    let schema = quote_identifier(&global.schema);
    let failed = |error: postgres::Error| {
        call_failed("list the sessions", &error, global, Rights::OwnerRole)
    };
    let rows = match selection {
        EndSelection::Handle(handle) => client.query(
            &format!(
                "select s.user_id, {COLUMNS}
                from {schema}.session as s
                where s.handle = $1
                    and s.expires_at > pg_catalog.statement_timestamp()"
            ),
            &[handle],
        ),
        EndSelection::User(user, _) => client.query(
            &format!("select $1::text, {COLUMNS} from {schema}.user_sessions($1::text) as s"),
            &[user],
        ),
        EndSelection::All => {
            return client
                .query_one(&format!("select {schema}.count_sessions()::bigint"), &[])
                .and_then(|row| row.try_get(0))
                .map(|count| Ended {
                    count,
                    sessions: None,
                })
                .map_err(failed);
        }
    };
    let mut sessions = rows
        .and_then(|rows| rows.iter().map(Listed::read).collect::<Result<Vec<_>, _>>())
        .map_err(failed)?;
    if let EndSelection::User(user, Some(except)) = selection {
        let before = sessions.len();
        sessions.retain(|session| session.handle() != except.to_string());
        if sessions.len() == before {
            return Err(not_of_user(user, *except));
        }
    }
    Ok(Ended {
        count: i64::try_from(sessions.len()).unwrap_or(i64::MAX),
        sessions: Some(sessions),
    })
}
