//! The site as in production: a process, HTTP over TCP, and the password of the runtime role in a file.
//!
//! The tests of each example include this file, and name their program `PROGRAM`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use connect_pg_test_database::{Application, TestDatabase, Visitor, send, unique_name};

use crate::PROGRAM;

pub fn start(database: &TestDatabase, variables: &[(&str, &str)]) -> Application {
    Application::start(Path::new(PROGRAM), database, variables)
}

fn command(database: &TestDatabase) -> Command {
    Application::command(Path::new(PROGRAM), database)
}

fn with_cookie(application: &Application, cookie: &str) -> Visitor {
    application.visitor().with_cookie(cookie)
}

/// A file of one test. Dropping it removes it.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(content: &[u8]) -> TemporaryFile {
        let path = std::env::temp_dir().join(unique_name());
        fs::write(&path, content).unwrap();
        TemporaryFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub fn page(views: u32, user: &str) -> String {
    format!("views: {views}\nuser: {user}\n")
}

#[test]
fn each_visitor_has_own_view_count() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let (mut one, mut other) = (application.visitor(), application.visitor());
    assert_eq!(one.get("/").body, page(1, "anonymous"));
    assert_eq!(one.get("/").body, page(2, "anonymous"));
    assert_eq!(other.get("/").body, page(1, "anonymous"));
    assert_eq!(one.get("/?x=1").body, page(3, "anonymous"));
    assert_eq!(database.live_sessions(), 2);
}

#[test]
fn concurrent_requests_lose_no_view() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    thread::scope(|scope| {
        for _ in 0..6 {
            let mut tab = visitor.clone();
            scope.spawn(move || {
                for _ in 0..10 {
                    assert_eq!(tab.get("/").status, 200);
                }
            });
        }
    });
    assert_eq!(visitor.get("/").body, page(62, "anonymous"));
}

#[test]
fn login_changes_id_and_logout_ends_session() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    visitor.get("/");
    let before = visitor.cookie.clone().unwrap();

    let response = visitor.post("/login", "x=1&user=Ren%C3%A9e+O%27Neil");
    assert_eq!(
        (response.status, response.header("location")),
        (303, Some("/"))
    );
    let after = visitor.cookie.clone().unwrap();
    assert_ne!(after, before);
    assert_eq!(visitor.get("/").body, page(3, "Renée O'Neil"));
    assert_eq!(database.live_sessions(), 1);
    assert_eq!(
        with_cookie(&application, &before).get("/").body,
        page(1, "anonymous")
    );

    // A second login of the same user changes the id again. A login of another user starts without data.
    visitor.post("/login", "user=Ren%C3%A9e+O%27Neil");
    assert_ne!(visitor.cookie.as_ref(), Some(&after));
    assert_eq!(visitor.get("/").body, page(4, "Renée O'Neil"));
    visitor.post("/login", "user=bob");
    assert_eq!(visitor.get("/").body, page(1, "bob"));
    let of_bob = visitor.cookie.clone().unwrap();

    let response = visitor.post("/logout", "");
    assert_eq!(
        (response.status, response.header("location")),
        (303, Some("/"))
    );
    assert_eq!(visitor.cookie, None);
    assert_eq!(
        with_cookie(&application, &of_bob).get("/").body,
        page(1, "anonymous")
    );

    // A second logout succeeds, with and without the cookie.
    assert_eq!(
        with_cookie(&application, &of_bob)
            .post("/logout", "")
            .status,
        303
    );
    assert_eq!(visitor.post("/logout", "").status, 303);

    // A login without a session.
    assert_eq!(
        application.visitor().post("/login", "user=carol").status,
        303
    );
}

