//! The whole of it, stage after stage: fill a size, compare all sides on it, then what the budgets need besides.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::budgets::{self, Budget, Evidence, FEW_SESSIONS, ORIGINAL_SESSIONS, Verdict};
use crate::compare::{Comparison, compare};
use crate::machine::Machine;
use crate::pruning::{self, Pruning};
use crate::run::{Job, Measured, Side, Threads};
use crate::server::{OUR_ROLE, Relation, Server, Transport};
use crate::sides::bare::Bare;
use crate::sides::hand_written::{self, HandWritten};
use crate::sides::hand_written_users::{self, HandWrittenUsers};
use crate::sides::original::{self, Original};
use crate::sides::ours::{self, Age, OursBorrowed, ConnectPgByPool};
use crate::sides::redis::{Durability, Redis, RedisSide, Sending};
use crate::sides::simple::{self, Simple};
use crate::sides::tower::{self, Tower};
use crate::spread::Spread;
use crate::workload::Workload;
use crate::{plots, report, round_trips};

/// What `--quick` makes do with.
const QUICK_SESSIONS: u32 = 100_000;
const QUICK_PRUNING: u32 = 100_000;

/// What will be measured.
struct Plan {
    quick: bool,
    sizes: Vec<u32>,
    bytes: Vec<usize>,
    clients: Vec<u32>,
    workloads: Vec<Workload>,
    sides: Vec<String>,
    rounds: u32,
    seconds: f64,
    pruning: u32,
    transport: Transport,
}

impl Plan {
    fn of(arguments: &Arguments) -> Plan {
        let quick = arguments.quick;
        let or = |given: &Vec<u32>, otherwise: &[u32]| {
            if given.is_empty() {
                otherwise.to_vec()
            } else {
                given.clone()
            }
        };
        Plan {
            quick,
            sizes: or(
                &arguments.sessions,
                if quick {
                    &[QUICK_SESSIONS]
                } else {
                    &[10_000, 1_000_000]
                },
            ),
            bytes: if quick {
                vec![arguments.bytes[0]]
            } else {
                arguments.bytes.clone()
            },
            clients: if quick {
                vec![budgets::CLIENTS]
            } else {
                arguments.clients.clone()
            },
            workloads: if !arguments.workloads.is_empty() {
                Workload::ALL
                    .into_iter()
                    .filter(|w| arguments.workloads.contains(w))
                    .collect()
            } else if quick {
                vec![
                    Workload::Load,
                    Workload::Rolling,
                    Workload::RollingSeldom,
                    Workload::Save,
                ]
            } else {
                Workload::ALL.to_vec()
            },
            sides: arguments.sides.clone(),
            rounds: arguments.rounds.unwrap_or(5),
            seconds: arguments.seconds.unwrap_or(if quick { 0.6 } else { 2.0 }),
            pruning: arguments
                .pruning
                .unwrap_or(if quick { QUICK_PRUNING } else { 1_000_000 }),
            transport: arguments.transport,
        }
    }

    fn wants(&self, side: &str) -> bool {
        let side = side.to_lowercase();
        self.sides.is_empty()
            || self
                .sides
                .iter()
                .any(|wanted| side.contains(&wanted.to_lowercase()))
    }

    fn job(
        &self,
        workload: Workload,
        sessions: u32,
        bytes: usize,
        clients: u32,
        slide_interval_seconds: u32,
    ) -> Job {
        Job {
            workload,
            clients,
            seconds: self.seconds,
            sessions,
            bytes,
            seed: 0,
            requests_per_slide: workload.requests_per_slide(slide_interval_seconds),
            odd_only: false,
            until: None,
        }
    }
}

/// Bytes on disk after a fill: no bloat yet.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    pub side: String,
    pub sessions: u32,
    /// Of data in a session.
    pub bytes: usize,
    /// With what lies outside of its rows.
    pub table: i64,
    pub indexes: i64,
}

/// All that was found.
#[derive(Serialize)]
struct Findings {
    machine: Machine,
    transport: Transport,
    notes: Vec<String>,
    stored: Vec<Stored>,
    comparisons: Vec<Comparison>,
    pruning: Option<Pruning>,
    allocations_per_load: Option<(f64, f64)>,
    round_trips_per_load: Option<f64>,
    budgets: Vec<Budget>,
}

/// What the sides stand on.
struct Bench<'a> {
    plan: &'a Plan,
    server: &'a Server,
    redis: Option<&'a Redis>,
    redis_every_second: Option<&'a Redis>,
    npm: Option<&'a PathBuf>,
    began: Instant,
}

