//! Threads that acquire and release, with timeouts and panics. Their connections are never opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::connection::pool::members::Members;
use crate::connection::pool::options::{GroupMode, PoolOptions};
use crate::connection::pool::place::PooledConnection;
use crate::connection::pool::places::Places;
use crate::connection::pool::queue::{Purpose, Ticket};
use crate::connection::pool::status::PoolStatus;
use crate::connection::pool::waiter::Waiter;
use crate::connection::pool::waiting::{AcquireError, Turn, Waiting};
use crate::functions::{Admission, Function, GroupReply, GroupedCall, LoadSession};
use crate::session::SessionKey;

const AT_ONCE: Duration = Duration::from_nanos(1);
const LONG: Duration = Duration::from_secs(300);

fn places(size: u32) -> Places {
    Places::new(PoolOptions {
        size,
        max_lifetime: LONG,
        idle_timeout: None,
        group_mode: GroupMode::Waiting,
    })
}

fn wait_for(places: &Places, waiting: u32) {
    while places.status().waiting != waiting {
        thread::yield_now();
    }
}

#[test]
fn acquire_returns_at_most_size_connections() {
    let places = places(2);
    let first = places.acquire(Purpose::Prompt, None, AT_ONCE);
    let second = places.acquire(Purpose::Prompt, None, AT_ONCE);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(
        places.acquire(Purpose::Prompt, None, AT_ONCE).err(),
        Some(AcquireError::Timeout)
    );
    drop(first);
    assert!(places.acquire(Purpose::Prompt, None, AT_ONCE).is_ok());
    let status = PoolStatus {
        size: 2,
        open: 1,
        idle: 0,
        waiting: 0,
        hand_offs: 0,
        groups: 0,
        grouped_calls: 0,
        largest_group: 0,
    };
    assert_eq!(places.status(), status);
}

#[test]
fn waiting_callers_are_served_in_the_order_of_their_arrival() {
    const CALLERS: u32 = 8;
    let places = places(1);
    let taken = places.acquire(Purpose::Prompt, None, AT_ONCE);
    let (served, order) = mpsc::channel();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (places, served) = (&places, served.clone());
            scope.spawn(move || {
                let place = places.acquire(Purpose::Prompt, None, LONG);
                served.send(caller).unwrap();
                drop(place);
            });
            wait_for(places, caller + 1);
        }
        drop(taken);
    });
    let order: Vec<u32> = order.try_iter().collect();
    assert_eq!(order, (0..CALLERS).collect::<Vec<_>>());
    assert_eq!(places.status().hand_offs, u64::from(CALLERS));
}

// The place belongs to the caller that has waited, even before its thread runs again.
#[test]
fn released_place_cannot_be_taken_from_waiting_caller() {
    let places = places(1);
    let taken = places.acquire(Purpose::Prompt, None, AT_ONCE).ok();
    let waiting = places.enqueue(&mut places.lock(), Purpose::Prompt, None, Arc::default());
    drop(taken);
    assert_eq!(
        places.acquire(Purpose::Prompt, None, AT_ONCE).err(),
        Some(AcquireError::Timeout)
    );
    assert_eq!(places.status().hand_offs, 1);
    drop(waiting);
    assert!(places.acquire(Purpose::Prompt, None, AT_ONCE).is_ok());
}

#[test]
fn panic_releases_connection() {
    let places = places(1);
    let panicked = thread::scope(|scope| {
        scope
            .spawn(|| {
                let _connection = places.acquire(Purpose::Prompt, None, AT_ONCE);
                panic!("on purpose");
            })
            .join()
    });
    assert!(panicked.is_err());
    assert!(places.acquire(Purpose::Prompt, None, AT_ONCE).is_ok());
}

#[test]
fn close_wakes_waiting_callers() {
    let places = places(1);
    let taken = places.acquire(Purpose::Prompt, None, AT_ONCE);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| places.acquire(Purpose::Prompt, None, LONG).err()))
            .collect();
        wait_for(&places, 4);
        places.close();
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Some(AcquireError::Closed));
        }
    });
    drop(taken);
    assert_eq!(
        places.acquire(Purpose::Prompt, None, AT_ONCE).err(),
        Some(AcquireError::Closed)
    );
    assert_eq!(places.status().open, 0);
}

// A place that arrives for a caller that has given up goes to the next.
#[test]
fn place_of_caller_that_gave_up_is_handed_on() {
    let places = places(1);
    let taken = places.acquire(Purpose::Prompt, None, AT_ONCE).ok();
    let gives_up = places.enqueue(&mut places.lock(), Purpose::Prompt, None, Arc::default());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| places.acquire(Purpose::Prompt, None, LONG).is_ok());
        wait_for(&places, 2);
        drop(taken);
        assert_eq!(places.status().waiting, 1, "the first has got the place");
        drop(gives_up);
        assert!(waiting.join().unwrap());
    });
    assert_eq!(places.status().hand_offs, 2);
    assert!(places.acquire(Purpose::Prompt, None, AT_ONCE).is_ok());
}

