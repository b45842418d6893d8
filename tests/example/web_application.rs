//! The example `web_application`, as in production: a process, HTTP over TCP, and the password of the runtime role in a file.

use std::fs;
use std::net::TcpListener;
use std::thread;

use crate::support::running_application::{Application, Visitor, command, send, try_send};
use crate::support::server::{quoted, random};
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::test_database::TestDatabase;

const SIGNATURE_LENGTH: usize = 44;
const ID_LENGTH: usize = 43;

fn page(views: u32, user: &str) -> String {
    format!("views: {views}\nuser: {user}\n")
}

/// Returns the session id in a cookie, which follows the signature.
fn id_of(cookie: &str) -> &str {
    &cookie[cookie.len() - ID_LENGTH..]
}

fn live_sessions(database: &TestDatabase) -> i32 {
    database
        .client()
        .query_one("select web.count_sessions()", &[])
        .unwrap()
        .get(0)
}

/// Returns a visitor with that cookie.
fn with_cookie(application: &Application, cookie: &str) -> Visitor {
    let mut visitor = application.visitor();
    visitor.cookie = Some(cookie.to_owned());
    visitor
}

#[test]
fn each_visitor_has_own_view_count() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    let (mut one, mut other) = (application.visitor(), application.visitor());
    assert_eq!(one.get("/").body, page(1, "anonymous"));
    assert_eq!(one.get("/").body, page(2, "anonymous"));
    assert_eq!(other.get("/").body, page(1, "anonymous"));
    assert_eq!(one.get("/?x=1").body, page(3, "anonymous"));
    assert_eq!(live_sessions(&database), 2);
}

#[test]
fn concurrent_requests_lose_no_view() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
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
fn cookie_has_every_attribute() {
    let database = TestDatabase::new();
    database
        .superuser()
        .batch_execute("update web.settings set idle_timeout_seconds = 7200")
        .unwrap();
    for (variables, name, secure) in [
        (&[][..], "session", ""),
        (&[("SECURE_COOKIE", "1")][..], "__Host-session", "Secure; "),
    ] {
        let application = Application::start(&database, variables);
        let mut visitor = application.visitor();
        let response = visitor.get("/");
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=utf-8")
        );

        let set = response.header("set-cookie").unwrap();
        let (cookie, attributes) = set.split_once("; ").unwrap();
        let value = cookie.strip_prefix(&format!("{name}=")).unwrap();
        assert_eq!(value.len(), SIGNATURE_LENGTH + ID_LENGTH);
        let (attributes, max_age) = attributes.rsplit_once('=').unwrap();
        assert_eq!(
            attributes,
            format!("HttpOnly; SameSite=Lax; {secure}Path=/; Max-Age")
        );
        // The expiry of the session, in whole seconds.
        let max_age: u32 = max_age.parse().unwrap();
        assert!((1..=7200).contains(&max_age), "{max_age}");

        // The database has the SHA-256 of the id, and not the id.
        let found = database
            .superuser()
            .query(
                "select 1 from web.session as s
                 where s.key = sha256(convert_to($1, 'UTF8')) and strpos(s::text, $1) = 0",
                &[&id_of(cookie)],
            )
            .unwrap();
        assert_eq!(found.len(), 1);

        let removed = visitor.post("/logout", "");
        let removed = removed.header("set-cookie").unwrap();
        let (removed, expires) = removed.split_once("; Expires=").unwrap();
        assert_eq!(
            removed,
            format!("{name}=; HttpOnly; SameSite=Lax; {secure}Path=/; Max-Age=0")
        );
        assert!(expires.ends_with(" GMT"));
    }
}

#[test]
fn cookie_max_age_follows_absolute_timeout() {
    let database = TestDatabase::new();
    database
        .superuser()
        .batch_execute("update web.settings set absolute_timeout_seconds = 100")
        .unwrap();
    let application = Application::start(&database, &[]);
    let response = application.visitor().get("/");
    let (_, max_age) = response
        .header("set-cookie")
        .unwrap()
        .rsplit_once('=')
        .unwrap();
    assert!((1..=100).contains(&max_age.parse::<u32>().unwrap()));
}

