//! Cancel requests.

use postgres::CancelToken;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Socket};

use super::connect::run_with_limit;
use super::connection_settings::ConnectionSettings;
use super::tls::{SslMode, TlsConnector, Transport};
use crate::error::Error;
use crate::runtime::async_context;

impl ConnectionSettings {
    /// Asks the server to cancel the statement that a client of [`connect`](Self::connect) runs. The request takes a connection
    /// of its own, which is protected as the client's is.
    ///
    /// The server does not say whether there was anything to cancel.
    ///
    /// # Errors
    ///
    /// The call is made inside an async runtime ([`Error::is_async_context`]), or no connection can be made in time.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let settings = connect_pg::ConnectionSettings::from_env()?;
    /// let mut client = settings.connect()?;
    /// let token = client.cancel_token();
    /// std::thread::spawn(move || settings.cancel_query(&token));
    /// client.batch_execute("select pg_sleep(60)")?;
    /// # Ok(()) }
    /// ```
    pub fn cancel_query(&self, token: &CancelToken) -> Result<(), Error> {
        async_context::refuse()?;
        let connector = CancelConnector {
            by_address: self.cancel_connectors()?,
        };
        let token = token.clone();
        run_with_limit(self.connect_timeout, move || token.cancel_query(connector))
            .map_err(Error::unreachable)
            .and_then(|sent| sent.map_err(|error| Error::connect(error, true)))
            .map_err(|error| error.at(self.connection_target()))
    }

    /// Returns a connector for each host, with the address that the driver knows.
    fn cancel_connectors(&self) -> Result<Vec<(String, TlsConnector)>, Error> {
        let mut connectors = Vec::new();
        for host in self.hosts() {
            let transport = match self.tls.mode_for(&host) {
                SslMode::Disable => Transport::Plain,
                SslMode::Allow | SslMode::Prefer => Transport::TlsIfOffered,
                SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Transport::Tls,
            };
            let connector = self.tls.connector(&host, transport, &mut Config::new())?;
            connectors.push((host.driver_name(), connector));
        }
        Ok(connectors)
    }
}

/// The connectors of all hosts. The driver says which of them it needs.
#[derive(Clone)]
struct CancelConnector {
    by_address: Vec<(String, TlsConnector)>,
}

impl MakeTlsConnect<Socket> for CancelConnector {
    type Stream = <TlsConnector as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <TlsConnector as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = <TlsConnector as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        // A socket has no name. The driver then makes a connector and does not use it.
        let found = self
            .by_address
            .iter_mut()
            .find(|(address, _)| address == domain || domain.is_empty());
        match found {
            Some((_, connector)) => connector.make_tls_connect(domain),
            None => Err("the client to cancel is connected to none of these hosts".into()),
        }
    }
}
