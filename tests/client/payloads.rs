//! The data that a session can hold, byte for byte, and the data that it cannot.

use std::fmt::Debug;

use crate::support::test_database::{TestDatabase, create};
use connect_pg::{SaveOutcome, SessionAttributes, SessionId, Store};
use postgres::error::SqlState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

const MEBIBYTE: usize = 1024 * 1024;

fn stored(database: &TestDatabase, id: &SessionId) -> String {
    database
        .superuser()
        .query_one(
            "select data from web.session where key = $1",
            &[&id.key().as_bytes().as_slice()],
        )
        .unwrap()
        .get(0)
}

/// Creates one session with `data`, saves `data` in another, and compares what is stored and what is loaded.
fn assert_round_trip<T>(database: &TestDatabase, store: &Store, data: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let text = serde_json::to_string(data).unwrap();
    let created = create(store, data);
    let mut saved = create(store, json!("before"));
    saved.data = serde_json::from_str(&text).unwrap();
    assert_eq!(store.save(&mut saved).unwrap(), SaveOutcome::Saved);
    for id in [created.id(), saved.id()] {
        assert_eq!(&store.load::<T>(id).unwrap().unwrap().data, data);
    }
    assert_eq!(stored(database, created.id()), text);
    assert_eq!(
        stored(database, saved.id()),
        serde_json::to_string(&saved.data).unwrap()
    );
}

#[test]
fn json_round_trips_byte_for_byte() {
    let database = TestDatabase::new();
    let store = database.store();
    let nested = (0..126).fold(json!({}), |inner, _| json!([inner]));
    for data in [
        json!({}),
        json!(null),
        json!([]),
        json!(""),
        json!("\u{0}\u{1}\u{7f}\u{80}\u{2028}\u{ffff}"),
        json!({"\u{0}": "a NUL in a name"}),
        json!("👩‍👩‍👧‍👦 🦀 é e\u{301} \u{10ffff}"),
        json!("\\u0000 \\ \" / ' $1 $$ -- %s"),
        json!({"z": 1, "a": 2, "": 3}),
        json!([u64::MAX, i64::MIN, 1.5e300, -0.0, 5e-324, 0.1]),
        nested,
    ] {
        assert_round_trip(&database, &store, &data);
    }
}

#[test]
fn data_of_exactly_the_limit_is_stored() {
    let database = TestDatabase::new();
    let store = database.store();
    let data = "x".repeat(MEBIBYTE - 2); // and two quotes
    assert_round_trip(&database, &store, &data);
}

#[test]
fn numbers_beyond_i64_round_trip() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Numbers {
        unsigned: u64,
        huge: i128,
        tiny: i128,
        float: f64,
    }
    let database = TestDatabase::new();
    let store = database.store();
    let numbers = Numbers {
        unsigned: u64::MAX,
        huge: i128::MAX,
        tiny: i128::MIN,
        float: f64::MAX,
    };
    let session = create(&store, &numbers);
    assert_eq!(
        stored(&database, session.id()),
        serde_json::to_string(&numbers).unwrap()
    );
    assert_eq!(
        store.load::<Numbers>(session.id()).unwrap().unwrap().data,
        numbers
    );
}

// JSON of another program is returned with all its spaces and digits.
#[test]
fn raw_json_is_stored_unchanged() {
    let database = TestDatabase::new();
    let store = database.store();
    for text in [
        r#"{"n": 1234567890123456789012345678901234567890.10,  "e": 1E+400}"#,
        r#"{"b":1,"a":2,"b":3}"#,
        r#"["\u00e9é\/","\ud83e\udd80"]"#,
        r#""\ud800""#,
    ] {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        let session = create(&store, &raw);
        assert_eq!(stored(&database, session.id()), text);
        assert_eq!(
            store
                .load::<Box<RawValue>>(session.id())
                .unwrap()
                .unwrap()
                .data
                .get(),
            text
        );
    }
}

