//! The workloads: what a client does again and again.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a client does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Workload {
    /// Read a session without sliding its expiry
    Load,
    /// Read a session and slide its expiry; each session is used once a second
    Rolling,
    /// The same; each session is used every 20 seconds
    #[value(name = "rolling-20s")]
    #[serde(rename = "rolling-20s")]
    Rolling20s,
    /// The same; each session is used so seldom that every use writes its new expiry
    RollingSeldom,
    /// Save changed data of a session that was loaded before
    Save,
    /// List the live sessions of a user: about five
    UserSessions,
    /// Create a session
    Create,
    /// Load a visitor's session, give it a new id and a user, and end the old id
    Login,
    /// End a session
    Logout,
    /// 90 % rolling, 8 % load + change + save, 1 % create, 1 % end; sessions chosen by Zipf's law
    Mix,
}

impl Workload {
    pub const ALL: [Workload; 10] = [
        Workload::Load,
        Workload::Rolling,
        Workload::Rolling20s,
        Workload::RollingSeldom,
        Workload::Save,
        Workload::UserSessions,
        Workload::Create,
        Workload::Login,
        Workload::Logout,
        Workload::Mix,
    ];

    /// Returns how many rolling requests of one session come for each slide, if a slide is due `slide_interval_seconds` after the
    /// last one. Returns 0 if the workload has no rolling requests.
    pub fn requests_per_slide(self, slide_interval_seconds: u32) -> u32 {
        match self {
            Workload::Rolling | Workload::Mix => slide_interval_seconds,
            Workload::Rolling20s => slide_interval_seconds.div_ceil(20),
            Workload::RollingSeldom => 1,
            _ => 0,
        }
    }

    /// Returns true if the workload needs sessions that were created before.
    pub fn consumes_created(self) -> bool {
        matches!(self, Workload::Login | Workload::Logout)
    }

    /// Returns the name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Load => "load",
            Workload::Rolling => "rolling",
            Workload::Rolling20s => "rolling-20s",
            Workload::RollingSeldom => "rolling-seldom",
            Workload::Save => "save",
            Workload::UserSessions => "user-sessions",
            Workload::Create => "create",
            Workload::Login => "login",
            Workload::Logout => "logout",
            Workload::Mix => "mix",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
