//! The primary is killed under load, and its standby is promoted.

use std::thread;
use std::time::Duration;

use super::load::{self, Load, Report};
use super::stores::{DATABASE, Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::fresh_server::FreshServer;
use crate::support::server::value;
use crate::support::skip::skip;
use crate::support::test_database::create;
use crate::support::wait::{PATIENCE, wait_until};
use connect_pg::{SaveOutcome, Session, SessionAttributes, SessionEvent, Store};

/// Makes a primary with a store, and its standby. Reports a skip and returns None if they cannot be had.
fn servers() -> Option<(FreshServer, FreshServer)> {
    let made = server_with_store(&[]).and_then(|primary| {
        let standby = FreshServer::standby_of(&primary)?;
        Ok((primary, standby))
    });
    made.inspect_err(|reason| skip(reason)).ok()
}

/// Makes each commit of the primary wait for its standby.
fn be_synchronous(primary: &mut FreshServer) {
    let mut superuser = primary.connect("postgres");
    superuser
        .batch_execute("alter system set synchronous_standby_names = '*'")
        .unwrap();
    superuser.execute("select pg_reload_conf()", &[]).unwrap();
    wait_until("the standby is synchronous", || {
        let sql = "select exists (select from pg_stat_replication where sync_state = 'sync')";
        value::<bool>(&mut superuser, sql)
    });
}

/// Ends the replication, as a broken network does.
fn cut(primary: &mut FreshServer, standby: &mut FreshServer) {
    let mut superuser = standby.connect("postgres");
    superuser
        .batch_execute("alter system set primary_conninfo = ''")
        .unwrap();
    superuser.execute("select pg_reload_conf()", &[]).unwrap();
    let mut superuser = primary.connect("postgres");
    wait_until("the standby is disconnected", || {
        value::<i64>(&mut superuser, "select count(*) from pg_stat_replication") == 0
    });
}

/// Waits until the standby has all that the primary has written.
pub fn wait_for_replication(primary: &mut FreshServer, standby: &mut FreshServer) {
    let mut superuser = primary.connect("postgres");
    let written: String = value(&mut superuser, "select pg_current_wal_flush_lsn()::text");
    let mut superuser = standby.connect("postgres");
    wait_until("the standby has all", || {
        let sql = format!("select pg_last_wal_replay_lsn() >= '{written}'::pg_lsn");
        value::<bool>(&mut superuser, &sql)
    });
}

/// Kills the primary under load and promotes its standby, so many times, each time after `prepare`. Returns the report.
fn fail_over(
    times: usize,
    mut prepare: impl FnMut(&Load, &mut FreshServer, &mut FreshServer),
) -> Option<Report> {
    let (mut primary, mut standby) = servers()?;
    let stores = Stores::new(&url(&[&primary, &standby]));
    let report = load::run(&stores.clients(), false, |load| {
        for round in 0..times {
            if round > 0 {
                standby.follow(&primary).unwrap();
            }
            prepare(load, &mut primary, &mut standby);
            load.fault(|| {
                primary.kill();
                load.wait_for_errors();
                standby.promote();
            });
            std::mem::swap(&mut primary, &mut standby);
            load.look_for_ended(&mut primary.connect(DATABASE));
        }
    });
    drop(stores);
    assert_no_connection_left(&mut primary.connect("postgres"));
    Some(report)
}

#[test]
#[ignore = "bin/test faults"]
fn failover_to_synchronous_standby_loses_nothing() {
    let times = times(1, 5);
    let prepare = |load: &Load, primary: &mut FreshServer, _: &mut FreshServer| {
        be_synchronous(primary);
        load.wait_for_changes(300);
    };
    if let Some(report) = fail_over(times, prepare) {
        let fault = "primary killed, synchronous standby promoted";
        add_row(2, fault, times, &report);
        report.assert_nothing_lost();
    }
}

// The standby has missed the last changes, so the losses are certain. They are counted.
#[test]
#[ignore = "bin/test faults"]
fn failover_to_late_asynchronous_standby_loses_and_every_next_call_works() {
    let times = times(1, 3);
    let prepare = |load: &Load, primary: &mut FreshServer, standby: &mut FreshServer| {
        load.wait_for_changes(300);
        wait_for_replication(primary, standby);
        cut(primary, standby);
        load.wait_for_changes(100);
    };
    if let Some(report) = fail_over(times, prepare) {
        let fault =
            "primary killed, asynchronous standby promoted that has missed at least 100 changes";
        add_row(3, fault, times, &report);
        assert!(report.failed.is_empty(), "failed: {:#?}", report.failed);
        assert!(!report.lost.is_empty(), "the standby has missed nothing");
    }
}

/// Sessions of a user.
fn sessions(store: &Store, count: usize) -> Vec<Session<i32>> {
    let attributes = SessionAttributes::new().user_id("ada");
    (0..count)
        .map(|_| store.create(1, &attributes).unwrap())
        .collect()
}

fn is_live(store: &Store, session: &Session<i32>) -> bool {
    store.peek::<i32>(session.id()).unwrap().is_some()
}

// An application that keeps the ends of the last minutes finds out which sessions are back, and ends them again.
#[test]
#[ignore = "bin/test faults"]
fn repeated_end_after_failover_finds_and_ends_what_came_back() {
    let Some((mut primary, mut standby)) = servers() else {
        return;
    };
    primary
        .session_admin(DATABASE, &["configure", "notify_channel=ended"])
        .expect(0);
    let url = url(&[&primary, &standby]);
    let store = Store::connect(&url).unwrap();
    let mut listener = store.listen().unwrap();
    let sessions = sessions(&store, 6);
    assert!(store.end(sessions[0].id()).unwrap());
    wait_for_replication(&mut primary, &mut standby);
    cut(&mut primary, &mut standby);
    for session in &sessions[1..4] {
        assert!(store.end(session.id()).unwrap());
    }
    let mut handles = Vec::new();
    while handles.len() < 4 {
        match listener.recv_timeout(PATIENCE).unwrap() {
            Some(SessionEvent::Ended(ended)) => handles.push(ended.handle().unwrap()),
            other => panic!("{other:?} instead of an end"),
        }
    }
    primary.kill();
    standby.promote();

    let live: Vec<bool> = sessions
        .iter()
        .map(|session| is_live(&store, session))
        .collect();
    assert_eq!(live, [false, true, true, true, true, true]);
    // The listener connects to the new primary, and says that it may have missed events.
    let event = listener.recv_timeout(PATIENCE).unwrap();
    assert_eq!(event, Some(SessionEvent::Lagged));
    let mut ended_again = 0;
    for handle in handles {
        ended_again += usize::from(store.end_user_session("ada", handle).unwrap());
    }
    assert_eq!(ended_again, 3);
    let live: Vec<bool> = sessions
        .iter()
        .map(|session| is_live(&store, session))
        .collect();
    assert_eq!(live, [false, false, false, false, true, true]);
}

// Of the changes only the ends wait for the standby. Without the standby an end returns an error, unless an administrator cancels
// the wait: then PostgreSQL reports success.
#[test]
#[ignore = "bin/test faults"]
fn end_that_waits_for_standby_holds_while_later_saves_are_lost() {
    let Some((mut primary, mut standby)) = servers() else {
        return;
    };
    primary
        .connect(DATABASE)
        .batch_execute("alter role nodepg set synchronous_commit = local")
        .unwrap();
    be_synchronous(&mut primary);
    let url = url(&[&primary, &standby]);
    let store = Store::connect(&url).unwrap();
    let durable_url = format!("{url} options='-c synchronous_commit=on'");
    let durable = Store::builder()
        .database_url(&durable_url)
        .call_timeout(Duration::from_secs(2))
        .connect()
        .unwrap();
    let mut sessions = sessions(&store, 4);
    assert!(durable.end(sessions[0].id()).unwrap());
    cut(&mut primary, &mut standby);
    sessions[1].data = 2;
    let saved = store.save(&mut sessions[1]).unwrap();
    assert_eq!(saved, SaveOutcome::Saved);
    let error = durable.end(sessions[2].id()).unwrap_err();
    assert!(
        error.is_unavailable() && error.is_outcome_unknown(),
        "{error}"
    );
    let mut superuser = primary.connect(DATABASE);
    let waiting =
        "select pid from pg_stat_activity where wait_event = 'SyncRep' and usename = 'nodepg'";
    // The process of the call above still waits.
    let earlier: i32 = value(&mut superuser, waiting);
    let patient = Store::builder().database_url(&durable_url);
    let patient = patient.connect().unwrap();
    thread::scope(|scope| {
        let ended = scope.spawn(|| patient.end(sessions[3].id()).unwrap());
        let waiting = format!("{waiting} and pid <> {earlier}");
        wait_until("the end waits", || {
            !superuser.query(&waiting, &[]).unwrap().is_empty()
        });
        let cancel = format!("select pg_cancel_backend(pid) from ({waiting}) as w");
        assert!(value::<bool>(&mut superuser, &cancel));
        assert!(ended.join().unwrap());
    });
    primary.kill();
    standby.promote();

    assert!(!is_live(&store, &sessions[0]));
    assert!(is_live(&store, &sessions[3]));
    let found = store.load::<i32>(sessions[1].id()).unwrap();
    assert_eq!(found.unwrap().data, 1, "the save was not replicated");
    assert!(is_live(&store, &sessions[2]));
    assert!(durable.end(sessions[2].id()).unwrap());
    create(&store, 1);
}