#[test]
fn lone_surrogate_as_text_is_refused_and_row_unchanged() {
    let database = TestDatabase::new();
    let store = database.store();
    let raw: Box<RawValue> = serde_json::from_str(r#""\udc00 lone""#).unwrap();
    let session = create(&store, raw);
    for error in [
        store.load::<String>(session.id()).unwrap_err(),
        store.load::<Value>(session.id()).unwrap_err(),
        store.update(session.id(), |_: &mut Value| ()).unwrap_err(),
    ] {
        assert!(error.is_invalid_data(), "{error}");
        assert!(error.to_string().contains("surrogate"), "{error}");
    }
    assert_eq!(stored(&database, session.id()), r#""\udc00 lone""#);
}

#[test]
fn load_as_another_type_returns_invalid_data_and_row_unchanged() {
    let database = TestDatabase::new();
    let store = database.store();
    let session = create(&store, json!({"name": "s3cret"}));
    for error in [
        store.load::<Vec<u8>>(session.id()).unwrap_err(),
        store.peek::<u8>(session.id()).unwrap_err(),
        store.update(session.id(), |_: &mut bool| ()).unwrap_err(),
    ] {
        assert!(error.is_invalid_data(), "{error}");
        assert!(!error.is_unavailable() && !error.is_outcome_unknown());
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
    assert_eq!(
        store.load::<Value>(session.id()).unwrap().unwrap().data,
        session.data
    );
}

#[test]
fn unserializable_or_too_deep_data_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(
        store
            .create(no_json, &SessionAttributes::new())
            .unwrap_err()
            .is_invalid_data()
    );

    let mut session = create(&store, json!(1));
    session.data = (0..128).fold(json!(0), |inner, _| json!({"in": inner}));
    let error = store.save(&mut session).unwrap_err();
    assert!(error.is_invalid_data(), "{error}");
    assert_eq!(
        store.load::<Value>(session.id()).unwrap().unwrap().data,
        json!(1)
    );
    assert_eq!(store.count().unwrap(), 1);
}

#[test]
fn too_large_data_is_refused_and_row_unchanged() {
    let database = TestDatabase::new();
    let store = database.store();
    let too_much = "x".repeat(MEBIBYTE - 1);
    let error = store
        .create(&too_much, &SessionAttributes::new())
        .unwrap_err();
    assert!(error.is_too_large(), "{error}");
    assert_eq!(error.code(), Some(SqlState::PROGRAM_LIMIT_EXCEEDED.code()));
    assert_eq!(store.count().unwrap(), 0);

    let mut session = create(&store, "small".to_owned());
    session.data = too_much;
    let error = store.save(&mut session).unwrap_err();
    assert!(
        error.is_too_large() && !error.is_outcome_unknown(),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("xxx"));
    let untouched = store.peek::<String>(session.id()).unwrap().unwrap();
    assert_eq!(
        (untouched.data.as_str(), untouched.version()),
        ("small", session.version())
    );
}

#[test]
fn pool_in_latin1_database_escapes_json() {
    let database = TestDatabase::with("web", "LATIN1");
    let store = database.store();
    let session = create(&store, json!("grün"));
    assert_eq!(stored(&database, session.id()), "\"grün\"");
    for data in [json!("grün 🦀"), json!({"日本": "語"})] {
        let mut session = create(&store, data.clone());
        assert!(stored(&database, session.id()).is_ascii());
        assert_eq!(
            store.load::<Value>(session.id()).unwrap().unwrap().data,
            data
        );
        session.data = json!("🦀🦀");
        assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
        assert_eq!(
            store.load::<Value>(session.id()).unwrap().unwrap().data,
            json!("🦀🦀")
        );
    }
}

#[test]
fn transaction_in_latin1_database_needs_ascii_json() {
    let database = TestDatabase::with("web", "LATIN1");
    let mut client = database.client();
    let error = Store::on(&mut client)
        .create("🦀", &SessionAttributes::new())
        .unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
    assert_eq!(
        error.code(),
        Some(SqlState::UNTRANSLATABLE_CHARACTER.code())
    );
    assert!(error.to_string().contains("UTF8"), "{error}");
    assert!(!error.to_string().contains("0xf0"), "{error}");

    let store = Store::on(&mut client).ascii_json(true);
    let session = store.create("🦀", &SessionAttributes::new()).unwrap();
    assert_eq!(
        store.load::<String>(session.id()).unwrap().unwrap().data,
        "🦀"
    );
    // Only JSON can be escaped.
    let error = store
        .create((), &SessionAttributes::new().user_id("🦀"))
        .unwrap_err();
    assert_eq!(
        error.code(),
        Some(SqlState::UNTRANSLATABLE_CHARACTER.code())
    );
}