#[test]
fn invalid_cookie_starts_new_session() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    let cookie = visitor.cookie.clone().unwrap();

    // Each character changed to another valid one.
    let forged = (0..SIGNATURE_LENGTH + ID_LENGTH).map(|i| {
        let at = "session=".len() + i;
        let other = if cookie.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        format!("{}{other}{}", &cookie[..at], &cookie[at + 1..])
    });
    let id = id_of(&cookie);
    let odd = [
        "session=".to_owned(),
        "session".to_owned(),
        "=".to_owned(),
        format!("session={id}"),
        format!("session=\"{id}\""),
        format!("Session={}", &cookie["session=".len()..]),
        cookie[..cookie.len() - 1].to_owned(),
        format!("{cookie}A"),
        format!("session={}", "é".repeat(44)),
        format!("session={}", "x".repeat(6000)),
        "; ; ;=;=; session==;".to_owned(),
        "session=%00%0d%0a".to_owned(),
    ];
    for bad in forged.chain(odd) {
        let response = with_cookie(&application, &bad).get("/");
        assert_eq!(
            (response.status, response.body.as_str()),
            (200, page(1, "anonymous").as_str()),
            "{bad}"
        );
    }

    // A cookie of a server with another key.
    let elsewhere = Application::start(&database, &[]);
    assert_eq!(
        with_cookie(&elsewhere, &cookie).get("/").body,
        page(1, "anonymous")
    );

    assert_eq!(visitor.get("/").body, page(2, "anonymous"));
    // A forged cookie before the valid one is ignored.
    visitor.cookie = Some(format!("session=forged; {cookie}"));
    assert_eq!(visitor.get("/").body, page(3, "anonymous"));
}

#[test]
fn login_changes_id_and_logout_ends_session() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
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
    assert_ne!(id_of(&after), id_of(&before));
    assert_eq!(visitor.get("/").body, page(3, "Renée O'Neil"));
    assert_eq!(live_sessions(&database), 1);
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

// The view waits for the login, finds that the session has a new id, and must not replace the new cookie.
#[test]
fn view_after_concurrent_login_keeps_new_cookie() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
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
    let view = view.join().unwrap();
    assert_eq!((view.status, view.header("set-cookie")), (200, None));
    assert!(visitor.get("/").body.ends_with("user: alice\n"));
    assert_eq!(live_sessions(&database), 1);
}

// An old cookie is sent again, because the session expires later now. A recent cookie is not.
#[test]
fn aged_cookie_is_renewed() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    let mut visitor = application.visitor();
    let first = visitor.get("/");
    assert!(first.header("set-cookie").is_some());
    assert_eq!(visitor.get("/").header("set-cookie"), None);
    // A session of an older version of the application, without the field.
    database
        .superuser()
        .batch_execute(r#"update web.session set data = '{"views":7}'"#)
        .unwrap();
    let cookie = visitor.cookie.clone();
    let renewed = visitor.get("/");
    assert_eq!(renewed.body, page(8, "anonymous"));
    assert!(renewed.header("set-cookie").is_some());
    assert_eq!(visitor.cookie, cookie);
    assert_eq!(visitor.get("/").header("set-cookie"), None);
}

#[test]
fn slow_request_after_logout_is_not_saved() {
    let database = TestDatabase::new();
    let mut application = Application::start(&database, &[]);
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
        assert_eq!(live_sessions(&database), 0);
        let slow = slow.join().unwrap();

        // This holds for either order:
        assert_eq!(slow.status, 200);
        assert_eq!(live_sessions(&database), 0);
        assert_eq!(
            with_cookie(&application, &cookie).get("/").body,
            page(1, "anonymous")
        );
        database
            .superuser()
            .batch_execute("select web.clear_sessions()")
            .unwrap();

        if slow.body == "not saved: the session has ended\n" {
            assert_eq!(slow.header("set-cookie"), None);
            return;
        }
        assert_eq!(slow.body, "saved\n");
    }
    panic!("no logout came while the request was waiting");
}

