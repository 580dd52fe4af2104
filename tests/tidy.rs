//! The house rules that no compiler checks: the order of the rooms, and how long a file and a function may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room may use the ones before it.
const ROOMS: [&str; 6] = ["runtime", "api", "actors", "http", "simulation", "commands"];
const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "misc"];

struct Source {
    /// Below the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> Option<usize> {
        let first = self.path.strip_prefix("src/")?.split('/').next()?;
        ROOMS.iter().position(|room| *room == first.trim_end_matches(".rs"))
    }

    /// What ships: the tests at a file's end may look anywhere.
    fn production(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&self.text)
    }

    /// The files, without `.rs`, of the modules that this one declares for tests alone.
    fn test_modules(&self) -> impl Iterator<Item = String> + '_ {
        let stem = self.path.trim_end_matches(".rs");
        let folder = stem.strip_suffix("/mod").unwrap_or(stem);
        let declarations = self.text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.lines().next());
        let names = declarations.filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name));
        names.map(move |name| format!("{folder}/{name}"))
    }
}

/// What ships of `src`: without the modules that are compiled for tests alone, and all below them.
fn shipped() -> Vec<Source> {
    let all = sources(&["src"]);
    let tests: Vec<String> = all.iter().flat_map(Source::test_modules).collect();
    let is_test = |path: &str| tests.iter().any(|test| path.strip_prefix(test).is_some_and(|rest| rest.starts_with(['.', '/'])));
    let (tests, shipped): (Vec<Source>, Vec<Source>) = all.into_iter().partition(|source| is_test(&source.path));
    assert!(!tests.is_empty() && !shipped.is_empty());
    shipped
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty());
    found
}

fn complain(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n{}", complaints.join("\n"));
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let mut complaints = Vec::new();
    for source in shipped() {
        let Some(room) = source.room() else { continue };
        for (number, line) in source.production().lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            for (rank, other) in ROOMS.iter().enumerate() {
                if rank > room && code.contains(&format!("crate::{other}")) {
                    complaints.push(format!("{}:{}: {} uses {other}", source.path, number + 1, ROOMS[room]));
                }
            }
        }
    }
    complain("rooms in the wrong order", &complaints);
}

#[test]
fn the_runtime_knows_no_kubernetes_type_and_the_api_no_actor() {
    let forbidden = |path: &str| -> &[&str] {
        match path.split('/').nth(1) {
            Some("runtime") => &["k8s_openapi"],
            Some("api") => &["actix::", "actix_web"],
            Some("actors") => &["actix_web", "LocalStore", "dyn Store"],
            _ => &[],
        }
    };
    let mut complaints = Vec::new();
    for source in shipped() {
        for (number, line) in source.production().lines().enumerate() {
            for word in forbidden(&source.path).iter().filter(|word| line.split("//").next().unwrap_or(line).contains(**word)) {
                complaints.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    complain("words that do not belong in their room", &complaints);
}

#[test]
fn files_and_functions_are_short() {
    let mut complaints = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > FILE_LINES {
            complaints.push(format!("{}: {} lines", source.path, lines.len()));
        }
        for (start, line) in lines.iter().enumerate() {
            let Some(length) = function_length(line, &lines[start..]) else { continue };
            if length > FUNCTION_LINES {
                complaints.push(format!("{}:{}: a function of {length} lines", source.path, start + 1));
            }
        }
    }
    complain("too long", &complaints);
}

/// The lines of the function that begins on `line`, found by the indentation that rustfmt gives its closing brace.
fn function_length(line: &str, from_here: &[&str]) -> Option<usize> {
    let indent = line.len() - line.trim_start().len();
    let mut words = line.trim_start().split(' ').skip_while(|word| {
        word.starts_with("pub")
            || matches!(*word, "const" | "async" | "unsafe" | "extern" | "\"C\"")
            || word.ends_with(')') && word.starts_with("in ")
    });
    if words.next() != Some("fn") {
        return None;
    }
    let end = format!("{}}}", " ".repeat(indent));
    from_here.iter().position(|line| *line == end || line.starts_with(&end) && line.trim() == "}").map(|last| last + 1)
}

#[test]
fn names_say_something() {
    let complaints: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .filter(|source| source.path.split('/').any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"))))
        .map(|source| source.path.clone())
        .collect();
    complain("empty names", &complaints);
}
