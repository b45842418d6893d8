//! `load_sessions` and `save_sessions` against `load_session` and `save_session`: each row that a grouped call returns is what the
//! single call returns and stores, and no other row changes. Groups at once lose no version, wait for no row and revive nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use postgres::{Client, GenericClient, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::raw_store::{Calls, Micros, RawStore, SaveOutcome, code_of, key_of};

/// A row of `load_sessions`, or of `load_session`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Loaded {
    data: String,
    version: i64,
    expires_at: Micros,
    user_id: Option<String>,
}

/// A save, by `save_sessions` or by `save_session`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Saved {
    version: i64,
    expires_at: Micros,
}

fn load_group(
    client: &mut impl GenericClient,
    keys: &[Option<Vec<u8>>],
    slide: bool,
) -> Vec<(Vec<u8>, Loaded)> {
    let rows = client
        .query(
            "select key, data, version, expires_at, user_id from web.load_sessions($1, $2)",
            &[&keys, &slide],
        )
        .unwrap();
    rows.iter()
        .map(|row| {
            let loaded = Loaded {
                data: row.get(1),
                version: row.get(2),
                expires_at: row.get(3),
                user_id: row.get(4),
            };
            (row.get(0), loaded)
        })
        .collect()
}

/// Saves a group. Returns what was saved, by its position from 0.
fn save_group(
    client: &mut impl GenericClient,
    keys: &[Option<Vec<u8>>],
    data: &[Option<&str>],
    versions: &[Option<i64>],
) -> BTreeMap<usize, Saved> {
    let rows = client
        .query(
            "select ordinality, version, expires_at from web.save_sessions($1, $2, $3)",
            &[&keys, &data, &versions],
        )
        .unwrap();
    let saved: BTreeMap<usize, Saved> = rows
        .iter()
        .map(|row| {
            let position = usize::try_from(row.get::<_, i64>(0)).unwrap() - 1;
            let saved = Saved {
                version: row.get(1),
                expires_at: row.get(2),
            };
            (position, saved)
        })
        .collect();
    assert_eq!(saved.len(), rows.len(), "a position was returned twice");
    saved
}

// ── The single functions as the oracle ───────────────────────────────────────────────────────────────────────────

const SESSIONS: usize = 9;

/// What has become of a session, all in one case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Fresh,
    /// Its slide is due.
    Due,
    Expired,
    Ended,
    /// It has another key, and the old one still loads.
    Rotated,
    /// Its data is null, as the connect-pg interface may store.
    NullData,
    /// Its data is larger than what a group saves.
    Large,
    /// Another transaction has locked its row.
    Locked,
    Missing,
}

/// A key of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Key {
    Of(usize),
    /// The key that a session has since its rotation.
    NewOf(usize),
    Unknown,
    Short,
    Null,
}

impl Key {
    fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Key::Of(session) => Some(key_of(&format!("session {session}"))),
            Key::NewOf(session) => Some(key_of(&format!("new {session}"))),
            Key::Unknown => Some(key_of("unknown")),
            Key::Short => Some(b"short".to_vec()),
            Key::Null => None,
        }
    }
}

/// One save of a group, or one load.
#[derive(Clone, Debug)]
struct Member {
    key: Key,
    data: Option<String>,
    /// The expected version, as a distance from the stored one.
    off_by: Option<i64>,
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        10 => Just(State::Fresh),
        1 => Just(State::Due),
        1 => Just(State::Expired),
        1 => Just(State::Ended),
        1 => Just(State::Rotated),
        1 => Just(State::NullData),
        1 => Just(State::Large),
        1 => Just(State::Locked),
        1 => Just(State::Missing),
    ]
}

