//! Every order in which an end, a save and the rest can meet, each made on purpose: transactions are held open on one
//! connection while another is seen to wait, or seen not to. What was ended stays ended.

use std::{panic::resume_unwind, thread};

use crate::support::raw_store::{
    Calls, PruneBatch, RawStore, SaveOutcome, code_of, key_of, pid_of,
};
use crate::support::wait::wait_until;
use postgres::{Client, Error};

// ── How two calls meet ───────────────────────────────────────────────────────────────────────────────────────────

/// A store, a client whose transaction stays open, and one that comes upon it.
struct Meeting {
    holder: Client,
    holder_pid: i32,
    other: Client,
    superuser: Client,
    store: RawStore,
}

impl Meeting {
    fn new() -> Self {
        let store = RawStore::new();
        let mut holder = store.nodepg();
        Self {
            holder_pid: pid_of(&mut holder),
            holder,
            other: store.nodepg(),
            superuser: store.superuser(),
            store,
        }
    }

    /// From the beginning: nothing is held, and there are no sessions.
    fn start_empty(&mut self) {
        for client in [&mut self.holder, &mut self.other] {
            client
                .batch_execute("rollback; set statement_timeout = '120s'")
                .unwrap();
        }
        self.superuser
            .batch_execute(
                "delete from web.session; update web.prune_state set resume_from = default",
            )
            .unwrap();
    }

    /// With a live session "a".
    fn start_live(&mut self) {
        self.start_empty();
        assert!(self.other.create("a", "old").unwrap());
    }

    /// With a session "a" that has expired.
    fn start_expired(&mut self) {
        self.start_live();
        self.age("1 day");
        assert_eq!(self.other.load("a").unwrap(), None);
    }

    /// With live sessions "a" and "due" whose slides are due.
    fn start_due(&mut self) {
        self.start_live();
        assert!(self.other.create("due", "old").unwrap());
        self.superuser
            .batch_execute("update web.session set slide_at = now() - interval '1 second'")
            .unwrap();
    }

