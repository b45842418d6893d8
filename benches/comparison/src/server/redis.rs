//! A private Redis server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Connection, cmd};

use super::transport::Transport;

/// How many servers were started, for the names of their directories.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// What Redis writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: a restart ends every session.
    None,
    /// Its log, flushed once a second.
    EverySecond,
    /// Its log, flushed before each reply.
    Always,
}

/// A private Redis server. Dropping it stops the server and removes its files.
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
    /// Fails if the server does not start.
    pub fn start(transport: Transport, durability: Durability) -> Result<Redis> {
        let program = env::var_os("REDIS_SERVER").context("REDIS_SERVER is not set")?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory =
            env::temp_dir().join(format!("bench-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory)?;
        for port in free_ports() {
            // The kernel stops the server if this program is killed.
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
                .args([
                    "--appendfsync",
                    if durability == Durability::Always {
                        "always"
                    } else {
                        "everysec"
                    },
                ])
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
            if redis.wait_until_ready()? {
                return Ok(redis);
            }
            fs::create_dir_all(&directory)?; // dropped with the failed server
        }
        bail!("redis-server does not start")
    }

    /// Returns false if the server has ended or does not answer in time.
    fn wait_until_ready(&mut self) -> Result<bool> {
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

    /// Opens a connection.
    pub fn connect(&self) -> Result<Connection> {
        Ok(Client::open(self.url.as_str())?.get_connection()?)
    }

    /// Opens a connection that many tasks can share.
    pub async fn multiplexed(&self, response_timeout: Duration) -> Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(response_timeout));
        Ok(Client::open(self.url.as_str())?
            .get_multiplexed_async_connection_with_config(&config)
            .await?)
    }

    /// Returns the server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the server's version.
    pub fn version(&self) -> Result<String> {
        let info: String = cmd("INFO").arg("server").query(&mut self.connect()?)?;
        let version = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("?").to_owned())
    }

    /// Returns what the server writes to disk.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Returns the server's process id.
    pub fn process(&self) -> u32 {
        self.server.id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Returns ports that are free at this moment.
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
