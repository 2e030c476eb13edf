//! Why something does not go on, since when, and what to do about it: from what is known of a run or a target, in words.

use serde::Serialize;
use utoipa::ToSchema;

use super::run_view::{RunLine, StepStatus, StepView};
use crate::base::id::TargetName;
use crate::model::target::{Phase, TargetState};
use crate::runtime::journal::RunStatus;

/// One reason why something does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Standstill {
    #[schema(example = "step `ask` waits for approval: raise the rate of checkout")]
    pub why: String,
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// When it goes on by itself; null: it does not, or nobody knows when.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// The commands to give next, the likeliest first.
    pub next: Vec<String>,
}

impl Standstill {
    fn new(why: String, since: Option<&str>, next: Vec<String>) -> Self {
        Self { why, since: since.map(str::to_owned), until: None, next }
    }

    fn until(self, until: Option<&str>) -> Self {
        Self { until: until.map(str::to_owned), ..self }
    }
}

/// What of the run itself keeps it from its end.
pub fn of_run(run: &RunLine, status: RunStatus, steps: &[StepView]) -> Vec<Standstill> {
    let id = &run.id;
    match status {
        RunStatus::Running => steps.iter().filter_map(|step| of_step(run, step)).collect(),
        RunStatus::Parked => {
            let why = format!("it cannot go on: {}", run.error.as_deref().unwrap_or("nobody said why"));
            let next = vec![format!("homeostat runs resume {id}"), format!("homeostat runs cancel {id}")];
            let since = run.started_at.as_deref().unwrap_or(&run.created_at);
            vec![Standstill::new(why, Some(since), next)]
        }
        RunStatus::Failed => {
            let why = "it has failed and is over".to_owned();
            let next =
                vec![format!("homeostat runs retry {id} --from-failed-step"), format!("homeostat runs retry {id}")];
            vec![Standstill::new(why, run.ended_at.as_deref(), next)]
        }
        RunStatus::Waiting | RunStatus::Succeeded | RunStatus::Cancelled | RunStatus::Dropped => Vec::new(),
    }
}

fn of_step(run: &RunLine, step: &StepView) -> Option<Standstill> {
    let id = &run.id;
    let name = match step.item {
        Some(item) => format!("{}[{item}]", step.step),
        None => step.step.clone(),
    };
    let cancel = || vec![format!("homeostat runs cancel {id}")];
    let since = step.started_at.as_deref();
    Some(match step.status {
        StepStatus::Waiting => {
            let wait = step.wait.as_ref()?;
            let since = Some(wait.since.as_str());
            let found = match wait.on.as_str() {
                "approval" => {
                    let by = wait.by.as_ref().map(|by| format!(" of {by}")).unwrap_or_default();
                    let reason = wait.reason.as_deref().unwrap_or_default();
                    let next = ["approve", "reject"].map(|what| format!("homeostat runs {what} {id} {name}"));
                    Standstill::new(format!("step `{name}` waits for approval{by}: {reason}"), since, next.into())
                }
                "event" => {
                    let kind = wait.event.as_deref().unwrap_or_default();
                    let data = wait.data.as_ref().filter(|data| data.as_object().is_some_and(|data| !data.is_empty()));
                    let with = data.map(|data| format!(" with {data}")).unwrap_or_default();
                    let about = run.target.as_ref().map(|target| format!(" about `{target}`")).unwrap_or_default();
                    let why = format!("step `{name}` waits for an event `{kind}`{about}{with}");
                    let subject = run.target.as_ref().map(|target| format!(" --subject {target}")).unwrap_or_default();
                    let data = data.map(|data| format!(" --data '{data}'")).unwrap_or_default();
                    Standstill::new(why, since, vec![format!("homeostat event send --type {kind}{subject}{data}")])
                }
                "opening" => {
                    let reason = wait.reason.as_deref().unwrap_or_default();
                    Standstill::new(format!("step `{name}` waits until it may be performed: {reason}"), since, cancel())
                }
                _ => Standstill::new(format!("step `{name}` sleeps"), since, cancel()),
            };
            found.until(wait.until.as_deref())
        }
        StepStatus::Retrying => {
            let error = step.error.as_ref().map_or("it failed", |error| error.message.as_str());
            let why = format!("step `{name}` is tried again after {} attempts: {error}", step.attempts);
            Standstill::new(why, since, cancel()).until(step.retry_at.as_deref())
        }
        StepStatus::Running if step.item.is_some() || step.attempts > 0 => {
            Standstill::new(format!("step `{name}` is being performed"), since, cancel())
        }
        StepStatus::Undoing => Standstill::new(format!("step `{name}` is being undone"), since, Vec::new()),
        _ => return None,
    })
}

