//! `docs/sql-interface.md` agrees with an installed database: the signature and the callers of each function, and each setting.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::repository::{files, read, stem};
use crate::support::server::quoted;
use crate::support::test_database::TestDatabase;

/// A function on the page or in the catalog.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    signature: String,
    who_may_call: String,
}

/// Returns the page's text under each heading of the third level.
fn sections() -> BTreeMap<String, String> {
    let page = read("docs/sql-interface.md");
    let mut sections = BTreeMap::new();
    for chapter in page.split("\n## ") {
        for section in chapter.split("\n### ").skip(1) {
            let (heading, text) = section.split_once('\n').unwrap();
            let earlier = sections.insert(heading.to_owned(), text.to_owned());
            assert!(earlier.is_none(), "the page has two headings {heading}");
        }
    }
    sections
}

/// Returns a signature without the line breaks that it has on the page.
fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(" )", ")")
}

/// Returns what stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// Returns the functions in the chapters that say who may call them, by heading.
fn functions_of_the_page() -> BTreeMap<String, Function> {
    let page = read("docs/sql-interface.md");
    let mut functions = BTreeMap::new();
    for chapter in page.split("\n## ") {
        let Some(who_may_call) = between(chapter, "\nWho may call: ", ".\n") else {
            continue;
        };
        for section in chapter.split("\n### ").skip(1) {
            let (heading, text) = section.split_once('\n').unwrap();
            let signature = between(text, "\n```sql\n", "```")
                .unwrap_or_else(|| panic!("the section {heading} has no signature"));
            functions.insert(
                heading.to_owned(),
                Function {
                    signature: on_one_line(signature)
                        .replace("timestamptz", "timestamp with time zone"),
                    who_may_call: who_may_call.to_owned(),
                },
            );
        }
    }
    functions
}

