//! `session-admin configure`

use std::fmt::Write;

use postgres::Transaction;
use postgres::error::SqlState;
use serde_json::{Value, json};

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, Paint, one_line};

const HELP: &str = "\
Without arguments, shows every setting of the store: its value, its default, what it may be and what it means. NAME=VALUE \
sets one; all that are given are set together, or none. An empty value clears a setting that may be empty.

Settings are read when a session is created or ended; sessions that exist keep the timeouts they have.

Rights: a superuser, or a member of the owner role (by default nodepg_owner).

Examples:
  session-admin configure
  session-admin configure idle_timeout_seconds=1800 absolute_timeout_seconds=43200
  session-admin configure max_sessions_per_user=5 notify_channel=web_ends
  session-admin configure notify_channel=                     # off again

--format json prints {\"dry_run\":…, \"changed\":[{\"name\":…, \"before\":…, \"after\":…}], \"settings\":[{\"name\":…, \"type\":…, \
\"value\":…, \"default\":…, \"allowed\":…, \"meaning\":…}, …]}.";

/// Show or change the settings of the store
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// A setting and its new value
    #[arg(value_name = "NAME=VALUE", value_parser = assignment)]
    settings: Vec<Assignment>,
    /// Check the values and say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone)]
struct Assignment {
    name: String,
    value: String,
}

fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a setting is given as NAME=VALUE, as idle_timeout_seconds=1800")?;
    Ok(Assignment {
        name: name.trim().to_owned(),
        value: value.to_owned(),
    })
}

const RIGHTS: &str = "connect as a superuser (on the server's own machine: sudo -u postgres session-admin …), or as a member of the store's \
     owner role: grant nodepg_owner to …";

/// A setting as the catalog describes it: one source for the names, the defaults, the ranges and the meanings.
struct Setting {
    name: String,
    kind: String,
    required: bool,
    default: Option<String>,
    allowed: String,
    meaning: String,
    value: Option<String>,
}

struct Change {
    name: String,
    before: Option<String>,
    after: Option<String>,
}

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let mut client = connection::open(global)?;
    let settings = read(&mut client, global)?;
    if arguments.settings.is_empty() {
        print_settings(global, &settings)?;
        return Ok(ExitStatus::Yes);
    }

    let wanted = validate(&settings, &arguments.settings)?;
    let failed = |error: postgres::Error| doing(&error, global);
    let mut transaction = client.transaction().map_err(failed)?;
    write(&mut transaction, global, &wanted)?;
    let after = read(&mut transaction, global)?;
    if arguments.dry_run {
        transaction.rollback()
    } else {
        transaction.commit()
    }
    .map_err(failed)?;
    let changes: Vec<Change> = settings
        .iter()
        .zip(&after)
        .filter(|(before, after)| before.value != after.value)
        .map(|(before, after)| Change {
            name: before.name.clone(),
            before: before.value.clone(),
            after: after.value.clone(),
        })
        .collect();
    report(global, arguments, &after, &changes)?;
    Ok(ExitStatus::Yes)
}

fn doing(error: &postgres::Error, global: &GlobalArgs) -> Failure {
    failure::calling("configure the store", error, global, RIGHTS)
}

