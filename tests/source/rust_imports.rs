//! The paths that a Rust file imports or names, found by reading its text.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::repository::{files, read};

/// The files of a crate by their module path, such as `store::lock`. The root is the empty path.
pub struct Crate {
    files: BTreeMap<ModulePath, File>,
}

pub type ModulePath = Vec<String>;

struct File {
    name: String,
    imports: Vec<Import>,
}

/// A path of this crate that stands in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Import {
    pub line: usize,
    /// From the root of the crate on.
    pub path: ModulePath,
    /// The name by which the file knows it, if it is imported.
    alias: Option<String>,
    is_public: bool,
}

impl Crate {
    /// Reads the files below a folder.
    pub fn read(folder: &str, root: &str) -> Crate {
        let sources: Vec<_> = files(folder, "rs")
            .into_iter()
            .map(|path| {
                let text = read(&path);
                (path, text)
            })
            .collect();
        Crate::new(folder, root, &sources)
    }

    /// Takes files with the text of each. Code of tests, and imports for documentation alone, do not count.
    pub fn new(folder: &str, root: &str, sources: &[(String, String)]) -> Crate {
        let sources: Vec<_> = sources
            .iter()
            .filter_map(|(name, text)| {
                let below = name.strip_prefix(folder)?.strip_prefix('/')?;
                let path = module_path(below, root);
                let is_test = path.iter().any(|module| module == "tests");
                (!is_test).then(|| (path, name, tokens(text)))
            })
            .collect();
        let modules: BTreeSet<ModulePath> = sources.iter().map(|(path, ..)| path.clone()).collect();
        let files = sources
            .iter()
            .map(|(path, name, tokens)| {
                let file = File {
                    name: (*name).clone(),
                    imports: imports(path, tokens, &modules),
                };
                (path.clone(), file)
            })
            .collect();
        Crate { files }
    }

    pub fn modules(&self) -> impl Iterator<Item = &ModulePath> {
        self.files.keys()
    }

    pub fn file_name(&self, module: &ModulePath) -> &str {
        &self.files[module].name
    }

    pub fn imports(&self, module: &ModulePath) -> &[Import] {
        &self.files[module].imports
    }

    /// Returns the module whose file defines what a path names. A re-export is followed to the file that it is from.
    pub fn definition(&self, path: &[String]) -> ModulePath {
        let known = (0..=path.len())
            .rev()
            .find(|length| self.files.contains_key(&path[..*length]))
            .unwrap_or(0);
        let module = path[..known].to_vec();
        let Some(item) = path.get(known) else {
            return module;
        };
        let re_exported = self
            .files
            .get(&module)
            .into_iter()
            .flat_map(|file| &file.imports)
            .find(|import| import.is_public && import.alias.as_ref() == Some(item));
        match re_exported {
            Some(import) if import.path != path => {
                let rest = &path[known + 1..];
                self.definition(&[&import.path, rest].concat())
            }
            _ => module,
        }
    }

    /// Returns the files that a file depends on, each with the first line that says so. A module that re-exports what a
    /// file below it defines does not depend on that file.
    pub fn dependencies(&self, module: &ModulePath) -> BTreeMap<ModulePath, usize> {
        let mut dependencies = BTreeMap::new();
        for import in self.imports(module) {
            if import.is_public && import.path.starts_with(module) {
                continue;
            }
            // A module that is imported as a whole counts by what the file names in it.
            if import.alias.is_some() && self.files.contains_key(&import.path) {
                continue;
            }
            let target = self.definition(&import.path);
            if target != *module {
                dependencies.entry(target).or_insert(import.line);
            }
        }
        dependencies
    }