/// Whether every budget that was measured is met.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let plan = Plan::of(arguments);
    let began = Instant::now();
    // Before the long work, not after it.
    let mut json: Option<Box<dyn Write>> = match arguments.json.as_deref() {
        None => None,
        Some(path) if path == Path::new("-") => Some(Box::new(io::stdout())),
        Some(path) => {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            Some(Box::new(file))
        }
    };
    if let Some(directory) = &arguments.plots {
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    }
    let server = Server::from_env(plan.transport)?;
    server.autovacuum(false)?;
    let mut missing: Vec<(&'static str, String)> = Vec::new();
    let start_redis = |durability| -> Result<Option<Redis>> {
        if env::var_os("REDIS_SERVER").is_none() || !plan.wants("redis") {
            return Ok(None);
        }
        Ok(Some(Redis::start(plan.transport, durability)?))
    };
    let redis = start_redis(Durability::None)?;
    let redis_every_second = if plan.quick {
        None
    } else {
        start_redis(Durability::EverySecond)?
    };
    if redis.is_none() {
        missing.push(("Redis", "Redis is not here".to_owned()));
    }
    let npm = env::var_os("BENCH_NPM").map(PathBuf::from);
    if npm.is_none() {
        missing.push(("connect-pg-simple", "Node and npm are not here".to_owned()));
        missing.push(("the original", "Node and npm are not here".to_owned()));
    }
    let bench = Bench {
        plan: &plan,
        server: &server,
        redis: redis.as_ref(),
        redis_every_second: redis_every_second.as_ref(),
        npm: npm.as_ref(),
        began,
    };
    let mut findings = Findings {
        machine: Machine::look(&server, redis.as_ref())?,
        transport: plan.transport,
        notes: plan_notes(&plan),
        stored: Vec::new(),
        comparisons: Vec::new(),
        pruning: None,
        allocations_per_load: None,
        round_trips_per_load: None,
        budgets: Vec::new(),
    };
    let scale = bench.measure(&mut findings)?;
    findings.budgets = budgets::judge(&Evidence {
        comparisons: &findings.comparisons,
        pruning: findings.pruning.as_ref(),
        allocations: findings.allocations_per_load,
        round_trips_per_load: findings.round_trips_per_load,
        scale,
        missing: &missing,
    });
    if let Some(directory) = &arguments.plots {
        let caption = findings.machine.line();
        plots::draw(
            directory,
            &findings.comparisons,
            findings.pruning.as_ref(),
            &caption,
        )?;
    }
    if let Some(json) = &mut json {
        writeln!(json, "{}", serde_json::to_string_pretty(&findings)?)?;
    }
    if arguments.json.as_deref() != Some(Path::new("-")) {
        print(&findings);
    }
    bench.progress("done");
    Ok(findings
        .budgets
        .iter()
        .all(|budget| budget.verdict != Verdict::Short))
}

fn plan_notes(plan: &Plan) -> Vec<String> {
    let mut notes = vec![
        "Sides in turn, round after round; calls/s is the median of the rounds, a ratio the median of the rounds' ratios \
         (and their smallest and largest). Autovacuum is off while sides are compared, and on while pruning is measured."
            .to_owned(),
        "rolling: each session is used once a second, so that one request in slide_interval_seconds finds its slide due; those are made \
         due before each round. rolling-20s: once in 20 seconds. rolling-seldom: every request slides."
            .to_owned(),
        "login: a visitor's session is loaded, then moved to a new id with the user; hand-written: SELECT, and one UPDATE of the \
         primary key and the user. The other stores know no users: load, delete, create. user-sessions: a user has five.".to_owned(),
    ];
    if plan.quick {
        notes.push(format!(
            "Quick: the budgets are about {} sessions, and {} for the scale; this has {} (pruning: {} live, as many expired).",
            report::count(budgets::SESSIONS),
            report::count(budgets::MANY_SESSIONS),
            plan.sizes.iter().map(|&size| report::count(size)).collect::<Vec<_>>().join(" and "),
            report::count(plan.pruning),
        ));
    }
    notes
}

fn print(findings: &Findings) {
    println!("{}", findings.machine.text());
    for note in &findings.notes {
        println!("{note}");
    }
    println!("\n{}", report::stored(&findings.stored));
    for comparison in &findings.comparisons {
        println!("{}", report::comparison(comparison));
    }
    if let Some(pruning) = &findings.pruning {
        println!("{}", report::pruning(pruning));
    }
    println!("{}", report::budgets(&findings.budgets));
}

