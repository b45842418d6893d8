use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::Error;
use crate::session::Expiry;

/// What the server returned for a call.
pub struct Reply {
    rows: Vec<Row>,
    repeated: bool,
}

impl Reply {
    /// Returns the reply to a call that was sent once.
    pub(crate) fn new(rows: Vec<Row>) -> Reply {
        Reply {
            rows,
            repeated: false,
        }
    }

    /// Returns the reply to a call that was sent again. `may_have_executed` is true if the first one may have been executed.
    pub(crate) fn repeated(rows: Vec<Row>, may_have_executed: bool) -> Reply {
        Reply {
            rows,
            repeated: may_have_executed,
        }
    }

    /// Returns true if the same call was sent before, on a connection that broke, and may have been executed.
    pub(crate) fn is_repeated(&self) -> bool {
        self.repeated
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the first row, if there is one.
    pub(crate) fn optional_row(self) -> Option<Row> {
        self.rows.into_iter().next()
    }

    /// Returns the first row.
    pub(crate) fn row(self) -> Result<Row, Error> {
        self.optional_row().ok_or_else(|| Error::reply("no row"))
    }

    /// Returns the value of a reply that is one row of one column.
    pub(crate) fn value<T: for<'a> FromSql<'a>>(self) -> Result<T, Error> {
        column(&self.row()?, 0)
    }
}

/// Reads a column by its position in the statement.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Error> {
    row.try_get(index).map_err(Error::column)
}

/// Reads the columns `expires_at` and `server_time`, by their positions.
pub(crate) fn expiry(row: &Row, expires_at: usize, server_time: usize) -> Result<Expiry, Error> {
    let at: SystemTime = column(row, expires_at)?;
    let now: SystemTime = column(row, server_time)?;
    Ok(Expiry {
        at,
        left: at.duration_since(now).unwrap_or_default(),
    })
}

/// Reads a column that holds a number of rows.
pub(crate) fn count(row: &Row, index: usize) -> Result<u32, Error> {
    let count: i32 = column(row, index)?;
    u32::try_from(count).map_err(|_| Error::reply("a negative number of rows"))
}
