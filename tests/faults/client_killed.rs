//! A process that uses the store is killed in the middle of its calls.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::load::{self, Report};
use super::stores::{DATABASE, Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::skip::skip;
use connect_pg::{Error, Session, SessionId, Store};

/// Set for the process that is killed, which is this program too.
const CHILD: &str = "CONNECT_PG_FAULTS_CHILD";
const NAME: &str = "faults::client_killed::kill_of_client_leaves_no_connection_and_no_lock";
/// Lines of its output before it is killed.
const LINES: usize = 400;

/// What a session may be: its data, and whether it may be gone.
type Known = BTreeMap<String, (Vec<i32>, bool)>;

#[test]
#[ignore = "bin/test faults"]
fn kill_of_client_leaves_no_connection_and_no_lock() {
    if let Ok(url) = env::var(CHILD) {
        let stores = Stores::new(&url);
        load::run(&stores.clients(), true, load::Load::wait_for_end);
        return;
    }
    let times = times(3, 20);
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let url = url(&[&server]);
    let mut superuser = server.connect(DATABASE);
    let mut report = Report::default();
    for _ in 0..times {
        let known = killed_after_lines(&url, &mut report);
        assert!(known.len() > 10, "the process did nothing");
        assert_no_connection_left(&mut superuser);
        let store = Store::connect(&url).unwrap();
        for (id, (possible, may_be_gone)) in known {
            compare(&store, &id, &possible, may_be_gone, &mut report);
        }
    }
    assert_no_connection_left(&mut superuser);
    let fault = "the client's process killed by SIGKILL";
    add_row(4, fault, times, &report);
    report.assert_nothing_lost();
}

/// Starts a process with a load, kills it, and returns what it knew.
fn killed_after_lines(url: &str, report: &mut Report) -> Known {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--ignored", "--nocapture"])
        .env(CHILD, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..LINES {
        assert!(output.read_line(&mut text).unwrap() > 0, "it has ended");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut text).unwrap();
    // The last line may be a part of one.
    let whole = &text[..=text.rfind('\n').unwrap()];
    let mut known = Known::new();
    for line in whole.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["acknowledged", change] => {
                let kinds = ["create", "save", "lock", "end", "rotation", "login"];
                let kind = kinds.into_iter().find(|kind| *kind == change).unwrap();
                *report.changes.entry(kind).or_default() += 1;
            }
            ["session", id, may_be_gone, data] => {
                let data = data.split(',').filter(|data| !data.is_empty());
                let possible = data.map(|data| data.parse().unwrap()).collect();
                let may_be_gone = may_be_gone.parse().unwrap();
                known.insert(id.to_owned(), (possible, may_be_gone));
            }
            _ => {} // of the test harness
        }
    }
    known
}

fn compare(store: &Store, id: &str, possible: &[i32], may_be_gone: bool, report: &mut Report) {
    let session_id: SessionId = id.parse().unwrap();
    // A lock that was left would be in the way.
    let work = |session: &mut Session<i32>| -> Result<i32, Error> { Ok(session.data) };
    let found = store.with_locked(&session_id, Duration::from_millis(1), work);
    match found {
        Err(error) => report.failed.push(error.to_string()),
        Ok(outcome) => match outcome.updated() {
            Some(_) if possible.is_empty() => {
                report.back.insert(id.to_owned());
            }
            Some(data) if !possible.contains(&data) => {
                let text = format!("{id}: {data} instead of {possible:?}");
                report.lost.insert(text);
            }
            None if !may_be_gone => {
                report.lost.insert(format!("{id}: it is gone"));
            }
            _ => {}
        },
    }
}