    /// With so many dead sessions that the neighbours of any new one are dead.
    fn start_dead(&mut self) {
        self.start_empty();
        self.superuser
            .execute(
                "insert into web.session (
                    expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds,
                    slide_interval_seconds, key, data
                )
                select t.past, t.past, t.past, 1, t.past, t.past, t.past, 60, 30, sha256(i::text::bytea), '{}'
                from generate_series(1, $1::bigint) as i
                cross join (select now() - interval '1 day') as t (past)",
                &[&DEAD],
            )
            .unwrap();
    }

    /// Opens the holder's transaction and makes its call.
    fn hold<T>(&mut self, call: impl FnOnce(&mut Client) -> Result<T, Error>) -> T {
        self.holder.batch_execute("begin").unwrap();
        call(&mut self.holder).unwrap()
    }

    /// Makes a call that must wait for the holder; once it is seen to wait, the holder ends his transaction by `how`.
    fn meets<T: Send>(&mut self, how: &str, call: impl FnOnce(&mut Client) -> T + Send) -> T {
        let other_pid = pid_of(&mut self.other);
        thread::scope(|scope| {
            let other = &mut self.other;
            let waiting = scope.spawn(move || call(other));
            wait_until("the call waits for the open transaction", || {
                assert!(
                    !waiting.is_finished(),
                    "the call did not wait for the open transaction"
                );
                let row = self
                    .superuser
                    .query_one("select pg_blocking_pids($1)", &[&other_pid])
                    .unwrap();
                row.get::<_, Vec<i32>>(0).contains(&self.holder_pid)
            });
            self.holder.batch_execute(how).unwrap();
            waiting.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Makes a call that must return while the holder's transaction is open.
    fn passes<T>(&mut self, call: impl FnOnce(&mut Client) -> Result<T, Error>) -> T {
        self.other
            .batch_execute("set statement_timeout = '5s'")
            .unwrap();
        let result = call(&mut self.other).expect("a call that does not wait");
        let state: String = self
            .superuser
            .query_one(
                "select state from pg_stat_activity where pid = $1",
                &[&self.holder_pid],
            )
            .unwrap()
            .get(0);
        assert_eq!(state, "idle in transaction", "nothing was held");
        result
    }

    /// Moves all times into the past.
    fn age(&mut self, by: &str) {
        self.superuser
            .batch_execute(&format!(
                "update web.session
                set
                    expires_at = expires_at - interval '{by}',
                    slide_at = slide_at - interval '{by}',
                    last_used_at = last_used_at - interval '{by}',
                    created_at = created_at - interval '{by}',
                    absolute_expires_at = absolute_expires_at - interval '{by}',
                    prune_after = prune_after - interval '{by}',
                    ended_at = ended_at - interval '{by}';
                update web.prune_state set resume_from = resume_from - interval '{by}'"
            ))
            .unwrap();
    }

    fn rows(&mut self) -> i64 {
        self.superuser
            .query_one("select count(*) from web.session", &[])
            .unwrap()
            .get(0)
    }

    /// Whatever comes late, in either interface, finds the session dead and leaves it so.
    fn assert_dead(&mut self, id: &str) {
        let mut client = self.store.nodepg();
        for _ in 0..2 {
            assert_eq!(client.load(id).unwrap(), None);
            assert_eq!(client.peek(id).unwrap(), None);
            assert_eq!(client.get(id).unwrap(), None);
            assert_eq!(client.touch(id).unwrap(), None);
            assert_eq!(client.save(id, "late", None).unwrap(), SaveOutcome::Gone);
            assert_eq!(client.save(id, "late", Some(1)).unwrap(), SaveOutcome::Gone);
            assert!(!client.create(id, "late").unwrap());
            client.set(id, "late").unwrap();
            client.set_for(id, "late", 3_600).unwrap();
            assert!(!client.end(id).unwrap());
        }
        assert_eq!(client.count().unwrap(), 0);
    }

    fn assert_alive(&mut self, id: &str, data: &str) {
        let mut client = self.store.nodepg();
        assert_eq!(client.load(id).unwrap().expect("a live session").data, data);
        assert_eq!(client.get(id).unwrap().as_deref(), Some(data));
    }
}

type Call = fn(&mut Client) -> Result<(), Error>;

/// Both ways to end a session.
const ENDS: [Call; 2] = [
    |client| client.end("a").map(drop),
    |client| client.destroy("a"),
];

// ── Log-out, and then a late save ────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_late_save_after_an_end() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        meeting.start_live();
        end(&mut meeting.other).unwrap();
        meeting.assert_dead("a");
    }
}

#[test]
fn an_end_of_an_unknown_id_and_then_its_first_save() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        meeting.start_empty();
        end(&mut meeting.other).unwrap();
        meeting.assert_dead("a");
    }
}

#[test]
fn an_end_of_an_expired_session() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        meeting.start_expired();
        end(&mut meeting.other).unwrap();
        meeting.assert_dead("a");
    }
}

/// The slow request loads before the log-out and saves after it, in a transaction of its own making.
#[test]
fn a_slow_request_whose_transaction_began_before_the_log_out() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        for native in [false, true] {
            meeting.start_live();
            let loaded = meeting.hold(|client| client.load("a")).unwrap();
            end(&mut meeting.other).unwrap();
            if native {
                let saved = meeting
                    .holder
                    .save("a", "late", Some(loaded.version))
                    .unwrap();
                assert_eq!(saved, SaveOutcome::Gone);
            } else {
                meeting.holder.set("a", "late").unwrap();
            }
            meeting.holder.batch_execute("commit").unwrap();
            meeting.assert_dead("a");
        }
    }
}

