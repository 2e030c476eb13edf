//! Certain edits are made, and what came of them is held against what was there before.
//!
//! Texts in, texts out: nothing is written here. Edits are made in rounds, since one can make room for another; a round
//! that makes an error, or changes what a plan does where that is not what the fix is for, is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Linted, Options, lint};
use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Edit, Severity};
use crate::model::action::Catalogue;
use crate::plan::{Graph, Plan};

/// More rounds than any file needs: each one makes at least one finding go away.
const MAX_ROUNDS: usize = 100;

/// What came of fixing.
#[derive(Debug)]
pub struct Fixed {
    /// What is left.
    pub linted: Linted,
    /// The files that are another now.
    pub changes: Vec<Change>,
    /// How many problems were mended.
    pub mended: usize,
}

/// A file before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    pub before: Arc<str>,
    pub after: Arc<str>,
}

/// A round of edits was not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fix for {codes} would {what}")]
pub struct FixError {
    pub codes: String,
    pub what: String,
}

/// Lints, mends what can be mended for certain, and lints again, until there is nothing more to mend.
///
/// # Errors
/// An edit did what it must not; nothing of it is to be kept.
pub fn fix(
    sources: Sources,
    known: &Diagnostics,
    catalogue: &Catalogue,
    options: &Options,
) -> Result<Fixed, Box<FixError>> {
    let before: Vec<(String, Arc<str>)> =
        sources.iter().map(|(_, source)| (source.path.clone(), Arc::clone(&source.text))).collect();
    let mut linted = lint(sources, known.clone(), catalogue, options);
    let mut mended = 0;
    for _ in 0..MAX_ROUNDS {
        let round = choose(&linted.diagnostics);
        if round.is_empty() {
            break;
        }
        let next = lint(edited(&linted.sources, &round), known.clone(), catalogue, options);
        check(&linted, &next, &round)?;
        mended += round.len();
        linted = next;
    }
    let changes = before
        .into_iter()
        .zip(linted.sources.iter())
        .filter(|((_, before), (_, after))| *before != after.text)
        .map(|((path, before), (_, after))| Change { path, before, after: Arc::clone(&after.text) })
        .collect();
    Ok(Fixed { linted, changes, mended })
}

/// Whether a mended problem of this code leaves what every plan does as it was.
fn keeps_plans(code: Code) -> bool {
    matches!(code, Code::RedundantNeeds | Code::ImpliedNeeds | Code::UnusedSuppression | Code::UselessClause)
}

/// The problems that are mended next: those that keep every plan first, and none that touches another's text.
fn choose(diagnostics: &Diagnostics) -> Vec<&Diagnostic> {
    let candidates = |keep: bool| {
        let mut taken: Vec<Span> = Vec::new();
        let mut chosen = Vec::new();
        for problem in diagnostics.iter().filter(|it| !it.edits.is_empty() && keeps_plans(it.code) == keep) {
            let touches = |edit: &Edit| taken.iter().any(|span| touch(*span, edit.span));
            if !problem.edits.iter().any(touches) {
                taken.extend(problem.edits.iter().map(|edit| edit.span));
                chosen.push(problem);
            }
        }
        chosen
    };
    let first = candidates(true);
    if first.is_empty() { candidates(false) } else { first }
}

fn touch(a: Span, b: Span) -> bool {
    a.source == b.source && a.start <= b.end && b.start <= a.end
}

/// The same sources with the edits made.
fn edited(sources: &Sources, round: &[&Diagnostic]) -> Sources {
    let mut edits: BTreeMap<SourceId, Vec<&Edit>> = BTreeMap::new();
    for edit in round.iter().flat_map(|problem| &problem.edits) {
        edits.entry(edit.span.source).or_default().push(edit);
    }
    let mut made = Sources::new();
    for (id, source) in sources.iter() {
        let mut text = source.text.to_string();
        let mut list = edits.remove(&id).unwrap_or_default();
        // From the end on, so that the places of the others stay.
        list.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
        for edit in list {
            let range = edit.span.range();
            if text.is_char_boundary(range.start) && text.is_char_boundary(range.end) && range.end <= text.len() {
                text.replace_range(range, &edit.replacement);
            }
        }
        made.add(source.path.clone(), text);
    }
    made
}

