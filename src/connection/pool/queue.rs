//! Who gets which connection, as a state machine without threads, clocks and connections.

use std::collections::VecDeque;

/// How many of the last released connections are searched.
const MAX_SEARCH: usize = 32;

/// The places of a pool, each with or without an open connection `C`, and the callers `W` that wait for one.
///
/// A place that is released goes to the caller that has waited longest, and nobody else can take it. So there is no free place
/// while a caller waits. Open connections come before others, so that no more are opened than are in use at the same time.
#[derive(Debug, Clone)]
pub(super) struct Queue<C, W> {
    /// By the time of their release.
    idle: VecDeque<C>,
    /// The free places without a connection.
    unopened: u32,
    /// By the time of their arrival, and so by their tickets.
    waiting: VecDeque<Waiting<W>>,
    next_ticket: u64,
    hand_offs: u64,
    closed: bool,
}

#[derive(Debug, Clone)]
struct Waiting<W> {
    ticket: Ticket,
    waiter: W,
}

/// The number of a caller that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What a caller gets at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Acquired<C> {
    /// A place, and its connection if it has one.
    Place(Option<C>),
    /// All places are in use.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) idle: usize,
    pub(super) unopened: u32,
    pub(super) waiting: usize,
    pub(super) hand_offs: u64,
}

impl<C, W> Queue<C, W> {
    /// Returns the queue of a pool with so many places.
    pub(super) fn new(size: u32) -> Queue<C, W> {
        Queue {
            idle: VecDeque::new(),
            unopened: size,
            waiting: VecDeque::new(),
            next_ticket: 0,
            hand_offs: 0,
            closed: false,
        }
    }

    /// Takes a free place: one with a preferred connection, else the one that has been idle longest, which its last user is
    /// least likely to want, else one without a connection.
    pub(super) fn acquire(&mut self, is_preferred: impl Fn(&C) -> bool) -> Acquired<C> {
        if self.closed {
            return Acquired::Closed;
        }
        // What the caller released is near the end; in a large pool it is not worth a long search.
        let last = self.idle.len();
        let preferred = (last.saturating_sub(MAX_SEARCH)..last)
            .rev()
            .find(|&at| is_preferred(&self.idle[at]));
        if let Some(connection) = self.idle.remove(preferred.unwrap_or(0)) {
            return Acquired::Place(Some(connection));
        }
        match self.unopened.checked_sub(1) {
            Some(unopened) => {
                self.unopened = unopened;
                Acquired::Place(None)
            }
            None => Acquired::Full,
        }
    }

    /// Adds a caller that found the pool [full](Acquired::Full).
    pub(super) fn wait(&mut self, waiter: W) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.waiting.push_back(Waiting { ticket, waiter });
        ticket
    }

    /// Removes a caller that no longer waits. Returns false if it has been given something before.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> bool {
        let found = self
            .waiting
            .binary_search_by_key(&ticket, |waiting| waiting.ticket);
        if let Ok(at) = found {
            self.waiting.remove(at);
        }
        found.is_ok()
    }

    /// Hands a place on, with its connection if that can still be used.
    pub(super) fn release(&mut self, connection: Option<C>) -> Released<C, W> {
        if self.closed {
            self.unopened += 1;
            return Released::Refused(connection);
        }
        if let Some(Waiting { waiter, .. }) = self.waiting.pop_front() {
            self.hand_offs += 1;
            return Released::HandedTo(waiter, connection);
        }
        match connection {
            Some(connection) => self.idle.push_back(connection),
            None => self.unopened += 1,
        }
        Released::Kept
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
        let waiting = self.waiting.drain(..).map(|waiting| waiting.waiter);
        (idle, waiting.collect())
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            idle: self.idle.len(),
            unopened: self.unopened,
            waiting: self.waiting.len(),
            hand_offs: self.hand_offs,
        }
    }
}
