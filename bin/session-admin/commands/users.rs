//! `session-admin users`

use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::session_table::{self, Listed};
use crate::support::text::one_line;

const HELP: &str = "\
Lists the live sessions of a user, the last used one first. \"Last used\" is exact to the time between two slides (by \
default 1 to 10 minutes). To end a session, pass its handle to session-admin end --handle. \
Ids and data of sessions are not shown. Times are in UTC. Exit status 1 if the user has no live session.

Rights: the runtime role, a superuser, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

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
    let sessions: Vec<Listed> = connection::store(&mut client, global)
        .and_then(|store| store.user_sessions(user))
        .map_err(|error| {
            call_failed(
                "list the sessions",
                &error,
                global,
                Rights::RuntimeOrOwnerRole,
            )
        })?
        .into_iter()
        .map(|session| Listed::new(Some(user), session))
        .collect();
    match global.format() {
        Format::Json => output::print_json(&json!({
            "user": user,
            "sessions": session_table::json(&sessions),
        }))?,
        Format::Text if sessions.is_empty() => {
            output::remark(&format!("{} has no live session.", one_line(user)));
        }
        Format::Text => output::print(&session_table::table(&sessions))?,
    }
    Ok(ExitStatus::of(!sessions.is_empty()))
}
