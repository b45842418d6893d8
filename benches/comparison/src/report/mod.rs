//! The output: tables and budgets in Markdown, JSON, plots.

pub mod budgets;
pub mod evidence;
mod in_flight_plots;
pub mod plots;
pub mod runs;
pub mod tables;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::stages::Findings;
use budgets::Budget;

/// The outputs that the command line asks for.
pub struct Report {
    json: Option<Box<dyn Write>>,
    has_tables: bool,
    plots: Option<PathBuf>,
}

#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    findings: &'a Findings,
    budgets: &'a [Budget],
}

impl Report {
    /// Creates the files and directories of the outputs.
    pub fn create(arguments: &Arguments) -> Result<Report> {
        let is_standard_output = arguments.json.as_deref() == Some(Path::new("-"));
        let json: Option<Box<dyn Write>> = match arguments.json.as_deref() {
            None => None,
            Some(_) if is_standard_output => Some(Box::new(io::stdout())),
            Some(path) => {
                let file = File::create(path).with_context(|| path.display().to_string())?;
                Some(Box::new(file))
            }
        };
        if let Some(directory) = &arguments.plots {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        Ok(Report {
            json,
            has_tables: !is_standard_output,
            plots: arguments.plots.clone(),
        })
    }

    /// Writes all outputs.
    pub fn write(self, findings: &Findings, budgets: &[Budget]) -> Result<()> {
        if let Some(directory) = &self.plots {
            plots::draw(directory, findings)?;
        }
        if let Some(mut json) = self.json {
            let content = Json { findings, budgets };
            writeln!(json, "{}", serde_json::to_string_pretty(&content)?)?;
        }
        if self.has_tables {
            print!("{}", tables::all(findings, budgets));
        }
        Ok(())
    }
}
