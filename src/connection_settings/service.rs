//! Connection services of libpq, `pg_service.conf`: sections `[name]` of `keyword=value` lines.

use super::conninfo::{self, Keywords};

/// The settings of one service in the text of a service file, or none if it has no such section.
pub(super) fn find(text: &str, service: &str) -> Result<Option<Keywords>, String> {
    let mut found: Option<Keywords> = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if section.strip_suffix(']') == Some(service) {
                found = Some(Keywords::new());
            }
            continue;
        }
        let Some(settings) = &mut found else { continue };
        if line.starts_with("ldap") {
            return Err("looks its settings up in LDAP, which connect-pg does not do".into());
        }
        let Some((keyword, value)) = line.split_once('=') else {
            return Err("has a line that is not keyword=value".into());
        };
        match conninfo::known(keyword) {
            Some("service" | "servicefile") => {
                return Err("names another service, which is not allowed".into());
            }
            Some(keyword) => settings.entry(keyword).or_insert_with(|| value.to_owned()),
            None => {
                return Err(format!(
                    "is not usable: {}",
                    conninfo::unknown_keyword(keyword)
                ));
            }
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::find;

    const FILE: &str = "
# services
[shop]
host=db.example
port=5433

[other]
host=elsewhere
[broken]
nonsense=1
";

    #[test]
    fn a_section_holds_the_settings() {
        let shop = find(FILE, "shop").unwrap().unwrap();
        assert_eq!(shop.len(), 2);
        assert_eq!(shop["host"], "db.example");
        assert_eq!(shop["port"], "5433");
        assert!(find(FILE, "missing").unwrap().is_none());
        assert!(find(FILE, "broken").is_err());
    }
}