#[test]
fn a_repeatable_read_request_is_told_by_an_error() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        for native in [false, true] {
            meeting.start_live();
            meeting
                .holder
                .batch_execute("begin isolation level repeatable read")
                .unwrap();
            let loaded = meeting.holder.load("a").unwrap().unwrap();
            end(&mut meeting.other).unwrap();
            // Its snapshot is of before the end, so it may still read.
            assert_eq!(meeting.holder.load("a").unwrap().unwrap(), loaded);
            let error = if native {
                meeting.holder.save("a", "late", None).unwrap_err()
            } else {
                meeting.holder.set("a", "late").unwrap_err()
            };
            assert_eq!(code_of(&error), "40001");
            meeting.holder.batch_execute("rollback").unwrap();
            meeting.assert_dead("a");
        }
    }
}

// ── The first save is not committed yet ──────────────────────────────────────────────────────────────────────────

/// Both ways to make a session.
const FIRST_SAVES: [Call; 2] = [
    |client| client.set("a", "first"),
    |client| client.create("a", "first").map(|created| assert!(created)),
];

#[test]
fn an_end_while_the_first_save_is_uncommitted() {
    let mut meeting = Meeting::new();
    for first_save in FIRST_SAVES {
        for end in ENDS {
            meeting.start_empty();
            meeting.hold(first_save);
            meeting.meets("commit", |client| end(client).unwrap());
            meeting.assert_dead("a");
        }
    }
}

#[test]
fn an_end_while_the_first_save_is_rolled_back_and_then_a_late_save() {
    let mut meeting = Meeting::new();
    for first_save in FIRST_SAVES {
        for end in ENDS {
            meeting.start_empty();
            meeting.hold(first_save);
            meeting.meets("rollback", |client| end(client).unwrap());
            meeting.assert_dead("a");
        }
    }
}

#[test]
fn a_first_save_that_was_rolled_back_and_then_an_end() {
    let mut meeting = Meeting::new();
    for first_save in FIRST_SAVES {
        meeting.start_empty();
        meeting.hold(first_save);
        meeting.holder.batch_execute("rollback").unwrap();
        meeting.other.destroy("a").unwrap();
        meeting.assert_dead("a");
    }
}

#[test]
fn two_first_saves() {
    let mut meeting = Meeting::new();
    meeting.hold(|client| client.set("a", "first"));
    meeting.meets("commit", |client| client.set("a", "second").unwrap());
    meeting.assert_alive("a", "second");

    meeting.start_empty();
    meeting.hold(|client| client.create("a", "first"));
    assert!(!meeting.meets("commit", |client| client.create("a", "second").unwrap()));
    meeting.assert_alive("a", "first");

    meeting.start_empty();
    meeting.hold(|client| client.create("a", "first"));
    assert!(meeting.meets("rollback", |client| client.create("a", "second").unwrap()));
    meeting.assert_alive("a", "second");
}

// ── An end and a save wait for each other ────────────────────────────────────────────────────────────────────────

#[test]
fn an_end_waits_for_a_save() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        for how in ["commit", "rollback"] {
            meeting.start_live();
            assert!(
                meeting
                    .hold(|client| client.save("a", "new", None))
                    .is_saved()
            );
            meeting.meets(how, |client| end(client).unwrap());
            meeting.assert_dead("a");

            meeting.start_live();
            meeting.hold(|client| client.set("a", "new"));
            meeting.meets(how, |client| end(client).unwrap());
            meeting.assert_dead("a");
        }
    }
}

#[test]
fn a_save_waits_for_an_end() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        for version in [None, Some(1)] {
            meeting.start_live();
            meeting.hold(end);
            let saved = meeting.meets("commit", |client| {
                client.save("a", "late", version).unwrap()
            });
            assert_eq!(saved, SaveOutcome::Gone);
            meeting.assert_dead("a");
        }
        meeting.start_live();
        meeting.hold(end);
        meeting.meets("commit", |client| client.set("a", "late").unwrap());
        meeting.assert_dead("a");
    }
}

