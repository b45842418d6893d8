//! Every order in which an end, a save and the other calls can interleave. One connection holds its transaction open, and
//! the test checks whether another waits for it. A logout survives a slow save: what has ended stays ended. Loads and saves are
//! made by the single functions, and in groups.

use std::{panic::resume_unwind, thread};

use crate::support::case::case;
use crate::support::raw_store::{
    Calls, Grouping, PruneOutcome, RawStore, SaveOutcome, code_of, key_of, pid_of,
};
use crate::support::wait::wait_until;
use postgres::{Client, Error};

// ── The words of the tables ──────────────────────────────────────────────────────────────────────────────────────

/// What there is before a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    /// No session.
    Empty,
    /// A live session "a" with the data "old".
    Live,
    /// A session "a" that has expired.
    Expired,
}

/// A call on the session "a".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Call {
    Create(&'static str),
    Load,
    Save(&'static str, Option<i64>),
    End,
    Set(&'static str),
    Destroy,
    Clear,
    Prune,
}

/// What a call returns.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Reply {
    Created(bool),
    Loaded(Option<String>),
    Saved(i64),
    Same(i64),
    Conflict(i64),
    Gone,
    Ended(bool),
    Pruned(PruneOutcome),
    Done,
}

/// How a transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Close {
    Commit,
    Rollback,
    /// The connection breaks.
    Crash,
}

/// What there is after a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum After {
    /// No call brings the session back.
    LoadsNothing,
    /// The session is live and has these data.
    Loads(&'static str),
    /// The table is empty.
    NoRows,
}

use After::{Loads, LoadsNothing, NoRows};
use Call::{Clear, Create, Destroy, End, Load, Prune, Save, Set};
use Close::{Commit, Crash, Rollback};
use Reply::{Conflict, Created, Done, Ended, Gone, Same, Saved};
use Start::{Empty, Expired, Live};

/// Both ways to end a session.
const ENDS: [Call; 2] = [End, Destroy];

/// The ways to make a row for a new id, each with a key that has at least four others behind it.
const NEW_ROWS: [Call; 3] = [Create("{}"), Set("{}"), End];

impl Call {
    fn make(self, client: &mut Client) -> Result<Reply, Error> {
        Ok(match self {
            Create(data) => Created(client.create("a", data)?),
            Load => Reply::Loaded(client.load("a")?.map(|loaded| loaded.data)),
            Save(data, version) => match client.save("a", data, version)? {
                SaveOutcome::Saved { version, .. } => Saved(version),
                SaveOutcome::Same { version } => Same(version),
                SaveOutcome::Conflict { version } => Conflict(version),
                SaveOutcome::Gone => Gone,
            },
            End => Ended(client.end("a")?),
            Set(data) => client.set("a", data).map(|()| Done)?,
            Destroy => client.destroy("a").map(|()| Done)?,
            Clear => client.clear().map(|()| Done)?,
            Prune => Reply::Pruned(client.prune(10)?),
        })
    }

    /// Returns the reply to the call if nothing happens between the start and the call.
    fn reply_alone(self, start: Start) -> Reply {
        match self {
            Create(_) => Created(start == Empty),
            Load => Reply::Loaded((start == Live).then(|| "old".to_owned())),
            Save(..) if start == Live => Saved(2),
            Save(..) => Gone,
            End => Ended(start == Live),
            Set(_) | Destroy | Clear => Done,
            Prune => Reply::Pruned(pruned(i32::from(start == Expired))),
        }
    }
}

fn pruned(deleted: i32) -> PruneOutcome {
    PruneOutcome::Pruned {
        deleted,
        rescheduled: 0,
    }
}

// ── How two calls meet ───────────────────────────────────────────────────────────────────────────────────────────

