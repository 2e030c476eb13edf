//! Diagnostics as annotations of GitHub Actions: one workflow command a line.
//!
//! Source: "Workflow commands for GitHub Actions", `::error file={path},line=…::{message}`, and the toolkit's escaping.

use super::{Index, sorted};
use crate::base::source::Sources;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

/// For GitHub Actions: a line for each problem, which annotates the file where it stands; no problems are an empty text.
pub fn to_github(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let index = Index::of(sources);
    sorted(diagnostics).iter().map(|diagnostic| line(diagnostic, &index)).collect()
}

fn line(diagnostic: &Diagnostic, index: &Index<'_>) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = index.position(diagnostic.primary.span);
    let mut properties = Vec::new();
    if !place.path.is_empty() {
        properties.push(format!("file={}", property(place.path.strip_prefix("./").unwrap_or(&place.path))));
        properties.push(format!("line={}", place.line));
        // Columns are shown within one line only; the end is inclusive here.
        if place.line == place.end_line {
            properties.push(format!("col={}", place.column));
            properties.push(format!("endColumn={}", place.end_column.saturating_sub(1).max(place.column)));
        } else {
            properties.push(format!("endLine={}", place.end_line));
        }
    }
    properties.push(format!("title={}", property(&diagnostic.code.to_string())));
    let label = Some(&diagnostic.primary.text).filter(|text| !text.is_empty());
    let label = label.map(|text| format!(" ({text})")).unwrap_or_default();
    let help = diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let message = format!("{}{label}{help}", diagnostic.message);
    format!("::{command} {}::{}\n", properties.join(","), data(&message))
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands behind a `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
