//! Named things in words: the Markdown that hovers and completions show.

use crate::diagnostic::Code;
use crate::expression::Type;
use crate::expression::reference::{Function, Macro};
use crate::lint;
use crate::model::action::{ActionSignature, Effect};
use crate::model::schema::{Field, Object};
use crate::syntax::rules::ast::{ClauseWord, Event};
use crate::syntax::workflow::ast::{Step, Workflow};

use super::index::data;

/// Most fields that are listed of one thing.
const MAX_FIELDS: usize = 30;

fn code(text: &str) -> String {
    format!("```homeostat\n{text}\n```")
}

/// Parts with an empty line between them; empty ones are left out.
fn join(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// A name with its type.
pub(super) fn typed(name: &str, kind: &Type, docs: &str) -> String {
    let fields = match content(kind) {
        Type::Object(object) => fields(object),
        _ => String::new(),
    };
    join([code(&format!("{name}: {kind}")), docs.to_owned(), fields])
}

/// A problem's code: what it means, what to do, and what its page says of it.
pub(super) fn problem(code: Code) -> String {
    let lint = lint::LINTS.iter().find(|lint| lint.code == code);
    let title = match lint {
        Some(lint) => format!("**{code}**, lint `{}`: {}", lint.name, code.title()),
        None => format!("**{code}**: {}", code.title()),
    };
    let page = code.page().or_else(|| lint.map(lint::Lint::page));
    let text = page.map(|page| page.text).unwrap_or_default();
    join([title, code.remedy().to_owned(), text, format!("With examples: `homeostat explain {code}`")])
}

/// A type alone.
pub(super) fn type_alone(kind: &Type) -> String {
    code(&kind.to_string())
}

/// The type without what makes it absent or null.
pub(super) fn content(kind: &Type) -> &Type {
    match kind {
        Type::Optional(inner) | Type::Nullable(inner) => content(inner),
        other => other,
    }
}

/// A list of fields.
fn fields(object: &Object) -> String {
    let mut lines: Vec<String> =
        object.fields.iter().take(MAX_FIELDS).map(|known| format!("- {}", field(known))).collect();
    if object.fields.len() > MAX_FIELDS {
        lines.push("- …".to_owned());
    }
    lines.join("\n")
}

/// A field in one line.
fn field(field: &Field) -> String {
    let mark = if field.optional { "?" } else { "" };
    let null = if field.nullable { " or null" } else { "" };
    let docs = if field.docs.is_empty() { String::new() } else { format!(": {}", field.docs) };
    format!("`{}{mark}`: `{}`{null}{docs}", field.name, field.shape)
}

fn with_title(title: &str, object: &Object) -> String {
    if object.fields.is_empty() { format!("{title}: none") } else { format!("{title}:\n\n{}", fields(object)) }
}

pub(super) fn event(event: &Event) -> String {
    let docs = event.docs.as_ref().map(|docs| docs.node.clone()).unwrap_or_default();
    join([code(&format!("event {}", event.name.node)), docs, with_title("Data", &data(&event.fields))])
}

/// A field of an event's data, an input of a workflow or of an action.
pub(super) fn named_field(whose: &str, field: &Field) -> String {
    let mark = if field.optional { "?" } else { "" };
    let null = if field.nullable { " or null" } else { "" };
    let inner = match &field.shape {
        crate::model::schema::Shape::Object(object) => fields(object),
        _ => String::new(),
    };
    join([code(&format!("{}{mark}: {}{null}", field.name, field.shape)), field.docs.clone(), inner, whose.to_owned()])
}

pub(super) fn workflow(name: &str, workflow: &Workflow) -> String {
    let summary = workflow.summary.as_ref().map(|summary| summary.node.clone()).unwrap_or_default();
    join([code(&format!("workflow {name}")), summary, with_title("Inputs", &workflow.inputs)])
}

pub(super) fn step(step: &Step, action: Option<&ActionSignature>) -> String {
    let summary = step.summary.as_ref().map(|summary| summary.node.clone()).unwrap_or_default();
    let uses = step.uses.as_ref().map_or_else(String::new, |uses| format!("uses `{}`", uses.node));
    let output = action.map(|action| {
        let title = if step.for_each.is_some() { "Output, for each item" } else { "Output" };
        with_title(title, &action.output)
    });
    join([code(&format!("step {}", step.name.node)), summary, uses, output.unwrap_or_default()])
}

pub(super) fn action(action: &ActionSignature) -> String {
    let effect = match action.effect {
        Effect::None => "Has no effect.",
        Effect::Idempotent => "Has an effect, and may be repeated.",
        Effect::AtMostOnce => "Has an effect, and is performed at most once.",
    };
    join([
        code(&action.name),
        action.docs.to_owned(),
        effect.to_owned(),
        with_title("Inputs", &action.inputs),
        with_title("Output", &action.output),
    ])
}

pub(super) fn function(function: &Function) -> String {
    join([code(&function.forms.join("\n")), function.docs.to_owned()])
}

pub(super) fn macro_of(known: &Macro) -> String {
    join([code(&known.forms.join("\n")), known.docs.to_owned()])
}

/// A clause of a rule: how it is written and what it says.
pub(super) fn clause(word: ClauseWord) -> (&'static str, &'static str) {
    match word {
        ClauseWord::On => ("on EVENT", "Which events the rule is for."),
        ClauseWord::When => {
            ("when EXPRESSION", "Only events for which this is true match. It knows `event`, `target` and `now`.")
        }
        ClauseWord::Priority => {
            ("priority 10", "Of several rules that match, lower ones run first; 0 where none is given.")
        }
        ClauseWord::Threshold => ("threshold 3 within 1m", "Only the third match within a minute counts."),
        ClauseWord::Debounce => {
            ("debounce 10s", "Waits until no further match has come for this long; the last one counts.")
        }
        ClauseWord::Throttle => {
            ("throttle 1 per 5m", "At most so many matches in this time; what comes beyond is dropped and counted.")
        }
        ClauseWord::Busy => (
            "busy queue | coalesce | supersede | drop",
            "What happens while a run has the target: wait, replace the one that waits, stop the run, or drop the match.",
        ),
        ClauseWord::Run => ("run WORKFLOW(input: EXPRESSION)", "The workflow that is run."),
        ClauseWord::Emit => (
            "emit EVENT(field: EXPRESSION) after 30m",
            "An event about the same target, at once or after a time. May stand more than once.",
        ),
    }
}

/// The ways to be busy.
pub(super) const BUSY: &[(&str, &str)] = &[
    ("queue", "The new run waits its turn. This holds where nothing is said."),
    ("coalesce", "As `queue`, but it replaces a run of the same rule that waits already."),
    ("supersede", "The current run is stopped and the new one takes its place."),
    ("drop", "The match is dropped."),
];

pub(super) fn clause_text(word: ClauseWord) -> String {
    let (form, docs) = clause(word);
    join([code(form), docs.to_owned()])
}
