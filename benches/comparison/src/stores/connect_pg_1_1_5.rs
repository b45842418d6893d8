//! The functions of the npm module connect-pg 1.1.5, installed by its own installer and called by the `postgres` crate.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use postgres::types::{ToSql, Type};
use postgres::{Client, Statement};

use super::copy::{self, expiry, filled_expiry};
use super::store::{StoreClient, live};
use super::table_store::TableClient;
use crate::measure::ids::{id_of, random_id};
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};

/// Installs connect-pg 1.1.5 in a new database and fills it. The directory `npm` holds the installed module.
pub fn fill(
    server: &Server,
    database: &str,
    npm: &Path,
    sessions: u32,
    bytes: usize,
) -> Result<Relation> {
    let installer = npm.join("node_modules/connect-pg/lib/session_install.sql");
    let installer =
        fs::read_to_string(&installer).with_context(|| format!("{}", installer.display()))?;
    server.create_database(database)?;
    server.batch(database, "create extension pgtap")?;
    server.batch(database, &installer)?;
    server.batch(database, "select correct_web()")?;
    let now = SystemTime::now();
    copy::fill(
        server,
        database,
        "copy web.session (sess_id, sess_data, expiration) from stdin (format binary)",
        &[Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ],
        0..sessions,
        |index| {
            Ok(vec![
                Box::new(id_of(index)) as Box<dyn ToSql + Sync>,
                Box::new(Payload::new(index, bytes).to_json()),
                Box::new(filled_expiry(now, index)),
            ])
        },
    )?;
    let relation = Relation {
        database: database.to_owned(),
        table: "web.session",
    };
    server.settle(&relation)?;
    Ok(relation)
}

/// A client of connect-pg 1.1.5, whose runtime role has the same name as connect-pg's.
pub struct ConnectPg115 {
    client: Client,
    get: Statement,
    set: Statement,
    destroy: Statement,
    kept: Vec<(String, Payload)>,
}

impl ConnectPg115 {
    fn new(mut client: Client) -> Result<ConnectPg115> {
        Ok(ConnectPg115 {
            // The calls of its lib/connect-pg.js.
            get: client.prepare("select web.get_session_data($1)")?,
            set: client.prepare("select web.set_session_data($1, $2, $3)")?,
            destroy: client.prepare("select web.destroy_session($1)")?,
            client,
            kept: Vec::new(),
        })
    }

    fn get(&mut self, id: &str) -> Result<Payload> {
        let row = live(self.client.query_opt(&self.get, &[&id])?)?;
        Ok(serde_json::from_str(row.try_get(0)?)?)
    }

    fn set(&mut self, id: &str, payload: &Payload) -> Result<()> {
        self.client
            .execute(&self.set, &[&id, &payload.to_json(), &expiry()])?;
        Ok(())
    }
}

impl TableClient for ConnectPg115 {
    const NAME: &'static str = "connect-pg 1.1.5";

    fn supports(workload: Workload) -> bool {
        !matches!(
            workload,
            Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
        )
    }

    fn connect(server: &Server, relation: &Relation, clients: u32) -> Result<Vec<ConnectPg115>> {
        (0..clients)
            .map(|_| ConnectPg115::new(server.connect(RUNTIME_ROLE, &relation.database)?))
            .collect()
    }
}

impl StoreClient for ConnectPg115 {
    fn load(&mut self, id: &str) -> Result<()> {
        self.get(id)?;
        Ok(())
    }

    /// Connect's session middleware saves the session at the end of every request.
    fn rolling(&mut self, id: &str) -> Result<()> {
        let payload = self.get(id)?;
        self.set(id, &payload)
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let payload = self.get(id)?;
        self.kept.push((id.to_owned(), payload));
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        let (id, mut payload) = self.kept[n].clone();
        payload.change();
        self.set(&id, &payload)?;
        self.kept[n].1 = payload;
        Ok(())
    }

    fn change(&mut self, id: &str) -> Result<()> {
        let mut payload = self.get(id)?;
        payload.change();
        self.set(id, &payload)
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        let id = random_id()?;
        self.set(&id, payload)?;
        Ok(id)
    }

    fn login(&mut self, id: &str, _: &str) -> Result<String> {
        let payload = self.get(id)?;
        self.end(id)?;
        self.create(&payload)
    }

    fn end(&mut self, id: &str) -> Result<()> {
        self.client.execute(&self.destroy, &[&id])?;
        Ok(())
    }
}