#[test]
fn slow_request_after_logout_is_not_saved() {
    let database = TestDatabase::new();
    let mut application = start(&database, &[]);
    // The logout must come while the request waits. If the machine is too busy for that, the request waits longer.
    for milliseconds in [250, 1_000, 4_000, 16_000, 60_000] {
        let mut visitor = application.visitor();
        visitor.post("/login", "user=alice");
        assert_eq!(visitor.get("/").body, page(1, "alice"));
        let cookie = visitor.cookie.clone().unwrap();

        let mut tab = visitor.clone();
        let slow = thread::spawn(move || tab.get(&format!("/slow?milliseconds={milliseconds}")));
        application.wait_for_log("slow: the session is loaded");
        assert_eq!(visitor.post("/logout", "").status, 303);
        assert_eq!(database.live_sessions(), 0);
        let slow = slow.join().unwrap();

        // This holds for either order:
        assert_eq!(slow.status, 200);
        assert_eq!(database.live_sessions(), 0);
        assert_eq!(
            with_cookie(&application, &cookie).get("/").body,
            page(1, "anonymous")
        );
        database.execute("select web.clear_sessions()");

        if slow.body == "not saved: the session has ended\n" {
            assert_eq!(slow.header("set-cookie"), None);
            return;
        }
        assert_eq!(slow.body, "saved\n");
    }
    panic!("no logout came while the request was waiting");
}

#[test]
fn request_without_session_makes_no_query() {
    let database = TestDatabase::new();
    // The port has no listener, so a query would return 503.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgresql://127.0.0.1:{port}/nowhere");
    let application = start(&database, &[("DATABASE_URL", &url)]);
    for cookie in [None, Some("session=made-up".to_owned())] {
        let mut visitor = application.visitor();
        visitor.cookie.clone_from(&cookie);
        assert_eq!(visitor.post("/logout", "").status, 303);
        visitor.cookie.clone_from(&cookie);
        assert_eq!(
            visitor.get("/slow").body,
            "You have no session; visit / first.\n"
        );
        assert_eq!(visitor.get("/nothing").status, 404);
        assert_eq!(visitor.get("/").status, 503);
        assert_eq!(visitor.post("/login", "user=alice").status, 503);
    }
}

#[test]
fn outage_returns_503_and_keeps_cookie() {
    let database = TestDatabase::new();
    let mut application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.post("/login", "user=alice");
    assert_eq!(visitor.get("/").body, page(1, "alice"));
    let cookie = visitor.cookie.clone();

    // Broken connections are replaced within the request.
    database.terminate_connections();
    assert_eq!(visitor.get("/").body, page(2, "alice"));

    database.set_available(false);
    for response in [
        visitor.get("/"),
        visitor.get("/slow?milliseconds=0"),
        visitor.post("/logout", ""),
        visitor.post("/login", "user=bob"),
        application.visitor().get("/"),
    ] {
        assert_eq!(response.status, 503);
        assert_eq!(
            response.body,
            "The session store is unavailable. You stay logged in; please try again.\n"
        );
        assert_eq!(response.header("set-cookie"), None);
        assert_eq!(response.header("retry-after"), Some("1"));
        application.wait_for_log("(SQLSTATE 53300)");
    }

    database.set_available(true);
    assert_eq!(visitor.cookie, cookie);
    assert_eq!(visitor.get("/").body, page(3, "alice"));
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn store_error_returns_500_and_keeps_cookie() {
    let database = TestDatabase::new();
    let mut application = start(&database, &[]);
    let mut visitor = application.visitor();
    assert_eq!(visitor.get("/").body, page(1, "anonymous"));
    let role = database.role();
    database.execute(&format!("revoke usage on schema web from {role}"));
    // Only a new connection looks up the functions again.
    database.terminate_connections();
    let response = visitor.get("/");
    assert_eq!(
        (response.status, response.header("set-cookie")),
        (500, None)
    );
    assert_eq!(
        response.body,
        "The server has an internal error. You stay logged in.\n"
    );
    application.wait_for_log("(SQLSTATE 42501)");
    database.execute(&format!("grant usage on schema web to {role}"));
    assert_eq!(visitor.get("/").body, page(2, "anonymous"));
}

#[test]
fn password_rotation_needs_no_restart() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut visitor = application.visitor();
    assert_eq!(visitor.get("/").body, page(1, "anonymous"));
    let password = unique_name();
    database.execute(&format!(
        "alter role {} password '{password}'",
        database.role()
    ));
    fs::write(&application.password_file, format!("{password}\n")).unwrap();
    database.terminate_connections();
    assert_eq!(visitor.get("/").body, page(2, "anonymous"));
}

