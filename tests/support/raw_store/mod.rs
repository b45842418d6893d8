//! A store that is called with the plain `postgres` crate, for tests of the functions without the client.

use std::{
    error::Error,
    panic::resume_unwind,
    sync::Barrier,
    thread,
    time::{Duration, SystemTime},
};

use postgres::{
    Client,
    types::{FromSql, Timestamp, Type, accepts},
};
use sha2::{Digest, Sha256};

mod calls;
mod grouping;

pub use calls::{Calls, PruneOutcome, SaveOutcome};
pub use grouping::{Grouping, load_in_group, save_in_group};

use super::server::quoted;
use super::test_database::TestDatabase;

/// A store in a database of its own. Dropping it drops both.
pub struct RawStore(TestDatabase);

impl RawStore {
    pub fn new() -> Self {
        Self(TestDatabase::new())
    }

    /// Connects as the superuser, to read rows, to move time and to end backends.
    pub fn superuser(&self) -> Client {
        self.0.superuser()
    }

    /// Connects with the privileges of the runtime role.
    pub fn nodepg(&self) -> Client {
        let mut client = self.superuser();
        self.become_nodepg(&mut client);
        client
    }

    /// Changes to the privileges of the runtime role. Deadlocks are found soon, and no statement waits for ever.
    pub fn become_nodepg(&self, client: &mut Client) {
        client
            .batch_execute(&format!(
                "set deadlock_timeout = '100ms';
                set statement_timeout = '120s';
                set session authorization {}",
                quoted(&self.0.role)
            ))
            .unwrap();
    }

    /// Runs the same work in so many threads, each with its own connection, and returns the results. Some threads load and
    /// save in groups, and others do not.
    pub fn at_once<T: Send>(
        &self,
        threads: usize,
        work: impl Fn(usize, &mut Client) -> T + Sync,
    ) -> Vec<T> {
        let clients: Vec<Client> = (0..threads).map(|_| self.nodepg()).collect();
        let start = Barrier::new(threads);
        thread::scope(|scope| {
            let threads: Vec<_> = clients
                .into_iter()
                .enumerate()
                .map(|(number, mut client)| {
                    let (start, work) = (&start, &work);
                    scope.spawn(move || {
                        start.wait();
                        Grouping::of_client(number).scope(|| work(number, &mut client))
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    /// Returns the name of the database.
    pub fn database(&self) -> &str {
        &self.0.name
    }
}

/// Returns the key of a session id.
pub fn key_of(id: &str) -> Vec<u8> {
    Sha256::digest(id.as_bytes()).to_vec()
}

/// Returns the process id of a connection's backend.
pub fn pid_of(client: &mut Client) -> i32 {
    client
        .query_one("select pg_backend_pid()", &[])
        .unwrap()
        .get(0)
}

/// Returns the SQLSTATE of an error of the server. Another error fails the test.
pub fn code_of(error: &postgres::Error) -> String {
    error
        .code()
        .unwrap_or_else(|| panic!("not an error of the server: {error:?}"))
        .code()
        .to_owned()
}

/// A `timestamptz` as the server keeps it: microseconds since the year 2000, with both infinities.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Micros(pub i64);

impl Micros {
    pub const MINUS_INFINITY: Self = Self(i64::MIN);
    pub const INFINITY: Self = Self(i64::MAX);

    /// Returns the time so many seconds later. An infinity stays infinite.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        if self == Self::MINUS_INFINITY || self == Self::INFINITY {
            self
        } else {
            Self(self.0 + seconds * 1_000_000)
        }
    }

    /// Returns the time as a parameter of a statement.
    pub fn to_parameter(self) -> Timestamp<SystemTime> {
        let year_2000 = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 10_957);
        let distance = Duration::from_micros(self.0.unsigned_abs());
        match self {
            Self::MINUS_INFINITY => Timestamp::NegInfinity,
            Self::INFINITY => Timestamp::PosInfinity,
            Self(0..) => Timestamp::Value(year_2000 + distance),
            _ => Timestamp::Value(year_2000 - distance),
        }
    }
}

impl<'a> FromSql<'a> for Micros {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        i64::from_sql(ty, raw).map(Self)
    }

    accepts!(TIMESTAMPTZ);
}