#[test]
fn a_save_waits_for_an_end_that_is_rolled_back() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        for version in [None, Some(1)] {
            meeting.start_live();
            meeting.hold(end);
            let saved = meeting.meets("rollback", |client| {
                client.save("a", "new", version).unwrap()
            });
            assert!(saved.is_saved());
            meeting.assert_alive("a", "new");
        }
        meeting.start_live();
        meeting.hold(end);
        meeting.meets("rollback", |client| client.set("a", "new").unwrap());
        meeting.assert_alive("a", "new");
    }
}

#[test]
fn a_first_save_waits_for_the_end_of_its_unknown_id() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        meeting.start_empty();
        meeting.hold(end);
        meeting.meets("commit", |client| client.set("a", "late").unwrap());
        meeting.assert_dead("a");

        meeting.start_empty();
        meeting.hold(end);
        meeting.meets("rollback", |client| client.set("a", "first").unwrap());
        meeting.assert_alive("a", "first");

        meeting.start_empty();
        meeting.hold(end);
        assert!(!meeting.meets("commit", |client| client.create("a", "late").unwrap()));
        meeting.assert_dead("a");
    }
}

#[test]
fn two_ends_of_which_one_is_told() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    assert!(meeting.hold(|client| client.end("a")));
    assert!(!meeting.meets("commit", |client| client.end("a").unwrap()));
    meeting.assert_dead("a");

    meeting.start_live();
    assert!(meeting.hold(|client| client.end("a")));
    assert!(meeting.meets("rollback", |client| client.end("a").unwrap()));
    meeting.assert_dead("a");
}

#[test]
fn two_saves_of_the_same_version() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    assert!(
        meeting
            .hold(|client| client.save("a", "one", Some(1)))
            .is_saved()
    );
    let saved = meeting.meets("commit", |client| client.save("a", "two", Some(1)).unwrap());
    assert_eq!(saved, SaveOutcome::Conflict { version: 2 });
    meeting.assert_alive("a", "one");

    meeting.start_live();
    assert!(
        meeting
            .hold(|client| client.save("a", "one", Some(1)))
            .is_saved()
    );
    let saved = meeting.meets("commit", |client| client.save("a", "one", Some(1)).unwrap());
    assert_eq!(saved, SaveOutcome::Same { version: 2 });

    meeting.start_live();
    assert!(
        meeting
            .hold(|client| client.save("a", "one", Some(1)))
            .is_saved()
    );
    let saved = meeting.meets("rollback", |client| {
        client.save("a", "two", Some(1)).unwrap()
    });
    assert!(
        matches!(saved, SaveOutcome::Written { version: 2, .. }),
        "{saved:?}"
    );
    meeting.assert_alive("a", "two");
}

// ── Expired sessions ─────────────────────────────────────────────────────────────────────────────────────────────

/// The connect-pg interface creates or replaces: this is no resurrection, and a new session.
#[test]
fn an_expired_session_is_replaced_by_a_set_and_by_nothing_else() {
    let mut meeting = Meeting::new();
    meeting.start_expired();
    assert_eq!(
        meeting.other.save("a", "new", None).unwrap(),
        SaveOutcome::Gone
    );
    assert_eq!(meeting.other.touch("a").unwrap(), None);
    assert!(!meeting.other.create("a", "new").unwrap());
    assert_eq!(meeting.other.get("a").unwrap(), None);
    let handle = |meeting: &mut Meeting| -> String {
        let row = meeting
            .superuser
            .query_one("select handle::text from web.session", &[])
            .unwrap();
        row.get(0)
    };
    let before = handle(&mut meeting);
    meeting.other.set("a", "new").unwrap();
    meeting.assert_alive("a", "new");
    assert_ne!(
        handle(&mut meeting),
        before,
        "a new session has a handle of its own"
    );
}