#[test]
fn cross_site_post_is_refused() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.post("/login", "user=alice");
    let own = format!("http://{}", application.address);
    for header in [
        "sec-fetch-site: cross-site".to_owned(),
        "sec-fetch-site: same-site".to_owned(),
        "sec-fetch-site: anything".to_owned(),
        format!("sec-fetch-site: cross-site\r\norigin: {own}"),
        "origin: https://evil.example".to_owned(),
        "origin: null".to_owned(),
        "origin:".to_owned(),
        "origin: \u{e9}".to_owned(),
        format!("origin: {own}.evil.example"),
        format!("origin: {}", application.address),
        format!("origin: http://evil.example/{}", application.address),
    ] {
        for path in ["/login", "/logout", "/devices/end", "/", "/nothing"] {
            let response = visitor.post_with(path, &format!("{header}\r\n"), "user=mallory");
            assert_eq!(
                (response.status, response.header("set-cookie")),
                (403, None),
                "{header}"
            );
        }
    }
    assert_eq!(visitor.get("/").body, page(1, "alice"));
    for header in [
        "sec-fetch-site: same-origin".to_owned(),
        "sec-fetch-site: none".to_owned(),
        format!("origin: {own}"),
        format!("origin: {}", own.to_uppercase()),
        "x: no browser".to_owned(),
    ] {
        assert_eq!(
            visitor
                .post_with("/login", &format!("{header}\r\n"), "user=alice")
                .status,
            303,
            "{header}"
        );
    }
    // A link from any site is allowed.
    assert_eq!(visitor.get("/").status, 200);
}

/// Fails unless the application still answers, and has not panicked.
pub fn assert_runs_without_panic(application: Application) {
    assert_eq!(application.visitor().get("/").body, page(1, "anonymous"));
    application.terminate();
    let (status, log) = application.end();
    assert!(status.success());
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:?}");
}

#[test]
fn unknown_method_or_path_is_refused() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    for (method, path, status, allow) in [
        ("GET", "/login", 405, Some("POST")),
        ("GET", "/logout", 405, Some("POST")),
        ("POST", "/", 405, Some("GET,HEAD")),
        ("PUT", "/slow", 405, Some("GET,HEAD")),
        ("POST", "/devices", 405, Some("GET,HEAD")),
        ("GET", "/devices/end", 405, Some("POST")),
        ("DELETE", "/nothing", 404, None),
        ("OPTIONS", "*", 404, None),
        ("WHATEVER", "/", 405, Some("GET,HEAD")),
        ("GET", "//", 404, None),
        ("GET", "/%2e%2e/%00", 404, None),
        ("GET", "http://elsewhere.example/login", 405, Some("POST")),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let response = send(&application.address, request.as_bytes());
        assert_eq!(
            (response.status, response.header("allow")),
            (status, allow),
            "{method} {path}"
        );
    }
    let head = send(
        &application.address,
        b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_runs_without_panic(application);
}

#[test]
fn too_large_form_is_refused() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let chunks = format!("2328\r\n{}\r\n0\r\n\r\n", "x".repeat(0x2328));
    for rest in [
        "content-length: 8193\r\n\r\n",
        "content-length: 9223372036854775807\r\n\r\n",
        &format!("transfer-encoding: chunked\r\n\r\n{chunks}"),
    ] {
        let request = format!("POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{rest}");
        let response = send(&application.address, request.as_bytes());
        assert_eq!(response.status, 413, "{}", &rest[..30]);
    }
    let largest = format!("user=alice&filler={}", "x".repeat(8192 - 18));
    assert_eq!(application.visitor().post("/login", &largest).status, 303);
    assert_runs_without_panic(application);
}

