//! `homeostat eval EXPRESSION`: the value of an expression and its type, or what is wrong with it.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::input;
use super::output::{self, Format};
use crate::app::eval::{EvalError, Evaluated, eval};
use crate::base::clock::{Clock as _, SystemClock};
use crate::diagnostic::render::to_json;
use crate::model::schema::{JsonMap, describe};

/// Evaluate an expression
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The expression, in CEL; quote it for the shell
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    expression: String,

    /// A JSON object whose entries are the variables, or a CloudEvent, which is also `event`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the value; findings where there is none.
pub fn run(args: &Args) -> Exit {
    conclude(evaluate(args))
}

fn evaluate(args: &Args) -> Result<Exit, Failure> {
    let data = args.data.as_deref().map(read).transpose()?.unwrap_or_default();
    match eval(&args.expression, &data, SystemClock.now()) {
        Ok(evaluated) => match args.format {
            Format::Text => output::print(&text(&evaluated)),
            Format::Json => output::print_json(&json!({ "value": evaluated.value, "type": evaluated.kind })),
        },
        Err(EvalError::Data(message)) => Err(Failure::usage(format!("the data is no event: {message}"))
            .help("without `specversion`, the entries of the object are plain variables")),
        Err(EvalError::Expression { diagnostics, sources }) => {
            match args.format {
                Format::Text => output::complain(&output::problems(&diagnostics, &sources)),
                Format::Json => drop(output::print(&to_json(&diagnostics, &sources))?),
            }
            Ok(Exit::Findings)
        }
    }
}

fn read(path: &Path) -> Result<JsonMap, Failure> {
    let name = input::shown(path);
    match input::json(path, &input::read(path)?)? {
        Json::Object(entries) => Ok(entries),
        other => Err(Failure::usage(format!("{name} must hold an object, but it holds {}", describe(&other)))
            .help(r#"its entries are the variables, like {"p99_ms": 312.5}"#)),
    }
}

/// The value, and below it its type.
fn text(evaluated: &Evaluated) -> String {
    let value = match &evaluated.value {
        None => "nothing".to_owned(),
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()),
    };
    format!("{value}\ntype: {}\n", evaluated.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(expression: &str, data: Option<&str>) -> Exit {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        if let Some(data) = data {
            std::fs::write(&path, data).unwrap();
        }
        run(&Args { expression: expression.to_owned(), data: data.map(|_| path), format: Format::Text })
    }

    #[test]
    fn the_shell_learns_what_was_wrong() {
        assert_eq!(exit("1 + 2", None), Exit::Done);
        assert_eq!(exit("a == 1", Some(r#"{"a": 1}"#)), Exit::Done);
        assert_eq!(exit("a == 1", None), Exit::Findings);
        assert_eq!(exit("1 / 0", None), Exit::Findings);
        for data in ["", "[1]", "{", r#"{"specversion": "1.0"}"#] {
            assert_eq!(exit("true", Some(data)), Exit::Usage, "{data}");
        }
    }

    #[test]
    fn a_value_stands_above_its_type() {
        let shown = |value, kind: &str| text(&Evaluated { value, kind: kind.to_owned() });
        assert_eq!(shown(Some(json!([1])), "list(int)"), "[\n  1\n]\ntype: list(int)\n");
        assert_eq!(shown(None, "optional_type(int)"), "nothing\ntype: optional_type(int)\n");
    }
}
