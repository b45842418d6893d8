use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

/// Finds the user of a session in its data.
pub(crate) type UserId = Arc<dyn Fn(&HashMap<String, Value>) -> Option<String> + Send + Sync>;

/// Returns the user that axum-login has put into the data: a text or a number.
pub(crate) fn axum_login_user(data: &HashMap<String, Value>, key: &str) -> Option<String> {
    match data.get(key)?.get("user_id")? {
        Value::String(user) => (!user.is_empty()).then(|| user.clone()),
        Value::Null => None,
        // A number as it is, and an id of several parts as its JSON.
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn user_of_axum_login_is_found() {
        for (data, user) in [
            (json!({}), None),
            (json!({"axum-login.data": null}), None),
            (json!({"axum-login.data": {"user_id": null}}), None),
            (json!({"axum-login.data": {"user_id": ""}}), None),
            (json!({"axum-login.data": {"user_id": "ada"}}), Some("ada")),
            (json!({"axum-login.data": {"user_id": 42}}), Some("42")),
            (
                json!({"axum-login.data": {"user_id": ["a", 1]}}),
                Some(r#"["a",1]"#),
            ),
            (json!({"other": {"user_id": "ada"}}), None),
        ] {
            let data = serde_json::from_value(data).unwrap();
            assert_eq!(axum_login_user(&data, "axum-login.data").as_deref(), user);
        }
    }
}
