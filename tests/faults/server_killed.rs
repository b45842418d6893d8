//! All processes of the server are killed under load.

use super::load;
use super::stores::{Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::skip::skip;

#[test]
#[ignore = "bin/test faults"]
fn kill_of_all_server_processes_loses_nothing() {
    let times = times(3, 20);
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let stores = Stores::new(&url(&[&server]));
    let report = load::run(&stores.clients(), false, |load| {
        for _ in 0..times {
            load.wait_for_changes(300);
            load.fault(|| {
                server.kill();
                server.start(&[]).unwrap();
            });
            load.look_for_ended(&mut server.connect(super::stores::DATABASE));
        }
    });
    drop(stores);
    assert_no_connection_left(&mut server.connect("postgres"));
    let fault = "all processes of the server killed by SIGKILL";
    add_row(1, fault, times, &report);
    report.assert_nothing_lost();
}
