//! The server's clock is set forward and back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::load;
use super::stores::{DATABASE, Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::fresh_server::FreshServer;
use crate::support::server::value;
use crate::support::skip::skip;
use crate::support::test_database::create;
use connect_pg::{RotateOutcome, Store};

const HOUR: i64 = 3600;

/// The file from which all processes of the server read how far their clock is off.
struct Clock(PathBuf);

impl Clock {
    /// Restarts a server with libfaketime. Returns the reason if there is none.
    fn of(server: &mut FreshServer) -> Result<Clock, String> {
        let library = fs::read_dir("/usr/lib")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("faketime/libfaketime.so.1"))
            .find(|path| path.exists())
            .ok_or("there is no libfaketime (Debian and Ubuntu: libfaketime)")?;
        let clock = Clock(server.directory.join("clock"));
        clock.set(0);
        server.stop();
        server.set_variable("LD_PRELOAD", library.to_str().unwrap());
        server.set_variable("FAKETIME_TIMESTAMP_FILE", clock.path());
        server.set_variable("FAKETIME_NO_CACHE", "1");
        server.set_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        server.set_variable("FAKETIME_DISABLE_SHM", "1");
        server.start(&[])?;
        Ok(clock)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Sets the clock so many seconds off. A process reads the old time or the new one, never a half-written file.
    fn set(&self, seconds: i64) {
        let new = Path::new(self.path()).with_extension("new");
        fs::write(&new, format!("{seconds:+}\n")).unwrap();
        fs::rename(new, &self.0).unwrap();
    }
}

/// Returns the server's clock in hours after that of the tests.
fn hours_ahead(server: &mut FreshServer, tests_clock: f64) -> i64 {
    let sql = format!("select round((extract(epoch from now()) - {tests_clock}) / {HOUR})::bigint");
    value(&mut server.connect(DATABASE), &sql)
}

fn now() -> f64 {
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
#[ignore = "bin/test faults"]
fn clock_set_forward_and_back_loses_nothing() {
    let times = times(1, 5);
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let clock = match Clock::of(&mut server) {
        Ok(clock) => clock,
        Err(reason) => return skip(&reason),
    };
    let stores = Stores::new(&url(&[&server]));
    let report = load::run(&stores.clients(), false, |load| {
        for _ in 0..times {
            // Shorter than the idle timeout of a day, and longer than the retention of tombstones.
            for hours in [3, 0, -3, 0] {
                load.wait_for_changes(100);
                load.fault(|| clock.set(hours * HOUR));
                assert_eq!(hours_ahead(&mut server, now()), hours);
                server.session_admin(DATABASE, &["prune"]).expect(0);
                load.look_for_ended(&mut server.connect(DATABASE));
            }
        }
    });
    drop(stores);
    assert_no_connection_left(&mut server.connect("postgres"));
    let fault = "clock of the server set 3 hours forward or back, prunes in between";
    add_row(9, fault, 4 * times, &report);
    report.assert_nothing_lost();
}

#[test]
#[ignore = "bin/test faults"]
fn clock_set_back_leaves_ended_sessions_ended_and_expired_ones_live_until_pruned() {
    const MONTH: i64 = 30 * 24 * HOUR;
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let clock = match Clock::of(&mut server) {
        Ok(clock) => clock,
        Err(reason) => return skip(&reason),
    };
    let store = Store::connect(&url(&[&server])).unwrap();
    let mut rotated = create(&store, 1);
    let old_id = rotated.id().clone();
    let outcome = store.rotate(&mut rotated, Duration::ZERO).unwrap();
    assert_eq!(outcome, RotateOutcome::Rotated);
    let (ended, kept) = (create(&store, 2), create(&store, 3));
    assert!(store.end(ended.id()).unwrap());
    let live = |id| store.load::<i32>(id).unwrap().is_some();
    let state = || [&old_id, rotated.id(), ended.id(), kept.id()].map(live);

    assert_eq!(state(), [false, true, false, true]);
    clock.set(-MONTH);
    assert_eq!(state(), [false, true, false, true]);
    clock.set(MONTH);
    assert_eq!(state(), [false; 4]);
    clock.set(0);
    assert_eq!(state(), [false, true, false, true]);
    clock.set(MONTH);
    server.session_admin(DATABASE, &["prune"]).expect(0);
    clock.set(0);
    assert_eq!(state(), [false; 4]);
}
