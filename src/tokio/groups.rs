//! Loads and saves in groups: those that would wait share the next call of the database.
//!
//! A task leads the groups of a kind, one after the other, while calls wait, and ends when none does. So a caller can be dropped
//! at any time: its call leaves the line, or its reply is lost with it.
//!
//! A group is a fast path only. What it does not answer its caller calls for in the ordinary way: the grouped function leaves
//! that to the ordinary one, or the group failed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::limits::Deadline;
use crate::connection::{Activity, GroupMode};
use crate::error::Error;
use crate::functions::{Admission, Group, GroupKind, GroupLimits, GroupedCall, Reply};

/// The calls that wait for groups.
pub(super) struct Groups {
    pub(super) mode: GroupMode,
    /// The mean size of a row in the last reply.
    row_size: AtomicUsize,
    loads: Line,
    peeks: Line,
    saves: Line,
    counts: Mutex<Counts>,
}

/// The groups so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) groups: u64,
    pub(super) calls: u64,
    pub(super) largest: u32,
}

/// The calls of one kind that wait, by the time of their arrival.
struct Line {
    max_leaders: usize,
    state: Mutex<LineState>,
}

#[derive(Default)]
struct LineState {
    waiting: VecDeque<Waiting>,
    leaders: usize,
}

struct Waiting {
    call: GroupedCall,
    answer: oneshot::Sender<Answer>,
    state: Arc<WaitState>,
}

/// Whether a call is still in the line. The group and the caller's timeout may both want to take it out.
#[derive(Default)]
struct WaitState(AtomicU8);

impl WaitState {
    const IN_GROUP: u8 = 1;
    const LEFT: u8 = 2;

