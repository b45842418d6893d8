//! A site with its sessions in PostgreSQL, on a synchronous server: a visit counter, a login, and the user's devices.
//!
//! ```text
//! bin/quickstart     # with a private server
//! session-admin install && session-admin rotate-password --output nodepg.password
//! session-admin configure notify_channel=sessions    # so that pages notice a logout elsewhere
//! PGUSER=nodepg CONNECT_PG_PASSWORD_FILE=nodepg.password cargo run --package example-sync
//! ```
//!
//! `examples/site` has the pages and the list of requests. Besides them, `GET /slow?milliseconds=N` loads the session, waits, and
//! saves it: try to log out in between.
//!
//! | variable | meaning |
//! |---|---|
//! | `DATABASE_URL`, or `PGHOST`, `PGUSER`, … | the database, as `psql` takes it |
//! | `CONNECT_PG_PASSWORD_FILE` | the password file, read at each connect: a rotation needs no restart |
//! | `CONNECT_PG_SCHEMA` | the schema of the store; default `web` |
//! | `LISTEN` | address and port; default `127.0.0.1:8080`; port 0: any free port |
//! | `COOKIE_KEY_FILE` | 64 random bytes that sign the cookie; default: new ones at each start |
//! | `SECURE_COOKIE` | `1` behind TLS: the cookie is `Secure`, and its name has the prefix `__Host-` |

mod application;
mod events;

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use connect_pg::{PruneOptions, SessionId, Store};
use connect_pg_http::{KeyRing, SessionCookie, Sessions};
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

    let mut builder = Store::builder(); // reads DATABASE_URL or PG* unless told otherwise
    if let Some(file) = env::var_os("CONNECT_PG_PASSWORD_FILE") {
        builder = builder.password_file(file);
    }
    if let Some(schema) = variable("CONNECT_PG_SCHEMA")? {
        builder = builder.schema(&schema);
    }
    // Not connect(), which needs the database: the web server may start first.
    let store = builder.build()?;
    // Every process can do this; one at a time prunes. It stops when run() ends.
    let _pruner = store.start_pruning(PruneOptions::new())?;

    let secure = variable("SECURE_COOKIE")?.is_some_and(|value| value == "1");
    let cookie = SessionCookie::builder(cookie_key()?).secure(secure);
    let events = Events::start(store.clone());
    let sessions = Sessions::new(store, cookie.build()?);
    let application = Arc::new(Application::new(sessions, Arc::clone(&events)));

    // Each running request holds a clone, so the count is the number of running requests.
    let running = Arc::new(());
    let address: SocketAddr = match variable("LISTEN")? {
        Some(text) => text.parse().map_err(|_| {
            format!("LISTEN is {text:?}, which is not an address and a port such as 127.0.0.1:8080")
        })?,
        None => SocketAddr::from(([127, 0, 0, 1], 8080)),
    };
    let address = listen(address, |address| {
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
    .map_err(|error| {
        format!("cannot listen on {address}: {error}; LISTEN names another address")
    })?;
    writeln!(io::stdout(), "listening on http://{address}")?;

    stopped.recv()?;
    events.stop();
    let deadline = Instant::now() + STOP_TIMEOUT;
    // Two clones belong to this function and the server.
    while Arc::strong_count(&running) > 2 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
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

/// Returns the key that signs the cookies. All servers of one site share it, and it survives restarts; otherwise all cookies
/// become invalid.
fn cookie_key() -> Result<KeyRing, Box<dyn Error>> {
    let Some(path) = env::var_os("COOKIE_KEY_FILE") else {
        // Two ids have 64 random bytes and more.
        let ids = [SessionId::generate()?, SessionId::generate()?];
        let bytes = ids.each_ref().map(SessionId::as_cookie_value).concat();
        return Ok(KeyRing::new(bytes.as_bytes())?);
    };
    let shown = std::path::Path::new(&path).display();
    let bytes =
        fs::read(&path).map_err(|error| format!("cannot read COOKIE_KEY_FILE {shown}: {error}"))?;
    Ok(KeyRing::new(&bytes).map_err(|error| format!("COOKIE_KEY_FILE {shown}: {error}"))?)
}

/// Returns an environment variable if it is set and not empty.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
