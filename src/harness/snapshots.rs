//! Plans as they were kept beside their workflows, in the format of `insta`: `snapshots/WORKFLOW.snap`.
//!
//! A folder's workflows are compared once it has a `snapshots` folder; keeping plans makes one. Other files in it are left
//! alone.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::plan::Plan;
use crate::plan::render::{Format, render};
use crate::runtime::program::Program;

const FOLDER: &str = "snapshots";
const ENDING: &str = "snap";
/// What the header of a kept plan says; other snapshots say something else.
const EXPRESSION: &str = "plan of ";

/// What may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// New plans are kept where others are; what differs is told.
    KeepNew,
    /// Nothing is written: a plan that was not kept is told too.
    Check,
    /// Everything is made as it is now.
    Update,
}

/// One snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub workflow: String,
    pub path: PathBuf,
    pub state: State,
}

/// How a snapshot stands to its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Matches,
    /// Was written just now.
    Written,
    Deleted,
    /// With what changed, line by line.
    Differs(String),
    Missing,
    /// No workflow has the name.
    Obsolete,
    Failed(String),
}

impl State {
    /// Whether nobody has to do anything.
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Matches | Self::Written | Self::Deleted)
    }
}

/// Compares every plan with what was kept, and keeps what the mode allows. `wanted` picks by the workflow's name.
pub fn compare(program: &Program, mode: Mode, wanted: impl Fn(&str) -> bool) -> Vec<Snapshot> {
    let mut found = Vec::new();
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    let mut known: BTreeSet<PathBuf> = BTreeSet::new();
    for plan in program.plans.values() {
        let folder = Path::new(&plan.source.path).parent().unwrap_or(Path::new("")).join(FOLDER);
        let path = folder.join(format!("{}.{ENDING}", plan.workflow));
        known.insert(path.clone());
        let is_kept = mode == Mode::Update || folder.is_dir();
        folders.insert(folder);
        if is_kept && wanted(plan.workflow.as_str()) {
            let state = one(plan, &path, mode).unwrap_or_else(|error| State::Failed(error.to_string()));
            found.push(Snapshot { workflow: plan.workflow.to_string(), path, state });
        }
    }
    for path in folders.iter().flat_map(|folder| kept(folder)).filter(|path| !known.contains(path)) {
        let workflow = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !wanted(&workflow) {
            continue;
        }
        let state = match mode {
            Mode::Update => {
                std::fs::remove_file(&path).map_or_else(|error| State::Failed(error.to_string()), |()| State::Deleted)
            }
            _ => State::Obsolete,
        };
        found.push(Snapshot { workflow, path, state });
    }
    found
}

fn one(plan: &Plan, path: &Path, mode: Mode) -> io::Result<State> {
    let now = render(plan, Format::Text);
    let before = match read(path) {
        Ok(text) => Some(contents(&text).to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match (before, mode) {
        (Some(before), _) if before.trim_end() == now.trim_end() => Ok(State::Matches),
        (Some(before), Mode::KeepNew | Mode::Check) => Ok(State::Differs(difference(&before, &now))),
        (None, Mode::Check) => Ok(State::Missing),
        (_, Mode::Update) | (None, Mode::KeepNew) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, file(plan, &now)).map(|()| State::Written)
        }
    }
}

/// The file that `insta` would write.
fn file(plan: &Plan, text: &str) -> String {
    let source = Path::new(&plan.source.path).file_name().map(|name| name.to_string_lossy().into_owned());
    // JSON's strings are YAML's.
    let source = serde_json::Value::from(source.unwrap_or_default());
    format!("---\nsource: {source}\nexpression: {EXPRESSION}{}\n---\n{}\n", plan.workflow, text.trim_end())
}

/// A kept plan; a line may end as on Windows, where Git can be told to make it so.
fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path).map(|text| text.replace("\r\n", "\n"))
}

/// The header and what follows it.
fn parts(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("---\n")?.split_once("\n---\n")
}

fn contents(text: &str) -> &str {
    parts(text).map_or(text, |(_, contents)| contents)
}

/// The kept plans of a folder.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let is_plan = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ending == ENDING)
            && read(path).is_ok_and(|text| {
                let header = parts(&text).map(|(header, _)| header).unwrap_or_default();
                header.lines().any(|line| line.starts_with(&format!("expression: {EXPRESSION}")))
            })
    };
    let mut found: Vec<_> = entries.filter(is_plan).collect();
    found.sort();
    found
}

/// The lines that are gone and those that are new, in order, by the longest common subsequence.
fn difference(before: &str, now: &str) -> String {
    /// Above this the table would be large, and nobody reads the result.
    const MOST: usize = 2_000;
    let (before, now): (Vec<&str>, Vec<&str>) = (before.lines().collect(), now.lines().collect());
    if before.len().max(now.len()) > MOST {
        return format!("{} lines became {}\n", before.len(), now.len());
    }
    let width = now.len() + 1;
    // Cell (i, j): how long the common subsequence of what follows line i of `before` and line j of `now` is.
    let mut table = vec![0_u32; (before.len() + 1) * width];
    let cell = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, old) in before.iter().enumerate().rev() {
        for (j, new) in now.iter().enumerate().rev() {
            let best = if old == new {
                cell(&table, i + 1, j + 1) + 1
            } else {
                cell(&table, i + 1, j).max(cell(&table, i, j + 1))
            };
            if let Some(place) = table.get_mut(i * width + j) {
                *place = best;
            }
        }
    }
    let mut text = String::new();
    let (mut i, mut j) = (0, 0);
    loop {
        match (before.get(i), now.get(j)) {
            (None, None) => return text,
            (Some(old), Some(new)) if old == new => (i, j) = (i + 1, j + 1),
            (Some(old), new) if new.is_none() || cell(&table, i + 1, j) >= cell(&table, i, j + 1) => {
                text.push_str(&format!("-{old}\n"));
                i += 1;
            }
            (_, Some(new)) => {
                text.push_str(&format!("+{new}\n"));
                j += 1;
            }
            (Some(_), None) => i += 1,
        }
    }
}

#[cfg(test)]
#[path = "snapshots_tests.rs"]
mod tests;