fn member() -> impl Strategy<Value = Member> {
    let key = prop_oneof![
        12 => (0..SESSIONS).prop_map(Key::Of),
        2 => (0..SESSIONS).prop_map(Key::NewOf),
        1 => Just(Key::Unknown),
        1 => Just(Key::Short),
        1 => Just(Key::Null),
    ];
    let data = prop::sample::select(vec![
        Some("old".to_owned()),
        Some("new".to_owned()),
        Some("newer".to_owned()),
        Some("newest".to_owned()),
        Some(r#"{"name":"Žofie 🦀"}"#.to_owned()),
        Some(String::new()),
        Some("x".repeat(8_192)),
        Some("x".repeat(8_193)),
        Some("x".repeat(8_191) + "é"),
        None,
    ]);
    let off_by = prop::sample::select(vec![None, Some(0), Some(0), Some(0), Some(-1), Some(1)]);
    (key, data, off_by).prop_map(|(key, data, off_by)| Member { key, data, off_by })
}

/// The rows of the table as text, by key.
type Rows = BTreeMap<Vec<u8>, String>;

fn rows(client: &mut impl GenericClient) -> Rows {
    client
        .query("select s.key, s::text from web.session as s", &[])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

/// Runs work as the runtime role, and rolls it back. Returns its result and the rows that it left.
fn tried<T>(client: &mut Client, work: impl FnOnce(&mut Transaction<'_>) -> T) -> (T, Rows) {
    let mut transaction = client.transaction().unwrap();
    let result = work(&mut transaction);
    transaction
        .batch_execute("set local session authorization default")
        .unwrap();
    let rows = rows(&mut transaction);
    transaction.rollback().unwrap();
    (result, rows)
}

struct World {
    superuser: Client,
    holder: Client,
    client: Client,
    /// How many rows the groups have returned.
    loaded: usize,
    saved: usize,
}

impl World {
    fn new(store: &RawStore) -> World {
        World {
            superuser: store.superuser(),
            holder: store.superuser(),
            client: store.nodepg(),
            loaded: 0,
            saved: 0,
        }
    }

    /// Makes the sessions, and locks those that are to be locked.
    fn start(&mut self, states: &[State]) {
        self.holder.batch_execute("rollback; begin").unwrap();
        self.client.batch_execute("rollback").unwrap();
        self.superuser
            .batch_execute("truncate web.session")
            .unwrap();
        for (session, state) in states.iter().enumerate() {
            if *state == State::Missing {
                continue;
            }
            let key = Key::Of(session).bytes().unwrap();
            let stored = if *state == State::Large {
                "y".repeat(9_000)
            } else {
                "old".to_owned()
            };
            self.superuser
                .query_one(
                    "select web.create_session($1, $2, p_user_id => $3)::text",
                    &[&key, &stored, &(session % 2 == 0).then_some("ada")],
                )
                .unwrap();
            let change = match state {
                State::Due => "slide_at = statement_timestamp()",
                State::Expired => {
                    "slide_at = statement_timestamp(), expires_at = statement_timestamp()"
                }
                State::NullData => "data = null",
                _ => "version = version + 4",
            };
            self.superuser
                .execute(
                    &format!("update web.session set {change} where key = $1"),
                    &[&key],
                )
                .unwrap();
            match state {
                State::Ended => {
                    self.superuser
                        .query_one("select web.end_session($1)", &[&key])
                        .unwrap();
                }
                State::Rotated => {
                    self.superuser
                        .query_one(
                            "select web.rotate_session($1, $2, 60)::text",
                            &[&key, &Key::NewOf(session).bytes()],
                        )
                        .unwrap();
                }
                State::Locked => {
                    self.holder
                        .query_one("select from web.session where key = $1 for update", &[&key])
                        .unwrap();
                }
                _ => {}
            }
        }
    }

    fn version_of(&mut self, key: Option<&Vec<u8>>) -> i64 {
        self.superuser
            .query_opt("select version from web.session where key = $1", &[&key])
            .unwrap()
            .map_or(1, |row| row.get(0))
    }

    fn check_loads(&mut self, states: &[State], members: &[Member], slide: bool) {
        let before = rows(&mut self.superuser);
        let keys: Vec<_> = members.iter().map(|member| member.key.bytes()).collect();
        let (loaded, after) = tried(&mut self.client, |client| load_group(client, &keys, slide));
        assert_eq!(after, before, "a load wrote something");
        self.loaded += loaded.len();

        let mut expected = BTreeMap::new();
        for (member, key) in members.iter().zip(&keys) {
            // What a group leaves to the single call: a slide, and the old key of a rotation.
            let is_left = match member.key {
                Key::Of(session) => match states[session] {
                    State::Due => slide,
                    State::Rotated => true,
                    _ => false,
                },
                Key::NewOf(_) => false,
                Key::Unknown | Key::Short | Key::Null => true,
            };
            if is_left {
                continue;
            }
            let (single, _) = tried(&mut self.client, |client| {
                let row = client
                    .query_opt(
                        "select data, version, expires_at, user_id from web.load_session($1, $2)",
                        &[key, &slide],
                    )
                    .unwrap();
                row.map(|row| Loaded {
                    data: row.get(0),
                    version: row.get(1),
                    expires_at: row.get(2),
                    user_id: row.get(3),
                })
            });
            if let Some(single) = single {
                expected.insert(key.clone().unwrap(), single);
            }
        }
        let number = loaded.len();
        let loaded: BTreeMap<_, _> = loaded.into_iter().collect();
        assert_eq!(loaded.len(), number, "a key was returned twice");
        assert_eq!(loaded, expected);
    }

    fn check_saves(&mut self, states: &[State], members: &[Member]) {
        let before = rows(&mut self.superuser);
        let keys: Vec<_> = members.iter().map(|member| member.key.bytes()).collect();
        let data: Vec<_> = members
            .iter()
            .map(|member| member.data.as_deref())
            .collect();
        let versions: Vec<_> = members
            .iter()
            .zip(&keys)
            .map(|(member, key)| {
                member
                    .off_by
                    .map(|off_by| off_by + self.version_of(key.as_ref()))
            })
            .collect();
        let (saved, after) = tried(&mut self.client, |client| {
            save_group(client, &keys, &data, &versions)
        });
        self.saved += saved.len();

        let mut expected = BTreeMap::new();
        let mut expected_rows = before.clone();
        let mut seen = HashSet::new();
        for (position, (member, key)) in members.iter().zip(&keys).enumerate() {
            let is_first = seen.insert(key.clone());
            // What a group leaves to the single call.
            let is_left = match member.key {
                Key::Of(session) => matches!(
                    states[session],
                    State::Due | State::NullData | State::Locked | State::Rotated
                ),
                Key::NewOf(_) => false,
                Key::Unknown | Key::Short | Key::Null => true,
            };
            let is_small = member.data.as_ref().is_some_and(|data| data.len() <= 8_192);
            if !is_first || is_left || !is_small {
                continue;
            }
            let (single, after_single) = tried(&mut self.client, |client| {
                let row = client
                    .query_one(
                        "select (q.s).outcome, (q.s).version, (q.s).expires_at
                        from (select web.save_session($1, $2, $3) as s) as q",
                        &[key, &data[position], &versions[position]],
                    )
                    .unwrap();
                (row.get::<_, &str>(0) == "saved").then(|| Saved {
                    version: row.get(1),
                    expires_at: row.get(2),
                })
            });
            // Equal data is not written.
            if let Some(single) = single
                && after_single != before
            {
                let key = key.clone().unwrap();
                expected_rows.insert(key.clone(), after_single[&key].clone());
                expected.insert(position, single);
            }
        }
        assert_eq!(saved, expected);
        assert_eq!(after, expected_rows);
    }
}

#[test]
fn grouped_calls_match_single_calls() {
    let store = RawStore::new();
    let world = RefCell::new(World::new(&store));
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_iters: 300,
        cases: std::env::var("PROPTEST_CASES").map_or(96, |cases| {
            cases.parse().expect("PROPTEST_CASES is no number")
        }),
        ..Config::default()
    });
    runner
        .run(
            &(vec(state(), SESSIONS), vec(member(), 0..24)),
            |(states, members)| {
                let check = || {
                    let mut world = world.borrow_mut();
                    world.start(&states);
                    world.check_loads(&states, &members, true);
                    world.check_loads(&states, &members, false);
                    world.check_saves(&states, &members);
                };
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(check))
                    .map_err(|_| TestCaseError::fail("the grouped call differs"))
            },
        )
        .unwrap();
    let world = world.borrow();
    // Random cases find about 700 and 115.
    assert!(
        world.loaded > 100 && world.saved > 20,
        "{} loads and {} saves show too little",
        world.loaded,
        world.saved
    );
}

