//! `homeostat fmt`: rules, workflows and scenarios in the form in which all of them are written.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{self, Format};
use super::paths::named_or_configured;
use super::rewrite::{difference, replace};
use crate::base::source::{Source, SourceId, Sources};
use crate::diagnostic::{Code, Diagnostics};
use crate::syntax::load::{Language, is_scenarios, load_with_scenarios};
use crate::syntax::{rules, yaml};

/// What to format.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, and folders with all `*.rules`, `*.yaml` and `*.yml` that they hold but `homeostat.yaml`; `-` formats
    /// standard input to standard output. Without any, the configured `program`
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    file: FileArgs,

    /// Write nothing: show what would change, and end with 1 if anything would
    #[arg(long)]
    check: bool,

    /// What the file on standard input is called: one that ends in `.yaml` or `.yml` holds YAML, any other rules
    #[arg(long, value_name = "PATH")]
    stdin_path: Option<PathBuf>,

    /// How it is told what became of which file
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was done to a text that is shown.
const DONE: &str = "formatted";

pub fn run(args: &Args) -> Exit {
    let is_standard_input = |path: &PathBuf| path.as_os_str() == "-";
    conclude(match args.paths.as_slice() {
        [path] if is_standard_input(path) => standard_input(args),
        paths if paths.iter().any(is_standard_input) => {
            Err(Failure::usage("`-` stands alone: what is read from standard input goes to standard output"))
        }
        paths => match named_or_configured(paths, &args.file, "fmt") {
            Ok(paths) => files(args, &paths),
            Err(exit) => Ok(exit),
        },
    })
}

/// What formatting makes of one text.
#[derive(Debug)]
enum Made {
    Unchanged,
    Changed(String),
    /// It has mistakes, so it has no form.
    Wrong(Diagnostics),
}

fn make(id: SourceId, source: &Source) -> Made {
    let is_yaml = Language::of(&source.path) == Some(Language::Workflow) || is_scenarios(&source.path);
    let format = if is_yaml { yaml::format::format } else { rules::format::format };
    match format(id, &source.text) {
        Ok(text) if *text == *source.text => Made::Unchanged,
        Ok(text) => Made::Changed(text),
        Err(problems) => Made::Wrong(problems),
    }
}

impl Made {
    fn word(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed(_) => "changed",
            Self::Wrong(_) => "wrong",
        }
    }
}

fn standard_input(args: &Args) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(|error| {
        Failure::new(Exit::Usage, Code::NotReadable, format!("standard input cannot be read: {error}"))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let message = format!("standard input is not UTF-8: byte {} is wrong", error.utf8_error().valid_up_to());
        Failure::new(Exit::Usage, Code::NotUtf8, message)
    })?;
    let name =
        args.stdin_path.as_ref().map_or_else(|| "<stdin>".to_owned(), |path| path.to_string_lossy().into_owned());
    let mut sources = Sources::new();
    let id = sources.add(name.clone(), text.strip_prefix('\u{feff}').unwrap_or(&text));
    let Some(source) = sources.get(id) else { return Ok(Exit::Internal) };
    match (make(id, source), args.check) {
        (Made::Wrong(problems), _) => {
            output::complain(&output::problems(&problems, &sources));
            Ok(Exit::Findings)
        }
        (Made::Unchanged, true) => Ok(Exit::Done),
        (Made::Changed(formatted), true) => {
            output::print(&difference(&name, DONE, &source.text, &formatted))?;
            Ok(Exit::Findings)
        }
        (Made::Unchanged, false) => whole(&source.text),
        (Made::Changed(formatted), false) => whole(&formatted),
    }
}

/// Prints a text as it is; an empty one as nothing.
fn whole(text: &str) -> Result<Exit, Failure> {
    if text.is_empty() { Ok(Exit::Done) } else { output::print(text) }
}

fn files(args: &Args, paths: &[PathBuf]) -> Result<Exit, Failure> {
    let (sources, problems) = load_with_scenarios(paths);
    output::complain(&output::problems(&problems, &sources));
    let unread: Vec<SourceId> = problems.iter().map(|problem| problem.primary.span.source).collect();
    let (mut rows, mut changed, mut wrong, mut count) = (Vec::new(), 0, 0, 0);
    for (id, source) in sources.iter().filter(|(id, _)| !unread.contains(id)) {
        let made = make(id, source);
        count += 1;
        let mut shown_difference = None;
        match &made {
            Made::Unchanged => {}
            Made::Wrong(problems) => {
                wrong += 1;
                output::complain(&output::problems(problems, &sources));
            }
            Made::Changed(formatted) => {
                changed += 1;
                let shown = if args.check {
                    difference(&source.path, DONE, &source.text, formatted)
                } else {
                    replace(Path::new(&source.path), formatted)?;
                    source.path.clone()
                };
                if args.format == Format::Text {
                    output::print(&shown)?;
                }
                shown_difference = args.check.then(|| anstream::adapter::strip_str(&shown).to_string());
            }
        }
        rows.push(json!({ "path": source.path, "result": made.word(), "difference": shown_difference }));
    }
    if args.format == Format::Json {
        output::print_json(&Json::Array(rows))?;
    }
    if count > 0 {
        output::complain(&summary(args.check, count, changed, wrong));
    }
    if paths.iter().any(|path| !path.exists()) || problems.iter().any(|problem| problem.code == Code::NothingFound) {
        return Ok(Exit::Usage);
    }
    let is_clean = problems.is_empty() && wrong == 0 && (changed == 0 || !args.check);
    Ok(if is_clean { Exit::Done } else { Exit::Findings })
}

fn summary(check: bool, count: usize, changed: usize, wrong: usize) -> String {
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let mut parts = match (check, changed) {
        (_, 0) => vec![format!("nothing to change in {}", files(count - wrong))],
        (true, changed) => vec![format!("{changed} of {} would change", files(count))],
        (false, changed) => vec![format!("{changed} of {} changed", files(count))],
    };
    if wrong > 0 {
        parts.push(format!("{wrong} left as they are, with mistakes"));
    }
    format!("{}\n", parts.join(", "))
}

#[cfg(test)]
#[path = "fmt_tests.rs"]
mod tests;
