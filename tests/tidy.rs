//! The rules of the house, kept by reading the code as text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who may import whom, besides `base` and `model`. A new module fails until it is placed here.
pub(super) const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("model", &[]),
    ("diagnostic", &[]),
    ("shipped", &[]),
    ("wire", &[]),
    ("expression", &["diagnostic"]),
    ("syntax", &["diagnostic", "expression"]),
    ("ir", &["diagnostic", "expression", "syntax"]),
    ("plan", &["diagnostic", "expression", "ir"]),
    ("router", &["diagnostic", "expression", "ir", "plan"]),
    ("compile", &["diagnostic", "expression", "syntax", "ir", "plan", "router"]),
    ("lint", &["diagnostic", "expression", "syntax", "ir", "plan", "router", "compile"]),
    ("config", &["diagnostic", "expression", "syntax"]),
    ("json_schema", &["config", "harness", "syntax"]),
    ("lsp", &["compile", "config", "diagnostic", "expression", "harness", "ir", "lint", "syntax"]),
    ("runtime", &["expression", "plan", "router"]),
    ("events", &["runtime"]),
    ("action", &["runtime", "config"]),
    ("service", &["expression", "runtime", "config", "wire"]),
    ("security", &["runtime"]),
    ("store", &["runtime", "security"]),
    ("harness", &["action", "config", "diagnostic", "plan", "router", "runtime", "service", "store", "syntax"]),
    ("agent", &["wire"]),
    ("api", &["diagnostic", "expression", "plan", "router", "config", "runtime", "action", "service", "store", "wire"]),
    ("demo", &["app", "agent", "runtime"]),
    (
        "cli",
        &[
            "app",
            "agent",
            "compile",
            "config",
            "demo",
            "diagnostic",
            "harness",
            "json_schema",
            "lint",
            "lsp",
            "plan",
            "security",
            "shipped",
            "syntax",
        ],
    ),
    (
        "app",
        &[
            "action",
            "agent",
            "api",
            "compile",
            "config",
            "diagnostic",
            "expression",
            "harness",
            "ir",
            "lint",
            "plan",
            "router",
            "runtime",
            "security",
            "service",
            "shipped",
            "store",
            "syntax",
            "wire",
        ],
    ),
];

/// Crates that stay in one part of the house.
const STAYS_IN: &[(&str, &[&str])] = &[
    ("croner", &["model"]),
    ("petgraph", &["plan"]),
    ("layout", &["plan"]),
    ("pest", &["syntax", "expression"]),
    ("sea_orm", &["store"]),
    ("sea_orm_migration", &["store"]),
    ("tonic", &["wire", "agent", "service", "app"]),
    ("axum", &["api", "app", "demo"]),
    ("comfy_table", &["cli", "demo"]),
    ("indicatif", &["cli", "demo"]),
    ("quick_junit", &["harness", "cli"]),
];

/// Longest code file, in lines. Tests of a file stand beside it and do not count.
const LONGEST: usize = 500;

struct Code {
    path: PathBuf,
    module: String,
    text: String,
    is_test: bool,
}

fn code() -> Vec<Code> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
            let module = first.trim_end_matches(".rs").to_owned();
            let name = path.file_stem().unwrap().to_string_lossy();
            let in_tests = relative.components().any(|part| part.as_os_str() == "tests");
            let is_test = in_tests || name == "tests" || name.ends_with("_tests") || name == "suite";
            found.push(Code { text: std::fs::read_to_string(&path).unwrap(), path, module, is_test });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Code {
    /// The code without comments and without what stands in its own test module.
    fn lines(&self) -> Vec<&str> {
        let before_tests = self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect()
    }

    fn shown(&self) -> String {
        self.path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
    }
}

/// Every `name` in `crate::name` and `crate::{name, …}`.
fn imports(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let begins_word = line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        if !begins_word || line[..at].ends_with('$') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        let list = rest.strip_prefix('{').map_or(rest, |list| list);
        let names: Vec<&str> = if rest.starts_with('{') { list.split(',').collect() } else { vec![rest] };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn imports_run_one_way() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    for file in code().iter().filter(|file| !file.is_test && !matches!(file.module.as_str(), "lib" | "main")) {
        let Some(allowed) = table.get(file.module.as_str()) else {
            wrong.insert(format!("{}: module `{}` has no place in the table", file.shown(), file.module));
            continue;
        };
        for name in file.lines().iter().flat_map(|line| imports(line)) {
            let leaf = name == "base" || (name == "model" && file.module != "base");
            if name != file.module && !leaf && table.contains_key(name.as_str()) && !allowed.contains(&name.as_str()) {
                wrong.insert(format!("{}: `{}` may not import `{name}`", file.shown(), file.module));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn crates_stay_where_they_belong() {
    let mut wrong = BTreeSet::new();
    for file in code().iter().filter(|file| !file.is_test) {
        for (name, modules) in STAYS_IN {
            let used = file.lines().iter().any(|line| {
                line.match_indices(&format!("{name}::")).any(|(at, _)| {
                    line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                })
            });
            if used && !modules.contains(&file.module.as_str()) {
                wrong.insert(format!("{}: `{name}` stays in {modules:?}", file.shown()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    for file in code().iter().filter(|file| !file.is_test && !file.path.ends_with("base/clock.rs")) {
        for clock in ["SystemTime::now", "Timestamp::now", "Zoned::now"] {
            assert!(!file.lines().iter().any(|line| line.contains(clock)), "{}: `{clock}`", file.shown());
        }
    }
}

#[test]
fn files_are_short_and_open_with_what_they_are() {
    let mut wrong = Vec::new();
    for file in code() {
        let lines = file.text.lines().count();
        if lines > LONGEST && !file.is_test {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST}", file.shown()));
        }
        let opens = file.text.starts_with("//!") || file.is_test || file.path.ends_with("main.rs");
        if !opens {
            wrong.push(format!("{}: does not say what it is", file.shown()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_module_is_a_drawer() {
    for file in code() {
        let name = file.path.file_stem().unwrap().to_string_lossy().into_owned();
        let drawer = ["utils", "util", "helpers", "common", "misc", "manager"].contains(&name.as_str());
        assert!(!drawer, "{}", file.shown());
    }
}

#[test]
fn nothing_is_left_for_later() {
    for file in code() {
        for (number, line) in file.text.lines().enumerate() {
            let loose = ["TODO", "FIXME", "XXX", "Not built yet"].iter().find(|word| line.contains(**word));
            assert!(loose.is_none(), "{}:{}: {}", file.shown(), number + 1, loose.unwrap());
        }
    }
}
