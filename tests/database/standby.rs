//! On a hot standby, calls that only read succeed. Calls that write fail with 25006, by which a client notices that its primary
//! was demoted.

use crate::support::copied_server::CopiedServer;
use crate::support::raw_store::{Calls, RawStore, code_of, key_of};
use crate::support::skip::skip;
use crate::support::wait::wait_until;
use postgres::{Client, Error};

/// A group of loads returns what only needs to be read.
fn assert_groups_read(standby: &mut Client) {
    let keys = ["fresh", "due", "expired", "ended", "unknown"].map(key_of);
    for (slide, found) in [(true, vec!["fresh"]), (false, vec!["due", "fresh"])] {
        let rows = standby
            .query(
                "select data from web.load_sessions($1, $2) order by data",
                &[&keys.as_slice(), &slide],
            )
            .unwrap();
        let loaded: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(loaded, found, "slide: {slide}");
    }
}

fn save_group(standby: &mut Client) -> Result<(), Error> {
    standby
        .query(
            "select * from web.save_sessions($1, array['new'])",
            &[&vec![key_of("fresh")]],
        )
        .map(drop)
}

#[test]
fn standby_reads_and_refuses_writes() {
    let store = RawStore::new();
    let mut primary = store.nodepg();
    for id in ["fresh", "due", "expired", "ended"] {
        assert!(primary.create(id, id).unwrap());
    }
    assert!(primary.end("ended").unwrap());
    let mut superuser = store.superuser();
    for (id, assignment) in [
        ("due", "slide_at = now() - interval '1 second'"),
        (
            "expired",
            "slide_at = now() - interval '2 seconds', expires_at = now() - interval '1 second'",
        ),
    ] {
        superuser
            .execute(
                &format!("update web.session set {assignment} where key = $1"),
                &[&key_of(id)],
            )
            .unwrap();
    }

    let mut server = match CopiedServer::standby() {
        Ok(server) => server,
        Err(reason) => {
            skip(&reason);
            return;
        }
    };
    let mut standby = server.connect(store.database());
    let written: String = superuser
        .query_one("select pg_current_wal_lsn()::text", &[])
        .unwrap()
        .get(0);
    wait_until("the standby has caught up", || {
        standby
            .query_one(
                "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn",
                &[&written],
            )
            .unwrap()
            .get(0)
    });
    assert!(
        standby
            .query_one("select pg_is_in_recovery()", &[])
            .unwrap()
            .get::<_, bool>(0)
    );
    store.become_nodepg(&mut standby);

    assert_eq!(standby.load("fresh").unwrap().unwrap().data, "fresh");
    assert!(standby.touch("fresh").unwrap().is_some());
    for id in ["fresh", "due"] {
        assert_eq!(standby.peek(id).unwrap().unwrap().data, id);
        assert_eq!(standby.get(id).unwrap().as_deref(), Some(id));
    }
    for id in ["expired", "ended", "unknown"] {
        assert_eq!(standby.load(id).unwrap(), None);
        assert_eq!(standby.get(id).unwrap(), None);
        assert_eq!(standby.touch(id).unwrap(), None);
    }
    assert_eq!(standby.count().unwrap(), 2);
    assert_groups_read(&mut standby);

    let refused: [(&str, Result<(), Error>); 10] = [
        ("a due load", standby.load("due").map(drop)),
        ("a due touch", standby.touch("due").map(drop)),
        ("create", standby.create("new", "{}").map(drop)),
        ("save", standby.save("fresh", "new", None).map(drop)),
        ("save of many", save_group(&mut standby)),
        ("end", standby.end("fresh").map(drop)),
        ("set", standby.set("fresh", "new")),
        ("destroy", standby.destroy("fresh")),
        ("prune", standby.prune(10).map(drop)),
        ("clear", standby.clear()),
    ];
    for (what, result) in refused {
        let error = result.expect_err(what);
        assert_eq!(code_of(&error), "25006", "{what}: {error:?}");
    }

    // After the promotion it accepts writes.
    let mut superuser = server.connect(store.database());
    superuser.query_one("select pg_promote()", &[]).unwrap();
    let mut promoted = server.connect(store.database());
    store.become_nodepg(&mut promoted);
    assert_eq!(promoted.load("due").unwrap().unwrap().data, "due");
    assert!(promoted.save("fresh", "new", Some(1)).unwrap().is_saved());
    assert!(promoted.end("fresh").unwrap());
}
