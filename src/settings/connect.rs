//! One connection: the hosts one after the other, each within its time limit.

use std::sync::mpsc;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::{Client, NoTls};

use super::host::Host;
use super::target_session_attrs::TargetSessionAttrs;
use crate::error::Error;
use crate::settings::ConnectionSettings;

impl ConnectionSettings {
    pub(super) fn connect_to_any(&self) -> Result<Client, Error> {
        let mut hosts = self.hosts();
        if self.random_order {
            shuffle(&mut hosts);
        }
        let rounds: &[TargetSessionAttrs] = if self.target == TargetSessionAttrs::PreferStandby {
            &[TargetSessionAttrs::Standby, TargetSessionAttrs::Any]
        } else {
            &[self.target]
        };
        let mut last = None;
        for target in rounds {
            for host in &hosts {
                match self.connect_to(host, *target) {
                    Ok(client) => return Ok(client),
                    Err(Attempt::Final(error)) => return Err(error),
                    Err(Attempt::Next(error)) => last = Some(error),
                }
            }
        }
        Err(last
            .unwrap_or_else(|| Error::connection_settings("there is no host to connect to".into())))
    }

    /// One host of [`connect`](Self::connect).
    fn connect_to(&self, host: &Host, target: TargetSessionAttrs) -> Result<Client, Attempt> {
        let password = self.password_for(host).map_err(Attempt::Final)?;
        let mut config = self.base_config(password.as_deref());
        host.add_to(&mut config);
        let has_password = password.is_some();
        let limit = self.connect_timeout;
        let connected = within(limit, move || config.connect(NoTls))
            .map_err(|error| Attempt::Next(Error::unreachable(error)))?;
        let mut client = connected.map_err(|error| {
            // Only a server that starts up or shuts down sends us on to the next one; any other answer is an answer.
            let answered = error
                .code()
                .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW);
            let error = Error::connect(error, has_password);
            if answered {
                Attempt::Final(error)
            } else {
                Attempt::Next(error)
            }
        })?;
        let question = match target {
            TargetSessionAttrs::Any | TargetSessionAttrs::PreferStandby => return Ok(client),
            TargetSessionAttrs::ReadWrite => {
                "select current_setting('transaction_read_only') = 'off'"
            }
            TargetSessionAttrs::ReadOnly => {
                "select current_setting('transaction_read_only') = 'on'"
            }
            TargetSessionAttrs::Primary => "select not pg_catalog.pg_is_in_recovery()",
            TargetSessionAttrs::Standby => "select pg_catalog.pg_is_in_recovery()",
        };
        match client
            .query_one(question, &[])
            .and_then(|row| row.try_get(0))
        {
            Ok(true) => Ok(client),
            Ok(false) => Err(Attempt::Next(Error::unreachable(std::io::Error::new(
                std::io::ErrorKind::AddrNotAvailable,
                format!(
                    "no server with target_session_attrs={target} was found; the last tried was {host}"
                ),
            )))),
            Err(error) => Err(Attempt::Next(Error::call(error))),
        }
    }
}

/// Why one host did not do.
enum Attempt {
    /// Try the next one.
    Next(Error),
    /// Stop here.
    Final(Error),
}

/// Runs a connect on a thread of its own, waiting no longer than the limit.
fn within<T: Send + 'static>(
    limit: Option<Duration>,
    connect: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<T> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("connect-pg connect".into())
        .spawn(move || {
            // Nobody waits any more: the connection is closed here.
            let _ = answer.send(connect());
        })?;
    let failed = |kind, text| std::io::Error::new(kind, text);
    match limit {
        None => answered
            .recv()
            .map_err(|_| failed(std::io::ErrorKind::Other, "the thread that connects died")),
        Some(limit) => answered.recv_timeout(limit).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => failed(
                std::io::ErrorKind::TimedOut,
                "the server did not complete the login within connect_timeout",
            ),
            mpsc::RecvTimeoutError::Disconnected => {
                failed(std::io::ErrorKind::Other, "the thread that connects died")
            }
        }),
    }
}

/// A random order; without a random source the given one.
fn shuffle(hosts: &mut [Host]) {
    for last in (1..hosts.len()).rev() {
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            return;
        }
        let bound = u64::try_from(last + 1).unwrap_or(u64::MAX);
        let at = usize::try_from(u64::from_le_bytes(random) % bound).unwrap_or(last);
        hosts.swap(at, last);
    }
}
