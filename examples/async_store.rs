//! The asynchronous store: many requests on few connections, and requests that are given up.
//!
//! ```text
//! session-admin install && session-admin rotate-password --output nodepg.password
//! PGUSER=nodepg CONNECT_PG_PASSWORD_FILE=nodepg.password cargo run --example async_store --features tokio
//! ```
//!
//! Each task stands for a handler of axum, actix-web or hyper. A web server drops the future of a handler when its client has
//! gone away, or after a timeout.

use std::env;
use std::time::Duration;

use connect_pg::tokio::Store;
use connect_pg::{Error, PruneOptions, Session, SessionAttributes, SessionId, UpdateOutcome};
use tokio::time::timeout;

const VISITORS: u32 = 100;
const REQUESTS: u32 = 20;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut builder = Store::builder(); // reads DATABASE_URL or PG* unless told otherwise
    if let Some(file) = env::var_os("CONNECT_PG_PASSWORD_FILE") {
        builder = builder.password_file(file);
    }
    let store = builder.connect().await?;
    let _pruner = store.start_pruning(PruneOptions::new())?;

    let visits: Vec<_> = (0..VISITORS)
        .map(|_| tokio::spawn(visit(store.clone())))
        .collect();
    let mut views = 0;
    for visit in visits {
        if let Ok(result) = visit.await {
            views += result?;
        }
    }
    let connections = store.pool_status().open;
    println!("{VISITORS} visitors had {views} views, on {connections} connections");
    Ok(())
}

/// Sends the requests of one visitor, as the browser does with its cookie.
async fn visit(store: Store) -> Result<u32, Error> {
    let attributes = SessionAttributes::new().idle_timeout(Duration::from_secs(3600));
    let session = store.create(0, &attributes).await?;
    let cookie = session.id().as_cookie_value().to_owned();
    for _ in 0..REQUESTS {
        // A request that takes too long is given up. The change of an update is made once or not at all.
        if let Ok(viewed) = timeout(Duration::from_secs(5), view(&store, &cookie)).await {
            viewed?;
        }
    }
    let id: SessionId = cookie.parse()?;
    let session: Option<Session<u32>> = store.load(&id).await?;
    store.end(&id).await?;
    Ok(session.map_or(0, |session| session.data))
}

/// Handles a request: counts a view. Returns false if the visitor has no session any more.
async fn view(store: &Store, cookie: &str) -> Result<bool, Error> {
    // A cookie that is no session id is not from this application.
    let Ok(id) = cookie.parse::<SessionId>() else {
        return Ok(false);
    };
    let outcome = store.update(&id, |views: &mut u32| *views += 1).await?;
    Ok(matches!(outcome, UpdateOutcome::Updated(_)))
}
