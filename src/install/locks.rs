//! Locks of an install: short waits, and what is in the way.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use tokio_postgres::error::SqlState;

use super::options::InstallOptions;
use crate::error::Error;

/// The key of the advisory lock that an install holds: the bytes of `conectpg` as a big-endian integer.
///
/// The lock makes installs into one database wait for each other. `pg_locks` shows it while an install runs.
pub const LOCK_KEY: i64 = i64::from_be_bytes(*b"conectpg");

/// How long one attempt waits for a lock. Requests queue behind a lock that waits.
pub(super) const LOCK_TIMEOUT: &str = "200ms";

/// The pause between two attempts, in which the requests that queued are served.
const PAUSE: Duration = Duration::from_millis(500);

/// Calls `attempt` until it gets its locks or the time is up. Each attempt is a transaction that has been rolled back if it did
/// not get them.
pub(super) fn repeat<T>(
    client: &mut Client,
    options: &InstallOptions,
    mut attempt: impl FnMut(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let start = Instant::now();
    let mut reported = String::new();
    loop {
        let error = match attempt(client) {
            Err(error) if is_lock_timeout(&error) => error,
            result => return result,
        };
        if client.is_closed() {
            return Err(error);
        }
        let holder = holder(client, options, Obstacle::Lock)?;
        // Reported even if the time is up: on a busy machine the first attempt may take all of it.
        let obstacle = holder
            .clone()
            .unwrap_or_else(|| "another transaction holds a lock".into());
        if reported != obstacle {
            options.report_wait(&format!("waiting: {obstacle}"));
            reported = obstacle;
        }
        let is_over = start.elapsed() >= options.lock_wait_time();
        if let (Some(holder), true) = (&holder, is_over) {
            return Err(Error::lock_held(format!(
                "{holder}; end that transaction, or try again later (in psql: select pg_terminate_backend(PID))"
            )));
        }
        if is_over {
            return Err(error);
        }
        thread::sleep(PAUSE);
    }
}

/// Takes the lock of installs for the connection. An attempt has to be shorter than `deadlock_timeout`: another install may hold the
/// lock while it builds an index, which waits for this transaction.
pub(super) fn lock_installs(client: &mut Client, options: &InstallOptions) -> Result<(), Error> {
    repeat(client, options, |client| {
        let mut transaction = client.transaction().map_err(Error::call)?;
        transaction
            .batch_execute(&format!("set local lock_timeout = '{LOCK_TIMEOUT}'"))
            .map_err(Error::call)?;
        transaction
            .execute("select pg_catalog.pg_advisory_lock($1)", &[&LOCK_KEY])
            .map_err(Error::call)?;
        transaction.commit().map_err(Error::call)
    })
}

fn is_lock_timeout(error: &Error) -> bool {
    error.code() == Some(SqlState::LOCK_NOT_AVAILABLE.code())
}

/// What an install waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The lock of installs, or a lock on the store.
    Lock,
    /// A transaction with a lock on the store or with a snapshot, if it is older than a second. An index is built after it.
    Transaction,
}

/// Describes the oldest transaction that is such an obstacle.
pub(super) fn holder(
    client: &mut Client,
    options: &InstallOptions,
    obstacle: Obstacle,
) -> Result<Option<String>, Error> {
    let row = client
        .query_opt(
            "select
                coalesce(
                    'process ' || l.pid || ' (role ' || coalesce(a.usename, 'unknown')
                        || coalesce(', ' || nullif_empty.name, '')
                        || coalesce(', ' || a.state || ' for ' || pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - a.state_change), '')
                        || ')',
                    'prepared transaction ' || x.gid
                ) || ' holds ' || case l.locktype
                    when 'advisory' then 'the lock of installs'
                    when 'virtualxid' then 'a snapshot'
                    else 'a lock on ' || l.relation::pg_catalog.regclass
                end
            from pg_catalog.pg_locks as l
            left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
            left join pg_catalog.pg_prepared_xacts as x on l.pid is null and l.virtualtransaction = '-1/' || x.transaction::text
            cross join lateral (select nullif(a.application_name, '') as name) as nullif_empty
            where l.granted
                and l.pid is distinct from pg_catalog.pg_backend_pid()
                and pg_catalog.current_database() in (a.datname, x.database)
                and case l.locktype
                    when 'advisory' then
                        not $3
                        and l.objsubid = 1
                        and (l.classid::bigint << 32 | l.objid::bigint) in ($2, pg_catalog.hashtextextended('connect-pg correct_web', 0))
                    when 'relation' then
                        l.relation in (
                            select c.oid
                            from pg_catalog.pg_class as c
                            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                            where n.nspname = $1::text
                                and c.relkind = 'r'
                        )
                    when 'virtualxid' then $3 and a.backend_xmin is not null
                    else false
                end
                and not ($3 and coalesce(coalesce(a.xact_start, x.prepared) > pg_catalog.clock_timestamp() - interval '1 second', false))
            order by l.locktype <> 'advisory', coalesce(a.xact_start, x.prepared), l.locktype
            limit 1",
            &[
                &options.schema_name(),
                &LOCK_KEY,
                &(obstacle == Obstacle::Transaction),
            ],
        )
        .map_err(Error::call)?;
    row.map(|row| row.try_get(0))
        .transpose()
        .map_err(Error::column)
}
