//! A program's problems, as the protocol has them: by file, with what mends them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tower_lsp_server::ls_types::{
    CodeAction, CodeActionKind, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
    Position, Range, TextEdit, WorkspaceEdit,
};

use super::documents::{Documents, uri_of};
use super::position::range;
use super::workspace::{Program, Role, add_open, read_configuration};
use super::{Surroundings, describe};
use crate::base::source::{SourceId, Sources};
use crate::compile;
use crate::config;
use crate::diagnostic::{self, Code, Diagnostics, Severity};
use crate::lint;
use crate::syntax::yaml;

/// Problems by file; a file without any has an empty list.
pub(super) type Problems = BTreeMap<PathBuf, Vec<Diagnostic>>;

/// Compiles and lints a program as its files are in the editor.
pub(super) fn program(program: &Program, documents: &Documents, surroundings: &Surroundings) -> Problems {
    let loaded = program.load_own(documents);
    let options = options(program, documents, surroundings);
    let linted = lint::lint(loaded.sources, loaded.diagnostics, &surroundings.catalogue, &options);
    by_file(&linted.diagnostics, &linted.sources)
}

/// The levels of lints that the configuration sets, and what it says of load tests.
fn options(program: &Program, documents: &Documents, surroundings: &Surroundings) -> lint::Options {
    let mut levels = lint::Levels::default();
    let config = program.configuration.as_deref().and_then(|path| read_configuration(path, documents));
    for (name, word) in config.iter().flat_map(|config| &config.lint) {
        if let Some(level) = lint::Level::from_word(word) {
            // A name that no lint has is told at the configuration.
            let _ = levels.set(name, level);
        }
    }
    lint::Options { levels, targets: config.as_ref().map(surroundings.targets) }
}

/// Checks open scenarios against their program; where that is wrong, they are only read as YAML.
pub(super) fn scenarios(
    program: &Program,
    scenarios: &[PathBuf],
    documents: &Documents,
    surroundings: &Surroundings,
) -> Problems {
    let mut found = Problems::new();
    if scenarios.is_empty() {
        return found;
    }
    let loaded = program.load_own(documents);
    let compilation = compile::compile(loaded.sources, loaded.diagnostics, &surroundings.catalogue);
    for (path, document) in scenarios.iter().filter_map(|path| Some((path, documents.get(path)?))) {
        let mut sources = Sources::new();
        let mut diagnostics = Diagnostics::new();
        add_open(&mut sources, &mut diagnostics, path, &document.text);
        if diagnostics.is_empty() {
            let (source, text) = (SourceId(0), &document.text);
            let told = (surroundings.scenarios)(&compilation, source, &sources);
            diagnostics.extend(told.unwrap_or_else(|| yaml::parse(source, text).1));
        }
        diagnostics.sort();
        found.extend(by_file(&diagnostics, &sources));
    }
    found
}

/// Reads every configuration that is open.
pub(super) fn configurations(documents: &Documents) -> Problems {
    let mut found = Problems::new();
    for (path, document) in documents.iter().filter(|(path, _)| Role::of(path) == Some(Role::Configuration)) {
        let folder = path.parent().unwrap_or(path);
        let loaded = config::read(&path.to_string_lossy(), &document.text, folder, &[]);
        found.extend(by_file(&loaded.diagnostics, &loaded.sources));
    }
    found
}

fn by_file(diagnostics: &Diagnostics, sources: &Sources) -> Problems {
    let mut found: Problems = sources.iter().map(|(_, source)| (PathBuf::from(&source.path), Vec::new())).collect();
    for problem in diagnostics.iter() {
        let Some(source) = sources.get(problem.primary.span.source) else { continue };
        found.entry(PathBuf::from(&source.path)).or_default().push(translated(problem, sources));
    }
    found
}

fn location(span: crate::base::span::Span, sources: &Sources) -> Option<Location> {
    let source = sources.get(span.source)?;
    Some(Location { uri: uri_of(source.path.as_ref())?, range: range(&source.text, span) })
}

