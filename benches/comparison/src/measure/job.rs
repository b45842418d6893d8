//! One run: a workload, by some clients, for some seconds.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::ids::id_of;
use super::workload::Workload;

/// Calls of each client before the clock starts. They open connections, prepare statements and cache plans (PL/pgSQL settles
/// on a plan at the sixth call).
pub const WARM_UP_CALLS: u32 = 10;
/// A step from one session to the next. It is a prime, so that every session comes once before any comes twice. It is large, so
/// that neighbours in this order share no page of the table.
pub const SPREAD: u64 = 0x9e37_79b1;
/// More calls a second than any store makes, so that due sessions suffice for a run; by few clients, and by many.
const MAX_CALLS: f64 = 100_000.0;
const MAX_CALLS_BY_MANY: f64 = 400_000.0;
const MANY_CLIENTS: u32 = 32;
const MAX_SLIDES: f64 = 15_000.0;

/// What a run does.
#[derive(Debug, Clone)]
pub struct Job {
    pub workload: Workload,
    pub clients: u32,
    pub seconds: f64,
    /// Sessions in the store, numbered from 0.
    pub sessions: u32,
    /// The size of their data.
    pub bytes: usize,
    /// The same for all stores of a round: they use the same sessions in the same order.
    pub seed: u64,
    /// One of so many rolling requests finds its slide due; 0 = none.
    pub requests_per_slide: u32,
    /// Use sessions with odd numbers only: 1, 3, … 2 * `sessions` - 1.
    pub odd_only: bool,
    /// Continue until this is set, instead of for `seconds`, and keep the latencies of each interval.
    pub until: Option<Until>,
}

/// When a run of unknown length ends.
#[derive(Debug, Clone)]
pub struct Until {
    pub stop: Arc<AtomicBool>,
    pub interval: Duration,
}

impl Job {
    /// Returns the id of a session.
    pub fn id(&self, session: u32) -> String {
        id_of(if self.odd_only {
            session * 2 + 1
        } else {
            session
        })
    }

    /// Returns true if the session's slide is due before the run.
    pub fn is_due(&self, session: u32) -> bool {
        let (due, sessions) = (u64::from(self.due_sessions()), u64::from(self.sessions));
        if due == 0 {
            return false;
        }
        // The reverse of due_session.
        let place = (u64::from(session) * due).div_ceil(sessions);
        place < due && place * sessions / due == u64::from(session)
    }

    /// Returns the id of the `n`th session whose slide is due. They are spread over the whole table.
    pub fn due_id(&self, n: u32) -> String {
        self.id(self.due_session(n))
    }

    /// Returns how many sessions must have a slide due before the run.
    pub fn due_sessions(&self) -> u32 {
        if self.requests_per_slide == 0 {
            return 0;
        }
        let every_request_slides = self.requests_per_slide == 1;
        let calls = self.seconds
            * if every_request_slides {
                MAX_SLIDES
            } else if self.clients >= MANY_CLIENTS {
                MAX_CALLS_BY_MANY
            } else {
                MAX_CALLS
            };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most a few million
        let wanted = (calls / f64::from(self.requests_per_slide)).ceil() as u32
            + self.clients * (WARM_UP_CALLS + 1);
        // Some sessions must stay that are not due, unless every request slides.
        wanted.min(if every_request_slides {
            self.sessions
        } else {
            self.sessions / 4
        })
    }

    fn due_session(&self, n: u32) -> u32 {
        let due = self.due_sessions();
        if due == 0 {
            return 0;
        }
        let place = u64::from(n) * SPREAD % u64::from(due);
        let session = place * u64::from(self.sessions) / u64::from(due);
        u32::try_from(session).unwrap_or(0)
    }
}
