//! How a device is shown, and named in a form.

use std::time::{Duration, SystemTime};

use connect_pg::uuid::Uuid;

use crate::refusal::Refusal;

/// Reads the form that logs out one device: its handle.
///
/// # Errors
///
/// Returns the refusal of any other form.
pub fn end_device_form(body: &[u8]) -> Result<Uuid, Refusal> {
    form_urlencoded::parse(body)
        .find(|(field, _)| field == "handle")
        .and_then(|(_, handle)| Uuid::parse_str(&handle).ok())
        .ok_or(Refusal::NO_DEVICE)
}

/// Returns a short name of a browser. The user agent comes from the visitor, so nothing may depend on it.
pub(crate) fn name(user_agent: Option<&str>) -> String {
    let agent = user_agent.unwrap_or_default();
    let first = |names: &[(&str, &'static str)]| {
        let mut names = names.iter().filter(|(part, _)| agent.contains(part));
        names.next().map(|(_, name)| *name)
    };
    // Most browsers also name those that they resemble.
    let browser = first(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

/// Returns true for a device that is held in a hand.
pub(crate) fn is_phone(user_agent: Option<&str>) -> bool {
    let agent = user_agent.unwrap_or_default();
    ["iPhone", "iPad", "Android"]
        .iter()
        .any(|name| agent.contains(name))
}

/// Returns how long ago something was, in words.
pub(crate) fn ago(time: SystemTime) -> String {
    let passed = SystemTime::now().duration_since(time);
    in_words(passed.unwrap_or_default())
}

fn in_words(passed: Duration) -> String {
    let seconds = passed.as_secs();
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_has_a_short_name() {
        for (agent, short) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Windows",
            ),
            ("curl/8.5.0", "curl"),
            ("<script>alert(1)</script>", "Unknown browser"),
        ] {
            assert_eq!(name(Some(agent)), short);
        }
        assert_eq!(name(None), "Unknown browser");
    }

    #[test]
    fn time_is_in_words() {
        for (seconds, words) in [
            (0, "just now"),
            (60, "1 minute ago"),
            (7199, "1 hour ago"),
            (7200, "2 hours ago"),
            (86_400 * 3, "3 days ago"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
