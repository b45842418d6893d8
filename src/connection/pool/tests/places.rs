//! Threads that acquire and release, with timeouts and panics. Their connections are never opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::connection::pool::members::Members;
use crate::connection::pool::options::{GroupMode, PoolOptions};
use crate::connection::pool::places::Places;
use crate::connection::pool::queue::Purpose;
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

/// Returns a thread's place in the queue of loads, and its waiter.
fn enqueue_load(places: &Places) -> Waiting<'_> {
    let key = SessionKey::new([7; 32]);
    let load = LoadSession {
        key: &key,
        slide: true,
    };
    let call = GroupedCall::new(&load.call()).unwrap();
    let waiter = Arc::new(Waiter::of(Arc::new(call)));
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
