//! The synchronous connect.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use postgres::Client;

use super::attempt::{
    Attempt, AttemptError, Candidate, FailedAttempts, Next, login_timeout, unreachable_host,
};
use super::connection_settings::ConnectionSettings;
use super::refused_passwords::RefusedPasswords;
use super::tls::Transport;
use crate::error::{ConnectionTarget, Error};
use crate::runtime::async_context;

impl ConnectionSettings {
    /// Connects as libpq does: tries the hosts in order until one accepts the login and has the right
    /// `target_session_attrs`. A host that refuses the login ends the search.
    ///
    /// The time limit includes the login, which therefore runs on a thread of its own. If a server accepts the connection and
    /// never replies, the thread remains until the connection ends.
    ///
    /// # Errors
    ///
    /// The call is made inside an async runtime ([`Error::is_async_context`]); no host could be reached in time
    /// ([wraps](Error::get_ref) an [`std::io::Error`] or the last host's [`postgres::Error`]); the server refused the login; or
    /// a password file cannot be read. The error names the server, the user and the database.
    pub fn connect(&self) -> Result<Client, Error> {
        async_context::refuse()?;
        self.connect_blocking()
    }

    /// Connects, on a thread that is known to be allowed to block.
    pub(crate) fn connect_blocking(&self) -> Result<Client, Error> {
        self.connect_to_any()
            .map_err(|error| error.at(self.connection_target()))
    }

    fn connect_to_any(&self) -> Result<Client, Error> {
        let mut failed = FailedAttempts::default();
        for candidate in self.candidates() {
            for &transport in self.transports(&candidate) {
                match self.connect_by(&candidate, transport) {
                    Ok(client) => return Ok(client),
                    Err(error) => {
                        if failed.add(error)? == Next::Host {
                            break;
                        }
                    }
                }
            }
        }
        Err(failed.into_error())
    }

    /// Connects to one host by one transport. Tries the passwords of the password file one after another.
    fn connect_by(
        &self,
        candidate: &Candidate,
        transport: Transport,
    ) -> Result<Client, AttemptError> {
        let mut refused = RefusedPasswords::default();
        loop {
            let attempt = self.attempt(candidate.clone(), transport, &mut refused)?;
            match connect_once(&attempt, self.connect_timeout) {
                Ok(client) => return Ok(client),
                Err(error) => attempt.refuse(&mut refused, error)?,
            }
        }
    }

    /// Returns what an error says about the connection.
    pub(super) fn connection_target(&self) -> ConnectionTarget {
        ConnectionTarget {
            user: self.user.clone(),
            database: self.database.clone(),
            server: self.server(),
            warnings: self.warnings(),
        }
    }
}

fn connect_once(attempt: &Attempt, limit: Option<Duration>) -> Result<Client, AttemptError> {
    let config = postgres::Config::from(attempt.config.clone());
    let connector = attempt.connector.clone();
    let mut client = run_with_limit(limit, move || config.connect(connector))
        .map_err(unreachable_host)?
        .map_err(|error| attempt.connect_error(error))?;
    if let Some(query) = attempt.query() {
        let reply = client.query_one(query, &[]).and_then(|row| row.try_get(0));
        attempt.check_reply(reply)?;
    }
    Ok(client)
}

/// Runs a connect on a thread of its own and waits for it no longer than the limit.
pub(super) fn run_with_limit<T: Send + 'static>(
    limit: Option<Duration>,
    connect: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("connect-pg connect".into())
        .spawn(move || {
            // After the limit there is no receiver, and the connection is closed here.
            let _ = sender.send(connect());
        })?;
    let result = match limit {
        None => receiver
            .recv()
            .map_err(|_| mpsc::RecvTimeoutError::Disconnected),
        Some(limit) => receiver.recv_timeout(limit),
    };
    result.map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => login_timeout(),
        mpsc::RecvTimeoutError::Disconnected => io::Error::other("the thread that connects failed"),
    })
}
