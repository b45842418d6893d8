//! A worker process of Node, which measures itself and replies in JSON, one line each way.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::measure::histogram;
use crate::measure::job::Job;
use crate::measure::measured::Measured;

/// A worker process of Node.
pub struct Node {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

#[derive(Serialize)]
struct Request<'a> {
    workload: &'a str,
    clients: u32,
    seconds: f64,
    sessions: u32,
    bytes: usize,
    seed: u64,
}

#[derive(Deserialize)]
struct Reply {
    error: Option<String>,
    #[serde(default)]
    calls: u64,
    #[serde(default)]
    all_calls: u64,
    #[serde(default)]
    seconds: f64,
    /// Pairs of nanoseconds and a number of calls, to three digits.
    #[serde(default)]
    latencies: Vec<(u64, u64)>,
}

impl Node {
    /// Runs a script of the directory `npm` with these environment variables.
    ///
    /// # Errors
    ///
    /// Fails if Node is not installed.
    pub fn start(npm: &Path, script: &str, environment: &[(&str, String)]) -> Result<Node> {
        let mut process = Command::new("node")
            .arg(npm.join(script))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node")?;
        let input = process.stdin.take();
        let output = BufReader::new(
            process
                .stdout
                .take()
                .context("node has no standard output")?,
        );
        Ok(Node {
            process,
            input,
            output,
        })
    }

    /// Runs a job.
    pub fn run(&mut self, job: &Job) -> Result<Measured> {
        let request = Request {
            workload: job.workload.name(),
            clients: job.clients,
            seconds: job.seconds,
            sessions: job.sessions,
            bytes: job.bytes,
            // JavaScript's numbers are exact to 53 bits.
            seed: job.seed & 0xffff_ffff,
        };
        let mut line = serde_json::to_string(&request)?;
        line.push('\n');
        self.input
            .as_mut()
            .context("node has ended")?
            .write_all(line.as_bytes())?;
        let mut reply = String::new();
        if self.output.read_line(&mut reply)? == 0 {
            bail!("node has ended; its messages are above");
        }
        let reply: Reply = serde_json::from_str(&reply)?;
        if let Some(error) = reply.error {
            bail!("node: {error}");
        }
        let mut latencies = histogram::new()?;
        for (nanoseconds, count) in reply.latencies {
            latencies.saturating_record_n(nanoseconds, count);
        }
        Ok(Measured {
            calls: reply.calls,
            all_calls: reply.all_calls,
            seconds: reply.seconds,
            latencies,
            timeline: Vec::new(),
            cpu: None,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.input.take()); // node ends when its input does
        let _ = self.process.wait();
    }
}