/// A store, a client whose transaction stays open, and another client.
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

    fn start(&mut self, start: Start) {
        self.start_empty();
        if start != Empty {
            assert!(self.other.create("a", "old").unwrap());
        }
        if start == Expired {
            self.age("1 day");
            assert_eq!(self.other.load("a").unwrap(), None);
        }
    }

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

    /// Starts with live sessions "a" and "due" whose slides are due.
    fn start_due(&mut self) {
        self.start(Live);
        assert!(self.other.create("due", "old").unwrap());
        self.superuser
            .batch_execute("update web.session set slide_at = now() - interval '1 second'")
            .unwrap();
    }

    /// Starts with so many expired sessions that the neighbors of any new one are expired.
    fn start_expired(&mut self) {
        self.start_empty();
        // Few pages, so that each random choice finds some.
        self.superuser
            .batch_execute("truncate web.session")
            .unwrap();
        self.superuser
            .execute(
                "insert into web.session (
                    expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds,
                    slide_interval_seconds, key, data
                )
                select t.past, t.past, t.past, 1, t.past, t.past, t.past, 60, 30, sha256(i::text::bytea), '{}'
                from generate_series(1, $1::bigint) as i
                cross join (select now() - interval '1 day') as t (past)",
                &[&EXPIRED],
            )
            .unwrap();
    }

    /// Lets the next new row of this client prune. One in sixteen does.
    fn let_prune(client: &mut Client) {
        Self::choose_pruning(client, "<");
    }

    /// Keeps the next new row of this client from pruning.
    fn keep_from_pruning(client: &mut Client) {
        Self::choose_pruning(client, ">=");
    }

    /// Finds a seed for which the client's next random number compares so with the share of new rows that prune.
    fn choose_pruning(client: &mut Client, comparison: &str) {
        client
            .batch_execute(&format!(
                "do $$
                declare
                    v_seed double precision := 0;
                begin
                    loop
                        perform setseed(v_seed);
                        exit when random() {comparison} 0.0625;
                        v_seed := v_seed + 0.001;
                    end loop;
                    perform setseed(v_seed);
                end;
                $$",
            ))
            .unwrap();
    }

    /// Opens the holder's transaction and makes its call.
    fn hold(&mut self, call: Call) -> Reply {
        self.holder.batch_execute("begin").unwrap();
        call.make(&mut self.holder).unwrap()
    }

    fn close(&mut self, close: Close) {
        match close {
            Commit => self.holder.batch_execute("commit").unwrap(),
            Rollback => self.holder.batch_execute("rollback").unwrap(),
            Crash => self.crash(),
        }
    }

    /// Makes a call that must wait for the holder. Closes the holder's transaction once the call is seen to wait.
    fn call_waits(&mut self, call: Call, close: Close) -> Reply {
        let other_pid = pid_of(&mut self.other);
        let mut other = std::mem::replace(&mut self.other, self.store.nodepg());
        thread::scope(|scope| {
            let grouping = Grouping::current();
            let waiting = scope.spawn(move || {
                let reply = grouping.scope(|| call.make(&mut other).unwrap());
                (reply, other)
            });
            wait_until("the call waits for the open transaction", || {
                assert!(
                    !waiting.is_finished(),
                    "the call did not wait for the open transaction"
                );
                is_blocked_by(&mut self.superuser, other_pid, self.holder_pid)
            });
            self.close(close);
            let (reply, other) = waiting.join().unwrap_or_else(|panic| resume_unwind(panic));
            self.other = other;
            reply
        })
    }

    /// Makes a call that must return while the holder's transaction is open.
    fn call_passes<T>(&mut self, call: impl FnOnce(&mut Client) -> Result<T, Error>) -> T {
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

    /// Breaks the holder's connection while its transaction is open.
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

    /// Prunes until nothing is left to prune.
    fn prune_all(&mut self) {
        while self.other.prune(10).unwrap() != pruned(0) {}
    }

    fn rows(&mut self) -> i64 {
        self.superuser
            .query_one("select count(*) from web.session", &[])
            .unwrap()
            .get(0)
    }

    fn assert_after(&mut self, after: After) {
        match after {
            LoadsNothing => self.assert_loads_nothing("a"),
            Loads(data) => self.assert_loads("a", data),
            NoRows => assert_eq!(self.rows(), 0),
        }
    }

    /// Asserts that each late call, in either interface, finds no live session and creates none.
    fn assert_loads_nothing(&mut self, id: &str) {
        let mut client = self.store.nodepg();
        for grouping in Grouping::ALL {
            grouping.scope(|| {
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
            });
        }
        assert_eq!(client.count().unwrap(), 0);
    }

    fn assert_loads(&mut self, id: &str, data: &str) {
        let mut client = self.store.nodepg();
        assert_eq!(client.load(id).unwrap().expect("a live session").data, data);
        assert_eq!(client.get(id).unwrap().as_deref(), Some(data));
    }
}

