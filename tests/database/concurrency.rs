//! Sixteen clients at once on the same few sessions, for each function and with random calls of all. The tests find no
//! deadlock, no error, no lost change, and no ended session that comes back. Counts bound the tests, and never a clock.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::support::case::case;
use crate::support::raw_store::{Calls, Micros, PruneOutcome, RawStore, SaveOutcome, code_of};
use crate::support::server::value;
use postgres::{Client, IsolationLevel};

const THREADS: usize = 16;

/// Makes every use of a new session write a slide.
fn make_every_slide_due(store: &RawStore) {
    store
        .superuser()
        .batch_execute("update web.settings set slide_percent = 0, slide_min_seconds = 0")
        .unwrap();
}

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn new(seed: usize) -> Self {
        Self(seed as u64 * 2 + 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

// ── Each function ────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn concurrent_creates_have_one_winner() {
    const KEYS: usize = 40;
    let store = RawStore::new();
    let created = store.at_once(THREADS, |thread, client| {
        (0..KEYS)
            .filter(|key| {
                client
                    .create(&format!("key {key}"), &thread.to_string())
                    .unwrap()
            })
            .collect::<Vec<_>>()
    });
    let mut client = store.nodepg();
    for key in 0..KEYS {
        let winners: Vec<usize> = (0..THREADS)
            .filter(|thread| created[*thread].contains(&key))
            .collect();
        assert_eq!(winners.len(), 1, "key {key} was created by {winners:?}");
        let loaded = client.load(&format!("key {key}")).unwrap().unwrap();
        assert_eq!(loaded.data, winners[0].to_string());
        assert_eq!(loaded.version, 1);
    }
}

/// Uses the session, checks its data, and returns its expiry.
type Use = fn(&mut Client, &str) -> Micros;

#[test]
fn concurrent_uses_slide_forward_only() {
    const ROUNDS: usize = 150;
    const IDS: [&str; 3] = ["a", "b", "c"];
    let load: Use = |client, id| {
        let loaded = client.load(id).unwrap().expect("a live session");
        assert_eq!((loaded.data.as_str(), loaded.version), (id, 1));
        loaded.expires_at
    };
    let touch: Use = |client, id| client.touch(id).unwrap().expect("a live session");
    for (name, use_session) in [("load", load), ("touch", touch)] {
        case(name, || {
            let store = RawStore::new();
            make_every_slide_due(&store);
            for id in IDS {
                assert!(store.nodepg().create(id, id).unwrap());
            }
            store.at_once(THREADS, |_, client| {
                let mut last = [Micros::MINUS_INFINITY; 3];
                for round in 0..ROUNDS {
                    let number = round % 3;
                    let expires_at = use_session(client, IDS[number]);
                    assert!(expires_at >= last[number], "the expiry went back");
                    last[number] = expires_at;
                }
            });
        });
    }
}

/// Adds one to the number in the session's data, and tries again after each conflict.
fn increment(client: &mut Client, id: &str, author: Option<usize>) {
    loop {
        let loaded = client.load(id).unwrap().expect("a live session");
        let number: u32 = loaded.data.split(' ').next().unwrap().parse().unwrap();
        let data = match author {
            Some(author) => format!("{} by {author}", number + 1),
            None => (number + 1).to_string(),
        };
        match client.save(id, &data, Some(loaded.version)).unwrap() {
            SaveOutcome::Saved { .. } => return,
            SaveOutcome::Same { version } | SaveOutcome::Conflict { version } => {
                assert!(version > loaded.version);
            }
            SaveOutcome::Gone => panic!("the session is gone"),
        }
    }
}

// Two clients that read 5 both write 6: with an author their data differ, and without one they are equal. One of them must
// find a conflict.
#[test]
fn concurrent_versioned_saves_lose_no_change() {
    const ROUNDS: usize = 15;
    for with_author in [true, false] {
        case(format!("with author: {with_author}"), || {
            let store = RawStore::new();
            make_every_slide_due(&store);
            let ids = ["a", "b"];
            for id in ids {
                assert!(store.nodepg().create(id, "0").unwrap());
            }
            store.at_once(THREADS, |thread, client| {
                for _ in 0..ROUNDS {
                    for id in ids {
                        increment(client, id, with_author.then_some(thread));
                    }
                }
            });
            for id in ids {
                let loaded = store.nodepg().load(id).unwrap().unwrap();
                let total = THREADS * ROUNDS;
                assert_eq!(loaded.data.split(' ').next(), Some(&*total.to_string()));
                assert_eq!(loaded.version, i64::try_from(total).unwrap() + 1);
            }
        });
    }
}

#[test]
fn concurrent_unversioned_saves_write_each_once() {
    const ROUNDS: usize = 40;
    let store = RawStore::new();
    assert!(store.nodepg().create("a", "{}").unwrap());
    let versions = store.at_once(THREADS, |thread, client| {
        (0..ROUNDS)
            .map(|round| {
                let data = format!("{thread} {round}");
                match client.save("a", &data, None).unwrap() {
                    SaveOutcome::Saved { version, .. } => (version, data),
                    other => panic!("{other:?}"),
                }
            })
            .collect::<Vec<_>>()
    });
    let saved: BTreeMap<i64, String> = versions.into_iter().flatten().collect();
    let last = i64::try_from(THREADS * ROUNDS).unwrap() + 1;
    assert_eq!(
        saved.keys().copied().collect::<Vec<_>>(),
        (2..=last).collect::<Vec<_>>()
    );
    let loaded = store.nodepg().load("a").unwrap().unwrap();
    assert_eq!((loaded.version, &loaded.data), (last, &saved[&last]));
}

// A client builds its next change on the version that it has, so two clients must never have different data of one version.
#[test]
fn version_identifies_one_data() {
    const ROUNDS: usize = 250;
    let store = RawStore::new();
    make_every_slide_due(&store);
    assert!(store.nodepg().create("a", "0").unwrap());
    let seen = store.at_once(THREADS, |thread, client| {
        let mut dice = Dice::new(thread);
        let mut seen = Vec::new();
        for _ in 0..ROUNDS {
            let loaded = client.load("a").unwrap().expect("a live session");
            seen.push((loaded.version, loaded.data.clone()));
            let data = match dice.below(3) {
                0 => dice.below(3).to_string(),
                _ => loaded.data,
            };
            let version = (dice.below(2) == 0).then_some(loaded.version);
            if let SaveOutcome::Saved { version, .. } = client.save("a", &data, version).unwrap() {
                seen.push((version, data));
            }
        }
        seen
    });
    let mut stored = BTreeMap::new();
    for (version, data) in seen.into_iter().flatten() {
        let first = stored.entry(version).or_insert_with(|| data.clone());
        assert_eq!(*first, data, "both have version {version}");
    }
}

#[test]
fn concurrent_ends_have_one_winner_and_are_final() {
    const ROUNDS: usize = 40;
    let store = RawStore::new();
    for round in 0..ROUNDS {
        // Every third id is unknown: all clients insert its tombstone at once.
        if round % 3 != 0 {
            assert!(store.nodepg().create(&format!("id {round}"), "{}").unwrap());
        }
    }
    let ended = store.at_once(THREADS, |_, client| {
        (0..ROUNDS)
            .filter(|round| {
                let id = format!("id {round}");
                let ended = client.end(&id).unwrap();
                assert_eq!(client.load(&id).unwrap(), None);
                assert_eq!(client.save(&id, "late", None).unwrap(), SaveOutcome::Gone);
                ended
            })
            .collect::<Vec<_>>()
    });
    for round in 0..ROUNDS {
        let winners = ended.iter().filter(|ended| ended.contains(&round)).count();
        assert_eq!(winners, usize::from(round % 3 != 0), "id {round}");
    }
}

#[test]
fn concurrent_sets_count_each_version() {
    const ROUNDS: usize = 60;
    let store = RawStore::new();
    let ids = ["a", "b", "c"];
    store.at_once(THREADS, |thread, client| {
        for round in 0..ROUNDS {
            client
                .set(ids[round % 3], &format!("{thread} {round}"))
                .unwrap();
        }
    });
    for id in ids {
        let loaded = store.nodepg().load(id).unwrap().unwrap();
        assert_eq!(loaded.version, i64::try_from(THREADS * ROUNDS / 3).unwrap());
    }
}

// The first set replaces the expired session, and each of the others replaces that.
#[test]
fn concurrent_sets_replace_expired_session() {
    let store = RawStore::new();
    for round in 0..15 {
        let id = format!("id {round}");
        store.nodepg().set_for(&id, "{}", -1).unwrap();
    }
    store.at_once(THREADS, |thread, client| {
        for round in 0..15 {
            let id = format!("id {round}");
            client.set(&id, &thread.to_string()).unwrap();
            assert!(client.get(&id).unwrap().is_some());
        }
    });
}

#[test]
fn get_after_destroy_returns_nothing() {
    const ROUNDS: usize = 40;
    let store = RawStore::new();
    let destroyed: Vec<AtomicBool> = (0..ROUNDS).map(|_| AtomicBool::new(false)).collect();
    store.at_once(THREADS, |thread, client| {
        for (round, destroyed) in destroyed.iter().enumerate() {
            let id = format!("id {round}");
            client.set(&id, "{}").unwrap();
            if thread % 4 == round % 4 {
                client.destroy(&id).unwrap();
                destroyed.store(true, Ordering::SeqCst);
            }
            for _ in 0..3 {
                let was_destroyed = destroyed.load(Ordering::SeqCst);
                client.set(&id, "late").unwrap();
                let data = client.get(&id).unwrap();
                assert!(data.is_none() || !was_destroyed, "{id} is back: {data:?}");
            }
        }
    });
}

#[test]
fn concurrent_count_stays_within_bounds() {
    let store = RawStore::new();
    for id in ["kept 1", "kept 2", "kept 3"] {
        store.nodepg().set(id, "{}").unwrap();
    }
    store.at_once(THREADS, |thread, client| {
        for round in 0..40 {
            let id = format!("{thread} {round}");
            client.set(&id, "{}").unwrap();
            let count = client.count().unwrap();
            assert!((4..=3 + 16).contains(&count), "{count} live sessions");
            client.destroy(&id).unwrap();
        }
    });
    assert_eq!(store.nodepg().count().unwrap(), 3);
}

#[test]
fn clear_beside_every_writer_causes_no_deadlock() {
    let store = RawStore::new();
    make_every_slide_due(&store);
    store.at_once(THREADS, |thread, client| {
        let mut dice = Dice::new(thread);
        for _ in 0..150 {
            let id = format!("id {}", dice.below(24));
            match dice.below(16) {
                0 => client.clear().unwrap(),
                1 => drop(client.prune(3).unwrap()),
                2 => drop(client.end(&id).unwrap()),
                3 => drop(client.create(&id, "{}").unwrap()),
                4 => drop(client.load(&id).unwrap()),
                5 => drop(client.save(&id, &thread.to_string(), None).unwrap()),
                6 => client.set_for(&id, "{}", -1).unwrap(),
                7 => client.destroy(&id).unwrap(),
                8 => drop(client.touch(&id).unwrap()),
                9 => drop(client.count().unwrap()),
                10 => drop(client.get(&id).unwrap()),
                _ => client.set(&id, &thread.to_string()).unwrap(),
            }
        }
    });
    let mut client = store.nodepg();
    client.clear().unwrap();
    let rows: i64 = value(&mut store.superuser(), "select count(*) from web.session");
    assert_eq!(rows, 0);
}

#[test]
fn concurrent_prune_deletes_expired_sessions_only() {
    let store = RawStore::new();
    make_every_slide_due(&store);
    let live = ["live 1", "live 2", "live 3"];
    for id in live {
        assert!(store.nodepg().create(id, "0").unwrap());
    }
    let busy = AtomicUsize::new(0);
    store.at_once(THREADS, |thread, client| {
        let mut dice = Dice::new(thread);
        // Live sessions become due for pruning again and again.
        let mut superuser = store.superuser();
        for round in 0..60 {
            match dice.below(6) {
                0 => {
                    if client.prune(3).unwrap() == PruneOutcome::Busy {
                        busy.fetch_add(1, Ordering::Relaxed);
                    }
                }
                1 => {
                    superuser
                        .execute(
                            "update web.session set prune_after = now() - interval '1 hour'
                            where key in (select key from web.session where data = '0' for update skip locked)",
                            &[],
                        )
                        .unwrap();
                }
                2 => {
                    let saved = client.save(live[round % 3], "0", None).unwrap();
                    assert!(saved.is_saved(), "{saved:?}");
                }
                _ => client
                    .set_for(&format!("expired {}", dice.below(40)), "{}", -1)
                    .unwrap(),
            }
            let id = live[dice.below(3)];
            assert!(client.load(id).unwrap().is_some(), "{id} was pruned");
        }
    });
    let mut client = store.nodepg();
    while client.prune(50).unwrap()
        != (PruneOutcome::Pruned {
            deleted: 0,
            rescheduled: 0,
        })
    {}
    let left: i64 = value(&mut store.superuser(), "select count(*) from web.session");
    assert_eq!(left, 3, "only the live sessions should be left");
}

// ── Random calls ─────────────────────────────────────────────────────────────────────────────────────────────────

/// The sessions that are known to have ended, and the clears since then.
///
/// Only what was certain before a call began counts: an end that had returned, and no clear since.
struct Ledger {
    ended: Vec<AtomicUsize>,
    clears_begun: AtomicUsize,
    clears_done: AtomicUsize,
    /// The first of the few sessions in use. It moves on with each end.
    first: AtomicUsize,
}

/// The number of clears when a call began, if none was running.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Epoch(Option<usize>);

impl Ledger {
    fn new() -> Self {
        Self {
            ended: (0..100_000).map(|_| AtomicUsize::new(0)).collect(),
            clears_begun: AtomicUsize::new(0),
            clears_done: AtomicUsize::new(0),
            first: AtomicUsize::new(0),
        }
    }

    fn some_session(&self, dice: &mut Dice) -> usize {
        self.first.load(Ordering::SeqCst) + dice.below(4)
    }

    fn epoch(&self) -> Epoch {
        let done = self.clears_done.load(Ordering::SeqCst);
        let begun = self.clears_begun.load(Ordering::SeqCst);
        Epoch((begun == done).then_some(begun))
    }

    fn is_ended(&self, session: usize) -> bool {
        matches!(self.epoch(), Epoch(Some(epoch)) if self.ended[session].load(Ordering::SeqCst) == epoch + 1)
    }

    /// Notes the committed end of a session. The call began in this epoch.
    fn note_end(&self, session: usize, began: Epoch) {
        self.first.fetch_add(1, Ordering::SeqCst);
        if let Epoch(Some(epoch)) = began {
            self.ended[session].store(epoch + 1, Ordering::SeqCst);
        }
    }

    fn clearing(&self, clear: impl FnOnce()) {
        self.clears_begun.fetch_add(1, Ordering::SeqCst);
        clear();
        self.clears_done.fetch_add(1, Ordering::SeqCst);
    }

    /// Fails if a session that was known to have ended is live for a call that began in this epoch.
    fn check(&self, session: usize, was_ended: bool, began: Epoch, call: &str) {
        let no_clear_since = began.0.is_some() && self.epoch() == began;
        assert!(
            !(was_ended && no_clear_since),
            "session {session} had ended and is live for {call}"
        );
    }
}

/// One call on one session.
#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Load,
    Peek,
    Save,
    SaveVersion,
    Touch,
    End,
    Set,
    Get,
    Destroy,
}

