//! A site with its sessions in PostgreSQL, on axum: a visit counter, a login, and the user's devices.
//!
//! ```text
//! bin/quickstart     # with a private server
//! session-admin install && session-admin rotate-password --output nodepg.password
//! session-admin configure notify_channel=sessions    # so that pages notice a logout elsewhere
//! PGUSER=nodepg CONNECT_PG_PASSWORD_FILE=nodepg.password cargo run --package example-axum
//! ```
//!
//! `examples/site` has the pages, the list of requests, and the environment variables.

mod application;
mod refused;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use connect_pg::PruneOptions;
use connect_pg::tokio::Store;
use connect_pg_tower_sessions::ConnectPgStore;
use example_site::{Ends, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_sessions::SessionManagerLayer;
use tower_sessions::cookie::{Key, SameSite};

/// The time that running requests have to finish after a signal to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    // Not connect(), which needs the database: the web server may start first.
    let store = settings.apply(Store::builder()).build()?;
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|error| settings.cannot_listen(&error))?;
    // Every process can do this; one at a time prunes.
    let _pruner = store.start_pruning(PruneOptions::new())?;
    let ends = Ends::start(store.clone());

    let store = ConnectPgStore::new(store).with_user_id(application::user_of);
    let sessions = SessionManagerLayer::new(store.clone())
        .with_name(settings.cookie_name())
        .with_secure(settings.secure_cookie)
        .with_same_site(SameSite::Lax)
        .with_signed(Key::try_from(settings.cookie_key.as_slice())?);
    let application = application::router(store.store().clone(), ends.clone())
        .layer(store.layer(sessions))
        .layer(axum::middleware::from_fn(refused::show));

    // Before the address is printed: from then on, no signal is missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    writeln!(
        io::stdout(),
        "listening on http://{}",
        listener.local_addr()?
    )?;

    let (stop, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, application).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        ended = &mut server => return Ok(ended??),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    ends.stop();
    let _ = stop.send(());
    let Ok(ended) = tokio::time::timeout(STOP_TIMEOUT, server).await else {
        tracing::warn!("stopped before all requests had ended");
        return Ok(());
    };
    Ok(ended??)
}
