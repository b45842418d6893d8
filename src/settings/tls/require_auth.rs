use std::fmt;
use std::str::FromStr;

/// A method by which a server can ask a client to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthMethod {
    /// The server asks for nothing: `trust`, `peer` or `cert`.
    None,
    Password,
    Md5,
    ScramSha256,
    /// A method that the driver does not know, and therefore refuses.
    Other(&'static str),
}

impl AuthMethod {
    const ALL: [AuthMethod; 7] = [
        AuthMethod::None,
        AuthMethod::Password,
        AuthMethod::Md5,
        AuthMethod::ScramSha256,
        AuthMethod::Other("gss"),
        AuthMethod::Other("sspi"),
        AuthMethod::Other("oauth"),
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password => "password",
            Self::Md5 => "md5",
            Self::ScramSha256 => "scram-sha-256",
            Self::Other(name) => name,
        }
    }
}

/// libpq's `require_auth`: the methods that the server may ask for, or, each with a `!`, those that it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::settings) struct RequireAuth {
    methods: Vec<AuthMethod>,
    negated: bool,
}

impl RequireAuth {
    pub(super) fn allows(&self, method: AuthMethod) -> bool {
        self.methods.contains(&method) != self.negated
    }
}

impl FromStr for RequireAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let negated = text.starts_with('!');
        let mut methods = Vec::new();
        for entry in text.split(',') {
            let name = match entry.strip_prefix('!') {
                Some(name) if negated => name,
                None if !negated => entry,
                _ => {
                    return Err(
                        "require_auth must have a ! before each method, or before none".into(),
                    );
                }
            };
            let method = AuthMethod::ALL
                .into_iter()
                .find(|method| method.name() == name)
                .ok_or(
                    "require_auth must be a list of password, md5, gss, sspi, scram-sha-256, oauth and none",
                )?;
            if methods.contains(&method) {
                return Err(format!("require_auth names {name} twice"));
            }
            methods.push(method);
        }
        Ok(Self { methods, negated })
    }
}

impl fmt::Display for RequireAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.methods.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let sign = if self.negated { "!" } else { "" };
            write!(f, "{comma}{sign}{}", method.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> Vec<&'static str> {
        let rule: RequireAuth = text.parse().unwrap();
        assert_eq!(rule.to_string(), text);
        [
            AuthMethod::None,
            AuthMethod::Password,
            AuthMethod::Md5,
            AuthMethod::ScramSha256,
        ]
        .into_iter()
        .filter(|&method| rule.allows(method))
        .map(AuthMethod::name)
        .collect()
    }

    #[test]
    fn list_allows_its_methods_and_a_negated_list_all_others() {
        assert_eq!(allowed("scram-sha-256"), ["scram-sha-256"]);
        assert_eq!(allowed("md5,scram-sha-256"), ["md5", "scram-sha-256"]);
        assert_eq!(allowed("none"), ["none"]);
        assert!(allowed("gss,sspi").is_empty());
        assert_eq!(allowed("!password,!md5"), ["none", "scram-sha-256"],);
        assert_eq!(allowed("!none"), ["password", "md5", "scram-sha-256"]);
    }

    #[test]
    fn malformed_list_is_an_error() {
        for text in [
            "",
            "scram",
            "password,!md5",
            "!password,md5",
            "md5,md5",
            "md5,",
            "MD5",
        ] {
            assert!(text.parse::<RequireAuth>().is_err(), "{text}");
        }
    }
}