    /// Takes the call out of the line. Returns false if the other side has done so.
    fn leave_line(&self, to: u8) -> bool {
        self.0
            .compare_exchange(0, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// What a call that waited gets.
pub(super) enum Answer {
    Reply(Result<Reply, Error>),
    /// There is no group. The caller makes the call itself, in the time that it has left.
    Refused,
    /// A group did not make the call. The caller makes it itself.
    Alone {
        may_have_executed: bool,
    },
}

/// A call in the line. Dropped, it leaves the line, or its reply is lost.
pub(super) struct Joined {
    answer: oneshot::Receiver<Answer>,
    state: Arc<WaitState>,
    /// The caller starts the task of this leader.
    pub(super) leader: Option<Leader>,
}

impl Joined {
    /// Waits for the answer. Gives up at the deadline, unless a group has made the call by then.
    pub(super) async fn answer(
        self,
        deadline: Deadline,
        in_use: &Activity,
    ) -> Result<Answer, Error> {
        let Joined {
            mut answer, state, ..
        } = self;
        let answered = match timeout_at(deadline.at.into(), &mut answer).await {
            Ok(answered) => answered,
            Err(_) if state.leave_line(WaitState::LEFT) => {
                return Err(Error::pool_timeout(deadline.timeout, in_use.in_use()));
            }
            Err(_) => answer.await,
        };
        // Each call in the line is answered, by a drop if need be.
        answered.map_err(|_| Error::no_runtime())
    }
}

impl Groups {
    /// Creates groups: so many tasks at most lead groups of loads, or of saves, at the same time.
    pub(super) fn new(mode: GroupMode, load_leaders: usize, save_leaders: usize) -> Arc<Groups> {
        Arc::new(Groups {
            mode,
            row_size: AtomicUsize::new(0),
            loads: Line::new(load_leaders),
            peeks: Line::new(load_leaders),
            saves: Line::new(save_leaders),
            counts: Mutex::default(),
        })
    }

    /// Returns true if a call of this kind waits, so that another one must not go before it.
    pub(super) fn has_waiting(&self, kind: GroupKind) -> bool {
        !self.line(kind).lock().waiting.is_empty()
    }

    /// Adds a call to the line.
    pub(super) fn join(self: &Arc<Self>, kind: GroupKind, call: GroupedCall) -> Joined {
        let (sender, answer) = oneshot::channel();
        let wait_state = Arc::<WaitState>::default();
        let line = self.line(kind);
        let mut state = line.lock();
        state.waiting.push_back(Waiting {
            call,
            answer: sender,
            state: Arc::clone(&wait_state),
        });
        let leads = state.leaders < line.max_leaders;
        state.leaders += usize::from(leads);
        let leader = leads.then(|| Leader {
            groups: Arc::clone(self),
            kind,
            has_ended: false,
        });
        Joined {
            answer,
            state: wait_state,
            leader,
        }
    }

    /// Returns how many calls wait.
    pub(super) fn waiting(&self) -> u32 {
        let lines = [&self.loads, &self.peeks, &self.saves];
        let in_line = |line: &Line| {
            let state = line.lock();
            state.waiting.iter().filter(|w| !w.is_dropped()).count()
        };
        let waiting: usize = lines.map(in_line).iter().sum();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    pub(super) fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    fn line(&self, kind: GroupKind) -> &Line {
        match kind {
            GroupKind::Load => &self.loads,
            GroupKind::Peek => &self.peeks,
            GroupKind::Save => &self.saves,
        }
    }

    fn count(&self, calls: usize) {
        let mut counts = lock(&self.counts);
        counts.groups += 1;
        counts.calls += calls as u64;
        counts.largest = counts.largest.max(u32::try_from(calls).unwrap_or(u32::MAX));
    }
}

impl Line {
    fn new(max_leaders: usize) -> Line {
        Line {
            max_leaders,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LineState> {
        lock(&self.state)
    }
}

// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task that leads groups of a kind. Dropped before its end, it sends those that wait on their own way.
pub(super) struct Leader {
    groups: Arc<Groups>,
    kind: GroupKind,
    has_ended: bool,
}

impl Leader {
    pub(super) fn kind(&self) -> GroupKind {
        self.kind
    }

    /// Returns true if no call waits. Then the leader has ended, and the next call that joins starts another one.
    pub(super) fn end_if_none_waits(&mut self) -> bool {
        let mut state = self.groups.line(self.kind).lock();
        while state.waiting.front().is_some_and(Waiting::is_dropped) {
            state.waiting.pop_front();
        }
        if state.waiting.is_empty() {
            state.leaders -= 1;
            self.has_ended = true;
        }
        self.has_ended
    }

    /// Takes the calls of the next group out of the line. Returns None if all have been dropped meanwhile.
    pub(super) fn take_group(&mut self) -> Option<Members> {
        let row_size = self.groups.row_size.load(Ordering::Relaxed);
        let mut state = self.groups.line(self.kind).lock();
        let mut limits: Option<GroupLimits> = None;
        let mut members = Vec::new();
        let mut left = VecDeque::new();
        while let Some(waiting) = state.waiting.pop_front() {
            if waiting.is_dropped() {
                continue;
            }
            let admission = match &mut limits {
                Some(limits) => limits.admit(&waiting.call),
                none => {
                    *none = Some(GroupLimits::new(&waiting.call, row_size));
                    Admission::Joins
                }
            };
            match admission {
                Admission::Joins if waiting.state.leave_line(WaitState::IN_GROUP) => {
                    members.push(waiting);
                }
                // The caller has given up just now.
                Admission::Joins => {}
                Admission::Waits => left.push_back(waiting),
                Admission::Full => {
                    left.push_back(waiting);
                    break;
                }
            }
        }
        left.append(&mut state.waiting);
        state.waiting = left;
        drop(state);
        (!members.is_empty()).then(|| {
            self.groups.count(members.len());
            Members {
                waiting: members,
                kind: self.kind,
            }
        })
    }

    /// Sends all that wait on their own way.
    pub(super) fn refuse_all(&mut self) {
        refuse(std::mem::take(
            &mut self.groups.line(self.kind).lock().waiting,
        ));
    }

    /// Gives each member its part of the reply.
    pub(super) fn answer(&self, mut members: Members, result: Result<Reply, Error>) {
        let mut replies = members.group().decode(result);
        if let Some(size) = replies.row_size {
            self.groups.row_size.store(size, Ordering::Relaxed);
        }
        for waiting in members.waiting.drain(..) {
            let reply = replies.next_reply();
            waiting.answer(reply, replies.may_have_executed);
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut state = self.groups.line(self.kind).lock();
        state.leaders -= 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        refuse(waiting);
    }
}

fn refuse(waiting: VecDeque<Waiting>) {
    for waiting in waiting {
        // The caller may have been dropped.
        let _ = waiting.answer.send(Answer::Refused);
    }
}

impl Waiting {
    /// Returns true if the caller has been dropped.
    fn is_dropped(&self) -> bool {
        self.answer.is_closed() || self.state.0.load(Ordering::Relaxed) == WaitState::LEFT
    }

    fn answer(self, reply: Option<Result<Reply, Error>>, may_have_executed: bool) {
        // The caller may have been dropped.
        let _ = self.answer.send(match reply {
            Some(reply) => Answer::Reply(reply),
            None => Answer::Alone { may_have_executed },
        });
    }
}

/// The calls of one group. Dropped without an answer, it sends them on their own way.
pub(super) struct Members {
    waiting: Vec<Waiting>,
    kind: GroupKind,
}

impl Members {
    pub(super) fn group(&self) -> Group<'_> {
        Group::new(self.kind, self.waiting.iter().map(|waiting| &waiting.call))
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        let may_have_executed = self.kind == GroupKind::Save;
        for waiting in self.waiting.drain(..) {
            waiting.answer(None, may_have_executed);
        }
    }
}
