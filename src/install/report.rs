//! What an install changed.

use std::collections::BTreeMap;

use postgres::Row;

use crate::error::Error;

/// One thing that an install changed, or would change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// `created`, `changed` or `removed`.
    pub action: String,
    /// The kind of object: `release`, `routine`, `role`, `schema`, `table`, `column`, `index`, `function`, `privilege`, …
    pub kind: String,
    /// The name of the object.
    pub object: String,
    /// The attribute that changed. None if the whole object was created or removed.
    pub attribute: Option<String>,
    /// The attribute before. For the body of a function, a digest.
    pub before: Option<String>,
    /// The attribute after.
    pub after: Option<String>,
}

/// What an install did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallReport {
    /// The release that the database has now: the highest version in `sql/released/`.
    pub version: i32,
    /// The changes, in the order in which they are best read. Empty if nothing had to be changed.
    pub changes: Vec<Change>,
    /// The releases that are missing from the history although the routine is as released: the [`script`](super::script())
    /// installed it. Only [`check`](super::check) sets this, since it is no drift. [`install`](super::install) records the
    /// releases and lists them among the changes.
    pub missing_from_history: Vec<i32>,
}

impl Change {
    /// Reads a row of the report of `correct_web()`.
    pub(super) fn from_row(row: &Row) -> Result<Change, Error> {
        let read = || {
            Ok(Change {
                action: row.try_get(0)?,
                kind: row.try_get(1)?,
                object: row.try_get(2)?,
                attribute: row.try_get(3)?,
                before: row.try_get(4)?,
                after: row.try_get(5)?,
            })
        };
        read().map_err(Error::column)
    }

    /// Describes a whole object that was created, changed or removed.
    #[must_use]
    pub fn new(action: &str, kind: &str, object: impl Into<String>) -> Change {
        Change {
            action: action.into(),
            kind: kind.into(),
            object: object.into(),
            attribute: None,
            before: None,
            after: None,
        }
    }
}

/// Returns the changes of the history, which are made before `correct_web()` runs.
pub(super) fn history_changes(table_is_new: bool, recorded: &[i32]) -> Vec<Change> {
    let table = table_is_new.then(|| Change::new("created", "table", "correct_web_history"));
    let releases = recorded
        .iter()
        .map(|release| Change::new("created", "release", release.to_string()));
    table.into_iter().chain(releases).collect()
}

/// Returns the changes of `correct_web()` itself: the difference of two digests by signature.
pub(super) fn routine_changes(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Change> {
    let created_or_changed =
        after
            .iter()
            .filter_map(|(signature, digest)| match before.get(signature) {
                None => Some(Change::new("created", "routine", signature)),
                Some(old) if old != digest => Some(Change {
                    attribute: Some("definition".into()),
                    before: Some(old.clone()),
                    after: Some(digest.clone()),
                    ..Change::new("changed", "routine", signature)
                }),
                Some(_) => None,
            });
    let removed = before
        .keys()
        .filter(|&signature| !after.contains_key(signature))
        .map(|signature| Change::new("removed", "routine", signature));
    created_or_changed.chain(removed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routine_changes_are_created_changed_and_removed() {
        let routines = |routines: &[(&str, &str)]| -> BTreeMap<String, String> {
            routines
                .iter()
                .map(|&(signature, digest)| (signature.into(), digest.into()))
                .collect()
        };
        let before = routines(&[("f()", "1"), ("g()", "2"), ("h()", "3")]);
        let after = routines(&[("e()", "0"), ("f()", "1"), ("g()", "4")]);
        let changes = routine_changes(&before, &after);
        let changes: Vec<_> = changes
            .iter()
            .map(|c| {
                (
                    &*c.action,
                    &*c.object,
                    c.before.as_deref(),
                    c.after.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            changes,
            [
                ("created", "e()", None, None),
                ("changed", "g()", Some("2"), Some("4")),
                ("removed", "h()", None, None),
            ]
        );
        assert!(routine_changes(&before, &before).is_empty());
    }
}