#[test]
fn headers_that_are_not_text_are_ignored() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let odd = b"POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\nuser-agent: \xff\r\ncookie: \xff\r\ncookie: \xfe=1\r\n\
        content-length: 10\r\n\r\nuser=alice";
    assert_eq!(send(&application.address, odd).status, 303);
    assert_runs_without_panic(application);
}

#[test]
fn sigterm_ends_server_after_running_requests() {
    let database = TestDatabase::new();
    let mut application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    let mut tab = visitor.clone();
    let slow = thread::spawn(move || tab.get("/slow?milliseconds=500"));
    application.wait_for_log("slow: the session is loaded");
    application.terminate();
    assert_eq!(slow.join().unwrap().body, "saved\n");
    let address = application.address.clone();
    let (status, log) = application.end();
    assert!(status.success(), "{status}: {log:?}");
    // The port is free again.
    drop(TcpListener::bind(address).unwrap());
}

#[test]
fn servers_with_same_key_share_sessions() {
    let database = TestDatabase::new();
    let key = TemporaryFile::new(unique_name().repeat(4).as_bytes());
    let variables = [("COOKIE_KEY_FILE", key.path())];
    let one = start(&database, &variables);
    let two = start(&database, &variables);
    let mut visitor = one.visitor();
    visitor.post("/login", "user=alice");
    let cookie = visitor.cookie.clone().unwrap();
    assert_eq!(with_cookie(&two, &cookie).get("/").body, page(1, "alice"));
    assert_eq!(with_cookie(&two, &cookie).post("/logout", "").status, 303);
    assert_eq!(visitor.get("/").body, page(1, "anonymous"));
}

