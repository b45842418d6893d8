use serde::{Deserialize, Serialize};

/// What the site stores for a visitor. With `default`, sessions from before a field was added still load.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Visit {
    /// How many pages the visitor has seen.
    pub views: u64,
}
