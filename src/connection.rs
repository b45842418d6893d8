use std::mem::ManuallyDrop;
use std::thread;

use postgres::{Client, Row, Statement};

use crate::backend::sealed::{Answer, Call};
use crate::connector::Connector;
use crate::function::Function;
use crate::{Error, async_context};

/// A place in the pool: a connection, once a call has needed it, and the statements prepared on it.
///
/// It connects in the thread of the caller, who gets the error with its SQLSTATE at once, and replaces a broken connection
/// on the spot. So a server that was restarted costs each place one repeated call, whatever the others hold.
#[derive(Default)]
pub(crate) struct Connection {
    client: Option<Client>,
    statements: [Option<Statement>; Function::COUNT],
}

/// Why a try failed, and whether the call was on its way by then.
struct Failure {
    error: Error,
    sent: bool,
}

impl Failure {
    fn before_sending(error: Error) -> Failure {
        Failure { error, sent: false }
    }

    /// Whether the call may have been done all the same.
    fn may_be_done(&self, call: &Call<'_>) -> bool {
        self.sent
            && self.error.spoils_connection()
            && !self.error.is_read_only()
            && call.function.changes()
    }
}

impl Connection {
    /// Makes a call; on a connection that turns out to be dead, once more on a fresh one.
    ///
    /// Every function can be repeated: a save whose data is already stored is `saved`, an ended session stays ended, and a
    /// key that exists after a lost `create` is the one that we drew. The caller learns that it was repeated.
    pub(crate) fn run(&mut self, connector: &Connector, call: &Call<'_>) -> Result<Answer, Error> {
        let first = match self.try_run(connector, call) {
            Ok(rows) => {
                return Ok(Answer {
                    rows,
                    repeated: false,
                });
            }
            Err(failure) if !failure.error.spoils_connection() => return Err(failure.error),
            Err(failure) => failure,
        };
        self.discard();
        match self.try_run(connector, call) {
            Ok(rows) => Ok(Answer {
                rows,
                repeated: first.may_be_done(call),
            }),
            Err(second) => {
                if second.error.spoils_connection() {
                    self.discard();
                }
                // What the server refuses for good, it refused the first time too.
                let refused = second.error.is_too_large()
                    || second.error.is_invalid_argument()
                    || second.error.is_permission_denied()
                    || second.error.is_not_installed();
                if !refused && (first.may_be_done(call) || second.may_be_done(call)) {
                    Err(second.error.with_outcome_unknown())
                } else {
                    Err(second.error)
                }
            }
        }
    }

    /// Whether the pool should throw this place away.
    pub(crate) fn is_broken(&self) -> bool {
        self.client.as_ref().is_some_and(Client::is_closed)
    }

    /// Connects, unless that is done.
    pub(crate) fn open(&mut self, connector: &Connector) -> Result<&mut Client, Error> {
        match &mut self.client {
            // A shape that the borrow checker understands: `Some(client) => Ok(client)` is none.
            client @ None => Ok(client.insert(connector.connect()?)),
            Some(client) => Ok(client),
        }
    }

    fn try_run(&mut self, connector: &Connector, call: &Call<'_>) -> Result<Vec<Row>, Failure> {
        if !connector.prepares() {
            let client = self.open(connector).map_err(Failure::before_sending)?;
            return client
                .query_typed(&call.sql(), &call.typed_values())
                .map_err(|error| Failure {
                    error: Error::call(error),
                    sent: true,
                });
        }
        match self.try_prepared(connector, call) {
            // The statement is gone (DISCARD ALL), or a re-install changed the columns. Nothing was done.
            Err(failure) if failure.error.is_stale_statement() => {
                self.statements[call.function.index()] = None;
                self.try_prepared(connector, call)
            }
            result => result,
        }
    }

    fn try_prepared(
        &mut self,
        connector: &Connector,
        call: &Call<'_>,
    ) -> Result<Vec<Row>, Failure> {
        self.open(connector).map_err(Failure::before_sending)?;
        let Connection {
            client: Some(client),
            statements,
        } = self
        else {
            return Ok(Vec::new()); // open() leaves a client there
        };
        let statement = match &mut statements[call.function.index()] {
            Some(statement) => statement,
            none => none.insert(
                client
                    .prepare_typed(&call.sql(), &call.types())
                    .map_err(|error| Failure::before_sending(Error::call(error)))?,
            ),
        };
        client
            .query(statement, &call.values())
            .map_err(|error| Failure {
                error: Error::call(error),
                sent: true,
            })
    }

    fn discard(&mut self) {
        self.statements = Default::default();
        if let Some(client) = self.client.take() {
            dispose(client);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Closes a connection, on a thread of its own where a runtime is near: a client that is dropped in a task panics, since it
/// says good-bye to the server and waits.
fn dispose(client: Client) {
    if !async_context::near_runtime() {
        drop(client);
        return;
    }
    // If there is no thread to be had the connection leaks until the process ends, which beats a panic.
    let client = ManuallyDrop::new(client);
    let _ = thread::Builder::new()
        .name("connect-pg close".to_owned())
        .spawn(move || drop(ManuallyDrop::into_inner(client)));
}
