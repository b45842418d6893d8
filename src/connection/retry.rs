//! The retry policy: what follows a failed attempt at a call.
//!
//! Every function can be called again. A save of data that is stored is `saved`, and an ended session stays ended. A key that
//! exists after a lost `create` is the one that was generated. So a call whose connection broke is repeated once.

use std::time::Duration;

use crate::error::Error;
use crate::functions::Call;

/// What the next attempt may still do, and what is known of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The connection can be replaced.
    can_reconnect: bool,
    statement: Statement,
    /// An earlier attempt may have been executed.
    pub(crate) may_have_executed: bool,
}

/// How the call is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Unnamed,
    Prepared,
    /// Prepared anew on this connection.
    PreparedAnew,
}

impl Attempt {
    /// On a connection that the application lends: nothing is repeated.
    pub(crate) const ONLY: Attempt = Attempt {
        can_reconnect: false,
        statement: Statement::Unnamed,
        may_have_executed: false,
    };

    /// Returns the first attempt on a connection of the pool.
    pub(crate) fn first(prepares: bool) -> Attempt {
        Attempt {
            can_reconnect: true,
            statement: if prepares {
                Statement::Prepared
            } else {
                Statement::Unnamed
            },
            may_have_executed: false,
        }
    }
}

/// An attempt that failed.
pub(crate) struct FailedAttempt {
    pub(crate) error: Error,
    /// The call was on its way.
    sent: bool,
}

impl FailedAttempt {
    pub(crate) fn before_sending(error: Error) -> FailedAttempt {
        FailedAttempt { error, sent: false }
    }

    pub(crate) fn after_sending(error: postgres::Error) -> FailedAttempt {
        FailedAttempt {
            error: Error::call(error),
            sent: true,
        }
    }

    /// The same, of this call.
    pub(crate) fn of_call(error: postgres::Error, call: &Call<'_>) -> FailedAttempt {
        let mut failed = FailedAttempt::after_sending(error);
        if !call.may_block() {
            failed.error = failed.error.without_wait_for_session();
        }
        failed
    }

    /// The same, of what came before the call.
    pub(crate) fn with_nothing_sent(self) -> FailedAttempt {
        FailedAttempt {
            sent: false,
            ..self
        }
    }

    /// The call was sent, and the server did not answer in time.
    pub(crate) fn timed_out(timeout: Duration) -> FailedAttempt {
        FailedAttempt {
            error: Error::call_timeout(timeout),
            sent: true,
        }
    }

    /// Returns the next attempt at the call, or the error to report. The connection has forgotten a statement that is stale.
    pub(crate) fn next(self, call: &Call<'_>, attempt: Attempt) -> Result<Attempt, Error> {
        match self.decide(call.changes(), attempt) {
            Decision::Return { outcome_unknown } => {
                Err(self.error.with_outcome_unknown_if(outcome_unknown))
            }
            Decision::Reconnect(next) | Decision::PrepareAnew(next) => {
                call.trace().repeated(&self.error);
                Ok(next)
            }
        }
    }

    fn decide(&self, changes: bool, attempt: Attempt) -> Decision {
        decide(Failure::of(&self.error), self.sent, changes, attempt)
    }
}

/// Returns the error of a call or commit that is not repeated.
pub(crate) fn final_error(error: postgres::Error, changes: bool) -> Error {
    final_failure(FailedAttempt::after_sending(error), changes)
}

/// Returns the error of an attempt that is not repeated.
pub(crate) fn final_failure(failed: FailedAttempt, changes: bool) -> Error {
    let unknown = Decision::Return {
        outcome_unknown: true,
    };
    let is_unknown = failed.decide(changes, Attempt::ONLY) == unknown;
    failed.error.with_outcome_unknown_if(is_unknown)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The connection broke, or the server closes it.
    ConnectionLost,
    /// The server did not answer in time, so there is no time for another attempt.
    TimedOut,
    /// The server is a standby. It executed nothing, and another connection may lead to the primary.
    ReadOnly,
    /// The server has lost the prepared statement, or an install has changed what it returns. Nothing was executed.
    StaleStatement,
    /// The server refuses the arguments, as it does at every attempt.
    InvalidCall,
    Other,
}

