//! A plan that a connection has cached while the store was small must not read the whole table once it is large.

use postgres::Client;

use crate::support::test_database::TestDatabase;

/// Every public function that names a session or a user. `count_sessions` and `clear_sessions` read all sessions by their task.
const CALLS: &[&str] = &[
    "select web.create_session(sha256('new'), '{}')",
    "select web.create_session(sha256('new'), '{}', p_user_id => 'user 1', p_max_sessions => 3)",
    "select web.create_session(sha256(convert_to('new ' || n, 'UTF8')), '{}') from generate_series(1, 16) as n",
    "select web.load_session(sha256('1'))",
    "select web.load_session_value(sha256('1'))",
    "select web.load_session(sha256('missing'))",
    "select web.load_session(sha256('due'))",
    "select web.save_session(sha256('1'), '{}')",
    "select web.save_session(sha256('1'), '{}', 7)",
    "select web.load_sessions(array[sha256('1')])",
    "select web.load_sessions(array[sha256('1'), sha256('missing'), sha256('due')], false)",
    "select web.load_sessions(array(select sha256(convert_to(n::text, 'UTF8')) from generate_series(1, 64) as n))",
    "select web.save_sessions(array[sha256('1')], array[random()::text])",
    "select web.save_sessions(array[sha256('1'), sha256('missing'), sha256('due')], array['1', '2', '3'], array[7, 7, 7])",
    "select web.save_sessions(array(select sha256(convert_to(n::text, 'UTF8')) from generate_series(1, 64) as n),
        array(select random()::text from generate_series(1, 64)))",
    "select web.touch_session(sha256('due'))",
    "select web.lock_session(sha256('1'))",
    "select web.end_session(sha256('1'))",
    "select web.end_session(sha256('missing'))",
    "select web.rotate_session(sha256('1'), sha256('new'), 60)",
    "select web.login_session(sha256('1'), sha256('new'), 'user 1', p_max_sessions => 3)",
    "select web.logout_session(sha256('1'), sha256('new'))",
    "select web.session_info(sha256('1'))",
    "select web.user_sessions('user 1')",
    "select web.end_user_session('user 1', gen_random_uuid())",
    "select web.end_user_sessions('user 1')",
    "select web.end_user_sessions('user 1', sha256('1'))",
    "select web.prune_sessions(10)",
    "select web.set_session_data('new', '{}', null)",
    "select web.set_session_data('1', '{}', null)",
    "select web.get_session_data('1')",
    "select web.destroy_session('1')",
];

/// Adds sessions with numbers for ids, ten a user.
fn fill(client: &mut Client, from: i32, to: i32) {
    client
        .execute(
            "select count(c.outcome)
            from generate_series($1::integer, $2::integer) as n
            cross join lateral web.create_session(sha256(convert_to(n::text, 'UTF8')), '{}', p_user_id => 'user ' || n / 10) as c",
            &[&from, &to],
        )
        .unwrap();
}

/// Runs a call and takes it back. Returns how often it has scanned the table of sessions.
fn scans(client: &mut Client, table: u32, call: &str) -> i64 {
    let mut transaction = client.transaction().unwrap();
    let counter = "select pg_stat_get_xact_numscans($1)";
    let before: i64 = transaction.query_one(counter, &[&table]).unwrap().get(0);
    transaction.batch_execute(call).unwrap();
    let after: i64 = transaction.query_one(counter, &[&table]).unwrap().get(0);
    transaction.rollback().unwrap();
    after - before
}

#[test]
fn plans_of_a_small_store_scan_no_large_one() {
    let database = TestDatabase::new();
    let mut admin = database.superuser();
    let mut client = database.client();
    let table: u32 = admin
        .query_one("select 'web.session'::regclass::oid", &[])
        .unwrap()
        .get(0);
    fill(&mut admin, 1, 15);
    admin
        .batch_execute(
            "select web.create_session(sha256('due'), '{}');
            update web.session set slide_at = '-infinity' where key = sha256('due');
            analyze web.session",
        )
        .unwrap();

    // A connection chooses a plan for all calls after the fifth.
    for call in CALLS {
        for _ in 0..8 {
            scans(&mut client, table, call);
        }
    }
    fill(&mut admin, 16, 5000);

    let found: Vec<_> = CALLS
        .iter()
        .map(|call| (call, scans(&mut client, table, call)))
        .filter(|(_, scans)| *scans > 0)
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