/// Makes the cases with each kind of loads and saves.
fn each_grouping(mut cases: impl FnMut()) {
    for grouping in Grouping::ALL {
        case(format!("{grouping:?}"), || grouping.scope(&mut cases));
    }
}

fn is_blocked_by(superuser: &mut Client, pid: i32, holder_pid: i32) -> bool {
    superuser
        .query_one("select pg_blocking_pids($1)", &[&pid])
        .unwrap()
        .get::<_, Vec<i32>>(0)
        .contains(&holder_pid)
}

// ── A call that waits ────────────────────────────────────────────────────────────────────────────────────────────

/// The start, the call of the open transaction, how that ends, the call that waits for it, its reply, what there is then.
type Waiting = (Start, Call, Close, Call, Reply, After);

fn assert_waits(cases: &[Waiting]) {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        for (start, held, close, call, reply, after) in cases {
            case(
                format!("{start:?}, {held:?}, {close:?} while {call:?} waits"),
                || {
                    meeting.start(*start);
                    assert_eq!(meeting.hold(*held), held.reply_alone(*start));
                    assert_eq!(meeting.call_waits(*call, *close), *reply);
                    meeting.assert_after(*after);
                },
            );
        }
    });
}

#[test]
fn end_during_first_save_ends_session() {
    assert_waits(&[
        (Empty, Set("first"), Commit, End, Ended(true), LoadsNothing),
        (Empty, Set("first"), Commit, Destroy, Done, LoadsNothing),
        (
            Empty,
            Set("first"),
            Rollback,
            End,
            Ended(false),
            LoadsNothing,
        ),
        (Empty, Set("first"), Rollback, Destroy, Done, LoadsNothing),
        (
            Empty,
            Create("first"),
            Commit,
            End,
            Ended(true),
            LoadsNothing,
        ),
        (Empty, Create("first"), Commit, Destroy, Done, LoadsNothing),
        (
            Empty,
            Create("first"),
            Rollback,
            End,
            Ended(false),
            LoadsNothing,
        ),
        (
            Empty,
            Create("first"),
            Rollback,
            Destroy,
            Done,
            LoadsNothing,
        ),
    ]);
}

#[rustfmt::skip] // one case a line
#[test]
fn second_of_two_first_saves_waits() {
    assert_waits(&[
        (Empty, Set("first"), Commit, Set("second"), Done, Loads("second")),
        (Empty, Create("first"), Commit, Create("second"), Created(false), Loads("first")),
        (Empty, Create("first"), Rollback, Create("second"), Created(true), Loads("second")),
    ]);
}

#[test]
fn end_waits_for_save_and_ends_session() {
    assert_waits(&[
        (
            Live,
            Save("new", None),
            Commit,
            End,
            Ended(true),
            LoadsNothing,
        ),
        (Live, Save("new", None), Commit, Destroy, Done, LoadsNothing),
        (
            Live,
            Save("new", None),
            Rollback,
            End,
            Ended(true),
            LoadsNothing,
        ),
        (
            Live,
            Save("new", None),
            Rollback,
            Destroy,
            Done,
            LoadsNothing,
        ),
        (Live, Set("new"), Commit, End, Ended(true), LoadsNothing),
        (Live, Set("new"), Commit, Destroy, Done, LoadsNothing),
        (Live, Set("new"), Rollback, End, Ended(true), LoadsNothing),
        (Live, Set("new"), Rollback, Destroy, Done, LoadsNothing),
    ]);
}

#[test]
fn save_waits_for_end_and_returns_gone() {
    assert_waits(&[
        (Live, End, Commit, Save("late", None), Gone, LoadsNothing),
        (Live, End, Commit, Save("late", Some(1)), Gone, LoadsNothing),
        (Live, End, Commit, Set("late"), Done, LoadsNothing),
        (
            Live,
            Destroy,
            Commit,
            Save("late", None),
            Gone,
            LoadsNothing,
        ),
        (
            Live,
            Destroy,
            Commit,
            Save("late", Some(1)),
            Gone,
            LoadsNothing,
        ),
        (Live, Destroy, Commit, Set("late"), Done, LoadsNothing),
    ]);
}

