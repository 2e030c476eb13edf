//! One workflow's file, compiled with the files beside it that hold what it calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::action;
use crate::compile::{self, Compilation};
use crate::ir::call::called;
use crate::syntax::load::{Language, load};

/// Compiles what stands at a path; where that is one workflow's file, with the files of the same folder that hold what it
/// calls, and so on. The first source is the file itself.
pub fn check_with_called(path: &Path) -> Compilation {
    let mut paths = vec![path.to_owned()];
    paths.extend(companions(path));
    compile::load_and_compile(&paths, &action::catalogue())
}

/// What a file says of calls.
#[derive(Debug)]
struct Glance {
    path: PathBuf,
    calls: Vec<String>,
}

fn companions(path: &Path) -> Vec<PathBuf> {
    let is_workflow = |path: &Path| Language::of(&path.to_string_lossy()) == Some(Language::Workflow);
    let glance = |path: &Path| {
        let (sources, mut unread) = load(&[path.to_owned()]);
        let trees = compile::parse(&sources, &mut unread);
        let tree = trees.workflows.into_iter().next()?;
        let uses = tree.steps.iter().chain(&tree.on_failure).filter_map(|step| step.uses.as_ref());
        let calls = uses.filter_map(|uses| called(&uses.node)).map(str::to_owned).collect();
        Some((tree.name.map(|name| name.node), Glance { path: path.to_owned(), calls }))
    };
    let Some((own, first)) = Some(path).filter(|path| path.is_file() && is_workflow(path)).and_then(glance) else {
        return Vec::new();
    };
    if first.calls.is_empty() {
        return Vec::new();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut beside: Vec<PathBuf> = entries.filter(|other| other.is_file() && is_workflow(other)).collect();
    beside.sort();
    let mut known: BTreeMap<String, Glance> = BTreeMap::new();
    for other in beside.iter().filter(|other| other.file_name() != path.file_name()) {
        if let Some((Some(name), glance)) = glance(other) {
            known.entry(name).or_insert(glance);
        }
    }
    let mut wanted = first.calls;
    let mut done: BTreeSet<String> = own.into_iter().collect();
    let mut found = Vec::new();
    while let Some(name) = wanted.pop() {
        if let Some(glance) = known.get(&name).filter(|_| done.insert(name)) {
            found.push(glance.path.clone());
            wanted.extend(glance.calls.iter().cloned());
        }
    }
    found.sort();
    found
}
