//! connect-pg-simple from npm, on Node.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use postgres::types::{Json, Type};
use serde_json::{Value, json};

use super::copy;
use super::npm::Node;
use super::store::ComparedStore;
use crate::measure::ids::id_of;
use crate::measure::job::Job;
use crate::measure::measured::Measured;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{Relation, Server, TABLE_OWNER};

/// Creates the table in a new database and fills it. The directory `npm` holds the installed module.
pub fn fill(
    server: &Server,
    database: &str,
    npm: &Path,
    sessions: u32,
    bytes: usize,
) -> Result<Relation> {
    server.create_database(database)?;
    let table = std::fs::read_to_string(npm.join("node_modules/connect-pg-simple/table.sql"))?;
    server.batch(database, &table)?;
    server.batch(
        database,
        &format!("alter table session owner to {TABLE_OWNER}"),
    )?;
    let relation = Relation {
        database: database.to_owned(),
        table: "public.session",
    };
    copy::fill_table(
        server,
        relation,
        // Its column is a timestamp without time zone; the server's time zone is UTC.
        "sid, sess, expire",
        &[Type::VARCHAR, Type::JSON, Type::TIMESTAMP],
        sessions,
        |index, expires_at| {
            let mut session = serde_json::to_value(Payload::new(index, bytes))?;
            session["cookie"] = cookie();
            Ok(vec![
                Box::new(id_of(index)),
                Box::new(Json(session)),
                Box::new(expires_at),
            ])
        },
    )
}

/// Returns what express-session adds to the data.
fn cookie() -> Value {
    json!({"originalMaxAge": 86_400_000, "expires": "2100-01-01T00:00:00.000Z", "httpOnly": true, "path": "/"})
}

/// connect-pg-simple in a process of Node.
pub struct ConnectPgSimple {
    node: Mutex<Node>,
    relation: Relation,
}

impl ConnectPgSimple {
    pub const NAME: &'static str = "connect-pg-simple";

    /// Starts Node with one worker.
    pub fn new(server: &Server, npm: &Path, relation: Relation) -> Result<ConnectPgSimple> {
        let environment = [
            ("PGHOST", server.host().to_owned()),
            ("PGPORT", server.port().to_string()),
            ("PGUSER", TABLE_OWNER.to_owned()),
            ("PGPASSWORD", server.password().to_owned()),
            ("PGDATABASE", relation.database.clone()),
        ];
        Ok(ConnectPgSimple {
            node: Mutex::new(Node::start(npm, "worker.mjs", &environment)?),
            relation,
        })
    }
}

impl ComparedStore for ConnectPgSimple {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn supports(&self, workload: Workload) -> bool {
        !matches!(
            workload,
            Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
        )
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        if job.workload.consumes_created() {
            // It ends sessions about as fast as it creates them.
            self.run(&Job {
                workload: Workload::Create,
                ..job.clone()
            })?;
        }
        Ok(())
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        self.node
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .run(job)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }
}