#[rustfmt::skip] // one case a line
#[test]
fn save_waits_for_rolled_back_end_and_saves() {
    assert_waits(&[
        (Live, End, Rollback, Save("new", None), Saved(2), Loads("new")),
        (Live, End, Rollback, Save("new", Some(1)), Saved(2), Loads("new")),
        (Live, End, Rollback, Set("new"), Done, Loads("new")),
        (Live, Destroy, Rollback, Save("new", None), Saved(2), Loads("new")),
        (Live, Destroy, Rollback, Save("new", Some(1)), Saved(2), Loads("new")),
        (Live, Destroy, Rollback, Set("new"), Done, Loads("new")),
    ]);
}

#[test]
fn first_save_waits_for_end_of_unknown_id() {
    assert_waits(&[
        (Empty, End, Commit, Set("late"), Done, LoadsNothing),
        (Empty, End, Rollback, Set("first"), Done, Loads("first")),
        (
            Empty,
            End,
            Commit,
            Create("late"),
            Created(false),
            LoadsNothing,
        ),
        (Empty, Destroy, Commit, Set("late"), Done, LoadsNothing),
        (Empty, Destroy, Rollback, Set("first"), Done, Loads("first")),
        (
            Empty,
            Destroy,
            Commit,
            Create("late"),
            Created(false),
            LoadsNothing,
        ),
    ]);
}

#[test]
fn one_of_two_ends_returns_true() {
    assert_waits(&[
        (Live, End, Commit, End, Ended(false), LoadsNothing),
        (Live, End, Rollback, End, Ended(true), LoadsNothing),
    ]);
}

#[rustfmt::skip] // one case a line
#[test]
fn second_save_of_one_version_waits_and_conflicts() {
    let one = Save("one", Some(1));
    let two = Save("two", Some(1));
    assert_waits(&[
        (Live, one, Commit, two, Conflict(2), Loads("one")),
        (Live, one, Commit, one, Same(2), Loads("one")),
        (Live, one, Rollback, two, Saved(2), Loads("two")),
    ]);
}

#[test]
fn end_and_set_of_expired_session_wait_for_each_other() {
    assert_waits(&[
        (Expired, Set("new"), Commit, End, Ended(true), LoadsNothing),
        (Expired, Set("new"), Commit, Destroy, Done, LoadsNothing),
        (
            Expired,
            Set("new"),
            Rollback,
            End,
            Ended(false),
            LoadsNothing,
        ),
        (Expired, Set("new"), Rollback, Destroy, Done, LoadsNothing),
        (Expired, End, Commit, Set("late"), Done, LoadsNothing),
        (Expired, Destroy, Commit, Set("late"), Done, LoadsNothing),
    ]);
}

#[test]
fn clear_waits_for_first_save_and_deletes_it() {
    assert_waits(&[
        (Empty, Set("first"), Commit, Clear, Done, NoRows),
        (Empty, Create("first"), Commit, Clear, Done, NoRows),
    ]);
}

// A set creates or replaces, and a clear leaves no tombstone that forbids it.
#[test]
fn save_waits_for_clear_and_set_creates_session() {
    assert_waits(&[
        (Live, Clear, Commit, Save("late", None), Gone, NoRows),
        (Live, Clear, Commit, Set("late"), Done, Loads("late")),
    ]);
}

#[test]
fn set_and_end_wait_for_prune_of_their_row() {
    assert_waits(&[
        (Expired, Prune, Commit, Set("new"), Done, Loads("new")),
        (Expired, Prune, Commit, End, Ended(false), LoadsNothing),
        (Expired, Prune, Commit, Destroy, Done, LoadsNothing),
        (Expired, Prune, Rollback, End, Ended(false), LoadsNothing),
        (Expired, Prune, Rollback, Destroy, Done, LoadsNothing),
    ]);
}

// ── One call after another ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn late_call_after_end_finds_nothing() {
    let mut meeting = Meeting::new();
    for start in [Live, Empty, Expired] {
        for end in ENDS {
            case(format!("{start:?}, {end:?}"), || {
                meeting.start(start);
                assert_eq!(
                    end.make(&mut meeting.other).unwrap(),
                    end.reply_alone(start)
                );
                meeting.assert_loads_nothing("a");
            });
        }
    }
}

