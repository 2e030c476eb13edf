//! Paths become sources: files as they are named, folders with all that they hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Largest file that is read, in bytes.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Deepest nesting of folders that is looked into.
const MAX_FOLDERS: usize = 32;
/// The configuration: YAML too, but no workflow.
const CONFIGURATION: &str = "homeostat.yaml";

/// What a file holds, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rules,
    Workflow,
}

impl Language {
    /// `None` for a file that is neither rules nor a workflow.
    pub fn of(path: &str) -> Option<Self> {
        if is_scenarios(path) {
            return None;
        }
        match Path::new(path).extension()?.to_str()? {
            "rules" => Some(Self::Rules),
            "yaml" | "yml" => Some(Self::Workflow),
            _ => None,
        }
    }
}

/// Whether a file holds scenarios: YAML too, but no workflow.
pub fn is_scenarios(path: &str) -> bool {
    path.ends_with(".test.yaml") || path.ends_with(".test.yml")
}

/// Reads scenarios: the named files, and from folders every `*.test.yaml` and `*.test.yml`, as [`load`] reads programs. That
/// there are none is no problem.
pub fn load_scenarios(paths: &[PathBuf]) -> (Sources, Diagnostics) {
    let mut loader = Loader::new(is_scenarios);
    for path in paths {
        if path.is_dir() {
            loader.folder(path, 0);
        } else if is_scenarios(&path.to_string_lossy()) {
            loader.file(path);
        }
    }
    (loader.sources, loader.diagnostics)
}

/// Reads the named files, and from folders every `*.rules`, `*.yaml` and `*.yml`, sorted by path, each file once.
/// Hidden files and folders are left out, as is `homeostat.yaml`, unless they are named themselves.
///
/// A file that cannot be read is a source without text, so that its problem has a path to show.
pub fn load(paths: &[PathBuf]) -> (Sources, Diagnostics) {
    let mut loader = Loader::new(|path| Language::of(path).is_some());
    loader.all(paths, "rules nor a workflow", "rules and no workflows");
    (loader.sources, loader.diagnostics)
}

/// Reads programs and scenarios, as [`load`] reads programs.
pub fn load_with_scenarios(paths: &[PathBuf]) -> (Sources, Diagnostics) {
    let mut loader = Loader::new(|path| Language::of(path).is_some() || is_scenarios(path));
    loader.all(paths, "rules nor YAML", "rules, no workflows and no scenarios");
    (loader.sources, loader.diagnostics)
}

const NAMES: &str = "rules end in `.rules`, workflows in `.yaml` or `.yml`; `*.test.yaml` is for `homeostat test`";

struct Loader {
    /// Which files of a folder are read.
    wanted: fn(&str) -> bool,
    sources: Sources,
    diagnostics: Diagnostics,
    seen: BTreeSet<PathBuf>,
}

impl Loader {
    fn new(wanted: fn(&str) -> bool) -> Self {
        Self { wanted, sources: Sources::new(), diagnostics: Diagnostics::new(), seen: BTreeSet::new() }
    }

