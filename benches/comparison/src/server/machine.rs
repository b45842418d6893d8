//! The machine and the settings of the measurement.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::postgres::Server;
use super::redis::Redis;
use crate::measure::spread::Spread;

/// The machine, its servers and their settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Machine {
    pub date: String,
    pub processor: String,
    pub cores: usize,
    pub memory_gb: u64,
    pub kernel: String,
    pub postgresql: String,
    pub redis: Option<String>,
    /// Microseconds that 8 KiB need to reach the disk.
    pub fdatasync_us: f64,
    /// The server's settings that matter.
    pub settings: Vec<(String, String)>,
}

const SETTINGS: [&str; 9] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_compression",
    "data_checksums",
];

impl Machine {
    /// Reads what is known of the machine and its servers.
    pub fn read(server: &Server, redis: Option<&Redis>) -> Result<Machine> {
        let date = OffsetDateTime::now_utc();
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line
                .and_then(|line| line.split_once(':'))
                .map_or("?", |(_, value)| value.trim());
            value.to_owned()
        };
        let kilobytes = field("/proc/meminfo", "MemTotal");
        Ok(Machine {
            date: format!(
                "{}-{:02}-{:02}",
                date.year(),
                u8::from(date.month()),
                date.day()
            ),
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_gb: kilobytes
                .split(' ')
                .next()
                .unwrap_or("0")
                .parse::<u64>()
                .unwrap_or(0)
                / 1_000_000,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            postgresql: server.version()?,
            redis: redis.map(Redis::version).transpose()?,
            fdatasync_us: fdatasync_us(&std::env::temp_dir())?,
            settings: SETTINGS
                .iter()
                .map(|&name| Ok((name.to_owned(), server.setting(name)?)))
                .collect::<Result<_>>()?,
        })
    }

    /// Describes the machine in one line.
    pub fn line(&self) -> String {
        let Machine {
            date,
            processor,
            cores,
            memory_gb,
            postgresql,
            ..
        } = self;
        let redis = self
            .redis
            .as_ref()
            .map_or_else(String::new, |version| format!(", Redis {version}"));
        format!(
            "{date}, {processor}, {cores} cores, {memory_gb} GB, PostgreSQL {postgresql}{redis}"
        )
    }

    /// Describes the machine and the server's settings.
    pub fn text(&self) -> String {
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        format!(
            "{}\nLinux {}; an fdatasync of 8 KiB takes {:.0} µs (median)\n{}\n",
            self.line(),
            self.kernel,
            self.fdatasync_us,
            settings.join(", ")
        )
    }
}

/// Measures the median time of an 8 KiB write that waits for the disk, where the server's files are.
fn fdatasync_us(directory: &Path) -> Result<f64> {
    let path = directory.join(format!("bench-fdatasync-{}", std::process::id()));
    let mut file = File::create_new(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[0; 8192])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(&path)?;
    Ok(Spread::of(times).map_or(0.0, |spread| spread.median))
}