// ── At once ──────────────────────────────────────────────────────────────────────────────────────────────────────

const THREADS: usize = 12;

/// Returns the numbers below `count` in an order of their own for each seed.
fn shuffled(count: usize, seed: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|number| key_of(&format!("{seed} {number}")));
    order
}

// Each thread adds one to every session, in groups of an order of its own. What a group does not save, the single call saves.
// The sum holds: no version is lost, and no group deadlocks with another one or with a single save.
#[test]
fn concurrent_groups_lose_no_version() {
    const COUNT: usize = 8;
    const ROUNDS: usize = 60;
    let store = RawStore::new();
    for session in 0..COUNT {
        assert!(
            store
                .nodepg()
                .create(&format!("id {session}"), "0")
                .unwrap()
        );
    }
    let saved = store.at_once(THREADS, |thread, client| {
        let mut superuser = store.superuser();
        let mut by_group = [0_i64; COUNT];
        let mut alone = [0_i64; COUNT];
        for round in 0..ROUNDS {
            if thread == 0 && round % 8 == 0 {
                superuser
                    .batch_execute("update web.session set slide_at = statement_timestamp()")
                    .unwrap();
            }
            let id = |session: usize| format!("id {session}");
            let mut order = shuffled(COUNT, thread * ROUNDS + round);
            // An equal key further back.
            order.push(order[round % COUNT]);
            let keys: Vec<_> = order
                .iter()
                .map(|session| Some(key_of(&id(*session))))
                .collect();
            let loaded: BTreeMap<_, _> = load_group(client, &keys, false).into_iter().collect();
            assert_eq!(loaded.len(), COUNT);

            let loaded: Vec<&Loaded> = keys.iter().flatten().map(|key| &loaded[key]).collect();
            let data: Vec<String> = loaded
                .iter()
                .map(|loaded| (loaded.data.parse::<i64>().unwrap() + 1).to_string())
                .collect();
            let new: Vec<_> = data.iter().map(|data| Some(data.as_str())).collect();
            let versions: Vec<_> = loaded.iter().map(|loaded| Some(loaded.version)).collect();
            let saved = save_group(client, &keys, &new, &versions);
            for (position, session) in order.iter().enumerate() {
                if let Some(saved) = saved.get(&position) {
                    assert!(position < COUNT, "the second of two equal keys was saved");
                    assert_eq!(Some(saved.version - 1), versions[position]);
                    by_group[*session] += 1;
                } else if position < COUNT
                    && let SaveOutcome::Saved { .. } = client
                        .save(&id(*session), &data[position], versions[position])
                        .unwrap()
                {
                    alone[*session] += 1;
                }
            }
        }
        (by_group, alone)
    });
    for session in 0..COUNT {
        let by_group: i64 = saved.iter().map(|(by_group, _)| by_group[session]).sum();
        let alone: i64 = saved.iter().map(|(_, alone)| alone[session]).sum();
        let loaded = store
            .nodepg()
            .load(&format!("id {session}"))
            .unwrap()
            .unwrap();
        assert_eq!(loaded.data, (by_group + alone).to_string());
        assert_eq!(loaded.version, 1 + by_group + alone);
        assert!(
            by_group > 0 && alone > 0,
            "{by_group} by groups and {alone} alone"
        );
    }
}

