//! The folder that the reader of a page has in front of them: the files the page has told them to write.

use std::fs;
use std::path::{Path, PathBuf};

use homeostat::action;
use homeostat::compile::{Compilation, load_and_compile};
use homeostat::config;
use homeostat::diagnostic::Code;
use homeostat::diagnostic::render::to_people;
use tempfile::TempDir;

/// A temporary folder, and what of it is wrong on purpose.
pub(super) struct Folder {
    place: TempDir,
    /// Files that hold a mistake until the next file is written, with what they held before.
    wrong: Vec<(PathBuf, Option<String>)>,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self { place: tempfile::tempdir().unwrap(), wrong: Vec::new() }
    }

    pub(super) fn path(&self) -> PathBuf {
        // As `pwd` says it, so that it can be found in output.
        self.place.path().canonicalize().unwrap()
    }

    pub(super) fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path().join(file)).ok()
    }

    /// Writes a file; what was wrong on purpose is put right before.
    pub(super) fn write(&mut self, file: &str, text: &str) {
        self.repair();
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a file with a mistake, until the next file is written.
    pub(super) fn write_wrong(&mut self, file: &str, text: &str) {
        self.repair();
        let before = self.read(file);
        self.write(file, text);
        self.wrong.push((self.path().join(file), before));
    }

    pub(super) fn repair(&mut self) {
        for (path, before) in self.wrong.drain(..) {
            match before {
                Some(text) => fs::write(path, text).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        }
    }

    /// All rules and workflows of the folder, compiled together.
    pub(super) fn compiled(&self) -> Compilation {
        load_and_compile(&[self.path()], &action::catalogue())
    }

    /// What is wrong with the program and the configuration as they are, as people are told.
    pub(super) fn problems(&self) -> String {
        let mut problems = String::new();
        let compilation = self.compiled();
        // A folder may hold a configuration alone.
        if compilation.diagnostics.iter().all(|problem| problem.code != Code::NothingFound) {
            problems.push_str(&to_people(&compilation.diagnostics, &compilation.sources, false));
        }
        if let Some(text) = self.read("homeostat.yaml") {
            problems.push_str(&settings_problems(&text));
        }
        problems
    }
}

/// What is wrong with a configuration.
pub(super) fn settings_problems(text: &str) -> String {
    let loaded = config::read("homeostat.yaml", text, Path::new("."), &[]);
    to_people(&loaded.diagnostics, &loaded.sources, false)
}
