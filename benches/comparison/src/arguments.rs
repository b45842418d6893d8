//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::measure::workload::Workload;
use crate::server::transport::Transport;
use crate::stores::kind::StoreKind;

/// Measures connect-pg beside other session stores on one machine. The stores take turns.
///
/// A store that is not available here (no Node, no Redis) is left out, and its budgets are not measured.
///
/// Exit codes: 0 every measured budget is met, 1 a budget is missed, 2 wrong use or failure.
#[derive(Debug, Parser)]
#[command(bin_name = "bin/bench", max_term_width = 100)]
pub struct Arguments {
    /// Measure only what the budgets need, in short rounds: less than 4 minutes
    #[arg(long)]
    pub quick: bool,

    /// Write JSON to this file beside the tables; without a file, print JSON instead of the tables
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,

    /// Sessions in the store; several sizes are measured in turn [default: 10000,1000000; quick: 100000]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1000..))]
    pub sessions: Vec<u32>,

    /// Concurrent clients
    #[arg(long, value_delimiter = ',', default_value = "1,4,16", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: Vec<u32>,

    /// Requests in flight: load, rolling and save by as many tasks and, up to 64, threads [default: 4,16,64,256; quick: those of
    /// the budgets; 0 = none]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub in_flight: Vec<u32>,

    /// Measure requests in flight by connect-pg only, with pools of these sizes
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(2..=64))]
    pub pool_sizes: Vec<u32>,

    /// Measure nothing but requests in flight
    #[arg(long)]
    pub only_in_flight: bool,

    /// Measure nothing; print the tables of several runs, with their range, from what they wrote by --json
    #[arg(long, value_delimiter = ',', value_name = "FILE")]
    pub runs: Vec<PathBuf>,

    /// Bytes of data in a session. All workloads use the first size; load, rolling and save by 4 clients use the others too
    #[arg(long, value_delimiter = ',', default_value = "300,4096")]
    pub bytes: Vec<usize>,

    /// Workloads [default: all]
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<Workload>,

    /// Stores to compare with connect-pg, which is always measured [default: all]
    #[arg(long, value_delimiter = ',')]
    pub stores: Vec<StoreKind>,

    /// Rounds of each comparison [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,

    /// Seconds of each store in each round [default: 2; quick: 0.6]
    #[arg(long)]
    pub seconds: Option<f64>,

    /// How clients reach their server
    #[arg(long, value_enum, default_value = "tcp")]
    pub transport: Transport,

    /// Live sessions among which as many expired sessions are pruned; 0 = no pruning [default: 1000000; quick: 100000]
    #[arg(long)]
    pub pruning: Option<u32>,

    /// Write the plots to this directory
    #[arg(long, value_name = "DIRECTORY")]
    pub plots: Option<PathBuf>,
}
