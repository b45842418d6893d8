//! The pool with broken connections, lost replies and unreachable servers.

use std::error::Error as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::assert_unavailable;
use crate::support::case::case;
use crate::support::proxy::Proxy;
use crate::support::server::quoted;
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::test_database::{TestDatabase, create, updated};
use connect_pg::{
    ConnectionSettings, SaveOutcome, Session, SessionAttributes, SessionState, Store, StoreBuilder,
};
use postgres::error::SqlState;

type Call = fn(&Store, &mut Session<i32>);

const CALLS: [(&str, Call); 12] = [
    ("load", |store, session| {
        assert!(store.load::<i32>(session.id()).unwrap().is_some());
    }),
    ("save", |store, session| {
        session.data = 2;
        assert_eq!(store.save(session).unwrap(), SaveOutcome::Saved);
    }),
    ("update", |store, session| {
        let updated = updated(store.update(session.id(), |n: &mut i32| *n += 1));
        assert_eq!(updated.data, 2);
    }),
    ("touch", |store, session| {
        assert!(store.touch(session.id()).unwrap().is_some());
    }),
    ("info", |store, session| {
        let info = store.info(session.id()).unwrap();
        assert_eq!(info.state(), SessionState::Live);
    }),
    ("count", |store, _| assert_eq!(store.count().unwrap(), 1)),
    ("prune", |store, _| {
        assert!(store.prune(10).unwrap().is_complete());
    }),
    ("create", |store, _| {
        let another = create(store, 3);
        assert_eq!(store.load::<i32>(another.id()).unwrap().unwrap().data, 3);
        assert!(store.end(another.id()).unwrap());
    }),
    ("user_sessions", |store, _| {
        assert_eq!(store.user_sessions("4711").unwrap().len(), 1);
    }),
    ("end_user_session", |store, session| {
        let handle = session.handle().unwrap();
        assert!(store.end_user_session("4711", handle).unwrap());
    }),
    ("end_user_sessions", |store, _| {
        assert_eq!(store.end_user_sessions("4711", None).unwrap(), 1);
    }),
    ("end", |store, session| {
        assert!(store.end(session.id()).unwrap());
    }),
];

#[test]
fn every_call_after_server_restart_succeeds() {
    let database = TestDatabase::new();
    let store = database.store();
    let attributes = SessionAttributes::new().user_id("4711");
    for (name, call) in CALLS {
        case(name, || {
            // The first call prepares the statement on the connection that is lost.
            for is_restarted in [false, true] {
                let mut session = store.create(1, &attributes).unwrap();
                if is_restarted {
                    database.terminate_connections();
                }
                call(&store, &mut session);
                store.end_user_sessions("4711", None).unwrap();
            }
        });
    }
}

// The second attempt must not take another broken connection from the pool.
#[test]
fn call_on_pool_of_broken_connections_succeeds() {
    let database = TestDatabase::new();
    let store = database.builder().pool_size(4).connect().unwrap();
    let session = create(&store, 1);
    fill(&database, &store, 4);
    database.terminate_connections();
    for _ in 0..8 {
        assert!(store.load::<i32>(session.id()).unwrap().is_some());
    }

    fill(&database, &store, 4);
    database.terminate_connections();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(store.load::<i32>(session.id()).unwrap().is_some()));
        }
    });
}

// The caches of a server process stay warm for the thread that it serves.
#[test]
fn thread_gets_connection_it_used_last() {
    let database = TestDatabase::direct();
    let store = database.builder().pool_size(3).connect().unwrap();
    fill(&database, &store, 3);
    let session = create(&store, 1);
    let mut superuser = database.superuser();
    let mut process_of_next_load = || {
        store.load::<i32>(session.id()).unwrap().unwrap();
        let row = superuser.query_one(
            "select pid from pg_stat_activity where usename = $1 order by query_start desc limit 1",
            &[&database.role],
        );
        row.unwrap().get::<_, i32>(0)
    };

    let mine = process_of_next_load();
    for _ in 0..5 {
        let another = thread::scope(|scope| {
            scope
                .spawn(|| (process_of_next_load(), process_of_next_load()))
                .join()
                .unwrap()
        });
        assert_eq!(another.0, another.1);
        assert_ne!(another.0, mine, "the connection of another thread");
        assert_eq!(process_of_next_load(), mine);
        assert_eq!(process_of_next_load(), mine);
    }
}

