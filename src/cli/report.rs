//! What a command says of files: in the form that was asked for, and what it means to the shell.

use std::collections::BTreeMap;

use clap::ValueEnum;

use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::base::source::{SourceId, Sources};
use crate::config::Loaded;
use crate::diagnostic::render::{summary, to_github, to_json, to_people, to_sarif};
use crate::diagnostic::{Diagnostics, Severity};

/// How problems are shown, and which of them fail the command.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ReportArgs {
    /// How problems are printed: `text` on standard error, the others on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// The least severity that fails the command (exit code 1)
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub fail_on: FailOn,
}

/// The forms of problems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines with carets, for people.
    #[default]
    Text,
    /// An array of problems.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// The least severity that is a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and errors.
    Warning,
    /// Errors alone.
    #[default]
    Error,
}

impl ReportArgs {
    /// Prints every problem, and says whether they are findings.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn report(self, diagnostics: &Diagnostics, sources: &Sources) -> Result<Exit, Failure> {
        let text = self.render(diagnostics, sources);
        match self.format {
            // What writes it leaves the colours out where nobody can see them.
            Format::Text => output::complain(&text),
            _ if text.is_empty() => {}
            _ => drop(output::print(&text)?),
        }
        Ok(self.exit(diagnostics))
    }

    /// What is printed; the text for people with ANSI colours.
    fn render(self, diagnostics: &Diagnostics, sources: &Sources) -> String {
        match self.format {
            Format::Text => {
                let problems = to_people(diagnostics, sources, true);
                format!("{problems}{}\n", summary(diagnostics, sources.iter().count()))
            }
            Format::Json => to_json(diagnostics, sources),
            Format::Sarif => to_sarif(diagnostics, sources),
            Format::Github => to_github(diagnostics, sources),
        }
    }

    /// What these problems mean to the shell.
    fn exit(self, diagnostics: &Diagnostics) -> Exit {
        let warnings_fail = self.fail_on == FailOn::Warning;
        let fails = diagnostics.has_errors() || (warnings_fail && diagnostics.count(Severity::Warning) > 0);
        if fails { Exit::Findings } else { Exit::Done }
    }
}

/// Takes in what is wrong with the configuration: its problems point into sources of their own.
pub(super) fn join(diagnostics: &mut Diagnostics, sources: &mut Sources, loaded: &Loaded) {
    let mut known: BTreeMap<SourceId, SourceId> = BTreeMap::new();
    for problem in loaded.diagnostics.iter() {
        let mut problem = problem.clone();
        let spans = [&mut problem.primary.span].into_iter();
        let spans = spans.chain(problem.secondary.iter_mut().map(|label| &mut label.span));
        for span in spans.chain(problem.edits.iter_mut().map(|edit| &mut edit.span)) {
            let Some(source) = loaded.sources.get(span.source) else { continue };
            span.source =
                *known.entry(span.source).or_insert_with(|| sources.add(source.path.clone(), source.text.clone()));
        }
        diagnostics.push(problem);
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
