//! A role without a right in the store can make no login, logout or prune wait, and nothing waits without a bound.

use postgres::error::SqlState;
use postgres::{Client, NoTls};

use crate::support::test_database::TestDatabase;

/// Connects as a new role that may connect to the database, and nothing else.
fn outsider(database: &TestDatabase) -> Client {
    let role = format!("{}_outsider", database.name);
    database
        .superuser()
        .batch_execute(&format!(
            "create role {role} login password '{}'",
            database.password
        ))
        .unwrap();
    let mut config = postgres::Config::from(database.config());
    config.user(&role);
    config.connect(NoTls).unwrap()
}

fn drop_outsider(database: &TestDatabase, outsider: Client) {
    outsider.close().unwrap();
    database
        .superuser()
        .batch_execute(&format!("drop role {}_outsider", database.name))
        .unwrap();
}

#[test]
fn outsider_with_advisory_locks_blocks_no_login_and_no_prune() {
    let database = TestDatabase::new();
    let mut outsider = outsider(&database);
    outsider
        .batch_execute(
            "select pg_advisory_lock(hashtextextended(u.name, c.oid::bigint))
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            cross join (values ('ada'), ('prune_sessions')) as u (name)
            where n.nspname = 'web'",
        )
        .unwrap();

    let mut client = database.client();
    client.batch_execute("set lock_timeout = '1s'").unwrap();
    for call in [
        "select outcome from web.create_session(sha256('visitor'), '{}')",
        "select outcome from web.create_session(sha256('first'), '{}', p_user_id => 'ada')",
        "select outcome from web.login_session(sha256('visitor'), sha256('second'), 'ada')",
        "select web.end_user_sessions('ada')::text",
        "select outcome from web.prune_sessions()",
    ] {
        let outcome: String = client.query_one(call, &[]).unwrap().get(0);
        assert!(
            ["created", "rotated", "2", "pruned"].contains(&&*outcome),
            "{call}: {outcome}"
        );
    }
    drop_outsider(&database, outsider);
}

#[test]
fn locks_of_a_login_name_no_user() {
    let database = TestDatabase::new();
    let mut outsider = outsider(&database);
    let mut client = database.client();
    let mut login = client.transaction().unwrap();
    login
        .batch_execute("select web.create_session(sha256('first'), '{}', p_user_id => 'ada')")
        .unwrap();
    let advisory: i64 = outsider
        .query_one(
            "select count(*) from pg_locks
            where locktype = 'advisory'
                and database = (select oid from pg_database where datname = current_database())",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(advisory, 0);
    login.rollback().unwrap();
    drop_outsider(&database, outsider);
}

#[test]
fn login_without_lock_timeout_waits_with_a_bound() {
    let database = TestDatabase::new();
    let mut client = database.client();
    let mut holder = client.transaction().unwrap();
    holder
        .batch_execute("select web.end_user_sessions('ada')")
        .unwrap();

    let mut waiter = database.client();
    // The statement timeout ends this test where the wait has no bound.
    waiter
        .batch_execute("set lock_timeout = 0; set statement_timeout = '60s'")
        .unwrap();
    let error = waiter
        .batch_execute("select web.create_session(sha256('first'), '{}', p_user_id => 'ada')")
        .unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE), "{error}");

    holder.rollback().unwrap();
    waiter
        .batch_execute("select web.create_session(sha256('first'), '{}', p_user_id => 'ada')")
        .unwrap();
    let timeout: String = waiter.query_one("show lock_timeout", &[]).unwrap().get(0);
    assert_eq!(timeout, "0");
}

#[test]
fn runtime_role_has_a_lock_timeout() {
    let database = TestDatabase::new();
    let timeout: String = database
        .client()
        .query_one("show lock_timeout", &[])
        .unwrap()
        .get(0);
    assert_eq!(timeout, "10s");
}
