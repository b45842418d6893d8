//! Sends sessions to the store, batch by batch.

use std::collections::HashSet;
use std::error::Error;

use connect_pg::{ImportOutcome, SessionRecord};
use indicatif::ProgressBar;
use postgres::Client;

use super::summary::ImportSummary;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::error_details::ErrorDetails;
use crate::support::global_args::GlobalArgs;
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::statement_logging::{disable_parameter_logging, logs_parameters};

/// A batch is sent at this size, even if it has few sessions.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// The statistics are brought up to date after so many sessions, and again at each tenfold.
const FIRST_ANALYZE: i64 = 1000;

/// How the reading of a source ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    Done,
    Interrupted,
}

pub(super) struct Importer<'a> {
    client: &'a mut Client,
    global: &'a GlobalArgs,
    batch_size: usize,
    dry_run: bool,
    progress: &'a ProgressBar,
    /// Where each session of the batch was found.
    positions: Vec<String>,
    batch: Vec<SessionRecord>,
    batch_bytes: usize,
    batch_keys: HashSet<[u8; 32]>,
    summary: ImportSummary,
    /// The number of imported sessions at which the statistics are brought up to date.
    analyze_at: i64,
}

impl<'a> Importer<'a> {
    pub(super) fn new(
        client: &'a mut Client,
        global: &'a GlobalArgs,
        batch_size: usize,
        dry_run: bool,
        progress: &'a ProgressBar,
    ) -> Result<Self, CliError> {
        // Times without a time zone are in UTC, and have the order of ISO 8601.
        disable_parameter_logging(client)
            .and_then(|()| client.batch_execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'"))
            .map_err(|error| import_failed(&error, global))?;
        if !dry_run && logs_parameters(client).map_err(|error| import_failed(&error, global))? {
            output::remark(
                "The server may log the data of the sessions, as parameters of statements (log_statement, \
                 log_min_duration_statement). It logs no session id.\n\
                 Hint: import as a superuser, or let one run: alter role ROLE set log_parameter_max_length = 0",
            );
        }
        Ok(Self {
            client,
            global,
            batch_size,
            dry_run,
            progress,
            positions: Vec::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            batch_keys: HashSet::new(),
            summary: ImportSummary::default(),
            analyze_at: FIRST_ANALYZE,
        })
    }

    /// Returns the most sessions in a batch.
    pub(super) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Adds a session. Returns true if that completed a batch, which was sent.
    pub(super) fn add(
        &mut self,
        position: String,
        session: SessionRecord,
    ) -> Result<bool, CliError> {
        // Of two rows with one id the first counts, as if the second were in a later batch.
        if !self.batch_keys.insert(session.key) {
            self.summary.existing += 1;
            return Ok(false);
        }
        self.batch_bytes += session.data.as_deref().map_or(0, str::len);
        self.positions.push(position);
        self.batch.push(session);
        let is_full = self.batch.len() >= self.batch_size || self.batch_bytes >= MAX_BATCH_BYTES;
        if is_full {
            self.send()?;
        }
        Ok(is_full)
    }

    /// Counts a session that cannot be read.
    pub(super) fn refuse(&mut self, position: String, reason: &str) {
        self.summary.add_unreadable(position, reason);
    }

    /// Sends the incomplete batch.
    pub(super) fn send(&mut self) -> Result<(), CliError> {
        let positions = std::mem::take(&mut self.positions);
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.batch_keys.clear();
        self.send_batch(&positions, &batch)?;
        if self.summary.imported >= self.analyze_at && !self.dry_run {
            self.analyze();
        }
        self.progress.set_message(self.summary.counts(self.dry_run));
        self.progress.tick();
        Ok(())
    }

    pub(super) fn finish(self) -> ImportSummary {
        self.summary
    }

    /// Brings the statistics of the store's tables up to date. Applications that run meanwhile may have plans for almost empty tables,
    /// which autovacuum would replace a minute later.
    ///
    /// A failure is no failure of the import.
    fn analyze(&mut self) {
        self.analyze_at = self.summary.imported.saturating_mul(10);
        let tables = self.client.query(
            "select pg_catalog.format('%I.%I', n.nspname, c.relname)
            from pg_catalog.pg_class as c
            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = $1::pg_catalog.text
                and c.relkind = 'r'",
            &[&self.global.schema],
        );
        let names = tables
            .iter()
            .flatten()
            .filter_map(|row| row.try_get(0).ok());
        for table in names.collect::<Vec<String>>() {
            let _ = self
                .client
                .batch_execute(&format!("analyze (skip_locked) {table}"));
        }
    }

    fn send_batch(
        &mut self,
        positions: &[String],
        batch: &[SessionRecord],
    ) -> Result<(), CliError> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.call(batch) {
            Ok(outcomes) => {
                for (position, outcome) in positions.iter().zip(outcomes) {
                    match outcome {
                        ImportOutcome::Imported => self.summary.imported += 1,
                        ImportOutcome::Exists => self.summary.existing += 1,
                        ImportOutcome::Expired => self.summary.expired += 1,
                        ImportOutcome::Refused(reason) => self.refuse(position.clone(), &reason),
                        _ => self.refuse(position.clone(), "another outcome"),
                    }
                }
                Ok(())
            }
            // A session has a value that the database cannot hold: a character, a time. The server's message would show it, so the
            // session is found by halving the batch.
            Err(error) => match refused_value(&*error) {
                None => Err(import_failed(&*error, self.global)),
                Some(code) if batch.len() == 1 => {
                    let reason = format!("the database refuses it (SQLSTATE {code})");
                    self.refuse(positions[0].clone(), &reason);
                    Ok(())
                }
                Some(_) => {
                    let half = batch.len() / 2;
                    self.send_batch(&positions[..half], &batch[..half])?;
                    self.send_batch(&positions[half..], &batch[half..])
                }
            },
        }
    }

    fn call(&mut self, batch: &[SessionRecord]) -> Result<Vec<ImportOutcome>, BatchError> {
        let mut transaction = self.client.transaction()?;
        let outcomes = connection::store(&mut transaction, self.global)?.import_batch(batch)?;
        if self.dry_run {
            transaction.rollback()?;
        } else {
            transaction.commit()?;
        }
        Ok(outcomes)
    }
}

/// The failure of a batch.
type BatchError = Box<dyn Error + Send + Sync>;

/// Returns the SQLSTATE of an error about a value that was sent.
fn refused_value(error: &(dyn Error + 'static)) -> Option<String> {
    let details = ErrorDetails::of(error);
    ["22", "23", "54"]
        .contains(&details.class())
        .then(|| details.code.map(|code| code.code().to_owned()))
        .flatten()
}

fn import_failed(error: &(dyn Error + 'static), global: &GlobalArgs) -> CliError {
    call_failed("import", error, global, Rights::OwnerRole)
}