/// What is known of a target that a run waits for, or that somebody asks about.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub state: Option<TargetState>,
    /// Whether everything is halted, and whether this target is.
    pub halted: (bool, bool),
    /// The run that holds it, with what keeps that one.
    pub holder: Option<(RunLine, Vec<Standstill>)>,
    /// How many runs wait for it, and since when the first.
    pub waiting: (usize, Option<String>),
}

/// What keeps a run from its target.
pub fn of_waiting(run: &RunLine, target: &TargetName, around: &Surroundings) -> Vec<Standstill> {
    let mut found = brakes(target, around);
    if let Some((holder, _)) = &around.holder {
        let why = format!("run {} of `{}` holds `{target}`", holder.id, holder.workflow);
        let next = vec![format!("homeostat runs show {}", holder.id), format!("homeostat runs cancel {}", holder.id)];
        found.push(Standstill::new(why, holder.started_at.as_deref(), next));
    }
    if found.is_empty() {
        let why = format!("it waits for its turn at `{target}`");
        found.push(Standstill::new(why, Some(&run.created_at), vec![format!("homeostat targets show {target}")]));
    }
    found
}

/// What keeps a target from rest, or from taking what comes.
pub fn of_target(target: &TargetName, around: &Surroundings) -> Vec<Standstill> {
    let mut found = brakes(target, around);
    if let Some((holder, reasons)) = &around.holder {
        let told = reasons.iter().map(|reason| {
            let why = format!("run {} of `{}` holds it: {}", holder.id, holder.workflow, reason.why);
            Standstill { why, ..reason.clone() }
        });
        found.extend(told);
        if reasons.is_empty() {
            let why = format!("run {} of `{}` holds it", holder.id, holder.workflow);
            let next = vec![format!("homeostat runs show {}", holder.id)];
            found.push(Standstill::new(why, holder.started_at.as_deref(), next));
        }
    }
    if let (count @ 1.., since) = &around.waiting {
        let runs = if *count == 1 { "a run waits".to_owned() } else { format!("{count} runs wait") };
        let next = vec![format!("homeostat runs list --target {target} --status waiting")];
        found.push(Standstill::new(format!("{runs} for it"), since.as_deref(), next));
    }
    if let Some(state) = around.state.as_ref().filter(|state| state.phase == Phase::Degraded) {
        let why = format!("it is degraded: {}", state.reason.as_deref().unwrap_or("nobody said why"));
        let next = vec![format!("homeostat runs list --target {target} --status failed")];
        found.push(Standstill::new(why, Some(&state.updated_at.to_string()), next));
    }
    found
}

fn brakes(target: &TargetName, around: &Surroundings) -> Vec<Standstill> {
    let mut found = Vec::new();
    let (everything, alone) = around.halted;
    if everything {
        let why = "everything is halted: no run begins, nothing is dispatched".to_owned();
        found.push(Standstill::new(why, None, vec!["homeostat unhalt".to_owned()]));
    }
    if alone {
        let why = format!("`{target}` is halted: no run begins, nothing is dispatched");
        found.push(Standstill::new(why, None, vec![format!("homeostat unhalt {target}")]));
    }
    if let Some(state) = around.state.as_ref().filter(|state| state.phase == Phase::Paused) {
        let reason = state.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let why = format!("`{target}` is paused{reason}: its events wait");
        let next = vec![format!("homeostat targets resume {target}")];
        found.push(Standstill::new(why, Some(&state.updated_at.to_string()), next));
    }
    found
}

#[cfg(test)]
#[path = "standstill_tests.rs"]
mod tests;