/// Opens all connections of the pool: on each of them, a load waits for the lock of the table.
fn fill(database: &TestDatabase, store: &Store, size: i64) {
    let session = create(store, ());
    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .batch_execute("lock table web.session in access exclusive mode")
        .unwrap();
    thread::scope(|scope| {
        for _ in 0..size {
            scope.spawn(|| store.load::<()>(session.id()).unwrap());
        }
        database.wait_until_blocked(size);
        transaction.rollback().unwrap();
    });
}

#[test]
fn read_only_error_replaces_connection() {
    let database = TestDatabase::direct();
    let mut superuser = database.superuser();
    let mut set_read_only = |value: &str| {
        superuser
            .batch_execute(&format!(
                "alter role {} set default_transaction_read_only = {value}",
                quoted(&database.role)
            ))
            .unwrap();
    };
    set_read_only("on");
    let store = database.builder().pool_size(1).connect().unwrap();
    let error = store.create(1, &SessionAttributes::new()).unwrap_err();
    assert_unavailable(&error);
    assert_eq!(
        error.code(),
        Some(SqlState::READ_ONLY_SQL_TRANSACTION.code())
    );

    let store = database.builder().pool_size(1).connect().unwrap();
    set_read_only("off"); // for a new connection, and not for the open one
    create(&store, 1);
}

#[test]
fn create_with_lost_reply_creates_one_session() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = warm(proxy.builder(&database));
    proxy.lose_next_reply();
    let session = store
        .create(1, &SessionAttributes::new().user_id("4711"))
        .unwrap();
    assert_eq!(proxy.connections(), 2);
    assert_eq!(session.user_id(), Some("4711"));
    let loaded = store.load::<i32>(session.id()).unwrap().unwrap();
    assert_eq!(
        (loaded.version(), loaded.expires_at()),
        (session.version(), session.expires_at())
    );
    let rows = database.superuser().query_one(
        "select count(*) from web.session where user_id = '4711'",
        &[],
    );
    assert_eq!(rows.unwrap().get::<_, i64>(0), 1);
}

#[test]
fn save_with_lost_reply_saves_once() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = warm(proxy.builder(&database));
    let mut session = create(&store, 1);
    let before = session.version();
    session.data = 2;
    proxy.lose_next_reply();
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    assert_eq!(proxy.connections(), 2);
    assert_eq!(session.version(), before + 1);
    session.data = 3;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
}

#[test]
fn end_with_lost_reply_ends_session() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = warm(proxy.builder(&database));
    let session = create(&store, 1);
    proxy.lose_next_reply();
    store.end(session.id()).unwrap();
    assert_eq!(proxy.connections(), 2);
    assert!(store.load::<i32>(session.id()).unwrap().is_none());
}

#[test]
fn lost_reply_without_retry_returns_unknown_outcome() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = warm(proxy.builder(&database));
    let mut session = create(&store, 1);
    session.data = 2;
    proxy.refuse();
    proxy.lose_next_reply();
    let error = store.save(&mut session).unwrap_err();
    assert!(
        error.is_outcome_unknown() && error.is_unavailable(),
        "{error}"
    );
    assert_eq!(
        database
            .store()
            .load::<i32>(session.id())
            .unwrap()
            .unwrap()
            .data,
        2,
        "the save was executed"
    );

    // Nothing was sent, so nothing is unknown.
    let error = store.save(&mut session).unwrap_err();
    assert_unavailable(&error);
}

// The second attempt fails before it is sent. That says nothing about the first.
#[test]
fn lost_reply_and_failed_reconnect_return_unknown_outcome() {
    let database = TestDatabase::new();
    let directory = TemporaryDirectory::new();
    let file = directory.path().join("password");
    let remove_password: fn(&Path) = |file| fs::remove_file(file).unwrap();
    let change_password: fn(&Path) = |file| fs::write(file, "wrong\n").unwrap();
    for change in [remove_password, change_password] {
        fs::write(&file, format!("{}\n", database.password)).unwrap();
        let proxy = Proxy::to(&database);
        let builder = proxy.builder(&database).password_file(&file);
        let store = warm(builder);
        let mut session = create(&store, 1);
        session.data = 2;
        change(&file);
        proxy.lose_next_reply();
        let error = store.save(&mut session).unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        let stored = database.store().load::<i32>(session.id()).unwrap();
        assert_eq!(stored.unwrap().data, 2, "the save was executed");
    }
}