impl Call {
    fn any(dice: &mut Dice) -> Self {
        [
            Self::Create,
            Self::Load,
            Self::Load,
            Self::Peek,
            Self::Save,
            Self::Save,
            Self::SaveVersion,
            Self::Touch,
            Self::End,
            Self::Set,
            Self::Set,
            Self::Set,
            Self::Get,
            Self::Destroy,
        ][dice.below(14)]
    }

    fn is_end(self) -> bool {
        matches!(self, Self::End | Self::Destroy)
    }

    fn only_reads(self) -> bool {
        matches!(self, Self::Load | Self::Peek | Self::Touch | Self::Get)
    }

    /// Makes the call. Returns true if the reply shows a live session.
    fn make(
        self,
        client: &mut impl Calls,
        session: usize,
        dice: &mut Dice,
    ) -> Result<bool, postgres::Error> {
        let id = format!("session {session}");
        let data = dice.below(3).to_string();
        let saved = |saved: &SaveOutcome| match saved {
            SaveOutcome::Saved {
                version,
                expires_at,
            } => {
                assert!(
                    *version >= 1 && *expires_at > Micros::MINUS_INFINITY,
                    "{saved:?}"
                );
                true
            }
            SaveOutcome::Same { .. } | SaveOutcome::Conflict { .. } => true,
            SaveOutcome::Gone => false,
        };
        Ok(match self {
            Self::Create => client.create(&id, &data)?,
            Self::Load => client.load(&id)?.is_some(),
            Self::Peek => client.peek(&id)?.is_some(),
            Self::Save => saved(&client.save(&id, &data, None)?),
            Self::SaveVersion => match client.load(&id)? {
                Some(loaded) => saved(&client.save(&id, &data, Some(loaded.version))?),
                None => false,
            },
            Self::Touch => client.touch(&id)?.is_some(),
            Self::End => client.end(&id)?,
            Self::Set => {
                client.set(&id, &data)?;
                false
            }
            Self::Get => client.get(&id)?.is_some(),
            Self::Destroy => {
                client.destroy(&id)?;
                false
            }
        })
    }
}

