//! refinery, working in a transaction of ours.

use postgres::Transaction;
use refinery_core::Migration;
use refinery_core::traits::sync::{Migrate, Query, Transaction as Execute};

use super::history::{HISTORY, lock_history};
use super::released_sql;
use crate::error::Error;

/// Our open transaction as refinery's database. refinery's own implementation for a client opens transactions of its own,
/// so that an install would be several of them.
pub(super) struct RefineryConnection<'a, 'c> {
    pub(super) transaction: &'a mut Transaction<'c>,
    /// What this build holds. The history was compared with it before.
    pub(super) embedded: Vec<Migration>,
    /// The whole of what went wrong: refinery passes on its text only.
    pub(super) failure: Option<Error>,
}

/// What refinery is told of a failure.
#[derive(Debug)]
pub(super) struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database refused a statement")
    }
}

impl std::error::Error for Failed {}

impl RefineryConnection<'_, '_> {
    fn keep<T>(&mut self, result: Result<T, Error>) -> Result<T, Failed> {
        result.map_err(|error| {
            self.failure = Some(error);
            Failed
        })
    }

    fn run<'q>(&mut self, statements: impl Iterator<Item = &'q str>) -> Result<usize, Error> {
        let mut savepoint = self.transaction.transaction().map_err(Error::call)?;
        let mut count = 0;
        for statement in statements {
            savepoint.batch_execute(statement).map_err(released_sql)?;
            count += 1;
        }
        savepoint.commit().map_err(Error::call)?;
        Ok(count)
    }

    fn versions(&mut self, query: &str) -> Result<Vec<Migration>, Error> {
        let rows = self.transaction.query(query, &[]).map_err(Error::call)?;
        let mut applied = Vec::new();
        for row in rows {
            let version: i32 = row.try_get(0).map_err(Error::column)?;
            applied.extend(
                self.embedded
                    .iter()
                    .find(|m| m.version() == version)
                    .cloned(),
            );
        }
        Ok(applied)
    }

    fn make_history(&mut self, create: &str) -> Result<usize, Error> {
        if lock_history(self.transaction)? {
            return Ok(0);
        }
        self.run([create].into_iter())?;
        // Only now is it certain that the table is ours and not somebody's who was faster.
        lock_history(self.transaction)?;
        self.run(
            [
                &*format!("revoke all on table {HISTORY} from public"),
                &*format!(
                    "comment on table {HISTORY} is 'The releases of correct_web() that session-admin has installed here. API: private'"
                ),
            ]
            .into_iter(),
        )
    }
}

impl Execute for RefineryConnection<'_, '_> {
    type Error = Failed;

    fn execute<'q, T: Iterator<Item = &'q str>>(&mut self, queries: T) -> Result<usize, Failed> {
        let result = self.run(queries);
        self.keep(result)
    }
}

impl Query<Vec<Migration>> for RefineryConnection<'_, '_> {
    fn query(&mut self, query: &str) -> Result<Vec<Migration>, Failed> {
        let result = self.versions(query);
        self.keep(result)
    }
}

impl Migrate for RefineryConnection<'_, '_> {
    fn assert_migrations_table(&mut self, name: &str) -> Result<usize, refinery_core::Error> {
        use refinery_core::error::WrapMigrationError;

        let result = self.make_history(&Self::assert_migrations_table_query(name));
        self.keep(result)
            .migration_err("error asserting migrations table", None)
    }
}
