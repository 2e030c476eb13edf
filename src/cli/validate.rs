//! `homeostat validate PATH…`: every problem of rules and workflows at once.

use std::path::PathBuf;

use super::exit::Exit;
use super::output::{self, Format};
use crate::app::program::check;
use crate::compile::Compilation;
use crate::diagnostic::{Code, render};

/// Check rules and workflows together, and show every problem
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, and folders with all `*.rules`, `*.yaml` and `*.yml` that they hold
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// `text` for people, on standard error; `json` for programs, an array of problems on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Checks the files and says what is wrong: done where there is no error, else findings. Paths where nothing is to be
/// found are wrong usage.
pub fn run(args: &Args) -> Exit {
    let compilation = check(&args.paths);
    let written = match args.format {
        Format::Json => output::print(&json(&compilation)),
        Format::Text => {
            // What writes it leaves the colours out where nobody can see them.
            output::complain(&text(&compilation, true));
            Ok(Exit::Done)
        }
    };
    match written {
        Err(failure) => failure.report(),
        Ok(_) => exit(args, &compilation),
    }
}

fn exit(args: &Args, compilation: &Compilation) -> Exit {
    let nothing = compilation.diagnostics.iter().any(|problem| problem.code == Code::NothingFound);
    if nothing || args.paths.iter().any(|path| !path.exists()) {
        Exit::Usage
    } else if compilation.diagnostics.has_errors() {
        Exit::Findings
    } else {
        Exit::Done
    }
}

fn json(compilation: &Compilation) -> String {
    render::to_json(&compilation.diagnostics, &compilation.sources)
}

/// What people are shown: the problems, and a line that counts them.
fn text(compilation: &Compilation, colour: bool) -> String {
    let problems = render::to_people(&compilation.diagnostics, &compilation.sources, colour);
    let summary = render::summary(&compilation.diagnostics, compilation.sources.iter().count());
    format!("{problems}{summary}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(files: &[(&str, &str)]) -> (Exit, String, String) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let args = Args { paths: vec![folder.path().to_owned()], format: Format::Text };
        let compilation = check(&args.paths);
        let shown = text(&compilation, false).replace(&folder.path().display().to_string(), "FOLDER");
        (exit(&args, &compilation), shown, json(&compilation))
    }

    #[test]
    fn a_right_folder_is_done_in_one_line() {
        let (exit, shown, json) = validate(&[("a.rules", "event A {}\n")]);
        assert_eq!((exit, shown.as_str(), json.as_str()), (Exit::Done, "no problems in 1 file\n", "[]"));
    }

    #[test]
    fn mistakes_are_findings_and_an_empty_folder_is_wrong_usage() {
        let (exit, shown, json) = validate(&[("a.rules", "event A { a int }\n")]);
        assert_eq!(exit, Exit::Findings);
        assert!(shown.starts_with("error[H0200]: ") && shown.contains(" --> FOLDER/a.rules:1:13\n"), "{shown}");
        assert!(shown.ends_with("\n\n1 error in 1 file\n"), "{shown}");
        assert!(json.contains("\"column\": 13"), "{json}");
        assert_eq!(validate(&[]).0, Exit::Usage);
    }
}