#[test]
fn undone_call_leaves_no_trace() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        for (start, undone, close, after, end) in [
            (Empty, Set("first"), Rollback, NoRows, Destroy),
            (Empty, Create("first"), Rollback, NoRows, Destroy),
            (Empty, Set("first"), Crash, NoRows, Destroy),
            (Empty, Create("first"), Crash, NoRows, Destroy),
            (Live, Save("new", None), Crash, Loads("old"), End),
            (Live, End, Crash, Loads("old"), End),
            (Live, Destroy, Crash, Loads("old"), Destroy),
        ] {
            case(
                format!("{start:?}, {undone:?}, {close:?}, then {end:?}"),
                || {
                    meeting.start(start);
                    assert_eq!(meeting.hold(undone), undone.reply_alone(start));
                    meeting.close(close);
                    meeting.assert_after(after);
                    assert_eq!(
                        end.make(&mut meeting.other).unwrap(),
                        end.reply_alone(start)
                    );
                    meeting.assert_loads_nothing("a");
                },
            );
        }
    });
}

// The slow request loads before the end and writes after it, in one transaction.
#[test]
fn slow_transaction_writes_nothing_after_end() {
    const READ_COMMITTED: &str = "read committed";
    const REPEATABLE_READ: &str = "repeatable read";
    let mut meeting = Meeting::new();
    each_grouping(|| {
        for (isolation, late, expected) in [
            (READ_COMMITTED, Save("late", Some(1)), Ok(Gone)),
            (READ_COMMITTED, Set("late"), Ok(Done)),
            (REPEATABLE_READ, Save("late", None), Err("40001".to_owned())),
            (REPEATABLE_READ, Set("late"), Err("40001".to_owned())),
        ] {
            for end in ENDS {
                case(format!("{isolation}, {end:?}, {late:?}"), || {
                    meeting.start(Live);
                    let slow = &mut meeting.holder;
                    slow.batch_execute(&format!("begin isolation level {isolation}"))
                        .unwrap();
                    assert_eq!(Load.make(slow).unwrap(), Load.reply_alone(Live));
                    end.make(&mut meeting.other).unwrap();
                    if isolation == REPEATABLE_READ {
                        // Its snapshot is from before the end, so it may still read.
                        assert_eq!(Load.make(slow).unwrap(), Load.reply_alone(Live));
                    }
                    assert_eq!(late.make(slow).map_err(|error| code_of(&error)), expected);
                    slow.batch_execute(if expected.is_ok() {
                        "commit"
                    } else {
                        "rollback"
                    })
                    .unwrap();
                    meeting.assert_loads_nothing("a");
                });
            }
        }
    });
}

// In the connect-pg interface a set creates or replaces: the result is a new session, and not the old one again.
#[test]
fn expired_session_is_replaced_by_set_only() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        meeting.start(Expired);
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
        meeting.assert_loads("a", "new");
        assert_ne!(
            handle(&mut meeting),
            before,
            "a new session has a handle of its own"
        );
    });
}

// The time of the call counts, and not the time when the caller's transaction began.
#[test]
fn old_transaction_finds_no_session_that_expired_since() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        meeting.start(Live);
        meeting.holder.batch_execute("begin; select").unwrap();
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
    });
}

#[test]
fn clear_deletes_tombstones() {
    let mut meeting = Meeting::new();
    meeting.start(Live);
    meeting.other.destroy("a").unwrap();
    meeting.other.clear().unwrap();
    meeting.other.set("a", "again").unwrap();
    meeting.assert_loads("a", "again");
}

#[test]
fn repeatable_read_transaction_sees_session_once() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        meeting.start(Live);
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
    });
}

// ── Reads never wait ─────────────────────────────────────────────────────────────────────────────────────────────

/// Makes all calls that only read. The first round finds slides that are due, and the second those that were written.
fn assert_reads_pass(meeting: &mut Meeting) {
    for _ in 0..2 {
        for id in ["a", "due"] {
            assert_eq!(
                meeting.call_passes(|client| client.load(id)).unwrap().data,
                "old"
            );
            assert_eq!(
                meeting.call_passes(|client| client.peek(id)).unwrap().data,
                "old"
            );
            assert_eq!(meeting.call_passes(|client| client.get(id)).unwrap(), "old");
            assert!(meeting.call_passes(|client| client.touch(id)).is_some());
        }
        assert_eq!(meeting.call_passes(Calls::count), 2);
    }
}

