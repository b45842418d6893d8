//! A site with its sessions in PostgreSQL, on a synchronous server: a visit counter, a login, and the user's devices.
//!
//! ```text
//! session-admin install && session-admin rotate-password --output nodepg.password
//! session-admin configure notify_channel=sessions    # so that pages notice a logout elsewhere
//! PGUSER=nodepg CONNECT_PG_PASSWORD_FILE=nodepg.password cargo run --package example-sync
//! ```
//!
//! `examples/site` has the pages, the list of requests, and the environment variables.

mod application;
mod events;

use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use connect_pg::{PruneOptions, Store};
use connect_pg_http::{KeyRing, SessionCookie, Sessions};
use example_site::Settings;
use oxhttp::Server;

use application::Application;
use events::Events;

/// The time without traffic after which a client is disconnected.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of connections, each with a thread. Further ones wait.
const MAX_CONNECTIONS: usize = 64;
/// The time that running requests have to finish after a signal to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            application::log(&format!("{error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // First, so that no signal is missed: Ctrl-C, SIGTERM and SIGHUP.
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })?;

    let settings = Settings::from_env()?;
    // Not connect(), which needs the database: the web server may start first.
    let store = settings.apply(Store::builder()).build()?;
    // Every process can do this; one at a time prunes. It stops when run() ends.
    let _pruner = store.start_pruning(PruneOptions::new())?;

    let key = KeyRing::new(&settings.cookie_key)?;
    let cookie = SessionCookie::builder(key).secure(settings.secure_cookie);
    let events = Events::start(store.clone());
    let sessions = Sessions::new(store, cookie.build()?);
    let application = Arc::new(Application::new(sessions, Arc::clone(&events)));

    // Each running request holds a clone, so the count is the number of running requests.
    let running = Arc::new(());
    let address = listen(settings.listen, |address| {
        let (application, token) = (Arc::clone(&application), Arc::clone(&running));
        Server::new(move |request| {
            let token = Arc::clone(&token);
            let mut response = application.respond(request);
            // oxhttp drops the response after sending it. Until then the request counts as running.
            response.extensions_mut().insert(token);
            response
        })
        .with_global_timeout(CLIENT_TIMEOUT)
        .with_max_concurrent_connections(MAX_CONNECTIONS)
        .bind(address)
        .spawn()
        .map(drop) // not joined: the server runs until the process ends
    })
    .map_err(|error| settings.cannot_listen(&error))?;
    writeln!(io::stdout(), "listening on http://{address}")?;

    stopped.recv()?;
    events.stop();
    let deadline = Instant::now() + STOP_TIMEOUT;
    // Two clones belong to this function and the server.
    while Arc::strong_count(&running) > 2 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    if Arc::strong_count(&running) > 2 {
        application::log("stopped before all requests had ended");
    }
    Ok(())
}

/// Starts a server at the address, and returns the address with the port that it really has.
///
/// oxhttp does not tell which port it got for 0, so this looks for a free one first. If another process takes it in between,
/// this tries the next one.
fn listen(
    address: SocketAddr,
    start: impl Fn(SocketAddr) -> io::Result<()>,
) -> io::Result<SocketAddr> {
    let mut tries = if address.port() == 0 { 20 } else { 1 };
    loop {
        let mut free = address;
        if address.port() == 0 {
            free = TcpListener::bind(address)?.local_addr()?;
        }
        tries -= 1;
        match start(free) {
            Ok(()) => return Ok(free),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}
