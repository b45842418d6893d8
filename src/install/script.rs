//! The newest release as a script for psql.

use super::options::InstallOptions;
use super::releases;
use crate::error::Error;

/// Returns the newest release as one SQL script, which an administrator can read and run with `psql -f` instead of
/// [`install`](super::install).
///
/// The script needs no connection to make. It does in one transaction what [`install`](super::install) does, but it records no
/// release in the history; a later [`install`](super::install) does that.
///
/// # Errors
///
/// This build contains no released SQL.
pub fn script(options: &InstallOptions) -> Result<String, Error> {
    let runner = releases::runner();
    let (version, sql) = releases::newest(&runner)?;
    // Names stay out of the comments, where their characters could end the comment.
    Ok(format!(
        "-- connect-pg {}, release {version} of correct_web(): creates, repairs or upgrades a session store.\n\
         -- Run it as a superuser, or as a role with CREATEROLE that owns the database:\n\
         --     psql --no-psqlrc --dbname=DATABASE --file=THIS_FILE\n\
         -- It is one transaction. The last statement prints what was changed.\n\
         \\set ON_ERROR_STOP on\n\
         set client_encoding = 'UTF8';\n\
         set standard_conforming_strings = on;\n\
         set quote_all_identifiers = off;\n\
         \n\
         begin isolation level read committed read write;\n\
         set local connect_pg.durability = '{durability}';\n\
         {drop_additions}\n\
         {sql}\n\
         \n\
         select action, kind, object, attribute, before, after\n\
         from public.correct_web({}, {});\n\
         \n\
         commit;\n",
        env!("CARGO_PKG_VERSION"),
        quote_literal(options.schema_name()),
        quote_literal(options.role_name()),
        durability = options.durability_setting(),
        drop_additions = if options.drops_additions() {
            "set local connect_pg.drop_additions = on;\n"
        } else {
            ""
        },
        sql = sql.trim_end(),
    ))
}

/// Quotes a text as an SQL literal that is the same for both values of `standard_conforming_strings`.
fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_literal_doubles_quotes_and_backslashes() {
        assert_eq!(quote_literal("web"), "'web'");
        assert_eq!(quote_literal("it's; drop"), "'it''s; drop'");
        assert_eq!(quote_literal(r"a\'b"), r"E'a\\''b'");
    }

    #[test]
    fn script_quotes_names() {
        let options = InstallOptions::default()
            .schema("o'b")
            .and_then(|options| options.role("--x"))
            .unwrap();
        let script = script(&options).unwrap();
        assert!(script.contains("from public.correct_web('o''b', '--x');"));
        assert!(script.ends_with("commit;\n"));
    }
}
