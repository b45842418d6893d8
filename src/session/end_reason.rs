/// Why a session is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// It was ended by its id, or its user logged out.
    Logout,
    /// It was ended from elsewhere: by its user on another device, or by an administrator.
    Revoked,
    /// It was its user's least recently used one when there were too many.
    Evicted,
    /// It goes on under another id, after a rotation, a log-in or a log-out that kept the data.
    RotateOutcome,
    /// It expired, and was pruned. Only a [`SessionEnded`](crate::SessionEnded) has this reason: of a session that is still
    /// there, the state is [`SessionState::Expired`](crate::SessionState::Expired).
    Expired,
    /// A newer store has a reason that this version of the library does not know.
    Other,
}

impl EndReason {
    pub(crate) fn from_name(name: &str) -> EndReason {
        match name {
            "logout" => EndReason::Logout,
            "revoked" => EndReason::Revoked,
            "evicted" => EndReason::Evicted,
            "rotated" => EndReason::RotateOutcome,
            "expired" => EndReason::Expired,
            _ => EndReason::Other,
        }
    }
}
