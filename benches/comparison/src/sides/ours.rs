//! Ours, through the client: over its pool, or on one connection of the application's own for each client.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use connect_pg::install::{InstallOptions, install};
use connect_pg::{Backend, Login, NewSession, RotateOutcome, SaveOutcome, Session, SessionId, Store};
use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls};

use crate::ids::{id_of, mix, user_of};
use crate::payload::Payload;
use crate::run::{Job, Threaded, Worker};
use crate::server::{OUR_ROLE, Relation, Server};
use crate::sides;
use crate::workload::Workload;

pub const TABLE: &str = "web.session";

const HOUR: Duration = Duration::from_hours(1);
const IDLE: Duration = Duration::from_hours(24);
const ABSOLUTE: Duration = Duration::from_hours(30 * 24);

/// Which sessions a data set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Live, created over the last 20 hours, no slide due and nothing to prune for hours.
    Live,
    /// Every second one is live, the others have expired. Of the live ones one in ten was used since it was last filed, so
    /// that pruning has to file it again.
    HalfExpired,
}

/// Installs the store in a new database and fills it.
pub fn fill(
    server: &Server,
    database: &str,
    sessions: u32,
    bytes: usize,
    age: Age,
) -> Result<Relation> {
    server.create_database(database)?;
    server.with(database, |client| {
        Ok(install(client, &InstallOptions::default())?)
    })?;
    add(server, database, 0..sessions, sessions, bytes, age)?;
    let relation = Relation {
        database: database.to_owned(),
        table: TABLE,
    };
    server.settle(&relation)?;
    Ok(relation)
}

/// Adds the sessions of these numbers, to the users that a store of `full` sessions has.
pub fn add(
    server: &Server,
    database: &str,
    sessions: Range<u32>,
    full: u32,
    bytes: usize,
    age: Age,
) -> Result<()> {
    // What create_session would have stored; the columns are those of sql/web/tables.sql.
    let copy = format!(
        "copy {TABLE} (expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after,
            idle_timeout_seconds, slide_interval_seconds, key, user_id, client_address, user_agent, data) from stdin (format binary)"
    );
    let types = [
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::INT8,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::INT4,
        Type::INT4,
        Type::BYTEA,
        Type::TEXT,
        Type::INET,
        Type::TEXT,
        Type::TEXT,
    ];
    let slide_interval_seconds = i32::try_from(slide_interval_seconds(server, database)?)?;
    let idle_timeout_seconds = i32::try_from(IDLE.as_secs())?;
    let now = SystemTime::now();
    sides::fill(server, database, &copy, &types, sessions, |index| {
        let expired = age == Age::HalfExpired && index.is_multiple_of(2);
        let old = expired || age == Age::HalfExpired && index % 20 == 1;
        // Spread over 20 hours, those that are due for pruning a day earlier.
        let created = now
            - Duration::from_secs(u64::from(mix(index) % 72_000))
            - if old { IDLE } else { Duration::ZERO };
        let used = if expired { created } else { now };
        let id: SessionId = id_of(index).parse()?;
        Ok(vec![
            Box::new(used + IDLE) as Box<dyn ToSql + Sync>,
            // Not due within the bench: what has to slide is made due before each run.
            Box::new(used + HOUR * 12),
            Box::new(used),
            Box::new(1_i64),
            Box::new(created),
            Box::new(created + ABSOLUTE),
            Box::new(created + IDLE),
            Box::new(idle_timeout_seconds),
            Box::new(slide_interval_seconds),
            Box::new(id.key().as_bytes().to_vec()),
            // Nobody said where from.
            Box::new(user_of(index, full)),
            Box::new(None::<std::net::IpAddr>),
            Box::new(None::<String>),
            Box::new(Payload::new(index, bytes).to_json()),
        ])
    })
}

/// Seconds from a slide to the next, as the store has it for its default idle timeout.
pub fn slide_interval_seconds(server: &Server, database: &str) -> Result<u32> {
    server.with(database, |client| {
        let row = client.query_one(
            "select web.slide_interval_seconds(s.idle_timeout_seconds) from web.settings as s",
            &[],
        )?;
        Ok(u32::try_from(row.get::<_, i32>(0))?)
    })
}

/// Makes the slides of the job's due sessions due.
pub fn make_due(server: &Server, database: &str, job: &Job) -> Result<()> {
    let keys: Vec<Vec<u8>> = (0..job.due_sessions())
        .map(|n| {
            let id: SessionId = job.due_id(n).parse()?;
            Ok(id.key().as_bytes().to_vec())
        })
        .collect::<Result<_>>()?;
    server.with(database, |client| {
        let sql = format!("update {TABLE} set slide_at = statement_timestamp() - interval '1 second' where key = any ($1)");
        for keys in keys.chunks(1000) {
            client.execute(&sql, &[&keys])?;
        }
        Ok(())
    })?;
    server.flush_statistics(database)
}

