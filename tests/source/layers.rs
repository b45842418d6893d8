//! The folders of `src/` are layers: a file imports from its own folder or from a lower one.

use super::rust_imports::{Crate, ModulePath};

/// From low to high. Folders of one line do not import from each other.
const LAYERS: [&[&str]; 10] = [
    &["error"],
    &["runtime", "trace"],
    &["session"],
    &["functions"],
    &["settings"],
    &["connection"],
    &["store"],
    &["pruning", "events"],
    &["install", "tokio"],
    &["fuzzing"],
];

fn height(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&folder))
}

/// Returns a line for each import that breaks a rule.
fn broken_rules(source: &Crate) -> Vec<String> {
    let mut broken = Vec::new();
    for module in source.modules().filter(|module| !module.is_empty()) {
        let (file, folder) = (source.file_name(module), &module[0]);
        let Some(own_height) = height(folder) else {
            broken.push(format!(
                "{file}: {folder} is no layer; tests/source/layers.rs names them"
            ));
            continue;
        };
        for import in source.imports(module) {
            let (line, path) = (import.line, import.path.join("::"));
            let reason = match import.path.first().map(|first| (first, height(first))) {
                Some((first, _)) if first == folder => continue,
                Some((_, Some(height))) if height < own_height => continue,
                Some((first, Some(_))) => format!("{folder} does not stand above {first}"),
                Some((_, None)) | None => {
                    "the root is for users; import from the module".to_owned()
                }
            };
            broken.push(format!("{file}:{line}: crate::{path}: {reason}"));
        }
    }
    broken
}

/// Returns a text for each ring of files, with the imports that make it.
fn rings(source: &Crate) -> Vec<String> {
    source
        .rings()
        .iter()
        .map(|ring| {
            let imports: Vec<String> = ring
                .iter()
                .flat_map(|module| imports_within(source, ring, module))
                .collect();
            format!(
                "a ring of {} files:\n  {}",
                ring.len(),
                imports.join("\n  ")
            )
        })
        .collect()
}

fn imports_within(source: &Crate, ring: &[ModulePath], module: &ModulePath) -> Vec<String> {
    source
        .dependencies(module)
        .into_iter()
        .filter(|(target, _)| ring.contains(target))
        .map(|(target, line)| {
            format!(
                "{}:{line} imports {}",
                source.file_name(module),
                source.file_name(&target)
            )
        })
        .collect()
}

fn assert_none(found: &[String]) {
    assert!(
        found.is_empty(),
        "{} found:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn src_files_import_from_own_or_lower_layer() {
    assert_none(&broken_rules(&Crate::read("src", "lib.rs")));
}

#[test]
fn src_files_form_no_ring() {
    assert_none(&rings(&Crate::read("src", "lib.rs")));
}

#[test]
fn session_admin_files_form_no_ring() {
    assert_none(&rings(&Crate::read("bin/session-admin", "main.rs")));
}

#[test]
fn src_has_all_layers() {
    let source = Crate::read("src", "lib.rs");
    for folder in LAYERS.concat() {
        assert!(
            source.modules().any(|module| module[..] == [folder]),
            "there is no src/{folder}/mod.rs"
        );
    }
}

// ── The rules themselves ─────────────────────────────────────────────────────────────────────────────────────────

fn made_up(sources: &[(&str, &str)]) -> Crate {
    let sources: Vec<_> = sources
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Crate::new("src", "lib.rs", &sources)
}

#[test]
fn import_from_higher_layer_or_root_is_reported() {
    let source = made_up(&[
        (
            "src/lib.rs",
            "mod error; mod store; mod events; mod pruning; pub use error::Error;",
        ),
        ("src/error/mod.rs", "pub struct Error;"),
        ("src/events/mod.rs", ""),
        (
            "src/pruning/mod.rs",
            "use super::events::Listener;\nfn f() { crate::error::g() }",
        ),
        (
            "src/store/mod.rs",
            "//! Not an import: [`crate::events`].\nuse crate::{\n    error::Error,\n    events::{Listener as L, *},\n};\n\
             const C: &str = \"crate::events::C\"; // crate::events\nuse crate::Error as E;\nfn f() -> crate::pruning::Run {}\n\
             #[cfg(test)]\nmod tests {\n    use crate::events::E;\n}\n#[cfg(doc)]\nuse crate::events::E;\nuse crate::error::{self};",
        ),
        ("src/other/mod.rs", ""),
    ]);
    let expected = [
        "src/other/mod.rs: other is no layer; tests/source/layers.rs names them",
        "src/pruning/mod.rs:1: crate::events::Listener: pruning does not stand above events",
        "src/store/mod.rs:4: crate::events::Listener: store does not stand above events",
        "src/store/mod.rs:4: crate::events: store does not stand above events",
        "src/store/mod.rs:7: crate::Error: the root is for users; import from the module",
        "src/store/mod.rs:8: crate::pruning::Run: store does not stand above pruning",
    ];
    assert_eq!(broken_rules(&source), expected);
}

#[test]
fn ring_through_re_exports_inline_paths_and_aliases_is_reported() {
    let source = made_up(&[
        ("src/lib.rs", "mod store; pub use store::Store;"),
        (
            "src/store/mod.rs",
            "mod a; mod b; mod c; mod d;\npub use a::A; pub(crate) use b::B;",
        ),
        ("src/store/a.rs", "use super::B;\npub struct A;"),
        (
            "src/store/b.rs",
            "use crate::store::c;\npub struct B; fn f() { c::deep::f() }",
        ),
        ("src/store/c.rs", "fn f(_: super::a::A) {}"),
        ("src/store/d.rs", "use super::A; use super::d::own;"),
    ]);
    let expected = "a ring of 3 files:\n  src/store/a.rs:1 imports src/store/b.rs\n  \
        src/store/b.rs:2 imports src/store/c.rs\n  src/store/c.rs:1 imports src/store/a.rs";
    assert_eq!(rings(&source), [expected]);
}

#[test]
fn module_that_uses_what_imports_from_it_is_a_ring() {
    let source = made_up(&[
        (
            "src/store/mod.rs",
            "mod a;\nuse a::A;\npub struct Store(A);",
        ),
        ("src/store/a.rs", "use super::Store;\npub struct A;"),
    ]);
    assert_eq!(rings(&source).len(), 1);
    let re_exports_only = made_up(&[
        (
            "src/store/mod.rs",
            "mod a;\npub use a::A;\npub struct Store;",
        ),
        ("src/store/a.rs", "use super::Store;\npub struct A;"),
    ]);
    assert_eq!(rings(&re_exports_only), [] as [&str; 0]);
}