#[test]
fn calls_that_may_block_use_half_of_the_places() {
    for (size, half) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (8, 4)] {
        let places = places(size);
        let acquire = |purpose| places.acquire(purpose, None, AT_ONCE);
        let mut blockable: Vec<_> = (0..half).map(|_| acquire(Purpose::Blockable)).collect();
        assert!(blockable.iter().all(Result::is_ok));
        let refused = acquire(Purpose::Blockable).err();
        assert_eq!(refused, Some(AcquireError::Blocked), "{size}");
        let prompt: Vec<_> = (half..size).map(|_| acquire(Purpose::Prompt)).collect();
        assert!(prompt.iter().all(Result::is_ok));
        assert_eq!(acquire(Purpose::Prompt).err(), Some(AcquireError::Timeout));
        blockable.pop();
        let all_in_use = acquire(Purpose::Prompt);
        assert!(all_in_use.is_ok());
        assert_eq!(
            acquire(Purpose::Blockable).err(),
            Some(AcquireError::Timeout)
        );
    }
}

// A call that may block waits for another of its kind, and those behind it need not.
#[test]
fn prompt_caller_passes_blockable_one_that_may_have_no_place() {
    let places = places(2);
    let blockable = places.acquire(Purpose::Blockable, None, AT_ONCE).ok();
    let prompt = places.acquire(Purpose::Prompt, None, AT_ONCE).ok();
    let second_blockable =
        places.enqueue(&mut places.lock(), Purpose::Blockable, None, Arc::default());
    let second_prompt = places.enqueue(&mut places.lock(), Purpose::Prompt, None, Arc::default());
    drop(prompt);
    assert!(second_prompt.has_arrived() && !second_blockable.has_arrived());
    drop(second_prompt);
    let status = places.status();
    assert_eq!((status.waiting, status.hand_offs), (1, 1));
    drop(blockable);
    assert!(second_blockable.has_arrived());
}

fn grouped_load() -> Arc<GroupedCall> {
    let key = SessionKey::new([7; 32]);
    let load = LoadSession {
        key: &key,
        slide: true,
    };
    Arc::new(GroupedCall::new(&load.call()).unwrap())
}

/// Returns a thread's place in the queue of loads.
fn enqueue_load(places: &Places) -> Waiting<'_> {
    let waiter = Arc::new(Waiter::of(grouped_load()));
    places.enqueue(&mut places.lock(), Purpose::Loads, None, waiter)
}

// Its call is on its way, so a thread waits on for that, however short its timeout was.
#[test]
fn member_of_group_waits_for_its_leader() {
    let places = places(1);
    let leader = places.acquire(Purpose::Loads, None, AT_ONCE).unwrap();
    let member = enqueue_load(&places);
    let group = leader.take_group(|_| Admission::Joins);
    let members = Members::new(group, false);
    assert_eq!(members.calls().count(), 1);
    let result = thread::scope(|scope| {
        let waiting = scope.spawn(|| member.wait(AT_ONCE));
        // It gives up the queue before or after this, and gets the message.
        thread::yield_now();
        let mut no_replies = GroupReply::default();
        no_replies.may_have_executed = true;
        members.answer(no_replies);
        waiting.join().unwrap()
    });
    assert!(matches!(
        result,
        Ok(Turn::Alone {
            may_have_executed: true
        })
    ));
}

// Its members learn that their calls may have been made, as far as the leader could have made them.
#[test]
fn panic_of_leader_leaves_members_alone() {
    for changes in [true, false] {
        let places = places(1);
        let leader = places.acquire(Purpose::Loads, None, AT_ONCE).unwrap();
        let member = enqueue_load(&places);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _members = Members::new(leader.take_group(|_| Admission::Joins), changes);
            std::panic::resume_unwind(Box::new("on purpose"));
        }));
        assert!(panicked.is_err());
        let turn = member.wait(LONG);
        assert!(
            matches!(turn, Ok(Turn::Alone { may_have_executed }) if may_have_executed == changes)
        );
        drop(leader);
        assert!(places.acquire(Purpose::Prompt, None, AT_ONCE).is_ok());
    }
}

/// What becomes of a waiting thread between its timeout and the moment when it leaves the queue.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Nothing,
    Released,
    Answered,
    LeaderPanicked,
    Closed,
}

