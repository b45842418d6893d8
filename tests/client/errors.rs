//! What errors tell, and what errors, logs and `Debug` never show.

use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use crate::support::server::{quoted, random};
use crate::support::test_database::TestDatabase;
use connect_pg::{Error, ErrorKind, SessionAttributes, Store, StoreBuilder};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::json;

#[test]
fn missing_store_error_names_install() {
    let database = TestDatabase::without_store();
    let mut client = database.superuser();
    let error = Store::on(&mut client).count().unwrap_err();
    assert!(
        error.is_not_installed() && !error.is_unavailable(),
        "{error}"
    );
    assert_eq!(error.code(), Some(SqlState::INVALID_SCHEMA_NAME.code()));
    assert!(
        error.to_string().contains("session-admin install"),
        "{error}"
    );

    client.batch_execute("create schema web").unwrap();
    let error = Store::on(&mut client)
        .create(1, &SessionAttributes::new())
        .unwrap_err();
    assert!(error.is_not_installed(), "{error}");
    assert_eq!(error.code(), Some(SqlState::UNDEFINED_FUNCTION.code()));
    assert!(
        error.to_string().contains("session-admin install"),
        "{error}"
    );
}

#[test]
fn missing_privilege_error_names_check() {
    let database = TestDatabase::new();
    let store = database.store();
    database
        .superuser()
        .batch_execute(&format!(
            "revoke execute on function web.count_sessions() from {}",
            quoted(&database.role)
        ))
        .unwrap();
    let error = store.count().unwrap_err();
    assert!(
        error.is_permission_denied() && !error.is_not_installed(),
        "{error}"
    );
    assert_eq!(error.code(), Some(SqlState::INSUFFICIENT_PRIVILEGE.code()));
    assert!(error.to_string().contains("session-admin check"), "{error}");
}

#[test]
fn wrong_password_and_wrong_database_are_not_unavailable() {
    let database = TestDatabase::new();
    let mut config = database.config();
    let error = Store::builder()
        .config(config.password("s3cret").clone())
        .connect()
        .unwrap_err();
    assert!(
        error.is_permission_denied() && !error.is_unavailable(),
        "{error}"
    );
    assert_eq!(error.code(), Some(SqlState::INVALID_PASSWORD.code()));
    assert!(!format!("{error} {error:?}").contains("s3cret"));

    let mut config = database.config();
    let error = Store::builder()
        .config(config.dbname("connect_pg_none").clone())
        .connect()
        .unwrap_err();
    assert!(
        !error.is_unavailable() && !error.is_permission_denied(),
        "{error}"
    );
    assert_eq!(error.code(), Some(SqlState::UNDEFINED_DATABASE.code()));
}

type Setting = fn(StoreBuilder) -> StoreBuilder;

#[test]
fn build_refuses_invalid_settings() {
    let settings: [(&str, Setting); 11] = [
        ("no connection", |builder| builder.pool_size(0)),
        ("too many connections", |builder| builder.pool_size(10_001)),
        ("most connections", |builder| builder.pool_size(u32::MAX)),
        ("longest timeout", |builder| {
            builder.pool_timeout(Duration::MAX)
        }),
        ("no timeout", |builder| builder.pool_timeout(Duration::ZERO)),
        ("no lifetime", |builder| {
            builder.connection_max_lifetime(Duration::ZERO)
        }),
        ("no idle timeout", |builder| {
            builder.connection_idle_timeout(Some(Duration::ZERO))
        }),
        ("empty schema", |builder| builder.schema("")),
        ("too long schema", |builder| builder.schema(&"x".repeat(64))),
        ("schema of two lines", |builder| builder.schema("a\nb")),
        ("invalid port", |builder| {
            builder.database_url("postgresql://localhost:s3cret/x")
        }),
    ];
    for (name, change) in settings {
        let valid = Store::builder().database_url("host=localhost");
        let error = change(valid).build().expect_err(name);
        assert!(error.is_invalid_argument(), "{name}: {error}");
        assert!(!error.is_unavailable(), "{name}: {error}");
    }
}

#[test]
fn refused_value_returns_invalid_argument() {
    let database = TestDatabase::new();
    let store = database.store();
    let attributes = SessionAttributes::new;
    for (name, refused) in [
        ("empty user id", attributes().user_id("")),
        ("too long user id", attributes().user_id("u".repeat(1025))),
        ("user id with NUL", attributes().user_id("a\0b")),
        (
            "idle timeout below a second",
            attributes().idle_timeout(Duration::from_millis(1)),
        ),
    ] {
        let error = store.create(1, &refused).expect_err(name);
        assert!(
            error.is_invalid_argument() && !error.is_outcome_unknown(),
            "{name}: {error}"
        );
    }
    assert!(store.prune(0).unwrap_err().is_invalid_argument());
    assert!(store.prune(u32::MAX).unwrap_err().is_invalid_argument());
    assert_eq!(store.count().unwrap(), 0);
}