    /// What every path leads to. `file`: what a named one is neither; `nothing`: what is nowhere.
    fn all(&mut self, paths: &[PathBuf], file: &str, nothing: &str) {
        for path in paths {
            if path.is_dir() {
                self.folder(path, 0);
            } else if !(self.wanted)(&path.to_string_lossy()) && path.exists() {
                self.problem(path, Code::NotReadable, format!("the file is neither {file}"), NAMES);
            } else {
                self.file(path);
            }
        }
        if self.sources.is_empty() {
            let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
            let message = match shown.as_slice() {
                [] => "no path was given".to_owned(),
                shown => format!("no {nothing} were found in {}", shown.join(", ")),
            };
            let first = paths.first().cloned().unwrap_or_default();
            let help = "name a folder that holds `*.rules`, `*.yaml` or `*.yml` files";
            self.problem(&first, Code::NothingFound, message, help);
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > MAX_FOLDERS {
            let message = format!("folders are nested more than {MAX_FOLDERS} deep");
            self.problem(folder, Code::TooLarge, message, "name a folder further down");
            return;
        }
        // Links may lead in a circle: each folder once.
        if !self.seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.to_owned())) {
            return;
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("the folder cannot be read: {}", reason(&error));
                self.problem(folder, Code::NotReadable, message, "check its permissions");
                return;
            }
        };
        let mut found: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        found.sort();
        for path in found {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with('.') || name == CONFIGURATION {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, depth + 1);
            } else if (self.wanted)(&name) {
                self.file(&path);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        if !self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            return;
        }
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(Unread::Failed(error)) => {
                let message = format!("the file cannot be read: {}", reason(&error));
                self.problem(path, Code::NotReadable, message, "check the path and the permissions");
                return;
            }
            Err(Unread::TooLarge) => {
                let message = format!("the file is larger than {} MiB", MAX_FILE / 1024 / 1024);
                self.problem(path, Code::TooLarge, message, "split the file");
                return;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                // Some editors begin a file with a mark that says it is UTF-8.
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                self.sources.add(shown(path), text);
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let before = bytes.get(..at).unwrap_or_default();
                let line = before.split(|byte| *byte == b'\n').count();
                let byte = bytes.get(at).copied().unwrap_or_default();
                let message = format!("the file is not UTF-8: byte {at} is {byte:#04x}, in line {line}");
                self.problem(path, Code::NotUtf8, message, "save the file as UTF-8");
            }
        }
    }

    fn problem(&mut self, path: &Path, code: Code, message: String, help: &str) {
        let source = self.sources.add(shown(path), "");
        self.diagnostics.push(at_file(source, code, message).help(help));
    }
}

/// A problem of a whole file.
fn at_file(source: SourceId, code: Code, message: String) -> Diagnostic {
    Diagnostic::error(code, Span::new(source, 0, 0), message)
}

enum Unread {
    Failed(std::io::Error),
    TooLarge,
}

/// The bytes of a file; never reads much more than is allowed, whatever the file is.
fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    use std::io::Read as _;
    // To open a pipe would wait for whoever writes into it.
    let metadata = std::fs::metadata(path).map_err(Unread::Failed)?;
    if !metadata.is_file() {
        return Err(Unread::Failed(std::io::Error::other("it is not a regular file")));
    }
    if metadata.len() > MAX_FILE {
        return Err(Unread::TooLarge);
    }
    let file = std::fs::File::open(path).map_err(Unread::Failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(Unread::Failed)?;
    if bytes.len() as u64 > MAX_FILE { Err(Unread::TooLarge) } else { Ok(bytes) }
}

/// The path as people know it, with `/` everywhere.
fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_order_without_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in [
            "b.rules",
            "a.yaml",
            "a.test.yaml",
            "sub/c.yml",
            ".git/d.yaml",
            "homeostat.yaml",
            "readme.md",
            "sub/.e.rules",
        ] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let (sources, diagnostics) = load(&[root.to_owned(), root.join("b.rules")]);
        assert!(diagnostics.is_empty());
        let names: Vec<_> =
            sources.iter().map(|(_, source)| source.path.rsplit('/').next().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.yaml", "b.rules", "c.yml"]);
    }

    #[test]
    fn each_file_that_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("latin.rules"), b"// caf\xe9\n").unwrap();
        std::fs::write(root.join("large.yaml"), vec![b'a'; 4 * 1024 * 1024 + 1]).unwrap();
        std::fs::write(root.join("notes.txt"), "hello").unwrap();
        let paths: Vec<PathBuf> =
            ["latin.rules", "large.yaml", "notes.txt", "gone.rules"].map(|n| root.join(n)).to_vec();
        let (_, diagnostics) = load(&paths);
        let shown: Vec<_> = diagnostics.iter().map(|d| format!("{} {}", d.code, d.message)).collect();
        assert_eq!(
            shown,
            [
                "H0002 the file is not UTF-8: byte 6 is 0xe9, in line 1",
                "H0004 the file is larger than 4 MiB",
                "H0001 the file is neither rules nor a workflow",
                "H0001 the file cannot be read: it does not exist",
            ]
        );
    }

    #[test]
    fn an_empty_folder_is_said_to_be_empty() {
        let folder = tempfile::tempdir().unwrap();
        let (sources, diagnostics) = load(&[folder.path().to_owned()]);
        assert_eq!(sources.iter().count(), 1);
        assert_eq!(diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::NothingFound]);
    }
}