#[test]
fn invalid_environment_is_reported() {
    let database = TestDatabase::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let short = TemporaryFile::new(b"short");
    for (name, value, words) in [
        (
            "LISTEN",
            "8080",
            "LISTEN is \"8080\", which is not an address and a port such as 127.0.0.1:8080",
        ),
        ("SECURE_COOKIE", "true", "SECURE_COOKIE is \"true\""),
        ("LISTEN", "192.0.2.1:1", "cannot listen on 192.0.2.1:1: "),
        ("LISTEN", taken.as_str(), "LISTEN names another address"),
        (
            "COOKIE_KEY_FILE",
            "/nonexistent",
            "cannot read COOKIE_KEY_FILE /nonexistent: ",
        ),
        (
            "COOKIE_KEY_FILE",
            short.path(),
            "the key has 5 bytes instead of at least 64; hint: head --bytes=64 /dev/urandom >",
        ),
        ("DATABASE_URL", "mysql://x", "invalid connection settings: "),
    ] {
        let output = command(&database).env(name, value).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {message}");
        assert!(message.contains(words), "{name}={value}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

/// Returns the handles in the list of the user's devices, this one first.
fn handles(visitor: &mut Visitor) -> Vec<String> {
    let list = visitor.get("/devices").body;
    let mut lines: Vec<&str> = list.lines().collect();
    lines.sort_by_key(|line| !line.ends_with("(this device)"));
    let handle = |line: &&str| line.split(' ').next().unwrap().to_owned();
    lines.iter().map(handle).collect()
}

#[test]
fn view_during_a_login_keeps_new_cookie() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .execute("select from web.session for update", &[])
        .unwrap();
    let (mut tab, mut other_tab) = (visitor.clone(), visitor.clone());
    let login = thread::spawn(move || (tab.post("/login", "user=alice"), tab.cookie));
    database.wait_until_blocked(1);
    let view = thread::spawn(move || other_tab.get("/"));
    database.wait_until_blocked(2);
    transaction.commit().unwrap();

    // The browser receives the responses in this order.
    let (response, cookie) = login.join().unwrap();
    assert_eq!(response.status, 303);
    visitor.cookie = cookie;
    // The view found no session to save, and sends the browser to the page again.
    let view = view.join().unwrap();
    assert_eq!((view.status, view.header("location")), (303, Some("/")));
    assert_eq!(view.header("set-cookie"), None);
    assert_eq!(visitor.get("/").body, page(2, "alice"));
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn slow_request_and_views_meanwhile_are_all_counted() {
    let database = TestDatabase::new();
    let mut application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    let mut tab = visitor.clone();
    let slow = thread::spawn(move || tab.get("/slow?milliseconds=300"));
    application.wait_for_log("the save follows in 300 ms");
    visitor.get("/");
    visitor.get("/");
    assert_eq!(slow.join().unwrap().body, "saved\n");
    assert_eq!(visitor.get("/").body, page(5, "anonymous"));
}

#[test]
fn invalid_form_or_query_is_refused() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    for form in ["", "user=", "other=alice", "user=a%00b"] {
        let response = application.visitor().post("/login", form);
        assert_eq!(
            (response.status, response.header("set-cookie")),
            (400, None),
            "{form}"
        );
    }
    let mut visitor = application.visitor();
    visitor.post("/login", "user=alice");
    for form in ["", "handle=", "handle=1", "handle=%00", "handle=../.."] {
        assert_eq!(visitor.post("/devices/end", form).status, 400, "{form}");
    }
    for query in ["", "-1", "60001", "1e3", "99999999999999999999"] {
        let path = format!("/slow?milliseconds={query}");
        assert_eq!(visitor.get(&path).status, 400, "{query}");
    }
    assert_eq!(visitor.get("/").body, page(1, "alice"));
    assert_runs_without_panic(application);
}

#[test]
fn user_logs_out_one_device_and_all_others() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut devices = [(); 4].map(|()| application.visitor());
    for device in &mut devices {
        device.post_with("/login", "user-agent: curl/8\r\n", "user=alice&remember=on");
    }
    let [mut here, mut one, mut two, mut three] = devices;
    let all = handles(&mut here);
    assert_eq!(all.len(), 4);
    let handle_of_one = handles(&mut one)[0].clone();
    assert!(here.get("/devices").body.contains("curl (this device)"));

    let response = here.post("/devices/end", &format!("handle={handle_of_one}"));
    assert_eq!(
        (response.status, response.header("location")),
        (303, Some("/devices"))
    );
    // On its next click, this device is anonymous.
    let response = one.get("/devices");
    assert_eq!(
        (response.status, response.header("location")),
        (303, Some("/"))
    );
    assert_eq!(one.get("/").body, page(1, "anonymous"));
    assert_eq!(handles(&mut two).len(), 3);

    assert_eq!(here.post("/devices/end-others", "").status, 303);
    assert_eq!(handles(&mut here), [all[0].clone()]);
    for other in [&mut two, &mut three] {
        assert_eq!(other.get("/").body, page(1, "anonymous"));
    }
    // Anonymous visitors have no devices.
    for path in ["/devices/end-others", "/devices/end"] {
        let response = two.post(path, &format!("handle={}", all[0]));
        assert_eq!(
            (response.status, response.header("location")),
            (303, Some("/"))
        );
    }
    assert_eq!(handles(&mut here).len(), 1);
}

#[test]
fn user_ends_no_device_of_another_user() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let (mut alice, mut mallory) = (application.visitor(), application.visitor());
    alice.post("/login", "user=alice");
    mallory.post("/login", "user=mallory");
    let handle = handles(&mut alice)[0].clone();
    mallory.post("/devices/end", &format!("handle={handle}"));
    assert_eq!(handles(&mut alice), [handle]);
}

