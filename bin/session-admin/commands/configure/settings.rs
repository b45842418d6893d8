//! The settings of the store, and the values that they may have.

use connect_pg::StoreSetting;

/// A setting, with the values that it may have.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) is_required: bool,
    pub(super) default: Option<String>,
    pub(super) meaning: String,
    pub(super) value: Option<String>,
    pub(super) range: Range,
}

impl From<StoreSetting> for Setting {
    fn from(setting: StoreSetting) -> Self {
        let rules = setting.rules.as_deref().unwrap_or("");
        Self {
            range: Range::new(&setting.name, &setting.type_name, rules),
            name: setting.name,
            type_name: setting.type_name,
            is_required: setting.is_required,
            default: setting.default,
            meaning: setting.meaning.unwrap_or_default(),
            value: setting.value,
        }
    }
}

/// The values that a setting may have: its type and the constraints on it.
pub(super) struct Range {
    type_name: String,
    /// Of an integer, or of the bytes of a text.
    min: Option<i64>,
    max: Option<i64>,
    /// Rules that concern another setting as well.
    relations: Vec<String>,
}

impl Range {
    fn new(name: &str, type_name: &str, rules: &str) -> Self {
        let mut range = Self {
            type_name: type_name.to_owned(),
            min: None,
            max: (type_name == "integer").then(|| i32::MAX.into()),
            relations: Vec::new(),
        };
        let bytes = format!("octet_length({name})");
        for rule in rules.split(" AND ").filter(|rule| !rule.is_empty()) {
            let words: Vec<&str> = rule.split(' ').collect();
            match words[..] {
                [what, relation, limit] => match (relation, limit.parse()) {
                    (_, Err(_)) => range.relations.push(rule.to_owned()),
                    // A rule of another setting.
                    _ if what != name && what != bytes => {}
                    (">=", Ok(limit)) => range.min = Some(limit),
                    ("<=", Ok(limit)) => range.max = Some(limit),
                    _ => range.relations.push(rule.to_owned()),
                },
                _ => range.relations.push(rule.to_owned()),
            }
        }
        range
    }

    /// Returns the value as the store takes it, or `None` if the setting cannot have it. Relations to other settings are left to
    /// the store.
    pub(super) fn normalize<'a>(&self, value: &'a str) -> Option<&'a str> {
        let (normalized, measure) = match self.type_name.as_str() {
            "integer" => (value, value.parse::<i32>().ok()?.into()),
            "boolean" => match value.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => return Some("true"),
                "false" | "off" | "no" | "0" => return Some("false"),
                _ => return None,
            },
            _ => (value, i64::try_from(value.len()).ok()?),
        };
        let is_inside =
            self.min.is_none_or(|min| measure >= min) && self.max.is_none_or(|max| measure <= max);
        is_inside.then_some(normalized)
    }

    /// Returns true if a rule concerns another setting as well.
    pub(super) fn has_relations(&self) -> bool {
        !self.relations.is_empty()
    }

    /// Describes the values.
    pub(super) fn describe(&self) -> String {
        let (kind, is_text) = match self.type_name.as_str() {
            "integer" => ("a whole number", false),
            "boolean" => ("true or false", false),
            _ => ("text", true),
        };
        let size = |limit: i64| match (is_text, limit) {
            (false, _) => limit.to_string(),
            (true, 1) => "1 byte".to_owned(),
            (true, _) => format!("{limit} bytes"),
        };
        let mut parts = vec![kind.to_owned()];
        parts.extend(self.min.map(|min| format!("at least {}", size(min))));
        parts.extend(self.max.map(|max| format!("at most {}", size(max))));
        parts.extend(self.relations.iter().cloned());
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_follows_from_type_and_constraints() {
        for (name, type_name, rules, description) in [
            (
                "idle_timeout_seconds",
                "integer",
                "idle_timeout_seconds >= 1",
                "a whole number, at least 1, at most 2147483647",
            ),
            (
                "slide_max_seconds",
                "integer",
                "slide_min_seconds >= 0 AND slide_max_seconds >= slide_min_seconds",
                "a whole number, at most 2147483647, slide_max_seconds >= slide_min_seconds",
            ),
            (
                "channel",
                "text",
                "octet_length(channel) >= 1 AND octet_length(channel) <= 63",
                "text, at least 1 byte, at most 63 bytes",
            ),
            ("reject", "boolean", "", "true or false"),
        ] {
            let range = Range::new(name, type_name, rules);
            assert_eq!(range.describe(), description);
        }
    }

    #[test]
    fn values_outside_the_range_are_refused() {
        let percent = Range::new("percent", "integer", "percent >= 0 AND percent <= 50");
        for (value, normalized) in [
            ("0", Some("0")),
            ("50", Some("50")),
            ("51", None),
            ("-1", None),
            ("1e3", None),
        ] {
            assert_eq!(percent.normalize(value), normalized);
        }
        let flag = Range::new("flag", "boolean", "");
        assert_eq!(flag.normalize("On"), Some("true"));
        assert_eq!(flag.normalize("maybe"), None);
        let channel = Range::new("channel", "text", "octet_length(channel) <= 3");
        assert_eq!(channel.normalize("abc"), Some("abc"));
        assert_eq!(channel.normalize("abcd"), None);
    }
}
