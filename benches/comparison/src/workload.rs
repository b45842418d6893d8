//! What is done, over and over.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Workload {
    /// Read a session, without using it
    Load,
    /// Read a session and slide its expiry, each session being used once a second
    Rolling,
    /// The same, each session being used every 20 seconds
    #[value(name = "rolling-20s")]
    #[serde(rename = "rolling-20s")]
    Rolling20s,
    /// The same, each session being used so seldom that every use slides
    RollingSeldom,
    /// Store changed data of a session that was loaded before
    Save,
    /// List the live sessions of a user: five or so
    UserSessions,
    /// Create a session
    Create,
    /// Log a user in: load the visitor's session, give it a new id and the user; the old id dead
    Login,
    /// Log out: end a session
    LogOut,
    /// 90 % rolling, 8 % load + change + save, 1 % create, 1 % end; sessions by Zipf's law
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
        Workload::LogOut,
        Workload::Mix,
    ];

    /// Of how many rolling requests for one session one finds its slide due, where a slide is due `slide_interval_seconds` after the
    /// last one. (0: there are no rolling requests in it.)
    pub fn requests_per_slide(self, slide_interval_seconds: u32) -> u32 {
        match self {
            Workload::Rolling | Workload::Mix => slide_interval_seconds,
            Workload::Rolling20s => slide_interval_seconds.div_ceil(20),
            Workload::RollingSeldom => 1,
            _ => 0,
        }
    }

    /// Sessions for it must have been created by an earlier workload of the same round.
    pub fn consumes_created(self) -> bool {
        matches!(self, Workload::Login | Workload::LogOut)
    }

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
            Workload::LogOut => "log-out",
            Workload::Mix => "mix",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
