//! `session-admin end`

use postgres::{Client, Transaction};
use serde_json::json;
use uuid::Uuid;

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, grouped, one_line};
use crate::support::sessions::{self, COLUMNS, Listed};

const HELP: &str = "\
Ends sessions for good: the next request with one of them finds none, and no save that is under way brings one back. \
session-admin users USER shows a user's sessions and their handles. Exit status 1 if there was nothing to end.

--dry-run says what would end, and ends nothing.

--all logs everybody out. It wants --yes, and never asks; while it runs, requests that create or change sessions wait.

Rights: a superuser, or a member of the owner role (by default nodepg_owner). For --user without --except-handle the \
runtime role will do.

Examples:
  session-admin end --handle 0b6b66a5-3f0c-4c55-9d3a-3a54e1c2a1f7          # a stolen phone
  session-admin end --user 4711                                           # everywhere
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
    which: Which,
    /// With --user: leave this session alone
    #[arg(long, value_name = "HANDLE", requires = "user", conflicts_with_all = ["handle", "all"])]
    except_handle: Option<Uuid>,
    /// With --all: yes, everybody
    #[arg(long, requires = "all", conflicts_with_all = ["handle", "user"])]
    yes: bool,
    /// Say what would end, and end nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// End the session with this handle, whoever's it is
    #[arg(long, value_name = "HANDLE")]
    handle: Option<Uuid>,
    /// End the sessions of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// End every session of the store
    #[arg(long)]
    all: bool,
}

const RIGHTS: &str = "connect as a superuser (on the server's own machine: sudo -u postgres session-admin …), or as a member of the store's \
     owner role: grant nodepg_owner to …";

/// What is to end.
enum Target<'a> {
    Handle(Uuid),
    User(&'a str, Option<Uuid>),
    All,
}

/// What ended, or would.
struct Ended {
    count: i64,
    sessions: Option<Vec<Listed>>,
}

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let target = match (&arguments.which.handle, &arguments.which.user) {
        (Some(handle), _) => Target::Handle(*handle),
        (None, Some(user)) => Target::User(user, arguments.except_handle),
        (None, None) => Target::All,
    };
    if matches!(target, Target::All) && !arguments.yes && !arguments.dry_run {
        return Err(Failure::new(
            "end --all would log everybody out; nothing was ended",
            "add --yes if that is meant, or --dry-run to see how many there are",
        ));
    }
    let mut client = connection::open(global)?;
    let ended = if arguments.dry_run {
        look(&mut client, global, &target)
    } else {
        end(&mut client, global, &target)
    }?;
    report(global, arguments, &target, &ended)?;
    Ok(if ended.count > 0 {
        ExitStatus::Yes
    } else {
        ExitStatus::No
    })
}

fn report(
    global: &GlobalArgs,
    arguments: &Args,
    target: &Target<'_>,
    ended: &Ended,
) -> Result<(), Failure> {
    let Ended { count, sessions } = ended;
    let dry_run = arguments.dry_run;
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
        output::print(&sessions::table(sessions))?;
    }
    let (whose, nobody) = match target {
        Target::Handle(handle) => (
            String::new(),
            format!("there is no live session with the handle {handle}"),
        ),
        Target::User(user, None) => (
            format!(" of {}", one_line(user)),
            format!("{} has no live session", one_line(user)),
        ),
        Target::User(user, Some(_)) => (
            format!(" of {}", one_line(user)),
            format!("{} has no other live session", one_line(user)),
        ),
        Target::All => (String::new(), "there is no live session".into()),
    };
    let number = format!(
        "{} {}{whose}",
        grouped(*count),
        if *count == 1 { "session" } else { "sessions" }
    );
    output::remark(&match (count, dry_run) {
        (0, _) => format!("Nothing to end: {nobody}."),
        (_, true) => format!("{number} would end. Nothing was ended."),
        (_, false) => format!("{number} ended."),
    });
    Ok(())
}

fn end(client: &mut Client, global: &GlobalArgs, target: &Target<'_>) -> Result<Ended, Failure> {
    let schema = connection::identifier(&global.schema);
    let failed = |error: postgres::Error| failure::calling("end sessions", &error, global, RIGHTS);
    let count = match target {
        Target::Handle(handle) => client
            .query_one(
                &format!("select {schema}.end_session_by_handle($1)::integer::bigint"),
                &[handle],
            )
            .and_then(|row| row.try_get::<_, i64>(0))
            .map_err(failed)?,
        Target::User(user, None) => client
            .query_one(
                &format!("select {schema}.end_user_sessions($1)::bigint"),
                &[user],
            )
            .and_then(|row| row.try_get(0))
            .map_err(failed)?,
        Target::User(user, Some(except)) => {
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
        Target::All => client
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

/// A handle that is not the user's is a mistake, and to end all of his sessions would be another.
fn not_of_user(user: &str, handle: Uuid) -> Failure {
    Failure::new(
        format!(
            "{} has no live session with the handle {handle}; nothing was ended",
            one_line(user)
        ),
        "session-admin users USER shows the handles of a user's sessions; without --except-handle all of them end",
    )
}

fn look(client: &mut Client, global: &GlobalArgs, target: &Target<'_>) -> Result<Ended, Failure> {
    let schema = connection::identifier(&global.schema);
    let failed =
        |error: postgres::Error| failure::calling("look at the sessions", &error, global, RIGHTS);
    let rows = match target {
        Target::Handle(handle) => client.query(
            &format!(
                "select s.user_id, {COLUMNS}
                from {schema}.session as s
                where s.handle = $1
                    and s.expires_at > pg_catalog.statement_timestamp()"
            ),
            &[handle],
        ),
        Target::User(user, _) => client.query(
            &format!("select $1::text, {COLUMNS} from {schema}.user_sessions($1::text) as s"),
            &[user],
        ),
        Target::All => {
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
    if let Target::User(user, Some(except)) = target {
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