#[test]
fn reads_pass_open_transaction() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        for (held, after_commit) in [
            (Save("new", None), Some("new")),
            (Set("new"), Some("new")),
            (Load, Some("old")),
            (End, None),
            (Destroy, None),
            (Clear, None),
        ] {
            case(format!("{held:?}"), || {
                meeting.start_due();
                assert_eq!(meeting.hold(held), held.reply_alone(Live));
                assert_reads_pass(&mut meeting);
                meeting.close(Commit);
                let loaded = meeting.other.load("a").unwrap().map(|loaded| loaded.data);
                assert_eq!(loaded.as_deref(), after_commit);
            });
        }
    });
}

// A call that asks for a lock would queue behind the clear that waits.
#[test]
fn reads_pass_waiting_clear() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        meeting.start_due();
        meeting.hold(Save("new", None));
        let mut clearing = meeting.store.nodepg();
        let clearing_pid = pid_of(&mut clearing);
        thread::scope(|scope| {
            let waiting = scope.spawn(move || clearing.clear().unwrap());
            let mut superuser = meeting.store.superuser();
            wait_until("the clear waits", || {
                is_blocked_by(&mut superuser, clearing_pid, meeting.holder_pid)
            });
            for id in ["a", "due"] {
                assert_eq!(
                    meeting.call_passes(|client| client.load(id)).unwrap().data,
                    "old"
                );
                assert!(meeting.call_passes(|client| client.touch(id)).is_some());
            }
            assert!(!waiting.is_finished());
            meeting.close(Commit);
            waiting.join().unwrap();
        });
        assert_eq!(meeting.rows(), 0);
    });
}

#[test]
fn reads_pass_row_lock_of_owner() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        for lock in [
            "for update",
            "for no key update",
            "for share",
            "for key share",
        ] {
            case(lock, || {
                meeting.start_due();
                let mut owner = meeting.store.superuser();
                let mut held = owner.transaction().unwrap();
                held.query_one(
                    &format!("select key from web.session where key = $1 {lock}"),
                    &[&key_of("a")],
                )
                .unwrap();
                meeting
                    .other
                    .batch_execute("set statement_timeout = '5s'")
                    .unwrap();
                assert_eq!(meeting.other.load("a").unwrap().unwrap().data, "old");
                assert!(meeting.other.touch("a").unwrap().is_some());
                held.rollback().unwrap();
            });
        }
    });
}

// A slide skips a locked row. The next slide of the unlocked row is written.
#[test]
fn skipped_slide_is_made_by_next_load() {
    let mut meeting = Meeting::new();
    each_grouping(|| {
        meeting.start_due();
        meeting
            .superuser
            .batch_execute("update web.session set expires_at = now() + interval '10 minutes'")
            .unwrap();
        meeting.hold(Save("new", None));
        let skipped = meeting.call_passes(|client| client.load("a")).unwrap();
        meeting.close(Rollback);
        let made = meeting.other.load("a").unwrap().unwrap();
        assert!(made.expires_at > skipped.expires_at.plus_seconds(3_600));
    });
}

// ── Tombstones and pruning ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn tombstone_outlives_prune_for_one_hour() {
    let mut meeting = Meeting::new();
    for known in [true, false] {
        case(format!("known: {known}"), || {
            meeting.start_empty();
            if known {
                // A short lifetime: the session is due for pruning long before its tombstone.
                meeting
                    .other
                    .query_one("select web.create_session($1, 'old', 60)", &[&key_of("a")])
                    .unwrap();
            }
            meeting.other.destroy("a").unwrap();
            meeting.age("59 minutes");
            meeting.prune_all();
            meeting.assert_loads_nothing("a");
            meeting.age("2 minutes");
            meeting.prune_all();
            assert_eq!(meeting.rows(), 0);
            // The id can be used again.
            assert!(meeting.other.create("a", "again").unwrap());
        });
    }
}

#[test]
fn prune_beside_another_prune_returns_busy() {
    let mut meeting = Meeting::new();
    meeting.start(Expired);
    assert_eq!(meeting.hold(Prune), Reply::Pruned(pruned(1)));
    assert_eq!(
        meeting.call_passes(|client| client.prune(10)),
        PruneOutcome::Busy
    );
    meeting.close(Rollback);
    assert_eq!(meeting.other.prune(10).unwrap(), pruned(1));
}