// Sessions are used in groups while others end them. Once an end has returned, no group loads or saves the session.
#[test]
fn groups_keep_ended_sessions_ended() {
    const COUNT: usize = 300;
    const ROUNDS: usize = 120;
    let store = RawStore::new();
    for session in 0..COUNT {
        assert!(
            store
                .nodepg()
                .create(&format!("id {session}"), "{}")
                .unwrap()
        );
    }
    let ended: Vec<AtomicBool> = (0..COUNT).map(|_| AtomicBool::new(false)).collect();
    let first = AtomicUsize::new(0);
    let returned = store.at_once(THREADS, |thread, client| {
        let mut returned = 0;
        for round in 0..ROUNDS {
            let begin = first.load(Ordering::SeqCst).min(COUNT - 8);
            let sessions: Vec<usize> = shuffled(8, thread * ROUNDS + round)
                .into_iter()
                .map(|number| begin + number)
                .collect();
            if round % 6 == 0 {
                let session = sessions[0];
                // Half of them in a transaction that others meet before it is committed.
                if round % 12 == 0 {
                    let mut transaction = client.transaction().unwrap();
                    transaction.end(&format!("id {session}")).unwrap();
                    thread::yield_now();
                    transaction.commit().unwrap();
                } else {
                    client.end(&format!("id {session}")).unwrap();
                }
                ended[session].store(true, Ordering::SeqCst);
                first.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let was_ended: Vec<bool> = sessions
                .iter()
                .map(|session| ended[*session].load(Ordering::SeqCst))
                .collect();
            let keys: Vec<_> = sessions
                .iter()
                .map(|session| Some(key_of(&format!("id {session}"))))
                .collect();
            let positions: Vec<usize> = if round % 2 == 0 {
                let data = format!("{thread} {round}");
                let data = vec![Some(data.as_str()); keys.len()];
                let versions = vec![None; keys.len()];
                save_group(client, &keys, &data, &versions)
                    .into_keys()
                    .collect()
            } else {
                load_group(client, &keys, false)
                    .into_iter()
                    .map(|(key, _)| {
                        let is_key = |other: &Option<Vec<u8>>| other.as_ref() == Some(&key);
                        keys.iter().position(is_key).expect("a key of the group")
                    })
                    .collect()
            };
            returned += positions.len();
            for position in positions {
                assert!(
                    !was_ended[position],
                    "session {} had ended and is live for a group",
                    sessions[position]
                );
            }
        }
        returned
    });
    assert!(returned.iter().sum::<usize>() > THREADS * ROUNDS);
    let mut client = store.nodepg();
    for (session, ended) in ended.iter().enumerate() {
        let is_live = client.load(&format!("id {session}")).unwrap().is_some();
        assert_eq!(is_live, !ended.load(Ordering::SeqCst), "session {session}");
    }
}

// A group that holds rows waits for no other transaction, and other groups skip those rows.
#[test]
fn open_group_blocks_saves_and_no_group() {
    let store = RawStore::new();
    let (mut holder, mut other) = (store.nodepg(), store.nodepg());
    for id in ["a", "b", "c"] {
        assert!(holder.create(id, "old").unwrap());
    }
    let group = |client: &mut Transaction<'_>, ids: [&str; 2], data: &str| {
        let keys = ids.map(|id| Some(key_of(id)));
        let saved = save_group(client, &keys, &[Some(data); 2], &[None; 2]);
        saved.into_keys().collect::<Vec<_>>()
    };
    let mut first = holder.transaction().unwrap();
    assert_eq!(group(&mut first, ["a", "b"], "first"), [0, 1]);
    let mut second = other.transaction().unwrap();
    // In the opposite order, and with what the other one would then wait for.
    assert_eq!(group(&mut second, ["c", "b"], "second"), [0]);
    assert_eq!(group(&mut first, ["c", "a"], "third"), [1]);
    second
        .batch_execute("set local lock_timeout = '50ms'")
        .unwrap();
    let error = second.save("a", "late", None).unwrap_err();
    assert_eq!(code_of(&error), "55P03");
    second.rollback().unwrap();
    first.commit().unwrap();
    for (id, data, version) in [("a", "third", 3), ("b", "first", 2), ("c", "old", 1)] {
        let loaded = other.load(id).unwrap().unwrap();
        assert_eq!(
            (loaded.data.as_str(), loaded.version),
            (data, version),
            "{id}"
        );
    }
}
