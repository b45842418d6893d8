//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::server::Transport;
use crate::workload::Workload;

/// Measures connect-pg beside other session stores, in turn, on one machine.
///
/// Sides that are not there (no Node, no Redis) are left out, and their budgets not measured.
///
/// Exit codes: 0 every budget that was measured is met, 1 one falls short, 2 wrong use or failure.
#[derive(Debug, Parser)]
#[command(bin_name = "bin/bench", max_term_width = 100)]
pub struct Arguments {
    /// Only what the budgets need, in short rounds, in less than 3 minutes
    #[arg(long)]
    pub quick: bool,

    /// JSON into this file beside the tables, or without a file instead of them
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,

    /// Sessions in the store, one size after the other [default: 10000,1000000; quick: see its output]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1000..))]
    pub sessions: Vec<u32>,

    /// Clients at once
    #[arg(long, value_delimiter = ',', default_value = "1,4,16", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: Vec<u32>,

    /// Bytes of data in a session. The first size is for all workloads, further ones for load, rolling and save by 4 clients
    #[arg(long, value_delimiter = ',', default_value = "300,4096")]
    pub bytes: Vec<usize>,

    /// Workloads [default: all]
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<Workload>,

    /// Sides, by a part of the name; ours are always there [default: all]
    #[arg(long, value_delimiter = ',')]
    pub sides: Vec<String>,

    /// Rounds of each comparison [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,

    /// Seconds of each side in each round [default: 2; quick: 0.6]
    #[arg(long)]
    pub seconds: Option<f64>,

    /// How the sides reach their server
    #[arg(long, value_enum, default_value = "tcp")]
    pub transport: Transport,

    /// Live sessions that as many expired ones are pruned among; 0 = no pruning [default: 1000000; quick: see its output]
    #[arg(long)]
    pub pruning: Option<u32>,

    /// Write the two plots into this directory
    #[arg(long, value_name = "DIRECTORY")]
    pub plots: Option<PathBuf>,
}