#[test]
fn prune_skips_locked_row_and_deletes_it_later() {
    let mut meeting = Meeting::new();
    for id in ["a", "b", "c"] {
        meeting.other.set(id, "old").unwrap();
    }
    meeting.age("1 day");
    // The new row replaces the expired one, and could delete the others in the same transaction.
    Meeting::keep_from_pruning(&mut meeting.holder);
    meeting.hold(Set("new"));
    assert_eq!(meeting.call_passes(|client| client.prune(10)), pruned(2));
    meeting.close(Rollback);
    assert_eq!(meeting.other.prune(10).unwrap(), pruned(1));
}

// ── New rows prune their neighbors ───────────────────────────────────────────────────────────────────────────────

const EXPIRED: i64 = 40;

#[test]
fn new_row_deletes_expired_rows_of_its_pages() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        case(format!("{new_row:?}"), || {
            meeting.start_expired();
            Meeting::let_prune(&mut meeting.other);
            new_row.make(&mut meeting.other).unwrap();
            assert_eq!(EXPIRED + 1 - meeting.rows(), 32, "deleted by one new row");
        });
    }
}

// Drivers use the simple or the extended protocol.
#[test]
fn new_row_in_simple_protocol_deletes_expired_rows_of_its_pages() {
    let mut meeting = Meeting::new();
    meeting.start_expired();
    Meeting::let_prune(&mut meeting.other);
    meeting
        .other
        .batch_execute("select web.set_session_data('a', '{}', null)")
        .unwrap();
    assert_eq!(EXPIRED + 1 - meeting.rows(), 32);
}

#[test]
fn new_rows_keep_expired_sessions_few_without_pruner() {
    let mut meeting = Meeting::new();
    meeting.start_expired();
    // The same random numbers in every run: other ones might prune late, or other pages.
    meeting.other.batch_execute("select setseed(0.5)").unwrap();
    let new = 10 * EXPIRED;
    for number in 0..new {
        meeting.other.set(&format!("new {number}"), "{}").unwrap();
    }
    let expired: i64 = meeting
        .superuser
        .query_one(
            "select count(*) from web.session where expires_at < now()",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(
        expired < EXPIRED / 4,
        "{expired} of {EXPIRED} expired sessions are left"
    );
    assert_eq!(meeting.rows(), new + expired);
}

#[test]
fn new_row_keeps_locked_and_live_rows() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        case(format!("{new_row:?}"), || {
            meeting.start_expired();
            meeting
                .superuser
                .batch_execute("begin; select from web.session for update")
                .unwrap();
            meeting
                .other
                .batch_execute("set statement_timeout = '5s'")
                .unwrap();
            Meeting::let_prune(&mut meeting.other);
            new_row.make(&mut meeting.other).unwrap();
            meeting.superuser.batch_execute("rollback").unwrap();
            assert_eq!(meeting.rows(), EXPIRED + 1);

            // Half of them live again by a later expiry, and the others are new tombstones.
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
            assert_eq!(meeting.rows(), EXPIRED + 1 + 20);
        });
    }
}

// A transaction locks the rows that it deletes until it ends. It deletes expired rows only, so no call on a live session waits.
#[test]
fn new_row_in_transaction_deletes_rows_with_it() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        case(format!("{new_row:?}"), || {
            meeting.start_expired();
            Meeting::let_prune(&mut meeting.holder);
            meeting.hold(new_row);
            Meeting::let_prune(&mut meeting.other);
            meeting.call_passes(|client| client.set("some other", "{}"));
            meeting.close(Rollback);
            // The other transaction has deleted the 8 rows that were not locked.
            assert_eq!(meeting.rows(), EXPIRED + 1 - 8);
        });
    }
}

// In an old snapshot a row that was used since would be an error.
#[test]
fn new_row_in_repeatable_read_deletes_nothing() {
    let mut meeting = Meeting::new();
    for new_row in NEW_ROWS {
        case(format!("{new_row:?}"), || {
            meeting.start_expired();
            meeting
                .holder
                .batch_execute("begin isolation level repeatable read")
                .unwrap();
            assert_eq!(meeting.holder.count().unwrap(), 0);
            for number in 1..=EXPIRED {
                meeting.other.set(&number.to_string(), "revived").unwrap();
            }
            Meeting::let_prune(&mut meeting.holder);
            new_row.make(&mut meeting.holder).unwrap();
            meeting.close(Commit);
            assert_eq!(meeting.rows(), EXPIRED + 1);
        });
    }
}
