//! The cookie: what is set, and what is accepted.

use connect_pg::SessionAttributes;
use connect_pg_http::{CookieLifetime, KeyRing, RequestSession, SameSite, SessionCookie, Sessions};
use connect_pg_test_database::TestDatabase;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use crate::browser::{
    Browser, KEY, Visit, add_view, anonymous, max_age, sessions, set_cookie, without_server,
};

const SIGNATURE_LENGTH: usize = 44;

fn keys(bytes: u8) -> KeyRing {
    KeyRing::new(&[bytes; 64]).unwrap()
}

#[test]
fn cookie_and_removal_have_the_same_attributes() {
    let database = TestDatabase::new();
    database.execute("update web.settings set idle_timeout_seconds = 7200");
    let builder = || SessionCookie::builder(keys(7));
    for (cookie, name, attributes) in [
        (
            builder(),
            "__Host-session",
            "HttpOnly; SameSite=Lax; Secure; Path=/",
        ),
        (
            builder().secure(false),
            "session",
            "HttpOnly; SameSite=Lax; Path=/",
        ),
        (
            builder()
                .name("__Secure-shop")
                .domain("shop.example")
                .path("/shop")
                .same_site(SameSite::Strict),
            "__Secure-shop",
            "HttpOnly; SameSite=Strict; Secure; Path=/shop; Domain=shop.example",
        ),
        (
            builder().http_only(false).same_site(SameSite::None),
            "__Host-session",
            "SameSite=None; Secure; Path=/",
        ),
    ] {
        let sessions = Sessions::new(database.store(), cookie.build().unwrap());
        let mut browser = Browser::new();
        let headers = browser.view(&sessions);
        let set = set_cookie(&headers).unwrap();
        let (set, age) = set.split_once("; Max-Age=").unwrap();
        // The expiry of the session, in whole seconds. The order of the attributes is that of the crate cookie.
        let (age, domain) = age.split_once("; ").unwrap_or((age, ""));
        assert!((1..=7200).contains(&age.parse::<u32>().unwrap()), "{age}");
        let (pair, set) = set.split_once("; ").unwrap();
        let found = [set, domain].join("; ");
        assert_eq!(found.trim_end_matches("; "), attributes);
        assert!(pair.starts_with(&format!("{name}=")), "{pair}");

        let headers = browser.visit(&sessions, RequestSession::log_out);
        let removal = set_cookie(&headers).unwrap();
        let (removal, expires) = removal.split_once("; Expires=").unwrap();
        let removal = removal.replace("; Max-Age=0", "");
        assert_eq!(removal, format!("{name}=; {attributes}"));
        assert!(expires.ends_with(" GMT"));
        assert_eq!(browser.cookie, None);
    }
}

#[test]
fn database_has_the_digest_of_the_id_and_not_the_id() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let id = sessions.cookie().id(&browser.headers()).unwrap();
    let id = id.as_cookie_value();
    assert!(browser.cookie.unwrap().contains(id));
    assert_eq!(
        database.value::<i64>(&format!(
            "select count(*) from web.session as s
             where s.key = sha256(convert_to('{id}', 'UTF8')) and strpos(s::text, '{id}') = 0"
        )),
        1
    );
}

/// Returns headers that are no valid cookie of this browser's session.
fn invalid_cookies(cookie: &str) -> Vec<Vec<u8>> {
    let (name, value) = cookie.split_once('=').unwrap();
    let (signature, id) = value.split_at(SIGNATURE_LENGTH);
    let (id_alone, expiry) = id.split_once('.').unwrap();
    // Each character changed to another one that is valid there.
    let changed = (0..value.len()).map(|at| {
        let other = match value.as_bytes()[at] {
            b'1' => "2",
            _ => "1",
        };
        format!("{name}={}{other}{}", &value[..at], &value[at + 1..])
    });
    let odd = [
        format!("{name}="),
        name.to_owned(),
        "=".to_owned(),
        "; ; ;=;=; session==;".to_owned(),
        format!("{name}={id}"),
        format!("{name}={id_alone}"),
        format!("{name}={signature}{id_alone}"),
        format!("{name}={signature}{id_alone}."),
        format!("{name}={signature}{id_alone}.99999999999"),
        format!("{name}={signature}{id_alone}.{expiry}0"),
        format!("{name}={signature}{id_alone}.{expiry}.{expiry}"),
        format!("{name}={signature}"),
        format!("{name}=\"{value}\""),
        format!("{name}={value}A"),
        format!("{name}={}", &value[..value.len() - 1]),
        format!("{name}={value}%00"),
        format!("{name} ={value}"),
        format!("{}={value}", name.to_uppercase()),
        format!("{name}x={value}"),
        format!("x{name}={value}"),
        format!("{name}={}", "x".repeat(100_000)),
        format!("{name}={}", "é".repeat(50)),
        format!("{name}=x; ").repeat(5_000),
    ];
    let mut all: Vec<Vec<u8>> = changed.chain(odd).map(String::into_bytes).collect();
    all.push([name.as_bytes(), b"=", &[0xff; 100]].concat());
    all
}

