use std::time::Duration;

use http::Response;

use crate::page::text;
use crate::refusal::Refusal;

/// The longest wait, in milliseconds.
const MAX: u64 = 60_000;

/// A request that waits between load and save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow {
    milliseconds: u64,
}

impl Slow {
    /// Reads the parameter `milliseconds` of a query.
    ///
    /// # Errors
    ///
    /// Returns the refusal of anything but a number up to a minute.
    pub fn parse(query: Option<&str>) -> Result<Slow, Refusal> {
        form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "milliseconds")
            .map_or(Some(1000), |(_, value)| value.parse().ok())
            .filter(|milliseconds| *milliseconds <= MAX)
            .map(|milliseconds| Slow { milliseconds })
            .ok_or(Refusal::NO_TIME)
    }

    /// Returns how long the request waits.
    #[must_use]
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    /// Returns the line of the log when the wait begins.
    #[must_use]
    pub fn begins(&self) -> String {
        let milliseconds = self.milliseconds;
        format!("slow: the session is loaded; the save follows in {milliseconds} ms")
    }

    /// Returns what a visitor without a session gets.
    #[must_use]
    pub fn without_session() -> Response<String> {
        plain("You have no session; visit / first.\n")
    }

    /// Returns what a visitor gets at the end. If the visitor logged out meanwhile, the session stays ended.
    #[must_use]
    pub fn ends(is_saved: bool) -> Response<String> {
        plain(if is_saved {
            "saved\n"
        } else {
            "not saved: the session has ended\n"
        })
    }
}

fn plain(line: &str) -> Response<String> {
    text(line.to_owned(), "text/plain; charset=utf-8")
}