fn make_random_calls(with_clears: bool) {
    let store = RawStore::new();
    make_every_slide_due(&store);
    let ledger = Ledger::new();
    store.at_once(THREADS, |thread, client| {
        let mut dice = Dice::new(thread);
        for _ in 0..250 {
            match dice.below(40) {
                0 => drop(client.prune(3).unwrap()),
                1 => drop(client.count().unwrap()),
                2 => client
                    .set_for(&format!("expired {}", dice.below(8)), "{}", -1)
                    .unwrap(),
                3 if with_clears && dice.below(4) == 0 => {
                    ledger.clearing(|| client.clear().unwrap());
                }
                _ => {
                    let session = ledger.some_session(&mut dice);
                    let call = Call::any(&mut dice);
                    let began = ledger.epoch();
                    let was_ended = ledger.is_ended(session);
                    let lives = call
                        .make(client, session, &mut dice)
                        .unwrap_or_else(|e| panic!("{call:?}: {e:?}"));
                    if lives {
                        ledger.check(session, was_ended, began, &format!("{call:?}"));
                    }
                    if call.is_end() {
                        ledger.note_end(session, began);
                    }
                }
            }
        }
    });
}

#[test]
fn random_calls_keep_ended_sessions_ended() {
    make_random_calls(false);
}

