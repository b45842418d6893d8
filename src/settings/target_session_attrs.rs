//! Which of several servers is accepted.

use std::fmt;
use std::str::FromStr;

/// libpq's `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetSessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl TargetSessionAttrs {
    /// Returns what to look for in each round over the hosts.
    pub(super) fn rounds(self) -> Vec<TargetSessionAttrs> {
        match self {
            Self::PreferStandby => vec![Self::Standby, Self::Any],
            other => vec![other],
        }
    }

    /// Returns a query whose one value is true if the server is accepted, or None if every server is.
    pub(super) fn query(self) -> Option<&'static str> {
        match self {
            Self::Any | Self::PreferStandby => None,
            Self::ReadWrite => Some("select current_setting('transaction_read_only') = 'off'"),
            Self::ReadOnly => Some("select current_setting('transaction_read_only') = 'on'"),
            Self::Primary => Some("select not pg_catalog.pg_is_in_recovery()"),
            Self::Standby => Some("select pg_catalog.pg_is_in_recovery()"),
        }
    }
}

impl FromStr for TargetSessionAttrs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => {
                return Err(
                    "target_session_attrs must be any, read-write, read-only, primary, standby or prefer-standby"
                        .into(),
                );
            }
        })
    }
}

impl fmt::Display for TargetSessionAttrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        })
    }
}
