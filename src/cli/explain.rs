//! `homeostat explain [CODE]`: what a code means, as its page in the documentation says it.

use serde_json::{Value as Json, json};

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{self, Format};
use crate::base::suggest::nearest;
use crate::diagnostic::Code;

/// What to explain
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The code of a problem, like `H0101`; without it, every code is listed
    #[arg(value_name = "CODE")]
    code: Option<String>,

    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the page of a code, or the list of codes.
pub fn run(args: &Args) -> Exit {
    conclude(explain(args))
}

fn explain(args: &Args) -> Result<Exit, Failure> {
    let code = args.code.as_deref().map(find).transpose()?;
    match (code, args.format) {
        (Some(code), Format::Text) => output::print(&page(code)),
        (Some(code), Format::Json) => output::print_json(&data(code)),
        (None, Format::Text) => output::print(&list()),
        (None, Format::Json) => output::print_json(&Code::ALL.iter().map(|code| data(*code)).collect()),
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

fn data(code: Code) -> Json {
    json!({ "code": code.to_string(), "title": code.title(), "remedy": code.remedy() })
}

fn page(code: Code) -> String {
    let bold = anstyle::Style::new().bold();
    format!("{bold}{code}: {}{bold:#}\n\n{}\n", code.title(), code.remedy())
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
        assert_eq!(find("H0110").unwrap_err().help.unwrap(), "did you mean `H0100` (an expression cannot be parsed)?");
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
