//! Measures connect-pg beside other session stores. Run it by `bin/bench`, which installs what it needs and starts the
//! PostgreSQL that it measures on.

mod arguments;
mod budgets;
mod compare;
mod cpu;
mod histogram;
mod ids;
mod machine;
mod payload;
mod plots;
mod pruning;
mod report;
mod round_trips;
mod run;
mod server;
mod sides;
mod spread;
mod stages;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match stages::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}
