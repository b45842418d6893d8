use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use connect_pg::tokio::Store;
use connect_pg_test_database::TestDatabase;
use connect_pg_tower_sessions::ConnectPgStore;

/// A database that tasks can make, use and drop. Its client blocks, so it has threads of its own.
#[derive(Clone)]
pub(crate) struct Database(Arc<Handle>);

struct Handle(Option<TestDatabase>);

impl Database {
    pub(crate) fn new() -> Database {
        let database = in_thread(TestDatabase::new);
        Database(Arc::new(Handle(Some(database))))
    }

    pub(crate) async fn store(&self) -> ConnectPgStore {
        let url = self.with(TestDatabase::url);
        ConnectPgStore::new(Store::connect(&url).await.unwrap())
    }

    /// Keeps the database while the application answers a request.
    pub(crate) fn kept_by(self, app: Router) -> Router {
        app.layer(middleware::from_fn(move |request: Request, next: Next| {
            let database = self.clone();
            async move {
                let response = next.run(request).await;
                drop(database);
                response
            }
        }))
    }

    /// Calls the database in a thread.
    pub(crate) fn with<T: Send + 'static>(
        &self,
        call: impl FnOnce(&TestDatabase) -> T + Send + 'static,
    ) -> T {
        let handle = Arc::clone(&self.0);
        in_thread(move || call(handle.0.as_ref().unwrap()))
    }

    pub(crate) fn live_sessions(&self) -> i32 {
        self.with(TestDatabase::live_sessions)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let database = self.0.take();
        in_thread(move || drop(database));
    }
}

fn in_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(call).join().unwrap()
}
