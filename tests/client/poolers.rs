//! Behind PgBouncer, which lends a connection of the server to many programs.
//!
//! The driver names its statements s0, s1, … in every process. So on a connection that programs share, such a name may be that of
//! another program's statement: a touch of a session could end it.

use std::io::{BufRead, BufReader, Write, stdin};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;

use crate::support::case::case;
use crate::support::pgbouncer::PgBouncer;
use crate::support::server::value;
use crate::support::skip::skip;
use crate::support::test_database::{TestDatabase, create};
use connect_pg::{Error, SessionId, Store, StoreBuilder};
use postgres::{Config, NoTls, SimpleQueryMessage};

/// Two connections of the server for all programs.
const TRANSACTION: &[&str] = &["pool_mode = transaction", "default_pool_size = 2"];
const SESSION: &[&str] = &["pool_mode = session", "default_pool_size = 20"];

const WORK: &str = "CONNECT_PG_TEST_WORK";
const POOLER: &str = "CONNECT_PG_TEST_POOLER";
const PREPARE: &str = "CONNECT_PG_TEST_PREPARE";
const READY: &str = "the program has connected";

/// A pooler for a database.
type Pooler = fn(&TestDatabase) -> Result<PgBouncer, String>;

/// Every program's statements keep their names on the server, so that programs meet.
fn transaction(database: &TestDatabase) -> Result<PgBouncer, String> {
    PgBouncer::start(database, TRANSACTION)
}

/// The pooler gives each statement a name of its own on the server.
fn tracking(database: &TestDatabase) -> Result<PgBouncer, String> {
    PgBouncer::tracking_statements(database, &["default_pool_size = 2"])
}

fn session(database: &TestDatabase) -> Result<PgBouncer, String> {
    PgBouncer::start(database, SESSION)
}

/// Returns the pooler, or skips the test.
fn started(pooler: Result<PgBouncer, String>) -> Option<PgBouncer> {
    pooler.map_err(|reason| skip(&reason)).ok()
}

