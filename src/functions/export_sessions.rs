use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};
use crate::session::{SessionKey, SessionRecord};

/// Returns live sessions in the order of their keys. For administrators.
pub(crate) struct ExportSessions<'a> {
    after: Option<&'a SessionKey>,
    max_rows: i32,
}

impl<'a> ExportSessions<'a> {
    /// Exports a page of at most so many sessions, those after a key.
    pub(crate) fn new(
        after: Option<&'a SessionKey>,
        max_rows: u32,
    ) -> Result<ExportSessions<'a>, Error> {
        match i32::try_from(max_rows) {
            Ok(max_rows) if max_rows > 0 => Ok(ExportSessions { after, max_rows }),
            _ => Err(Error::argument("a page must have 1 to 2147483647 rows")),
        }
    }
}

/// A time in the format of RFC 3339, which has no other years.
macro_rules! rfc_3339 {
    ($column:literal) => {
        concat!(
            "case when ",
            $column,
            " between '0001-01-01 UTC' and '9999-12-31 UTC' then pg_catalog.to_char(",
            $column,
            r#" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end, "#
        )
    };
}

impl<'a> Function<'a> for ExportSessions<'a> {
    const STATEMENT: &'static str = concat!(
        "select key, data, ",
        rfc_3339!("created_at"),
        rfc_3339!("last_used_at"),
        rfc_3339!("expires_at"),
        rfc_3339!("absolute_expires_at"),
        "idle_timeout_seconds, user_id, pg_catalog.abbrev(client_address), user_agent, label ",
        "from {schema}.export_sessions($1, $2)"
    );
    const CHANGES: bool = false;
    const SCANS: bool = true;
    type Output = Vec<SessionRecord>;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::OptionalKey(self.after),
            Parameter::Integer(Some(self.max_rows)),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<Vec<SessionRecord>, Error> {
        reply.rows().iter().map(record).collect()
    }
}

fn record(row: &Row) -> Result<SessionRecord, Error> {
    let key: &[u8] = column(row, 0)?;
    Ok(SessionRecord {
        key: key
            .try_into()
            .map_err(|_| Error::reply("a key that has not 32 bytes"))?,
        data: column(row, 1)?,
        created_at: column(row, 2)?,
        last_used_at: column(row, 3)?,
        expires_at: column(row, 4)?,
        absolute_expires_at: column(row, 5)?,
        idle_timeout_seconds: column(row, 6)?,
        user_id: column(row, 7)?,
        client_address: column(row, 8)?,
        user_agent: column(row, 9)?,
        label: column(row, 10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_1_to_2147483647_rows() {
        for (max_rows, is_valid) in [(0, false), (1, true), (1 << 31, false)] {
            let export = ExportSessions::new(None, max_rows);
            assert_eq!(export.is_ok(), is_valid, "{max_rows}");
            assert!(export.err().is_none_or(|e| e.is_invalid_argument()));
        }
        assert!(ExportSessions::new(None, (1 << 31) - 1).is_ok());
    }
}
