//! Where input comes from: a file, or standard input, which is called `-`.

use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::exit::Exit;
use super::failure::Failure;
use crate::diagnostic::Code;

/// The name by which a person knows the input.
pub fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { format!("`{}`", path.display()) }
}

/// All of it.
///
/// # Errors
/// It cannot be read, or it is not UTF-8.
pub fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|content| bytes = content)
    };
    if let Some(rest) = bytes.strip_prefix("\u{feff}".as_bytes()) {
        // Some editors begin a file with a mark that says it is UTF-8.
        bytes = rest.to_vec();
    }
    read.map_err(|error| {
        Failure::new(Exit::Usage, Code::NotReadable, format!("{} cannot be read: {error}", shown(path)))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let message = format!("{} is not UTF-8: the first wrong byte is number {place}", shown(path));
        Failure::new(Exit::Usage, Code::NotUtf8, message)
    })
}

/// Where a text is wrong that nothing is compiled of, for [`Failure::notes`]: the place, the line, and a caret below it. Lines
/// and columns count from 1.
pub fn excerpt(path: &Path, text: &str, line: usize, column: usize) -> Vec<String> {
    /// What stands before and behind the caret at most.
    const AROUND: usize = 60;
    let written: Vec<char> = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().chars().collect();
    let at = column.saturating_sub(1).min(written.len());
    let from = at.saturating_sub(AROUND);
    let shown: String = written.iter().skip(from).take(2 * AROUND).map(|c| if *c == '\t' { ' ' } else { *c }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    vec![
        format!("{margin}--> {}:{line}:{column}", path.display()),
        format!("{number} | {shown}"),
        format!("{margin} | {}^", " ".repeat(at - from)),
    ]
}

/// A JSON document.
///
/// # Errors
/// It is none; where, is shown.
pub fn json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let said = error.to_string();
        let said = said.strip_suffix(&place).unwrap_or(&said);
        let mut failure = Failure::usage(format!("{} is not JSON: {said}", shown(path)));
        // The parser counts bytes, and what is missing at the end stands behind the last of them.
        let before = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
        let before = before.get(..error.column().saturating_sub(1)).unwrap_or(before);
        failure.notes = excerpt(path, text, error.line(), before.chars().count() + 1);
        failure
    })
}
