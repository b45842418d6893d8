//! `session-admin users`

use serde_json::json;

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, one_line};
use crate::support::sessions::{self, COLUMNS, Listed};

const HELP: &str = "\
Lists the live sessions of a user, the one used last first. \"Last used\" is exact to the time between two slides (by \
default 1 to 10 minutes). The handle names a session where its id must not be shown: session-admin end --handle ends it. \
Neither ids nor data of sessions are shown. Times are in UTC. Exit status 1 if the user has no live session.

Rights: the runtime role may do this, a member of the owner role (by default nodepg_owner), or a superuser.

Examples:
  session-admin users 4711
  session-admin users alice@example.org --format json | jq -r '.sessions[].handle'

--format json prints {\"user\":…, \"sessions\":[{\"handle\":…, \"user\":…, \"created_at\":…, \"last_used_at\":…, \"expires_at\":…, \
\"client_address\":…, \"user_agent\":…, \"label\":…}, …]}.";

/// List the sessions of a user
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The user's id, as the application gave it to the store
    #[arg(value_name = "USER")]
    user: String,
}

const RIGHTS: &str =
    "connect as the runtime role of the store, as a member of its owner role, or as a superuser";

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let user = &arguments.user;
    let mut client = connection::open(global)?;
    let sql = format!(
        "select $1::text, {COLUMNS} from {}.user_sessions($1::text) as s",
        connection::identifier(&global.schema)
    );
    let sessions = client
        .query(&sql, &[user])
        .and_then(|rows| rows.iter().map(Listed::read).collect::<Result<Vec<_>, _>>())
        .map_err(|error| failure::calling("list the sessions", &error, global, RIGHTS))?;
    match global.format {
        Format::Json => output::print_json(&json!({
            "user": user,
            "sessions": sessions.iter().map(Listed::json).collect::<serde_json::Value>(),
        }))?,
        Format::People if sessions.is_empty() => {
            output::remark(&format!("{} has no live session.", one_line(user)));
        }
        Format::People => output::print(&sessions::table(&sessions))?,
    }
    Ok(if sessions.is_empty() {
        ExitStatus::No
    } else {
        ExitStatus::Yes
    })
}
