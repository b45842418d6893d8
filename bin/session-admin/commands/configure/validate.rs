//! The settings of the command line.

use super::settings::Setting;
use crate::support::cli_error::CliError;
use crate::support::text::one_line;

/// Of names from 0 to 1, where a typing error is likely.
const MIN_SIMILARITY: f64 = 0.8;

/// `NAME=VALUE`
#[derive(Clone)]
pub(super) struct Assignment {
    name: String,
    value: String,
}

impl Assignment {
    pub(super) fn parse(text: &str) -> Result<Assignment, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("write a setting as NAME=VALUE, such as idle_timeout_seconds=1800")?;
        Ok(Assignment {
            name: name.trim().to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Returns each setting with its new value, or why it cannot have that.
pub(super) fn validate<'a>(
    settings: &'a [Setting],
    assignments: &'a [Assignment],
) -> Result<Vec<(&'a Setting, Option<&'a str>)>, CliError> {
    let mut assigned: Vec<(&Setting, Option<&str>)> = Vec::new();
    for Assignment { name, value } in assignments {
        let Some(setting) = settings.iter().find(|setting| setting.name == *name) else {
            return Err(unknown(settings, name));
        };
        if assigned.iter().any(|(other, _)| other.name == *name) {
            return Err(CliError::new(
                format!("{name} is given twice"),
                "give each setting once",
            ));
        }
        let refused = || {
            CliError::new(
                format!(
                    "{name} cannot be {:?}; nothing was changed",
                    one_line(value)
                ),
                format!("{name} is {}", setting.allowed),
            )
        };
        let value = match setting.kind.as_str() {
            _ if value.is_empty() => None,
            "integer" => {
                value.parse::<i32>().map_err(|_| refused())?;
                Some(value.as_str())
            }
            "boolean" => Some(match value.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => "true",
                "false" | "off" | "no" | "0" => "false",
                _ => return Err(refused()),
            }),
            _ => Some(value.as_str()),
        };
        if value.is_none() && setting.is_required {
            return Err(refused());
        }
        assigned.push((setting, value));
    }
    Ok(assigned)
}

fn unknown(settings: &[Setting], name: &str) -> CliError {
    let names: Vec<&str> = settings
        .iter()
        .map(|setting| setting.name.as_str())
        .collect();
    let similar = names
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY);
    let list = format!("the settings are {}", names.join(", "));
    CliError::new(
        format!("there is no setting {:?}", one_line(name)),
        match similar {
            Some((_, candidate)) => format!("is {candidate} meant? Otherwise: {list}"),
            None => list,
        },
    )
}

/// Describes the value that a constraint refused. The constraint has the name of its setting, or concerns two settings.
pub(super) fn out_of_range(constraint: &str, assigned: &[(&Setting, Option<&str>)]) -> CliError {
    let concerns = |name: &str| constraint == format!("settings_{name}");
    let mut refused: Vec<_> = assigned
        .iter()
        .filter(|(setting, _)| concerns(&setting.name))
        .collect();
    if refused.is_empty() {
        refused = assigned
            .iter()
            .filter(|(setting, _)| setting.allowed.contains(" >= "))
            .collect();
    }
    let given: Vec<String> = refused
        .iter()
        .map(|(setting, value)| format!("{}={}", setting.name, one_line(value.unwrap_or_default())))
        .collect();
    let ranges: Vec<String> = refused
        .iter()
        .map(|(setting, _)| format!("{} is {}", setting.name, setting.allowed))
        .collect();
    CliError::new(
        format!("{} is out of range; nothing was changed", given.join(" ")),
        ranges.join("; "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignment_ends_its_name_at_the_first_equals_sign() {
        let assignment = Assignment::parse("notify_channel=a=b").unwrap();
        assert_eq!(
            (assignment.name.as_str(), assignment.value.as_str()),
            ("notify_channel", "a=b")
        );
        assert!(Assignment::parse("idle_timeout_seconds").is_err());
    }
}
