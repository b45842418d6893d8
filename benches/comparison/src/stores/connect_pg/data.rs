//! Installs connect-pg in a new database and fills it with sessions.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use connect_pg::SessionId;
use connect_pg::install::{InstallOptions, install};
use postgres::types::{ToSql, Type};

use crate::measure::ids::{id_of, mix, user_of};
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::server::postgres::{Relation, Server};
use crate::stores::copy;

const TABLE: &str = "web.session";

const HOUR: Duration = Duration::from_hours(1);
const IDLE: Duration = Duration::from_hours(24);
const ABSOLUTE: Duration = Duration::from_hours(30 * 24);

/// Which sessions a store is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Live sessions, created over the last 20 hours. No slide is due, and nothing is to be pruned for hours.
    Live,
    /// Every second session has expired. One live session in ten was used since its pruning was scheduled, so that pruning
    /// reschedules it.
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

/// Adds the sessions of these numbers. Their users are those of a store of `full` sessions.
pub fn add(
    server: &Server,
    database: &str,
    sessions: Range<u32>,
    full: u32,
    bytes: usize,
    age: Age,
) -> Result<()> {
    // The values that create_session would have stored.
    let statement = format!(
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
    copy::fill(server, database, &statement, &types, sessions, |index| {
        let expired = age == Age::HalfExpired && index.is_multiple_of(2);
        let old = expired || age == Age::HalfExpired && index % 20 == 1;
        // Spread over 20 hours; sessions that are due for pruning a day earlier.
        let created = now
            - Duration::from_secs(u64::from(mix(index) % 72_000))
            - if old { IDLE } else { Duration::ZERO };
        let used = if expired { created } else { now };
        let id: SessionId = id_of(index).parse()?;
        Ok(vec![
            Box::new(used + IDLE) as Box<dyn ToSql + Sync>,
            // Not due within the bench: make_due changes it before a run.
            Box::new(used + HOUR * 12),
            Box::new(used),
            Box::new(1_i64),
            Box::new(created),
            Box::new(created + ABSOLUTE),
            Box::new(created + IDLE),
            Box::new(idle_timeout_seconds),
            Box::new(slide_interval_seconds),
            Box::new(id.key().as_bytes().to_vec()),
            Box::new(user_of(index, full)),
            Box::new(None::<std::net::IpAddr>),
            Box::new(None::<String>),
            Box::new(Payload::new(index, bytes).to_json()),
        ])
    })
}

/// Returns the seconds between two slides for the store's default idle timeout.
pub fn slide_interval_seconds(server: &Server, database: &str) -> Result<u32> {
    server.with(database, |client| {
        let row = client.query_one(
            "select web.slide_interval(s.idle_timeout_seconds, s.slide_percent, s.slide_min_seconds, s.slide_max_seconds) from web.settings as s",
            &[],
        )?;
        Ok(u32::try_from(row.get::<_, i32>(0))?)
    })
}

/// Makes the slides due of those sessions that the job expects to be due, and of no others: an earlier job may have left some.
pub fn make_due(server: &Server, database: &str, job: &Job) -> Result<()> {
    if job.due_sessions() == 0 {
        return Ok(());
    }
    server.batch(
        database,
        &format!(
            "update {TABLE} set slide_at = statement_timestamp() + interval '12 hours'
             where slide_at < statement_timestamp() + interval '6 hours' and expires_at > statement_timestamp()"
        ),
    )?;
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
