//! The example application.

mod web_application;
