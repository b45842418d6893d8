//! Rows that expire or end while no pruner runs, and rows that an old snapshot keeps after they were deleted.

use postgres::{Client, SimpleQueryMessage};

use crate::support::test_database::TestDatabase;

/// Returns how many pages of shared memory so many creates touch.
fn pages_of_creates(client: &mut Client, name: &str, creates: usize) -> i64 {
    client.batch_execute("select setseed(0.5)").unwrap();
    (0..creates)
        .map(|number| {
            let replies = client
                .simple_query(&format!(
                    "explain (analyze, buffers, format json)
                    select * from web.create_session(sha256('{name} {number}'), '{{}}')"
                ))
                .unwrap();
            let plan = replies
                .iter()
                .find_map(|reply| match reply {
                    SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                })
                .unwrap();
            let plan: serde_json::Value = serde_json::from_str(plan).unwrap();
            let plan = &plan[0]["Plan"];
            plan["Shared Hit Blocks"].as_i64().unwrap()
                + plan["Shared Read Blocks"].as_i64().unwrap()
        })
        .sum()
}

#[test]
fn create_beside_deleted_rows_of_old_snapshot_reads_as_few_pages_as_usual() {
    let database = TestDatabase::new();
    let mut admin = database.superuser();
    let mut client = database.client();
    let expired = "insert into web.session (prune_after, key, data)
        select statement_timestamp(), sha256(n::text::bytea), repeat('x', 300) from generate_series(1, 300000) as n";
    admin.batch_execute(expired).unwrap();
    let usual = pages_of_creates(&mut client, "usual", 60);

    // An open dump, for example.
    let mut reader = database.superuser();
    let mut snapshot = reader
        .build_transaction()
        .isolation_level(postgres::IsolationLevel::RepeatableRead)
        .start()
        .unwrap();
    snapshot
        .query_one("select count(*) from web.session", &[])
        .unwrap();
    admin
        .batch_execute("delete from web.session where expires_at = '-infinity'")
        .unwrap();
    admin.batch_execute("vacuum web.session").unwrap();
    let beside_deleted = pages_of_creates(&mut client, "beside deleted", 60);
    snapshot.rollback().unwrap();
    assert!(
        beside_deleted <= 3 * usual,
        "60 creates read {beside_deleted} pages beside 300,000 deleted rows, and {usual} before"
    );
}

#[test]
fn expired_rows_without_pruner_settle_at_small_share() {
    let database = TestDatabase::new();
    let mut admin = database.superuser();
    admin.batch_execute("select setseed(0.5)").unwrap();
    // A visitor at a time; each leaves after 1000 others have come.
    for batch in 0..24 {
        admin
            .execute(
                "select count(c.outcome)
                from generate_series($1::integer * 500, $1 * 500 + 499) as n
                cross join lateral web.create_session(sha256(n::text::bytea), repeat('x', 300)) as c",
                &[&batch],
            )
            .unwrap();
        admin
            .execute(
                "update web.session as s
                set expires_at = '-infinity', slide_at = '-infinity'
                from generate_series($1::integer * 500 - 1000, $1 * 500 - 501) as n
                where s.key = sha256(n::text::bytea)",
                &[&batch],
            )
            .unwrap();
        admin.batch_execute("vacuum web.session").unwrap();
    }
    let row = admin
        .query_one(
            "select count(*) filter (where expires_at > statement_timestamp()), count(*) from web.session",
            &[],
        )
        .unwrap();
    let (live, all): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(live, 1000);
    // 12,000 sessions came. The first batch of those that left is still there, and what random pages did not show.
    assert!(all < 2000, "{all} rows for {live} live sessions");
}
