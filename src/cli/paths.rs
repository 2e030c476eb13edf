//! Which files a command is about: those that are named, else those of the configured program.

use std::path::{Path, PathBuf};

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::{self, Config, DEFAULT_FILE, Loaded, Program};
use crate::diagnostic::{Code, Diagnostic};

/// The paths that are named, else what the configuration names, which is only read then; `command` is what is to be done
/// with them.
///
/// # Errors
/// The exit code: the configuration is wrong, or names nothing on disk, which was told.
pub(super) fn named_or_configured(paths: &[PathBuf], file: &FileArgs, command: &str) -> Result<Vec<PathBuf>, Exit> {
    if !paths.is_empty() {
        // It says nothing of files that are named. But who names one that is not there has mistaken it.
        return match file.config.as_deref().filter(|config| !config.is_file()) {
            None => Ok(paths.to_vec()),
            Some(config) => {
                let message = format!("`{}` cannot be read: there is no such file", config.display());
                Err(Failure::new(Exit::Usage, Code::NotReadable, message).help("check `--config`").report())
            }
        };
    }
    configured(&file.load()?, command).map_err(|failure| failure.report())
}

/// What the configuration names.
///
/// # Errors
/// It names nothing on disk.
pub(super) fn configured(config: &Config, command: &str) -> Result<Vec<PathBuf>, Failure> {
    match &config.program {
        Program::Paths(paths) => Ok(paths.clone()),
        Program::Shipped => Err(Failure::usage(format!("there is nothing to {command}")).help(format!(
            "name files or folders, `homeostat {command} PATH…`, or name them as `program` in {DEFAULT_FILE}"
        ))),
    }
}

/// What the configuration in a folder names, if there is one.
pub(super) fn configured_in(folder: &Path) -> Option<Vec<PathBuf>> {
    let file = folder.join(DEFAULT_FILE);
    let paths = file.is_file().then(|| config::load(Some(&file)).program)?;
    (!paths.is_empty()).then(|| paths.into_iter().map(|path| path.node).collect())
}

/// What a command looks at, and the configuration that says so.
#[derive(Debug)]
pub(super) struct Looked {
    /// Empty where nobody can tell: then there is an error among the configuration's problems.
    pub(super) paths: Vec<PathBuf>,
    pub(super) loaded: Loaded,
}

impl Looked {
    /// The paths that are named, else what the configuration names. What is wrong with the configuration is for the command to
    /// tell, together with what it finds; a path in it that leads nowhere is one of its problems.
    ///
    /// # Errors
    /// The configuration is right, and names nothing on disk.
    pub(super) fn at(paths: &[PathBuf], mut loaded: Loaded, command: &str) -> Result<Self, Failure> {
        if !paths.is_empty() {
            return Ok(Self { paths: paths.to_vec(), loaded });
        }
        let program = std::mem::take(&mut loaded.program);
        if let Some(config) = loaded.config.as_ref().filter(|_| program.is_empty()) {
            return Ok(Self { paths: configured(config, command)?, loaded });
        }
        let mut paths = Vec::new();
        for path in program {
            if path.node.exists() {
                paths.push(path.node);
                continue;
            }
            let message = format!("`program` names `{}`, which does not exist", path.node.display());
            let problem = Diagnostic::error(Code::NotReadable, path.span, message);
            loaded.diagnostics.push(problem.help("check the path: it starts at the folder of the configuration"));
        }
        Ok(Self { paths, loaded })
    }

    /// Whether the configuration has an error: then the command was used wrongly, whatever it finds.
    pub(super) fn is_wrong(&self) -> bool {
        self.loaded.diagnostics.has_errors()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_goes_first_and_the_configuration_is_only_read_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.yaml");
        let file = FileArgs { config: Some(path.clone()) };
        std::fs::write(&path, "programm: []\n").unwrap();
        let named = vec![PathBuf::from("a.rules")];
        assert_eq!(named_or_configured(&named, &file, "validate"), Ok(named));
        assert_eq!(named_or_configured(&[], &file, "validate"), Err(Exit::Usage));
        std::fs::write(&path, "program: [rules]\n").unwrap();
        assert_eq!(named_or_configured(&[], &file, "validate"), Ok(vec![folder.path().join("rules")]));
        // The program that ships is not on disk.
        std::fs::write(&path, "listen: 127.0.0.1:0\n").unwrap();
        assert_eq!(named_or_configured(&[], &file, "validate"), Err(Exit::Usage));
    }
}
