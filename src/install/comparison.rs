//! How a store differs from its release, from the catalog alone.
//!
//! `correct_web()` begins with this comparison. Here its text runs by itself, as a DO statement in a read-only transaction.
//! So a check changes nothing, and takes no lock that a request could wait for.

use postgres::Transaction;

use super::options::InstallOptions;
use super::report::Change;
use crate::error::Error;

/// Where the routine's body begins in the released SQL, and where the comparison ends.
const BEGIN: &str = "\nas $correct_web$\n";
const END: &str = "    -- End of the comparison.\n";

/// Where the part of the body begins that describes an error.
const ERRORS: &str = "\nexception\n";

/// Returns the changes that an install would make to the store. Returns `None` if they cannot be foretold, as for a database of
/// connect-pg 1.1.5.
pub(super) fn foretell(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
    released_sql: &str,
) -> Result<Option<Vec<Change>>, Error> {
    let comparison = statement(released_sql)?;
    // A DO statement has no parameters and returns nothing.
    transaction
        .execute(
            "select set_config('connect_pg.schema', $1, true), set_config('connect_pg.role', $2, true)",
            &[&options.schema_name(), &options.role_name()],
        )
        .map_err(Error::call)?;
    transaction
        .batch_execute(&comparison)
        .map_err(Error::call)?;
    let rows = transaction
        .query(
            "select c.value ->> 'action', c.value ->> 'kind', c.value ->> 'object', c.value ->> 'attribute', c.value ->> 'before', c.value ->> 'after'
            from jsonb_array_elements(nullif(current_setting('connect_pg.report'), '')::jsonb) with ordinality as c (value, position)
            order by c.position",
            &[],
        )
        .map_err(Error::call)?;
    let is_known: bool = transaction
        .query_one("select current_setting('connect_pg.report') <> ''", &[])
        .and_then(|row| row.try_get(0))
        .map_err(Error::call)?;
    if !is_known {
        return Ok(None);
    }
    rows.iter()
        .map(Change::from_row)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Returns the body of the routine `correct_web(schema, role)` in the released SQL.
pub(super) fn routine_body(released_sql: &str) -> Result<&str, Error> {
    released_sql
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once("$correct_web$;"))
        .map(|(body, _)| body)
        .ok_or_else(|| Error::install("the released SQL has no routine correct_web(schema, role)"))
}

/// Returns the body of the routine `correct_web()` without parameters.
pub(super) fn short_routine_body(released_sql: &str) -> Result<&str, Error> {
    released_sql
        .split_once("\nas $function$\n")
        .and_then(|(_, rest)| rest.split_once("$function$;"))
        .map(|(body, _)| body)
        .ok_or_else(|| Error::install("the released SQL has no routine correct_web()"))
}

/// Returns the comment on the routine with these parameters.
pub(super) fn comment_on<'a>(released_sql: &'a str, parameters: &str) -> Result<&'a str, Error> {
    released_sql
        .split_once(&format!(
            "\ncomment on function public.correct_web{parameters} is\n'"
        ))
        .and_then(|(_, rest)| rest.split_once("';\n"))
        .map(|(comment, _)| comment)
        .ok_or_else(|| Error::install("the released SQL has no comment on correct_web"))
}

/// Returns the comparison as a DO statement.
fn statement(released_sql: &str) -> Result<String, Error> {
    let body = routine_body(released_sql)?;
    let (head, work) = body
        .split_once(END)
        .and_then(|(comparison, _)| comparison.split_once("declare\n"))
        .ok_or_else(|| Error::install("the released SQL has no comparison"))?;
    let (_, errors) = body
        .rsplit_once(ERRORS)
        .ok_or_else(|| Error::install("the released SQL does not name its steps"))?;
    Ok(format!(
        "do $connect_pg_comparison$\n{head}declare\n    \
         p_schema constant text := current_setting('connect_pg.schema');\n    \
         p_role constant text := current_setting('connect_pg.role');\n\
         {work}    perform set_config('connect_pg.report', coalesce(v_report::text, ''), true);{ERRORS}{errors}$connect_pg_comparison$"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::releases;

    #[test]
    fn statement_contains_comparison_only() {
        let runner = releases::runner();
        let (_, sql) = releases::newest(&runner).unwrap();
        let statement = statement(sql).unwrap();
        assert!(statement.starts_with("do $connect_pg_comparison$\n#variable_conflict"));
        assert_eq!(statement.matches("$connect_pg_comparison$").count(), 2);
        assert!(statement.contains("get stacked diagnostics"));
        for change in [
            "execute format('create",
            "execute format('alter",
            "connect-pg correct_web",
        ] {
            assert!(!statement.contains(change), "{change}");
        }
    }
}
