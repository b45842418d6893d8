//! The attempts of one connect, and what their results mean. A client makes the connections, so any client can share this.

use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding;
use tokio_postgres::error::SqlState;

use super::connection_settings::ConnectionSettings;
use super::host::Host;
use super::refused_passwords::RefusedPasswords;
use super::target_session_attrs::TargetSessionAttrs;
use super::tls::{TlsConnector, Transport};
use crate::error::{Error, TlsFailure};

/// A host to try.
pub(super) type Candidate = (Host, TargetSessionAttrs);

/// One attempt to connect to one host.
pub(super) struct Attempt {
    host: Host,
    target_session_attrs: TargetSessionAttrs,
    password: AttemptPassword,
    /// Another transport can be tried.
    has_other_transport: bool,
    is_strict_by_default: bool,
    pub(super) config: Config,
    pub(super) connector: TlsConnector,
}

/// The password of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AttemptPassword {
    None,
    Fixed,
    /// The file may have others.
    OfFile,
}

/// The attempts that failed so far.
#[derive(Default)]
pub(super) struct FailedAttempts {
    last: Option<Error>,
    /// The error of the first transport to the host, and whether that was TLS.
    first_transport: Option<(Error, bool)>,
}

/// What to try after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The other transport to the same host.
    Transport,
    Host,
}

/// Why an attempt failed.
pub(super) enum AttemptError {
    /// The host may accept the connection with TLS, or without.
    TryOtherTransport { error: Error, was_tls: bool },
    /// The next host may accept the connection.
    TryNext(Error),
    /// The next host is not tried.
    Stop(Error),
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Stop(error)
    }
}

impl AttemptError {
    /// Returns the SQLSTATE.
    fn code(&self) -> Option<&str> {
        match self {
            Self::TryOtherTransport { error, .. } | Self::TryNext(error) | Self::Stop(error) => {
                error.code()
            }
        }
    }
}

impl ConnectionSettings {
    /// Returns the hosts to try, in order, each with the servers that are accepted there.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut hosts = self.hosts();
        if self.random_order {
            shuffle(&mut hosts);
        }
        self.target_session_attrs
            .rounds()
            .into_iter()
            .flat_map(|attrs| hosts.iter().map(move |host| (host.clone(), attrs)))
            .collect()
    }

    /// Returns the attempts to make for a candidate.
    pub(super) fn transports(&self, (host, _): &Candidate) -> &'static [Transport] {
        self.tls.transports(host)
    }

    /// Prepares an attempt. The password file and the files of TLS are read now. If the server has refused every password, the
    /// error is that of the last login.
    pub(super) fn attempt(
        &self,
        (host, target_session_attrs): Candidate,
        transport: Transport,
        refused: &mut RefusedPasswords<AttemptError>,
    ) -> Result<Attempt, AttemptError> {
        self.check().map_err(AttemptError::Stop)?;
        let password = self.next_password_for(&host, refused)?;
        let mut config = self.base_config(password.as_deref());
        host.add_to(&mut config);
        let connector = self
            .tls
            .connector(&host, transport, &mut config)
            .map_err(AttemptError::Stop)?;
        Ok(Attempt {
            target_session_attrs,
            password: match (&password, &self.password_file) {
                (None, _) => AttemptPassword::None,
                (Some(_), None) => AttemptPassword::Fixed,
                (Some(_), Some(_)) => AttemptPassword::OfFile,
            },
            has_other_transport: self.tls.transports(&host).last() != Some(&transport),
            is_strict_by_default: self.tls.is_strict_by_default(&host),
            host,
            config,
            connector,
        })
    }
}

