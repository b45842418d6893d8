//! `session-admin import`

mod args;
mod catalog;
mod data;
mod importer;
mod layout;
mod line;
mod lines;
mod row;
mod source;
mod summary;
mod table_name;

pub(crate) use self::args::Args;

use self::args::SourceStore;
use self::importer::{Importer, ReadEnd};
use crate::exit::ExitStatus;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;
use crate::support::interrupt::stop_on_interrupt;
use crate::support::progress::progress;

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    args.check()?;
    let stop = stop_on_interrupt();
    let mut client = connection::open(global)?;
    let progress = progress("importing");
    let mut importer = Importer::new(
        &mut client,
        global,
        usize::from(args.batch),
        args.dry_run,
        &progress,
    )?;
    let (end, zone) = if args.from == SourceStore::Jsonl {
        let end = lines::read(args.file.as_deref(), &mut importer, &stop)?;
        (end, None)
    } else {
        source::read(global, args, &mut importer, &stop)?
    };
    let summary = importer.finish();
    progress.finish_and_clear();
    let is_done = end == ReadEnd::Done;
    summary.print(global, args.dry_run, is_done, zone.as_deref())?;
    Ok(ExitStatus::of(is_done && summary.unreadable() == 0))
}
