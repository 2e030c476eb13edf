//! What differs between what came of an event and what comes of it, one line a difference.

use serde_json::Value as Json;

use super::came::{Came, RuleCame, RunCame, StepCame};
use crate::runtime::ports::RuleResult;

/// Longest value that is shown, in characters.
const LONGEST: usize = 60;

/// The lines, in the order of the rules; what belongs to a line is indented below it.
pub(super) fn between(before: Option<&Came>, now: Option<&Came>) -> Vec<String> {
    let nothing = Came::default();
    let mut lines = Vec::new();
    match (before, now) {
        (None, Some(_)) => lines.push("it is emitted only now".to_owned()),
        (Some(_), None) => lines.push("it is not emitted any more".to_owned()),
        _ => {}
    }
    let (before, now) = (before.unwrap_or(&nothing), now.unwrap_or(&nothing));
    match (&before.refused, &now.refused) {
        (_, Some(why)) if before.refused != now.refused => {
            lines.push(format!("it is refused: {why}"));
            return lines;
        }
        (Some(why), None) => lines.push(format!("it was put aside, and is not: {why}")),
        _ => {}
    }
    for rule in &before.rules {
        let other = now.rules.iter().find(|other| other.rule == rule.rule);
        rules(rule, other, &mut lines);
    }
    for rule in now.rules.iter().filter(|rule| !before.rules.iter().any(|known| known.rule == rule.rule)) {
        lines.push(format!("rule {}: nothing before, now {}", rule.rule, said(rule)));
    }
    lines
}

fn rules(before: &RuleCame, now: Option<&RuleCame>, lines: &mut Vec<String>) {
    let name = &before.rule;
    let Some(now) = now else {
        return lines.push(format!("rule {name}: {} before, nothing now", said(before)));
    };
    if before.result != now.result {
        return lines.push(format!("rule {name}: {} before, now {}", said(before), said(now)));
    }
    match (&before.run, &now.run) {
        (Some(before), Some(now)) => runs(name.as_str(), before, now, lines),
        (None, None) => {}
        _ => lines.push(format!("rule {name}: {} before, now {}", said(before), said(now))),
    }
}

/// What a rule made of an event, in a few words.
fn said(rule: &RuleCame) -> String {
    let result = match rule.result {
        RuleResult::Matched => "matched",
        RuleResult::NoMatch => "no match",
        RuleResult::Error => "failed",
        RuleResult::BelowThreshold => "below its threshold",
        RuleResult::Debounced => "debounced",
        RuleResult::Throttled => "throttled",
        RuleResult::Busy => "held back by a busy target",
    };
    match &rule.run {
        Some(run) => format!("{result}, {} {}", run.workflow, ended(run)),
        None => result.to_owned(),
    }
}

fn ended(run: &RunCame) -> String {
    let error = run.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!("{}{error}", run.status.as_str())
}

fn runs(rule: &str, before: &RunCame, now: &RunCame, lines: &mut Vec<String>) {
    if before.workflow != now.workflow {
        let (was, is) = (&before.workflow, &now.workflow);
        return lines.push(format!("rule {rule}: {was} {} before, now {is} {}", ended(before), ended(now)));
    }
    let mut below = Vec::new();
    values("inputs", &before.inputs, &now.inputs, &mut below);
    if before.phase != now.phase {
        let named = |run: &RunCame| run.phase.map_or("as it was", |phase| phase.as_str());
        below.push(format!("  phase: {} before, now {}", named(before), named(now)));
    }
    for step in &before.steps {
        let name = &step.step;
        match now.steps.iter().find(|other| other.step == *name) {
            Some(other) => steps(step, other, &mut below),
            None => below.push(format!("  {name}: {} before, not reached now", step.result.as_str())),
        }
    }
    for step in now.steps.iter().filter(|step| !before.steps.iter().any(|known| known.step == step.step)) {
        below.push(format!("  {}: not reached before, now {}", step.step, came_to(step)));
    }
    let is_same = before.status == now.status;
    if !is_same || !below.is_empty() {
        let ends = if is_same { ended(now) } else { format!("{} before, now {}", ended(before), ended(now)) };
        lines.push(format!("rule {rule}: {} {ends}", before.workflow));
        lines.append(&mut below);
    }
}

fn came_to(step: &StepCame) -> String {
    let error = step.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    format!("{}{error}", step.result.as_str())
}

fn steps(before: &StepCame, now: &StepCame, lines: &mut Vec<String>) {
    let name = &before.step;
    if before.result != now.result {
        lines.push(format!("  {name}: {} before, now {}", before.result.as_str(), came_to(now)));
    }
    if !before.input.is_null() && !now.input.is_null() {
        values(name, &before.input, &now.input, lines);
    }
}

/// What differs in two values, by path.
fn values(path: &str, before: &Json, now: &Json, lines: &mut Vec<String>) {
    if let (Json::Object(was), Json::Object(is)) = (before, now) {
        for (key, value) in was {
            values(&format!("{path}.{key}"), value, is.get(key).unwrap_or(&Json::Null), lines);
        }
        for (key, value) in is.iter().filter(|(key, _)| !was.contains_key(*key)) {
            values(&format!("{path}.{key}"), &Json::Null, value, lines);
        }
    } else if before != now {
        lines.push(format!("  {path}: {} before, now {}", short(before), short(now)));
    }
}

/// A value on one line that fits beside others.
fn short(value: &Json) -> String {
    let text = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    if text.chars().count() > LONGEST { format!("{}…", text.chars().take(LONGEST).collect::<String>()) } else { text }
}