#[test]
fn remembered_login_has_max_age_and_other_login_ends_with_the_browser() {
    let database = TestDatabase::new();
    let application = start(&database, &[("SECURE_COOKIE", "1")]);
    let mut visitor = application.visitor();
    let response = visitor.post("/login", "user=alice&remember=on");
    let cookie = response.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-session=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    let (_, max_age) = cookie.split_once("; Max-Age=").unwrap();
    let max_age: u32 = max_age.split(';').next().unwrap().parse().unwrap();
    assert!((13 * 86_400..=14 * 86_400).contains(&max_age), "{max_age}");
    let response = visitor.post("/login", "user=alice");
    let cookie = response.header("set-cookie").unwrap();
    assert!(
        !cookie.contains("Max-Age") && !cookie.contains("Expires"),
        "{cookie}"
    );
}

#[test]
fn page_is_told_that_its_session_has_ended() {
    let database = TestDatabase::new();
    database.execute("update web.settings set notify_channel = 'ends'");
    let mut application = start(&database, &[]);
    let (mut here, mut elsewhere) = (application.visitor(), application.visitor());
    here.post("/login", "user=alice");
    elsewhere.post("/login", "user=alice");
    application.wait_for_log("pages notice a logout on another device");
    let mut page = elsewhere.clone();
    let events = thread::spawn(move || page.get("/events"));
    let handle = handles(&mut elsewhere)[0].clone();
    here.post("/devices/end", &format!("handle={handle}"));
    let events = events.join().unwrap();
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(events.body, "event: ended\ndata:\n\n");
    // So is a page that asks later, and one without a session.
    assert_eq!(elsewhere.get("/events").body, events.body);
    assert_eq!(application.visitor().get("/events").body, events.body);
}

#[test]
fn waiting_pages_do_not_delay_the_end_of_the_server() {
    let database = TestDatabase::new();
    database.execute("update web.settings set notify_channel = 'ends'");
    let mut application = start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.post("/login", "user=alice");
    application.wait_for_log("pages notice a logout on another device");
    let mut page = visitor.clone();
    let waiting = thread::spawn(move || page.get("/events").status);
    assert_eq!(visitor.get("/").status, 200);
    application.terminate();
    let (status, log) = application.end();
    assert!(status.success(), "{log:?}");
    let was_cut = log.iter().any(|line| line.contains("stopped before"));
    assert!(!was_cut, "{log:?}");
    assert!(matches!(waiting.join(), Ok(200 | 204) | Err(_)));
}

#[test]
fn store_without_notifications_serves_no_events() {
    let database = TestDatabase::new();
    let mut application = start(&database, &[]);
    application.wait_for_log("hint: session-admin configure notify_channel=sessions");
    let mut visitor = application.visitor();
    visitor.post("/login", "user=alice");
    assert_eq!(visitor.get("/events").status, 204);
}

#[test]
fn browser_gets_html_without_external_resources() {
    let database = TestDatabase::new();
    let application = start(&database, &[]);
    let mut visitor = application.visitor();
    let html = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    visitor.post("/login", "user=%3Cb%3Ealice");
    for (path, words) in [
        ("/", "Hello, &lt;b&gt;alice"),
        ("/devices", "this device"),
        ("/ended", "You are logged out"),
        ("/nothing", "This page does not exist."),
    ] {
        let response = visitor.get_with(path, html);
        assert_eq!(
            response.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        assert!(response.body.contains(words), "{path}: {}", response.body);
        assert!(!response.body.contains("//"), "{path}: {}", response.body);
        assert_ne!(response.header("cache-control"), None, "{path}");
    }
    for (path, content_type) in [
        ("/style.css", "text/css; charset=utf-8"),
        ("/script.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let response = visitor.get(path);
        assert_eq!(response.header("content-type"), Some(content_type));
    }
}
