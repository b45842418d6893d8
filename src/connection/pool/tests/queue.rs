//! The queue beside a model of it: all short sequences of events, and long ones at random.

use proptest::prelude::*;

use crate::connection::pool::queue::{Acquired, Counts, Purpose, Queue, Released, Ticket};
use crate::functions::Admission;

/// What may happen. The numbers choose from what there is at that time.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A new caller comes, which prefers the idle connection of this number.
    Acquire {
        purpose: Purpose,
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
    /// The holder of a place for a group takes along those that wait for the same.
    TakeGroup {
        holder: usize,
    },
    /// A member of a group makes its call itself.
    GoAlone {
        member: usize,
        purpose: Purpose,
    },
    /// The holder of a place for a group makes its call itself.
    BecomeBlockable {
        holder: usize,
    },
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
    /// What a place is used for, and its connection if it is open.
    holders: Vec<(Purpose, Option<u32>)>,
    waiting: Vec<Waiting>,
    /// They were taken along.
    members: Vec<Waiting>,
    served: Vec<Ticket>,
    closed: bool,
    hand_offs: u64,
    callers: u32,
    connections: u32,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    caller: u32,
    purpose: Purpose,
    ticket: Ticket,
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
            Event::Acquire { purpose, preferred } => self.acquire(purpose, preferred),
            Event::Cancel(index) => self.cancel(index),
            Event::CancelServed => self.cancel_served(),
            Event::Release { holder, is_usable } => self.release(holder, is_usable),
            Event::Expire => self.expire(),
            Event::TakeGroup { holder } => self.take_group(holder),
            Event::GoAlone { member, purpose } => self.go_alone(member, purpose),
            Event::BecomeBlockable { holder } => self.become_blockable(holder),
            Event::Close => self.close(),
        };
        self.check();
        happened
    }

    fn free(&self) -> u32 {
        self.size - u32::try_from(self.model.holders.len()).unwrap()
    }

    /// Returns true if a caller may have a place, if one is free.
    fn allows(&self, purpose: Purpose) -> bool {
        let blockable = |holder: &&(Purpose, _)| holder.0 == Purpose::Blockable;
        let in_use = self.model.holders.iter().filter(blockable).count();
        purpose != Purpose::Blockable || in_use < (self.size as usize / 2).max(1)
    }

    fn acquire(&mut self, purpose: Purpose, preferred: usize) -> bool {
        let may_have_place = self.free() > 0 && self.allows(purpose);
        let model = &mut self.model;
        let caller = model.callers;
        model.callers += 1;
        let wish = model.idle.get(preferred).copied();
        let acquired = self
            .queue
            .acquire(purpose, |connection| Some(*connection) == wish);
        match acquired {
            Acquired::Closed => assert!(model.closed),
            Acquired::Place(connection) => {
                assert!(!model.closed && may_have_place);
                let expected = wish.or(model.idle.first().copied());
                assert_eq!(connection, expected, "the preferred one, else the oldest");
                model.idle.retain(|idle| Some(*idle) != connection);
                model.holders.push((purpose, connection));
            }
            Acquired::Full => {
                assert!(!model.closed && !may_have_place);
                let ticket = self.queue.wait(purpose, caller);
                model.waiting.push(Waiting {
                    caller,
                    purpose,
                    ticket,
                });
            }
        }
        true
    }

    fn cancel(&mut self, index: usize) -> bool {
        let model = &mut self.model;
        if index >= model.waiting.len() {
            return false;
        }
        let waiting = model.waiting.remove(index);
        assert!(self.queue.cancel(waiting.ticket));
        model.served.push(waiting.ticket);
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
        let (purpose, connection) = model.holders.remove(holder);
        // A place without a connection gets one while it is in use, or stays without if that fails.
        let connection = is_usable.then(|| {
            connection.unwrap_or_else(|| {
                model.connections += 1;
                model.connections
            })
        });
        let released = self.queue.release(purpose, connection);
        let waiting = &self.model.waiting;
        let next = waiting.iter().position(|next| self.allows(next.purpose));
        let model = &mut self.model;
        match next.map(|next| model.waiting.remove(next)) {
            _ if model.closed => assert_eq!(released, Released::Refused(connection)),
            Some(next) => {
                assert_eq!(released, Released::HandedTo(next.caller, connection));
                model.holders.push((next.purpose, connection));
                model.served.push(next.ticket);
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

    /// Takes a group of the callers that wait: two at most. Each fourth caller waits for another group.
    fn take_group(&mut self, holder: usize) -> bool {
        let model = &mut self.model;
        let Some((purpose @ (Purpose::Loads | Purpose::Saves), _)) = model.holders.get(holder)
        else {
            return false;
        };
        let joins = |caller: u32| caller % 4 != 0;
        let mut joined = 0;
        let group = self.queue.take_group(*purpose, |caller| {
            if joined == 2 {
                Admission::Full
            } else if joins(*caller) {
                joined += 1;
                Admission::Joins
            } else {
                Admission::Waits
            }
        });
        let is_member = |next: &&Waiting| next.purpose == *purpose && joins(next.caller);
        let members: Vec<Waiting> = model
            .waiting
            .iter()
            .filter(is_member)
            .take(2)
            .copied()
            .collect();
        assert_eq!(
            group,
            members.iter().map(|next| next.caller).collect::<Vec<_>>()
        );
        model
            .waiting
            .retain(|next| !members.iter().any(|member| member.ticket == next.ticket));
        for member in &members {
            assert!(!self.queue.cancel(member.ticket));
        }
        model.members.extend(&members);
        !members.is_empty()
    }

    fn go_alone(&mut self, member: usize, purpose: Purpose) -> bool {
        if member >= self.model.members.len() {
            return false;
        }
        let may_have_place = self.free() > 0 && self.allows(purpose);
        let model = &mut self.model;
        let mut member = model.members.remove(member);
        match self.queue.acquire(purpose, |_| false) {
            Acquired::Closed => assert!(model.closed),
            Acquired::Place(connection) => {
                assert!(may_have_place);
                model.idle.retain(|idle| Some(*idle) != connection);
                model.holders.push((purpose, connection));
            }
            Acquired::Full => {
                assert!(!may_have_place);
                member.ticket = self.queue.wait_again(member.ticket, purpose, member.caller);
                member.purpose = purpose;
                model.waiting.push(member);
                // The callers are numbered by their arrival.
                model.waiting.sort_by_key(|next| next.caller);
            }
        }
        true
    }

    fn become_blockable(&mut self, holder: usize) -> bool {
        let allowed = self.allows(Purpose::Blockable);
        let Some((purpose @ Purpose::Saves, _)) = self.model.holders.get_mut(holder) else {
            return false;
        };
        assert_eq!(self.queue.become_blockable(), allowed);
        if allowed {
            *purpose = Purpose::Blockable;
        }
        allowed
    }

    fn close(&mut self) -> bool {
        let model = &mut self.model;
        let mut waiting: Vec<u32> = model.waiting.iter().map(|next| next.caller).collect();
        let (idle, mut woken) = self.queue.close();
        waiting.sort_unstable();
        woken.sort_unstable();
        assert_eq!((&idle, woken), (&model.idle, waiting));
        model.idle.clear();
        model
            .served
            .extend(model.waiting.drain(..).map(|next| next.ticket));
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
            ..Counts::default()
        };
        assert_eq!(self.queue.counts(), expected);
        assert!(
            free == 0 || !model.waiting.iter().any(|next| self.allows(next.purpose)),
            "a caller waits while it may have a free place"
        );
    }
}

fn events(holders: usize, waiting: usize, members: usize) -> Vec<Event> {
    let mut events = vec![
        Event::Acquire {
            purpose: Purpose::Prompt,
            preferred: 1,
        },
        Event::Acquire {
            purpose: Purpose::Blockable,
            preferred: 0,
        },
        Event::Acquire {
            purpose: Purpose::Saves,
            preferred: 0,
        },
        Event::CancelServed,
        Event::Expire,
        Event::Close,
    ];
    events.extend((0..waiting).map(Event::Cancel));
    events.extend((0..holders).map(|holder| Event::TakeGroup { holder }));
    events.extend((0..holders).map(|holder| Event::BecomeBlockable { holder }));
    let purpose = Purpose::Blockable;
    events.extend((0..members).map(|member| Event::GoAlone { member, purpose }));
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
    let model = &run.model;
    events(
        model.holders.len(),
        model.waiting.len(),
        model.members.len(),
    )
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
fn all_sequences_of_six_events_follow_the_model() {
    for size in 1..=3 {
        let sequences = explore(&Run::new(size), 6);
        assert!(sequences > 10_000, "{sequences}");
    }
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop::sample::select(&[
        Purpose::Prompt,
        Purpose::Blockable,
        Purpose::Loads,
        Purpose::Saves,
    ])
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (purpose(), 0..4_usize)
            .prop_map(|(purpose, preferred)| Event::Acquire { purpose, preferred }),
        2 => (0..6_usize).prop_map(Event::Cancel),
        1 => Just(Event::CancelServed),
        6 => (0..4_usize, prop::bool::weighted(0.8))
            .prop_map(|(holder, is_usable)| Event::Release { holder, is_usable }),
        1 => Just(Event::Expire),
        3 => (0..4_usize).prop_map(|holder| Event::TakeGroup { holder }),
        2 => (0..4_usize, purpose())
            .prop_map(|(member, purpose)| Event::GoAlone { member, purpose }),
        1 => (0..4_usize).prop_map(|holder| Event::BecomeBlockable { holder }),
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
