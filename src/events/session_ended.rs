//! The payload of a notification.

use serde_json::Value;
use uuid::Uuid;

use crate::session::EndReason;

/// A session that has ended, as a [`SessionListener`](crate::SessionListener) receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnded {
    handle: Option<Uuid>,
    reason: EndReason,
}

impl SessionEnded {
    /// Returns the handle of the session, or None if every session has ended.
    ///
    /// [`Session::handle`](crate::Session::handle) returns the handle of a new session, and [`Store::info`](crate::Store::info)
    /// that of any session.
    #[must_use]
    pub fn handle(&self) -> Option<Uuid> {
        self.handle
    }

    /// Returns the reason.
    #[must_use]
    pub fn reason(&self) -> EndReason {
        self.reason
    }

    /// Parses the payload of a notification, `{"handle": …, "reason": …}`.
    ///
    /// Returns None for any other text: every role of the database may notify on every channel.
    pub(crate) fn from_payload(payload: &str) -> Option<SessionEnded> {
        let payload: Value = serde_json::from_str(payload).ok()?;
        let handle = match payload.get("handle")? {
            Value::Null => None,
            Value::String(text) => Some(Uuid::parse_str(text).ok()?),
            _ => return None,
        };
        let reason = EndReason::from_name(payload.get("reason")?.as_str()?);
        Some(SessionEnded { handle, reason })
    }
}

/// Checks any payload: the handle of one that is accepted can be written, and is parsed again.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_payload(text: &str) {
    let Some(ended) = SessionEnded::from_payload(text) else {
        return;
    };
    let handle = ended.handle.map(|handle| handle.to_string());
    let written = serde_json::json!({ "handle": handle, "reason": "revoked" });
    let again = SessionEnded::from_payload(&written.to_string());
    let reason = EndReason::Revoked;
    assert_eq!(again, Some(SessionEnded { reason, ..ended }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_payload_is_parsed_or_refused(
            text: String,
            handle in "null|\"[0-9a-f-]{30,38}\"|\"\\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\}?\"|[0-9.e]{1,5}|\\[\\]",
            reason in "\"[a-z]{0,8}\"|null|7",
            more in "(,\"more\":(1|null|\\{\\}))?"
        ) {
            check_payload(&text);
            check_payload(&format!(r#"{{"handle":{handle},"reason":{reason}{more}}}"#));
        }
    }

    #[test]
    fn payload_of_one_session_has_a_handle_and_a_reason() {
        let handle = "9d1ad171-3c7e-4f2b-8f57-0f0b2f0c8a11";
        let ended =
            SessionEnded::from_payload(&format!(r#"{{"handle":"{handle}","reason":"evicted"}}"#))
                .unwrap();
        assert_eq!(ended.handle().unwrap().to_string(), handle);
        assert_eq!(ended.reason(), EndReason::Evicted);
    }

    #[test]
    fn payload_of_all_sessions_has_no_handle() {
        let all = SessionEnded::from_payload(r#"{"handle" : null, "reason" : "revoked"}"#).unwrap();
        assert_eq!((all.handle(), all.reason()), (None, EndReason::Revoked));
    }

    #[test]
    fn payload_of_a_newer_store_is_parsed() {
        let newer = SessionEnded::from_payload(r#"{"handle":null,"reason":"?","more":1}"#).unwrap();
        assert_eq!(newer.reason(), EndReason::Other);
    }

    #[test]
    fn other_payload_returns_none() {
        for other in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"reason":"revoked"}"#,
            r#"{"handle":null}"#,
            r#"{"handle":"","reason":"revoked"}"#,
            r#"{"handle":1,"reason":"revoked"}"#,
            r#"{"handle":null,"reason":1}"#,
        ] {
            assert_eq!(SessionEnded::from_payload(other), None, "{other}");
        }
    }
}
