//! The changes of an install, as `install` and `check` print them.

use connect_pg::install::Change;
use serde_json::json;

use crate::support::text::one_line;

/// Returns the value of an attribute as text.
pub(crate) fn value(value: Option<&str>) -> String {
    match value {
        None => "nothing".into(),
        Some("") => "empty".into(),
        Some(value) => one_line(value),
    }
}

/// Returns the changes as JSON.
pub(crate) fn json_changes(changes: &[Change]) -> serde_json::Value {
    changes
        .iter()
        .map(|change| {
            json!({
                "action": change.action,
                "kind": change.kind,
                "object": change.object,
                "attribute": change.attribute,
                "before": change.before,
                "after": change.after,
            })
        })
        .collect()
}
