//! `homeostat validate [PATH…]`: every problem of rules and workflows at once.

use std::path::PathBuf;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::paths::Looked;
use super::report::{ReportArgs, join};
use crate::app::program::{check, check_detectors, check_schedules, check_webhooks};
use crate::base::source::Sources;
use crate::compile::Compilation;
use crate::diagnostic::{Code, Diagnostics};

/// Check rules and workflows together, and show every problem
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, and folders with all `*.rules`, `*.yaml` and `*.yml` that they hold; without any, the configured `program`
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    file: FileArgs,

    #[command(flatten)]
    report: ReportArgs,
}

/// Checks the files and says what is wrong: done where there is nothing that fails, else findings. Paths where nothing
/// is to be found are wrong usage.
pub fn run(args: &Args) -> Exit {
    conclude(validate(args))
}

fn validate(args: &Args) -> Result<Exit, Failure> {
    // Of files that are named, the configuration says nothing; one that is named as well is looked at.
    let is_asked = args.paths.is_empty() || args.file.config.is_some();
    let looked = if is_asked { Some(Looked::at(&args.paths, args.file.read(), "validate")?) } else { None };
    let paths = looked.as_ref().map_or(&args.paths, |looked| &looked.paths);
    let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
    let mut misfits = Vec::new();
    if !paths.is_empty() {
        let compilation = check(paths);
        if let Some(looked) = &looked {
            misfits = check_schedules(&looked.loaded.schedules, &compilation);
            misfits.extend(check_detectors(&looked.loaded.detectors, &compilation));
            misfits.extend(check_webhooks(&looked.loaded.webhooks, &compilation));
        }
        Compilation { sources, diagnostics, .. } = compilation;
    }
    let is_usage = is_usage(paths, &diagnostics) || looked.as_ref().is_some_and(Looked::is_wrong);
    if let Some(mut looked) = looked {
        misfits.into_iter().for_each(|misfit| looked.loaded.diagnostics.push(misfit));
        join(&mut diagnostics, &mut sources, &looked.loaded);
    }
    let exit = args.report.report(&diagnostics, &sources)?;
    Ok(if is_usage { Exit::Usage } else { exit })
}

/// Whether the arguments name what is not there.
fn is_usage(paths: &[PathBuf], diagnostics: &Diagnostics) -> bool {
    let nothing = diagnostics.iter().any(|problem| problem.code == Code::NothingFound);
    nothing || paths.iter().any(|path| !path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(files: &[(&str, &str)]) -> Exit {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let paths = vec![folder.path().to_owned()];
        run(&Args { paths, file: FileArgs::default(), report: ReportArgs::default() })
    }

    #[test]
    fn mistakes_are_findings_and_an_empty_folder_is_wrong_usage() {
        assert_eq!(validate(&[("a.rules", "event A {}\n")]), Exit::Done);
        assert_eq!(validate(&[("a.rules", "event A { a int }\n")]), Exit::Findings);
        assert_eq!(validate(&[]), Exit::Usage);
    }
}
