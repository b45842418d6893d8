use std::error::Error as StdError;
use std::fmt;

use super::in_use::InUse;
use super::kind::Kind;
use super::{ConnectionTarget, Error, ParseSessionIdError};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_summary(f)?;
        let mut source: Option<&dyn StdError> = self.get_ref().map(|source| source as _);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        if let Some(hint) = self.0.hint {
            write!(f, "; {hint}")?;
        }
        for warning in self.0.target.iter().flat_map(|target| &target.warnings) {
            write!(f, "; {warning}")?;
        }
        if self.0.outcome_unknown {
            f.write_str("; it is unknown whether the change was made: load the session again")?;
        }
        Ok(())
    }
}

impl Error {
    /// Writes what failed, then what to do.
    fn fmt_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::Connect | Kind::Tls(_) => {
                self.fmt_target(f, "cannot connect", "cannot connect to the database")
            }
            Kind::Settings => self.fmt_target(f, "cannot log in", "invalid connection settings"),
            Kind::NoPassword => {
                match &self.0.target {
                    Some(ConnectionTarget { user, server, .. }) => {
                        write!(f, "no password for user {user:?} at {server}")?;
                    }
                    None => f.write_str("no password")?,
                }
                f.write_str(
                    ": give StoreBuilder::password_file, PGPASSWORD or ~/.pgpass (mode 0600)",
                )
            }
            Kind::CallTimeout(timeout) => write!(
                f,
                "the server did not answer within {timeout:?} (call_timeout): it is overloaded, or cannot be reached any more"
            ),
            Kind::PoolTimeout(timeout, in_use) => {
                write!(
                    f,
                    "no connection of the pool became free within {timeout:?}: "
                )?;
                fmt_in_use(f, in_use)
            }
            Kind::PoolBlocked(timeout) => write!(
                f,
                "calls that may wait for locked sessions used their share of the pool for {timeout:?}: shorten what runs under a lock, or raise pool_size"
            ),
            Kind::Server => f.write_str(self.server_summary()),
            Kind::Reply(what) => write!(
                f,
                "unexpected reply of the session store ({what}): run `session-admin install`"
            ),
            Kind::SessionId => write!(f, "{}", ParseSessionIdError::new()),
            Kind::Argument(what) => write!(f, "invalid argument: {what}"),
            Kind::Encode(type_name) => {
                write!(f, "cannot write the session's data ({type_name}) as JSON")
            }
            Kind::Decode(type_name) => {
                write!(f, "the stored session does not fit the type {type_name}")
            }
            Kind::Conflict(attempts) => write!(
                f,
                "other clients changed the session before each of {attempts} saves, and then kept it locked"
            ),
            _ => f.write_str(self.fixed_summary()),
        }
    }

    fn fmt_target(&self, f: &mut fmt::Formatter<'_>, failed: &str, unknown: &str) -> fmt::Result {
        match &self.0.target {
            Some(ConnectionTarget {
                user,
                database,
                server,
                ..
            }) => write!(
                f,
                "{failed} to database {database:?} as user {user:?} at {server}"
            ),
            None => f.write_str(unknown),
        }
    }

    fn server_summary(&self) -> &'static str {
        if self.is_mixed_up_statement() {
            "programs share this connection through a pooler, and another one's prepared statement has the same name: use StoreBuilder::prepare_statements(false), or leave that setting out"
        } else if self.is_not_installed() {
            "the session store is not in this database and schema: run `session-admin install`"
        } else if self.is_permission_denied() {
            "the role may not call the session store: run `session-admin check`"
        } else if self.is_too_large() {
            "the session's data is larger than the store accepts" // the server adds the sizes and a hint
        } else if self.is_untranslatable() {
            "the database's encoding cannot hold a character of the text: create the database with encoding UTF8"
        } else if self.is_locked() {
            "another client keeps the session locked, or the table of sessions"
        } else if self.is_canceled() {
            "the server canceled the call, which took too long, or by request"
        } else {
            "the database refused the call"
        }
    }

    fn fixed_summary(&self) -> &'static str {
        match self.0.kind {
            Kind::AsyncContext => {
                "the synchronous store cannot block inside an async runtime: use connect_pg::tokio::Store (feature tokio)"
            }
            Kind::NoRuntime => {
                "the asynchronous store needs a running tokio runtime: call it in a task"
            }
            Kind::Broken if self.is_read_only() => "the server is read-only (a standby)",
            Kind::Broken => "the connection to the database broke",
            Kind::TableLocked => {
                "the table of sessions stayed locked: end the command that locks it"
            }
            Kind::PoolClosed => "the session store is closed",
            Kind::SessionLimit => {
                "the user has as many sessions as the store allows (its settings max_sessions_per_user, reject_over_limit)"
            }
            Kind::LockedByCaller => {
                "the caller has locked the session and would wait for itself: change the session that the closure is given"
            }
            Kind::LockedInPool => {
                "other calls that may wait for locked sessions use their share of the pool: shorten what runs under a lock, or raise pool_size"
            }
            Kind::NotificationsOff => {
                "the store sends no notifications: run `session-admin configure notify_channel=NAME`"
            }
            Kind::Random => "the operating system's random source failed",
            Kind::Thread => "the operating system refused a thread",
            #[cfg(feature = "install")]
            Kind::Newer => {
                "a newer version of connect-pg installed this store, which an older one must not replace: use the newer one"
            }
            #[cfg(feature = "install")]
            Kind::Install => "the store cannot be installed here",
            #[cfg(feature = "install")]
            Kind::IndexNotBuilt => "the store is installed, but not all of its indexes",
            Kind::Application if self.0.code.is_none() => "the application's own call failed",
            _ => "the database refused the call",
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("message", &format_args!("{self}"))
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("outcome_unknown", &self.0.outcome_unknown)
            .field("source", &self.0.source)
            .finish()
    }
}

