//! A store of Node's: a worker process of Node, which measures itself and answers in JSON, one line each way.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::histogram;
use crate::run::{Job, Measured};

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
struct Answer {
    error: Option<String>,
    #[serde(default)]
    calls: u64,
    #[serde(default)]
    all_calls: u64,
    #[serde(default)]
    seconds: f64,
    /// Pairs of nanoseconds and how many calls took that long, to three digits.
    #[serde(default)]
    latencies: Vec<(u64, u64)>,
}

impl Node {
    /// Runs a script of the directory `npm` with these environment variables.
    ///
    /// # Errors
    ///
    /// There is no node.
    pub fn start(npm: &Path, script: &str, environment: &[(&str, String)]) -> Result<Node> {
        let mut process = Command::new("node")
            .arg(npm.join(script))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node")?;
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().context("no output of node's")?);
        Ok(Node {
            process,
            input,
            output,
        })
    }

    pub fn run(&mut self, job: &Job) -> Result<Measured> {
        let request = Request {
            workload: job.workload.name(),
            clients: job.clients,
            seconds: job.seconds,
            sessions: job.sessions,
            bytes: job.bytes,
            // Numbers of JavaScript are exact to 53 bits.
            seed: job.seed & 0xffff_ffff,
        };
        let mut line = serde_json::to_string(&request)?;
        line.push('\n');
        self.input
            .as_mut()
            .context("node has ended")?
            .write_all(line.as_bytes())?;
        let mut answer = String::new();
        if self.output.read_line(&mut answer)? == 0 {
            bail!("node has ended: its messages are above");
        }
        let answer: Answer = serde_json::from_str(&answer)?;
        if let Some(error) = answer.error {
            bail!("node: {error}");
        }
        let mut latencies = histogram::new()?;
        for (nanoseconds, count) in answer.latencies {
            latencies.saturating_record_n(nanoseconds, count);
        }
        Ok(Measured {
            calls: answer.calls,
            all_calls: answer.all_calls,
            seconds: answer.seconds,
            latencies,
            timeline: Vec::new(),
            cpu: None,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.input.take()); // its end of input, on which it ends
        let _ = self.process.wait();
    }
}
