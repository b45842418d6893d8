use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postgres::Client;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::activity::Activity;
use super::driven_client::DrivenClient;
use super::server_session::ServerSession;
use crate::error::{ConnectionTarget, Error};
use crate::settings::{
    ConnectionSettings, CustomConnector, Drive, RefusedPasswords, TlsConnector, login_timeout,
    secure_config,
};

/// Makes the connections of a pool.
pub(crate) struct Connector {
    source: ConnectSource,
    /// None means: where they are sure to be found again.
    prepare_statements: Option<bool>,
    call_timeout: Duration,
    /// Of the pool that the connections are for.
    activity: Activity,
}

/// How statements are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statements {
    Unnamed,
    /// Prepared, once each.
    Prepared,
    /// The same, but another program's statement may have the same name.
    Marked,
}

impl Statements {
    /// Returns how the next statements are sent on the same connection.
    ///
    /// A pooler that keeps track of statements prepares each text once. After an install has changed what a function returns, it goes
    /// on with the old statement, whatever the client prepares.
    pub(crate) fn after(self, error: &Error) -> Statements {
        if self == Statements::Marked && error.is_changed_statement() {
            Statements::Unnamed
        } else {
            self
        }
    }
}

/// Where to connect to.
pub(crate) enum ConnectSource {
    Settings(Box<ConnectionSettings>),
    Config {
        config: Box<Config>,
        password_file: Option<PathBuf>,
        tls: Option<CustomConnector>,
    },
}

/// The task of a connection that is not ready. Its server may never answer, and its caller may be gone.
struct AbortOnDrop(Option<JoinHandle<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Connector {
    pub(crate) fn new(
        source: ConnectSource,
        prepare_statements: Option<bool>,
        call_timeout: Duration,
    ) -> Connector {
        Connector {
            source,
            prepare_statements,
            call_timeout,
            activity: Activity::default(),
        }
    }

    /// Returns true if statements may be prepared on a connection.
    pub(crate) fn prepares_statements(&self) -> bool {
        self.prepare_statements != Some(false)
    }

    /// Returns how statements are sent on this connection.
    pub(crate) fn statements_on(&self, session: ServerSession) -> Statements {
        match (self.prepare_statements, session.is_direct) {
            (Some(false), _) | (None, false) => Statements::Unnamed,
            (Some(true) | None, true) => Statements::Prepared,
            (Some(true), false) => Statements::Marked,
        }
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Returns how long a call waits for the server's reply.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Connects, on a thread that is known to be allowed to block.
    pub(crate) fn connect(&self) -> Result<Client, Error> {
        match &self.source {
            ConnectSource::Settings(settings) => settings.connect_blocking(),
            ConnectSource::Config {
                config,
                password_file,
                tls,
            } => connect(config, password_file.as_deref(), tls.as_ref())
                .map_err(|error| error.at(connection_target(config))),
        }
    }

    /// Opens a connection for calls, without blocking. A task of the runtime drives it.
    pub(crate) async fn open(&self, runtime: &Handle) -> Result<DrivenClient, Error> {
        let _opening = self.activity.opening();
        match self.open_once(runtime).await {
            // After the login, in a restart for example: no call was sent.
            Err(error) if error.is_connection_lost() && !error.is_call_timeout() => {
                self.open_once(runtime).await
            }
            opened => opened,
        }
    }

    async fn open_once(&self, runtime: &Handle) -> Result<DrivenClient, Error> {
        let task = Mutex::new(AbortOnDrop(None));
        let client = self
            .connect_async(&|connection| {
                let driven = runtime.spawn(async move {
                    // A broken connection shows in its calls.
                    let _: Result<(), tokio_postgres::Error> = connection.await;
                });
                let mut task = task.lock().unwrap_or_else(PoisonError::into_inner);
                // An earlier one is that of a server which was not accepted.
                *task = AbortOnDrop(Some(driven));
            })
            .await?;
        let mut task = task.into_inner().unwrap_or_else(PoisonError::into_inner);
        let set_up = ServerSession::set_up(&client, self.statement_timeout());
        let session = timeout(self.call_timeout, set_up)
            .await
            .map_err(|_| Error::call_timeout(self.call_timeout))?
            .map_err(Error::call)?;
        let task = task.0.take().ok_or_else(Error::no_runtime)?;
        Ok(DrivenClient::new(client, task, session))
    }

    /// Returns how long the server works on a statement: shorter than a call waits, so that its answer is known.
    fn statement_timeout(&self) -> Duration {
        let margin = (self.call_timeout / 10).min(Duration::from_secs(1));
        self.call_timeout.saturating_sub(margin)
    }

    /// Connects without blocking. `drive` runs the connection.
    pub(crate) async fn connect_async<'a>(
        &'a self,
        drive: &'a Drive<'a>,
    ) -> Result<tokio_postgres::Client, Error> {
        // Without its type, which would make the types of all callers' futures deep.
        let connecting: Pin<Box<dyn Future<Output = _> + Send + 'a>> = match &self.source {
            ConnectSource::Settings(settings) => Box::pin(settings.connect_async(drive)),
            ConnectSource::Config {
                config,
                password_file,
                tls,
            } => Box::pin(async move {
                connect_async(config, password_file.as_deref(), tls.as_ref(), drive)
                    .await
                    .map_err(|error| error.at(connection_target(config)))
            }),
        };
        connecting.await
    }
}

