//! The servers that a measurement uses, and its progress.

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use crate::plan::Plan;
use crate::server::postgres::Server;
use crate::server::redis::{Durability, Redis};
use crate::stores::kind::StoreKind;

/// The servers that a measurement uses.
pub struct Bench<'a> {
    pub plan: &'a Plan,
    pub server: Server,
    pub redis: Option<Redis>,
    /// A second Redis, which flushes its log once a second.
    pub redis_every_second: Option<Redis>,
    /// The directory of the npm modules.
    pub npm: Option<PathBuf>,
    pub has_connect_pg_1_1_5: bool,
    /// Stores that are not available here, and why.
    pub missing: Vec<(&'static str, String)>,
    began: Instant,
}

impl<'a> Bench<'a> {
    /// Starts the servers.
    pub fn start(plan: &'a Plan) -> Result<Bench<'a>> {
        let began = Instant::now();
        let server = Server::from_env(plan.transport)?;
        // Otherwise autovacuum would clean up after one store at the cost of another.
        server.autovacuum(false)?;
        let start_redis = |durability| -> Result<Option<Redis>> {
            if env::var_os("REDIS_SERVER").is_none() || !plan.includes(StoreKind::Redis) {
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
        let npm = env::var_os("BENCH_NPM").map(PathBuf::from);
        let has_pgtap = env::var_os("BENCH_NO_PGTAP").is_none();
        let mut missing = Vec::new();
        if redis.is_none() {
            missing.push(("Redis", "no Redis here".to_owned()));
        }
        if npm.is_none() {
            let reason = "no Node and npm here";
            missing.push(("connect-pg-simple", reason.to_owned()));
            missing.push(("connect-pg 1.1.5", reason.to_owned()));
        } else if !has_pgtap {
            missing.push(("connect-pg 1.1.5", "no pgTAP here".to_owned()));
        }
        Ok(Bench {
            plan,
            server,
            redis,
            redis_every_second,
            has_connect_pg_1_1_5: npm.is_some() && has_pgtap,
            npm,
            missing,
            began,
        })
    }

    /// Prints what happens next to standard error.
    pub fn progress(&self, text: &str) {
        eprintln!("{:6.1} s  {text}", self.began.elapsed().as_secs_f64());
    }
}
