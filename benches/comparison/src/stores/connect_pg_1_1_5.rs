//! The functions of the npm module connect-pg 1.1.5, installed by its own installer and called by the `postgres` crate.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use postgres::types::Type;
use postgres::{Client, Statement};

use super::copy::{self, expiry};
use super::store::live;
use super::table_store::TableClient;
use super::whole_session::{WholeSessionClient, WholeSessionStore};
use crate::measure::ids::id_of;
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
    let relation = Relation {
        database: database.to_owned(),
        table: "web.session",
    };
    copy::fill_table(
        server,
        relation,
        "sess_id, sess_data, expiration",
        &[Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ],
        sessions,
        |index, expires_at| {
            Ok(vec![
                Box::new(id_of(index)),
                Box::new(Payload::new(index, bytes).to_json()),
                Box::new(expires_at),
            ])
        },
    )
}

/// A client of connect-pg 1.1.5, whose runtime role has the same name as connect-pg's.
pub type ConnectPg115 = WholeSessionClient<Functions>;

/// The calls of its lib/connect-pg.js.
pub struct Functions {
    client: Client,
    get: Statement,
    set: Statement,
    destroy: Statement,
}

impl Functions {
    fn new(mut client: Client) -> Result<Functions> {
        Ok(Functions {
            get: client.prepare("select web.get_session_data($1)")?,
            set: client.prepare("select web.set_session_data($1, $2, $3)")?,
            destroy: client.prepare("select web.destroy_session($1)")?,
            client,
        })
    }
}

impl WholeSessionStore for Functions {
    fn get(&mut self, id: &str) -> Result<Payload> {
        let row = live(self.client.query_opt(&self.get, &[&id])?)?;
        Ok(serde_json::from_str(row.try_get(0)?)?)
    }

    fn set(&mut self, id: &str, payload: &Payload) -> Result<()> {
        self.client
            .execute(&self.set, &[&id, &payload.to_json(), &expiry()])?;
        Ok(())
    }

    /// Saves the session, as connect's session middleware does at the end of every request.
    fn rolling(&mut self, id: &str) -> Result<()> {
        let payload = self.get(id)?;
        self.set(id, &payload)
    }

    fn delete(&mut self, id: &str) -> Result<()> {
        self.client.execute(&self.destroy, &[&id])?;
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
        let client = || Functions::new(server.connect(RUNTIME_ROLE, &relation.database)?);
        (0..clients)
            .map(|_| Ok(WholeSessionClient::new(client()?)))
            .collect()
    }
}
