//! What sessions take on disk in PostgreSQL.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::server::postgres::{Relation, Server};

/// Bytes on disk after a fill, when there is no bloat.
#[derive(Debug, Clone, Serialize)]
pub struct DiskUsage {
    pub store: String,
    pub sessions: u32,
    /// The size of a session's data.
    pub bytes: usize,
    /// The table with its TOAST data.
    pub table: i64,
    pub indexes: i64,
}

/// Bytes of the table and of each index at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Sizes {
    pub when: &'static str,
    pub bytes: BTreeMap<String, i64>,
}

impl Sizes {
    /// Reads the sizes.
    pub fn read(server: &Server, relation: &Relation, when: &'static str) -> Result<Sizes> {
        server.with(&relation.database, |client| {
            let rows = client.query(
                "select 'table', pg_table_size($1::text::regclass)
                 union all
                 select c.relname, pg_relation_size(c.oid)
                 from pg_index as i
                 join pg_class as c on c.oid = i.indexrelid
                 where i.indrelid = $1::text::regclass",
                &[&relation.table],
            )?;
            Ok(Sizes {
                when,
                bytes: rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
            })
        })
    }

    /// Returns the part that has grown most since an earlier reading, and its growth as a factor.
    #[allow(clippy::cast_precision_loss)] // bytes of files
    pub fn worst_growth(&self, earlier: &Sizes) -> Option<(String, f64)> {
        let growth = |name: &String, bytes: i64| {
            bytes as f64 / earlier.bytes.get(name).copied().unwrap_or(1).max(1) as f64
        };
        self.bytes
            .iter()
            .map(|(name, bytes)| (name.clone(), growth(name, *bytes)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }
}
