use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::Error;

/// Where a function's results are, by their positions.
pub(crate) trait Columns {
    /// Decodes one result.
    fn read<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Error>;
}

impl Columns for Row {
    fn read<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Error> {
        self.try_get(index).map_err(Error::column)
    }
}
