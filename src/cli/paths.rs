//! Which files a command is about: those that are named, else those of the configured program.

use std::path::{Path, PathBuf};

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::{self, Config, DEFAULT_FILE, Program};

/// The paths that are named, else what the configuration names, which is only read then; `command` is what is to be done
/// with them.
///
/// # Errors
/// The exit code: the configuration is wrong, or names nothing on disk, which was told.
pub(super) fn named_or_configured(paths: &[PathBuf], file: &FileArgs, command: &str) -> Result<Vec<PathBuf>, Exit> {
    if !paths.is_empty() {
        return Ok(paths.to_vec());
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

/// What the configuration in a folder names, if there is one that is right.
pub(super) fn configured_in(folder: &Path) -> Option<Vec<PathBuf>> {
    let file = folder.join(DEFAULT_FILE);
    let config = file.is_file().then(|| config::load(Some(&file)).config)??;
    match config.program {
        Program::Paths(paths) => Some(paths),
        Program::Shipped => None,
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