#[test]
fn random_calls_and_clears_keep_ended_sessions_ended() {
    make_random_calls(true);
}

/// Makes several calls in each transaction. As applications must, each takes its sessions in the same order and clears first or
/// never. Another order can deadlock.
fn make_random_transactions(isolation: IsolationLevel) {
    let store = RawStore::new();
    make_every_slide_due(&store);
    let ledger = Ledger::new();
    let committed = store.at_once(THREADS, |thread, client| {
        let mut dice = Dice::new(thread);
        (0..70)
            .filter(|_| one_transaction(client, isolation, &ledger, &mut dice))
            .count()
    });
    // Most of the work must be done, or the test shows nothing.
    let committed: usize = committed.iter().sum();
    assert!(committed > THREADS * 10, "only {committed} committed");
}

/// Makes several calls in one transaction. Returns true if it was committed.
fn one_transaction(
    client: &mut Client,
    isolation: IsolationLevel,
    ledger: &Ledger,
    dice: &mut Dice,
) -> bool {
    let mut sessions: Vec<usize> = (0..=dice.below(4))
        .map(|_| ledger.some_session(dice))
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    let began = ledger.epoch();
    let ended: Vec<bool> = sessions
        .iter()
        .map(|session| ledger.is_ended(*session))
        .collect();
    let may_fail = |call: &str, only_reads: bool, error: &postgres::Error| {
        assert!(
            !only_reads
                && matches!(isolation, IsolationLevel::RepeatableRead)
                && code_of(error) == "40001",
            "{call} in a transaction: {error:?}"
        );
    };

    if dice.below(40) == 0 {
        ledger.clearing(|| {
            let mut transaction = client
                .build_transaction()
                .isolation_level(isolation)
                .start()
                .unwrap();
            match transaction.clear() {
                Ok(()) => transaction.commit().unwrap(),
                Err(e) => may_fail("clear", false, &e),
            }
        });
        return false;
    }

    let mut transaction = client
        .build_transaction()
        .isolation_level(isolation)
        .start()
        .unwrap();
    let mut ends = Vec::new();
    for (session, was_ended) in sessions.iter().zip(&ended) {
        for _ in 0..=dice.below(2) {
            let call = Call::any(dice);
            // Of the two calls of SaveVersion only the save may fail.
            match call.make(&mut transaction, *session, dice) {
                Ok(true) => ledger.check(*session, *was_ended, began, &format!("{call:?}")),
                Ok(false) => {}
                Err(e) => {
                    may_fail(&format!("{call:?}"), call.only_reads(), &e);
                    return false;
                }
            }
            if call.is_end() {
                ends.push(*session);
            }
        }
    }
    if dice.below(6) == 0
        && let Err(e) = transaction.prune(3)
    {
        may_fail("prune", false, &e);
        return false;
    }
    if dice.below(5) == 0 {
        transaction.rollback().unwrap();
        return false;
    }
    transaction.commit().unwrap();
    for session in ends {
        ledger.note_end(session, began);
    }
    true
}

#[test]
fn read_committed_transactions_keep_ended_sessions_ended() {
    make_random_transactions(IsolationLevel::ReadCommitted);
}

#[test]
fn repeatable_read_transactions_keep_ended_sessions_ended() {
    make_random_transactions(IsolationLevel::RepeatableRead);
}
