//! What `check` finds in the environment of the store.

use postgres::Client;
use serde_json::json;

/// One thing in the environment that weakens the store.
pub(super) struct Finding {
    /// Its name in JSON.
    name: &'static str,
    pub(super) text: String,
    pub(super) hint: String,
}

impl Finding {
    pub(super) fn new(
        name: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            name,
            text: text.into(),
            hint: hint.into(),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({"finding": self.name, "text": self.text, "hint": self.hint})
    }
}

/// The environment of the store: how the roles log in, their settings and members, and what else reaches its tables.
#[derive(Default)]
pub(super) struct EnvironmentReport {
    /// Exit status 1.
    pub(super) findings: Vec<Finding>,
    /// For the administrator to judge.
    pub(super) notes: Vec<Finding>,
    /// The settings among the findings that are of a role: its name, and `name=value`.
    pub(super) role_settings: Vec<(String, String)>,
}

impl EnvironmentReport {
    /// Returns true if an SQL condition on this user's privileges holds. Otherwise notes what it cannot see.
    pub(super) fn may_see(
        &mut self,
        client: &mut Client,
        condition: &str,
        note: &'static str,
        cannot_see: &str,
    ) -> Result<bool, postgres::Error> {
        let may_see: bool = client
            .query_one(&format!("select {condition}"), &[])?
            .try_get(0)?;
        if !may_see {
            self.notes.push(Finding::new(
                note,
                format!("this user cannot see whether {cannot_see}"),
                "run check as a superuser",
            ));
        }
        Ok(may_see)
    }
}