#[test]
fn postgres_error_converts_into_error() {
    fn work(database: &TestDatabase) -> Result<(), Error> {
        let mut client = database.client();
        let mut transaction = client.transaction()?;
        Store::on(&mut transaction).count()?;
        transaction.batch_execute("select from nowhere")?;
        Ok(())
    }
    let database = TestDatabase::new();
    let error = work(&database).unwrap_err();
    assert_eq!(error.code(), Some(SqlState::UNDEFINED_TABLE.code()));
    assert!(!error.is_not_installed(), "the table is the application's");
    assert!(
        std::error::Error::source(&error).is_none(),
        "Display shows the cause"
    );
    let source = error.get_ref().unwrap();
    assert!(source.to_string().contains("nowhere"), "{source}");
}

#[test]
fn only_a_broken_connection_makes_an_application_error_unavailable() {
    fn missing_row(client: &mut Client) -> Result<i32, Error> {
        Ok(client.query_one("select 1 where false", &[])?.get(0))
    }
    fn other_type(client: &mut Client) -> Result<String, Error> {
        Ok(client.query_one("select 1", &[])?.try_get(0)?)
    }
    fn missing_column(client: &mut Client) -> Result<i32, Error> {
        Ok(client.query_one("select 1 as one", &[])?.try_get("two")?)
    }
    let database = TestDatabase::new();
    let mut client = database.client();
    for error in [
        missing_row(&mut client).unwrap_err(),
        other_type(&mut client).unwrap_err(),
        missing_column(&mut client).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        assert!(!error.is_unavailable() && error.code().is_none(), "{error}");
        assert!(error.to_string().contains("the application's own call"));
    }
    database.terminate_connections();
    for _ in 0..2 {
        let error = missing_row(&mut client).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

/// All that the libraries log, at every level and in all tests of this process.
struct Log(Mutex<String>);

static LOG: Log = Log(Mutex::new(String::new()));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(
            self.0.lock().unwrap(),
            "{} {}",
            record.target(),
            record.args()
        )
        .unwrap();
    }

    fn flush(&self) {}
}

#[test]
fn debug_display_and_log_hide_id_key_and_data() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    // Random, because the log has the messages of all tests of this process.
    let secret = random();
    let database = TestDatabase::new();
    let store = database.store();
    let new = SessionAttributes::new()
        .user_id(format!("u{secret}"))
        .user_agent(format!("a{secret}"))
        .label(format!("l{secret}"));
    let mut session = store.create(json!({"data": secret}), &new).unwrap();
    let mut shown = format!("{session:?} {store:?} {new:?} {:?}", database.builder());
    store.load::<serde_json::Value>(session.id()).unwrap();
    session.data = json!([secret]);
    assert_eq!(
        store.save(&mut session).unwrap(),
        connect_pg::SaveOutcome::Saved
    );

    let mut errors = vec![store.load::<u8>(session.id()).unwrap_err()];
    session.data = json!(secret.repeat(100_000));
    errors.push(store.save(&mut session).unwrap_err());
    errors.push(
        store
            .create(1, &new.clone().user_id(secret.repeat(100)))
            .unwrap_err(),
    );
    // The DETAIL of this error of the server shows the row.
    database
        .superuser()
        .batch_execute("alter table web.session add check (version < 0) not valid")
        .unwrap();
    errors.push(store.create(json!(secret), &new).unwrap_err());
    assert_eq!(errors[3].code(), Some(SqlState::CHECK_VIOLATION.code()));
    for error in &errors {
        let mut source = Some(error as &dyn std::error::Error);
        while let Some(cause) = source {
            write!(shown, "{cause} {cause:?} {cause:#?}").unwrap();
            source = match cause.downcast_ref::<Error>() {
                Some(error) => error.get_ref().map(|inner| inner as _),
                None => cause.source(),
            };
        }
    }
    shown.push_str(&LOG.0.lock().unwrap());

    assert!(
        shown.contains("executing statement"),
        "the driver's log was not seen"
    );
    assert!(!shown.contains(&secret), "{shown}");
    assert!(!shown.contains(session.id().as_cookie_value()), "{shown}");
    let key = session.id().key();
    let hex: String = key
        .as_bytes()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert!(
        !shown.contains(&hex) && !shown.contains(&format!("{:?}", key.as_bytes())),
        "{shown}"
    );
}

#[test]
fn error_and_store_are_send_and_sync() {
    fn assert<T: Send + Sync + 'static>() {}
    assert::<Error>();
    assert::<Store>();
}
