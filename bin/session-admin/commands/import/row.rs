//! The rows of another store's table.

use connect_pg::SessionRecord;
use postgres::Row;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::catalog::Column;
use super::data;

/// A table and its columns.
pub(super) struct RowQuery {
    /// Quoted, with its schema.
    pub(super) table: String,
    pub(super) id: Column,
    pub(super) data: Column,
    pub(super) expiry: Column,
    /// The data is a `MessagePack` record; else JSON.
    pub(super) is_record: bool,
    pub(super) has_unique_ids: bool,
    /// The rows have a ctid, which is no secret.
    pub(super) has_ctid: bool,
}

impl RowQuery {
    /// Returns the expiry as an SQL expression of type timestamptz, or `None` if the column's type has none. Times outside the
    /// calendar become infinity.
    pub(super) fn expiry_expression(&self) -> Option<String> {
        let expiry = self.expiry.quoted();
        Some(match self.expiry.kind.as_str() {
            "timestamp with time zone" => expiry,
            "timestamp without time zone" => format!(
                "case when {expiry} > '9999-12-30' then 'infinity'
                    when {expiry} < '0001-01-02' then '-infinity'
                    else {expiry} at time zone $1::text end"
            ),
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => format!(
                "case when {expiry} > 253402214400 then 'infinity'
                    when {expiry} < -62135510400 then '-infinity'
                    else to_timestamp({expiry}::double precision) end"
            ),
            _ => return None,
        })
    }

    /// Returns the statement that reads all rows. Its parameter is the time zone of the expiries.
    ///
    /// It has no id as a parameter, because the source's server may log parameters.
    pub(super) fn statement(&self) -> String {
        let (id, data, expiry) = (self.id.quoted(), self.data.quoted(), self.expiry.quoted());
        // A database with encoding SQL_ASCII may hold bytes that are not UTF-8. One such row must not stop the others.
        let encoding =
            "case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end";
        let data = if self.is_record {
            data
        } else {
            format!("convert_to({data}::text, {encoding})")
        };
        let position = if self.has_ctid {
            "s.tableoid::regclass::text || ', ctid ' || s.ctid::text"
        } else {
            "null::text"
        };
        // Of several rows with one id, the one that expires last comes first. A row without a ctid is named by its place.
        let order = match (self.has_unique_ids, self.has_ctid) {
            (true, true) => String::new(),
            (true, false) => format!("order by {id}"),
            (false, _) => format!("order by {id}, {expiry} desc nulls last"),
        };
        format!(
            "select
                convert_to({id}::text, {encoding}),
                {data},
                ({expires_at})::text,
                {position}
            from {table} as s
            where {id} is not null
                and ($1::text is null or true)
            {order}",
            expires_at = self.expiry_expression().unwrap_or_default(),
            table = self.table
        )
    }

    /// Returns the statement that counts rows without an id.
    pub(super) fn count_without_id(&self) -> String {
        format!(
            "select count(*) from {} as s where {} is null",
            self.table,
            self.id.quoted()
        )
    }
}

/// How a row becomes a session.
pub(super) struct Decoder<'a> {
    /// The data is a `MessagePack` record; else JSON.
    pub(super) is_record: bool,
    /// Removed from the beginning of ids.
    pub(super) prefix: &'a str,
    /// Where the data names the user: a JSON pointer.
    pub(super) user_pointer: Option<&'a str>,
}

/// A row of the table.
pub(super) struct SourceRow {
    pub(super) position: Option<String>,
    /// The session, or why the row has none.
    pub(super) session: Result<SessionRecord, &'static str>,
}

impl Decoder<'_> {
    /// Decodes a row.
    pub(super) fn decode(&self, row: &Row) -> Result<SourceRow, postgres::Error> {
        let id: &[u8] = row.try_get(0)?;
        let data: Option<&[u8]> = row.try_get(1)?;
        let expires_at: Option<String> = row.try_get(2)?;
        Ok(SourceRow {
            position: row.try_get(3)?,
            session: self.session(id, data, expires_at),
        })
    }

    fn session(
        &self,
        id: &[u8],
        data: Option<&[u8]>,
        expires_at: Option<String>,
    ) -> Result<SessionRecord, &'static str> {
        let id = std::str::from_utf8(id).map_err(|_| "the id is not UTF-8")?;
        let id = id.strip_prefix(self.prefix).unwrap_or(id);
        let data = data.ok_or("no data")?;
        let expires_at = expires_at.ok_or("no expiry")?;
        let (data, idle_timeout_seconds) = if self.is_record {
            (data::record(data)?, None)
        } else {
            data::json(data)?
        };
        let mut session = SessionRecord::new(Sha256::digest(id.as_bytes()).into());
        session.user_id = self.user_pointer.and_then(|pointer| user(&data, pointer));
        session.data = Some(data);
        session.expires_at = Some(expires_at);
        session.idle_timeout_seconds = idle_timeout_seconds;
        Ok(session)
    }
}

/// Returns the user that the data names: a text, or another value as its JSON. The adapter for tower-sessions does the same.
fn user(data: &str, pointer: &str) -> Option<String> {
    match serde_json::from_str::<Value>(data).ok()?.pointer(pointer)? {
        Value::Null => None,
        Value::String(user) => (!user.is_empty()).then(|| user.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_where_pointer_says() {
        for (data, user_id) in [
            (r#"{"axum-login.data":{"user_id":"ada"}}"#, Some("ada")),
            (r#"{"axum-login.data":{"user_id":42}}"#, Some("42")),
            (
                r#"{"axum-login.data":{"user_id":["a",1]}}"#,
                Some(r#"["a",1]"#),
            ),
            (r#"{"axum-login.data":{"user_id":null}}"#, None),
            (r#"{"axum-login.data":{"user_id":""}}"#, None),
            (r#"{"axum-login.data":null}"#, None),
            ("[]", None),
        ] {
            let found = user(data, "/axum-login.data/user_id");
            assert_eq!(found.as_deref(), user_id, "{data}");
        }
    }
}
