//! `session-admin prune`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::RangedI64ValueParser;
use connect_pg::Store;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, grouped};

const HELP: &str = "\
Removes sessions that have expired, and ended ones whose time as a tombstone is over, in small batches until nothing is \
left. Each batch is a transaction of its own, waits for nobody and makes nobody wait, and is followed by a rest, so that \
other clients hardly notice. A row that was due but has \
been used since is filed again under its new expiry.

Ctrl-C stops after the current batch; what was removed stays removed. Pruners take turns, batch by batch: while another's lasts, \
this one waits a few seconds for it, then gives up with exit status 1.

Rights: the runtime role may do this, or a superuser.

Examples:
  session-admin prune                                   # from cron or a systemd timer
  session-admin prune --pause 0                         # fast, on a server that does nothing else now

--format json prints {\"outcome\":\"pruned\"|\"limit\"|\"busy\"|\"interrupted\", \"deleted\":…, \"rescheduled\":…, \"batches\":…}.";

/// Remove sessions that are no longer live
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Stop after this many rows [default: when nothing is left]
    #[arg(long, value_name = "N", value_parser = RangedI64ValueParser::<i64>::new().range(1..))]
    max_rows: Option<i64>,
    /// At most this many rows in a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    batch: u32,
    /// Milliseconds to rest after each batch [default: three times as long as it took, 1000 at most]
    #[arg(long, value_name = "MS")]
    pause: Option<u64>,
}

const RIGHTS: &str = "connect as the runtime role of the store, or as a superuser";

/// How often to wait for another pruner.
const BUSY_TRIES: u32 = 20;

#[derive(Default)]
struct Done {
    deleted: i64,
    rescheduled: i64,
    batches: i64,
}

#[derive(Clone, Copy)]
enum End {
    NothingLeft,
    Limit,
    Busy,
    Interrupted,
}

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let stop = stop_on_interrupt();
    let mut client = connection::open(global)?;
    let failed = |error: connect_pg::Error| failure::calling("prune", &error, global, RIGHTS);
    let store = Store::on(&mut client)
        .schema(&global.schema)
        .map_err(failed)?;

    let progress = progress("pruning");
    let mut done = Done::default();
    let mut busy = 0;
    let end = loop {
        if stop.load(Ordering::Relaxed) {
            break End::Interrupted;
        }
        let left = arguments
            .max_rows
            .map_or(i64::MAX, |most| most - done.deleted - done.rescheduled);
        if left <= 0 {
            break End::Limit;
        }
        let size = u32::try_from(left).map_or(arguments.batch, |left| left.min(arguments.batch));
        let pruned = store.prune(size).map_err(failed)?;
        if pruned.is_busy() {
            busy += 1;
            if busy == BUSY_TRIES {
                break End::Busy;
            }
            progress.set_message("waiting for another pruner");
            rest(pruned.pause(), &stop);
            continue;
        }
        busy = 0;
        done.deleted += i64::from(pruned.deleted());
        done.rescheduled += i64::from(pruned.rescheduled());
        done.batches += 1;
        progress.set_message(format!(
            "{} removed, {} filed again",
            grouped(done.deleted),
            grouped(done.rescheduled)
        ));
        progress.tick();
        if pruned.is_complete() {
            break End::NothingLeft;
        }
        let pause = arguments.pause.map(Duration::from_millis);
        rest(pause.unwrap_or_else(|| pruned.pause()), &stop);
    };
    progress.finish_and_clear();
    report(global, &done, end)
}

fn report(global: &GlobalArgs, done: &Done, end: End) -> Result<ExitStatus, Failure> {
    let (outcome, sentence, answer) = match end {
        End::NothingLeft => ("pruned", "nothing is left to prune", ExitStatus::Yes),
        End::Limit => (
            "limit",
            "stopped at --max-rows; there may be more",
            ExitStatus::Yes,
        ),
        End::Busy => (
            "busy",
            "another pruner is at work and goes on with it",
            ExitStatus::No,
        ),
        End::Interrupted => (
            "interrupted",
            "interrupted; there may be more",
            ExitStatus::No,
        ),
    };
    match global.format {
        Format::Json => output::print_json(&json!({
            "outcome": outcome,
            "deleted": done.deleted,
            "rescheduled": done.rescheduled,
            "batches": done.batches,
        }))?,
        Format::People => output::print(&format!(
            "{} removed, {} filed again, in {} {}: {sentence}\n",
            grouped(done.deleted),
            grouped(done.rescheduled),
            grouped(done.batches),
            if done.batches == 1 {
                "batch"
            } else {
                "batches"
            }
        ))?,
    }
    Ok(answer)
}

/// On a terminal only.
pub(crate) fn progress(doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(doing);
    bar.tick();
    bar
}

/// Ctrl-C asks to stop; a second one does not wait for the batch.
pub(crate) fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // Where no handler can be set, Ctrl-C ends the program, and the server undoes or completes the batch.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}

/// Waits, unless asked to stop.
fn rest(pause: Duration, stop: &AtomicBool) {
    let until = Instant::now() + pause;
    while !stop.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}