#[test]
fn caller_that_gives_up_keeps_what_was_decided_for_it_meanwhile() {
    use Meanwhile::{Answered, Closed, LeaderPanicked, Nothing, Released};
    for meanwhile in [Nothing, Released, Answered, LeaderPanicked, Closed] {
        let places = places(1);
        let leader = places.acquire(Purpose::Loads, None, AT_ONCE).unwrap();
        let waiting = enqueue_load(&places);
        let members = || Members::new(leader.take_group(|_| Admission::Joins), false);
        match meanwhile {
            Nothing | Released => {}
            Answered => members().answer(GroupReply::default()),
            LeaderPanicked => drop(members()),
            Closed => places.close(),
        }
        let leader = match meanwhile {
            Released => {
                drop(leader);
                None
            }
            _ => Some(leader),
        };
        let expected = match (meanwhile, waiting.give_up()) {
            (Nothing, Err(AcquireError::Timeout))
            | (Closed, Err(AcquireError::Closed))
            | (Released, Ok(Turn::Lead(_))) => true,
            (Answered | LeaderPanicked, Ok(Turn::Alone { may_have_executed })) => {
                !may_have_executed
            }
            _ => false,
        };
        assert!(expected, "{meanwhile:?}");
        drop(leader);
        assert_eq!(places.status().waiting, 0);
        let next = places.acquire(Purpose::Prompt, None, AT_ONCE).err();
        let expected = matches!(meanwhile, Closed).then_some(AcquireError::Closed);
        assert_eq!(next, expected, "{meanwhile:?}");
    }
}

/// What the threads of a stress test did.
#[derive(Default)]
struct Tally {
    in_use: AtomicU32,
    led: AtomicU64,
    /// Calls that leaders took along.
    taken: AtomicU64,
    /// Calls that were taken along, as their own threads learned.
    alone: AtomicU64,
    late: AtomicU64,
}

/// One thread of a stress test.
struct Stress<'a> {
    places: &'a Places,
    tally: &'a Tally,
    call: Arc<GroupedCall>,
    closes: bool,
    random: u32,
}

impl Stress<'_> {
    const SIZE: u32 = 4;

    fn below(&mut self, limit: u32) -> u32 {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.random >> 8) % limit
    }

    fn purpose(&mut self) -> Purpose {
        match self.below(3) {
            0 => Purpose::Loads,
            1 => Purpose::Peeks,
            _ => Purpose::Saves,
        }
    }

    /// Waits for ever, or for about as long as another thread needs.
    fn timeout(&mut self) -> Duration {
        match self.below(3) {
            0 => LONG,
            _ => Duration::from_micros(u64::from(self.below(40))),
        }
    }

    /// Makes one call: by itself, or in a group. A part of them panics with a place.
    fn make_call(&mut self) {
        let timeout = self.timeout();
        if self.below(3) == 0 {
            let purpose = [Purpose::Prompt, Purpose::Blockable][self.below(2) as usize];
            self.use_alone(purpose, None, timeout);
            return;
        }
        let purpose = self.purpose();
        match self.places.join(purpose, &self.call, timeout) {
            Ok((Turn::Lead(connection), _)) => self.lead(purpose, connection),
            Ok((Turn::Alone { .. }, ticket)) => {
                self.tally.alone.fetch_add(1, Ordering::SeqCst);
                self.use_alone(Purpose::Blockable, ticket, LONG);
            }
            Ok((Turn::Reply(_), _)) => panic!("no leader replies"),
            Err(error) => self.note(error, timeout),
        }
    }

    fn use_alone(&mut self, purpose: Purpose, ticket: Option<Ticket>, timeout: Duration) {
        match self.places.acquire(purpose, ticket, timeout) {
            Ok(_connection) => self.use_place(),
            Err(error) => self.note(error, timeout),
        }
    }

    fn lead(&mut self, purpose: Purpose, mut connection: PooledConnection<'_>) {
        let mut most = self.below(4);
        let group = connection.take_group(|_| match most.checked_sub(1) {
            Some(left) => {
                most = left;
                Admission::Joins
            }
            None => Admission::Full,
        });
        self.tally.led.fetch_add(1, Ordering::SeqCst);
        self.tally
            .taken
            .fetch_add(group.len() as u64, Ordering::SeqCst);
        let members = Members::new(group, true);
        if purpose == Purpose::Saves && members.is_empty() {
            connection.become_blockable();
        }
        self.use_place();
        if self.below(2) == 0 {
            drop(connection);
            members.answer(GroupReply::default());
        } else {
            members.answer(GroupReply::default());
            drop(connection);
        }
    }

    fn use_place(&mut self) {
        assert!(self.tally.in_use.fetch_add(1, Ordering::SeqCst) < Self::SIZE);
        if self.below(3) == 0 {
            thread::yield_now();
        }
        self.tally.in_use.fetch_sub(1, Ordering::SeqCst);
        if self.below(20) == 0 {
            // Without the panic hook, which would print it.
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }

    fn note(&self, error: AcquireError, timeout: Duration) {
        match error {
            AcquireError::Timeout | AcquireError::Blocked => {
                assert_ne!(timeout, LONG, "{error:?}");
                self.tally.late.fetch_add(1, Ordering::SeqCst);
            }
            AcquireError::Closed => assert!(self.closes, "the pool is open"),
        }
    }
}