/// Writes what all connections of a pool are in use for, then what to do.
fn fmt_in_use(f: &mut fmt::Formatter<'_>, in_use: InUse) -> fmt::Result {
    match in_use {
        InUse {
            opening: 0,
            in_closures: 0,
        } => f.write_str(
            "all wait for replies of the server: look for locks there before you raise pool_size",
        ),
        InUse {
            opening,
            in_closures: 0,
        } => write!(
            f,
            "{opening} of them are being opened, the others wait for replies of the server: look at the server"
        ),
        InUse {
            opening,
            in_closures,
        } => write!(
            f,
            "{in_closures} of them are in closures of with_locked, {opening} are being opened: shorten the closures, or raise pool_size"
        ),
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::error::SqlState;

    use super::*;

    #[test]
    fn pool_timeout_tells_what_connections_are_in_use_for() {
        for (opening, in_closures, advice) in [
            (0, 0, "look for locks"),
            (2, 0, "2 of them are being opened"),
            (0, 3, "3 of them are in closures"),
            (1, 3, "1 are being opened: shorten the closures"),
        ] {
            let in_use = InUse {
                opening,
                in_closures,
            };
            let error = Error::pool_timeout(std::time::Duration::from_secs(10), in_use);
            assert!(error.to_string().contains(advice), "{error}");
        }
    }

    #[test]
    fn conflict_shows_what_ended_it() {
        let locked = Error::with_code(Kind::Server, SqlState::LOCK_NOT_AVAILABLE)
            .with_source("canceling statement");
        let error = Error::conflict(8, locked);
        assert!(error.is_conflict() && error.is_locked() && !error.is_unavailable());
        assert_eq!(error.code(), Some("55P03"));
        assert_eq!(
            error.to_string(),
            "other clients changed the session before each of 8 saves, and then kept it locked: canceling statement"
        );
    }
}
