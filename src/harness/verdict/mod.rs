//! What a scenario expects is compared with what happened; every difference is a diagnostic at the line that expects it.

mod compare;
mod story;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use self::compare::{Mismatch, compare};
pub use self::story::Story;
use super::play::Played;
use super::scenario::{Forbidden, Never, Scenario, Then};
use super::world::history::Happening;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::target::TargetState;
use crate::runtime::program::Program;
use crate::syntax::yaml::Node;

/// Every expectation that was not met, and whatever else makes the scenario say nothing.
pub fn judge(scenario: &Scenario, played: &Played, program: &Program) -> Diagnostics {
    let story = Story::of(played, program);
    let mut found = Vec::new();
    let Then { runs, dispatched, phases, targets, records, emitted, events, refused, never } = &scenario.then;
    check(runs.as_ref(), "runs", || story.runs(), &mut found);
    check(dispatched.as_ref(), "dispatched", || story.dispatched(), &mut found);
    check(phases.as_ref(), "phases", || unchanged_too(phases.as_ref(), story.phases()), &mut found);
    check(targets.as_ref(), "targets", || at_the_end(scenario, &story), &mut found);
    check(records.as_ref(), "records", || story.records(), &mut found);
    check(emitted.as_ref(), "emitted", || story.emitted(), &mut found);
    check(events.as_ref(), "events", || story.events(), &mut found);
    check(refused.as_ref(), "refused", || story.refused(), &mut found);
    found.extend(never.iter().filter_map(|never| forbidden(never, &story, program)));

    let mut diagnostics = Diagnostics::new();
    for Mismatch { span, message } in found {
        let problem = Diagnostic::error(Code::ExpectationFailed, span, message);
        diagnostics.push(problem.help("what happened stands below: expect that if it is meant"));
    }
    for span in &played.missed {
        let message = "the engine was not killed: the step was not performed after this";
        let problem = Diagnostic::error(Code::ExpectationFailed, *span, message);
        diagnostics.push(problem.help("name a step that is performed, or delete the crash: it tests nothing"));
    }
    for moment in story.moments() {
        let Happening::NotMocked { run, step } = &moment.what else { continue };
        let workflow = story.workflow(*run);
        let message = format!("step `{step}` of `{workflow}` asked for a load test, and no mock says what it finds");
        let problem = Diagnostic::error(Code::NotMocked, scenario.name.span, message);
        diagnostics.push(problem.help(format!("add `mock: {{ {step}: {{ output: {{ max_rps: 400 }} }} }}`")));
    }
    if refused.is_none()
        && let Json::Array(list) = story.refused()
        && let Some(first) = list.first().and_then(Json::as_str)
    {
        let problem = Diagnostic::error(Code::ExpectationFailed, scenario.name.span, format!("refused: {first}"));
        diagnostics.push(problem.help("expect it with `then: { refused: […] }` if it is meant"));
    }
    diagnostics.sort();
    diagnostics
}

fn check(expected: Option<&Node>, path: &str, actual: impl FnOnce() -> Json, found: &mut Vec<Mismatch>) {
    if let Some(expected) = expected {
        compare(expected, &actual(), path, found);
    }
}

/// A target whose phase never changed has had no phases: an empty list.
fn unchanged_too(expected: Option<&Node>, mut phases: Json) -> Json {
    if let (Some(entries), Json::Object(phases)) = (expected.and_then(Node::as_map), &mut phases) {
        for (key, _) in entries {
            phases.entry(key.name.as_str()).or_insert_with(|| Json::Array(Vec::new()));
        }
    }
    phases
}

/// Every target at the end; one that never changed is as it was given.
fn at_the_end(scenario: &Scenario, story: &Story<'_>) -> Json {
    let mut targets = story.targets();
    for TargetState { name, phase, reason, signature, rate_rps, verified_rps, .. } in &scenario.setting.states {
        targets.entry(name.as_str()).or_insert_with(|| {
            serde_json::json!({
                "phase": phase.as_str(),
                "reason": reason,
                "signature": signature,
                "rate_rps": rate_rps,
                "verified_rps": verified_rps,
            })
        });
    }
    Json::Object(targets)
}

/// What happened that must not have.
fn forbidden(never: &Never, story: &Story<'_>, program: &Program) -> Option<Mismatch> {
    let action_of = |workflow: &str, step: &str| {
        let plan = program.plans.get(workflow)?;
        let mut steps = plan.steps.iter().chain(plan.on_failure.iter());
        steps.find(|(_, known)| known.name.as_str() == step).map(|(_, step)| step.action.name.as_ref())
    };
    let happened = story.moments().iter().find_map(|moment| {
        let what = match (&never.what, &moment.what) {
            (Forbidden::Run(name), Happening::Run(run))
                if run.workflow.as_str() == name && run.started_at.is_some() =>
            {
                format!("`{name}` ran")
            }
            (Forbidden::Step(name), Happening::Performed { run, step, is_undo: false }) if step.as_str() == name => {
                format!("step `{name}` of `{}` was performed", story.workflow(*run))
            }
            (Forbidden::Action(name), Happening::Performed { run, step, .. })
                if action_of(story.workflow(*run), step.as_str()) == Some(name.as_str()) =>
            {
                format!("`{name}` was performed by step `{step}` of `{}`", story.workflow(*run))
            }
            (Forbidden::Emitted(name), Happening::Accepted { event, .. }) if event.kind == *name && event.chain > 0 => {
                format!("`{name}` was emitted")
            }
            (Forbidden::Phase(name), Happening::Target(state)) if state.phase.as_str() == name => {
                format!("`{}` was `{name}`", state.name)
            }
            (Forbidden::Above(rate), Happening::Dispatched { order, result }) if result.total_rps > *rate + 1e-6 => {
                format!("`{}` was told {} rps, above {rate}", order.settings.name, result.total_rps)
            }
            _ => return None,
        };
        Some((moment.at, what))
    });
    let (at, what) = happened?;
    Some(Mismatch { span: never.span, message: format!("{what}, {} after the start; it must never be", story.at(at)) })
}