/// All settings, in the order of their columns.
fn read(
    client: &mut impl postgres::GenericClient,
    global: &GlobalArgs,
) -> Result<Vec<Setting>, Failure> {
    let table = format!("{}.settings", connection::identifier(&global.schema));
    // The row as JSON gives every column as text, whichever columns there are.
    let sql = format!(
        r"select
            a.attname::text,
            pg_catalog.format_type(a.atttypid, a.atttypmod),
            a.attnotnull,
            pg_catalog.pg_get_expr(d.adbin, d.adrelid),
            coalesce(
                (
                    select pg_catalog.string_agg(pg_catalog.pg_get_expr(c.conbin, c.conrelid, true), ' AND ' order by c.conname)
                    from pg_catalog.pg_constraint as c
                    where c.conrelid = a.attrelid
                        and c.contype = 'c'
                        and a.attnum = any (c.conkey)
                ),
                ''
            ),
            coalesce(pg_catalog.col_description(a.attrelid, a.attnum), ''),
            v.settings operator(pg_catalog.->>) a.attname::text
        from pg_catalog.pg_attribute as a
        left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        cross join (select pg_catalog.to_jsonb(s) as settings from {table} as s) as v
        where a.attrelid = '{}'::pg_catalog.regclass
            and a.attnum > 0
            and not a.attisdropped
            and a.attname <> 'only_row'
        order by a.attnum",
        table.replace('\'', "''")
    );
    let settings = client
        .query(&sql, &[])
        .and_then(|rows| {
            rows.iter()
                .map(|row| {
                    let (name, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                    let rules: String = row.try_get(4)?;
                    Ok(Setting {
                        allowed: allowed(&name, &kind, &rules),
                        name,
                        kind,
                        required: row.try_get(2)?,
                        default: row.try_get(3)?,
                        meaning: row.try_get(5)?,
                        value: row.try_get(6)?,
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| doing(&error, global))?;
    if settings.is_empty() {
        return Err(no_settings(global));
    }
    Ok(settings)
}

fn no_settings(global: &GlobalArgs) -> Failure {
    Failure::new(
        format!(
            "the store in schema {} has lost its row of settings",
            one_line(&global.schema)
        ),
        "session-admin install puts it back, with the defaults",
    )
}

/// What a setting may be, from its type and the constraints on it.
fn allowed(name: &str, kind: &str, rules: &str) -> String {
    let bytes = format!("octet_length({name})");
    let mut parts = vec![match kind {
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        _ => "text".to_owned(),
    }];
    let mut is_bounded = kind != "integer";
    for rule in rules.split(" AND ").filter(|rule| !rule.is_empty()) {
        let mut words = rule.split(' ');
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        let (what, relation, limit) = (word(words.next()), word(words.next()), word(words.next()));
        let unit = if what == bytes { " bytes" } else { "" };
        let is_limit = limit.parse::<i64>().is_ok() && (what == name || what == bytes);
        parts.push(match relation.as_str() {
            ">=" if is_limit => format!("at least {limit}{unit}"),
            "<=" if is_limit => {
                is_bounded = true;
                format!("at most {limit}{unit}")
            }
            // About another setting, or about two.
            _ if limit.parse::<i64>().is_ok() => continue,
            _ => rule.to_owned(),
        });
    }
    if !is_bounded {
        parts.push(format!("at most {}", i32::MAX));
    }
    parts.join(", ")
}

/// Each value in its place, or why not.
fn validate<'a>(
    settings: &'a [Setting],
    assignments: &'a [Assignment],
) -> Result<Vec<(&'a Setting, Option<&'a str>)>, Failure> {
    let mut wanted: Vec<(&Setting, Option<&str>)> = Vec::new();
    for Assignment { name, value } in assignments {
        let Some(setting) = settings.iter().find(|setting| setting.name == *name) else {
            return Err(unknown(settings, name));
        };
        if wanted.iter().any(|(other, _)| other.name == *name) {
            return Err(Failure::new(
                format!("{name} is given twice"),
                "give each setting once",
            ));
        }
        let refused = || {
            Failure::new(
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
        if value.is_none() && setting.required {
            return Err(refused());
        }
        wanted.push((setting, value));
    }
    Ok(wanted)
}

fn unknown(settings: &[Setting], name: &str) -> Failure {
    let names: Vec<&str> = settings
        .iter()
        .map(|setting| setting.name.as_str())
        .collect();
    let near = names
        .iter()
        .map(|candidate| (distance(name, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance * 2 < candidate.chars().count());
    let what = format!("there is no setting {:?}", one_line(name));
    let list = format!("the settings are {}", names.join(", "));
    Failure::new(
        what,
        match near {
            Some((_, candidate)) => format!("is {candidate} meant? Otherwise: {list}"),
            None => list,
        },
    )
}

/// How many characters have to be put in, taken out or exchanged (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, character) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, candidate) in other.iter().enumerate() {
            let exchanged = corner + usize::from(character != *candidate);
            corner = row[column + 1];
            row[column + 1] = exchanged.min(row[column] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

fn write(
    transaction: &mut Transaction<'_>,
    global: &GlobalArgs,
    wanted: &[(&Setting, Option<&str>)],
) -> Result<(), Failure> {
    let mut sql = format!(
        "update {}.settings set",
        connection::identifier(&global.schema)
    );
    let mut values: Vec<&(dyn postgres::types::ToSql + Sync)> = Vec::new();
    for (setting, value) in wanted {
        values.push(value);
        let _ = write!(
            sql,
            "{} {} = ${}::text::{}",
            if values.len() > 1 { "," } else { "" },
            connection::identifier(&setting.name),
            values.len(),
            setting.kind
        );
    }
    match transaction.execute(&sql, &values) {
        Ok(0) => Err(no_settings(global)),
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::CHECK_VIOLATION) => {
            Err(out_of_range(&error, wanted))
        }
        Err(error) => Err(doing(&error, global)),
    }
}

/// Which of the values a constraint refused. Its name is that of the setting it is about, or of two that belong together.
fn out_of_range(error: &postgres::Error, wanted: &[(&Setting, Option<&str>)]) -> Failure {
    let constraint = error
        .as_db_error()
        .and_then(|error| error.constraint())
        .unwrap_or_default();
    let about = |name: &str| constraint == format!("settings_{name}");
    let mut refused: Vec<_> = wanted
        .iter()
        .filter(|(setting, _)| about(&setting.name))
        .collect();
    if refused.is_empty() {
        refused = wanted
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
    Failure::new(
        format!("{} is out of range; nothing was changed", given.join(" ")),
        ranges.join("; "),
    )
}

fn print_settings(global: &GlobalArgs, settings: &[Setting]) -> Result<(), Failure> {
    if global.format == Format::Json {
        return output::print_json(&as_json(false, settings, &[]));
    }
    let paint = Paint::new(&std::io::stdout());
    let mut text = String::new();
    for setting in settings {
        let (value, default) = (shown(setting.value.as_deref()), default(setting));
        let differs = value != default;
        let _ = writeln!(
            text,
            "{} = {}\n    {}\n    default {default}; {}",
            setting.name,
            if differs {
                paint.doubtful(&value)
            } else {
                value
            },
            one_line(&setting.meaning),
            one_line(&setting.allowed)
        );
    }
    output::print(&text)
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".into(), one_line)
}

fn default(setting: &Setting) -> String {
    shown(setting.default.as_deref())
}

fn report(
    global: &GlobalArgs,
    arguments: &Args,
    settings: &[Setting],
    changes: &[Change],
) -> Result<(), Failure> {
    if global.format == Format::Json {
        return output::print_json(&as_json(arguments.dry_run, settings, changes));
    }
    let mut text = String::new();
    for Change {
        name,
        before,
        after,
    } in changes
    {
        let would = if arguments.dry_run { "would be " } else { "" };
        let _ = writeln!(
            text,
            "{would}changed {name}: was {}, is {}",
            shown(before.as_deref()),
            shown(after.as_deref())
        );
    }
    output::print(&text)?;
    if changes.is_empty() {
        output::remark("Nothing to change: the settings are like that already.");
    } else if arguments.dry_run {
        output::remark("Nothing was changed.");
    }
    Ok(())
}

fn as_json(dry_run: bool, settings: &[Setting], changes: &[Change]) -> Value {
    let typed = |name: &str, value: Option<&str>| {
        let kind = settings
            .iter()
            .find(|setting| setting.name == name)
            .map_or("", |setting| setting.kind.as_str());
        match (kind, value) {
            (_, None) => Value::Null,
            ("integer" | "boolean", Some(value)) => {
                serde_json::from_str(value).unwrap_or_else(|_| value.into())
            }
            (_, Some(value)) => value.into(),
        }
    };
    json!({
        "dry_run": dry_run,
        "changed": changes.iter().map(|change| json!({
            "name": change.name,
            "before": typed(&change.name, change.before.as_deref()),
            "after": typed(&change.name, change.after.as_deref()),
        })).collect::<Value>(),
        "settings": settings.iter().map(|setting| json!({
            "name": setting.name,
            "type": setting.kind,
            "value": typed(&setting.name, setting.value.as_deref()),
            "default": typed(&setting.name, setting.default.as_deref()),
            "allowed": setting.allowed,
            "meaning": setting.meaning,
        })).collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("idle_second", "idle_timeout_seconds"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn ranges() {
        assert_eq!(
            allowed(
                "idle_timeout_seconds",
                "integer",
                "idle_timeout_seconds >= 1"
            ),
            "a whole number, at least 1, at most 2147483647"
        );
        assert_eq!(
            allowed(
                "slide_max_seconds",
                "integer",
                "slide_min_seconds >= 0 AND slide_max_seconds >= slide_min_seconds"
            ),
            "a whole number, slide_max_seconds >= slide_min_seconds, at most 2147483647"
        );
        assert_eq!(
            allowed(
                "channel",
                "text",
                "octet_length(channel) >= 1 AND octet_length(channel) <= 63"
            ),
            "text, at least 1 bytes, at most 63 bytes"
        );
        assert_eq!(allowed("refuse", "boolean", ""), "true or false");
    }

    #[test]
    fn assignments() {
        let given = assignment("notify_channel=a=b").unwrap();
        assert_eq!(
            (given.name.as_str(), given.value.as_str()),
            ("notify_channel", "a=b")
        );
        assert!(assignment("idle_timeout_seconds").is_err());
    }
}