#[test]
fn an_end_and_a_set_on_an_expired_session() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        for how in ["commit", "rollback"] {
            meeting.start_expired();
            meeting.hold(|client| client.set("a", "new"));
            meeting.meets(how, |client| end(client).unwrap());
            meeting.assert_dead("a");
        }
        meeting.start_expired();
        meeting.hold(end);
        meeting.meets("commit", |client| client.set("a", "late").unwrap());
        meeting.assert_dead("a");
    }
}

/// The time that counts is that of the call, not that at which the caller's transaction began.
#[test]
fn an_old_transaction_finds_nothing_that_has_expired_since() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    meeting.hold(|client| client.batch_execute("select"));
    meeting
        .superuser
        .batch_execute(
            "update web.session set expires_at = clock_timestamp(), slide_at = clock_timestamp()",
        )
        .unwrap();
    let client = &mut meeting.holder;
    assert_eq!(client.load("a").unwrap(), None);
    assert_eq!(client.peek("a").unwrap(), None);
    assert_eq!(client.get("a").unwrap(), None);
    assert_eq!(client.touch("a").unwrap(), None);
    assert_eq!(client.count().unwrap(), 0);
    assert_eq!(client.save("a", "late", None).unwrap(), SaveOutcome::Gone);
    assert!(!client.end("a").unwrap());
}

// ── Clear ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn clear_waits_for_a_first_save_and_removes_it() {
    let mut meeting = Meeting::new();
    for first_save in FIRST_SAVES {
        meeting.start_empty();
        meeting.hold(first_save);
        meeting.meets("commit", |client| client.clear().unwrap());
        assert_eq!(meeting.rows(), 0);
    }
}

#[test]
fn clear_removes_tombstones_so_that_ids_can_be_used_again() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    meeting.other.destroy("a").unwrap();
    meeting.other.clear().unwrap();
    meeting.other.set("a", "again").unwrap();
    meeting.assert_alive("a", "again");
}

#[test]
fn a_repeatable_read_transaction_never_sees_a_session_twice() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    meeting
        .holder
        .batch_execute("begin isolation level repeatable read")
        .unwrap();
    assert!(meeting.holder.load("a").unwrap().is_some());
    meeting.other.clear().unwrap();
    assert!(!meeting.holder.create("a", "new").unwrap());
    assert_eq!(meeting.holder.load("a").unwrap().unwrap().data, "old");
    meeting.holder.batch_execute("commit").unwrap();
    assert_eq!(meeting.rows(), 0);
}

#[test]
fn a_save_waits_for_a_clear() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    meeting.hold(Calls::clear);
    let saved = meeting.meets("commit", |client| client.save("a", "late", None).unwrap());
    assert_eq!(saved, SaveOutcome::Gone);

    // "Create or replace", and nothing is left that would forbid it.
    meeting.start_live();
    meeting.hold(Calls::clear);
    meeting.meets("commit", |client| client.set("a", "late").unwrap());
    meeting.assert_alive("a", "late");
}

// ── What never waits ─────────────────────────────────────────────────────────────────────────────────────────────

/// All calls that only read. The first use of a session that nobody holds slides it, so the second round finds one that
/// is due and one that is not.
fn assert_reads_pass(meeting: &mut Meeting) {
    for _ in 0..2 {
        for id in ["a", "due"] {
            assert_eq!(
                meeting.passes(|client| client.load(id)).unwrap().data,
                "old"
            );
            assert_eq!(
                meeting.passes(|client| client.peek(id)).unwrap().data,
                "old"
            );
            assert_eq!(meeting.passes(|client| client.get(id)).unwrap(), "old");
            assert!(meeting.passes(|client| client.touch(id)).is_some());
        }
        assert_eq!(meeting.passes(Calls::count), 2);
    }
}

#[test]
fn reads_pass_an_open_save() {
    let mut meeting = Meeting::new();
    meeting.start_due();
    meeting.hold(|client| client.save("a", "new", None));
    assert_reads_pass(&mut meeting);

    meeting.start_due();
    meeting.hold(|client| client.set("a", "new"));
    assert_reads_pass(&mut meeting);
}

