//! `session-admin end`

use connect_pg::uuid::Uuid;
use connect_pg::{Backend, Store};
use postgres::error::SqlState;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::blockers::{self, Blocker};
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::error_details::ErrorDetails;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::session_table::{self, Listed};
use crate::support::text::{counted, one_line};

const HELP: &str = "\
Ends sessions permanently: no request can use them afterwards, and no save in progress can restore them. \
session-admin users USER lists a user's sessions and their handles. Exit status 1 if no live session matched.

--all logs out every user. It requires --yes. Behind an open transaction that has changed sessions, it \
fails after 10 seconds and names the process in the way. --terminate then ends the processes that lock the table against it, \
prints them, and tries again. That needs a superuser, or a member of pg_signal_backend as well.

Rights: a superuser, or a member of the owner role (by default nodepg_owner). An installer that is no superuser becomes one by: grant nodepg_owner to current_user. \
The runtime role may use --user without --except-handle.

Examples:
  session-admin end --handle 0b6b66a5-3f0c-4c55-9d3a-3a54e1c2a1f7          # a stolen phone
  session-admin end --user 4711                                           # on all devices
  session-admin end --user 4711 --except-handle 0b6b66a5-3f0c-4c55-9d3a-3a54e1c2a1f7
  session-admin end --all --dry-run
  session-admin end --all --yes --terminate                               # an emergency

--format json prints {\"dry_run\":…, \"ended\":…, \"would_end\":…, \"sessions\":[as users prints them], \
\"terminated\":[{\"pid\":…, \"role\":…, \"application_name\":…, \"transaction_age\":…, \"has_ended\":…}]}; sessions is null for \
--all, and without --dry-run.";

/// How many times --terminate ends what is in the way. A client may connect again.
const TERMINATIONS: usize = 3;

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
    /// With --all: end the server processes that keep it waiting
    #[arg(long, requires = "all", conflicts_with_all = ["handle", "user", "dry_run"])]
    terminate: bool,
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
#[derive(Default)]
struct Ended {
    count: u64,
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
    let mut terminated = Vec::new();
    let mut rounds = if args.terminate { TERMINATIONS } else { 0 };
    let ended = loop {
        let ended = connection::store(&mut client, global).and_then(|store| {
            if args.dry_run {
                select(&store, &selection)
            } else {
                end(&store, &selection)
            }
        });
        match ended {
            Ok(ended) => break ended,
            Err(error) if is_behind_lock(&selection, &error) => {
                if rounds == 0 {
                    return Err(behind_lock(&error, args.terminate));
                }
                rounds -= 1;
            }
            Err(error) => {
                return Err(call_failed(
                    "end sessions",
                    &error,
                    global,
                    Rights::OwnerRole,
                ));
            }
        }
        for blocker in blockers::terminate(&mut client, &global.schema)? {
            output::remark(&blocker.describe());
            terminated.push(blocker);
        }
    };
    let ended = match (ended, &selection) {
        (Some(ended), _) => ended,
        (None, EndSelection::User(user, Some(handle))) => return Err(not_of_user(user, *handle)),
        (None, _) => Ended::default(),
    };
    report(global, args, &selection, &ended, &terminated)?;
    Ok(ExitStatus::of(ended.count > 0))
}

fn is_behind_lock(selection: &EndSelection<'_>, error: &connect_pg::Error) -> bool {
    matches!(selection, EndSelection::All)
        && error.code() == Some(SqlState::LOCK_NOT_AVAILABLE.code())
}

/// Describes open transactions that keep all sessions from being locked.
fn behind_lock(error: &connect_pg::Error, did_terminate: bool) -> CliError {
    let details = ErrorDetails::of(error);
    let next = if did_terminate {
        "pg_locks and pg_prepared_xacts show what is in the way; rollback prepared ends a prepared transaction"
    } else {
        "to end what is in the way: session-admin end --all --yes --terminate"
    };
    let hint = match details.hint {
        Some(hint) => format!("{hint}; {next}"),
        None => next.into(),
    };
    CliError::new(
        format!("cannot end sessions: {}; nothing was ended", details.text),
        hint,
    )
}

/// Ends the sessions. Returns `None` if the session to keep is not one of the user's.
fn end<B: Backend>(
    store: &Store<B>,
    selection: &EndSelection<'_>,
) -> Result<Option<Ended>, connect_pg::Error> {
    let count = match selection {
        EndSelection::Handle(handle) => Some(u64::from(store.end_by_handle(*handle)?)),
        EndSelection::User(user, None) => Some(store.end_user_sessions(user, None)?.into()),
        EndSelection::User(user, Some(except)) => store
            .end_user_sessions_except_handle(user, *except)?
            .map(u64::from),
        EndSelection::All => Some(store.end_all()?),
    };
    Ok(count.map(|count| Ended {
        count,
        sessions: None,
    }))
}

/// Returns the sessions that would end, or `None` if the session to keep is not one of the user's.
fn select<B: Backend>(
    store: &Store<B>,
    selection: &EndSelection<'_>,
) -> Result<Option<Ended>, connect_pg::Error> {
    let sessions: Vec<Listed> = match selection {
        EndSelection::Handle(handle) => store
            .find_session(*handle)?
            .map(|found| Listed::new(found.user_id.as_deref(), found.session))
            .into_iter()
            .collect(),
        EndSelection::User(user, except) => {
            let all = store.user_sessions(user)?;
            if except.is_some_and(|except| all.iter().all(|session| session.handle() != except)) {
                return Ok(None);
            }
            all.into_iter()
                .filter(|session| Some(session.handle()) != *except)
                .map(|session| Listed::new(Some(user), session))
                .collect()
        }
        EndSelection::All => {
            return Ok(Some(Ended {
                count: store.count()?,
                sessions: None,
            }));
        }
    };
    Ok(Some(Ended {
        count: sessions.len() as u64,
        sessions: Some(sessions),
    }))
}

/// Describes a handle that is not the user's. The call ends none, because a wrong handle is a mistake.
fn not_of_user(user: &str, handle: Uuid) -> CliError {
    CliError::new(
        format!(
            "{} has no live session with the handle {handle}; nothing was ended",
            one_line(user)
        ),
        "list the handles: session-admin users USER; without --except-handle, all sessions of the user end",
    )
}

fn report(
    global: &GlobalArgs,
    args: &Args,
    selection: &EndSelection<'_>,
    ended: &Ended,
    terminated: &[Blocker],
) -> Result<(), CliError> {
    let Ended { count, sessions } = ended;
    let dry_run = args.dry_run;
    if global.format() == Format::Json {
        return output::print_json(&json!({
            "dry_run": dry_run,
            "ended": if dry_run { 0 } else { *count },
            "would_end": if dry_run { Some(count) } else { None },
            "sessions": sessions.as_deref().map(session_table::json),
            "terminated": terminated.iter().map(Blocker::json).collect::<serde_json::Value>(),
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
