//! What comes in, batch by batch, into the store.

use std::collections::{BTreeMap, HashSet};

use indicatif::ProgressBar;
use postgres::{Client, Statement};

use crate::cli::GlobalArgs;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::grouped;

const RIGHTS: &str = "connect as a superuser (on the server's own machine: sudo -u postgres session-admin …), or as a member of the store's \
     owner role: grant nodepg_owner to …";

/// A batch is sent when it is this large, however few sessions are in it.
const BATCH_BYTES: usize = 4 << 20;

/// As many places are kept.
const PLACES: usize = 100;

/// A session from elsewhere. Times are texts that PostgreSQL reads. No `Debug`: it would show the data.
pub(super) struct Incoming {
    /// Where it was found, without its id.
    pub(super) place: String,
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

/// What became of the sessions.
#[derive(Default)]
pub(super) struct ImportSummary {
    pub(super) imported: i64,
    pub(super) existing: i64,
    pub(super) expired: i64,
    /// How many could not be read, by the reason.
    pub(super) reasons: BTreeMap<String, i64>,
    /// The first of them.
    pub(super) places: Vec<(String, String)>,
}

pub(super) struct Importer<'a> {
    client: &'a mut Client,
    global: &'a GlobalArgs,
    statement: Statement,
    most: usize,
    dry_run: bool,
    progress: &'a ProgressBar,
    waiting: Vec<Incoming>,
    waiting_bytes: usize,
    waiting_keys: HashSet<Vec<u8>>,
    tally: ImportSummary,
}

impl<'a> Importer<'a> {
    pub(super) fn new(
        client: &'a mut Client,
        global: &'a GlobalArgs,
        most: usize,
        dry_run: bool,
        progress: &'a ProgressBar,
    ) -> Result<Self, Failure> {
        let sql = format!(
            "select i.outcome
            from {}.import_sessions(
                $1, $2, $3::text[]::timestamptz[], $4::text[]::timestamptz[], $5::text[]::timestamptz[],
                $6::text[]::timestamptz[], $7, $8, $9::text[]::inet[], $10, $11
            ) as i
            order by i.place",
            connection::identifier(&global.schema)
        );
        let statement = disable_statement_logging(client)
            .and_then(|()| client.batch_execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'"))
            .and_then(|()| client.prepare(&sql))
            .map_err(|error| doing(&error, global))?;
        Ok(Self {
            client,
            global,
            statement,
            most,
            dry_run,
            progress,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_keys: HashSet::new(),
            tally: ImportSummary::default(),
        })
    }

    /// How many sessions are read at a time.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Takes a session in; true when that completed a batch.
    pub(super) fn add(&mut self, session: Incoming) -> Result<bool, Failure> {
        // Two rows with one id: the first counts, as if the second came in a later batch.
        if !self.waiting_keys.insert(session.key.clone()) {
            self.tally.existing += 1;
            return Ok(false);
        }
        self.waiting_bytes += session.data.as_deref().map_or(0, str::len);
        self.waiting.push(session);
        if self.waiting.len() >= self.most || self.waiting_bytes >= BATCH_BYTES {
            self.send()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Counts a session that could not be read.
    pub(super) fn refuse(&mut self, place: String, reason: &str) {
        *self.tally.reasons.entry(reason.to_owned()).or_default() += 1;
        if self.tally.places.len() < PLACES {
            self.tally.places.push((place, reason.to_owned()));
        }
    }

    /// Sends what waits.
    pub(super) fn send(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        self.waiting_keys.clear();
        self.send_batch(&batch)?;
        self.progress.set_message(format!(
            "{} imported, {} here already, {} expired, {} unreadable",
            grouped(self.tally.imported),
            grouped(self.tally.existing),
            grouped(self.tally.expired),
            grouped(self.tally.reasons.values().sum())
        ));
        self.progress.tick();
        Ok(())
    }

    pub(super) fn finish(self) -> ImportSummary {
        self.tally
    }

    fn send_batch(&mut self, batch: &[Incoming]) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.call(batch) {
            Ok(outcomes) if outcomes.len() == batch.len() => {
                for (session, outcome) in batch.iter().zip(outcomes) {
                    match outcome.as_str() {
                        "imported" => self.tally.imported += 1,
                        "exists" => self.tally.existing += 1,
                        "expired" => self.tally.expired += 1,
                        reason => self.refuse(session.place.clone(), reason),
                    }
                }
                Ok(())
            }
            Ok(_) => Err(Failure::new(
                "the store has lost its row of settings",
                "session-admin install puts it back, with the defaults",
            )),
            // One of them does not fit: a character that the database's encoding has not, a time that is none, ….
            // The server's message would show it.
            Err(error) => match refusal(&error) {
                None => Err(doing(&error, self.global)),
                Some(code) if batch.len() == 1 => {
                    self.refuse(
                        batch[0].place.clone(),
                        &format!("the database does not take it (SQLSTATE {code})"),
                    );
                    Ok(())
                }
                Some(_) => {
                    let (one, other) = batch.split_at(batch.len() / 2);
                    self.send_batch(one)?;
                    self.send_batch(other)
                }
            },
        }
    }

    fn call(&mut self, batch: &[Incoming]) -> Result<Vec<String>, postgres::Error> {
        fn texts(
            batch: &[Incoming],
            field: impl Fn(&Incoming) -> &Option<String>,
        ) -> Vec<Option<&str>> {
            batch
                .iter()
                .map(|session| field(session).as_deref())
                .collect()
        }

        let keys: Vec<&[u8]> = batch.iter().map(|session| session.key.as_slice()).collect();
        let idle_timeout_seconds: Vec<Option<i32>> = batch
            .iter()
            .map(|session| session.idle_timeout_seconds)
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

/// The SQLSTATE of an error that is about what was sent.
fn refusal(error: &postgres::Error) -> Option<String> {
    let code = error.code()?.code();
    ["22", "23", "54"]
        .iter()
        .any(|class| code.starts_with(class))
        .then(|| code.to_owned())
}

fn doing(error: &postgres::Error, global: &GlobalArgs) -> Failure {
    failure::calling("import", error, global, RIGHTS)
}

/// The source is asked for a page by the last id of the one before, and the store is sent data. A superuser can ask that no
/// parameter is logged; on a server before PostgreSQL 13 only that no statement is.
pub(super) fn disable_statement_logging(client: &mut Client) -> Result<(), postgres::Error> {
    let is_superuser: bool = client
        .query_one(
            "select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user",
            &[],
        )?
        .try_get(0)?;
    if is_superuser {
        client.execute(
            "select pg_catalog.set_config(v.name, v.value, false)
            from (
                values
                    ('log_parameter_max_length', '0', true),
                    ('log_statement', 'none', false),
                    ('log_min_duration_statement', '-1', false)
            ) as v (name, value, is_enough)
            where v.is_enough = exists (
                select from pg_catalog.pg_settings as s where s.name = 'log_parameter_max_length'
            )",
            &[],
        )?;
    }
    Ok(())
}