#[test]
fn reads_pass_an_open_end() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        meeting.start_due();
        meeting.hold(end);
        assert_reads_pass(&mut meeting);
        meeting.holder.batch_execute("commit").unwrap();
        assert_eq!(meeting.other.load("a").unwrap(), None);
    }
}

#[test]
fn reads_pass_an_open_slide() {
    let mut meeting = Meeting::new();
    meeting.start_due();
    meeting.hold(|client| client.load("a"));
    assert_reads_pass(&mut meeting);
}

#[test]
fn reads_pass_an_open_clear() {
    let mut meeting = Meeting::new();
    meeting.start_due();
    meeting.hold(Calls::clear);
    assert_reads_pass(&mut meeting);
}

/// One that waits stands in a queue, and whoever asks for a lock after it stands behind it.
#[test]
fn reads_pass_a_clear_that_waits() {
    let mut meeting = Meeting::new();
    meeting.start_due();
    meeting.hold(|client| client.save("a", "new", None));
    let mut clearing = meeting.store.nodepg();
    let clearing_pid = pid_of(&mut clearing);
    thread::scope(|scope| {
        let waiting = scope.spawn(move || clearing.clear().unwrap());
        let mut superuser = meeting.store.superuser();
        wait_until("clear waits", || {
            let row = superuser
                .query_one("select pg_blocking_pids($1)", &[&clearing_pid])
                .unwrap();
            row.get::<_, Vec<i32>>(0).contains(&meeting.holder_pid)
        });
        for id in ["a", "due"] {
            assert_eq!(
                meeting.passes(|client| client.load(id)).unwrap().data,
                "old"
            );
            assert!(meeting.passes(|client| client.touch(id)).is_some());
        }
        assert!(!waiting.is_finished());
        meeting.holder.batch_execute("commit").unwrap();
        waiting.join().unwrap();
    });
    assert_eq!(meeting.rows(), 0);
}

#[test]
fn reads_pass_a_row_that_the_owner_holds() {
    let mut meeting = Meeting::new();
    for lock in [
        "for update",
        "for no key update",
        "for share",
        "for key share",
    ] {
        meeting.start_due();
        let key = key_of("a");
        let mut owner = meeting.store.superuser();
        let mut held = owner.transaction().unwrap();
        held.query_one(
            &format!("select key from web.session where key = $1 {lock}"),
            &[&key],
        )
        .unwrap();
        meeting
            .other
            .batch_execute("set statement_timeout = '5s'")
            .unwrap();
        assert_eq!(meeting.other.load("a").unwrap().unwrap().data, "old");
        assert!(meeting.other.touch("a").unwrap().is_some());
        held.rollback().unwrap();
    }
}

/// A slide that finds its row held leaves it; the next one, that does not, writes it.
#[test]
fn a_slide_that_was_left_out_is_made_up_for() {
    let mut meeting = Meeting::new();
    meeting.start_due();
    meeting
        .superuser
        .batch_execute("update web.session set expires_at = now() + interval '10 minutes'")
        .unwrap();
    meeting.hold(|client| client.save("a", "new", None));
    let left_out = meeting.passes(|client| client.load("a")).unwrap();
    meeting.holder.batch_execute("rollback").unwrap();
    let made = meeting.other.load("a").unwrap().unwrap();
    assert!(made.expires_at > left_out.expires_at.plus_seconds(3_600));
}

// ── A crash in the middle ────────────────────────────────────────────────────────────────────────────────────────

impl Meeting {
    /// The holder's connection breaks while its transaction is open.
    fn crash(&mut self) {
        self.superuser
            .query_one("select pg_terminate_backend($1)", &[&self.holder_pid])
            .unwrap();
        wait_until("the backend is gone", || {
            self.superuser
                .query(
                    "select from pg_stat_activity where pid = $1",
                    &[&self.holder_pid],
                )
                .unwrap()
                .is_empty()
        });
        self.holder = self.store.nodepg();
        self.holder_pid = pid_of(&mut self.holder);
    }
}