/// Connects by the driver's configuration. Tries the passwords of the password file one after another.
async fn connect_async(
    config: &Config,
    password_file: Option<&Path>,
    tls: Option<&CustomConnector>,
    drive: &Drive<'_>,
) -> Result<tokio_postgres::Client, Error> {
    let mut refused = RefusedPasswords::default();
    loop {
        let (config, tls) = (config.clone(), tls.cloned());
        let path = password_file.map(ToOwned::to_owned);
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = prepare(config, path.as_deref(), tls, &mut refused);
            (prepared, refused)
        });
        let prepared_config;
        (prepared_config, refused) = prepared.await.map_err(|_| Error::no_runtime())?;
        let (config, connector) = prepared_config?;
        match connect_once_async(&config, connector, drive).await {
            Err(error) if password_file.is_some() => refuse(&mut refused, &config, error)?,
            result => return result,
        }
    }
}

async fn connect_once_async(
    config: &Config,
    connector: TlsConnector,
    drive: &Drive<'_>,
) -> Result<tokio_postgres::Client, Error> {
    let has_password = config.get_password().is_some();
    let connecting = async {
        let connected = config.connect(connector).await;
        connected.map_err(|error| Error::connect(error, has_password))
    };
    // The driver's limit is that of each address, without the login.
    let hosts = config
        .get_hosts()
        .len()
        .max(config.get_hostaddrs().len())
        .max(1);
    let hosts = u32::try_from(hosts).unwrap_or(u32::MAX);
    let (client, connection) = match config.get_connect_timeout() {
        None => connecting.await?,
        Some(limit) => timeout(limit.saturating_mul(hosts), connecting)
            .await
            .unwrap_or_else(|_| Err(Error::unreachable(login_timeout())))?,
    };
    drive(connection);
    Ok(client)
}

fn connect(
    config: &Config,
    password_file: Option<&Path>,
    tls: Option<&CustomConnector>,
) -> Result<Client, Error> {
    let mut refused = RefusedPasswords::default();
    loop {
        let (config, connector) =
            prepare(config.clone(), password_file, tls.cloned(), &mut refused)?;
        let has_password = config.get_password().is_some();
        let connected = postgres::Config::from(config.clone()).connect(connector);
        match connected.map_err(|error| Error::connect(error, has_password)) {
            Err(error) if password_file.is_some() => refuse(&mut refused, &config, error)?,
            result => return result,
        }
    }
}

/// Records a failed login. Returns its error if no other password can help.
fn refuse(
    refused: &mut RefusedPasswords<Error>,
    config: &Config,
    error: Error,
) -> Result<(), Error> {
    let code = error.code().map(ToOwned::to_owned);
    refused.add(config.get_password(), code.as_deref(), error)
}

/// Reads the files that a connection needs.
fn prepare(
    mut config: Config,
    password_file: Option<&Path>,
    tls: Option<CustomConnector>,
    refused: &mut RefusedPasswords<Error>,
) -> Result<(Config, TlsConnector), Error> {
    if let Some(path) = password_file {
        config.password(refused.next_of(path)?);
    }
    let connector = secure_config(&mut config, tls)?;
    Ok((config, connector))
}

/// Returns where the driver's configuration leads to, for an error.
fn connection_target(config: &Config) -> ConnectionTarget {
    let ports = config.get_ports();
    // One port is for all hosts.
    let port = |at| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate();
    let mut servers: Vec<String> = hosts
        .map(|(at, host)| {
            let port = port(at);
            match host {
                Host::Tcp(name) => format!("{name} port {port}"),
                #[cfg(unix)]
                Host::Unix(directory) => {
                    format!("the socket in {} port {port}", directory.display())
                }
            }
        })
        .collect();
    if servers.is_empty() {
        let addresses = config.get_hostaddrs().iter().enumerate();
        servers.extend(addresses.map(|(at, address)| format!("{address} port {}", port(at))));
    }
    // As the driver does.
    let user = config
        .get_user()
        .map_or_else(|| whoami::username().unwrap_or_default(), ToOwned::to_owned);
    ConnectionTarget {
        database: config
            .get_dbname()
            .map_or_else(|| user.clone(), ToOwned::to_owned),
        user,
        server: servers.join(", "),
        warnings: Vec::new(),
    }
}
