//! The asynchronous connect.

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_postgres::{Client, Connection, Socket};

use super::attempt::{
    Attempt, AttemptError, Candidate, FailedAttempts, Next, login_timeout, unreachable_host,
};
use super::connection_settings::ConnectionSettings;
use super::refused_passwords::RefusedPasswords;
use super::tls::{SecureStream, Transport};
use crate::error::Error;

/// Runs a connection: spawns a task that polls it until its client is dropped.
pub(crate) type Drive<'a> = dyn Fn(Connection<Socket, SecureStream>) + Send + Sync + 'a;

impl ConnectionSettings {
    /// Connects as [`connect`](Self::connect) does, without blocking. `drive` runs the connection.
    pub(crate) async fn connect_async(&self, drive: &Drive<'_>) -> Result<Client, Error> {
        self.connect_to_any_async(drive)
            .await
            .map_err(|error| error.at(self.connection_target()))
    }

    async fn connect_to_any_async(&self, drive: &Drive<'_>) -> Result<Client, Error> {
        let mut failed = FailedAttempts::default();
        for candidate in self.candidates() {
            for &transport in self.transports(&candidate) {
                match self.connect_by_async(&candidate, transport, drive).await {
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
    async fn connect_by_async(
        &self,
        candidate: &Candidate,
        transport: Transport,
        drive: &Drive<'_>,
    ) -> Result<Client, AttemptError> {
        let mut refused = RefusedPasswords::default();
        loop {
            // It reads files.
            let (settings, candidate) = (self.clone(), candidate.clone());
            let prepared = spawn_blocking(move || {
                let attempt = settings.attempt(candidate, transport, &mut refused);
                (attempt, refused)
            });
            let attempt;
            (attempt, refused) = prepared.await.map_err(|_| Error::no_runtime())?;
            let attempt = attempt?;
            match self.connect_once_async(&attempt, drive).await {
                Ok(client) => return Ok(client),
                Err(error) => attempt.refuse(&mut refused, error)?,
            }
        }
    }

    async fn connect_once_async(
        &self,
        attempt: &Attempt,
        drive: &Drive<'_>,
    ) -> Result<Client, AttemptError> {
        let connected = connect_once(attempt, drive);
        match self.connect_timeout {
            None => connected.await,
            Some(limit) => timeout(limit, connected)
                .await
                .unwrap_or_else(|_| Err(unreachable_host(login_timeout()))),
        }
    }
}

async fn connect_once(attempt: &Attempt, drive: &Drive<'_>) -> Result<Client, AttemptError> {
    let (client, connection) = attempt
        .config
        .connect(attempt.connector.clone())
        .await
        .map_err(|error| attempt.connect_error(error))?;
    drive(connection);
    if let Some(query) = attempt.query() {
        let reply = client.query_one(query, &[]).await;
        attempt.check_reply(reply.and_then(|row| row.try_get(0)))?;
    }
    Ok(client)
}
