//! The report of `configure`.

use std::fmt::Write;

use connect_pg::SettingChange;
use serde_json::{Value, json};

use super::settings::Setting;
use crate::support::cli_error::CliError;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output::{self, Paint};
use crate::support::text::one_line;

/// Prints all settings.
pub(super) fn print_settings(global: &GlobalArgs, settings: &[Setting]) -> Result<(), CliError> {
    if global.format() == Format::Json {
        return output::print_json(&as_json(false, settings, &[]));
    }
    let paint = Paint::new(&std::io::stdout());
    let mut text = String::new();
    for setting in settings {
        let (value, default) = (shown(setting.value.as_deref()), default(setting));
        let differs = value != default;
        let _ = writeln!(
            text,
            "{} = {}\n    {}\n    default {default}; {}",
            setting.name,
            if differs { paint.yellow(&value) } else { value },
            one_line(&setting.meaning),
            one_line(&setting.range.describe())
        );
    }
    output::print(&text)
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".into(), one_line)
}

fn default(setting: &Setting) -> String {
    shown(setting.default.as_deref())
}

/// Prints what was changed.
pub(super) fn print_changes(
    global: &GlobalArgs,
    is_dry_run: bool,
    settings: &[Setting],
    changes: &[SettingChange],
) -> Result<(), CliError> {
    if global.format() == Format::Json {
        return output::print_json(&as_json(is_dry_run, settings, changes));
    }
    let mut text = String::new();
    for SettingChange {
        name,
        before,
        after,
        ..
    } in changes
    {
        let would = if is_dry_run { "would be " } else { "" };
        let _ = writeln!(
            text,
            "{would}changed {name}: was {}, is {}",
            shown(before.as_deref()),
            shown(after.as_deref())
        );
    }
    output::print(&text)?;
    if changes.is_empty() {
        output::remark("Nothing to change: the settings have these values already.");
    } else if is_dry_run {
        output::remark("Nothing was changed.");
    }
    Ok(())
}

fn as_json(dry_run: bool, settings: &[Setting], changes: &[SettingChange]) -> Value {
    let typed = |name: &str, value: Option<&str>| {
        let kind = settings
            .iter()
            .find(|setting| setting.name == name)
            .map_or("", |setting| setting.type_name.as_str());
        match (kind, value) {
            (_, None) => Value::Null,
            ("integer" | "boolean", Some(value)) => {
                serde_json::from_str(value).unwrap_or_else(|_| value.into())
            }
            (_, Some(value)) => value.into(),
        }
    };
    json!({
        "dry_run": dry_run,
        "changed": changes.iter().map(|change| json!({
            "name": change.name,
            "before": typed(&change.name, change.before.as_deref()),
            "after": typed(&change.name, change.after.as_deref()),
        })).collect::<Value>(),
        "settings": settings.iter().map(|setting| json!({
            "name": setting.name,
            "type": setting.type_name,
            "value": typed(&setting.name, setting.value.as_deref()),
            "default": typed(&setting.name, setting.default.as_deref()),
            "allowed": setting.range.describe(),
            "meaning": setting.meaning,
        })).collect::<Value>(),
    })
}
