//! Tests of the examples in a real browser: Debian's chromium, driven by chromedriver.
//!
//! They are a package of their own, so that no other build compiles a driver of browsers.
