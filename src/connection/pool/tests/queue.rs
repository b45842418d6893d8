//! The queue beside a model of it: all short sequences of events, and long ones at random.

use proptest::prelude::*;

use crate::connection::pool::queue::{Acquired, Counts, Queue, Released, Ticket};

/// What may happen. The numbers choose from what there is at that time.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A new caller comes, who prefers the idle connection of this number.
    Acquire {
        preferred: usize,
    },
    /// A caller that waits gives up.
    Cancel(usize),
    /// A caller that has been served cancels too late.
    CancelServed,
    /// A place is released.
    Release {
        holder: usize,
        is_usable: bool,
    },
    /// The connection that has been idle longest expires.
    Expire,
    Close,
}

#[derive(Debug, Clone)]
struct Run {
    queue: Queue<u32, u32>,
    size: u32,
    model: Model,
}

/// What the queue must be in, in the plainest form.
#[derive(Debug, Clone, Default)]
struct Model {
    idle: Vec<u32>,
    /// Who uses a place, and its connection if it is open.
    holders: Vec<(u32, Option<u32>)>,
    waiting: Vec<(u32, Ticket)>,
    served: Vec<Ticket>,
    closed: bool,
    hand_offs: u64,
    callers: u32,
    connections: u32,
}

impl Run {
    fn new(size: u32) -> Run {
        Run {
            queue: Queue::new(size),
            size,
            model: Model::default(),
        }
    }

    /// Lets an event happen, and checks what the queue decides. Returns false if it cannot happen now.
    fn step(&mut self, event: Event) -> bool {
        let happened = match event {
            Event::Acquire { preferred } => self.acquire(preferred),
            Event::Cancel(index) => self.cancel(index),
            Event::CancelServed => self.cancel_served(),
            Event::Release { holder, is_usable } => self.release(holder, is_usable),
            Event::Expire => self.expire(),
            Event::Close => self.close(),
        };
        self.check();
        happened
    }

    fn free(&self) -> u32 {
        self.size - u32::try_from(self.model.holders.len()).unwrap()
    }

    fn acquire(&mut self, preferred: usize) -> bool {
        let model = &mut self.model;
        let caller = model.callers;
        model.callers += 1;
        let wish = model.idle.get(preferred).copied();
        match self.queue.acquire(|connection| Some(*connection) == wish) {
            Acquired::Closed => assert!(model.closed),
            Acquired::Place(connection) => {
                assert!(!model.closed);
                let expected = wish.or(model.idle.first().copied());
                assert_eq!(connection, expected, "the preferred one, else the oldest");
                model.idle.retain(|idle| Some(*idle) != connection);
                model.holders.push((caller, connection));
            }
            Acquired::Full => {
                assert!(!model.closed);
                assert_eq!(self.free(), 0);
                let ticket = self.queue.wait(caller);
                self.model.waiting.push((caller, ticket));
            }
        }
        true
    }

    fn cancel(&mut self, index: usize) -> bool {
        let model = &mut self.model;
        if index >= model.waiting.len() {
            return false;
        }
        let (_, ticket) = model.waiting.remove(index);
        assert!(self.queue.cancel(ticket));
        model.served.push(ticket);
        true
    }

    fn cancel_served(&mut self) -> bool {
        for ticket in &self.model.served {
            assert!(!self.queue.cancel(*ticket), "no longer in the queue");
        }
        !self.model.served.is_empty()
    }

    fn release(&mut self, holder: usize, is_usable: bool) -> bool {
        let model = &mut self.model;
        if holder >= model.holders.len() {
            return false;
        }
        let (_, connection) = model.holders.remove(holder);
        // A place without a connection gets one while it is in use, or stays without if that fails.
        let connection = is_usable.then(|| {
            connection.unwrap_or_else(|| {
                model.connections += 1;
                model.connections
            })
        });
        let next = (!model.waiting.is_empty()).then(|| model.waiting.remove(0));
        let released = self.queue.release(connection);
        match next {
            _ if model.closed => assert_eq!(released, Released::Refused(connection)),
            Some((caller, ticket)) => {
                assert_eq!(released, Released::HandedTo(caller, connection));
                model.holders.push((caller, connection));
                model.served.push(ticket);
                model.hand_offs += 1;
            }
            None => {
                assert_eq!(released, Released::Kept);
                model.idle.extend(connection);
            }
        }
        true
    }

    fn expire(&mut self) -> bool {
        let model = &mut self.model;
        assert_eq!(self.queue.take_expired(|_| false), None);
        let oldest = self.queue.take_expired(|_| true);
        assert_eq!(oldest, model.idle.first().copied());
        if oldest.is_some() {
            model.idle.remove(0);
        }
        oldest.is_some()
    }

    fn close(&mut self) -> bool {
        let model = &mut self.model;
        let waiting: Vec<u32> = model.waiting.iter().map(|(caller, _)| *caller).collect();
        assert_eq!(self.queue.close(), (model.idle.clone(), waiting));
        model.idle.clear();
        model
            .served
            .extend(model.waiting.drain(..).map(|(_, ticket)| ticket));
        !std::mem::replace(&mut model.closed, true)
    }

    fn check(&self) {
        let model = &self.model;
        let idle = model.idle.len();
        let free = self.free();
        let expected = Counts {
            idle,
            unopened: free - u32::try_from(idle).unwrap(),
            waiting: model.waiting.len(),
            hand_offs: model.hand_offs,
        };
        assert_eq!(self.queue.counts(), expected);
        assert!(
            model.waiting.is_empty() || free == 0,
            "a caller waits while a place is free"
        );
    }
}

fn events(holders: usize, waiting: usize) -> Vec<Event> {
    let mut events = vec![
        Event::Acquire { preferred: 0 },
        Event::Acquire { preferred: 1 },
        Event::CancelServed,
        Event::Expire,
        Event::Close,
    ];
    events.extend((0..waiting).map(Event::Cancel));
    for is_usable in [true, false] {
        events.extend((0..holders).map(|holder| Event::Release { holder, is_usable }));
    }
    events
}

/// Returns the number of sequences.
fn explore(run: &Run, depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    events(run.model.holders.len(), run.model.waiting.len())
        .into_iter()
        .map(|event| {
            let mut run = run.clone();
            if run.step(event) {
                explore(&run, depth - 1)
            } else {
                0
            }
        })
        .sum()
}

#[test]
fn all_sequences_of_seven_events_follow_the_model() {
    for size in 1..=3 {
        let sequences = explore(&Run::new(size), 7);
        assert!(sequences > 10_000, "{sequences}");
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..4_usize).prop_map(|preferred| Event::Acquire { preferred }),
        2 => (0..6_usize).prop_map(Event::Cancel),
        1 => Just(Event::CancelServed),
        6 => (0..4_usize, prop::bool::weighted(0.8))
            .prop_map(|(holder, is_usable)| Event::Release { holder, is_usable }),
        1 => Just(Event::Expire),
    ]
}

proptest! {
    #[test]
    fn long_sequences_follow_the_model(
        size in 1..5_u32,
        sequence in prop::collection::vec(event(), 1..300),
    ) {
        let mut run = Run::new(size);
        for event in sequence {
            run.step(event);
        }
        // No place is lost: in the end each caller has been served.
        while run.step(Event::Release { holder: 0, is_usable: true }) {}
        prop_assert_eq!(run.free(), size);
        prop_assert!(run.model.waiting.is_empty());
        run.step(Event::Close);
        prop_assert_eq!(run.queue.counts().unopened, size);
    }
}
