//! Drives one client through a job.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use super::choice::Choice;
use super::store::StoreClient;
use crate::measure::ids::{user_name, users};
use crate::measure::job::{Job, WARM_UP_CALLS};
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::measure::{cpu, histogram};

/// What one client did.
pub struct Driven {
    pub began: Instant,
    pub ended: Instant,
    /// Calls with the warm-up.
    pub all_calls: u64,
    pub latencies: Histogram<u64>,
    pub timeline: Vec<Histogram<u64>>,
    pub cpu: u64,
    pub created: Vec<String>,
}

/// Drives one client through a job.
pub struct Driver<'a> {
    client: Box<dyn StoreClient>,
    job: &'a Job,
    /// The number of the client.
    number: u32,
    choice: Choice,
    payload: Payload,
    /// Sessions that were created, here or in an earlier run, and have not been ended.
    created: Vec<String>,
    /// Sessions with a user. The run does not log them in again.
    logged_in: Vec<String>,
    kept: usize,
    /// How many sessions the lists of users' sessions held.
    listed: usize,
    calls: u64,
}

/// The result of one step.
#[derive(PartialEq, Eq)]
enum Step {
    Done,
    NothingLeft,
}

impl<'a> Driver<'a> {
    /// Creates the driver of client `number`, and makes the calls of the warm-up.
    pub fn new(
        client: Box<dyn StoreClient>,
        job: &'a Job,
        number: u32,
        created: Vec<String>,
    ) -> Result<Driver<'a>> {
        let mut driver = Driver {
            client,
            job,
            number,
            choice: Choice::new(job, number)?,
            payload: Payload::new(number, job.bytes),
            created,
            logged_in: Vec::new(),
            kept: 0,
            listed: 0,
            calls: 0,
        };
        if job.workload == Workload::Save {
            for id in driver.choice.kept_sessions()? {
                driver.client.keep(&id)?;
                driver.kept += 1;
            }
        }
        for _ in 0..WARM_UP_CALLS {
            driver.step()?;
        }
        Ok(driver)
    }

    /// Makes calls until the job's time is over, and measures them.
    pub fn drive(&mut self) -> Result<Driven> {
        let mut latencies = histogram::new()?;
        let mut timeline = Vec::new();
        let cpu_before = cpu::of_this_thread();
        let began = Instant::now();
        let deadline = began + Duration::from_secs_f64(self.job.seconds);
        let mut ended = began;
        loop {
            match &self.job.until {
                None if ended >= deadline => break,
                Some(until) if until.stop.load(Ordering::Relaxed) => break,
                _ => {}
            }
            let start = Instant::now();
            if self.step()? == Step::NothingLeft {
                break;
            }
            ended = Instant::now();
            let nanoseconds = u64::try_from(ended.duration_since(start).as_nanos())?.max(1);
            latencies.saturating_record(nanoseconds);
            if let Some(until) = &self.job.until {
                let interval =
                    ended.duration_since(began).as_nanos() / until.interval.as_nanos().max(1);
                let interval = usize::try_from(interval)?;
                while timeline.len() <= interval {
                    timeline.push(histogram::new()?);
                }
                timeline[interval].saturating_record(nanoseconds);
            }
        }
        if self.job.workload == Workload::UserSessions && self.listed == 0 {
            bail!("no user has a session");
        }
        Ok(Driven {
            began,
            ended,
            all_calls: self.calls,
            latencies,
            timeline,
            cpu: cpu::of_this_thread().saturating_sub(cpu_before),
            created: Vec::new(),
        })
    }

    /// Returns the sessions that later runs can end.
    pub fn into_created(mut self) -> Vec<String> {
        self.created.append(&mut self.logged_in);
        self.created
    }

    fn step(&mut self) -> Result<Step> {
        match self.job.workload {
            Workload::Load => {
                let id = self.choice.any_session();
                self.client.load(&id)?;
            }
            Workload::Rolling | Workload::Rolling20s | Workload::RollingSeldom => {
                let Some(id) = self.choice.rolling_session() else {
                    return Ok(Step::NothingLeft);
                };
                self.client.rolling(&id)?;
            }
            Workload::Save => {
                let n = usize::try_from(self.calls)? % self.kept;
                self.client.save(n)?;
            }
            Workload::UserSessions => {
                let user = self.choice.below(users(self.job.sessions));
                self.listed += self.client.user_sessions(&user_name(user))?;
            }
            Workload::Create => self.create()?,
            Workload::Login => {
                let Some(id) = self.created.pop() else {
                    return Ok(Step::NothingLeft);
                };
                // Users whose sessions no workload lists; no two clients log in the same user.
                let users = users(self.job.sessions);
                let turn = u32::try_from(self.calls)? * self.job.clients + self.number;
                let user = user_name(users + turn % users);
                let new = self.client.login(&id, &user)?;
                self.logged_in.push(new);
            }
            Workload::Logout => {
                let Some(id) = self.created.pop() else {
                    return Ok(Step::NothingLeft);
                };
                self.client.end(&id)?;
            }
            Workload::Mix => match self.choice.below(100) {
                0..90 => {
                    if let Some(id) = self.choice.rolling_session() {
                        self.client.rolling(&id)?;
                    }
                }
                90..98 => {
                    let id = self.choice.popular_session();
                    self.client.change(&id)?;
                }
                98 => self.create()?,
                _ => match self.created.pop() {
                    Some(id) => self.client.end(&id)?,
                    None => self.create()?,
                },
            },
        }
        self.calls += 1;
        Ok(Step::Done)
    }

    fn create(&mut self) -> Result<()> {
        let id = self.client.create(&self.payload)?;
        self.created.push(id);
        Ok(())
    }
}
