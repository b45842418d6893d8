//! Threads that acquire and release, with timeouts and panics. Their connections are never opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::connection::pool::options::PoolOptions;
use crate::connection::pool::places::{AcquireError, Places};
use crate::connection::pool::status::PoolStatus;

const AT_ONCE: Duration = Duration::from_nanos(1);
const LONG: Duration = Duration::from_secs(300);

fn places(size: u32) -> Places {
    Places::new(PoolOptions {
        size,
        max_lifetime: LONG,
        idle_timeout: None,
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
    let first = places.acquire(AT_ONCE);
    let second = places.acquire(AT_ONCE);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(places.acquire(AT_ONCE).err(), Some(AcquireError::Timeout));
    drop(first);
    assert!(places.acquire(AT_ONCE).is_ok());
    let status = PoolStatus {
        size: 2,
        open: 1,
        idle: 0,
        waiting: 0,
        hand_offs: 0,
    };
    assert_eq!(places.status(), status);
}

#[test]
fn waiting_callers_are_served_in_the_order_of_their_arrival() {
    const CALLERS: u32 = 8;
    let places = places(1);
    let taken = places.acquire(AT_ONCE);
    let (served, order) = mpsc::channel();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (places, served) = (&places, served.clone());
            scope.spawn(move || {
                let place = places.acquire(LONG);
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

/// The place belongs to the caller that has waited, even before its thread has woken.
#[test]
fn released_place_cannot_be_taken_from_waiting_caller() {
    let places = places(1);
    let taken = places.acquire(AT_ONCE).ok();
    let waiting = places.enqueue(&mut places.lock());
    drop(taken);
    assert_eq!(places.acquire(AT_ONCE).err(), Some(AcquireError::Timeout));
    assert_eq!(places.status().hand_offs, 1);
    drop(waiting);
    assert!(places.acquire(AT_ONCE).is_ok());
}

#[test]
fn panic_releases_connection() {
    let places = places(1);
    let panicked = thread::scope(|scope| {
        scope
            .spawn(|| {
                let _connection = places.acquire(AT_ONCE);
                panic!("on purpose");
            })
            .join()
    });
    assert!(panicked.is_err());
    assert!(places.acquire(AT_ONCE).is_ok());
}

#[test]
fn close_wakes_waiting_callers() {
    let places = places(1);
    let taken = places.acquire(AT_ONCE);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| places.acquire(LONG).err()))
            .collect();
        wait_for(&places, 4);
        places.close();
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Some(AcquireError::Closed));
        }
    });
    drop(taken);
    assert_eq!(places.acquire(AT_ONCE).err(), Some(AcquireError::Closed));
    assert_eq!(places.status().open, 0);
}

/// A place that arrives for a caller that no longer wants it goes to the next.
#[test]
fn place_of_caller_that_gave_up_is_handed_on() {
    let places = places(1);
    let taken = places.acquire(AT_ONCE).ok();
    let gives_up = places.enqueue(&mut places.lock());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| places.acquire(LONG).is_ok());
        wait_for(&places, 2);
        drop(taken);
        assert_eq!(places.status().waiting, 1, "the first has got the place");
        drop(gives_up);
        assert!(waiting.join().unwrap());
    });
    assert_eq!(places.status().hand_offs, 2);
    assert!(places.acquire(AT_ONCE).is_ok());
}

/// More threads than places, with timeouts as short as a call, and panics. In the end no place is missing.
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
                        let place = places.acquire(timeout);
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
                            Err(AcquireError::Closed) => panic!("closed"),
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
    let all: Vec<_> = (0..SIZE).map(|_| places.acquire(AT_ONCE)).collect();
    assert!(all.iter().all(Result::is_ok));
}