#[test]
fn slow_request_after_concurrent_change_is_not_saved() {
    let database = TestDatabase::new();
    let mut application = Application::start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.get("/");
    assert_eq!(visitor.get("/slow?milliseconds=0").body, "saved\n");
    assert_eq!(visitor.get("/").body, page(3, "anonymous"));
    for milliseconds in [250, 1_000, 4_000, 16_000, 60_000] {
        let mut tab = visitor.clone();
        let slow = thread::spawn(move || tab.get(&format!("/slow?milliseconds={milliseconds}")));
        // The first such line is of the request above.
        application.wait_for_log(&format!("the save follows in {milliseconds} ms"));
        // Two views, because one view stores the same data as the slow request, and equal data is no conflict.
        visitor.get("/");
        let meanwhile = visitor.get("/").body;
        let slow = slow.join().unwrap();
        if slow.body == "not saved: another request changed the session\n" {
            assert_eq!(meanwhile, page(5, "anonymous"));
            assert_eq!(visitor.get("/").body, page(6, "anonymous"));
            return;
        }
        assert_eq!(slow.body, "saved\n");
        visitor = application.visitor();
        for _ in 0..3 {
            visitor.get("/");
        }
    }
    panic!("no view came while the request was waiting");
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
    let application = Application::start(&database, &[("DATABASE_URL", &url)]);
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
    let mut application = Application::start(&database, &[]);
    let mut visitor = application.visitor();
    visitor.post("/login", "user=alice");
    assert_eq!(visitor.get("/").body, page(1, "alice"));
    let cookie = visitor.cookie.clone();

    // Broken connections are replaced within the request.
    database.terminate_connections();
    assert_eq!(visitor.get("/").body, page(2, "alice"));

    let limit = |connections: i32| {
        database
            .superuser()
            .batch_execute(&format!(
                "alter database {} connection limit {connections}",
                quoted(&database.name)
            ))
            .unwrap();
    };
    limit(0); // for all roles but superusers
    database.terminate_connections();
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

    limit(-1);
    assert_eq!(visitor.cookie, cookie);
    assert_eq!(visitor.get("/").body, page(3, "alice"));
    assert_eq!(live_sessions(&database), 1);
}

#[test]
fn store_error_returns_500_and_keeps_cookie() {
    let database = TestDatabase::new();
    let mut application = Application::start(&database, &[]);
    let mut visitor = application.visitor();
    assert_eq!(visitor.get("/").body, page(1, "anonymous"));
    let mut superuser = database.superuser();
    let on_schema = |verb: &str, to: &str| {
        format!("{verb} usage on schema web {to} {}", quoted(&database.role))
    };
    superuser
        .batch_execute(&on_schema("revoke", "from"))
        .unwrap();
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
    superuser.batch_execute(&on_schema("grant", "to")).unwrap();
    assert_eq!(visitor.get("/").body, page(2, "anonymous"));
}

#[test]
fn password_rotation_needs_no_restart() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    let mut visitor = application.visitor();
    assert_eq!(visitor.get("/").body, page(1, "anonymous"));
    let password = random();
    database
        .superuser()
        .batch_execute(&format!(
            "alter role {} password '{password}'",
            quoted(&database.role)
        ))
        .unwrap();
    fs::write(&application.password_file, format!("{password}\n")).unwrap();
    database.terminate_connections();
    assert_eq!(visitor.get("/").body, page(2, "anonymous"));
}

#[test]
fn cross_site_post_is_refused() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
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
        for path in ["/login", "/logout", "/", "/nothing"] {
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
fn assert_runs_without_panic(application: Application) {
    assert_eq!(application.visitor().get("/").body, page(1, "anonymous"));
    application.terminate();
    let (status, log) = application.end();
    assert!(status.success());
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:?}");
}

#[test]
fn invalid_form_or_query_is_refused() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    let too_long = "x".repeat(65);
    for form in [
        "",
        "user",
        "user=",
        "user=+++",
        "other=alice",
        "user=a%0d%0aSet-Cookie:%20x=y",
        "user=a%00b",
        "user=a%7fb",
        "&&==&&",
        &format!("user={too_long}"),
    ] {
        let response = application.visitor().post("/login", form);
        assert_eq!(
            (response.status, response.header("set-cookie")),
            (400, None),
            "{form}"
        );
    }
    // Bytes that are not UTF-8 become replacement characters, which are valid in a name.
    let mut visitor = application.visitor();
    assert_eq!(visitor.post("/login", "user=%ff%fe").status, 303);
    assert_eq!(visitor.get("/").body, page(1, "\u{fffd}\u{fffd}"));
    let widest = format!("user={}", "%F0%9F%8D%AA".repeat(64));
    assert_eq!(application.visitor().post("/login", &widest).status, 303);

    for query in [
        "milliseconds=",
        "milliseconds=-1",
        "milliseconds=60001",
        "milliseconds=1e3",
        "milliseconds=99999999999999999999",
    ] {
        assert_eq!(
            visitor.get(&format!("/slow?{query}")).status,
            400,
            "{query}"
        );
    }
    assert_runs_without_panic(application);
}

