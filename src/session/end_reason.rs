/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// It was ended by its id, or its user logged out.
    Logout,
    /// It was ended by its user on another device, or by an administrator.
    Revoked,
    /// It was its user's least recently used session when there were too many.
    Evicted,
    /// It goes on under another id, after a rotation, a login or a logout that kept the data.
    Rotated,
    /// It expired and was pruned. Only a [`SessionEnded`](crate::SessionEnded) has this reason. Before pruning, the state is
    /// [`SessionState::Expired`](crate::SessionState::Expired).
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
            "rotated" => EndReason::Rotated,
            "expired" => EndReason::Expired,
            _ => EndReason::Other,
        }
    }
}
