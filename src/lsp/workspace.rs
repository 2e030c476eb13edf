//! What a file is, which files make one program with it, and their texts: open ones as they are in the editor, others
//! from disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::documents::{Documents, is_unnamed};
use crate::base::source::Sources;
use crate::base::span::Span;
use crate::config::{self, Config};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::load::{Language, MAX_FILE, is_scenarios, load};
use crate::syntax::workflow::keys;
use crate::syntax::yaml;

/// What the editor said of the workspace.
#[derive(Clone, Debug, Default)]
pub(super) struct Workspace {
    pub(super) folders: Vec<PathBuf>,
    /// Files and folders that are one program, where the editor's settings name them; relative ones to each folder.
    pub(super) program: Vec<PathBuf>,
}

/// Files and folders that are checked together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Program {
    pub(super) paths: Vec<PathBuf>,
    /// The nearest configuration above the file that was asked about: it has the levels of lints.
    pub(super) configuration: Option<PathBuf>,
    /// Whether somebody named the paths: then every YAML file in them is meant to be a workflow.
    pub(super) is_named: bool,
    /// Whether only files of the folders themselves are meant, not what lies below: nobody has said that it is one
    /// program, and there may be very much of it.
    pub(super) is_flat: bool,
}

/// What the server knows a file as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Rules or a workflow.
    Program,
    /// `*.test.yaml`.
    Scenarios,
    /// `homeostat.yaml`.
    Configuration,
}

impl Role {
    /// `None` for a file that is none of ours.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let shown = path.to_string_lossy();
        if path.file_name().is_some_and(|name| name == config::DEFAULT_FILE) {
            return Some(Self::Configuration);
        }
        if is_scenarios(&shown) {
            return Some(Self::Scenarios);
        }
        Language::of(&shown).map(|_| Self::Program)
    }
}

/// Every text of a program, with what is wrong with a file as such.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) sources: Sources,
    pub(super) diagnostics: Diagnostics,
}

impl Workspace {
    /// The program that a file belongs to: what the editor's settings say, else what the nearest `homeostat.yaml`
    /// above says, else all files of the workspace's folder. A file that neither names stands with those of its own folder,
    /// but for scenarios: they are about the program wherever they stand. What was never saved stands alone.
    pub(super) fn program_of(&self, file: &Path, documents: &Documents) -> Program {
        if is_unnamed(file) {
            return Program { paths: vec![file.to_owned()], configuration: None, is_named: false, is_flat: true };
        }
        let folder =
            self.folders.iter().filter(|folder| file.starts_with(folder)).max_by_key(|folder| folder.as_os_str().len());
        let configuration = configuration_above(file, folder.map(PathBuf::as_path));
        let beside = || Program {
            paths: file.parent().map(Path::to_owned).into_iter().collect(),
            configuration: configuration.clone(),
            is_named: false,
            is_flat: true,
        };
        let chosen = match folder {
            Some(folder) if !self.program.is_empty() => {
                Some(self.program.iter().map(|path| folder.join(path)).collect())
            }
            _ => configuration.as_deref().map(|path| configured(path, documents)),
        };
        match (chosen, folder) {
            (Some(paths), _) => {
                let program = Program { paths, configuration: configuration.clone(), is_named: true, is_flat: false };
                let is_about = Role::of(file) == Some(Role::Scenarios) && !program.paths.is_empty();
                if is_about || program.holds(file) { program } else { beside() }
            }
            (None, Some(folder)) => {
                Program { paths: vec![folder.clone()], configuration, is_named: false, is_flat: false }
            }
            (None, None) => beside(),
        }
    }
}

/// The nearest configuration above a file, up to the folder `top`.
fn configuration_above(file: &Path, top: Option<&Path>) -> Option<PathBuf> {
    for folder in file.ancestors().skip(1) {
        let path = folder.join(config::DEFAULT_FILE);
        if path.is_file() {
            return Some(path);
        }
        if Some(folder) == top {
            return None;
        }
    }
    None
}

/// A configuration as it is in the editor, else as it is on disk; `None` where it is wrong, which is told where it is open.
pub(super) fn read_configuration(path: &Path, documents: &Documents) -> Option<Config> {
    let text = configuration_text(path, documents)?;
    config::read(&path.to_string_lossy(), &text, path.parent().unwrap_or(path), &[]).config
}

fn configuration_text(path: &Path, documents: &Documents) -> Option<Arc<str>> {
    match documents.get(path) {
        Some(document) => Some(Arc::clone(&document.text)),
        None => std::fs::read_to_string(path).ok().map(Into::into),
    }
}

