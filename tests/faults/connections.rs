//! The server has no connection left for the stores.

use std::time::Duration;

use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use super::load;
use super::stores::{DATABASE, Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::skip::skip;
use crate::support::wait::wait_until;

#[test]
#[ignore = "bin/test faults"]
fn server_without_free_connection_returns_53300_and_loses_nothing() {
    let times = times(2, 10);
    let mut server = match server_with_store(&["max_connections=14"]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let stores = Stores::new(&url(&[&server]));
    let mut superuser = server.connect(DATABASE);
    // The superuser has the connections that are reserved for it.
    let greedy: Config = url(&[&server])
        .replace("target_session_attrs=read-write", "application_name=greedy")
        .parse()
        .unwrap();
    let report = load::run(&stores.clients(), false, |load| {
        for _ in 0..times {
            load.wait_for_changes(200);
            load.fault(|| {
                let taken = take_all(&greedy, &mut superuser);
                load.wait_for_errors();
                load.wait_for_error(SqlState::TOO_MANY_CONNECTIONS.code());
                drop(taken);
            });
            load.look_for_ended(&mut superuser);
        }
    });
    drop(stores);
    assert_no_connection_left(&mut superuser);
    let fault = "all connections of the server taken by another program";
    add_row(7, fault, times, &report);
    report.assert_nothing_lost();
}

/// Opens connections while it ends those of the stores, until the stores have none.
fn take_all(greedy: &Config, superuser: &mut Client) -> Vec<Client> {
    let mut taken = Vec::new();
    wait_until("all connections are taken", || {
        let ended = superuser
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nodepg' and application_name <> 'greedy'",
                &[],
            )
            .unwrap();
        let mut refused = false;
        while !refused {
            match greedy.connect(NoTls) {
                Ok(client) => taken.push(client),
                Err(error) => {
                    let code = error.code();
                    assert_eq!(code, Some(&SqlState::TOO_MANY_CONNECTIONS), "{error}");
                    refused = true;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(1));
        ended == 0
    });
    taken
}
