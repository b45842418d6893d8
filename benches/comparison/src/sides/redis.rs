//! Redis, where it is installed, as session stores use it: GET and EXPIRE for a rolling request, SET EX for a save.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use redis::{Client, Connection, cmd, pipe};

use crate::ids::{id_of, random_id};
use crate::payload::Payload;
use crate::run::{Threaded, Worker};
use crate::server::{Relation, Transport};
use crate::sides::IDLE_SECONDS;
use crate::workload::Workload;

/// What Redis writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: a crash or a restart logs everybody out.
    None,
    /// Its log, handed to the disk once a second.
    EverySecond,
}

/// A private server, stopped and removed when this is dropped.
pub struct Redis {
    server: Child,
    directory: PathBuf,
    url: String,
    durability: Durability,
}

impl Redis {
    /// Starts the program that `REDIS_SERVER` names, on a free port.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(transport: Transport, durability: Durability) -> Result<Redis> {
        let program = env::var_os("REDIS_SERVER").context("REDIS_SERVER is not set")?;
        let directory =
            env::temp_dir().join(format!("bench-redis-{}-{durability:?}", std::process::id()));
        fs::create_dir_all(&directory)?;
        for port in free_ports() {
            // The kernel stops it should this program be killed.
            let server = Command::new("setpriv")
                .args(["--pdeathsig", "TERM", "--"])
                .arg(&program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args([
                    "--unixsocket",
                    &socket(&directory),
                    "--unixsocketperm",
                    "700",
                ])
                .args(["--save", ""])
                .args([
                    "--appendonly",
                    if durability == Durability::None {
                        "no"
                    } else {
                        "yes"
                    },
                ])
                .args(["--appendfsync", "everysec"])
                .arg("--dir")
                .arg(&directory)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .context("setpriv redis-server")?;
            let url = match transport {
                Transport::Tcp => format!("redis://127.0.0.1:{port}/"),
                Transport::Socket => format!("redis+unix://{}", socket(&directory)),
            };
            let mut redis = Redis {
                server,
                directory: directory.clone(),
                url,
                durability,
            };
            if redis.comes_up()? {
                return Ok(redis);
            }
            fs::create_dir_all(&directory)?; // went with that one
        }
        bail!("redis-server does not start")
    }

