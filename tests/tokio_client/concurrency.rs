//! Random calls of many tasks on a few sessions: no change is lost, and no ended session comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::{VARIANTS, builder, create, run};
use connect_pg::tokio::Store;
use connect_pg::{SaveOutcome, SessionId, UpdateOutcome};

const TASKS: usize = 32;
const CALLS: usize = 30;

/// A session that counts, and what the tasks know of it.
struct Counter {
    id: SessionId,
    counted: AtomicU32,
    /// A call that ends it has begun.
    ends: AtomicBool,
    /// It has ended.
    ended: AtomicBool,
}

impl Counter {
    async fn load(&self, store: &Store) -> Option<connect_pg::Session<u32>> {
        let (counted, ended) = (
            self.counted.load(Ordering::SeqCst),
            self.ended.load(Ordering::SeqCst),
        );
        let session = store.load::<u32>(&self.id).await.unwrap();
        match &session {
            Some(session) => {
                assert!(!ended, "an ended session came back");
                assert!(session.data >= counted, "a saved change is not seen");
            }
            None => assert!(self.ends.load(Ordering::SeqCst), "a live session is gone"),
        }
        session
    }

    /// Counts once, if the session is live and no other task comes in between.
    async fn count_by_save(&self, store: &Store) {
        let Some(mut session) = self.load(store).await else {
            return;
        };
        let ended = self.ended.load(Ordering::SeqCst);
        session.data += 1;
        match store.save(&mut session).await.unwrap() {
            SaveOutcome::Saved => {
                assert!(!ended, "a save after the end");
                self.counted.fetch_add(1, Ordering::SeqCst);
            }
            SaveOutcome::Conflict => {}
            SaveOutcome::Gone => assert!(self.ends.load(Ordering::SeqCst)),
        }
    }

    async fn count_by_update(&self, store: &Store) {
        let ended = self.ended.load(Ordering::SeqCst);
        match store.update(&self.id, |n: &mut u32| *n += 1).await.unwrap() {
            UpdateOutcome::Updated(_) => {
                assert!(!ended, "an update after the end");
                self.counted.fetch_add(1, Ordering::SeqCst);
            }
            UpdateOutcome::Gone => assert!(self.ends.load(Ordering::SeqCst)),
        }
    }

    async fn end(&self, store: &Store) {
        self.ends.store(true, Ordering::SeqCst);
        store.end(&self.id).await.unwrap();
        self.ended.store(true, Ordering::SeqCst);
    }
}

async fn make_random_calls(store: Store, counters: Arc<[Counter]>) {
    for _ in 0..CALLS {
        let random = getrandom::u32().unwrap() as usize;
        let counter = &counters[random % counters.len()];
        match (random >> 8) % 100 {
            0..40 => drop(counter.load(&store).await),
            40..65 => counter.count_by_save(&store).await,
            65..90 => counter.count_by_update(&store).await,
            90..99 => drop(store.touch(&counter.id).await.unwrap()),
            _ => counter.end(&store).await,
        }
    }
}

#[test]
fn random_calls_lose_no_change_and_revive_no_session() {
    for variant in VARIANTS {
        run(async |database| {
            let store = variant(builder(database)).pool_size(6).build().unwrap();
            let mut counters = Vec::new();
            for _ in 0..12 {
                counters.push(Counter {
                    id: create(&store, 0_u32).await.id().clone(),
                    counted: AtomicU32::new(0),
                    ends: AtomicBool::new(false),
                    ended: AtomicBool::new(false),
                });
            }
            let counters: Arc<[Counter]> = counters.into();
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| tokio::spawn(make_random_calls(store.clone(), Arc::clone(&counters))))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            for counter in &*counters {
                let session = counter.load(&store).await;
                let ended = counter.ended.load(Ordering::SeqCst);
                assert_eq!(session.is_none(), ended);
                if let Some(session) = session {
                    assert_eq!(session.data, counter.counted.load(Ordering::SeqCst));
                }
            }
        });
    }
}
