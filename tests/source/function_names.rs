//! A function has the same name in all its places: `sql/web/*/X.sql`, `pgtap/*/X.sql`, `### X` in `docs/sql-interface.md`, and
//! `src/functions/X.rs` if the client calls it.

use std::collections::BTreeMap;

use crate::support::repository::{files, read, stem};

const ALL: [&str; 4] = ["api", "compat", "admin", "internal"];
const CALLED_BY_CLIENT: [&str; 2] = ["api", "admin"];
// The client calls load_session_value.
const NOT_CALLED: &str = "load_session";

/// Folders of `sql/web` and their chapters on the page.
const CHAPTERS: [(&str, &str); 3] = [
    ("api", "Functions for applications\n"),
    ("compat", "Functions of connect-pg 1.1.5\n"),
    ("admin", "Functions for administrators\n"),
];

/// Returns the names of a folder's SQL files, sorted.
fn sql_names(folder: &str) -> Vec<String> {
    let files = files(folder, "sql");
    assert!(!files.is_empty(), "there are no files in {folder}");
    files.iter().map(|path| stem(path).to_owned()).collect()
}

/// Returns the functions of these folders of `sql/web`, sorted.
fn functions(folders: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = folders
        .iter()
        .flat_map(|folder| sql_names(&format!("sql/web/{folder}")))
        .collect();
    names.sort();
    names
}

/// Returns the functions and tables whose names follow the schema, as in `{schema}.load_session`, for each file that has some.
fn named_objects(folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut objects = functions(&ALL);
    objects.extend(["session", "settings", "prune_state"].map(ToOwned::to_owned));
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let in_text = |text: &str| -> Vec<String> {
        text.split("}.")
            .skip(1)
            .filter_map(|rest| rest.split(|c| !is_name(c)).next())
            .filter(|name| objects.iter().any(|object| object == name))
            .map(ToOwned::to_owned)
            .collect()
    };
    files(folder, "rs")
        .into_iter()
        .map(|path| {
            let names = in_text(&read(&path));
            (path, names)
        })
        .filter(|(_, names)| !names.is_empty())
        .collect()
}

#[test]
fn each_function_has_its_pgtap_file() {
    for folder in ALL {
        assert_eq!(
            sql_names(&format!("pgtap/{folder}")),
            sql_names(&format!("sql/web/{folder}")),
            "pgtap/{folder} and sql/web/{folder}"
        );
    }
}

#[test]
fn each_callable_function_has_its_section() {
    let page = read("docs/sql-interface.md");
    for (folder, chapter) in CHAPTERS {
        let text = page
            .split("\n## ")
            .find(|text| text.starts_with(chapter))
            .unwrap_or_else(|| panic!("the page has no chapter {chapter}"));
        let mut sections: Vec<&str> = text
            .split("\n### ")
            .skip(1)
            .filter_map(|section| section.lines().next())
            .collect();
        sections.sort_unstable();
        assert_eq!(sections, functions(&[folder]), "{chapter}");
    }
}

#[test]
fn each_function_of_client_has_its_file() {
    let callers = named_objects("src");
    for (path, names) in &callers {
        for name in names {
            assert_eq!(
                *path,
                format!("src/functions/{name}.rs"),
                "{path} calls {name}"
            );
        }
    }
    for name in functions(&CALLED_BY_CLIENT) {
        if name == NOT_CALLED {
            continue;
        }
        let path = format!("src/functions/{name}.rs");
        assert!(
            callers.contains_key(&path),
            "there is no {path} that calls {name}"
        );
    }
}

// session-admin calls functions by the methods of `Store`, and reads no table.
#[test]
fn session_admin_names_no_function_and_no_table() {
    assert_eq!(named_objects("bin/session-admin"), BTreeMap::new());
}