/// By the pool that all clients share.
pub struct ConnectPgByPool<'a> {
    server: &'a Server,
    relation: Relation,
}

/// On a connection of its own for each client, which is lent to the store.
pub struct OursBorrowed<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> ConnectPgByPool<'a> {
    pub const NAME: &'static str = "connect-pg";

    pub fn new(server: &'a Server, relation: Relation) -> ConnectPgByPool<'a> {
        ConnectPgByPool { server, relation }
    }
}

impl<'a> OursBorrowed<'a> {
    pub const NAME: &'static str = "connect-pg, borrowed";

    pub fn new(server: &'a Server, relation: Relation) -> OursBorrowed<'a> {
        OursBorrowed { server, relation }
    }
}

impl Threaded for ConnectPgByPool<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn does(&self, _: Workload) -> bool {
        true
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        make_due(self.server, &self.relation.database, job)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>> {
        let store = Store::builder()
            .config(self.server.config(OUR_ROLE, &self.relation.database))
            .pool_size(clients)
            .connect()?;
        let worker = || ByPool {
            store: store.clone(),
            kept: Vec::new(),
        };
        Ok((0..clients)
            .map(|_| Box::new(worker()) as Box<dyn Worker>)
            .collect())
    }
}

impl Threaded for OursBorrowed<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn does(&self, _: Workload) -> bool {
        true
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        make_due(self.server, &self.relation.database, job)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>> {
        let config = self.server.config(OUR_ROLE, &self.relation.database);
        (0..clients)
            .map(|_| {
                let worker = Borrowed {
                    client: config.connect(NoTls)?,
                    kept: Vec::new(),
                };
                Ok(Box::new(worker) as Box<dyn Worker>)
            })
            .collect()
    }
}

struct ByPool {
    store: Store,
    kept: Vec<Session<Payload>>,
}

struct Borrowed {
    client: Client,
    kept: Vec<Session<Payload>>,
}

/// The same calls, whatever the store is on.
macro_rules! worker {
    ($worker:ty, $self:ident, $store:expr) => {
        impl Worker for $worker {
            fn load(&mut $self, id: &str) -> Result<()> {
                present($store.peek::<Payload>(&id.parse()?)?)?;
                Ok(())
            }

            fn rolling(&mut $self, id: &str) -> Result<()> {
                present($store.load::<Payload>(&id.parse()?)?)?;
                Ok(())
            }

            fn keep(&mut $self, id: &str) -> Result<()> {
                let session = present($store.peek(&id.parse()?)?)?;
                $self.kept.push(session);
                Ok(())
            }

            fn save(&mut $self, n: usize) -> Result<()> {
                let session = &mut $self.kept[n];
                session.data.change();
                saved($store.save(session)?)
            }

            fn change(&mut $self, id: &str) -> Result<()> {
                let mut session = present($store.load::<Payload>(&id.parse()?)?)?;
                session.data.change();
                // A popular session may have been changed by another client meanwhile; that is an answer too.
                let _ = $store.save(&mut session)?;
                Ok(())
            }

            fn create(&mut $self, payload: &Payload) -> Result<String> {
                let session = $store.create(payload, &NewSession::new())?;
                Ok(session.id().as_cookie_value().to_owned())
            }

            fn login(&mut $self, id: &str, user: &str) -> Result<String> {
                login(&$store, &id.parse()?, user)
            }

            fn end(&mut $self, id: &str) -> Result<()> {
                if !$store.end(&id.parse()?)? {
                    bail!("there was no live session to end");
                }
                Ok(())
            }

            fn user_sessions(&mut $self, user: &str) -> Result<usize> {
                Ok($store.user_sessions(user)?.len())
            }
        }
    };
}

worker!(ByPool, self, self.store);
worker!(Borrowed, self, Store::on(&mut self.client));

fn present<T>(session: Option<Session<T>>) -> Result<Session<T>> {
    match session {
        Some(session) => Ok(session),
        None => bail!("there is no such live session"),
    }
}

fn saved(saved: SaveOutcome) -> Result<()> {
    match saved {
        SaveOutcome::Saved => Ok(()),
        other => bail!("a save came out as {other:?}"),
    }
}

/// As at the end of a log-in form: the visitor's session is loaded, and becomes the user's under a new id.
fn login<B: Backend>(store: &Store<B>, id: &SessionId, user: &str) -> Result<String> {
    let mut session = present(store.peek::<Payload>(id)?)?;
    match store.login(&mut session, &Login::new(user))? {
        RotateOutcome::Rotated => Ok(session.id().as_cookie_value().to_owned()),
        RotateOutcome::Gone => bail!("there was no live session to log in"),
    }
}
