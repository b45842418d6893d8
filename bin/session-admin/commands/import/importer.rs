//! Sends sessions to the store, batch by batch.

use std::collections::HashSet;

use connect_pg::quote_identifier;
use indicatif::ProgressBar;
use postgres::{Client, Statement};

use super::summary::ImportSummary;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;
use crate::support::statement_logging::disable_parameter_logging;

/// A batch is sent at this size, even if it has few sessions.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// How the reading of a source ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    Done,
    Interrupted,
}

/// A session to import. Times are text that PostgreSQL parses. Has no `Debug`, which would show the data.
#[derive(Default)]
pub(super) struct IncomingSession {
    pub(super) key: Vec<u8>,
    pub(super) data: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) last_used_at: Option<String>,
    pub(super) expires_at: Option<String>,
    pub(super) absolute_expires_at: Option<String>,
    pub(super) idle_timeout_seconds: Option<i32>,
    pub(super) user_id: Option<String>,
    pub(super) client_address: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) label: Option<String>,
}

/// A session, and where it was found.
type Entry = (String, IncomingSession);

pub(super) struct Importer<'a> {
    client: &'a mut Client,
    global: &'a GlobalArgs,
    statement: Statement,
    batch_size: usize,
    dry_run: bool,
    progress: &'a ProgressBar,
    batch: Vec<Entry>,
    batch_bytes: usize,
    batch_keys: HashSet<Vec<u8>>,
    summary: ImportSummary,
}

impl<'a> Importer<'a> {
    pub(super) fn new(
        client: &'a mut Client,
        global: &'a GlobalArgs,
        batch_size: usize,
        dry_run: bool,
        progress: &'a ProgressBar,
    ) -> Result<Self, CliError> {
        let sql = format!(
            "select i.outcome
            from {}.import_sessions(
                $1, $2, $3::text[]::timestamptz[], $4::text[]::timestamptz[], $5::text[]::timestamptz[],
                $6::text[]::timestamptz[], $7, $8, $9::text[]::inet[], $10, $11
            ) as i
            order by i.ordinality",
            quote_identifier(&global.schema)
        );
        let statement = disable_parameter_logging(client)
            .and_then(|()| client.batch_execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'"))
            .and_then(|()| client.prepare(&sql))
            .map_err(|error| import_failed(&error, global))?;
        Ok(Self {
            client,
            global,
            statement,
            batch_size,
            dry_run,
            progress,
            batch: Vec::new(),
            batch_bytes: 0,
            batch_keys: HashSet::new(),
            summary: ImportSummary::default(),
        })
    }

    /// Returns the most sessions in a batch.
    pub(super) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Adds a session. Returns true if that completed a batch, which was sent.
    pub(super) fn add(
        &mut self,
        place: String,
        session: IncomingSession,
    ) -> Result<bool, CliError> {
        // Of two rows with one id the first counts, as if the second were in a later batch.
        if !self.batch_keys.insert(session.key.clone()) {
            self.summary.existing += 1;
            return Ok(false);
        }
        self.batch_bytes += session.data.as_deref().map_or(0, str::len);
        self.batch.push((place, session));
        let is_full = self.batch.len() >= self.batch_size || self.batch_bytes >= MAX_BATCH_BYTES;
        if is_full {
            self.send()?;
        }
        Ok(is_full)
    }

    /// Counts a session that cannot be read.
    pub(super) fn refuse(&mut self, place: String, reason: &str) {
        self.summary.add_unreadable(place, reason);
    }

    /// Sends the incomplete batch.
    pub(super) fn send(&mut self) -> Result<(), CliError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.batch_keys.clear();
        self.send_batch(&batch)?;
        self.progress.set_message(self.summary.counts());
        self.progress.tick();
        Ok(())
    }

    pub(super) fn finish(self) -> ImportSummary {
        self.summary
    }

    fn send_batch(&mut self, batch: &[Entry]) -> Result<(), CliError> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.call(batch) {
            Ok(outcomes) if outcomes.len() == batch.len() => {
                for ((place, _), outcome) in batch.iter().zip(outcomes) {
                    match outcome.as_str() {
                        "imported" => self.summary.imported += 1,
                        "exists" => self.summary.existing += 1,
                        "expired" => self.summary.expired += 1,
                        reason => self.refuse(place.clone(), reason),
                    }
                }
                Ok(())
            }
            Ok(_) => Err(CliError::new(
                "the store has lost its row of settings",
                "restore it, with the default values: session-admin install",
            )),
            // A session has a value that the database cannot hold: a character, a time. The server's message would show it, so the
            // session is found by halving the batch.
            Err(error) => match refused_value(&error) {
                None => Err(import_failed(&error, self.global)),
                Some(code) if batch.len() == 1 => {
                    let reason = format!("the database refuses it (SQLSTATE {code})");
                    self.refuse(batch[0].0.clone(), &reason);
                    Ok(())
                }
                Some(_) => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    self.send_batch(first)?;
                    self.send_batch(second)
                }
            },
        }
    }

    fn call(&mut self, batch: &[Entry]) -> Result<Vec<String>, postgres::Error> {
        fn texts(
            batch: &[Entry],
            field: impl Fn(&IncomingSession) -> &Option<String>,
        ) -> Vec<Option<&str>> {
            batch
                .iter()
                .map(|(_, session)| field(session).as_deref())
                .collect()
        }

        let keys: Vec<&[u8]> = batch
            .iter()
            .map(|(_, session)| session.key.as_slice())
            .collect();
        let idle_timeout_seconds: Vec<Option<i32>> = batch
            .iter()
            .map(|(_, session)| session.idle_timeout_seconds)
            .collect();
        let mut transaction = self.client.transaction()?;
        let rows = transaction.query(
            &self.statement,
            &[
                &keys,
                &texts(batch, |session| &session.data),
                &texts(batch, |session| &session.created_at),
                &texts(batch, |session| &session.last_used_at),
                &texts(batch, |session| &session.expires_at),
                &texts(batch, |session| &session.absolute_expires_at),
                &idle_timeout_seconds,
                &texts(batch, |session| &session.user_id),
                &texts(batch, |session| &session.client_address),
                &texts(batch, |session| &session.user_agent),
                &texts(batch, |session| &session.label),
            ],
        )?;
        if self.dry_run {
            transaction.rollback()?;
        } else {
            transaction.commit()?;
        }
        rows.iter().map(|row| row.try_get(0)).collect()
    }
}

/// Returns the SQLSTATE of an error about a value that was sent.
fn refused_value(error: &postgres::Error) -> Option<String> {
    let code = error.code()?.code();
    ["22", "23", "54"]
        .iter()
        .any(|class| code.starts_with(class))
        .then(|| code.to_owned())
}

fn import_failed(error: &postgres::Error, global: &GlobalArgs) -> CliError {
    call_failed("import", error, global, Rights::OwnerRole)
}
