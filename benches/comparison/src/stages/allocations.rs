//! Allocations of one load, counted by a program of its own.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};

use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};

/// Allocations and reallocations of one load.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Allocations {
    pub connect_pg: f64,
    pub bare_postgres: f64,
}

impl Serialize for Allocations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.connect_pg)?;
        pair.serialize_element(&self.bare_postgres)?;
        pair.end()
    }
}

/// Counts the allocations of a load from a filled table.
pub fn count(server: &Server, table: &Relation) -> Result<Allocations> {
    let program = env::current_exe()?.with_file_name("allocations");
    let connection = format!(
        "host={} port={} user={RUNTIME_ROLE} password={} dbname={} sslmode=disable",
        server.host(),
        server.port(),
        server.password(),
        table.database
    );
    let output = Command::new(&program)
        .env("ALLOCATIONS_CONNECTION", connection)
        .output()
        .with_context(|| program.display().to_string())?;
    ensure!(
        output.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
