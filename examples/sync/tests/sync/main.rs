//! The tests of the site, and those of this server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use connect_pg_test_database::{TestDatabase, send, try_send};

#[path = "../../../tests/site.rs"]
mod site;

const PROGRAM: &str = env!("CARGO_BIN_EXE_example-sync");

#[test]
fn malformed_request_or_too_large_body_is_refused() {
    let database = TestDatabase::new();
    let application = site::start(&database, &[]);
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
    site::assert_runs_without_panic(application);
}

// oxhttp 0.3.3 panics on the target of CONNECT (`host:port`), in the thread of that connection only.
#[test]
fn connect_requests_leave_server_running() {
    let database = TestDatabase::new();
    let application = site::start(&database, &[]);
    for _ in 0..200 {
        let response = try_send(
            &application.address,
            b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        );
        assert!(response.is_none_or(|response| response.status >= 400));
    }
    assert_eq!(
        application.visitor().get("/").body,
        site::page(1, "anonymous")
    );
}
