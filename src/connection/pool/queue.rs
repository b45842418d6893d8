//! Who gets which connection, as a state machine without threads, clocks and connections.

use std::collections::VecDeque;

use crate::functions::Admission;

/// How many of the last released connections are searched.
const MAX_SEARCH: usize = 32;

/// The places of a pool, each with or without an open connection `C`, and the callers `W` that wait for one.
///
/// A place that is released goes to the caller that has waited longest and may have it. No other can take it. So a caller waits
/// only while it may have none of the free places. Open connections come before others, so that no more are opened than are in
/// use at the same time.
#[derive(Debug, Clone)]
pub(super) struct Queue<C, W> {
    /// By the time of their release.
    idle: VecDeque<C>,
    /// The free places without a connection.
    unopened: u32,
    /// One line for each [`Purpose`]. By the time of their arrival, and so by their tickets.
    waiting: [VecDeque<Waiting<W>>; Purpose::ALL.len()],
    next_ticket: u64,
    /// How many places are in use by calls that may wait for a row.
    blockable: u32,
    max_blockable: u32,
    hand_offs: u64,
    groups: u64,
    grouped_calls: u64,
    largest_group: u32,
    closed: bool,
}

#[derive(Debug, Clone)]
struct Waiting<W> {
    ticket: Ticket,
    waiter: W,
}

/// What a caller wants a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// A call that waits for no row.
    Prompt,
    /// A call that may wait for a row that another call has locked. Such calls use half of the places, or the only one, so that
    /// those of one session cannot keep all others waiting.
    Blockable,
    /// A group of loads. The callers of one group have the same purpose, and may share a place.
    Loads,
    /// A group of loads that do not slide.
    Peeks,
    /// A group of saves.
    Saves,
}

impl Purpose {
    const ALL: [Purpose; 5] = [
        Purpose::Prompt,
        Purpose::Blockable,
        Purpose::Loads,
        Purpose::Peeks,
        Purpose::Saves,
    ];
}

/// The number of a caller that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    number: u64,
    purpose: Purpose,
}

/// What a caller gets at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Acquired<C> {
    /// A place, and its connection if it has one.
    Place(Option<C>),
    /// All places that it may have are in use.
    Full,
    Closed,
}

/// What becomes of a place that is released.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Released<C, W> {
    /// It is this waiter's now, with its connection if it has one.
    HandedTo(W, Option<C>),
    /// It is free.
    Kept,
    /// The pool is closed, and the connection has to be.
    Refused(Option<C>),
}

/// The state at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) idle: usize,
    pub(super) unopened: u32,
    pub(super) waiting: usize,
    pub(super) hand_offs: u64,
    pub(super) groups: u64,
    pub(super) grouped_calls: u64,
    pub(super) largest_group: u32,
}

impl<C, W> Queue<C, W> {
    /// Returns the queue of a pool with so many places.
    pub(super) fn new(size: u32) -> Queue<C, W> {
        Queue {
            idle: VecDeque::new(),
            unopened: size,
            waiting: Purpose::ALL.map(|_| VecDeque::new()),
            next_ticket: 0,
            blockable: 0,
            max_blockable: (size / 2).max(1),
            hand_offs: 0,
            groups: 0,
            grouped_calls: 0,
            largest_group: 0,
            closed: false,
        }
    }

    /// Takes a free place: one with a preferred connection, else the one that has been idle longest, else one without a
    /// connection. The last user of the one that has been idle longest is least likely to ask for it.
    pub(super) fn acquire(
        &mut self,
        purpose: Purpose,
        is_preferred: impl Fn(&C) -> bool,
    ) -> Acquired<C> {
        if self.closed {
            return Acquired::Closed;
        }
        if !self.allows(purpose) {
            return Acquired::Full;
        }
        // What the caller released is near the end; in a large pool it is not worth a long search.
        let last = self.idle.len();
        let preferred = (last.saturating_sub(MAX_SEARCH)..last)
            .rev()
            .find(|&at| is_preferred(&self.idle[at]));
        let connection = self.idle.remove(preferred.unwrap_or(0));
        if connection.is_none() {
            match self.unopened.checked_sub(1) {
                Some(unopened) => self.unopened = unopened,
                None => return Acquired::Full,
            }
        }
        self.begin(purpose);
        Acquired::Place(connection)
    }

    /// Adds a caller that found the pool [full](Acquired::Full).
    pub(super) fn wait(&mut self, purpose: Purpose, waiter: W) -> Ticket {
        let ticket = Ticket {
            number: self.next_ticket,
            purpose,
        };
        self.next_ticket += 1;
        self.waiting[purpose as usize].push_back(Waiting { ticket, waiter });
        ticket
    }

