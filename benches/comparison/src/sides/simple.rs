//! connect-pg-simple from npm, on Node.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use postgres::types::{Json, ToSql, Type};
use serde_json::{Value, json};

use crate::ids::{id_of, mix};
use crate::payload::Payload;
use crate::run::{Job, Measured, Side};
use crate::server::{OTHER_ROLE, Relation, Server};
use crate::sides;
use crate::sides::npm::Node;
use crate::workload::Workload;

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
        &format!("alter table session owner to {OTHER_ROLE}"),
    )?;
    let now = SystemTime::now();
    sides::fill(
        server,
        database,
        // Its column is "timestamp without time zone", which the server's UTC makes the same.
        "copy session (sid, sess, expire) from stdin (format binary)",
        &[Type::VARCHAR, Type::JSON, Type::TIMESTAMP],
        0..sessions,
        |index| {
            let expires = now + Duration::from_secs(u64::from(4 * 3600 + mix(index) % 72_000));
            let mut session = serde_json::to_value(Payload::new(index, bytes))?;
            session["cookie"] = cookie();
            Ok(vec![
                Box::new(id_of(index)) as Box<dyn ToSql + Sync>,
                Box::new(Json(session)),
                Box::new(expires),
            ])
        },
    )?;
    let relation = Relation {
        database: database.to_owned(),
        table: "public.session",
    };
    server.settle(&relation)?;
    Ok(relation)
}

/// What express-session adds to the data.
fn cookie() -> Value {
    json!({"originalMaxAge": 86_400_000, "expires": "2100-01-01T00:00:00.000Z", "httpOnly": true, "path": "/"})
}

pub struct Simple {
    node: Mutex<Node>,
    relation: Relation,
}

pub const NAME: &str = "connect-pg-simple";

impl Simple {
    pub fn new(server: &Server, npm: &Path, relation: Relation) -> Result<Simple> {
        let environment = [
            ("PGHOST", server.host().to_owned()),
            ("PGPORT", server.port().to_string()),
            ("PGUSER", OTHER_ROLE.to_owned()),
            ("PGPASSWORD", server.password().to_owned()),
            ("PGDATABASE", relation.database.clone()),
        ];
        Ok(Simple {
            node: Mutex::new(Node::start(npm, "worker.mjs", &environment)?),
            relation,
        })
    }
}

impl Side for Simple {
    fn name(&self) -> &'static str {
        NAME
    }

    fn does(&self, workload: Workload) -> bool {
        !matches!(
            workload,
            Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
        )
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        if job.workload.consumes_created() {
            // It cannot end sessions faster than that by much.
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