// The pool is closed in half of the rounds, while threads hold places, wait and lead. Each thread ends, and each call that a leader
// took along was answered once.
#[test]
fn groups_timeouts_panics_and_close_lose_no_place_and_no_answer() {
    const THREADS: u32 = 10;
    const CALLS: u32 = 300;
    let (mut taken, mut late) = (0, 0);
    for round in 0..10_u32 {
        let places = places(Stress::SIZE);
        let tally = Tally::default();
        let closes = round % 2 == 1;
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (places, tally) = (&places, &tally);
                scope.spawn(move || {
                    let mut stress = Stress {
                        places,
                        tally,
                        call: grouped_load(),
                        closes,
                        random: round * THREADS + thread,
                    };
                    for call in 0..CALLS {
                        if closes && thread == 0 && call == CALLS / 2 {
                            places.close();
                        }
                        let result = catch_unwind(AssertUnwindSafe(|| stress.make_call()));
                        if let Err(panic) = result {
                            assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
                        }
                    }
                });
            }
        });
        assert_eq!(tally.taken.load(Ordering::SeqCst), tally.alone.into_inner());
        let status = places.status();
        assert_eq!((status.open, status.idle, status.waiting), (0, 0, 0));
        let most_blockable = if closes { 0 } else { Stress::SIZE / 2 };
        let blockable: Vec<_> = (0..Stress::SIZE)
            .map_while(|_| places.acquire(Purpose::Blockable, None, AT_ONCE).ok())
            .collect();
        assert_eq!(blockable.len(), most_blockable as usize);
        let rest: Vec<_> = (0..=Stress::SIZE)
            .map_while(|_| places.acquire(Purpose::Prompt, None, AT_ONCE).ok())
            .collect();
        let all = if closes { 0 } else { Stress::SIZE };
        assert_eq!(blockable.len() + rest.len(), all as usize);
        assert!(tally.led.into_inner() > 0);
        taken += tally.taken.into_inner();
        late += tally.late.into_inner();
    }
    assert!(taken > 0 && late > 0, "{taken} taken along, {late} late");
}

// More threads than places, with timeouts as short as a call, and panics. In the end no place is missing.
#[test]
fn timeouts_and_panics_leak_no_place() {
    const SIZE: u32 = 3;
    const ROUNDS: u32 = 3000;
    let places = places(SIZE);
    let (in_use, served, late) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (places, in_use, served, late) = (&places, &in_use, &served, &late);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let number = thread * ROUNDS + round;
                    let timeout = if number % 4 == 0 {
                        LONG
                    } else {
                        Duration::from_micros(u64::from(number % 29))
                    };
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        let place = places.acquire(Purpose::Prompt, None, timeout);
                        match &place {
                            Ok(_) => {
                                assert!(in_use.fetch_add(1, Ordering::SeqCst) < SIZE);
                                served.fetch_add(1, Ordering::SeqCst);
                                if number % 3 == 0 {
                                    thread::yield_now();
                                }
                                in_use.fetch_sub(1, Ordering::SeqCst);
                                // Without the panic hook, which would print it.
                                if number % 50 == 0 {
                                    std::panic::resume_unwind(Box::new(number));
                                }
                            }
                            Err(AcquireError::Timeout) => {
                                assert_ne!(timeout, LONG);
                                late.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(error) => panic!("{error:?}"),
                        }
                    }));
                    assert!(
                        result.is_ok() || number % 50 == 0,
                        "more than {SIZE} in use, or closed"
                    );
                }
            });
        }
    });
    let (served, late) = (served.into_inner(), late.into_inner());
    assert_eq!(served + late, u64::from(8 * ROUNDS));
    let status = places.status();
    assert_eq!((status.open, status.idle, status.waiting), (0, 0, 0));
    assert!(status.hand_offs > 0 && late > 0, "{status:?}, {late} late");
    let all: Vec<_> = (0..SIZE)
        .map(|_| places.acquire(Purpose::Prompt, None, AT_ONCE))
        .collect();
    assert!(all.iter().all(Result::is_ok));
}