#[test]
fn forged_malformed_or_oversized_cookie_makes_no_query() {
    let database = TestDatabase::new();
    let mut browser = Browser::new();
    browser.view(&sessions(&database));
    let cookie = browser.cookie.clone().unwrap();
    let without_server = without_server();

    let headers = browser.headers();
    let valid = without_server.begin::<Visit>(&headers);
    assert!(valid.is_err(), "a valid cookie makes a query");
    for bad in invalid_cookies(&cookie) {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_bytes(&bad).unwrap());
        let shown = String::from_utf8_lossy(&bad[..bad.len().min(200)]).into_owned();
        let session = without_server.begin::<Visit>(&headers);
        assert!(session.unwrap().data().is_none(), "{shown}");
        assert_eq!(without_server.cookie().id(&headers), None, "{shown}");
    }
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic_and_query(
        values in prop::collection::vec(prop::collection::vec(prop_oneof![
            Just(b"__Host-session=".to_vec()),
            Just(b"; ".to_vec()),
            Just(b".".to_vec()),
            Just(b"=".to_vec()),
            "[A-Za-z0-9+/_-]{43,88}".prop_map(String::into_bytes),
            prop::collection::vec(prop_oneof![0x20..=0x7e_u8, 0x80..=0xff_u8, Just(b'\t')], 0..100),
        ], 0..8), 0..3)
    ) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_bytes(&value.concat()).unwrap());
        }
        prop_assert_eq!(crate::browser::cookie().id(&headers), None);
    }
}

#[test]
fn valid_cookie_is_found_among_others() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let cookie = browser.cookie.clone().unwrap();
    for around in [
        format!("{cookie}; other=1"),
        format!("other=1;{cookie};"),
        format!("  {cookie}  "),
        format!("__Host-session=forged; {cookie}"),
        format!("__Host-session={}; {cookie}", "A".repeat(100)),
        format!("name=Ren\u{e9}e; {cookie}; \u{1f36a}"),
        format!("{cookie}; __Host-session=forged"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_bytes(around.as_bytes()).unwrap());
        assert!(sessions.cookie().id(&headers).is_some(), "{around}");
    }
    // HTTP/2 may send a header for each cookie.
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_static("a=1"));
    headers.append(COOKIE, HeaderValue::from_bytes(b"b=\xff").unwrap());
    headers.append(COOKIE, HeaderValue::try_from(cookie).unwrap());
    assert!(sessions.cookie().id(&headers).is_some());
}

#[test]
fn keys_are_replaced_without_a_logout() {
    let database = TestDatabase::new();
    let with_keys = |keys: KeyRing| {
        let cookie = SessionCookie::builder(keys).build().unwrap();
        Sessions::new(database.store(), cookie)
    };
    let (old, new) = (with_keys(keys(1)), with_keys(keys(2)));
    let both = with_keys(keys(2).and(&[1; 64]).unwrap());
    let mut browser = Browser::new();
    browser.view(&old);
    assert_eq!(browser.finds(&both), anonymous(1));
    assert_eq!(browser.finds(&new), None);
    // The new key signs.
    browser.visit(&both, |session| {
        session.renew_id(std::time::Duration::ZERO);
    });
    assert_eq!(browser.finds(&new), anonymous(1));
    assert_eq!(browser.finds(&old), None);
}

#[test]
fn value_that_was_signed_for_another_cookie_is_refused() {
    let database = TestDatabase::new();
    let mut browser = Browser::new();
    browser.view(&sessions(&database));
    let cookie = browser.cookie.clone().unwrap();
    let (name, signed) = cookie.split_once('=').unwrap();

    // The same key, another cookie of this crate.
    let other = SessionCookie::builder(KeyRing::new(&KEY).unwrap()).name("other");
    let mut headers = HeaderMap::new();
    headers.insert(
        COOKIE,
        HeaderValue::try_from(format!("other={signed}")).unwrap(),
    );
    assert_eq!(other.build().unwrap().id(&headers), None);

    // The same key, a cookie that the application signed itself and whose value a visitor can choose.
    let key = cookie::Key::from(&KEY);
    let mut jar = cookie::CookieJar::new();
    let (_, value) = signed.split_at(SIGNATURE_LENGTH);
    jar.signed_mut(&key).add(("nickname", value.to_owned()));
    let signed = jar.get("nickname").unwrap().value();
    let mut headers = HeaderMap::new();
    headers.insert(
        COOKIE,
        HeaderValue::try_from(format!("{name}={signed}")).unwrap(),
    );
    assert_eq!(sessions(&database).cookie().id(&headers), None);
}