impl Bench<'_> {
    fn progress(&self, text: &str) {
        eprintln!("{:6.1} s  {text}", self.began.elapsed().as_secs_f64());
    }

    /// Returns loads at the largest size against those at the smallest.
    fn measure(&self, findings: &mut Findings) -> Result<Option<(u32, Spread)>> {
        let plan = self.plan;
        let mut scale = None;
        for (n, &bytes) in plan.bytes.iter().enumerate() {
            for &sessions in &plan.sizes {
                let ours = self.size(sessions, bytes, n == 0, findings)?;
                if n == 0 && Some(&sessions) == plan.sizes.iter().max() {
                    if sessions > FEW_SESSIONS {
                        scale = Some((sessions, self.scale(&ours, sessions, bytes)?));
                    }
                    self.progress("count allocations and round trips");
                    findings.allocations_per_load = Some(self.allocations(&ours)?);
                    findings.round_trips_per_load =
                        Some(round_trips::per_load(self.server, &ours)?);
                }
                self.server.drop_database(&ours.database)?;
            }
        }
        let bytes = plan.bytes[0];
        if let Some(comparison) = self.original(bytes)? {
            findings.comparisons.push(comparison);
        }
        if plan.pruning > 0 {
            self.progress(&format!(
                "prune {} among as many",
                report::count(plan.pruning)
            ));
            let (calm, interval) = if plan.quick { (4, 250) } else { (20, 500) };
            findings.pruning = Some(pruning::measure(
                self.server,
                plan.pruning,
                bytes,
                budgets::CLIENTS,
                Duration::from_secs(calm),
                Duration::from_millis(interval),
            )?);
        }
        Ok(scale)
    }

    /// All sides at one size. Leaves our database, which it returns.
    fn size(
        &self,
        sessions: u32,
        bytes: usize,
        whole: bool,
        findings: &mut Findings,
    ) -> Result<Relation> {
        let (plan, server) = (self.plan, self.server);
        let fill = |name: &str| {
            self.progress(&format!(
                "fill {name}: {} sessions of {bytes} bytes",
                report::count(sessions)
            ));
            format!("{}_{sessions}_{bytes}", name.replace(['-', ' '], "_"))
        };
        let ours = ours::fill(server, &fill("ours"), sessions, bytes, Age::Live)?;
        let slide_interval_seconds = ours::slide_interval_seconds(server, &ours.database)?;
        let mut sides: Vec<Box<dyn Side>> = vec![Box::new(Threads::new(ConnectPgByPool::new(
            server,
            ours.clone(),
        )))];
        let mut databases = Vec::new();
        if plan.wants(OursBorrowed::NAME) && !plan.quick {
            sides.push(Box::new(Threads::new(OursBorrowed::new(
                server,
                ours.clone(),
            ))));
        }
        if plan.wants(Bare::NAME) {
            sides.push(Box::new(Threads::new(Bare::new(server, ours.clone()))));
        }
        if plan.wants(HandWritten::NAME) {
            let relation = hand_written::fill(server, &fill("hand-written"), sessions, bytes)?;
            databases.push(relation.database.clone());
            sides.push(Box::new(Threads::new(HandWritten::new(server, relation))));
        }
        if whole
            && plan.wants(HandWrittenUsers::NAME)
            && plan.workloads.iter().any(|&w| HandWrittenUsers::is_for(w))
        {
            let name = fill("hand-written-users");
            let relation = hand_written_users::fill(server, &name, sessions, bytes)?;
            databases.push(relation.database.clone());
            sides.push(Box::new(Threads::new(HandWrittenUsers::new(
                server, relation,
            ))));
        }
        if plan.wants(Tower::NAME) {
            let relation = tower::fill(server, &fill("tower"), sessions, bytes)?;
            databases.push(relation.database.clone());
            sides.push(Box::new(Threads::new(Tower::new(server, relation))));
        }
        if let Some(npm) = self.npm
            && plan.wants(simple::NAME)
        {
            let relation = simple::fill(server, &fill("connect-pg-simple"), npm, sessions, bytes)?;
            databases.push(relation.database.clone());
            sides.push(Box::new(Simple::new(server, npm, relation)?));
        }
        for (redis, sendings) in [
            (
                self.redis,
                [Sending::OneByOne, Sending::Pipelined].as_slice(),
            ),
            (self.redis_every_second, &[Sending::OneByOne]),
        ] {
            let Some(redis) = redis else { continue };
            fill("Redis");
            redis.fill(sessions, bytes)?;
            for &sending in sendings {
                sides.push(Box::new(Threads::new(RedisSide::new(redis, sending))));
            }
        }
        self.stored(&sides, sessions, bytes, findings)?;
        for &clients in &plan.clients {
            if !whole && clients != budgets::CLIENTS {
                continue;
            }
            for &workload in &plan.workloads {
                if !whole
                    && !matches!(
                        workload,
                        Workload::Load | Workload::Rolling | Workload::Save
                    )
                {
                    continue;
                }
                self.progress(&format!("{workload}, {clients} clients"));
                let taking_part: Vec<&dyn Side> = sides
                    .iter()
                    .map(AsRef::as_ref)
                    .filter(|side| !plan.quick || budgets::needs(workload, *side))
                    .collect();
                let job = plan.job(workload, sessions, bytes, clients, slide_interval_seconds);
                findings
                    .comparisons
                    .push(compare(server, &taking_part, &job, plan.rounds)?);
            }
        }
        drop(sides);
        for database in databases {
            server.drop_database(&database)?;
        }
        Ok(ours)
    }

    /// What the sides' sessions take on disk, where that is in PostgreSQL.
    fn stored(
        &self,
        sides: &[Box<dyn Side + '_>],
        sessions: u32,
        bytes: usize,
        findings: &mut Findings,
    ) -> Result<()> {
        for side in sides {
            // These share one table with our first side.
            if [OursBorrowed::NAME, Bare::NAME].contains(&side.name()) {
                continue;
            }
            if let Some(relation) = side.relation() {
                let (table, indexes) = self.server.sizes(&relation)?;
                findings.stored.push(Stored {
                    side: side.name().to_owned(),
                    sessions,
                    bytes,
                    table,
                    indexes,
                });
            }
        }
        Ok(())
    }

    /// Loads from a large store against loads from a small one.
    fn scale(&self, large: &Relation, sessions: u32, bytes: usize) -> Result<Spread> {
        self.progress(&format!(
            "load at {} sessions and at {}",
            report::count(sessions),
            report::count(FEW_SESSIONS)
        ));
        let few = ours::fill(self.server, "ours_few", FEW_SESSIONS, bytes, Age::Live)?;
        let side = |name, relation: &Relation, sessions| Sized {
            name,
            sessions,
            side: Threads::new(ConnectPgByPool::new(self.server, relation.clone())),
        };
        let (many_side, few_side) = (
            side("many", large, sessions),
            side("few", &few, FEW_SESSIONS),
        );
        let job = self
            .plan
            .job(Workload::Load, sessions, bytes, budgets::CLIENTS, 0);
        let comparison = compare(
            self.server,
            &[&many_side, &few_side],
            &job,
            self.plan.rounds,
        )?;
        self.server.drop_database("ours_few")?;
        comparison.ratio("many", "few").context("no rounds")
    }

    /// Load, ours beside the original's, which reads the whole table for each.
    fn original(&self, bytes: usize) -> Result<Option<Comparison>> {
        let (plan, server) = (self.plan, self.server);
        let Some(npm) = self.npm else { return Ok(None) };
        if !plan.wants("original") && !plan.wants(Original::NAME) {
            return Ok(None);
        }
        self.progress(&format!(
            "load from the original connect-pg, {} sessions",
            report::count(ORIGINAL_SESSIONS)
        ));
        let theirs = original::fill(server, "original", npm, ORIGINAL_SESSIONS, bytes)?;
        let ours = ours::fill(
            server,
            "ours_beside_original",
            ORIGINAL_SESSIONS,
            bytes,
            Age::Live,
        )?;
        let our_side = Threads::new(ConnectPgByPool::new(server, ours));
        let their_side = Threads::new(Original::new(server, theirs));
        let job = plan.job(
            Workload::Load,
            ORIGINAL_SESSIONS,
            bytes,
            budgets::CLIENTS,
            0,
        );
        let comparison = compare(server, &[&our_side, &their_side], &job, plan.rounds.min(3))?;
        server.drop_database("original")?;
        server.drop_database("ours_beside_original")?;
        Ok(Some(comparison))
    }

    /// Per load: ours, the bare crate's.
    fn allocations(&self, ours: &Relation) -> Result<(f64, f64)> {
        #[derive(serde::Deserialize)]
        struct Answer {
            bare: f64,
            ours: f64,
        }
        let program = env::current_exe()?.with_file_name("allocations");
        let server = self.server;
        let connection = format!(
            "host={} port={} user={OUR_ROLE} password={} dbname={}",
            server.host(),
            server.port(),
            server.password(),
            ours.database
        );
        let output = Command::new(&program)
            .env("ALLOCATIONS_CONNECTION", connection)
            .output()
            .with_context(|| program.display().to_string())?;
        anyhow::ensure!(
            output.status.success(),
            "{}: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        let Answer { bare, ours } = serde_json::from_slice(&output.stdout)?;
        Ok((ours, bare))
    }
}

/// A side under another name, with another number of sessions than the job says.
struct Sized<S> {
    name: &'static str,
    sessions: u32,
    side: S,
}

impl<S> Sized<S> {
    fn job(&self, job: &Job) -> Job {
        Job {
            sessions: self.sessions,
            ..job.clone()
        }
    }
}

impl<S: Side> Side for Sized<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn does(&self, workload: Workload) -> bool {
        self.side.does(workload)
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        self.side.prepare(&self.job(job))
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        self.side.run(&self.job(job))
    }

    fn relation(&self) -> Option<Relation> {
        self.side.relation()
    }
}