/// Returns all functions of the store by name, and the names of those whose comment ends "API: public".
fn functions_of_the_catalog(
    database: &TestDatabase,
) -> (BTreeMap<String, Function>, BTreeSet<String>) {
    let mut public = BTreeSet::new();
    let functions = database
        .superuser()
        .query(
            "select
                p.proname::text,
                format('%s(%s) returns %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)),
                has_function_privilege($1, p.oid, 'execute'),
                obj_description(p.oid, 'pg_proc') ~ 'API: public$'
            from pg_proc as p
            where p.pronamespace = 'web'::regnamespace",
            &[&database.role],
        )
        .unwrap()
        .iter()
        .map(|row| {
            let name: String = row.get(0);
            if row.get(3) {
                public.insert(name.clone());
            }
            let who_may_call = if row.get(2) { "the runtime role" } else { "administrators" };
            let function = Function { signature: row.get(1), who_may_call: who_may_call.to_owned() };
            (name, function)
        })
        .collect();
    (functions, public)
}

#[test]
fn each_function_section_matches_catalog() {
    let (catalog, public) = functions_of_the_catalog(&TestDatabase::new());
    let page = functions_of_the_page();
    assert!(
        public.len() >= 20,
        "the catalog was not read: {} functions",
        public.len()
    );

    for name in &public {
        assert!(page.contains_key(name), "the page has no heading {name}");
    }
    for (name, function) in &page {
        assert_eq!(
            Some(function),
            catalog.get(name),
            "the page's section {name} is stale"
        );
    }
}

#[test]
fn runtime_role_executes_functions_of_api_and_compat_only() {
    let (catalog, _) = functions_of_the_catalog(&TestDatabase::new());
    let executable: Vec<&str> = catalog
        .iter()
        .filter(|(_, function)| function.who_may_call == "the runtime role")
        .map(|(name, _)| name.as_str())
        .collect();
    let mut sources = [files("sql/web/api", "sql"), files("sql/web/compat", "sql")].concat();
    sources.sort_by_key(|path| stem(path).to_owned());
    let sources: Vec<&str> = sources.iter().map(|path| stem(path)).collect();
    assert_eq!(executable, sources);
}

// A section without a signature, or with a misspelt heading, is found.
#[test]
fn each_function_section_has_its_signature() {
    let functions = functions_of_the_page();
    assert!(
        functions.len() >= 25,
        "the page was not read: {} functions",
        functions.len()
    );
    for (name, function) in &functions {
        assert!(
            function.signature.starts_with(&format!("{name}(")),
            "{name}: {}",
            function.signature
        );
    }
}

/// Returns the names of the methods that an application can call.
fn methods_of_the_client() -> BTreeSet<String> {
    ["src/store", "src/events", "src/pruning"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .flat_map(|path| {
            let text = read(&path);
            let methods = text.split("    pub fn ").skip(1);
            methods
                .filter_map(|rest| rest.split(['(', '<']).next().map(ToOwned::to_owned))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_function_section_has_examples() {
    let sections = sections();
    let client = methods_of_the_client();
    for (name, function) in functions_of_the_page() {
        let text = &sections[&name];
        assert!(text.contains(&format!("web.{name}(")), "{name}: from psql");
        assert!(text.contains("```text\nshop=> "), "{name}: from psql");
        if function.who_may_call != "the runtime role" {
            continue;
        }
        let Some((_, rust)) = text.split_once("\nRust: ") else {
            panic!("{name}: from Rust")
        };
        // The client has the methods that it names.
        for call in rust.split("store.").skip(1) {
            let method: String = call
                .chars()
                .take_while(|character| character.is_ascii_lowercase() || *character == '_')
                .collect();
            assert!(
                client.contains(&method),
                "{name}: the client has no method {method}"
            );
        }
    }
}

#[test]
fn settings_table_matches_catalog() {
    let database = TestDatabase::new();
    let catalog: Vec<String> = database
        .superuser()
        .query(
            "select format(
                '| `%s` | %s | %s |',
                a.attname,
                coalesce(pg_get_expr(d.adbin, d.adrelid), 'null'),
                col_description(a.attrelid, a.attnum)
            )
            from pg_attribute as a
            left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = 'web.settings'::regclass
                and a.attnum > 0
                and not a.attisdropped
                and a.attname not in ('only_row', 'lock_seed')
            order by a.attnum",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let page = read("docs/sql-interface.md");
    let page: Vec<&str> = between(
        &page,
        "| setting | default | meaning |\n|---|---|---|\n",
        "\n\n",
    )
    .unwrap()
    .lines()
    .collect();
    assert_eq!(page, catalog);
}

// Each error code of the page is returned by a call.
#[test]
fn each_documented_error_occurs() {
    let database = TestDatabase::new();
    let page = read("docs/sql-interface.md");
    let errors = between(&page, "\n## Errors\n", "\n## ").unwrap();
    let mut client = database.superuser();
    client
        .batch_execute(&format!("set role {}", quoted(&database.role)))
        .unwrap();
    for (code, call) in [
        ("22023", "select web.load_session('short')"),
        (
            "22023",
            "select web.rotate_session(sha256('a'), sha256('b'), 61)",
        ),
        (
            "22023",
            "select web.login_session(sha256('a'), sha256('b'), '')",
        ),
        (
            "22023",
            "select web.save_sessions(array[sha256('a')], array['{}', '{}'])",
        ),
        ("22004", "select web.create_session(sha256('a'), null)"),
        ("22004", "select web.set_session_data(null, '{}', null)"),
        (
            "54000",
            "select web.create_session(sha256('a'), repeat('x', 1048577))",
        ),
        ("42501", "select web.end_all_sessions()"),
        ("42501", "select * from web.session"),
        ("42883", "select web.no_such_function()"),
        ("3F000", "select no_such_schema.load_session(sha256('a'))"),
        (
            "25000",
            "begin isolation level serializable; select web.load_session(sha256('a'))",
        ),
        (
            "25006",
            "begin read only; select web.create_session(sha256('a'), '{}')",
        ),
    ] {
        let error = client.batch_execute(call).unwrap_err();
        assert_eq!(
            error.code().map(postgres::error::SqlState::code),
            Some(code),
            "{call}"
        );
        assert!(
            errors.contains(&format!("`{code}`")),
            "the page explains no {code}"
        );
        client.batch_execute("rollback").unwrap();
    }
}