#[test]
fn load_with_lost_reply_returns_known_outcome() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = warm(proxy.builder(&database));
    let session = create(&store, 1);
    proxy.refuse();
    proxy.lose_next_reply();
    let error = store.load::<i32>(session.id()).unwrap_err();
    assert_unavailable(&error);
}

/// Connects a store with one connection that has every statement prepared.
fn warm(builder: StoreBuilder) -> Store {
    let store = builder.pool_size(1).connect().unwrap();
    let mut session = create(&store, 0);
    session.data = 1;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    store.load::<i32>(session.id()).unwrap();
    assert!(store.end(session.id()).unwrap());
    store
}

#[test]
fn deallocated_statement_is_prepared_again() {
    let database = TestDatabase::direct();
    let store = database.builder().pool_size(1).connect().unwrap();
    let session = create(&store, 1);
    store.load::<i32>(session.id()).unwrap();
    database.replace_touch("deallocate all; return now();");
    store.touch(session.id()).unwrap();
    assert!(store.load::<i32>(session.id()).unwrap().is_some());
}

#[test]
fn reinstall_keeps_open_connections_usable() {
    let database = TestDatabase::new();
    let builder = database.builder().pool_size(1).group_calls(true);
    let store = builder.connect().unwrap();
    let session = create(&store, 1);
    store.load::<i32>(session.id()).unwrap();
    let mut superuser = database.superuser();
    superuser
        .batch_execute("drop function web.load_session_value(bytea, boolean)")
        .unwrap();
    assert!(
        store
            .load::<i32>(session.id())
            .unwrap_err()
            .is_not_installed()
    );
    superuser
        .query(
            "select * from public.correct_web($1, $2)",
            &[&database.schema, &database.role],
        )
        .unwrap();
    assert!(store.load::<i32>(session.id()).unwrap().is_some());
}

#[test]
fn stale_statement_is_prepared_anew() {
    let database = TestDatabase::new();
    let store = database.builder().pool_size(1).connect().unwrap();
    let session = create(&store, 1);
    for _ in 0..4 {
        assert!(store.touch(session.id()).unwrap().is_some());
        database.change_type_of_touch();
        assert!(store.touch(session.id()).unwrap().is_some());
    }
}

#[test]
fn password_file_change_applies_without_restart() {
    let database = TestDatabase::direct();
    let directory = TemporaryDirectory::new();
    let file = directory.path().join("password");
    let set_password = |password: &str| {
        database
            .superuser()
            .batch_execute(&format!(
                "alter role {} password '{password}'",
                quoted(&database.role)
            ))
            .unwrap();
    };
    for builder in [
        database.builder(),
        Store::builder().config(database.config()).schema("web"),
    ] {
        fs::write(&file, format!("{}\n", database.password)).unwrap();
        let store = builder.password_file(&file).pool_size(1).connect().unwrap();
        store.count().unwrap();

        set_password("rotated");
        database.terminate_connections();
        let error = store.count().unwrap_err();
        assert!(
            error.is_permission_denied() && !error.is_unavailable(),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains(&database.password));

        fs::write(&file, "rotated\nnot read\n").unwrap();
        store.count().unwrap();
        set_password(&database.password);
    }
}

// A tool that replaces the file may have truncated it: this is an outage, and no error of the caller.
#[test]
fn unreadable_password_file_returns_unavailable() {
    let database = TestDatabase::direct();
    let directory = TemporaryDirectory::new();
    let file = directory.path().join("password");
    for content in [None, Some(""), Some("\n"), Some("\u{e9}"), Some("wrong")] {
        for builder in [
            database.builder(),
            Store::builder().config(database.config()),
        ] {
            if let Some(content) = content {
                // Latin-1, so that it is not UTF-8.
                let bytes: Vec<u8> = content.chars().map(|c| u8::try_from(c).unwrap()).collect();
                fs::write(&file, bytes).unwrap();
            }
            let error = builder.password_file(&file).connect().unwrap_err();
            assert!(
                !error.is_invalid_argument() && !error.is_outcome_unknown(),
                "{error}"
            );
            let readable = content == Some("wrong");
            assert_eq!(error.is_unavailable(), !readable, "{error}");
            assert_eq!(error.is_permission_denied(), readable, "{error}");
            let named = error.to_string().contains(file.to_str().unwrap());
            assert_eq!(named, !readable, "{error}");
        }
    }
}

