//! A server with a store, and stores of both clients in front of it.

use connect_pg::Store;
use std::fs;

use connect_pg::tokio::Store as AsyncStore;
use postgres::Client;
use tokio::runtime::{Builder, Runtime};

use super::clients::{AsyncClient, Client as CallsOfLoad};
use crate::support::fresh_server::FreshServer;
use crate::support::server::value;
use crate::support::wait::wait_until;

pub const DATABASE: &str = "shop";
pub const ROLE: &str = "nodepg";
/// Threads of each client.
const THREADS: usize = 4;
/// Connections of each store.
const POOL_SIZE: u32 = 4;

/// Makes a server with a store. Returns the reason if it cannot.
pub fn server_with_store(settings: &[&str]) -> Result<FreshServer, String> {
    let mut server = FreshServer::new(settings)?;
    install(&mut server);
    Ok(server)
}

pub fn install(server: &mut FreshServer) {
    let mut superuser = server.connect("postgres");
    superuser
        .batch_execute(&format!("create database {DATABASE}"))
        .unwrap();
    server.session_admin(DATABASE, &["install"]).expect(0);
    // The directory is private. Without passwords, many logins at once cost little.
    let rules = "local all all trust\nlocal replication all trust\n";
    fs::write(server.data().join("pg_hba.conf"), rules).unwrap();
    superuser.execute("select pg_reload_conf()", &[]).unwrap();
}

/// Returns how the runtime role connects to the server of these that accepts writes.
pub fn url(servers: &[&FreshServer]) -> String {
    let hosts: Vec<_> = servers
        .iter()
        .map(|server| server.directory.to_str().unwrap())
        .collect();
    format!(
        "host={} port=5432 dbname={DATABASE} user={ROLE} target_session_attrs=read-write",
        hosts.join(",")
    )
}

/// A store of each client.
pub struct Stores {
    blocking: Store,
    asynchronous: AsyncClient,
    /// After the store, whose connections it drives.
    _runtime: Runtime,
}

impl Stores {
    /// Makes the stores. The first calls connect.
    pub fn new(url: &str) -> Stores {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let blocking = Store::builder().database_url(url).pool_size(POOL_SIZE);
        let asynchronous = AsyncStore::builder().database_url(url).pool_size(POOL_SIZE);
        Stores {
            blocking: blocking.build().unwrap(),
            asynchronous: AsyncClient {
                store: asynchronous.build().unwrap(),
                runtime: runtime.handle().clone(),
            },
            _runtime: runtime,
        }
    }

    /// Returns the client of each thread of a load.
    pub fn clients(&self) -> Vec<&dyn CallsOfLoad> {
        let mut clients: Vec<&dyn CallsOfLoad> = Vec::new();
        for _ in 0..THREADS {
            clients.push(&self.blocking);
            clients.push(&self.asynchronous);
        }
        clients
    }
}

/// Waits until the runtime role has no connection left, and so no transaction and no lock.
#[track_caller]
pub fn assert_no_connection_left(superuser: &mut Client) {
    wait_until_disconnected(superuser, ROLE);
}

/// Waits until a role has no connection left.
#[track_caller]
pub fn wait_until_disconnected(superuser: &mut Client, role: &str) {
    wait_until("the role has no connection left", || {
        let sql = format!("select count(*) from pg_stat_activity where usename = '{role}'");
        value::<i64>(superuser, &sql) == 0
    });
}
