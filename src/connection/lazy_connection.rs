use std::mem::ManuallyDrop;
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, IsolationLevel, Row, Statement, Transaction};

use crate::connection::Borrowed;
use crate::connection::Connector;
use crate::connection::backend::sealed::{Answer, Call, Run, finish};
use crate::error::Error;
use crate::functions::Function;
use crate::runtime::async_context;

/// A place in the pool: a connection, once a call has needed it, and the statements prepared on it.
///
/// It connects in the thread of the caller, who gets the error with its SQLSTATE at once, and replaces a broken connection
/// on the spot. So a server that was restarted costs each place one repeated call, whatever the others hold.
#[derive(Default)]
pub(crate) struct LazyConnection {
    open: Option<OpenConnection>,
}

/// How old a connection may grow, unless nobody calls: a server process keeps what it has cached for as long as it lives, and a name may lead
/// elsewhere by now.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// An open connection.
struct OpenConnection {
    client: Client,
    since: Instant,
    statements: [Option<Statement>; Function::COUNT],
}

/// Why a try failed, and whether the call was on its way by then.
struct AttemptError {
    error: Error,
    sent: bool,
}

impl AttemptError {
    fn before_sending(error: Error) -> AttemptError {
        AttemptError { error, sent: false }
    }

    fn after_sending(error: postgres::Error) -> AttemptError {
        AttemptError {
            error: Error::call(error),
            sent: true,
        }
    }

    /// Whether the call may have been done all the same.
    fn may_have_executed(&self, call: &Call<'_>) -> bool {
        self.sent
            && self.error.is_connection_lost()
            && !self.error.is_read_only()
            && call.function.changes()
    }
}

impl LazyConnection {
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
            Err(failure) if !failure.error.is_connection_lost() => return Err(failure.error),
            Err(failure) => failure,
        };
        self.discard();
        match self.try_run(connector, call) {
            Ok(rows) => Ok(Answer {
                rows,
                repeated: first.may_have_executed(call),
            }),
            Err(second) => {
                if second.error.is_connection_lost() {
                    self.discard();
                }
                // What it refuses of the call itself, it refused the first time too. A second try that was never sent, or that
                // somebody has forbidden since, says nothing of the first.
                let refused = second.sent
                    && (second.error.is_too_large() || second.error.is_invalid_argument());
                if !refused && (first.may_have_executed(call) || second.may_have_executed(call)) {
                    Err(second.error.with_outcome_unknown())
                } else {
                    Err(second.error)
                }
            }
        }
    }

    /// Begins a transaction, makes the call in it and gives both to `work`; on a connection that turns out to be dead, before
    /// the work has begun, once more on a fresh one.
    pub(crate) fn in_transaction<R, E, F>(
        &mut self,
        connector: &Connector,
        first: &Call<'_>,
        work: F,
    ) -> Result<R, E>
    where
        E: From<Error>,
        F: FnOnce(Borrowed<'_, Transaction<'_>>, Answer) -> Result<R, E>,
    {
        let mut may_repeat = true;
        loop {
            let error = match self.connected(connector)?.begin(first) {
                Ok((transaction, answer)) => return finish(transaction, answer, work),
                Err(error) => error,
            };
            if !error.is_connection_lost() {
                return Err(error.into());
            }
            self.discard();
            if !may_repeat {
                return Err(error.into());
            }
            may_repeat = false;
        }
    }

    /// Whether the next one who takes this place finds it connected.
    pub(crate) fn is_usable(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| !open.client.is_closed())
    }

    /// Whether it is connected for so long that it should connect anew.
    pub(crate) fn is_expired(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.since.elapsed() >= MAX_LIFETIME)
    }

    pub(crate) fn discard(&mut self) {
        if let Some(open) = self.open.take() {
            close_off_runtime(open.client);
        }
    }

    /// Connects, unless that is done.
    pub(crate) fn connect(&mut self, connector: &Connector) -> Result<(), Error> {
        self.connected(connector).map(drop)
    }

    fn connected(&mut self, connector: &Connector) -> Result<&mut OpenConnection, Error> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(OpenConnection {
                client: connector.connect()?,
                since: Instant::now(),
                statements: Default::default(),
            })),
        }
    }

    fn try_run(
        &mut self,
        connector: &Connector,
        call: &Call<'_>,
    ) -> Result<Vec<Row>, AttemptError> {
        let open = self
            .connected(connector)
            .map_err(AttemptError::before_sending)?;
        if !connector.prepares() {
            return open.run_unnamed(call);
        }
        match open.run_prepared(call) {
            // The statement is gone (DISCARD ALL), or a re-install changed the columns. Nothing was done.
            Err(failure) if failure.error.is_stale_statement() => {
                open.statements[call.function.index()] = None;
                open.run_prepared(call)
            }
            result => result,
        }
    }
}

impl OpenConnection {
    /// Statements are unnamed here: one that turns out to be stale would cost the transaction its life.
    fn begin(&mut self, first: &Call<'_>) -> Result<(Transaction<'_>, Answer), Error> {
        // Whatever the role's default: who has waited for a lock wants to see what its holder wrote.
        let mut transaction = self
            .client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .map_err(Error::call)?;
        let answer = Borrowed::new(&mut transaction).run(first)?;
        Ok((transaction, answer))
    }

    fn run_unnamed(&mut self, call: &Call<'_>) -> Result<Vec<Row>, AttemptError> {
        self.client
            .query_typed(&call.sql(), &call.typed_values())
            .map_err(AttemptError::after_sending)
    }

    fn run_prepared(&mut self, call: &Call<'_>) -> Result<Vec<Row>, AttemptError> {
        let statement = match &mut self.statements[call.function.index()] {
            Some(statement) => statement,
            none => none.insert(
                self.client
                    .prepare_typed(&call.sql(), &call.types())
                    .map_err(|error| AttemptError::before_sending(Error::call(error)))?,
            ),
        };
        self.client
            .query(statement, &call.values())
            .map_err(AttemptError::after_sending)
    }
}

impl Drop for LazyConnection {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Closes a connection, on a thread of its own where a runtime is near: a client that is dropped in a task panics, since it
/// says good-bye to the server and waits.
pub(crate) fn close_off_runtime(client: Client) {
    if !async_context::in_runtime() {
        drop(client);
        return;
    }
    // If there is no thread to be had the connection leaks until the process ends, which beats a panic.
    let client = ManuallyDrop::new(client);
    let _ = thread::Builder::new()
        .name("connect-pg close".to_owned())
        .spawn(move || drop(ManuallyDrop::into_inner(client)));
}