#[test]
fn a_crash_in_an_end_leaves_the_session_live() {
    let mut meeting = Meeting::new();
    for end in ENDS {
        meeting.start_live();
        meeting.hold(end);
        meeting.crash();
        meeting.assert_alive("a", "old");
        end(&mut meeting.other).unwrap();
        meeting.assert_dead("a");
    }
}

#[test]
fn a_crash_in_a_save_leaves_what_was() {
    let mut meeting = Meeting::new();
    meeting.start_live();
    meeting.hold(|client| client.save("a", "new", None));
    meeting.crash();
    meeting.assert_alive("a", "old");
}

#[test]
fn a_crash_in_a_first_save_leaves_nothing() {
    let mut meeting = Meeting::new();
    for first_save in FIRST_SAVES {
        meeting.start_empty();
        meeting.hold(first_save);
        meeting.crash();
        assert_eq!(meeting.rows(), 0);
        meeting.other.destroy("a").unwrap();
        meeting.assert_dead("a");
    }
}

// ── Tombstones and pruning ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_tombstone_outlives_every_prune_for_an_hour_and_no_longer() {
    let mut meeting = Meeting::new();
    for known in [true, false] {
        meeting.start_empty();
        if known {
            // Short-lived: due for pruning long before its tombstone may go.
            meeting
                .other
                .query_one("select web.create_session($1, 'old', 60)", &[&key_of("a")])
                .unwrap();
        }
        meeting.other.destroy("a").unwrap();
        meeting.age("59 minutes");
        while meeting.other.prune(10).unwrap()
            != (PruneBatch::PruneBatch {
                deleted: 0,
                rescheduled: 0,
            })
        {}
        meeting.assert_dead("a");
        meeting.age("2 minutes");
        while meeting.other.prune(10).unwrap()
            != (PruneBatch::PruneBatch {
                deleted: 0,
                rescheduled: 0,
            })
        {}
        assert_eq!(meeting.rows(), 0);
        // Forgotten: the id is as good as new.
        assert!(meeting.other.create("a", "again").unwrap());
    }
}

#[test]
fn one_prunes_and_the_others_are_told() {
    let mut meeting = Meeting::new();
    meeting.start_expired();
    let pruned = meeting.hold(|client| client.prune(10));
    assert_eq!(
        pruned,
        PruneBatch::PruneBatch {
            deleted: 1,
            rescheduled: 0
        }
    );
    assert_eq!(meeting.passes(|client| client.prune(10)), PruneBatch::Busy);
    meeting.holder.batch_execute("rollback").unwrap();
    assert_eq!(
        meeting.other.prune(10).unwrap(),
        PruneBatch::PruneBatch {
            deleted: 1,
            rescheduled: 0
        }
    );
}

#[test]
fn prune_skips_what_is_held_and_takes_it_later() {
    let mut meeting = Meeting::new();
    for id in ["a", "b", "c"] {
        meeting.other.set(id, "old").unwrap();
    }
    meeting.age("1 day");
    meeting.hold(|client| client.set("a", "new"));
    assert_eq!(
        meeting.passes(|client| client.prune(10)),
        PruneBatch::PruneBatch {
            deleted: 2,
            rescheduled: 0
        }
    );
    meeting.holder.batch_execute("rollback").unwrap();
    assert_eq!(
        meeting.other.prune(10).unwrap(),
        PruneBatch::PruneBatch {
            deleted: 1,
            rescheduled: 0
        }
    );
}

#[test]
fn a_set_and_an_end_upon_a_row_that_is_being_pruned() {
    let mut meeting = Meeting::new();
    meeting.start_expired();
    meeting.hold(|client| client.prune(10));
    meeting.meets("commit", |client| client.set("a", "new").unwrap());
    meeting.assert_alive("a", "new");

    for end in ENDS {
        for how in ["commit", "rollback"] {
            meeting.start_expired();
            meeting.hold(|client| client.prune(10));
            meeting.meets(how, |client| end(client).unwrap());
            meeting.assert_dead("a");
        }
    }
}

