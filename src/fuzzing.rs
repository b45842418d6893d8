//! What the targets in fuzz/ call. It exists in no other build.

pub use crate::settings::invariants::{
    check_connection_string, check_password_file, check_service_file,
};

/// Checks the payload of a notification.
pub fn check_payload(text: &str) {
    crate::events::check_payload(text);
}
