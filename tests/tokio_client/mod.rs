//! The asynchronous store against a real server. The files mirror those of `client`.

mod borrowed;
mod cancellation;
mod concurrency;
mod connections;
mod events;
mod faults;
mod foreign_ids;
mod groups;
mod locked;
mod many_tasks;
mod pool;
mod pruner;
mod rotation;
mod sessions;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "tls")]
mod tls;
mod users;

use connect_pg::tokio::Store;
use connect_pg::{Session, SessionAttributes, StoreBuilder};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::task::block_in_place;
use tokio_postgres::{Client, NoTls};

use crate::support::test_database::{TestDatabase, with_groups};

/// Runs a test in a runtime of two threads.
fn run(test: impl AsyncFnOnce(&TestDatabase)) {
    let database = TestDatabase::new();
    run_on(&database, test);
}

fn run_on(database: &TestDatabase, test: impl AsyncFnOnce(&TestDatabase)) {
    runtime().block_on(test(database));
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Runs work that blocks, because the tests' own client is synchronous.
fn outside<T>(work: impl FnOnce() -> T) -> T {
    block_in_place(work)
}

/// Connects as the runtime role.
async fn client(database: &TestDatabase) -> Client {
    let (client, connection) = database.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn builder(database: &TestDatabase) -> StoreBuilder<Store> {
    let builder = Store::builder().database_url(&database.url());
    with_groups(builder.schema(&database.schema))
}

/// Prepared statements or not; groups where calls would wait, always, or never.
const VARIANTS: [fn(StoreBuilder<Store>) -> StoreBuilder<Store>; 5] = [
    |builder| builder,
    |builder| builder.group_calls(false),
    |builder| builder.prepare_statements(false),
    |builder| builder.group_all_calls(),
    |builder| builder.prepare_statements(false).group_all_calls(),
];

async fn connect(database: &TestDatabase) -> Store {
    builder(database).connect().await.unwrap()
}

/// Creates a session with the defaults of the store.
async fn create<T: Serialize>(store: &Store, data: T) -> Session<T> {
    store.create(data, &SessionAttributes::new()).await.unwrap()
}

/// Executes SQL as the superuser.
fn execute(database: &TestDatabase, sql: &str) {
    outside(|| database.superuser().batch_execute(sql).unwrap());
}
