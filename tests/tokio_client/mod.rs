//! The asynchronous store against a real server. The files mirror those of `client`.

mod sessions;

use connect_pg::tokio::Store;
use connect_pg::{Session, SessionAttributes, StoreBuilder};
use serde::Serialize;
use tokio::runtime::Builder;
use tokio::task::block_in_place;

use crate::support::test_database::TestDatabase;

/// Runs a test in a runtime of two threads.
fn run(test: impl AsyncFnOnce(&TestDatabase)) {
    let database = TestDatabase::new();
    run_on(&database, test);
}

fn run_on(database: &TestDatabase, test: impl AsyncFnOnce(&TestDatabase)) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(database));
}

fn builder(database: &TestDatabase) -> StoreBuilder<Store> {
    Store::builder()
        .database_url(&database.url())
        .schema(&database.schema)
}

async fn connect(database: &TestDatabase) -> Store {
    builder(database).connect().await.unwrap()
}

/// Creates a session with the defaults of the store.
async fn create<T: Serialize>(store: &Store, data: T) -> Session<T> {
    store.create(data, &SessionAttributes::new()).await.unwrap()
}

/// Executes SQL as the superuser.
fn execute(database: &TestDatabase, sql: &str) {
    // The tests' own client is synchronous.
    block_in_place(|| database.superuser().batch_execute(sql).unwrap());
}
