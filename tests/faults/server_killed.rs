//! All processes of the server are killed under load.

use super::load::{self, Report};
use super::stores::{DATABASE, Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::skip::skip;

/// Kills the server several times under the load of a store with this durability, and adds the row of the table. Returns none if there
/// is no server.
fn kill_under_load(durability: &str, place: u32, fault: &str) -> Option<Report> {
    let times = times(3, 20);
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => {
            skip(&reason);
            return None;
        }
    };
    server
        .session_admin(DATABASE, &["install", "--durability", durability])
        .expect(0);
    let stores = Stores::new(&url(&[&server]));
    let report = load::run(&stores.clients(), false, |load| {
        for _ in 0..times {
            load.wait_for_changes(300);
            load.fault(|| {
                server.kill();
                server.start(&[]).unwrap();
            });
            load.look_for_ended(&mut server.connect(DATABASE));
        }
    });
    drop(stores);
    assert_no_connection_left(&mut server.connect("postgres"));
    add_row(place, fault, times, &report);
    Some(report)
}

#[test]
#[ignore = "bin/test faults"]
fn kill_of_all_server_processes_loses_nothing() {
    let fault = "all processes of the server killed by SIGKILL";
    if let Some(report) = kill_under_load("full", 1, fault) {
        report.assert_nothing_lost();
    }
}

// What is lost is counted, and may be nothing: each end writes the changes before it to disk.
#[test]
#[ignore = "bin/test faults"]
fn kill_of_relaxed_store_brings_back_no_ended_session() {
    let fault = "all processes of the server killed by SIGKILL, durability relaxed";
    if let Some(report) = kill_under_load("relaxed", 10, fault) {
        report.assert_ended_stay_ended();
    }
}

#[test]
#[ignore = "bin/test faults"]
fn kill_of_unlogged_store_brings_back_no_ended_session() {
    let fault = "all processes of the server killed by SIGKILL, durability unlogged";
    if let Some(report) = kill_under_load("unlogged", 11, fault) {
        report.assert_ended_stay_ended();
    }
}
