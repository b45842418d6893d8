use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};
use crate::session::SessionRecord;

/// Creates sessions from records, unless a session with the same key exists. For administrators.
pub(crate) struct ImportSessions<'a> {
    columns: &'a RecordColumns<'a>,
}

impl<'a> ImportSessions<'a> {
    pub(crate) fn new(columns: &'a RecordColumns<'a>) -> ImportSessions<'a> {
        ImportSessions { columns }
    }
}

/// What became of a [`SessionRecord`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// It is a session now.
    Imported,
    /// A session or a tombstone with its key exists, which is unchanged.
    Exists,
    /// It has expired.
    Expired,
    /// The store refuses it, for this reason.
    Refused(String),
}

/// The fields of records, a column each.
pub(crate) struct RecordColumns<'a> {
    keys: Vec<&'a [u8]>,
    idle_timeout_seconds: Vec<Option<i32>>,
    data: Vec<Option<&'a str>>,
    created_at: Vec<Option<&'a str>>,
    last_used_at: Vec<Option<&'a str>>,
    expires_at: Vec<Option<&'a str>>,
    absolute_expires_at: Vec<Option<&'a str>>,
    user_ids: Vec<Option<&'a str>>,
    client_addresses: Vec<Option<&'a str>>,
    user_agents: Vec<Option<&'a str>>,
    labels: Vec<Option<&'a str>>,
}

impl<'a> RecordColumns<'a> {
    pub(crate) fn new(records: &'a [SessionRecord]) -> RecordColumns<'a> {
        let texts = |field: fn(&SessionRecord) -> &Option<String>| {
            records
                .iter()
                .map(|record| field(record).as_deref())
                .collect()
        };
        RecordColumns {
            keys: records.iter().map(|record| &record.key[..]).collect(),
            idle_timeout_seconds: records
                .iter()
                .map(|record| record.idle_timeout_seconds)
                .collect(),
            data: texts(|record| &record.data),
            created_at: texts(|record| &record.created_at),
            last_used_at: texts(|record| &record.last_used_at),
            expires_at: texts(|record| &record.expires_at),
            absolute_expires_at: texts(|record| &record.absolute_expires_at),
            user_ids: texts(|record| &record.user_id),
            client_addresses: texts(|record| &record.client_address),
            user_agents: texts(|record| &record.user_agent),
            labels: texts(|record| &record.label),
        }
    }
}

impl<'a> Function<'a> for ImportSessions<'a> {
    const STATEMENT: &'static str = "select i.outcome from {schema}.import_sessions($1, $2, $3::timestamptz[], \
        $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7, $8, $9::inet[], $10, $11) as i (ordinality, outcome) order by i.ordinality";
    const CHANGES: bool = true;
    type Output = Vec<ImportOutcome>;

    fn parameters(&self) -> Parameters<'a> {
        let columns = self.columns;
        [
            Parameter::Keys(&columns.keys),
            Parameter::Texts(&columns.data),
            Parameter::Texts(&columns.created_at),
            Parameter::Texts(&columns.last_used_at),
            Parameter::Texts(&columns.expires_at),
            Parameter::Texts(&columns.absolute_expires_at),
            Parameter::Integers(&columns.idle_timeout_seconds),
            Parameter::Texts(&columns.user_ids),
            Parameter::Texts(&columns.client_addresses),
            Parameter::Texts(&columns.user_agents),
            Parameter::Texts(&columns.labels),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<Vec<ImportOutcome>, Error> {
        reply.rows().iter().map(outcome).collect()
    }
}

fn outcome(row: &Row) -> Result<ImportOutcome, Error> {
    Ok(match column(row, 0)? {
        "imported" => ImportOutcome::Imported,
        "exists" => ImportOutcome::Exists,
        "expired" => ImportOutcome::Expired,
        reason => ImportOutcome::Refused(reason.to_owned()),
    })
}
