//! What happened, for people: one line a happening, with its moment.

use serde_json::Value as Json;

use super::play::Played;
use super::verdict::Story;
use super::world::history::Happening;
use crate::model::target::Phase;
use crate::runtime::journal::{Place, What};
use crate::runtime::program::Program;
use crate::runtime::wait::{Answer, WaitOn};

/// The lines, in order; nothing in them changes from one play to the next.
pub fn trace(played: &Played, program: &Program) -> Vec<String> {
    let story = Story::of(played, program);
    let mut lines = Vec::new();
    let mut phases: Vec<(String, Phase)> = Vec::new();
    for moment in &played.history {
        let said = match &moment.what {
            Happening::Accepted { event, .. } => {
                let subject = event.subject.as_ref().map(|subject| format!(" of {subject}")).unwrap_or_default();
                let due = event.deliver_at.map(|due| format!(", due at {}", story.at(due))).unwrap_or_default();
                Some(format!("event {} {}{subject} {}{due}", event.id, event.kind, short(&event.data)))
            }
            Happening::Settled { outcome, .. } => {
                for rule in &outcome.rules {
                    let note = rule.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
                    let result = serde_json::to_value(rule.result).unwrap_or_default();
                    let result = result.as_str().unwrap_or_default().replace('_', " ");
                    let run = rule.run.map(|run| format!(", runs {}", story.workflow(run))).unwrap_or_default();
                    lines.push(line(&story.at(moment.at), &format!("  rule {}: {result}{note}{run}", rule.rule)));
                }
                for run in &outcome.answered {
                    lines.push(line(&story.at(moment.at), &format!("  run of {} waited for it", story.workflow(*run))));
                }
                outcome.dead.as_ref().map(|why| format!("  put aside: {why}"))
            }
            Happening::Run(run) => {
                let error = run.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
                Some(format!("run of {} is {}{error}", run.workflow, run.status.as_str()))
            }
            Happening::Journaled { entry, .. } => journaled(&entry.what, &story),
            Happening::Target(state) => {
                let name = state.name.to_string();
                let before = phases.iter().position(|(known, _)| *known == name);
                let changed = before.and_then(|at| phases.get(at)).is_none_or(|(_, phase)| *phase != state.phase);
                match before.and_then(|at| phases.get_mut(at)) {
                    Some(known) => known.1 = state.phase,
                    None => phases.push((name, state.phase)),
                }
                changed.then(|| format!("{} is {}", state.name, state.phase.as_str()))
            }
            Happening::Recorded(record) => {
                Some(format!("recorded {} of {}: {} rps", record.signature, record.target, record.measurement.max_rps))
            }
            Happening::Dispatched { order, result } => {
                let shares: Vec<_> =
                    result.assignments.iter().map(|share| format!("{} {}", share.agent, share.rate_rps)).collect();
                let shares = if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) };
                Some(format!("told {}: {} rps{shares}", order.settings.name, result.total_rps))
            }
            Happening::Crashed => Some("the engine is killed".to_owned()),
            Happening::Recovered => Some("another engine starts".to_owned()),
            Happening::Refused { what, .. } => Some(format!("refused: {what}")),
            Happening::Performed { .. } | Happening::NotMocked { .. } => None,
        };
        lines.extend(said.map(|said| line(&story.at(moment.at), &said)));
    }
    lines
}

fn line(at: &str, said: &str) -> String {
    format!("{at:>8}  {said}")
}

fn journaled(what: &What, story: &Story<'_>) -> Option<String> {
    Some(match what {
        What::Kept { step, .. } => format!("  {step}: kept"),
        What::Skipped { step } => format!("  {step}: skipped"),
        What::Expanded { step, items } => format!("  {step}: for {} items", items.len()),
        What::Attempted { place, attempt, input, .. } => {
            let attempt = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
            format!("  {}: begins{attempt} {}", shown(place), short(input))
        }
        What::Interrupted { place } => format!("  {}: was cut off, begins again", shown(place)),
        What::Suspended { place } => format!("  {}: put off", shown(place)),
        What::Retrying { place, error, .. } => format!("  {}: failed, will be tried again: {}", shown(place), error),
        What::Waiting { place, wait } => {
            let until = wait.ends_at().map(|end| format!(" until {}", story.at(end))).unwrap_or_default();
            let what = match &wait.on {
                WaitOn::Time { .. } => String::new(),
                WaitOn::Event { kind, data, .. } if data.is_empty() => format!(" for {kind}"),
                WaitOn::Event { kind, data, .. } => format!(" for {kind} {}", short(&Json::Object(data.clone()))),
                WaitOn::Opening { until, reason } => format!(" until {until}: {reason}"),
                WaitOn::Approval { reason, .. } => format!(" for approval: {reason}"),
            };
            format!("  {}: waits{what}{until}", shown(place))
        }
        What::Answered { place, answer: Answer::Event { id, .. } } => format!("  {}: event {id} came", shown(place)),
        What::Answered { place, answer: Answer::Decision(decision) } => {
            let decided = if decision.approved { "approved" } else { "rejected" };
            let by = decision.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("  {}: {decided}{by}", shown(place))
        }
        What::Succeeded { place, output } => format!("  {}: {}", shown(place), short(output)),
        What::Failed { place, error } => format!("  {}: failed: {error}", shown(place)),
        What::StopRequested { reason } => {
            let reason = serde_json::to_value(reason).unwrap_or_default();
            format!("  told to stop: {}", reason.as_str().unwrap_or_default())
        }
        What::Undoing { place } => format!("  {}: is undone", shown(place)),
        What::UndoFailed { place, error } => format!("  {}: undo failed: {error}", shown(place)),
        What::Began { .. }
        | What::Checkpointed { .. }
        | What::Undone { .. }
        | What::Permitted { .. }
        | What::Ended { .. } => return None,
    })
}

fn shown(place: &Place) -> String {
    match place.item {
        Some(item) => format!("{}[{item}]", place.step),
        None => place.step.to_string(),
    }
}

/// A value on one line that fits beside others.
fn short(value: &Json) -> String {
    const LONGEST: usize = 100;
    let text = value.to_string();
    if text.chars().count() > LONGEST { format!("{}…", text.chars().take(LONGEST).collect::<String>()) } else { text }
}
