//! Objects beside the store that give its rows to others: publications, views and functions.

use connect_pg::install::{InstallOptions, script};
use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

/// Reports publications that contain a table of the store. A subscriber receives keys and data.
pub(super) fn check_publications(
    client: &mut Client,
    schema: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // The view lists what FOR ALL TABLES and TABLES IN SCHEMA contain as well.
    let rows = client.query(
        "select
            quote_ident(b.pubname),
            string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' order by t.tablename),
            case
                when b.puballtables then format('drop publication %I, and create it again for a list of tables', b.pubname)
                when bool_and(x.prrelid is not null) then format(
                    'alter publication %I drop table %s',
                    b.pubname,
                    string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' order by t.tablename)
                )
                else format('alter publication %I drop tables in schema %I', b.pubname, min(t.schemaname::text))
            end
        from pg_publication_tables as t
        join pg_publication as b on b.pubname = t.pubname
        join pg_namespace as n on n.nspname = t.schemaname
        join pg_class as c on c.relnamespace = n.oid and c.relname = t.tablename
        left join pg_publication_rel as x on x.prpubid = b.oid and x.prrelid = c.oid
        where t.schemaname = $1::text
        group by b.pubname, b.puballtables
        order by 1",
        &[&schema],
    )?;
    for row in rows {
        let (publication, tables, hint): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        report.findings.push(Finding::new(
            "published",
            format!("publication {publication} sends {tables} to its subscribers: keys, user ids and session data"),
            hint,
        ));
    }
    Ok(())
}

/// Reports views on the tables of the store, in any schema, and views on such views. A view reads with the rights of its owner.
pub(super) fn check_views(
    client: &mut Client,
    schema: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let rows = client.query(
        "with recursive dependent (oid) as (
            select c.oid
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = $1::text
                and c.relkind in ('r', 'p')
            union
            select w.ev_class
            from dependent as v
            join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
            join pg_rewrite as w on w.oid = d.objid
        )
        select
            case c.relkind when 'm' then 'materialized view' else 'view' end,
            c.oid::regclass::text,
            (
                select string_agg(distinct case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end, ', ')
                from (
                    select (aclexplode(c.relacl)).*
                    union all
                    select (aclexplode(a.attacl)).* from pg_attribute as a where a.attrelid = c.oid and a.attacl is not null
                ) as x
                where x.grantee <> c.relowner
            )
        from dependent as v
        join pg_class as c on c.oid = v.oid
        where c.relkind in ('v', 'm')
        order by 2",
        &[&schema],
    )?;
    for row in rows {
        let (kind, view, grantees): (String, String, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        match grantees {
            Some(grantees) => report.findings.push(Finding::new(
                "view_granted",
                format!("{kind} {view} on the tables of the store is granted to {grantees}"),
                format!("revoke all on {view} from {grantees}"),
            )),
            None => report.notes.push(Finding::new(
                "view_on_store",
                format!("{kind} {view} reads the tables of the store; only its owner may use it"),
                format!("drop {kind} {view}, unless an administrator needs it"),
            )),
        }
    }
    Ok(())
}

/// Reports functions in the schema that are not the store's, and definer functions of the owner role elsewhere.
pub(super) fn check_functions(
    client: &mut Client,
    role: &str,
    schema: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let rows = client.query(
        "select
            p.oid::regprocedure::text,
            quote_ident(o.rolname),
            case when p.prosecdef then (
                select string_agg(distinct case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end, ', ')
                from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
                where x.grantee <> p.proowner
            ) end
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        join pg_roles as o on o.oid = p.proowner
        where (n.nspname = $2::text and p.proname <> all ($3::text[]))
            -- The same roles may have a second store.
            or (
                n.nspname <> $2::text
                and p.prosecdef
                and o.rolname = $1::text || '_owner'
                and (n.nspowner <> o.oid or p.proname <> all ($3::text[]))
            )
        order by 1",
        &[&role, &schema, &store_functions()],
    )?;
    let mut harmless = Vec::new();
    for row in rows {
        let (function, owner, callers): (String, String, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        match callers {
            Some(callers) => report.findings.push(Finding::new(
                "foreign_definer_function",
                format!("function {function} is not the store's, and runs with the rights of {owner} when {callers} calls it"),
                format!("find out where it comes from, then: drop routine {function}"),
            )),
            None => harmless.push(function),
        }
    }
    if !harmless.is_empty() {
        let functions = harmless.join(", ");
        report.notes.push(Finding::new(
            "foreign_function",
            format!("the store's schema or owner role has functions that are not the store's: {functions}"),
            format!("drop routine {functions}, unless an administrator needs it"),
        ));
    }
    Ok(())
}

/// Returns the names of the store's functions, as the release creates them.
fn store_functions() -> Vec<String> {
    let script = script(&InstallOptions::default()).unwrap_or_default();
    script
        .split("create or replace function web.")
        .skip(1)
        .filter_map(|rest| rest.split('(').next())
        .map(Into::into)
        .collect()
}
