//! refinery, inside the transaction of an install.

use std::fmt;

use postgres::Transaction;
use refinery_core::error::WrapMigrationError;
use refinery_core::traits::sync::{Migrate, Query, Transaction as Execute};
use refinery_core::{Migration, Runner};

use super::history::{HISTORY, create_history};
use super::releases;
use crate::error::Error;

/// Executes the releases that the history lacks and records them. Returns them.
///
/// The caller has locked and checked the history, if there is one.
pub(super) fn run_releases(
    runner: Runner,
    transaction: &mut Transaction<'_>,
    has_history: bool,
) -> Result<Vec<Migration>, Error> {
    let mut runner = runner.set_grouped(true);
    runner.set_migration_table_name(HISTORY);
    let mut connection = RefineryConnection {
        transaction,
        embedded: runner.get_migrations().clone(),
        has_history,
        error: None,
    };
    match runner.run(&mut connection) {
        Ok(report) => Ok(report.applied_migrations().clone()),
        Err(error) => Err(connection
            .error
            .unwrap_or_else(|| Error::install(error.to_string()))),
    }
}

/// The open transaction as refinery's database. refinery's own implementation for a client would open several transactions.
struct RefineryConnection<'a, 'c> {
    transaction: &'a mut Transaction<'c>,
    embedded: Vec<Migration>,
    has_history: bool,
    /// The error of a statement. refinery passes on only its text.
    error: Option<Error>,
}

/// The error that refinery gets.
#[derive(Debug)]
struct StatementFailed;

impl fmt::Display for StatementFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database refused a statement")
    }
}

impl std::error::Error for StatementFailed {}

impl RefineryConnection<'_, '_> {
    /// Keeps an error for the caller of the install.
    fn keep_error<T>(&mut self, result: Result<T, Error>) -> Result<T, StatementFailed> {
        result.map_err(|error| {
            self.error = Some(error);
            StatementFailed
        })
    }

    fn execute_all<'q>(
        &mut self,
        statements: impl Iterator<Item = &'q str>,
    ) -> Result<usize, Error> {
        let mut savepoint = self.transaction.transaction().map_err(Error::call)?;
        let mut count = 0;
        for statement in statements {
            savepoint
                .batch_execute(statement)
                .map_err(releases::execution_error)?;
            count += 1;
        }
        savepoint.commit().map_err(Error::call)?;
        Ok(count)
    }

    fn recorded(&mut self, query: &str) -> Result<Vec<Migration>, Error> {
        let rows = self.transaction.query(query, &[]).map_err(Error::call)?;
        let mut recorded = Vec::new();
        for row in rows {
            let version: i32 = row.try_get(0).map_err(Error::column)?;
            let release = self.embedded.iter().find(|m| m.version() == version);
            recorded.extend(release.cloned());
        }
        Ok(recorded)
    }
}

impl Execute for RefineryConnection<'_, '_> {
    type Error = StatementFailed;

    fn execute<'q, T: Iterator<Item = &'q str>>(
        &mut self,
        queries: T,
    ) -> Result<usize, StatementFailed> {
        let result = self.execute_all(queries);
        self.keep_error(result)
    }
}

impl Query<Vec<Migration>> for RefineryConnection<'_, '_> {
    fn query(&mut self, query: &str) -> Result<Vec<Migration>, StatementFailed> {
        let result = self.recorded(query);
        self.keep_error(result)
    }
}

impl Migrate for RefineryConnection<'_, '_> {
    fn assert_migrations_table(&mut self, _name: &str) -> Result<usize, refinery_core::Error> {
        if self.has_history {
            return Ok(0);
        }
        let result = create_history(self.transaction);
        self.keep_error(result)
            .map(|()| 1)
            .migration_err("error asserting migrations table", None)
    }
}
