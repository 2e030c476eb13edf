//! `homeostat explain [CODE]`: what a code means, as its page in the documentation says it. `homeostat explain --event
//! FILE [PATH…]`: what rules make of an event, and why.

mod event;
mod page;

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value as Json, json};

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{self, Format};
use super::telemetry::LogArgs;
use crate::base::suggest::nearest;
use crate::diagnostic::Code;
use crate::model::target;

/// What to explain
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The code of a problem, like `H0101`; without it, every code is listed. With `--event`, files and folders of
    /// rules and workflows; without them, the configured ones
    #[arg(value_name = "CODE|PATH")]
    what: Vec<String>,

    /// Explain what rules make of this event: a file with a CloudEvent in JSON, `-` for standard input
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,

    /// The target that the event is about, in place of its subject
    #[arg(long, value_name = "NAME", requires = "event")]
    target: Option<String>,

    /// How the target stands, and what clauses remember: a YAML or JSON file
    #[arg(long, value_name = "FILE", requires = "event")]
    state: Option<PathBuf>,

    /// The target's phase, in place of the file's
    #[arg(long, value_enum, requires = "event")]
    phase: Option<Phase>,

    /// The deployment that runs, in place of the file's
    #[arg(long, requires = "event")]
    signature: Option<String>,

    /// The target's total rate, in requests per second, in place of the file's
    #[arg(long, value_name = "RPS", requires = "event")]
    rate: Option<f64>,

    /// The target is under a load test
    #[arg(long, requires = "event")]
    during_test: bool,

    #[command(flatten)]
    file: FileArgs,

    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The phases of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Phase {
    Stable,
    Adjusting,
    Degraded,
    Paused,
}

impl From<Phase> for target::Phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Stable => Self::Stable,
            Phase::Adjusting => Self::Adjusting,
            Phase::Degraded => Self::Degraded,
            Phase::Paused => Self::Paused,
        }
    }
}

impl Args {
    /// With `--event`, what is compiled.
    fn paths(&self) -> Vec<PathBuf> {
        self.what.iter().map(PathBuf::from).collect()
    }
}

/// Prints the page of a code, or the list of codes; or what rules make of an event.
pub fn run(args: &Args, log: &LogArgs) -> Exit {
    conclude(match &args.event {
        Some(event) => event::run(args, event, log),
        None => explain(args),
    })
}

fn explain(args: &Args) -> Result<Exit, Failure> {
    let code = match args.what.as_slice() {
        [] => None,
        [word] => Some(find(word)?),
        _ => return Err(Failure::usage("one code is explained at a time").help("for an event, give `--event FILE`")),
    };
    match (code, args.format) {
        (Some(code), Format::Text) => output::print(&page::text(code)),
        (Some(code), Format::Json) => output::print_json(&page::data(code)),
        (None, Format::Text) => output::print(&list()),
        (None, Format::Json) => output::print_json(&Code::ALL.iter().map(|code| summary(*code)).collect()),
    }
}

/// # Errors
/// There is no such code.
fn find(word: &str) -> Result<Code, Failure> {
    Code::from_word(word).ok_or_else(|| {
        let codes: Vec<String> = Code::ALL.iter().map(Code::to_string).collect();
        let failure = Failure::usage(format!("there is no code `{word}`"));
        match nearest(word, codes.iter().map(String::as_str)).and_then(Code::from_word) {
            Some(near) => failure.help(format!("did you mean `{near}` ({})?", near.title())),
            None => failure.help("`homeostat explain` lists every code"),
        }
    })
}

/// A code as the list of all has it.
fn summary(code: Code) -> Json {
    json!({ "code": code.to_string(), "title": code.title(), "remedy": code.remedy() })
}

/// One line a code.
fn list() -> String {
    let lines: Vec<String> = Code::ALL.iter().map(|code| format!("{code}  {}", code.title())).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for word in ["H0101", "h0101", "101", "0101", "H101"] {
            assert_eq!(find(word), Ok(Code::UnknownName), "{word}");
        }
    }

    #[test]
    fn a_code_that_is_none_is_told_with_the_nearest() {
        assert_eq!(find("H0198").unwrap_err().help.unwrap(), "did you mean `H0108` (a literal is malformed)?");
        for word in ["", "H", "yaml", "99999999", "H-101"] {
            assert_eq!(find(word).unwrap_err().exit, Exit::Usage, "{word}");
        }
    }

    #[test]
    fn every_code_is_listed() {
        assert_eq!(list().lines().count(), Code::ALL.len());
        assert!(list().starts_with("H0001  a file cannot be read\n"));
    }
}
