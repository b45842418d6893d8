//! What an import did.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use crate::support::cli_error::CliError;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output::{self, Paint};
use crate::support::text::{grouped, one_line};

/// The most unreadable sessions that are listed.
const MAX_LISTED: usize = 100;
/// The most in a text report.
const MAX_LISTED_AS_TEXT: usize = 20;

/// What became of the sessions.
#[derive(Default)]
pub(super) struct ImportSummary {
    pub(super) imported: i64,
    pub(super) existing: i64,
    pub(super) expired: i64,
    /// The number of unreadable sessions by reason.
    reasons: BTreeMap<String, i64>,
    /// The first unreadable sessions: position and reason.
    first_unreadable: Vec<(String, String)>,
}

impl ImportSummary {
    /// Counts an unreadable session.
    pub(super) fn add_unreadable(&mut self, position: String, reason: &str) {
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        if self.first_unreadable.len() < MAX_LISTED {
            self.first_unreadable.push((position, reason.to_owned()));
        }
    }

    pub(super) fn unreadable(&self) -> i64 {
        self.reasons.values().sum()
    }

    /// Returns the counts as text.
    pub(super) fn counts(&self, is_dry_run: bool) -> String {
        format!(
            "{} {}, {} already present, {} expired, {} unreadable",
            grouped(self.imported),
            if is_dry_run { "to import" } else { "imported" },
            grouped(self.existing),
            grouped(self.expired),
            grouped(self.unreadable())
        )
    }

    /// Prints the report.
    pub(super) fn print(
        &self,
        global: &GlobalArgs,
        is_dry_run: bool,
        is_done: bool,
        zone: Option<&str>,
    ) -> Result<(), CliError> {
        match global.format() {
            Format::Json => output::print_json(&json!({
                "outcome": if is_done { "done" } else { "interrupted" },
                "dry_run": is_dry_run,
                "imported": self.imported,
                "existing": self.existing,
                "expired": self.expired,
                "unreadable": self.unreadable(),
                "reasons": self.reasons,
                "unreadable_sessions": self.first_unreadable.iter().map(|(position, reason)| json!({"position": position, "reason": reason})).collect::<serde_json::Value>(),
                "expiry_time_zone": zone,
            })),
            Format::Text => self.print_text(is_dry_run, is_done, zone),
        }
    }

    fn print_text(
        &self,
        is_dry_run: bool,
        is_done: bool,
        zone: Option<&str>,
    ) -> Result<(), CliError> {
        let paint = Paint::new(&std::io::stderr());
        for (position, reason) in self.first_unreadable.iter().take(MAX_LISTED_AS_TEXT) {
            output::remark(&format!(
                "{} {}: {}",
                paint.yellow("unreadable"),
                one_line(position),
                one_line(reason)
            ));
        }
        if self.first_unreadable.len() > MAX_LISTED_AS_TEXT {
            output::remark(&format!("… and more; --format json lists {MAX_LISTED}"));
        }
        let mut text = self.counts(is_dry_run);
        for (at, (reason, count)) in self.reasons.iter().enumerate() {
            let separator = if at == 0 { " (" } else { "; " };
            let _ = write!(text, "{separator}{reason}: {}", grouped(*count));
        }
        if !self.reasons.is_empty() {
            text.push(')');
        }
        output::print(&format!("{text}\n"))?;
        if let Some(zone) = zone {
            output::remark(&format!(
                "The expiries have no time zone. They were read as times of {}.",
                one_line(zone)
            ));
        }
        if !is_done {
            output::remark("Interrupted. Run it again to import the rest.");
        }
        if is_dry_run {
            output::remark("Nothing was changed.");
        }
        Ok(())
    }
}
