//! The store on a connection or a transaction of the application.

use super::assert_unavailable;
use crate::support::test_database::{TestDatabase, create, updated};
use connect_pg::{SaveOutcome, SessionAttributes, SessionId, Store};

#[test]
fn rollback_undoes_create_and_end() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut client = database.client();

    let mut transaction = client.transaction().unwrap();
    let lost = Store::on(&mut transaction)
        .create(1, &SessionAttributes::new())
        .unwrap();
    transaction.rollback().unwrap();
    assert!(store.load::<i32>(lost.id()).unwrap().is_none());

    let mut transaction = client.transaction().unwrap();
    let kept = Store::on(&mut transaction)
        .create(1, &SessionAttributes::new())
        .unwrap();
    assert!(
        store.load::<i32>(kept.id()).unwrap().is_none(),
        "visible before the commit"
    );
    transaction.commit().unwrap();
    assert!(store.load::<i32>(kept.id()).unwrap().is_some());

    let mut transaction = client.transaction().unwrap();
    assert!(Store::on(&mut transaction).end(kept.id()).unwrap());
    transaction.rollback().unwrap();
    assert!(store.load::<i32>(kept.id()).unwrap().is_some());
}

#[test]
fn outcome_leaves_transaction_usable() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut conflicting = create(&store, 1);
    let mut gone = create(&store, 1);
    let mut theirs = store.load::<i32>(conflicting.id()).unwrap().unwrap();
    theirs.data = 2;
    assert_eq!(store.save(&mut theirs).unwrap(), SaveOutcome::Saved);
    assert!(store.end(gone.id()).unwrap());

    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    let borrowed = Store::on(&mut transaction);
    (conflicting.data, gone.data) = (3, 3);
    assert_eq!(
        borrowed.save(&mut conflicting).unwrap(),
        SaveOutcome::Conflict
    );
    assert_eq!(borrowed.save(&mut gone).unwrap(), SaveOutcome::Gone);
    assert!(
        borrowed
            .load::<i32>(&SessionId::generate().unwrap())
            .unwrap()
            .is_none()
    );
    assert_eq!(borrowed.touch(gone.id()).unwrap(), None);
    assert!(!borrowed.end(gone.id()).unwrap());
    let updated = updated(borrowed.update(conflicting.id(), |n: &mut i32| *n += 1));
    assert_eq!(updated.data, 3);
    transaction.commit().unwrap();
    assert_eq!(
        store.load::<i32>(conflicting.id()).unwrap().unwrap().data,
        3
    );
}

#[test]
fn borrowed_client_serves_calls() {
    let database = TestDatabase::new();
    let mut client = database.client();
    let store = Store::on(&mut client);
    let session = store.create("data", &SessionAttributes::new()).unwrap();
    assert_eq!(
        store.peek::<String>(session.id()).unwrap().unwrap().data,
        "data"
    );
    assert_eq!(store.count().unwrap(), 1);
    assert!(store.prune(1).unwrap().is_complete());
    // The borrow ends with the store.
    let count: i32 = client
        .query_one("select web.count_sessions()", &[])
        .unwrap()
        .get(0);
    assert_eq!(count, 1);
}

#[test]
fn broken_borrowed_connection_returns_error_without_retry() {
    let database = TestDatabase::new();
    let id = create(&database.store(), 1).id().clone();
    let mut client = database.client();
    database.terminate_connections();
    let error = Store::on(&mut client).load::<i32>(&id).unwrap_err();
    assert_unavailable(&error);
    let error = Store::on(&mut client).end(&id).unwrap_err();
    assert!(
        error.is_unavailable() && error.is_outcome_unknown(),
        "{error}"
    );
}

#[test]
fn read_only_transaction_loads_and_refuses_end() {
    let database = TestDatabase::new();
    let id = create(&database.store(), 1).id().clone();
    let mut client = database.client();
    let mut transaction = client.build_transaction().read_only(true).start().unwrap();
    let store = Store::on(&mut transaction);
    assert!(store.load::<i32>(&id).unwrap().is_some());
    let error = store.end(&id).unwrap_err();
    assert!(!error.is_outcome_unknown(), "{error}");
    assert_eq!(error.code().unwrap(), "25006");
}