// ── Pruning that new rows carry ──────────────────────────────────────────────────────────────────────────────────

const DEAD: i64 = 40;

/// A new row, in each way to make one, with a key that leaves room for four after it.
const NEW_ROWS: [Call; 3] = [
    |client| client.create("a", "{}").map(drop),
    |client| client.set("a", "{}"),
    |client| client.end("a").map(drop),
];

#[test]
fn a_new_row_clears_away_four_dead_ones_at_most() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        meeting.start_dead();
        new_row(&mut meeting.other).unwrap();
        let gone = DEAD + 1 - meeting.rows();
        assert_eq!(gone, 4, "sessions cleared away by one new row");
    }
}

/// Drivers speak one of two protocols, and both must carry.
#[test]
fn a_new_row_carries_in_the_simple_protocol_too() {
    let mut meeting = Meeting::new();
    meeting.start_dead();
    meeting
        .other
        .batch_execute("select web.set_session_data('a', '{}', null)")
        .unwrap();
    assert_eq!(DEAD + 1 - meeting.rows(), 4);
}

#[test]
fn without_a_pruner_the_dead_stay_a_small_share() {
    let mut meeting = Meeting::new();
    meeting.start_dead();
    for number in 0..3 * DEAD {
        meeting.other.set(&format!("new {number}"), "{}").unwrap();
    }
    let dead: i64 = meeting
        .superuser
        .query_one(
            "select count(*) from web.session where expires_at < now()",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(dead < DEAD / 4, "{dead} of {DEAD} dead sessions are left");
    assert_eq!(meeting.rows(), 3 * DEAD + dead);
}

#[test]
fn a_new_row_leaves_alone_what_is_held_and_what_lives() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        meeting.start_dead();
        meeting
            .superuser
            .batch_execute("begin; select from web.session for update")
            .unwrap();
        meeting
            .other
            .batch_execute("set statement_timeout = '5s'")
            .unwrap();
        new_row(&mut meeting.other).unwrap();
        meeting.superuser.batch_execute("rollback").unwrap();
        assert_eq!(meeting.rows(), DEAD + 1);

        // Live again, by a later expiry, and fresh tombstones.
        meeting
            .superuser
            .batch_execute(
                "update web.session set expires_at = now() + interval '1 hour' where key < '\\x80' and ended_at is null;
                update web.session set ended_at = now(), expires_at = '-infinity' where key >= '\\x80' and ended_at is null",
            )
            .unwrap();
        for number in 0..20 {
            meeting.other.set(&format!("more {number}"), "{}").unwrap();
        }
        assert_eq!(meeting.rows(), DEAD + 1 + 20);
    }
}

/// Within a transaction they are held until its end, so whoever comes for one of them waits: dead ones only, therefore.
#[test]
fn a_new_row_carries_in_a_transaction_too_and_undoes_it_with_it() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        meeting.start_dead();
        meeting.hold(new_row);
        meeting.passes(|client| client.set("some other", "{}"));
        meeting.holder.batch_execute("rollback").unwrap();
        assert_eq!(meeting.rows(), DEAD + 1 - 4);
    }
}

/// On an old snapshot, a row that was used since would be an error.
#[test]
fn a_new_row_in_repeatable_read_carries_nothing() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        meeting.start_dead();
        meeting
            .holder
            .batch_execute("begin isolation level repeatable read")
            .unwrap();
        assert_eq!(meeting.holder.count().unwrap(), 0);
        for number in 1..=DEAD {
            meeting.other.set(&number.to_string(), "revived").unwrap();
        }
        new_row(&mut meeting.holder).unwrap();
        meeting.holder.batch_execute("commit").unwrap();
        assert_eq!(meeting.rows(), DEAD + 1);
    }
}
