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

/// A setting and the value that it is to have.
pub(super) type Assigned<'a> = (&'a Setting, Option<&'a str>);

/// Returns each setting with its new value, or why it cannot have that.
pub(super) fn validate<'a>(
    settings: &'a [Setting],
    assignments: &'a [Assignment],
) -> Result<Vec<Assigned<'a>>, CliError> {
    let mut assigned: Vec<Assigned<'a>> = Vec::new();
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
        let normalized = if value.is_empty() {
            (!setting.is_required).then_some(None)
        } else {
            setting.range.normalize(value).map(Some)
        };
        let Some(normalized) = normalized else {
            return Err(refused(&[(setting, Some(value))]));
        };
        assigned.push((setting, normalized));
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

/// Describes values that the store refuses. They break a rule about two settings.
pub(super) fn refused_by_store(assigned: &[Assigned<'_>]) -> CliError {
    let related: Vec<Assigned<'_>> = assigned
        .iter()
        .filter(|(setting, _)| setting.range.has_relations())
        .copied()
        .collect();
    refused(if related.is_empty() {
        assigned
    } else {
        &related
    })
}

fn refused(assigned: &[Assigned<'_>]) -> CliError {
    let list = |item: fn(&Assigned<'_>) -> String, separator| {
        assigned
            .iter()
            .map(item)
            .collect::<Vec<_>>()
            .join(separator)
    };
    CliError::new(
        format!(
            "cannot set {}; nothing was changed",
            list(
                |(setting, value)| {
                    format!("{}={}", setting.name, one_line(value.unwrap_or_default()))
                },
                " "
            )
        ),
        list(
            |(setting, _)| format!("{} is {}", setting.name, setting.range.describe()),
            "; ",
        ),
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