fn translated(problem: &diagnostic::Diagnostic, sources: &Sources) -> Diagnostic {
    let mut message = problem.message.clone();
    if !problem.primary.text.is_empty() {
        message.push_str(&format!(" ({})", problem.primary.text));
    }
    if let Some(help) = &problem.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let related: Vec<DiagnosticRelatedInformation> = problem
        .secondary
        .iter()
        .filter_map(|label| {
            Some(DiagnosticRelatedInformation { location: location(label.span, sources)?, message: label.text.clone() })
        })
        .collect();
    let edits: Vec<_> = problem
        .edits
        .iter()
        .filter_map(|edit| {
            let Location { uri, range } = location(edit.span, sources)?;
            Some(json!({ "uri": uri, "range": range, "newText": edit.replacement }))
        })
        .collect();
    Diagnostic {
        range: location(problem.primary.span, sources).map(|location| location.range).unwrap_or_default(),
        severity: Some(match problem.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(problem.code.to_string())),
        source: Some("homeostat".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        data: (!edits.is_empty()).then(|| json!({ "edits": edits, "help": problem.help })),
        ..Diagnostic::default()
    }
}

/// What mends the problems that an editor has shown at `within`.
pub(super) fn actions(problems: &[Diagnostic], within: Range) -> Vec<CodeAction> {
    let touches = |range: Range| range.start <= within.end && within.start <= range.end;
    problems
        .iter()
        .filter(|problem| touches(problem.range))
        .filter_map(|problem| {
            let data = problem.data.as_ref()?;
            let mut changes: std::collections::HashMap<_, Vec<TextEdit>> = std::collections::HashMap::new();
            for edit in data["edits"].as_array()? {
                let uri = serde_json::from_value(edit["uri"].clone()).ok()?;
                changes.entry(uri).or_default().push(serde_json::from_value(edit.clone()).ok()?);
            }
            let title =
                data["help"].as_str().map_or_else(|| format!("Mend: {}", first_line(&problem.message)), str::to_owned);
            Some(CodeAction {
                title,
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![problem.clone()]),
                edit: Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }),
                is_preferred: Some(true),
                ..CodeAction::default()
            })
        })
        .collect()
}

/// What the problems mean that an editor has shown at a place, each with its range.
pub(super) fn meanings(problems: &[Diagnostic], at: Position) -> Vec<(String, Range)> {
    let here = problems.iter().filter(|problem| problem.range.start <= at && at <= problem.range.end);
    here.filter_map(|problem| {
        let Some(NumberOrString::String(code)) = &problem.code else { return None };
        Some((describe::problem(Code::from_word(code)?), problem.range))
    })
    .collect()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What an editor shows now, and what a check found: what is to be sent so that both are the same. Each file with its
/// problems and the version that they are of.
pub(super) fn changed(
    shown: &BTreeMap<PathBuf, Shown>,
    found: &Problems,
    documents: &Documents,
) -> Vec<(PathBuf, Shown)> {
    let version = |path: &PathBuf| documents.get(path).map(|document| document.version);
    let news = found
        .iter()
        .map(|(path, problems)| (path, Shown { version: version(path), problems: problems.clone().into() }));
    let gone = shown.keys().filter(|path| !found.contains_key(*path));
    let cleared = gone.map(|path| (path, Shown { version: version(path), problems: Vec::new().into() }));
    let differs = |(path, now): &(&PathBuf, Shown)| match shown.get(*path) {
        None => !now.problems.is_empty() || now.version.is_some(),
        Some(before) => before.problems != now.problems || now.version.is_some() && before.version != now.version,
    };
    news.chain(cleared).filter(differs).map(|(path, now)| (path.clone(), now)).collect()
}

/// What an editor shows of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// Of the open text; `None` for a file that is not open.
    pub(super) version: Option<i32>,
    pub(super) problems: Arc<[Diagnostic]>,
}
