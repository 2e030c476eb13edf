//! Where output goes, in what form, and what happens when nobody reads it.

use std::io::{self, Write as _};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde_json::Value as Json;

use super::exit::Exit;
use super::failure::Failure;
use crate::base::source::Sources;
use crate::diagnostic::render::to_people;
use crate::diagnostic::{Code, Diagnostics};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and lines for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// When output has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Where a terminal shows them, and as the environment says.
    #[default]
    Auto,
    /// Into files and pipes as well.
    Always,
    /// Not even on a terminal.
    Never,
}

impl Color {
    /// From here on, for the whole process.
    pub fn choose(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Writes data to standard output.
///
/// # Errors
/// The output cannot be written, for example because the disk is full. A reader that has gone is no error: it has seen
/// what it wanted.
pub fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = anstream::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => {
            Err(Failure::new(Exit::Internal, Code::Internal, format!("the output cannot be written: {error}")))
        }
    }
}

/// Writes a JSON document to standard output.
pub fn print_json(value: &Json) -> Result<Exit, Failure> {
    print(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()))
}

/// Problems in files, for standard error: [`complain`] leaves the colours out where nobody can see them.
pub fn problems(diagnostics: &Diagnostics, sources: &Sources) -> String {
    to_people(diagnostics, sources, anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never)
}

/// Writes to standard error, if it is still there.
pub fn complain(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// A table with these heads: as wide as the terminal, or as its content where there is none.
pub fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // Colour and bold only where a person looks.
    let bold = io::IsTerminal::is_terminal(&io::stdout());
    table.set_header(heads.map(|head| {
        let cell = Cell::new(head);
        if bold { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    table
}

/// A field of an answer as a cell: its text, or `–` where there is nothing.
pub fn cell(value: &Json, field: &str) -> String {
    match value.get(field) {
        None | Some(Json::Null) => "–".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Bool(true)) => "yes".to_owned(),
        Some(Json::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// A rate as a cell.
pub fn rate(value: &Json, field: &str) -> String {
    match value.get(field).and_then(Json::as_f64) {
        Some(rate) => format!("{rate:.1}"),
        None => "–".to_owned(),
    }
}

/// The entries of a list in an answer.
pub fn list<'a>(value: &'a Json, field: &str) -> &'a [Json] {
    value.get(field).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// Why a run or a target does not go on, and what to do about it, as people read it; empty where nothing keeps it.
pub(super) fn standstill(of: &Json) -> String {
    let mut text = String::new();
    for reason in list(of, "standstill") {
        text.push_str(&format!("\n{}\n", cell(reason, "why")));
        let moments = [("since", "since"), ("until", "at the latest until")];
        for (field, word) in moments {
            if let Some(moment) = reason.get(field).and_then(Json::as_str) {
                text.push_str(&format!("  {word} {moment}\n"));
            }
        }
        for command in list(reason, "next").iter().filter_map(Json::as_str) {
            text.push_str(&format!("  next: {command}\n"));
        }
    }
    text
}
