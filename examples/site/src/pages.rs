//! The pages. maud escapes all text.

use connect_pg::UserSession;
use connect_pg::uuid::Uuid;
use maud::{DOCTYPE, Markup, html};

use crate::device;
use crate::page::Page;

const DEVICES: &str = "My devices";

/// Shows the number of views, and the login or the user.
#[must_use]
pub fn home(user: Option<&str>, views: u64) -> Page {
    let content = html! {
        section.card {
            h1 { @if let Some(user) = user { "Hello, " (user) } @else { "Hello" } }
            div.count {
                strong #views { (views) }
                span { @if views == 1 { "view" } @else { "views" } " in this session" }
            }
            p.quiet { "The count is in PostgreSQL, under the digest of the id in your cookie." }
        }
        @if user.is_some() {
            section.card {
                h2 { "Your devices" }
                p.quiet { "Log in with another browser, and log it out from here. Its page notices at once." }
                p { a.button #devices href="/devices" { "Show my devices" } }
            }
        } @else {
            section.card {
                h2 { "Log in" }
                p.quiet { "Any name will do. A real application checks a password." }
                form.log-in method="post" action="/login" {
                    label { "Name" input type="text" name="user" required maxlength="64" autocomplete="username"; }
                    label.check { input type="checkbox" name="remember"; "Remember me when the browser is closed" }
                    button #log-in { "Log in" }
                }
            }
        }
    };
    let text = format!("views: {views}\nuser: {}\n", user.unwrap_or("anonymous"));
    page("Home", user, &content, text)
}

/// Lists the devices of a user. `current` is the handle of the session that asks.
#[must_use]
pub fn devices(user: &str, sessions: &[UserSession], current: Option<Uuid>) -> Page {
    let is_current = |session: &UserSession| Some(session.handle()) == current;
    let content = html! {
        section.card {
            h1 { (DEVICES) }
            p.quiet { "Each browser in which " (user) " is logged in. The last use is exact to ten minutes." }
            ul.devices {
                @for session in sessions {
                    li.device data-current=[is_current(session).then_some("yes")] {
                        (icon(device::is_phone(session.user_agent())))
                        div {
                            h2 {
                                (device::name(session.user_agent()))
                                @if is_current(session) { span.badge { "this device" } }
                            }
                            p.quiet {
                                span { "Last used " (device::ago(session.last_used_at())) }
                                span { "Logged in " (device::ago(session.created_at())) }
                            }
                        }
                        @if is_current(session) {
                            (button("/logout", "Log out", "plain", None))
                        } @else {
                            (button("/devices/end", "Log out", "plain danger", Some(session.handle())))
                        }
                    }
                }
            }
            @if sessions.len() > 1 {
                div.actions { (button("/devices/end-others", "Log out everywhere else", "danger", None)) }
            }
        }
    };
    let lines = sessions.iter().map(|session| {
        let mark = if is_current(session) {
            " (this device)"
        } else {
            ""
        };
        let name = device::name(session.user_agent());
        format!("{} {name}{mark}\n", session.handle())
    });
    page(DEVICES, Some(user), &content, lines.collect())
}

/// Shows that the session has ended, without beginning another.
#[must_use]
pub fn ended() -> Page {
    let content = html! {
        section.card {
            h1 #ended { "You are logged out" }
            p { "This session was ended, here or on another device." }
            p { a.button href="/" { "Go on" } }
        }
    };
    page(
        "Logged out",
        None,
        &content,
        "You are logged out.\n".to_owned(),
    )
}

/// Shows one sentence, such as why a request was refused.
#[must_use]
pub fn message(title: &str, sentence: &str) -> Page {
    let content = html! {
        section.card {
            h1 { (title) }
            p { (sentence) }
            p { a.button href="/" { "To the first page" } }
        }
    };
    page(title, None, &content, format!("{sentence}\n"))
}

fn page(title: &str, user: Option<&str>, content: &Markup, text: String) -> Page {
    let current = (title == DEVICES).then_some("page");
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · connect-pg" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                script src="/script.js" defer {}
            }
            body data-user=[user] {
                header {
                    a.brand href="/" { img src="/icon.svg" alt=""; "connect-pg" }
                    @if user.is_some() {
                        a href="/devices" aria-current=[current] { "Devices" }
                        (button("/logout", "Log out", "plain", None))
                    }
                }
                main { (content) }
            }
        }
    };
    Page {
        html: html.into_string(),
        text,
    }
}

/// A form with one button. What changes something is a POST.
fn button(action: &str, text: &str, class: &str, handle: Option<Uuid>) -> Markup {
    html! {
        form method="post" action=(action) {
            @if let Some(handle) = handle { input type="hidden" name="handle" value=(handle); }
            button class=(class) { (text) }
        }
    }
}

/// A picture of a phone or a screen.
fn icon(is_phone: bool) -> Markup {
    html! {
        svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true" {
            @if is_phone {
                rect x="7" y="2" width="10" height="20" rx="2" {}
                path d="M11 18h2" {}
            } @else {
                rect x="2" y="4" width="20" height="13" rx="2" {}
                path d="M8 21h8M12 17v4" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn name_is_escaped() {
        let page = home(Some("<script>alert(\"1\")</script>"), 1);
        assert!(!page.html.contains("<script>alert"));
        assert!(page.html.contains("&lt;script&gt;alert"));
        assert!(page.html.contains("data-user=\"&lt;script&gt;"));
    }

    #[test]
    fn page_has_no_inline_style_or_script_and_no_external_resource() {
        for page in [
            home(None, 1),
            home(Some("ada"), 2),
            ended(),
            message("a", "b"),
            devices("ada", &[], None),
        ] {
            for forbidden in [
                "http:",
                "https:",
                "style=",
                "<style",
                "onclick",
                "javascript:",
            ] {
                assert!(!page.html.contains(forbidden), "{forbidden}: {}", page.html);
            }
        }
    }

    #[test]
    fn browser_gets_html_and_other_clients_get_text() {
        let mut request = HeaderMap::new();
        let response = home(None, 3).respond(StatusCode::OK, &request);
        assert_eq!(response.body(), "views: 3\nuser: anonymous\n");
        let accept = HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8");
        request.insert("accept", accept);
        let response = home(None, 3).respond(StatusCode::OK, &request);
        assert!(response.body().starts_with("<!DOCTYPE html>"));
        assert_eq!(response.headers()["vary"], "accept, cookie");
        assert!(response.headers().contains_key("content-security-policy"));
    }
}
