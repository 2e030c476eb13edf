//! Diagnostics as SARIF 2.1.0, which code hosts and editors take in.
//!
//! Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0". Columns count Unicode code points,
//! which the run says.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Index, Position, said, severity, sorted};
use crate::base::source::Sources;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Edit, Label};

/// One SARIF log with one run: the codes that occur as rules, each problem as a result.
pub fn to_sarif(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let index = Index::of(sources);
    let list = sorted(diagnostics);
    let codes: BTreeSet<Code> = list.iter().map(|diagnostic| diagnostic.code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "homeostat",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": list.iter().map(|diagnostic| result(diagnostic, &codes, &index)).collect::<Vec<_>>(),
        }],
    });
    // Plain strings and numbers always serialise.
    serde_json::to_string_pretty(&log).unwrap_or_else(|_| "{}".to_owned())
}

fn rule(code: Code) -> Json {
    json!({
        "id": code.to_string(),
        "name": format!("{code:?}"),
        "shortDescription": { "text": code.title() },
        "help": {
            "text": format!("{} `homeostat explain {code}` tells more.", code.remedy()),
            "markdown": format!("{} `homeostat explain {code}` tells more.", code.remedy()),
        },
    })
}

fn result(diagnostic: &Diagnostic, codes: &[Code], index: &Index<'_>) -> Json {
    let mut text = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let mut result = json!({
        "ruleId": diagnostic.code.to_string(),
        "level": severity(diagnostic.severity),
        "message": { "text": text },
    });
    let Some(fields) = result.as_object_mut() else { return result };
    if let Ok(at) = codes.binary_search(&diagnostic.code) {
        fields.insert("ruleIndex".to_owned(), at.into());
    }
    if let Some(location) = location(&diagnostic.primary, index) {
        fields.insert("locations".to_owned(), json!([location]));
    }
    let related: Vec<Json> = diagnostic.secondary.iter().filter_map(|label| location(label, index)).collect();
    if !related.is_empty() {
        fields.insert("relatedLocations".to_owned(), related.into());
    }
    if !diagnostic.edits.is_empty() {
        fields.insert("fixes".to_owned(), json!([fix(diagnostic, index)]));
    }
    result
}

fn location(label: &Label, index: &Index<'_>) -> Option<Json> {
    let position = index.position(label.span);
    let mut location = json!({
        "physicalLocation": { "artifactLocation": artifact(&position)?, "region": region(&position) },
    });
    if let (Some(text), Some(fields)) = (said(&label.text), location.as_object_mut()) {
        fields.insert("message".to_owned(), json!({ "text": text }));
    }
    Some(location)
}

fn fix(diagnostic: &Diagnostic, index: &Index<'_>) -> Json {
    // One change a file, in the order of the first edits.
    let mut changes: Vec<(Json, Vec<Json>)> = Vec::new();
    for Edit { span, replacement } in &diagnostic.edits {
        let Some((artifact, region)) = place(*span, index) else { continue };
        let replacement = json!({ "deletedRegion": region, "insertedContent": { "text": replacement } });
        match changes.iter_mut().find(|(known, _)| *known == artifact) {
            Some((_, replacements)) => replacements.push(replacement),
            None => changes.push((artifact, vec![replacement])),
        }
    }
    let changes: Vec<Json> = changes
        .into_iter()
        .map(|(artifact, replacements)| json!({ "artifactLocation": artifact, "replacements": replacements }))
        .collect();
    let description = diagnostic.help.as_deref().unwrap_or(diagnostic.code.remedy());
    json!({ "description": { "text": description }, "artifactChanges": changes })
}

fn place(span: Span, index: &Index<'_>) -> Option<(Json, Json)> {
    let position = index.position(span);
    Some((artifact(&position)?, region(&position)))
}

/// `None` where there is no file.
fn artifact(position: &Position) -> Option<Json> {
    let path = position.path.strip_prefix("./").unwrap_or(&position.path);
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    (!path.is_empty()).then(|| json!({ "uri": format!("{scheme}{}", uri_path(path)) }))
}

fn region(position: &Position) -> Json {
    json!({
        "startLine": position.line,
        "startColumn": position.column,
        "endLine": position.end_line,
        "endColumn": position.end_column,
    })
}

/// A path as RFC 3986 writes it: what is neither unreserved nor `/` is escaped.
fn uri_path(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