/// The work of a program that another test starts, in a process of its own. Prints how many calls failed.
#[test]
#[ignore = "other tests start it"]
fn program() {
    let work = std::env::var(WORK).expect("other tests start it");
    let mut builder = Store::builder().database_url(&std::env::var(POOLER).unwrap());
    if let Ok(prepare) = std::env::var(PREPARE) {
        builder = builder.prepare_statements(prepare.parse().unwrap());
    }
    let store = builder.pool_size(4).build().unwrap();
    let ids: Vec<SessionId> = stdin()
        .lines()
        .map(|line| line.unwrap())
        .take_while(|line| !line.is_empty())
        .map(|line| line.parse().unwrap())
        .collect();
    let call: fn(&Store, &SessionId) -> Result<(), Error> = match work.as_str() {
        "touch" => |store, id| store.touch(id).map(drop),
        "end" => |store, id| store.end(id).map(drop),
        other => panic!("{other}"),
    };
    println!("{READY}");
    let failed: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|at| {
                let (store, ids) = (&store, &ids);
                scope.spawn(move || {
                    let ids = ids.iter().skip(at).step_by(4);
                    ids.cycle()
                        .take(400)
                        .filter(|id| call(store, id).is_err())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    });
    println!("failed {failed}");
}

/// Starts the program for sessions with these ids.
fn start_program(work: &str, pooler: &str, prepare: Option<bool>, ids: &[SessionId]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "client::poolers::program",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(WORK, work)
        .env(POOLER, pooler)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(prepare) = prepare {
        command.env(PREPARE, prepare.to_string());
    }
    let mut program = command.spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    for id in ids {
        writeln!(input, "{}", id.as_cookie_value()).unwrap();
    }
    program
}

/// Waits for the program's end. Returns how many of its calls failed.
fn failed_calls(mut program: Child) -> usize {
    let output = BufReader::new(program.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().map(Result::unwrap).collect();
    assert!(program.wait().unwrap().success(), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(READY)), "{lines:#?}");
    let failed = lines.iter().find_map(|line| line.strip_prefix("failed "));
    failed
        .unwrap_or_else(|| panic!("{lines:#?}"))
        .parse()
        .unwrap()
}

/// Runs a program that touches sessions beside one that ends others, five times. Returns how many calls failed.
fn touch_beside_end(start: Pooler, prepare: Option<bool>) -> Option<usize> {
    let database = TestDatabase::new();
    let store = database.store();
    let mut failed = 0;
    for run in 0..5 {
        let pooler = started(start(&database))?;
        let ids =
            || -> Vec<SessionId> { (0..40).map(|_| create(&store, ()).id().clone()).collect() };
        let (kept, ended) = (ids(), ids());
        let url = pooler.url(&database);
        let programs = [
            start_program("touch", &url, prepare, &kept),
            start_program("end", &url, prepare, &ended),
        ];
        failed += programs.map(failed_calls).into_iter().sum::<usize>();
        let lost = kept
            .iter()
            .filter(|id| store.peek::<()>(id).unwrap().is_none());
        assert_eq!(lost.count(), 0, "sessions ended in run {run}");
    }
    Some(failed)
}

#[test]
fn programs_with_default_client_do_not_meet_behind_transaction_pooler() {
    if let Some(failed) = touch_beside_end(transaction, None) {
        assert_eq!(failed, 0);
    }
}

#[test]
fn programs_do_not_meet_behind_pooler_that_tracks_statements() {
    for prepare in [None, Some(true)] {
        if let Some(failed) = touch_beside_end(tracking, prepare) {
            assert_eq!(failed, 0, "{prepare:?}");
        }
    }
}

// It is the wrong setting, so calls fail. None does what another program's statement does.
#[test]
fn mixed_up_statements_change_nothing() {
    if let Some(failed) = touch_beside_end(transaction, Some(true)) {
        assert_ne!(failed, 0, "the programs never met");
    }
}

#[test]
fn error_of_mixed_up_statement_names_setting() {
    let database = TestDatabase::new();
    let store = database.store();
    let settings = ["pool_mode = transaction", "default_pool_size = 1"];
    let Some(pooler) = started(PgBouncer::start(&database, &settings)) else {
        return;
    };
    let ids: Vec<SessionId> = (0..4).map(|_| create(&store, ()).id().clone()).collect();
    let url = pooler.url(&database);
    assert_eq!(
        failed_calls(start_program("touch", &url, Some(false), &ids)),
        0
    );
    let store = pooler.builder(&database).prepare_statements(true);
    let store = store.pool_size(1).connect().unwrap();
    store.count().unwrap();
    take_names(&database, &url);
    for _ in 0..50 {
        let error = store.load::<()>(&ids[0]).unwrap_err().to_string();
        assert!(error.contains("prepare_statements(false)"), "{error}");
    }
}

/// Prepares statements with the names that the driver gives next in this process, as another program does.
fn take_names(database: &TestDatabase, pooler: &str) {
    let name =
        "select max(substr(name, 2)::integer) from pg_prepared_statements where name ~ '^s[0-9]+$'";
    let last: i32 = value(&mut database.client(), name);
    let mut other = Config::from_str(pooler).unwrap().connect(NoTls).unwrap();
    // Other tests of the same process take some of them.
    let names = last + 1..last + 5000;
    let prepare: Vec<_> = names.map(|n| format!("prepare s{n} as select 1")).collect();
    other.batch_execute(&prepare.join(";")).unwrap();
}

type Setting = fn(StoreBuilder) -> StoreBuilder;

#[test]
fn every_setting_works_where_it_should() {
    let database = TestDatabase::new();
    let prepared: Setting = |builder| builder.prepare_statements(true);
    let none: Setting = |builder| builder.prepare_statements(false);
    let default: Setting = |builder| builder;
    let cases: [(&str, Pooler, Setting); 8] = [
        ("transaction, default", transaction, default),
        ("transaction, none", transaction, none),
        ("tracking, default", tracking, default),
        ("tracking, prepared", tracking, prepared),
        ("tracking, none", tracking, none),
        ("session, default", session, default),
        ("session, prepared", session, prepared),
        ("session, none", session, none),
    ];
    for (name, start, set) in cases {
        case(name, || {
            let Some(pooler) = started(start(&database)) else {
                return;
            };
            let store = set(pooler.builder(&database)).connect().unwrap();
            let id = create(&store, 1).id().clone();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..20 {
                            let updated = store.update(&id, |n: &mut i32| *n += 1).unwrap();
                            assert!(updated.updated().is_some());
                        }
                    });
                }
            });
            assert_eq!(store.load::<i32>(&id).unwrap().unwrap().data, 81);
            assert!(store.end(&id).unwrap());
        });
    }
}

// Otherwise the setting would cost nothing and win nothing.
#[test]
fn pooler_that_tracks_statements_prepares_them_only_if_asked() {
    let database = TestDatabase::new();
    for prepare in [None, Some(true)] {
        let one = ["default_pool_size = 1"];
        let Some(pooler) = started(PgBouncer::tracking_statements(&database, &one)) else {
            return;
        };
        let mut builder = pooler.builder(&database);
        if let Some(prepare) = prepare {
            builder = builder.prepare_statements(prepare);
        }
        let store = builder.connect().unwrap();
        let id = create(&store, 1).id().clone();
        for _ in 0..10 {
            store.touch(&id).unwrap();
        }
        let mut client = Config::from_str(&pooler.url(&database))
            .unwrap()
            .connect(NoTls)
            .unwrap();
        // Without parameters, so that this query prepares nothing.
        let rows = client
            .simple_query("select statement from pg_prepared_statements where statement like '%touch_session%'")
            .unwrap();
        let statements = rows
            .iter()
            .filter(|row| matches!(row, SimpleQueryMessage::Row(_)));
        assert_eq!(
            statements.count(),
            usize::from(prepare.is_some()),
            "{prepare:?}"
        );
    }
}

// The pooler answers a new statement with the same text by the old one, so the client cannot replace it.
#[test]
fn statement_that_became_stale_behind_pooler_that_tracks_statements_is_replaced() {
    let database = TestDatabase::new();
    let one = ["default_pool_size = 1"];
    let Some(pooler) = started(PgBouncer::tracking_statements(&database, &one)) else {
        return;
    };
    let store = pooler.builder(&database).prepare_statements(true);
    let store = store.pool_size(1).connect().unwrap();
    let id = create(&store, 1).id().clone();
    for _ in 0..3 {
        assert!(store.touch(&id).unwrap().is_some());
        database.change_type_of_touch();
    }
}
