use serde_json::Value;
use uuid::Uuid;

use crate::session::EndReason;

/// A session that has ended, as an [`SessionListener`](crate::SessionListener) hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnded {
    handle: Option<Uuid>,
    reason: EndReason,
}

impl SessionEnded {
    /// The session's handle, or `None`: every session has ended.
    ///
    /// [`Store::create`](crate::Store::create) tells a session's [handle](crate::Session::handle), and so does
    /// [`Store::info`](crate::Store::info).
    #[must_use]
    pub fn handle(&self) -> Option<Uuid> {
        self.handle
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> EndReason {
        self.reason
    }

    /// Reads the payload of a notification, `{"handle": …, "reason": …}`. `None` if it is something else: every role of the
    /// database may send to every channel.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_payload_of_ours_is_nothing() {
        let handle = "9d1ad171-3c7e-4f2b-8f57-0f0b2f0c8a11";
        let ended =
            SessionEnded::from_payload(&format!(r#"{{"handle":"{handle}","reason":"evicted"}}"#))
                .unwrap();
        assert_eq!(ended.handle().unwrap().to_string(), handle);
        assert_eq!(ended.reason(), EndReason::Evicted);
        let all = SessionEnded::from_payload(r#"{"handle" : null, "reason" : "revoked"}"#).unwrap();
        assert_eq!((all.handle(), all.reason()), (None, EndReason::Revoked));
        let newer = SessionEnded::from_payload(r#"{"handle":null,"reason":"?","more":1}"#).unwrap();
        assert_eq!(newer.reason(), EndReason::Other);
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
