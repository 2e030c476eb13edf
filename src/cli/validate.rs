//! `homeostat validate [PATH…]`: every problem of rules and workflows at once.

use std::path::PathBuf;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::conclude;
use super::paths::named_or_configured;
use super::report::ReportArgs;
use crate::app::program::check;
use crate::compile::Compilation;
use crate::diagnostic::Code;

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
    let paths = match named_or_configured(&args.paths, &args.file, "validate") {
        Ok(paths) => paths,
        Err(exit) => return exit,
    };
    let compilation = check(&paths);
    let reported = args.report.report(&compilation.diagnostics, &compilation.sources);
    conclude(reported.map(|exit| if is_usage(&paths, &compilation) { Exit::Usage } else { exit }))
}

/// Whether the arguments name what is not there.
fn is_usage(paths: &[PathBuf], compilation: &Compilation) -> bool {
    let nothing = compilation.diagnostics.iter().any(|problem| problem.code == Code::NothingFound);
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