impl Attempt {
    /// Returns the error of a connection that could not be made.
    pub(super) fn connect_error(&self, error: tokio_postgres::Error) -> AttemptError {
        // A server that starts up or shuts down sends the client to the next one. Any other reply is final.
        let is_final = error
            .code()
            .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW);
        let error = self.of_login(Error::connect(
            error,
            self.password != AttemptPassword::None,
        ));
        // As in libpq: what a server said, or did in the handshake, is final for this transport only.
        let is_final = is_final || error.is_tls();
        if !is_final {
            AttemptError::TryNext(error)
        } else if self.has_other_transport && self.used_its_transport() {
            AttemptError::TryOtherTransport {
                error,
                was_tls: self.connector.watch.has_tls(),
            }
        } else {
            AttemptError::Stop(error)
        }
    }

    /// Records a failed attempt. Returns its error if no other password can help.
    pub(super) fn refuse(
        &self,
        refused: &mut RefusedPasswords<AttemptError>,
        error: AttemptError,
    ) -> Result<(), AttemptError> {
        if self.password != AttemptPassword::OfFile {
            return Err(error);
        }
        let code = error.code().map(ToOwned::to_owned);
        refused.add(self.config.get_password(), code.as_deref(), error)
    }

    /// Returns false if the connection was to have TLS, and the server had none. Then it was one without.
    fn used_its_transport(&self) -> bool {
        self.connector.transport == Transport::Plain || self.connector.watch.has_tls()
    }

    /// Returns the error with what was seen of the login.
    fn of_login(&self, error: Error) -> Error {
        let watch = &self.connector.watch;
        let refused = error.code() == Some(SqlState::INVALID_AUTHORIZATION_SPECIFICATION.code());
        if refused && watch.is_binding() {
            return error.into_tls(
                TlsFailure::ChannelBinding,
                "the server has another TLS connection than this client: find what terminates TLS between them; \
                 channel_binding=disable accepts it",
            );
        }
        let requires = self.config.get_channel_binding() == ChannelBinding::Require;
        if requires && watch.is_binding() && error.is_unexplained() {
            return error.into_tls(
                TlsFailure::ChannelBinding,
                "channel_binding=require needs a TLS connector that gives what channel binding needs",
            );
        }
        if refused && watch.certificate_requested() && !watch.certificate_sent() {
            return error.into_tls(
                TlsFailure::ClientCertificate,
                "the server asked for a client certificate and got none: set sslcert and sslkey",
            );
        }
        if self.is_strict_by_default && (error.is_tls() || error.is_invalid_argument()) {
            return error.with_hint(
                "no sslmode is set, so the server must prove its name (verify-full); to choose otherwise, set sslmode: \
                 verify-ca, require (encryption alone), or disable (no TLS)",
            );
        }
        error
    }

    /// Returns the query to send on the new connection, if the kind of server matters.
    pub(super) fn query(&self) -> Option<&'static str> {
        self.target_session_attrs.query()
    }

    /// Checks the value that the query returned.
    pub(super) fn check_reply(
        &self,
        reply: Result<bool, tokio_postgres::Error>,
    ) -> Result<(), AttemptError> {
        match reply {
            Ok(true) => Ok(()),
            Ok(false) => Err(unreachable_host(std::io::Error::new(
                std::io::ErrorKind::AddrNotAvailable,
                format!(
                    "no server has target_session_attrs={}; the last one tried was {}",
                    self.target_session_attrs, self.host
                ),
            ))),
            Err(error) => Err(AttemptError::TryNext(Error::call(error))),
        }
    }
}

impl FailedAttempts {
    /// Adds one, and says what to try next. Returns its error if the search for a host is over.
    pub(super) fn add(&mut self, error: AttemptError) -> Result<Next, Error> {
        match error {
            // What was said over TLS counts for more.
            AttemptError::Stop(error) => Err(match self.first_transport.take() {
                Some((first, was_tls))
                    if was_tls || error.tls_failure() == Some(TlsFailure::NotOffered) =>
                {
                    first
                }
                _ => error,
            }),
            AttemptError::TryNext(error) => {
                self.last = Some(error);
                self.first_transport = None;
                Ok(Next::Host)
            }
            AttemptError::TryOtherTransport { error, was_tls } => {
                self.first_transport = Some((error, was_tls));
                Ok(Next::Transport)
            }
        }
    }

    /// Returns the error of a search that found no host.
    pub(super) fn into_error(self) -> Error {
        self.last
            .unwrap_or_else(|| Error::connection_settings("there is no host to connect to".into()))
    }
}

/// Returns the error of a host that accepted the connection and was silent for too long.
pub(crate) fn login_timeout() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the server did not complete the login within connect_timeout",
    )
}

/// Returns the error of a host that did not reply.
pub(super) fn unreachable_host(error: std::io::Error) -> AttemptError {
    AttemptError::TryNext(Error::unreachable(error))
}

/// Puts the hosts in a random order, or leaves them if the operating system has no random source.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> ConnectionSettings {
        ConnectionSettings::with_environment(Some(text), |_| None).unwrap()
    }

    fn candidates(text: &str) -> Vec<String> {
        settings(text)
            .candidates()
            .into_iter()
            .map(|(host, attrs)| format!("{} {attrs}", host.name))
            .collect()
    }

    fn check_reply(text: &str, reply: bool) -> Result<(), AttemptError> {
        let settings = settings(text);
        let candidate = settings.candidates().remove(0);
        settings
            .attempt(
                candidate,
                Transport::Plain,
                &mut RefusedPasswords::default(),
            )?
            .check_reply(Ok(reply))
    }

    #[test]
    fn prefer_standby_tries_each_host_twice() {
        assert_eq!(candidates("host=a,b"), ["a any", "b any"]);
        assert_eq!(
            candidates("host=a,b target_session_attrs=prefer-standby"),
            ["a standby", "b standby", "a any", "b any"]
        );
    }

    #[test]
    fn random_order_keeps_all_hosts() {
        let mut shuffled = candidates("host=a,b,c load_balance_hosts=random");
        shuffled.sort();
        assert_eq!(shuffled, ["a any", "b any", "c any"]);
    }

    #[test]
    fn wrong_kind_of_server_leads_to_the_next_host() {
        let text = "host=a target_session_attrs=read-write";
        assert!(check_reply(text, true).is_ok());
        let Err(AttemptError::TryNext(error)) = check_reply(text, false) else {
            panic!("no error, or a final one");
        };
        assert!(
            error
                .to_string()
                .contains("target_session_attrs=read-write")
        );
    }

    #[test]
    fn unreadable_password_file_stops_the_search() {
        let settings = settings("host=a,b").password_file("/nonexistent/password");
        let candidate = settings.candidates().remove(0);
        assert!(matches!(
            settings.attempt(
                candidate,
                Transport::Plain,
                &mut RefusedPasswords::default()
            ),
            Err(AttemptError::Stop(_))
        ));
    }
}
