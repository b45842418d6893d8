use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What [`NewSession`](crate::NewSession) and [`Login`](crate::Login) say of a session, besides its data.
#[derive(Clone, Default)]
pub(crate) struct SessionAttributes {
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) user_id: Option<String>,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) max_sessions: Option<u32>,
}

/// The timeouts and the limit only: the rest is personal.
impl fmt::Debug for SessionAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionAttributes")
            .field("idle_timeout", &self.idle_timeout)
            .field("absolute_timeout", &self.absolute_timeout)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}