impl Failure {
    fn of(error: &Error) -> Failure {
        if error.is_read_only() {
            Failure::ReadOnly
        } else if error.is_call_timeout() {
            Failure::TimedOut
        } else if error.is_connection_lost() {
            Failure::ConnectionLost
        } else if error.is_stale_statement() {
            Failure::StaleStatement
        } else if error.is_too_large() || error.is_invalid_argument() {
            Failure::InvalidCall
        } else {
            Failure::Other
        }
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// Return the error.
    Return { outcome_unknown: bool },
    /// Replace the connection and make this attempt.
    Reconnect(Attempt),
    /// Prepare the statement anew and make this attempt.
    PrepareAnew(Attempt),
}

fn decide(failure: Failure, sent: bool, changes: bool, attempt: Attempt) -> Decision {
    let lost = matches!(failure, Failure::ConnectionLost | Failure::ReadOnly);
    let no_answer = matches!(failure, Failure::ConnectionLost | Failure::TimedOut);
    let may_have_executed = attempt.may_have_executed || sent && changes && no_answer;
    match failure {
        _ if lost && attempt.can_reconnect => Decision::Reconnect(Attempt {
            can_reconnect: false,
            statement: match attempt.statement {
                Statement::PreparedAnew => Statement::Prepared,
                statement => statement,
            },
            may_have_executed,
        }),
        Failure::StaleStatement if attempt.statement == Statement::Prepared => {
            Decision::PrepareAnew(Attempt {
                statement: Statement::PreparedAnew,
                ..attempt
            })
        }
        // The earlier attempt was refused as well.
        Failure::InvalidCall if sent => Decision::Return {
            outcome_unknown: false,
        },
        _ => Decision::Return {
            outcome_unknown: may_have_executed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Attempt = Attempt {
        can_reconnect: true,
        statement: Statement::Prepared,
        may_have_executed: false,
    };
    /// On a fresh connection, after an attempt that was not executed.
    const SECOND: Attempt = Attempt {
        can_reconnect: false,
        ..FIRST
    };
    /// On a fresh connection, after an attempt that may have been executed.
    const REPEATED: Attempt = Attempt {
        may_have_executed: true,
        ..SECOND
    };
    const RETURN: Decision = Decision::Return {
        outcome_unknown: false,
    };
    const RETURN_UNKNOWN: Decision = Decision::Return {
        outcome_unknown: true,
    };

    #[test]
    fn decide_follows_the_table() {
        use Decision::{PrepareAnew, Reconnect};
        use Failure::{ConnectionLost, InvalidCall, Other, ReadOnly, StaleStatement, TimedOut};

        let prepared = |attempt| Attempt {
            statement: Statement::PreparedAnew,
            ..attempt
        };
        for (failure, sent, changes, attempt, decision) in [
            // The connection is replaced once.
            (ConnectionLost, true, true, FIRST, Reconnect(REPEATED)),
            (ConnectionLost, true, false, FIRST, Reconnect(SECOND)),
            (ConnectionLost, false, true, FIRST, Reconnect(SECOND)),
            (ReadOnly, true, true, FIRST, Reconnect(SECOND)),
            // The second attempt is the last. It cannot settle what the first one did, unless the arguments are refused.
            (ConnectionLost, true, true, SECOND, RETURN_UNKNOWN),
            (ConnectionLost, true, false, SECOND, RETURN),
            (ConnectionLost, false, true, SECOND, RETURN),
            (ConnectionLost, false, true, REPEATED, RETURN_UNKNOWN),
            (ReadOnly, true, true, SECOND, RETURN),
            (ReadOnly, true, true, REPEATED, RETURN_UNKNOWN),
            (Other, true, true, SECOND, RETURN),
            (Other, true, true, REPEATED, RETURN_UNKNOWN),
            (Other, false, true, REPEATED, RETURN_UNKNOWN),
            (InvalidCall, true, true, REPEATED, RETURN),
            (InvalidCall, false, true, REPEATED, RETURN_UNKNOWN),
            // There is no time for a second attempt.
            (TimedOut, true, true, FIRST, RETURN_UNKNOWN),
            (TimedOut, true, false, FIRST, RETURN),
            (TimedOut, false, true, FIRST, RETURN),
            (TimedOut, true, false, REPEATED, RETURN_UNKNOWN),
            // What the server refuses is returned.
            (Other, true, true, FIRST, RETURN),
            (InvalidCall, true, true, FIRST, RETURN),
            // A statement is prepared anew once on each connection.
            (
                StaleStatement,
                true,
                true,
                FIRST,
                PrepareAnew(prepared(FIRST)),
            ),
            (StaleStatement, true, true, prepared(FIRST), RETURN),
            (
                ConnectionLost,
                true,
                true,
                prepared(FIRST),
                Reconnect(REPEATED),
            ),
            (
                StaleStatement,
                true,
                true,
                REPEATED,
                PrepareAnew(prepared(REPEATED)),
            ),
            (
                StaleStatement,
                true,
                true,
                prepared(REPEATED),
                RETURN_UNKNOWN,
            ),
            // On a connection that the application lends, nothing is repeated.
            (ConnectionLost, true, true, Attempt::ONLY, RETURN_UNKNOWN),
            (TimedOut, true, true, Attempt::ONLY, RETURN_UNKNOWN),
            (ConnectionLost, true, false, Attempt::ONLY, RETURN),
            (ReadOnly, true, true, Attempt::ONLY, RETURN),
            (StaleStatement, true, true, Attempt::ONLY, RETURN),
            (Other, true, true, Attempt::ONLY, RETURN),
        ] {
            assert_eq!(
                decide(failure, sent, changes, attempt),
                decision,
                "{failure:?}, sent {sent}, changes {changes}, {attempt:?}"
            );
        }
    }
}