pub(super) fn check(before: &Linted, after: &Linted, round: &[&Diagnostic]) -> Result<(), Box<FixError>> {
    let codes: BTreeSet<String> = round.iter().map(|problem| problem.code.to_string()).collect();
    let fail = |what: &str| {
        let codes = codes.iter().cloned().collect::<Vec<_>>().join(", ");
        Err(Box::new(FixError { codes, what: what.to_owned() }))
    };
    if after.diagnostics.count(Severity::Error) > before.diagnostics.count(Severity::Error) {
        return fail("make an error");
    }
    let left = |linted: &Linted| linted.diagnostics.iter().filter(|it| codes.contains(&it.code.to_string())).count();
    if left(after) >= left(before) {
        return fail("mend nothing");
    }
    if round.iter().all(|problem| keeps_plans(problem.code)) && before.plans != after.plans {
        return fail("change what a workflow does");
    }
    Ok(())
}

/// What a plan does: its canonical form, with all that each step waits for, directly or not, whatever the reason.
pub(super) fn meaning(plan: &Plan) -> String {
    let mut document: Json = serde_json::from_str(&plan.canonical_text()).unwrap_or_default();
    for (key, graph) in [("steps", &plan.steps), ("on_failure", &plan.on_failure)] {
        for (index, step) in graph.iter() {
            let known = document.get_mut(key).and_then(|steps| steps.get_mut(step.name.as_str()));
            if let Some(entry) = known.and_then(|known| known.get_mut("after")) {
                *entry = Json::from(all_before(graph, index));
            }
        }
    }
    document.to_string()
}

fn all_before(graph: &Graph, index: crate::plan::StepIndex) -> Vec<String> {
    let before = graph.iter().filter(|(other, _)| graph.waits_for(index, *other));
    before.map(|(_, step)| step.name.to_string()).collect()
}

/// Says how to mend each `needs` that repeats a reference.
pub(super) fn mend_needs(diagnostics: Diagnostics, sources: &Sources) -> Diagnostics {
    let mut mended = Diagnostics::new();
    for problem in diagnostics.iter() {
        let mut problem = problem.clone();
        if problem.code == Code::RedundantNeeds && problem.edits.is_empty() {
            let removal = without_item(sources, problem.primary.span);
            problem.edits.extend(removal.map(|span| Edit { span, replacement: String::new() }));
        }
        mended.push(problem);
    }
    mended
}

/// What is to go so that a list of YAML lacks the item at `item`; `None` where that is not certain.
pub(super) fn without_item(sources: &Sources, item: Span) -> Option<Span> {
    let text = sources.get(item.source)?.text.as_ref();
    let (before, after) = (text.get(..item.start as usize)?, text.get(item.end as usize..)?);
    let (lead, tail) = (before.trim_end(), after.trim_start());
    let span = |start: usize, end: usize| Some(Span::new(item.source, start, end));
    if let Some(rest) = tail.strip_prefix(',') {
        // The next item moves up.
        let end = text.len() - rest.trim_start().len();
        let gap = text.get(item.end as usize..end)?;
        return (lead.ends_with(['[', ',']) && !gap.contains('#')).then(|| span(item.start as usize, end))?;
    }
    if tail.starts_with(']') && lead.ends_with(',') {
        let gap = text.get(lead.len()..item.start as usize)?;
        return (!gap.contains('#')).then(|| span(lead.len() - 1, item.end as usize))?;
    }
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = after.find('\n').map_or(text.len(), |newline| item.end as usize + newline + 1);
    let (head, foot) = (text.get(line_start..item.start as usize)?, text.get(item.end as usize..line_end)?);
    if tail.starts_with(']') && head.trim() == "needs: [" && foot.trim() == "]" {
        return span(line_start, line_end);
    }
    let is_item = head.trim() == "-" && foot.trim().is_empty();
    let lines = |text: &str| text.lines().any(|line| line.trim_start().starts_with("- "));
    let above = text.get(..line_start)?.trim_end_matches('\n').rsplit('\n').next()?;
    let below = text.get(line_end..)?.lines().next().unwrap_or_default();
    // With others in the list the line can go; alone it takes its key with it.
    if is_item && (lines(above) || lines(below)) {
        return span(line_start, line_end);
    }
    (is_item && above.trim() == "needs:").then(|| span(line_start - above.len() - 1, line_end))?
}
