use std::sync::Arc;
use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::Error;
use crate::functions::columns::Columns;
use crate::functions::composite_value::CompositeValue;
use crate::session::Expiry;

/// What the server returned for a call.
pub struct Reply {
    rows: Rows,
    repeated: bool,
    group_size: usize,
}

enum Rows {
    Own(Vec<Row>),
    /// One row of the reply to a group. Equal calls of the group share it.
    Shared(Arc<Row>),
}

/// One row of a reply, or a composite value.
pub(crate) enum ReplyRow {
    Own(Row),
    Shared(Arc<Row>),
    Composite(CompositeValue),
}

impl Columns for ReplyRow {
    fn read<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Error> {
        match self {
            ReplyRow::Own(row) => row.read(index),
            ReplyRow::Shared(row) => row.read(index),
            ReplyRow::Composite(value) => value.read(index),
        }
    }
}

impl Reply {
    /// Returns the reply to a call that was sent once.
    pub(crate) fn new(rows: Vec<Row>) -> Reply {
        Reply::repeated(rows, false)
    }

    /// Returns the reply to a call that was sent again. `may_have_executed` is true if the first one may have been executed.
    pub(crate) fn repeated(rows: Vec<Row>, may_have_executed: bool) -> Reply {
        Reply {
            rows: Rows::Own(rows),
            repeated: may_have_executed,
            group_size: 1,
        }
    }

    /// Returns the part of a group's reply that is for one of its calls.
    pub(crate) fn of_group(row: &Arc<Row>, may_have_executed: bool, group_size: usize) -> Reply {
        Reply {
            rows: Rows::Shared(Arc::clone(row)),
            repeated: may_have_executed,
            group_size,
        }
    }

    /// Returns true if the same call was sent before, on a connection that broke, and may have been executed.
    pub(crate) fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// Returns how many calls the reply was for.
    pub(crate) fn group_size(&self) -> usize {
        self.group_size
    }

    pub(crate) fn rows(&self) -> &[Row] {
        match &self.rows {
            Rows::Own(rows) => rows,
            Rows::Shared(row) => std::slice::from_ref(row),
        }
    }

    /// Returns the first row, if there is one.
    pub(crate) fn optional_row(self) -> Option<ReplyRow> {
        match self.rows {
            Rows::Own(rows) => rows.into_iter().next().map(ReplyRow::Own),
            Rows::Shared(row) => Some(ReplyRow::Shared(row)),
        }
    }

    /// Returns the first row.
    pub(crate) fn row(self) -> Result<ReplyRow, Error> {
        self.optional_row().ok_or_else(|| Error::reply("no row"))
    }

    /// Returns the composite value that a statement of `composite!` selects, or the row of a group that replaces it.
    pub(crate) fn optional_composite(self) -> Result<Option<ReplyRow>, Error> {
        match self.row()? {
            ReplyRow::Own(row) => Ok(CompositeValue::from_row(row)?.map(ReplyRow::Composite)),
            row => Ok(Some(row)),
        }
    }

    /// Returns the composite value that is never null.
    pub(crate) fn composite(self) -> Result<ReplyRow, Error> {
        self.optional_composite()?
            .ok_or_else(|| Error::reply("null"))
    }

    /// Returns the rows of a reply that is not part of a group's.
    pub(crate) fn into_shared_rows(self) -> Vec<Arc<Row>> {
        match self.rows {
            Rows::Own(rows) => rows.into_iter().map(Arc::new).collect(),
            Rows::Shared(row) => vec![row],
        }
    }

    /// Returns the value of a reply that is one row of one column.
    pub(crate) fn value<T: for<'a> FromSql<'a>>(self) -> Result<T, Error> {
        let row = self.row()?;
        column(&row, 0)
    }
}

/// Reads a result by its position.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a impl Columns, index: usize) -> Result<T, Error> {
    row.read(index)
}

/// Reads the columns `expires_at` and `server_time`, by their positions.
pub(crate) fn expiry(
    row: &impl Columns,
    expires_at: usize,
    server_time: usize,
) -> Result<Expiry, Error> {
    let at: SystemTime = column(row, expires_at)?;
    let now: SystemTime = column(row, server_time)?;
    Ok(Expiry {
        at,
        left: at.duration_since(now).unwrap_or_default(),
    })
}

/// Reads a column that holds a number of rows.
pub(crate) fn count(row: &impl Columns, index: usize) -> Result<u32, Error> {
    let count: i32 = column(row, index)?;
    u32::try_from(count).map_err(|_| Error::reply("a negative number of rows"))
}
