use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_transaction::InTransaction;
use super::place::{PooledConnection, RefusedPlace};
use super::places::Places;
use super::queue::{Purpose, Ticket};
use super::waiting::{AcquireError, Turn};
use crate::connection::connector::Connector;
use crate::error::Error;
use crate::functions::{Call, GroupedCall, Reply, SchemaName};

/// How calls get their connections.
#[derive(Clone)]
pub(super) struct Checkout {
    pub(super) places: Arc<Places>,
    pub(super) connector: Arc<Connector>,
    /// How long a call waits, unless it says so itself.
    pub(super) timeout: Duration,
}

/// What came before a call that is made by itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Past {
    /// It has waited, with this ticket.
    pub(super) ticket: Option<Ticket>,
    /// It may have been executed, as part of a group.
    pub(super) may_have_executed: bool,
}

impl Checkout {
    /// Returns what a call wants a place for, if it is made by itself.
    pub(super) fn purpose(&self, call: &Call<'_>) -> Purpose {
        // A call inside a transaction lets that end, and so one more of the calls that may block.
        if call.may_block() && InTransaction::count(&self.places) == 0 {
            Purpose::Blockable
        } else {
            Purpose::Prompt
        }
    }

    /// Refuses a call that would wait for a connection that its own thread keeps.
    pub(super) fn check_self_deadlock(&self) -> Result<(), Error> {
        if InTransaction::count(&self.places) < self.places.size() {
            Ok(())
        } else {
            Err(Error::pool_kept_by_caller())
        }
    }

    /// Makes a call by itself.
    pub(super) fn execute(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
        past: Past,
    ) -> Result<Reply, Error> {
        let connection = self
            .acquire(call, past.ticket)
            .map_err(|error| error.with_outcome_unknown_if(past.may_have_executed))?;
        self.execute_on(connection, schema, call, past)
    }

    /// Makes a call by itself on a connection. If the server accepts no further connection, waits for one that is open.
    pub(super) fn execute_on<'a>(
        &'a self,
        mut connection: PooledConnection<'a>,
        schema: &SchemaName,
        call: &Call<'_>,
        mut past: Past,
    ) -> Result<Reply, Error> {
        // Their places stay in use until the call is made, so that fewer threads wait for more.
        let mut refused = Vec::new();
        loop {
            let made = connection.execute(&self.connector, schema, call, past.may_have_executed);
            let error = match made {
                Err(error) if error.is_out_of_connections() => error,
                made => return made,
            };
            past.may_have_executed |= error.is_outcome_unknown();
            refused.push(connection.into_refused());
            if !self.places.has_accepted() {
                return Err(error);
            }
            connection = match self.acquire(call, past.ticket) {
                Ok(next) => next,
                Err(_) => return Err(error),
            };
        }
    }

    /// Acquires a connection for a transaction, and opens it. If the server accepts no further connection, waits for one that is
    /// open. The second value stays until the transaction has ended.
    pub(super) fn acquire_open<'a>(
        &'a self,
        call: &Call<'_>,
    ) -> Result<(PooledConnection<'a>, Vec<RefusedPlace<'a>>), Error> {
        let mut refused = Vec::new();
        let mut connection = self.acquire(call, None)?;
        loop {
            match connection.connect(&self.connector) {
                Err(error) if error.is_out_of_connections() => {
                    refused.push(connection.into_refused());
                    if !self.places.has_accepted() {
                        return Err(error);
                    }
                    connection = self.acquire(call, None).map_err(|_| error)?;
                }
                // The first call replaces a connection that broke.
                Err(error) if !error.is_connection_lost() => return Err(error),
                _ => return Ok((connection, refused)),
            }
        }
    }

    /// Opens a connection.
    pub(super) fn open_one(&self) -> Result<(), Error> {
        let acquired = self.places.acquire(Purpose::Prompt, None, self.timeout);
        acquired
            .map_err(|error| self.pool_error(error, self.timeout))?
            .connect(&self.connector)
    }

    /// Acquires a connection that is free.
    pub(super) fn try_acquire(
        &self,
        call: &Call<'_>,
    ) -> Result<Option<PooledConnection<'_>>, Error> {
        let acquired = self.places.try_acquire(self.purpose(call));
        acquired.map_err(|error| self.pool_error(error, self.timeout))
    }

    /// Acquires a connection for a group, or waits until the call was part of another thread's.
    pub(super) fn join(
        &self,
        purpose: Purpose,
        call: &Arc<GroupedCall>,
    ) -> Result<(Turn<'_>, Option<Ticket>), Error> {
        let joined = self.places.join(purpose, call, self.timeout);
        joined.map_err(|error| self.pool_error(error, self.timeout))
    }

    /// Uses a connection for a call by itself, if that is allowed.
    pub(super) fn adapt(&self, call: &Call<'_>, connection: &mut PooledConnection<'_>) -> bool {
        self.purpose(call) == Purpose::Prompt || connection.become_blockable()
    }

    /// Acquires a connection for a call. A wait that the call limits includes this one.
    pub(super) fn acquire(
        &self,
        call: &Call<'_>,
        ticket: Option<Ticket>,
    ) -> Result<PooledConnection<'_>, Error> {
        let give_up = call.give_up();
        let timeout = give_up.map_or(self.timeout, |give_up| {
            give_up.saturating_duration_since(Instant::now())
        });
        self.places
            .acquire(self.purpose(call), ticket, timeout)
            .map_err(|error| match error {
                AcquireError::Blocked if give_up.is_some() => Error::locked_in_pool(),
                error => self.pool_error(error, timeout),
            })
    }

    fn pool_error(&self, error: AcquireError, timeout: Duration) -> Error {
        match error {
            AcquireError::Timeout => {
                Error::pool_timeout(timeout, self.connector.activity().in_use())
            }
            AcquireError::Blocked => Error::pool_blocked(timeout),
            AcquireError::Closed => Error::pool_closed(),
        }
    }
}