    /// Returns the groups of files of which each depends, by way of others, on itself.
    pub fn rings(&self) -> Vec<Vec<ModulePath>> {
        let reachable: BTreeMap<&ModulePath, BTreeSet<ModulePath>> = self
            .modules()
            .map(|module| (module, self.reachable_from(module)))
            .collect();
        let mut rings: Vec<Vec<ModulePath>> = Vec::new();
        for module in self.modules() {
            if !reachable[module].contains(module) || rings.iter().any(|ring| ring.contains(module))
            {
                continue;
            }
            let ring = self
                .modules()
                .filter(|other| {
                    reachable[module].contains(*other) && reachable[other].contains(module)
                })
                .cloned()
                .collect();
            rings.push(ring);
        }
        rings
    }

    fn reachable_from(&self, module: &ModulePath) -> BTreeSet<ModulePath> {
        let mut reachable = BTreeSet::new();
        let mut open = vec![module.clone()];
        while let Some(next) = open.pop() {
            for target in self.dependencies(&next).into_keys() {
                if reachable.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        reachable
    }
}

fn module_path(file: &str, root: &str) -> ModulePath {
    if file == root {
        return Vec::new();
    }
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(ToOwned::to_owned).collect()
}

/// A word, or one character that is none.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Token {
    line: usize,
    text: String,
}

/// Splits a text into tokens, without comments and literals.
fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut line, mut at) = (1, 0);
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    while at < characters.len() {
        let start = at;
        let rest = &characters[at..];
        match rest {
            ['/', '/', ..] => at += rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => at += block_comment(rest),
            ['"', ..] => at += string(rest),
            ['r' | 'b' | 'c', ..] if prefixed_string(rest).is_some() => {
                at += prefixed_string(rest).unwrap();
            }
            ['\'', '\\', _, ..] => {
                at += 3 + rest[3..].iter().take_while(|c| **c != '\'').count() + 1;
            }
            ['\'', _, '\'', ..] => at += 3,
            [first, ..] if is_word(*first) => {
                at += rest.iter().take_while(|c| is_word(**c)).count();
                tokens.push(Token {
                    line,
                    text: characters[start..at].iter().collect(),
                });
            }
            [first, ..] => {
                at += 1;
                if !first.is_whitespace() {
                    tokens.push(Token {
                        line,
                        text: first.to_string(),
                    });
                }
            }
            [] => unreachable!(),
        }
        at = at.min(characters.len());
        line += characters[start..at].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn block_comment(text: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match text[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(text: &[char]) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Returns the length of a literal such as `r#"…"#` or `b"…"`, if there is one.
fn prefixed_string(text: &[char]) -> Option<usize> {
    let prefix = text.iter().take_while(|c| "rbc".contains(**c)).count();
    let hashes = text[prefix..].iter().take_while(|c| **c == '#').count();
    if prefix > 2 || text.get(prefix + hashes) != Some(&'"') {
        return None;
    }
    if !text[..prefix].contains(&'r') {
        return (hashes == 0).then(|| prefix + string(&text[prefix..]));
    }
    let mut at = prefix + hashes + 1;
    while at < text.len() {
        let closes =
            text[at] == '"' && text[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        at += 1;
        if closes {
            return Some(at + hashes);
        }
    }
    Some(at)
}

/// Returns the paths of this crate that stand in the tokens of a file.
fn imports(file: &ModulePath, tokens: &[Token], modules: &BTreeSet<ModulePath>) -> Vec<Import> {
    let mut reader = Reader {
        tokens,
        at: 0,
        imports: Vec::new(),
        is_public: false,
        is_use: false,
    };
    // Names that stand for a module of this crate: the modules below this one, and those that are imported.
    let mut names: BTreeMap<String, ModulePath> = modules
        .iter()
        .filter(|module| module.len() == file.len() + 1 && module.starts_with(file))
        .map(|module| (module.last().unwrap().clone(), module.clone()))
        .collect();
    // The inline modules around a token: name, and the depth of braces outside of it.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    while reader.at < tokens.len() {
        if reader.skip_test_or_doc() {
            continue;
        }
        let here = reader.at;
        match reader.text(0) {
            "mod" if reader.text(2) == "{" => {
                inline.push((reader.text(1).to_owned(), depth));
                depth += 1;
                reader.at += 3;
                continue;
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.pop_if(|(_, outside)| *outside == depth);
            }
            "use" => {
                reader.is_use = true;
                reader.is_public = here > 0 && matches!(reader.text_before(), "pub" | ")");
            }
            ";" => reader.is_use = false,
            _ => {}
        }
        let goes_on_path =
            here >= 2 && tokens[here - 2..here].iter().all(|token| token.text == ":");
        let starts_path = !goes_on_path && reader.text(1) == ":" && reader.text(2) == ":";
        let own: ModulePath = file
            .iter()
            .cloned()
            .chain(inline.iter().map(|(name, _)| name.clone()))
            .collect();
        let prefix = match reader.text(0) {
            "crate" if starts_path => Some(Vec::new()),
            "self" if starts_path => Some(own),
            "super" if starts_path => Some(own[..own.len().saturating_sub(1)].to_vec()),
            name if starts_path && inline.is_empty() => names.get(name).cloned(),
            _ => None,
        };
        let Some(prefix) = prefix else {
            reader.at += 1;
            continue;
        };
        reader.at += 3;
        let before = reader.imports.len();
        reader.tree(prefix);
        for import in &reader.imports[before..] {
            if let Some(alias) = &import.alias
                && modules.contains(&import.path)
            {
                names.insert(alias.clone(), import.path.clone());
            }
        }
    }
    reader.imports
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    imports: Vec<Import>,
    is_use: bool,
    is_public: bool,
}

impl Reader<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens
            .get(self.at + ahead)
            .map_or("", |token| &token.text)
    }

    fn text_before(&self) -> &str {
        self.at
            .checked_sub(1)
            .map_or("", |before| &self.tokens[before].text)
    }

    /// Skips an item under `#[cfg(test)]` or `#[cfg(doc)]`, if one begins here.
    fn skip_test_or_doc(&mut self) -> bool {
        let condition = self.text(4);
        let attribute = ["#", "[", "cfg", "(", condition, ")", "]"];
        if !matches!(condition, "test" | "doc")
            || !(0..attribute.len()).all(|n| self.text(n) == attribute[n])
        {
            return false;
        }
        self.at += attribute.len();
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.text(0) {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            let is_end = depth == 0 && matches!(self.text(0), "}" | ";");
            self.at += 1;
            if is_end {
                break;
            }
        }
        true
    }

    /// Reads what follows `prefix::`.
    fn tree(&mut self, mut prefix: ModulePath) {
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        if self.text(0) == "," {
                            self.at += 1;
                        } else {
                            self.tree(prefix.clone());
                        }
                    }
                    self.at += 1;
                    return;
                }
                "super" => {
                    prefix.pop();
                    self.at += 1;
                }
                "*" => {
                    self.at += 1;
                    self.push(line, prefix, None);
                    return;
                }
                "self" => {
                    self.at += 1;
                    let alias = prefix.last().cloned();
                    self.push_renamed(line, prefix, alias);
                    return;
                }
                "" => return,
                name => {
                    prefix.push(name.to_owned());
                    self.at += 1;
                }
            }
            let goes_on = self.text(0) == ":" && self.text(1) == ":" && self.text(2) != "<";
            if !goes_on {
                let alias = prefix.last().cloned();
                self.push_renamed(line, prefix, alias);
                return;
            }
            self.at += 2;
        }
    }

    fn push_renamed(&mut self, line: usize, path: ModulePath, mut alias: Option<String>) {
        if self.is_use && self.text(0) == "as" {
            alias = Some(self.text(1).to_owned());
            self.at += 2;
        }
        self.push(line, path, alias);
    }

    fn push(&mut self, line: usize, path: ModulePath, alias: Option<String>) {
        self.imports.push(Import {
            line,
            path,
            alias: alias.filter(|_| self.is_use),
            is_public: self.is_use && self.is_public,
        });
    }
}