/// What `program` of a configuration names: nothing where it is the program that ships. What else is wrong in the file takes
/// nothing away: somebody is at work on it.
fn configured(path: &Path, documents: &Documents) -> Vec<PathBuf> {
    match read_configuration(path, documents).map(|config| config.program) {
        Some(config::Program::Paths(paths)) => paths,
        Some(_) => Vec::new(),
        None => named(path, documents).unwrap_or_default(),
    }
}

fn named(path: &Path, documents: &Documents) -> Option<Vec<PathBuf>> {
    let text = configuration_text(path, documents)?;
    let mut sources = Sources::new();
    let source = sources.add(path.to_string_lossy(), Arc::clone(&text));
    let (root, _) = yaml::parse(source, &text);
    let folder = path.parent().unwrap_or(path);
    let root = root?;
    let paths = root.get("program")?.as_seq()?;
    Some(paths.iter().filter_map(yaml::Node::as_str).map(|name| folder.join(name)).collect())
}

impl Program {
    /// Whether a file is among the named ones, or in one of the named folders.
    pub(super) fn holds(&self, file: &Path) -> bool {
        let is_in = |path: &PathBuf| if self.is_flat { file.parent() == Some(path) } else { file.starts_with(path) };
        self.paths.iter().any(|path| file == path || is_in(path))
    }

    /// Every text of the program. Open ones go before those on disk, and may not be on disk at all.
    pub(super) fn load(&self, documents: &Documents) -> Loaded {
        self.read(documents, |_, _| true)
    }

    /// The same without YAML that is another program's: nobody has named it, and it has no key that every workflow has.
    pub(super) fn load_own(&self, documents: &Documents) -> Loaded {
        self.read(documents, |path, text| self.is_own(path, text))
    }

    /// Whether a file among the program's is not YAML of another program.
    pub(super) fn is_own(&self, path: &str, text: &str) -> bool {
        self.is_named || Language::of(path) != Some(Language::Workflow) || looks_like_workflow(text)
    }

    fn read(&self, documents: &Documents, is_wanted: impl Fn(&str, &str) -> bool) -> Loaded {
        let (found, problems) = if self.is_flat { load(&self.files()) } else { load(&self.paths) };
        let mut sources = Sources::new();
        let mut diagnostics = Diagnostics::new();
        let mut seen = Vec::new();
        for (id, source) in found.iter() {
            let path = PathBuf::from(&source.path);
            if let Some(document) = documents.get(&path) {
                if is_wanted(&source.path, &document.text) {
                    add_open(&mut sources, &mut diagnostics, &path, &document.text);
                }
                seen.push(path);
                continue;
            }
            // An empty folder, or one that is not there yet, is no mistake of the one who is about to fill it.
            let own: Vec<&Diagnostic> = problems
                .iter()
                .filter(|problem| problem.primary.span.source == id && problem.code != Code::NothingFound)
                .filter(|_| Language::of(&source.path).is_some())
                .collect();
            if own.is_empty() && !is_wanted(&source.path, &source.text) {
                continue;
            }
            let kept = sources.add(source.path.clone(), Arc::clone(&source.text));
            for problem in own {
                let mut problem = problem.clone();
                problem.primary.span.source = kept;
                diagnostics.push(problem);
            }
        }
        for (path, document) in documents.iter().filter(|(path, _)| self.holds(path) && !seen.contains(path)) {
            if Role::of(path) == Some(Role::Program) && is_wanted(&path.to_string_lossy(), &document.text) {
                add_open(&mut sources, &mut diagnostics, path, &document.text);
            }
        }
        Loaded { sources, diagnostics }
    }
}

impl Program {
    /// The files of the folders, without what is below them.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for path in &self.paths {
            let Ok(entries) = std::fs::read_dir(path) else {
                files.push(path.clone());
                continue;
            };
            let entries = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
            let is_ours = |path: &PathBuf| Role::of(path) == Some(Role::Program) && !is_hidden(path) && path.is_file();
            files.extend(entries.filter(is_ours));
        }
        files.sort();
        files
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn looks_like_workflow(text: &str) -> bool {
    let has = |key: &keys::Key| {
        text.lines().any(|line| line.strip_prefix(key.name).is_some_and(|rest| rest.starts_with(':')))
    };
    keys::WORKFLOW.iter().filter(|key| key.required).any(has)
}

pub(super) fn add_open(sources: &mut Sources, diagnostics: &mut Diagnostics, path: &Path, text: &Arc<str>) {
    let shown = path.to_string_lossy().replace('\\', "/");
    if text.len() as u64 <= MAX_FILE {
        sources.add(shown, Arc::clone(text));
        return;
    }
    let source = sources.add(shown, "");
    let message = format!("the file is larger than {} MiB", MAX_FILE / 1024 / 1024);
    diagnostics.push(Diagnostic::error(Code::TooLarge, Span::new(source, 0, 0), message).help("split the file"));
}