#[test]
fn unknown_method_or_path_is_refused() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    for (method, path, status, allow) in [
        ("GET", "/login", 405, Some("POST")),
        ("GET", "/logout", 405, Some("POST")),
        ("POST", "/", 405, Some("GET")),
        ("PUT", "/slow", 405, Some("GET")),
        ("DELETE", "/nothing", 404, None),
        ("OPTIONS", "*", 404, None),
        ("WHATEVER", "/", 405, Some("GET")),
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
    assert_eq!((head.status, head.body.as_str()), (405, ""));
    assert_runs_without_panic(application);
}

#[test]
fn malformed_or_too_large_request_is_refused() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    // A body that is too large: announced and not sent, or in chunks without a length.
    let chunks = format!("2328\r\n{}\r\n0\r\n\r\n", "x".repeat(0x2328));
    for path in ["/login", "/logout", "/", "/nothing"] {
        for rest in [
            "content-length: 8193\r\n\r\n",
            "content-length: 18446744073709551615\r\n\r\n",
            &format!("transfer-encoding: chunked\r\n\r\n{chunks}"),
        ] {
            let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{rest}");
            let response = send(&application.address, request.as_bytes());
            assert_eq!(response.status, 413, "{path} {}", &rest[..30]);
        }
    }
    let largest = format!("user=alice&filler={}", "x".repeat(8192 - 18));
    assert_eq!(application.visitor().post("/login", &largest).status, 303);

    for bad in [
        &b"\0\0\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncookie: a\0b\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        assert_eq!(send(&application.address, bad).status, 400, "{:?}", String::from_utf8_lossy(bad));
    }
    // Headers with bytes that are not text.
    let odd = b"POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\nuser-agent: \xff\r\ncookie: \xff\r\ncookie: \xfe=1\r\n\
        content-length: 10\r\n\r\nuser=alice";
    assert_eq!(send(&application.address, odd).status, 303);
    assert_runs_without_panic(application);
}

// oxhttp 0.3.3 panics on the target of CONNECT (`host:port`), in the thread of that connection only.
#[test]
fn connect_requests_leave_server_running() {
    let database = TestDatabase::new();
    let application = Application::start(&database, &[]);
    for _ in 0..200 {
        let response = try_send(
            &application.address,
            b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        );
        assert!(response.is_none_or(|response| response.status >= 400));
    }
    assert_eq!(application.visitor().get("/").body, page(1, "anonymous"));
}

#[test]
fn sigterm_ends_server_after_running_requests() {
    let database = TestDatabase::new();
    let mut application = Application::start(&database, &[]);
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
    let directory = TemporaryDirectory::new();
    let key = directory.file("key");
    fs::write(&key, random().repeat(4)).unwrap();
    let variables = [("COOKIE_KEY_FILE", key.as_str())];
    let one = Application::start(&database, &variables);
    let two = Application::start(&database, &variables);
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
    let directory = TemporaryDirectory::new();
    let short = directory.file("key");
    fs::write(&short, "short").unwrap();
    for (name, value, words) in [
        (
            "LISTEN",
            "8080",
            "LISTEN is \"8080\", which is not an address and a port such as 127.0.0.1:8080",
        ),
        ("LISTEN", "192.0.2.1:1", "cannot listen on 192.0.2.1:1: "),
        ("LISTEN", taken.as_str(), "LISTEN names another address"),
        (
            "COOKIE_KEY_FILE",
            "/nonexistent",
            "cannot read COOKIE_KEY_FILE /nonexistent: ",
        ),
        (
            "COOKIE_KEY_FILE",
            short.as_str(),
            "has 5 bytes instead of 64; hint: head --bytes=64 /dev/urandom >",
        ),
        ("DATABASE_URL", "mysql://x", "invalid connection settings: "),
    ] {
        let output = command(&database).env(name, value).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {message}");
        assert!(
            message.starts_with("web_application: ") && message.contains(words),
            "{name}={value}: {message}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}
