//! `session-admin users`

use connect_pg::quote_identifier;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::session_table::{self, COLUMNS, Listed};
use crate::support::text::one_line;

const HELP: &str = "\
Lists the live sessions of a user, the last used one first. \"Last used\" is exact to the time between two slides (by \
default 1 to 10 minutes). To end a session, pass its handle to session-admin end --handle. \
Ids and data of sessions are not shown. Times are in UTC. Exit status 1 if the user has no live session.

Rights: the runtime role, a member of the owner role (by default nodepg_owner), or a superuser.

Examples:
  session-admin users 4711
  session-admin users alice@example.org --format json | jq -r '.sessions[].handle'

--format json prints {\"user\":…, \"sessions\":[{\"handle\":…, \"user\":…, \"created_at\":…, \"last_used_at\":…, \"expires_at\":…, \
\"client_address\":…, \"user_agent\":…, \"label\":…}, …]}.";

/// List the sessions of a user
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The user's id, as the application stores it
    #[arg(value_name = "USER")]
    user: String,
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let user = &args.user;
    let mut client = connection::open(global)?;
    let sql = format!(
        "select $1::text, {COLUMNS} from {}.user_sessions($1::text) as s",
        quote_identifier(&global.schema)
    );
    let sessions = client
        .query(&sql, &[user])
        .and_then(|rows| rows.iter().map(Listed::read).collect::<Result<Vec<_>, _>>())
        .map_err(|error| {
            call_failed(
                "list the sessions",
                &error,
                global,
                Rights::RuntimeOrOwnerRole,
            )
        })?;
    match global.format {
        Format::Json => output::print_json(&json!({
            "user": user,
            "sessions": sessions.iter().map(Listed::json).collect::<serde_json::Value>(),
        }))?,
        Format::Text if sessions.is_empty() => {
            output::remark(&format!("{} has no live session.", one_line(user)));
        }
        Format::Text => output::print(&session_table::table(&sessions))?,
    }
    Ok(ExitStatus::of(!sessions.is_empty()))
}