#[test]
fn connect_error_names_server_user_and_database() {
    let database = TestDatabase::new();
    let url = database.url();
    let mut config = database.config();
    for builder in [
        Store::builder().database_url(&format!("{url} password=s3cret")),
        Store::builder().config(config.password("s3cret").clone()),
    ] {
        let error = builder.connect().unwrap_err();
        let port = config.get_ports()[0];
        let start = format!(
            "cannot connect to database {:?} as user {:?} at the socket in ",
            database.name, database.role
        );
        let text = error.to_string();
        if !url.starts_with("host=/") {
            continue; // not the private server of bin/with-pg
        }
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains(&format!("port {port}: ")), "{text}");
        assert!(text.contains("28P01"), "{text}");
        assert!(format!("{error:?}").contains(&text), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[cfg(unix)]
#[test]
fn missing_password_error_names_sources_and_ignored_file() {
    use std::os::unix::fs::PermissionsExt;

    let database = TestDatabase::new();
    let directory = TemporaryDirectory::new();
    let home = directory.path();
    let url = database.url();
    let (url, _) = url.rsplit_once(" password=").unwrap();
    let connect = || {
        let settings = ConnectionSettings::with_environment(Some(url), |name| {
            (name == "HOME").then(|| home.into())
        });
        Store::builder().settings(settings.unwrap()).connect()
    };
    let error = connect().unwrap_err();
    assert!(
        error.is_permission_denied() && !error.is_invalid_argument() && !error.is_unavailable(),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("no password for user {:?} at ", database.role)),
        "{text}"
    );
    assert!(
        text.contains("give StoreBuilder::password_file, PGPASSWORD or ~/.pgpass (mode 0600)"),
        "{text}"
    );
    assert!(!text.contains("ignored"), "{text}");

    let passfile = home.join(".pgpass");
    fs::write(&passfile, format!("*:*:*:*:{}\n", database.password)).unwrap();
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o644)).unwrap();
    let text = connect().unwrap_err().to_string();
    assert!(
        text.contains(&format!(
            "; the password file {} is ignored: ",
            passfile.display()
        )),
        "{text}"
    );
    assert!(!text.contains(&database.password), "{text}");
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    connect().unwrap();
}

#[test]
fn busy_pool_returns_unavailable_with_pool_size() {
    let database = TestDatabase::new();
    let store = database
        .builder()
        .pool_size(1)
        .pool_timeout(Duration::from_millis(50))
        .connect()
        .unwrap();
    let session = create(&store, 1);
    let busy = store.update(session.id(), |_: &mut i32| ()).unwrap();
    assert!(
        busy.updated().is_some(),
        "update holds no connection between its calls"
    );

    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .execute("select from web.session for update", &[])
        .unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut session = session.clone();
            session.data = 2;
            loop {
                match store.save(&mut session) {
                    Err(error) if error.is_unavailable() => {} // the load came first
                    saved => break saved,
                }
            }
        });
        let error = loop {
            // The load may come before the save.
            if let Err(error) = store.load::<i32>(session.id()) {
                break error;
            }
        };
        assert_unavailable(&error);
        assert!(error.to_string().contains("pool_size"), "{error}");
        transaction.rollback().unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), SaveOutcome::Saved);
    });
}

#[test]
fn unreachable_server_returns_unavailable() {
    // A port without a listener.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("host=127.0.0.1 port={port} user=missing dbname=nothing password=s3cret");
    let error = Store::connect(&url).unwrap_err();
    assert_unavailable(&error);
    assert!(!format!("{error} {error:?}").contains("s3cret"));

    // Display shows the whole cause. A reader of the chain, such as anyhow, must not show it again.
    let target = format!("\"nothing\" as user \"missing\" at 127.0.0.1 port {port}: ");
    assert!(error.to_string().contains(&target), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(error.source().is_none());
    let inner = error.get_ref().unwrap();
    assert!(inner.is::<postgres::Error>(), "{inner:?}");
    assert!(format!("{error:?}").starts_with(&format!("Error {{ message: {error}, ")));

    let store = Store::builder().database_url(&url).build().unwrap();
    assert!(
        store
            .create(1, &SessionAttributes::new())
            .unwrap_err()
            .is_unavailable()
    );
}
