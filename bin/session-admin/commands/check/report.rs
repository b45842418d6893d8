//! The report of `check`.

use std::fmt::Write;

use connect_pg::install::{Change, Durability, InstallReport};
use serde_json::json;

use super::findings::{EnvironmentReport, Finding};
use crate::support::change_list::{json_changes, value};
use crate::support::cli_error::CliError;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output::{self, Paint};
use crate::support::text::one_line;

pub(super) fn print_not_installed(global: &GlobalArgs) -> Result<(), CliError> {
    match global.format() {
        Format::Json => output::print_json(&json!({
            "ok": false, "installed": false, "release": null, "durability": null, "drift": [], "findings": [], "notes": [],
        })),
        Format::Text => output::print(&format!(
            "not installed: there is no store in schema {} of this database (hint: session-admin install)\n",
            one_line(&global.schema)
        )),
    }
}

/// Prints the report. Returns true if there is neither drift nor a finding.
pub(super) fn print(
    global: &GlobalArgs,
    store: &InstallReport,
    durability: Option<Durability>,
    environment: &EnvironmentReport,
) -> Result<bool, CliError> {
    let is_ok = store.changes.is_empty() && environment.findings.is_empty();
    match global.format() {
        Format::Json => print_json(store, durability, environment, is_ok)?,
        Format::Text => print_text(store, durability, environment, is_ok)?,
    }
    Ok(is_ok)
}

fn print_json(
    store: &InstallReport,
    durability: Option<Durability>,
    environment: &EnvironmentReport,
    is_ok: bool,
) -> Result<(), CliError> {
    let list = |findings: &[Finding]| {
        findings
            .iter()
            .map(Finding::json)
            .collect::<serde_json::Value>()
    };
    output::print_json(&json!({
        "ok": is_ok,
        "installed": true,
        "release": store.version,
        "durability": durability.map(Durability::as_str),
        "drift": json_changes(&store.changes),
        "findings": list(&environment.findings),
        "notes": list(&environment.notes),
    }))
}

fn print_text(
    store: &InstallReport,
    durability: Option<Durability>,
    environment: &EnvironmentReport,
    is_ok: bool,
) -> Result<(), CliError> {
    let paint = Paint::new(&std::io::stdout());
    let mut text = String::new();
    for change in &store.changes {
        let _ = writeln!(text, "{} {}", paint.red("drift"), drift(change));
    }
    for (label, findings) in [
        (paint.red("warning"), &environment.findings),
        (paint.yellow("note"), &environment.notes),
    ] {
        for finding in findings {
            let _ = writeln!(
                text,
                "{label} {} (hint: {})",
                one_line(&finding.text),
                one_line(&finding.hint)
            );
        }
    }
    output::print(&text)?;
    if !store.changes.is_empty() {
        output::remark("Hint: repair the drift with session-admin install");
    } else if is_ok {
        let paint = Paint::new(&std::io::stderr());
        output::remark(&format!(
            "{} the store matches release {}{}",
            paint.green("ok"),
            store.version,
            durability.map_or(String::new(), |name| format!(", durability {name}"))
        ));
    }
    Ok(())
}

/// Returns one difference on one line.
fn drift(change: &Change) -> String {
    let object = format!("{} {}", one_line(&change.kind), one_line(&change.object));
    match (change.action.as_str(), &change.attribute) {
        ("created", _) => format!("{object} is missing"),
        ("removed", _) => format!("{object} should not be there"),
        (_, attribute) => format!(
            "{object} differs: {} is {}, should be {}",
            attribute.as_deref().map_or_else(|| "it".into(), one_line),
            value(change.before.as_deref()),
            value(change.after.as_deref())
        ),
    }
}
