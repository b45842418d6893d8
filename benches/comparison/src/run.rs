//! One run: a workload on one side, by some clients at once, for some seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::cpu::OfServer;
use crate::ids::{id_of, user_name, users};
use crate::payload::Payload;
use crate::server::Relation;
use crate::workload::Workload;
use crate::{cpu, histogram};

/// Calls of each client before the clock runs: connections, prepared statements, cached plans (PL/pgSQL settles on one at the
/// sixth call).
const WARM_UP: u32 = 10;
/// How many sessions a client has at hand to save.
const KEPT: u32 = 4096;
/// A step from one session to the next: a prime, so that no session comes twice before all have come once, and large, so that
/// neighbours in this order share no page of the table.
const SPREAD: u64 = 0x9e37_79b1;
/// More than any side does in a second, so that due sessions do not run out.
const MOST_CALLS: f64 = 100_000.0;
const MOST_SLIDES: f64 = 15_000.0;
const MOST_ENDS: f64 = 10_000.0;

/// What to do.
#[derive(Debug, Clone)]
pub struct Job {
    pub workload: Workload,
    pub clients: u32,
    pub seconds: f64,
    /// Sessions in the store, numbered from 0.
    pub sessions: u32,
    /// The size of their data.
    pub bytes: usize,
    /// The same for all sides of a round: they use the same sessions in the same order.
    pub seed: u64,
    /// Of so many rolling requests one finds its slide due; 0 = none.
    pub requests_per_slide: u32,
    /// Use sessions with odd numbers only: 1, 3, … 2 * `sessions` - 1.
    pub odd_only: bool,
    /// Go on until this is set, instead of for `seconds`, and keep the latencies of each interval.
    pub until: Option<Until>,
}

/// When a run of unknown length ends.
#[derive(Debug, Clone)]
pub struct Until {
    pub stop: Arc<AtomicBool>,
    pub interval: Duration,
}

impl Job {
    fn id(&self, session: u32) -> String {
        id_of(if self.odd_only {
            session * 2 + 1
        } else {
            session
        })
    }

    /// Whether it is one of those whose slide is due before the run.
    fn is_due(&self, session: u32) -> bool {
        let (due, sessions) = (u64::from(self.due_sessions()), u64::from(self.sessions));
        if due == 0 {
            return false;
        }
        // The reverse of due_session.
        let place = (u64::from(session) * due).div_ceil(sessions);
        place < due && place * sessions / due == u64::from(session)
    }

    /// The id of the `n`th among the sessions whose slide is due: they are spread over the whole table.
    pub fn due_id(&self, n: u32) -> String {
        self.id(self.due_session(n))
    }

