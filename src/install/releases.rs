//! The released SQL that this build contains.

use postgres::error::SqlState;
use refinery_core::Runner;

use crate::error::Error;

mod embedded {
    ::refinery::embed_migrations!("sql/released");
}

/// Returns refinery's runner of all releases.
pub(super) fn runner() -> Runner {
    embedded::migrations::runner()
}

/// Returns the version and the SQL of the newest release.
pub(super) fn newest(runner: &Runner) -> Result<(i32, &str), Error> {
    runner
        .get_migrations()
        .iter()
        .max()
        .and_then(|release| Some((release.version(), release.sql()?)))
        .ok_or_else(|| Error::install("this build contains no released SQL"))
}

/// Returns the error of released SQL. The SQL raises 55000 if the database has a newer release, which psql may have installed
/// without a history.
pub(super) fn execution_error(error: postgres::Error) -> Error {
    if error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) {
        Error::newer_database(Error::call(error).to_string())
    } else {
        Error::call(error)
    }
}
