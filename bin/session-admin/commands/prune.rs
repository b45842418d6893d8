//! `session-admin prune`

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::builder::RangedI64ValueParser;
use indicatif::ProgressBar;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::interrupt::{pause, stop_on_interrupt};
use crate::support::output;
use crate::support::progress::progress;
use crate::support::rights::Rights;
use crate::support::text::{counted, grouped};

const HELP: &str = "\
Deletes expired sessions, and tombstones whose retention is over, in small batches until none is left. Each batch is a \
transaction of its own, which takes no lock that another client waits for. A pause follows each batch, so that other \
clients are hardly slowed down. A session that was used after it was scheduled for pruning is rescheduled.

Ctrl-C stops after the current batch; the batches before it are committed. One client prunes at a time. If another one \
prunes now, this one retries for a few seconds and then stops with exit status 1.

Rights: the runtime role, a superuser, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

Examples:
  session-admin prune                                   # from cron or a systemd timer
  session-admin prune --pause 0                         # fast, on a server without other load

--format json prints {\"outcome\":\"pruned\"|\"limit\"|\"busy\"|\"interrupted\", \"deleted\":…, \"rescheduled\":…, \"batches\":…}.";

/// Delete sessions that are no longer live
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Stop after this many rows [default: when none is left]
    #[arg(long, value_name = "N", value_parser = RangedI64ValueParser::<i64>::new().range(1..))]
    max_rows: Option<i64>,
    /// The most rows in a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    batch: u32,
    /// Milliseconds to pause after each batch [default: three times as long as the batch took, at most 1000]
    #[arg(long, value_name = "MS")]
    pause: Option<u64>,
}

/// How often to retry while another client prunes.
const MAX_BUSY_RETRIES: u32 = 20;

#[derive(Default)]
struct Totals {
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

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let stop = stop_on_interrupt();
    let mut client = connection::open(global)?;
    let progress = progress("pruning");
    let (totals, end) = connection::store(&mut client, global)
        .and_then(|store| prune(args, &stop, &progress, |max_rows| store.prune(max_rows)))
        .map_err(|error| call_failed("prune", &error, global, Rights::RuntimeOrOwnerRole))?;
    progress.finish_and_clear();
    report(global, &totals, end)
}

fn prune(
    args: &Args,
    stop: &AtomicBool,
    progress: &ProgressBar,
    prune_batch: impl Fn(u32) -> Result<connect_pg::PruneBatch, connect_pg::Error>,
) -> Result<(Totals, End), connect_pg::Error> {
    let mut totals = Totals::default();
    let mut retries = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok((totals, End::Interrupted));
        }
        let left = args
            .max_rows
            .map_or(i64::MAX, |most| most - totals.deleted - totals.rescheduled);
        if left <= 0 {
            return Ok((totals, End::Limit));
        }
        let max_rows = u32::try_from(left).map_or(args.batch, |left| left.min(args.batch));
        let batch = prune_batch(max_rows)?;
        if batch.is_busy() {
            retries += 1;
            if retries == MAX_BUSY_RETRIES {
                return Ok((totals, End::Busy));
            }
            progress.set_message("waiting for another pruner");
            pause(batch.pause(), stop);
            continue;
        }
        retries = 0;
        totals.deleted += i64::from(batch.deleted());
        totals.rescheduled += i64::from(batch.rescheduled());
        totals.batches += 1;
        progress.set_message(format!(
            "{} deleted, {} rescheduled",
            grouped(totals.deleted),
            grouped(totals.rescheduled)
        ));
        progress.tick();
        if batch.is_complete() {
            return Ok((totals, End::NothingLeft));
        }
        pause(
            args.pause
                .map_or_else(|| batch.pause(), Duration::from_millis),
            stop,
        );
    }
}

fn report(global: &GlobalArgs, totals: &Totals, end: End) -> Result<ExitStatus, CliError> {
    let (outcome, state, status) = match end {
        End::NothingLeft => ("pruned", "Nothing is left to prune", ExitStatus::Yes),
        End::Limit => (
            "limit",
            "Stopped at --max-rows, more may be left",
            ExitStatus::Yes,
        ),
        End::Busy => (
            "busy",
            "Another client is pruning and continues",
            ExitStatus::No,
        ),
        End::Interrupted => (
            "interrupted",
            "Interrupted, more may be left",
            ExitStatus::No,
        ),
    };
    match global.format() {
        Format::Json => output::print_json(&json!({
            "outcome": outcome,
            "deleted": totals.deleted,
            "rescheduled": totals.rescheduled,
            "batches": totals.batches,
        }))?,
        Format::Text => output::print(&format!(
            "{state}: {} deleted, {} rescheduled ({}).\n",
            grouped(totals.deleted),
            grouped(totals.rescheduled),
            counted(totals.batches, "batch", "batches")
        ))?,
    }
    Ok(status)
}