#[test]
fn max_age_follows_the_slide() {
    let database = TestDatabase::new();
    database.execute("update web.settings set idle_timeout_seconds = 3600");
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    let first = browser.view(&sessions);
    let first = max_age(set_cookie(&first).unwrap()).unwrap();
    assert!((3500..=3600).contains(&first), "{first}");
    // The cookie is as old as the session's expiry.
    assert_eq!(set_cookie(&browser.view(&sessions)), None);
    assert_eq!(set_cookie(&browser.visit(&sessions, |_| {})), None);

    // The session expires much later than the cookie now, as after many visits.
    database.execute("update web.session set expires_at = expires_at + interval '1 hour', idle_timeout_seconds = 7200");
    let before = browser.cookie.clone();
    let renewed = browser.visit(&sessions, |_| {});
    let renewed = max_age(set_cookie(&renewed).unwrap()).unwrap();
    assert!((7000..=7200).contains(&renewed), "{renewed}");
    assert_ne!(browser.cookie, before);
    assert_eq!(set_cookie(&browser.visit(&sessions, |_| {})), None);

    // With a change, too.
    database.execute("update web.session set expires_at = expires_at + interval '1 hour', idle_timeout_seconds = 10800");
    let renewed = browser.view(&sessions);
    let renewed = max_age(set_cookie(&renewed).unwrap()).unwrap();
    assert!((10_600..=10_800).contains(&renewed), "{renewed}");

    // A request that the visitor does not make renews nothing.
    database.execute("update web.session set expires_at = expires_at + interval '1 hour', idle_timeout_seconds = 14400");
    let session = sessions.peek::<Visit>(&browser.headers()).unwrap();
    assert_eq!(sessions.finish(session).unwrap().set_cookie(), None);
    assert_eq!(browser.finds(&sessions), anonymous(3));
}

#[test]
fn max_age_is_at_most_the_absolute_timeout() {
    let database = TestDatabase::new();
    database.execute("update web.settings set absolute_timeout_seconds = 100");
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    let headers = browser.view(&sessions);
    let age = max_age(set_cookie(&headers).unwrap()).unwrap();
    assert!((1..=100).contains(&age));
    assert_eq!(set_cookie(&browser.view(&sessions)), None);
}

#[test]
fn cookie_of_a_browser_session_has_no_max_age_and_is_not_sent_again() {
    let database = TestDatabase::new();
    let cookie = SessionCookie::builder(keys(7)).lifetime(CookieLifetime::Browser);
    let sessions = Sessions::new(database.store(), cookie.build().unwrap());
    let mut browser = Browser::new();
    let headers = browser.view(&sessions);
    let set = set_cookie(&headers).unwrap();
    assert!(
        !set.contains("Max-Age") && !set.contains("Expires"),
        "{set}"
    );
    database.execute("update web.session set expires_at = expires_at + interval '1 hour'");
    assert_eq!(set_cookie(&browser.view(&sessions)), None);

    // "Remember me" at the login; later requests need not know.
    let month = std::time::Duration::from_secs(30 * 86_400);
    let headers = browser.visit(&sessions, |session| {
        session.set_lifetime(CookieLifetime::Session);
        let attributes = SessionAttributes::new();
        session.log_in(
            "ada",
            attributes.idle_timeout(month).absolute_timeout(3 * month),
        );
    });
    let remembered = max_age(set_cookie(&headers).unwrap()).unwrap();
    assert!(remembered > 29 * 86_400, "{remembered}");
    assert_eq!(set_cookie(&browser.view(&sessions)), None);
    let headers = browser.visit(&sessions, |session| {
        session.renew_id(std::time::Duration::ZERO);
    });
    assert!(max_age(set_cookie(&headers).unwrap()).unwrap() > 29 * 86_400);

    // The visitor changes the choice.
    let headers = browser.visit(&sessions, |session| {
        session.set_lifetime(CookieLifetime::Browser);
    });
    assert_eq!(max_age(set_cookie(&headers).unwrap()), None);
    assert_eq!(set_cookie(&browser.visit(&sessions, add_view)), None);
}