    /// Adds a caller that has waited before. It is served in the order of its first arrival.
    pub(super) fn wait_again(&mut self, ticket: Ticket, purpose: Purpose, waiter: W) -> Ticket {
        let ticket = Ticket { purpose, ..ticket };
        let line = &mut self.waiting[purpose as usize];
        let at = line.partition_point(|waiting| waiting.ticket < ticket);
        line.insert(at, Waiting { ticket, waiter });
        ticket
    }

    /// Removes the callers that share the place of one that got it for this purpose. `admit` decides on each of them.
    pub(super) fn take_group(
        &mut self,
        purpose: Purpose,
        mut admit: impl FnMut(&W) -> Admission,
    ) -> Vec<W> {
        let line = &mut self.waiting[purpose as usize];
        let (mut group, mut others) = (Vec::new(), VecDeque::new());
        while let Some(next) = line.pop_front() {
            match admit(&next.waiter) {
                Admission::Joins => group.push(next.waiter),
                Admission::Waits => others.push_back(next),
                Admission::Full => {
                    others.push_back(next);
                    break;
                }
            }
        }
        // Those behind are later.
        others.append(line);
        *line = others;
        group
    }

    /// Counts a group of so many calls.
    pub(super) fn count_group(&mut self, calls: u32) {
        self.groups += 1;
        self.grouped_calls += u64::from(calls);
        self.largest_group = self.largest_group.max(calls);
    }

    /// Makes a place of another purpose one for a call that may wait for a row, if one more of them is allowed.
    pub(super) fn become_blockable(&mut self) -> bool {
        let allowed = self.allows(Purpose::Blockable);
        if allowed {
            self.begin(Purpose::Blockable);
        }
        allowed
    }

    /// Makes the place of a call that may wait for a row one for another call.
    pub(super) fn become_prompt(&mut self) {
        self.blockable -= 1;
    }

    /// Removes a caller that no longer waits. Returns false if it has been given something before.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> bool {
        let line = &mut self.waiting[ticket.purpose as usize];
        let found = line.binary_search_by_key(&ticket, |waiting| waiting.ticket);
        if let Ok(at) = found {
            line.remove(at);
        }
        found.is_ok()
    }

    /// Hands a place on, with its connection if that can still be used.
    pub(super) fn release(&mut self, purpose: Purpose, connection: Option<C>) -> Released<C, W> {
        if purpose == Purpose::Blockable {
            self.blockable -= 1;
        }
        if self.closed {
            self.unopened += 1;
            return Released::Refused(connection);
        }
        if let Some(Waiting { ticket, waiter }) = self.take_next() {
            self.begin(ticket.purpose);
            self.hand_offs += 1;
            return Released::HandedTo(waiter, connection);
        }
        match connection {
            Some(connection) => self.idle.push_back(connection),
            None => self.unopened += 1,
        }
        Released::Kept
    }

    /// Returns true if a caller may have one of the free places.
    pub(super) fn allows(&self, purpose: Purpose) -> bool {
        purpose != Purpose::Blockable || self.blockable < self.max_blockable
    }

    /// Removes the caller that has waited longest of those that may have a place.
    fn take_next(&mut self) -> Option<Waiting<W>> {
        let first = |purpose: Purpose| Some(self.waiting[purpose as usize].front()?.ticket);
        let next = Purpose::ALL
            .into_iter()
            .filter(|purpose| self.allows(*purpose))
            .filter_map(first)
            .min()?;
        self.waiting[next.purpose as usize].pop_front()
    }

    fn begin(&mut self, purpose: Purpose) {
        if purpose == Purpose::Blockable {
            self.blockable += 1;
        }
    }

    /// Takes the connection that has been idle longest, if it has expired. So the pool shrinks after a peak.
    pub(super) fn take_expired(&mut self, is_expired: impl FnOnce(&C) -> bool) -> Option<C> {
        if !self.idle.front().is_some_and(is_expired) {
            return None;
        }
        self.unopened += 1;
        self.idle.pop_front()
    }

    /// Closes the pool. Returns the connections to close, and the callers that wait in vain.
    pub(super) fn close(&mut self) -> (Vec<C>, Vec<W>) {
        self.closed = true;
        let idle: Vec<C> = self.idle.drain(..).collect();
        self.unopened += u32::try_from(idle.len()).unwrap_or(u32::MAX);
        let waiting = self.waiting.iter_mut().flat_map(|line| line.drain(..));
        (idle, waiting.map(|waiting| waiting.waiter).collect())
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            idle: self.idle.len(),
            unopened: self.unopened,
            waiting: self.waiting.iter().map(VecDeque::len).sum(),
            hand_offs: self.hand_offs,
            groups: self.groups,
            grouped_calls: self.grouped_calls,
            largest_group: self.largest_group,
        }
    }
}
