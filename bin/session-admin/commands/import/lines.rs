//! `--from jsonl`: reads the output of `session-admin export`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::importer::{Importer, ReadEnd};
use super::line;
use crate::support::cli_error::CliError;

/// Imports all lines of the file, or of standard input.
pub(super) fn read(
    file: Option<&Path>,
    importer: &mut Importer<'_>,
    stop: &AtomicBool,
) -> Result<ReadEnd, CliError> {
    let mut input: Box<dyn BufRead> = match file {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
            Box::new(BufReader::new(file))
        }
        _ => Box::new(io::stdin().lock()),
    };
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = input
            .read_until(b'\n', &mut line)
            .map_err(|error| cannot_read(file.unwrap_or(Path::new("-")), &error))?;
        if length == 0 {
            break;
        }
        let position = format!("line {number}");
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match line::parse(&line) {
            Ok(session) => {
                if importer.add(position, session)? && stop.load(Ordering::Relaxed) {
                    return Ok(ReadEnd::Interrupted);
                }
            }
            Err(reason) => importer.refuse(position, reason),
        }
    }
    importer.send()?;
    Ok(ReadEnd::Done)
}

fn cannot_read(path: &Path, error: &io::Error) -> CliError {
    let name = if path == Path::new("-") {
        "standard input".into()
    } else {
        path.display().to_string()
    };
    CliError::new(
        format!("cannot read {name}: {error}"),
        "name a file of session-admin export, or pipe its output to standard input; run it again, sessions that were imported are kept",
    )
}
