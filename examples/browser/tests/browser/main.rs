//! The examples in headless Chromium: `bin/with-pg cargo nextest run --package example-browser-tests`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod browser;

use connect_pg_test_database::{Application, TestDatabase, program_of, wait_until};
use serde_json::{Value, json};

use browser::Driver;

/// Runs each of these tests with each example.
macro_rules! tests_of_each_example {
    ($($test:ident,)+) => {
        mod sync {
            $(#[test] fn $test() { super::$test("example-sync"); })+
        }
        mod axum {
            $(#[test] fn $test() { super::$test("example-axum"); })+
        }
    };
}

tests_of_each_example! {
    device_that_is_logged_out_notices_by_itself,
    device_that_is_logged_out_is_anonymous_on_its_next_click,
    login_outlives_the_browser_if_it_is_remembered,
    browser_sees_the_flags_of_the_cookie,
    logout_in_one_tab_ends_a_slow_request_in_another,
    twenty_fetches_at_once_lose_no_view,
}

fn start(example: &str, database: &TestDatabase, variables: &[(&str, &str)]) -> Application {
    Application::start(&program_of(example), database, variables)
}

/// The page of another device shows nothing of the user any more, without a click.
fn device_that_is_logged_out_notices_by_itself(example: &str) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let database = TestDatabase::new();
    database.execute("update web.settings set notify_channel = 'ends'");
    let mut application = start(example, &database, &[]);
    application.wait_for_log("pages notice a logout on another device");
    let here = driver.browser(&application.address);
    let elsewhere = driver.browser(&application.address);
    here.log_in("ada", false);
    elsewhere.log_in("ada", false);
    elsewhere.open("/devices");
    here.open("/devices");
    assert_eq!(here.count("li.device"), 2);
    assert_eq!(here.count("li.device[data-current]"), 1);
    here.click("li.device:not([data-current]) button");

    elsewhere.wait_for_path("/ended");
    elsewhere.wait_for("#ended");
    assert_eq!(elsewhere.user(), Value::Null);
    wait_until("the list has one device", || here.count("li.device") == 1);
    elsewhere.open("/devices");
    elsewhere.wait_for_path("/");
    elsewhere.wait_for("#log-in");
    assert_eq!(here.user(), "ada");
}

/// Without notifications, too.
fn device_that_is_logged_out_is_anonymous_on_its_next_click(example: &str) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let database = TestDatabase::new();
    let application = start(example, &database, &[]);
    let here = driver.browser(&application.address);
    let elsewhere = driver.browser(&application.address);
    here.log_in("ada", false);
    elsewhere.log_in("ada", true);
    here.open("/devices");
    here.click(".actions button");
    wait_until("the list has one device", || here.count("li.device") == 1);

    assert_eq!(elsewhere.user(), "ada");
    elsewhere.click("#devices");
    elsewhere.wait_for("#log-in");
    assert_eq!(elsewhere.user(), Value::Null);
    // The user logs in again, and the first device is still logged in.
    elsewhere.log_in("ada", false);
    here.open("/devices");
    assert_eq!(here.count("li.device"), 2);
}

fn login_outlives_the_browser_if_it_is_remembered(example: &str) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let database = TestDatabase::new();
    let application = start(example, &database, &[]);
    for (remember, user) in [(true, json!("ada")), (false, Value::Null)] {
        let mut browser = driver.browser(&application.address);
        browser.log_in("ada", remember);
        driver.reopen(&mut browser);
        browser.open("/");
        assert_eq!(browser.user(), user, "remember: {remember}");
    }
}

fn browser_sees_the_flags_of_the_cookie(example: &str) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let database = TestDatabase::new();
    for (secure, name) in [("0", "session"), ("1", "__Host-session")] {
        let application = start(example, &database, &[("SECURE_COOKIE", secure)]);
        let browser = driver.browser(&application.address);
        browser.log_in("ada", true);
        let cookies = browser.wait(browser.client().get_all_cookies());
        let [cookie] = cookies.as_slice() else {
            panic!("{} cookies", cookies.len());
        };
        assert_eq!(cookie.name(), name);
        assert_eq!(cookie.http_only(), Some(true));
        assert_eq!(cookie.secure(), Some(secure == "1"));
        assert_eq!(cookie.same_site().unwrap().to_string(), "Lax");
        assert_eq!(cookie.path(), Some("/"));
        assert!(cookie.expires_datetime().is_some());
        // Scripts see none of it.
        assert_eq!(browser.script("return document.cookie"), "");

        browser.click("header button");
        browser.wait_for("#log-in");
        browser.log_in("ada", false);
        let cookies = browser.wait(browser.client().get_all_cookies());
        assert_eq!(cookies[0].expires_datetime(), None);

        // The removal cookie removes it. The page after the logout counts a view, so there is a new one.
        let before = cookies[0].value().to_owned();
        browser.click("header button");
        browser.wait_for("#log-in");
        let cookies = browser.wait(browser.client().get_all_cookies());
        assert!(cookies.iter().all(|cookie| cookie.value() != before));
    }
}

fn logout_in_one_tab_ends_a_slow_request_in_another(example: &str) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let database = TestDatabase::new();
    let mut application = start(example, &database, &[]);
    // The logout must come while the request waits. If the machine is too busy for that, the request waits longer.
    for milliseconds in [3_000, 15_000, 60_000] {
        let browser = driver.browser(&application.address);
        browser.log_in("ada", false);
        browser.script(&format!(
            "window.slow = null;
             fetch('/slow?milliseconds={milliseconds}').then(r => r.text()).then(text => window.slow = text)"
        ));
        application.wait_for_log(&format!("the save follows in {milliseconds} ms"));
        let tab = browser.wait(browser.client().window());
        let other = browser.wait(browser.client().new_window(true));
        browser.wait(browser.client().switch_to_window(other.handle));
        browser.open("/devices");
        browser.click("header button");
        browser.wait_for("#log-in");
        browser.wait(browser.client().switch_to_window(tab));
        wait_until("the slow request has ended", || {
            !browser.script("return window.slow").is_null()
        });
        let slow = browser.script("return window.slow");

        // This holds for either order: the user is logged out.
        assert_eq!(
            database.value::<i64>("select count(*) from web.user_sessions('ada')"),
            0
        );
        browser.open("/devices");
        browser.wait_for("#log-in");
        assert_eq!(browser.user(), Value::Null);
        if slow == "not saved: the session has ended\n" {
            return;
        }
        assert_eq!(slow, "saved\n");
    }
    panic!("no logout came while the request was waiting");
}

fn twenty_fetches_at_once_lose_no_view(example: &str) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let database = TestDatabase::new();
    let application = start(example, &database, &[]);
    let browser = driver.browser(&application.address);
    browser.log_in("ada", false);
    let views = |text: &Value| -> u64 {
        let line = text.as_str().unwrap().lines().next().unwrap();
        line.strip_prefix("views: ").unwrap().parse().unwrap()
    };
    let fetch = |count: u32| {
        browser.script(&format!(
            "window.texts = null;
             const get = () => fetch('/', {{ cache: 'no-store' }}).then(r => r.text());
             Promise.all(Array.from({{ length: {count} }}, get)).then(texts => window.texts = texts)"
        ));
        wait_until("all fetches have ended", || {
            !browser.script("return window.texts").is_null()
        });
        browser.script("return window.texts")
    };
    let before = views(&fetch(1)[0]);
    assert_eq!(fetch(20).as_array().unwrap().len(), 20);
    assert_eq!(views(&fetch(1)[0]), before + 21);
    assert_eq!(database.live_sessions(), 1);
}
