//! libpq's connection services, `pg_service.conf`: sections `[name]` of `keyword=value` lines.

use std::path::{Path, PathBuf};

use super::keywords::{Keywords, find_keyword, unknown_keyword};
use super::sources::Sources;

/// The system-wide service file of Debian's libpq.
const SYSTEM_SERVICE_FILE: &str = "/etc/postgresql-common/pg_service.conf";

/// Reads the settings of the service that the connection string or `PGSERVICE` names.
pub(super) fn read_service(
    given: &Keywords,
    environment: &Keywords,
    home: Option<&Path>,
) -> Result<Keywords, String> {
    let sources = Sources(vec![given, environment]);
    let Some(name) = sources.get("service") else {
        return Ok(Keywords::new());
    };
    let own = sources
        .get("servicefile")
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".pg_service.conf")));
    let mut searched = Vec::new();
    for path in own.into_iter().chain([PathBuf::from(SYSTEM_SERVICE_FILE)]) {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let found = find(&text, name).map_err(|why| {
                    format!(
                        "the connection service \"{name}\" in {} {why}",
                        path.display()
                    )
                })?;
                if let Some(found) = found {
                    return Ok(found);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(format!(
                    "the service file {} cannot be read: {error}",
                    path.display()
                ));
            }
        }
        searched.push(path.display().to_string());
    }
    Err(format!(
        "the connection service \"{name}\" (service= or PGSERVICE) is not in {}; add a section [{name}] there, \
         or set the server in the connection string, DATABASE_URL or PGHOST",
        searched.join(", ")
    ))
}

/// Returns the settings of one service in the text of a service file, or None if it has no such section.
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
            return Err("reads its settings from LDAP, which connect-pg does not support".into());
        }
        let Some((keyword, value)) = line.split_once('=') else {
            return Err("has a line that is not keyword=value".into());
        };
        match find_keyword(keyword) {
            Some("service" | "servicefile") => {
                return Err("names another service, which is not allowed".into());
            }
            Some(keyword) => settings.entry(keyword).or_insert_with(|| value.to_owned()),
            None => {
                return Err(format!("cannot be used: {}", unknown_keyword(keyword)));
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
    fn find_returns_the_settings_of_the_section() {
        let shop = find(FILE, "shop").unwrap().unwrap();
        assert_eq!(shop.len(), 2);
        assert_eq!(shop["host"], "db.example");
        assert_eq!(shop["port"], "5433");
        assert!(find(FILE, "missing").unwrap().is_none());
        assert!(find(FILE, "broken").is_err());
    }
}