    /// How many sessions must have a slide due before the run.
    pub fn due_sessions(&self) -> u32 {
        if self.requests_per_slide == 0 {
            return 0;
        }
        let calls = self.seconds
            * if self.requests_per_slide == 1 {
                MOST_SLIDES
            } else {
                MOST_CALLS
            };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most a few million
        let wanted = (calls / f64::from(self.requests_per_slide)).ceil() as u32
            + self.clients * (WARM_UP + 1);
        // Some must be left that are not due, unless every request is to slide.
        wanted.min(if self.requests_per_slide == 1 {
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

/// What came of it.
pub struct Measured {
    /// Calls within the time that was measured.
    pub calls: u64,
    /// Calls in all, those before the clock ran included: what the server's counters have seen.
    pub all_calls: u64,
    pub seconds: f64,
    pub latencies: Histogram<u64>,
    /// The latencies of each interval of [`Until`], from the beginning.
    pub timeline: Vec<Histogram<u64>>,
    /// Nanoseconds of processor time within that time: this program's and the server's. None of a side that does not tell.
    pub cpu: Option<Cpu>,
}

/// Nanoseconds of processor time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    pub clients: u64,
    pub server: u64,
}

/// One of the stores that are compared, with a data set that is filled.
pub trait Side: Sync {
    fn name(&self) -> &'static str;

    fn does(&self, workload: Workload) -> bool;

    /// Whatever must be done before a run, outside of what is measured.
    fn prepare(&self, _: &Job) -> Result<()> {
        Ok(())
    }

    fn run(&self, job: &Job) -> Result<Measured>;

    /// Its table, if it is in PostgreSQL.
    fn relation(&self) -> Option<Relation>;
}

/// A side whose clients are threads of this program.
pub trait Threaded: Sync {
    fn name(&self) -> &'static str;
    fn does(&self, workload: Workload) -> bool;
    fn prepare(&self, _: &Job) -> Result<()> {
        Ok(())
    }
    fn relation(&self) -> Option<Relation>;
    /// The server's process: its children count as well.
    fn server_process(&self) -> u32;
    /// One worker for each client.
    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>>;
}

/// One client. Every call is one request's worth of work, from the text of a cookie to the application's own type.
pub trait Worker: Send {
    /// Reads a session that is there.
    fn load(&mut self, id: &str) -> Result<()>;
    /// Reads a session that is there, and moves its expiry.
    fn rolling(&mut self, id: &str) -> Result<()>;
    /// Loads a session to be saved later. Not measured.
    fn keep(&mut self, id: &str) -> Result<()>;
    /// Changes and stores the `n`th of those that were kept.
    fn save(&mut self, n: usize) -> Result<()>;
    /// Loads, changes and stores a session.
    fn change(&mut self, id: &str) -> Result<()>;
    /// Creates a session; returns its id.
    fn create(&mut self, payload: &Payload) -> Result<String>;
    /// Moves a session to a new id, with a user; returns it.
    fn login(&mut self, id: &str, user: &str) -> Result<String>;
    fn end(&mut self, id: &str) -> Result<()>;
    /// Lists a user's live sessions; returns how many.
    fn user_sessions(&mut self, _: &str) -> Result<usize> {
        bail!("not measured")
    }
}

/// Makes a [`Side`] of a [`Threaded`] one. It remembers the sessions that were created, for those workloads that end them.
pub struct Threads<S> {
    side: S,
    created: Mutex<Vec<String>>,
}

impl<S> Threads<S> {
    pub fn new(side: S) -> Threads<S> {
        Threads {
            side,
            created: Mutex::default(),
        }
    }
}

impl<S> Threads<S> {
    fn created(&self) -> MutexGuard<'_, Vec<String>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Threaded> Side for Threads<S> {
    fn name(&self) -> &'static str {
        self.side.name()
    }

    fn does(&self, workload: Workload) -> bool {
        self.side.does(workload)
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        if job.workload.consumes_created() {
            let wanted = job.seconds * MOST_ENDS;
            #[allow(clippy::cast_precision_loss)] // a count
            let have = || self.created().len() as f64;
            // A few times at most: a side that creates slowly also ends slowly.
            for _ in 0..3 {
                if have() < wanted {
                    self.run(&Job {
                        workload: Workload::Create,
                        ..job.clone()
                    })?;
                }
            }
        }
        self.side.prepare(job)
    }

    fn relation(&self) -> Option<Relation> {
        self.side.relation()
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        let workers = self.side.connect(job.clients)?;
        let mut created = self.created();
        let mut shares: Vec<Vec<String>> = vec![Vec::new(); workers.len()];
        for (n, id) in created.drain(..).enumerate() {
            let place = n % shares.len();
            shares[place].push(id);
        }
        // The clients and this thread: it reads the server's clock when they start, and before they go.
        let together = Barrier::new(workers.len() + 1);
        let process = self.side.server_process();
        let (results, server_cpu) = thread::scope(|scope| {
            let threads: Vec<_> = (0_u32..)
                .zip(workers)
                .zip(shares)
                .map(|((n, worker), share)| {
                    let together = &together;
                    scope.spawn(move || -> Result<Driven> {
                        let driver = Driver::new(worker, job, n, share);
                        // Also when something failed: the others wait here.
                        together.wait();
                        let result = driver.and_then(|mut driver| Ok((driver.drive()?, driver)));
                        together.wait();
                        together.wait();
                        let (mut done, driver) = result?;
                        done.created = driver.into_created();
                        Ok(done)
                    })
                })
                .collect();
            together.wait();
            let cpu_before = OfServer::look(process);
            together.wait();
            let server_cpu = OfServer::look(process).since(&cpu_before);
            together.wait();
            let results: Vec<Result<Driven>> = threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("a client panicked")))
                })
                .collect();
            (results, server_cpu)
        });
        let mut clients_cpu = 0;
        let mut all: Option<Measured> = None;
        let (mut first, mut last) = (None, None);
        for result in results {
            let driven = result.with_context(|| format!("{} on {}", job.workload, self.name()))?;
            first = Some(first.map_or(driven.began, |first: Instant| first.min(driven.began)));
            last = Some(last.map_or(driven.ended, |last: Instant| last.max(driven.ended)));
            clients_cpu += driven.cpu;
            created.extend(driven.created);
            let calls = driven.latencies.len();
            match &mut all {
                None => {
                    all = Some(Measured {
                        calls,
                        all_calls: driven.all_calls,
                        seconds: 0.0,
                        latencies: driven.latencies,
                        timeline: driven.timeline,
                        cpu: None,
                    });
                }
                Some(all) => {
                    all.calls += calls;
                    all.all_calls += driven.all_calls;
                    all.latencies.add(&driven.latencies)?;
                    for (sum, interval) in all.timeline.iter_mut().zip(driven.timeline) {
                        sum.add(interval)?;
                    }
                }
            }
        }
        let (Some(mut all), Some(first), Some(last)) = (all, first, last) else {
            return Err(anyhow!("no clients"));
        };
        all.seconds = last.duration_since(first).as_secs_f64();
        all.cpu = Some(Cpu {
            clients: clients_cpu,
            server: server_cpu,
        });
        Ok(all)
    }
}

/// What one client did.
struct Driven {
    began: Instant,
    ended: Instant,
    all_calls: u64,
    latencies: Histogram<u64>,
    timeline: Vec<Histogram<u64>>,
    cpu: u64,
    created: Vec<String>,
}

