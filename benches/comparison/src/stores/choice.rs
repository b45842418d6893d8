//! Which session a client uses next.

use anyhow::Result;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::measure::job::{Job, SPREAD};
use crate::measure::workload::Workload;

/// How many sessions a client keeps loaded, to save them, and all clients together.
const MAX_KEPT: u32 = 4096;
const MAX_KEPT_BY_ALL: u32 = 16_384;
/// Saves a second until a client begins again with its first session. To load them takes longer than a short run.
const KEPT_PER_SECOND: f64 = 20_000.0;
const MIN_KEPT: u32 = 8;

/// Chooses the sessions of one client.
pub struct Choice {
    job: Job,
    /// The number of the client.
    number: u32,
    random: SmallRng,
    zipf: Zipf<f64>,
    rolling_calls: u32,
    due_used: u32,
}

impl Choice {
    /// Creates the choice of client `number`.
    pub fn new(job: &Job, number: u32) -> Result<Choice> {
        Ok(Choice {
            number,
            random: SmallRng::seed_from_u64(job.seed ^ (u64::from(number) << 32)),
            zipf: Zipf::new(f64::from(job.sessions), 1.0)?,
            // The clients slide at different moments.
            rolling_calls: job.requests_per_slide / job.clients * number,
            due_used: 0,
            job: job.clone(),
        })
    }

    /// Returns the job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        self.random.random_range(0..end)
    }

    /// Returns the ids of the sessions that this client keeps loaded, to save them. No two clients save the same session, and no
    /// session is kept twice. They are spread over the whole table.
    pub fn kept_sessions(&mut self) -> Result<Vec<String>> {
        let Job {
            sessions,
            clients,
            seconds,
            ..
        } = self.job;
        let each = sessions / clients;
        let first: u32 = self.below(each);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few thousand
        let by_all = MAX_KEPT_BY_ALL.min((seconds * KEPT_PER_SECOND) as u32);
        let kept = (by_all / clients).max(MIN_KEPT);
        (0..kept.min(MAX_KEPT).min(each))
            .map(|n| {
                let place = u64::from(first + n) * SPREAD % u64::from(each);
                Ok(self.job.id(u32::try_from(place)? * clients + self.number))
            })
            .collect()
    }

    /// Returns any session.
    pub fn any_session(&mut self) -> String {
        let session = self.below(self.job.sessions);
        self.job.id(session)
    }

    /// Returns a session by Zipf's law.
    pub fn popular_session(&mut self) -> String {
        let session = self.popular();
        self.job.id(session)
    }

    fn popular(&mut self) -> u32 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // from 1 to the number of sessions
        let rank = self.zipf.sample(&mut self.random) as u64;
        let spread = rank.wrapping_mul(SPREAD) % u64::from(self.job.sessions);
        u32::try_from(spread).unwrap_or(0)
    }

    /// Returns the session of the next rolling request: one with a due slide at every `requests_per_slide`th request. Returns
    /// `None` if every request slides and no due session is left.
    pub fn rolling_session(&mut self) -> Option<String> {
        self.rolling_calls += 1;
        let every = self.job.requests_per_slide.max(1);
        if self.job.requests_per_slide > 0 && self.rolling_calls.is_multiple_of(every) {
            let n = self.due_used * self.job.clients + self.number;
            if n < self.job.due_sessions() {
                self.due_used += 1;
                return Some(self.job.due_id(n));
            }
            if every == 1 {
                return None;
            }
        }
        loop {
            let session = if self.job.workload == Workload::Mix {
                self.popular()
            } else {
                self.below(self.job.sessions)
            };
            // Due sessions are chosen above.
            if !self.job.is_due(session) {
                return Some(self.job.id(session));
            }
        }
    }
}
