//! Which files make one program with a file, and their texts: open ones as they are in the editor, others from disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::documents::Documents;
use crate::base::source::Sources;
use crate::base::span::Span;
use crate::config;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::load::{Language, MAX_FILE, load};

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
}

/// Every text of a program, with what is wrong with a file as such.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) sources: Sources,
    pub(super) diagnostics: Diagnostics,
}

impl Workspace {
    /// The program that a file belongs to: what the editor's settings say, else what the nearest `homeostat.yaml`
    /// above says, else all files of the workspace's folder. A file that neither names stands with those beside it.
    pub(super) fn program_of(&self, file: &Path) -> Program {
        let beside = || Program { paths: file.parent().map(Path::to_owned).into_iter().collect() };
        let folder =
            self.folders.iter().filter(|folder| file.starts_with(folder)).max_by_key(|folder| folder.as_os_str().len());
        let chosen = match folder {
            Some(folder) if !self.program.is_empty() => {
                Some(self.program.iter().map(|path| folder.join(path)).collect())
            }
            _ => configured(file, folder.map(PathBuf::as_path)),
        };
        match (chosen, folder) {
            (Some(paths), _) => {
                let program = Program { paths };
                if program.holds(file) { program } else { beside() }
            }
            (None, Some(folder)) => Program { paths: vec![folder.clone()] },
            (None, None) => beside(),
        }
    }
}

/// What the `program` of the nearest configuration above a file names; `None` where there is none.
fn configured(file: &Path, top: Option<&Path>) -> Option<Vec<PathBuf>> {
    for folder in file.ancestors().skip(1) {
        let path = folder.join(config::DEFAULT_FILE);
        if path.is_file() {
            let text = std::fs::read_to_string(&path).ok()?;
            let loaded = config::read(&path.to_string_lossy(), &text, folder, &[]);
            return Some(match loaded.config.map(|config| config.program) {
                Some(config::Program::Paths(paths)) => paths,
                // The program that ships, or a configuration that is wrong: nothing of it is on disk.
                _ => Vec::new(),
            });
        }
        if Some(folder) == top {
            return None;
        }
    }
    None
}

impl Program {
    /// Whether a file is among the named ones, or in one of the named folders.
    pub(super) fn holds(&self, file: &Path) -> bool {
        self.paths.iter().any(|path| file.starts_with(path))
    }

    /// Every text of the program. Open ones go before those on disk, and may not be on disk at all.
    pub(super) fn load(&self, documents: &Documents) -> Loaded {
        let (found, problems) = load(&self.paths);
        let mut sources = Sources::new();
        let mut diagnostics = Diagnostics::new();
        let mut seen = Vec::new();
        for (id, source) in found.iter() {
            let path = PathBuf::from(&source.path);
            let Some(document) = documents.get(&path) else {
                sources.add(source.path.clone(), Arc::clone(&source.text));
                // An empty folder, or one that is not there yet, is no mistake of the one who is about to fill it.
                let own = problems
                    .iter()
                    .filter(|problem| problem.primary.span.source == id && problem.code != Code::NothingFound);
                own.filter(|_| Language::of(&source.path).is_some())
                    .for_each(|problem| diagnostics.push(problem.clone()));
                continue;
            };
            add_open(&mut sources, &mut diagnostics, &path, &document.text);
            seen.push(path);
        }
        for (path, document) in documents.iter().filter(|(path, _)| self.holds(path) && !seen.contains(path)) {
            if is_ours(path) {
                add_open(&mut sources, &mut diagnostics, path, &document.text);
            }
        }
        Loaded { sources, diagnostics }
    }
}

fn add_open(sources: &mut Sources, diagnostics: &mut Diagnostics, path: &Path, text: &Arc<str>) {
    let shown = path.to_string_lossy().replace('\\', "/");
    if text.len() as u64 <= MAX_FILE {
        sources.add(shown, Arc::clone(text));
        return;
    }
    let source = sources.add(shown, "");
    let message = format!("the file is larger than {} MiB", MAX_FILE / 1024 / 1024);
    diagnostics.push(Diagnostic::error(Code::TooLarge, Span::new(source, 0, 0), message).help("split the file"));
}

/// Whether a file holds rules or a workflow.
pub(super) fn is_ours(path: &Path) -> bool {
    Language::of(&path.to_string_lossy()).is_some() && !is_configuration(path)
}

/// Whether a file is a configuration.
pub(super) fn is_configuration(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == config::DEFAULT_FILE)
}