    fn comes_up(&mut self) -> Result<bool> {
        let give_up = Instant::now() + Duration::from_secs(10);
        while Instant::now() < give_up {
            if self.server.try_wait()?.is_some() {
                return Ok(false);
            }
            if self
                .connect()
                .is_ok_and(|mut c| cmd("PING").query::<String>(&mut c).is_ok())
            {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }

    pub fn connect(&self) -> Result<Connection> {
        Ok(Client::open(self.url.as_str())?.get_connection()?)
    }

    pub fn version(&self) -> Result<String> {
        let info: String = cmd("INFO").arg("server").query(&mut self.connect()?)?;
        let version = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("?").to_owned())
    }

    pub fn fill(&self, sessions: u32, bytes: usize) -> Result<()> {
        let mut connection = self.connect()?;
        cmd("FLUSHALL").query::<()>(&mut connection)?;
        let mut index = 0;
        while index < sessions {
            let end = sessions.min(index + 1000);
            let mut pipe = pipe();
            for i in index..end {
                let json = Payload::new(i, bytes).to_json();
                pipe.cmd("SET")
                    .arg(key(&id_of(i)))
                    .arg(json)
                    .arg("EX")
                    .arg(IDLE_SECONDS)
                    .ignore();
            }
            pipe.query::<()>(&mut connection)?;
            index = end;
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Ports that nobody listens on at this moment.
fn free_ports() -> impl Iterator<Item = u16> {
    (0..10).filter_map(|_| {
        let listener: io::Result<_> = std::net::TcpListener::bind(("127.0.0.1", 0));
        listener
            .and_then(|l| l.local_addr())
            .ok()
            .map(|address| address.port())
    })
}

fn socket(directory: &Path) -> String {
    directory.join("redis.sock").display().to_string()
}

/// How GET and EXPIRE are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// One after the other, as the session stores do.
    OneByOne,
    /// In one round trip.
    Pipelined,
}

pub struct RedisSide<'a> {
    redis: &'a Redis,
    sending: Sending,
}

impl<'a> RedisSide<'a> {
    pub fn new(redis: &'a Redis, sending: Sending) -> RedisSide<'a> {
        RedisSide { redis, sending }
    }
}

pub const NAME: &str = "Redis";
pub const PIPELINED_NAME: &str = "Redis, pipelined";

impl Threaded for RedisSide<'_> {
    fn name(&self) -> &'static str {
        match (self.redis.durability, self.sending) {
            (Durability::None, Sending::OneByOne) => NAME,
            (Durability::None, Sending::Pipelined) => PIPELINED_NAME,
            (Durability::EverySecond, Sending::OneByOne) => "Redis, fsync 1/s",
            (Durability::EverySecond, Sending::Pipelined) => "Redis, pipelined, fsync 1/s",
        }
    }

    fn does(&self, workload: Workload) -> bool {
        match self.sending {
            Sending::OneByOne => !matches!(
                workload,
                Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
            ),
            Sending::Pipelined => workload == Workload::Rolling,
        }
    }

    fn relation(&self) -> Option<Relation> {
        None
    }

    fn server_process(&self) -> u32 {
        self.redis.server.id()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>> {
        (0..clients)
            .map(|_| {
                Ok(Box::new(RedisWorker {
                    connection: self.redis.connect()?,
                    sending: self.sending,
                    kept: Vec::new(),
                }) as Box<dyn Worker>)
            })
            .collect()
    }
}

struct RedisWorker {
    connection: Connection,
    sending: Sending,
    kept: Vec<(String, Payload)>,
}

impl RedisWorker {
    fn get(&mut self, id: &str) -> Result<Payload> {
        let json: Option<String> = cmd("GET").arg(key(id)).query(&mut self.connection)?;
        parse(json)
    }

    fn set(&mut self, id: &str, payload: &Payload) -> Result<()> {
        Ok(cmd("SET")
            .arg(key(id))
            .arg(payload.to_json())
            .arg("EX")
            .arg(IDLE_SECONDS)
            .query(&mut self.connection)?)
    }
}

impl Worker for RedisWorker {
    fn load(&mut self, id: &str) -> Result<()> {
        self.get(id)?;
        Ok(())
    }

    fn rolling(&mut self, id: &str) -> Result<()> {
        match self.sending {
            Sending::OneByOne => {
                self.get(id)?;
                let there: bool = cmd("EXPIRE")
                    .arg(key(id))
                    .arg(IDLE_SECONDS)
                    .query(&mut self.connection)?;
                if !there {
                    bail!("a session is gone");
                }
            }
            Sending::Pipelined => {
                let (json, _): (Option<String>, bool) = pipe()
                    .cmd("GET")
                    .arg(key(id))
                    .cmd("EXPIRE")
                    .arg(key(id))
                    .arg(IDLE_SECONDS)
                    .query(&mut self.connection)?;
                parse(json)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let payload = self.get(id)?;
        self.kept.push((id.to_owned(), payload));
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        let (id, mut payload) = self.kept[n].clone();
        payload.change();
        self.set(&id, &payload)?;
        self.kept[n].1 = payload;
        Ok(())
    }

    fn change(&mut self, id: &str) -> Result<()> {
        let mut payload = self.get(id)?;
        payload.change();
        self.set(id, &payload)
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        let id = random_id()?;
        self.set(&id, payload)?;
        Ok(id)
    }

    fn login(&mut self, id: &str, _: &str) -> Result<String> {
        let payload = self.get(id)?;
        self.end(id)?;
        self.create(&payload)
    }

    fn end(&mut self, id: &str) -> Result<()> {
        let ended: u32 = cmd("DEL").arg(key(id)).query(&mut self.connection)?;
        if ended != 1 {
            bail!("there was no session to end");
        }
        Ok(())
    }
}

fn key(id: &str) -> String {
    format!("sess:{id}")
}

fn parse(json: Option<String>) -> Result<Payload> {
    match json {
        Some(json) => Ok(serde_json::from_str(&json)?),
        None => bail!("there is no such live session"),
    }
}