/// Drives one client through a job.
struct Driver<'a> {
    worker: Box<dyn Worker>,
    job: &'a Job,
    client: u32,
    random: SmallRng,
    zipf: Zipf<f64>,
    payload: Payload,
    /// Sessions that were created, here or in an earlier run, and are not ended yet.
    created: Vec<String>,
    /// Sessions that came of a login: not to be logged in again in the same run.
    logged_in: Vec<String>,
    kept: usize,
    /// How many sessions the lists of users' sessions have had.
    listed: usize,
    calls: u64,
    rolling_calls: u32,
    due_used: u32,
}

/// Whether there was anything left to do.
#[derive(PartialEq, Eq)]
enum Step {
    Done,
    NothingLeft,
}

impl<'a> Driver<'a> {
    fn new(
        worker: Box<dyn Worker>,
        job: &'a Job,
        client: u32,
        created: Vec<String>,
    ) -> Result<Driver<'a>> {
        let mut driver = Driver {
            worker,
            job,
            client,
            random: SmallRng::seed_from_u64(job.seed ^ (u64::from(client) << 32)),
            zipf: Zipf::new(f64::from(job.sessions), 1.0)?,
            payload: Payload::new(client, job.bytes),
            created,
            logged_in: Vec::new(),
            kept: 0,
            listed: 0,
            calls: 0,
            // Not all of them at the same moment.
            rolling_calls: job.requests_per_slide / job.clients * client,
            due_used: 0,
        };
        if job.workload == Workload::Save {
            // No two clients save the same session, and none is kept twice; spread over the whole table.
            let each = job.sessions / job.clients;
            let first: u32 = driver.random.random_range(0..each);
            for n in 0..KEPT.min(each) {
                let place = u64::from(first + n) * SPREAD % u64::from(each);
                let session = u32::try_from(place)? * job.clients + client;
                driver.worker.keep(&job.id(session))?;
                driver.kept += 1;
            }
        }
        for _ in 0..WARM_UP {
            driver.step()?;
        }
        Ok(driver)
    }

    fn drive(&mut self) -> Result<Driven> {
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

    /// What is left for later runs.
    fn into_created(mut self) -> Vec<String> {
        self.created.append(&mut self.logged_in);
        self.created
    }

    fn step(&mut self) -> Result<Step> {
        match self.job.workload {
            Workload::Load => {
                let session = self.any_session();
                let id = self.job.id(session);
                self.worker.load(&id)?;
            }
            Workload::Rolling | Workload::Rolling20s | Workload::RollingSeldom => {
                let Some(id) = self.rolling_session() else {
                    return Ok(Step::NothingLeft);
                };
                self.worker.rolling(&id)?;
            }
            Workload::Save => {
                let n = usize::try_from(self.calls)? % self.kept;
                self.worker.save(n)?;
            }
            Workload::UserSessions => {
                let user = self.random.random_range(0..users(self.job.sessions));
                self.listed += self.worker.user_sessions(&user_name(user))?;
            }
            Workload::Create => self.create()?,
            Workload::Login => {
                let Some(id) = self.created.pop() else {
                    return Ok(Step::NothingLeft);
                };
                // Users whose sessions nobody lists, and no two clients log the same one in.
                let users = users(self.job.sessions);
                let turn = u32::try_from(self.calls)? * self.job.clients + self.client;
                let user = user_name(users + turn % users);
                let new = self.worker.login(&id, &user)?;
                self.logged_in.push(new);
            }
            Workload::LogOut => {
                let Some(id) = self.created.pop() else {
                    return Ok(Step::NothingLeft);
                };
                self.worker.end(&id)?;
            }
            Workload::Mix => match self.random.random_range(0..100) {
                0..90 => {
                    if let Some(id) = self.rolling_session() {
                        self.worker.rolling(&id)?;
                    }
                }
                90..98 => {
                    let session = self.popular_session();
                    let id = self.job.id(session);
                    self.worker.change(&id)?;
                }
                98 => self.create()?,
                _ => match self.created.pop() {
                    Some(id) => self.worker.end(&id)?,
                    None => self.create()?,
                },
            },
        }
        self.calls += 1;
        Ok(Step::Done)
    }

    fn create(&mut self) -> Result<()> {
        let id = self.worker.create(&self.payload)?;
        self.created.push(id);
        Ok(())
    }

    fn any_session(&mut self) -> u32 {
        self.random.random_range(0..self.job.sessions)
    }

    fn popular_session(&mut self) -> u32 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // from 1 to the number of sessions
        let rank = self.zipf.sample(&mut self.random) as u64;
        let spread = rank.wrapping_mul(SPREAD) % u64::from(self.job.sessions);
        u32::try_from(spread).unwrap_or(0)
    }

    /// Every so many requests a session whose slide is due; none when all of them are due and used up.
    fn rolling_session(&mut self) -> Option<String> {
        self.rolling_calls += 1;
        let every = self.job.requests_per_slide.max(1);
        if self.job.requests_per_slide > 0 && self.rolling_calls.is_multiple_of(every) {
            let n = self.due_used * self.job.clients + self.client;
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
                self.popular_session()
            } else {
                self.any_session()
            };
            // Those that are due have their turn above.
            if !self.job.is_due(session) {
                return Some(self.job.id(session));
            }
        }
    }
}
