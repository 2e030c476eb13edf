//! A template and a row of data become text that cannot break out of where it stands.
//!
//! A value is written so that it stays one value, by the place of its expression:
//!
//! | place | how a value is written |
//! | --- | --- |
//! | path and query | percent-encoded but for letters, digits and `-._~` |
//! | header | as it is; what no header may hold is refused |
//! | JSON body | as JSON: a text with its quotes, or, within quotes, escaped without them |
//! | form body | percent-encoded |
//! | any other body | as it is |

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::expression::{Bindings, Program, TypeEnv, compile};
use crate::model::load::{Piece, Template, trial_shape};
use crate::model::schema::Shape;

/// What RFC 3986 calls unreserved stays as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a template stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    Path,
    Header,
    Json,
    Form,
    Nothing,
}

/// A template whose expressions are compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    root: &'static str,
    parts: Vec<Part>,
    escape: Escape,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Value {
        program: Box<Program>,
        /// Of JSON: whether it stands between quotes.
        quoted: bool,
    },
}

impl Compiled {
    /// A template of a request, over one row of `data`.
    pub(super) fn new(template: &Template, escape: Escape) -> Result<Self, String> {
        Self::over("data", Shape::Any, template, escape)
    }

    /// A template over something called `root`.
    pub(super) fn over(root: &'static str, shape: Shape, template: &Template, escape: Escape) -> Result<Self, String> {
        let env = TypeEnv::new().with(root, shape);
        let mut parts = Vec::with_capacity(template.0.len());
        let mut within = Quotes::default();
        for piece in &template.0 {
            parts.push(match piece {
                Piece::Text(text) => {
                    within.pass(text);
                    Part::Text(text.clone())
                }
                Piece::Expression(text) => {
                    let program = program(text, &env)?;
                    Part::Value { program: Box::new(program), quoted: within.open }
                }
            });
        }
        Ok(Self { root, parts, escape })
    }

    /// Whether it is the same whatever the row.
    pub(super) fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    pub(super) fn render(&self, root: &Json) -> Result<String, String> {
        let bindings = Bindings::new().with(self.root, root);
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Value { program, quoted } => {
                    let wrong = |why: &str| format!("`${{{}}}`: {why}", program.text());
                    let value = program.evaluate(&bindings).map_err(|error| wrong(&error.message))?;
                    let value = value.ok_or_else(|| wrong("it has no value"))?;
                    text.push_str(&self.write(&value, *quoted).map_err(|why| wrong(&why))?);
                }
            }
        }
        if self.escape == Escape::Json {
            serde_json::from_str::<IgnoredAny>(&text).map_err(|error| format!("the body is not JSON: {error}"))?;
        }
        Ok(text)
    }

    fn write(&self, value: &Json, quoted: bool) -> Result<String, String> {
        if self.escape == Escape::Json && !quoted {
            return Ok(value.to_string());
        }
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            Json::Null => return Err("it is null, which is no text".to_owned()),
            Json::Array(_) | Json::Object(_) => return Err("it is a list or a mapping, which is no text".to_owned()),
        };
        Ok(match self.escape {
            Escape::Path | Escape::Form => utf8_percent_encode(&text, UNRESERVED).to_string(),
            Escape::Json => {
                let written = Json::String(text).to_string();
                written.get(1..written.len() - 1).unwrap_or_default().to_owned()
            }
            Escape::Header | Escape::Nothing => text,
        })
    }
}

/// Whether a place in JSON lies between quotes.
#[derive(Clone, Copy, Debug, Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                _ if self.escaped => self.escaped = false,
                '\\' if self.open => self.escaped = true,
                '"' => self.open = !self.open,
                _ => {}
            }
        }
    }
}

/// The configuration has checked it; this is its second reading.
pub(super) fn program(text: &str, env: &TypeEnv) -> Result<Program, String> {
    compile(&Fragment::verbatim(SourceId(0), 0, text), env).map_err(|problems| {
        let why = problems.iter().next().map_or_else(String::new, |problem| problem.message.clone());
        format!("`{text}`: {why}")
    })
}

/// A word of a command line, over `trial`.
#[derive(Debug)]
pub(in crate::service::pressure) struct Argument(Compiled);

impl Argument {
    pub(in crate::service::pressure) fn new(template: &Template) -> Result<Self, String> {
        Compiled::over("trial", Shape::Object(trial_shape()), template, Escape::Nothing).map(Self)
    }

    pub(in crate::service::pressure) fn render(&self, trial: &Json) -> Result<String, String> {
        self.0.render(trial)
    }
}
