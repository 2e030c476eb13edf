//! What a run does next, from its plan and its state alone.
//!
//! Forward: a step is ready when all it depends on have settled. The first failure, or a request to stop, starts nothing
//! new; what runs settles; then every performance that has an undo is undone, one after the other, in reverse order of
//! dependence; then `on_failure` runs; then the run ends. A superseded run leaves what `undo: previous` would restore to
//! the run that takes over: only undo actions of their own are performed.

use serde_json::{Value as Json, json};

use super::state::{Dormancy, Performance, RunState, Status, StepState, Undoing};
use crate::base::clock::Timestamp;
use crate::base::id::{IdempotencyKey, RunId, Signature, StepName};
use crate::expression::Bindings;
use crate::model::action::Effect;
use crate::model::schema::{JsonMap, Shape};
use crate::model::target::Phase;
use crate::plan::{Frame, Graph, Plan, Step, Undo};
use crate::runtime::effect::{ActionError, FailureKind};
use crate::runtime::journal::{Place, RunStatus, RunSummary, StopReason, What};

/// All that the decision may look at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub plan: &'a Plan,
    pub state: &'a RunState,
    pub id: RunId,
    /// What `run` is in expressions.
    pub run: &'a Json,
    pub now: Timestamp,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// To be journaled; it is done with that.
    Note(What),
    /// To be journaled and then performed.
    Attempt { place: Place, attempt: u32, input: Json, undo: UndoInput },
    /// Approved: to be journaled as that and then performed.
    Perform { place: Place },
    /// To be journaled as begun and then performed.
    Undo { place: Place },
}

/// What an attempt's undo needs, to be journaled with the attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum UndoInput {
    /// The step has no undo, or a former attempt has resolved it.
    None,
    /// The action is to be asked what it finds.
    Remember,
    /// The undo action's inputs.
    Resolved(Json),
}

/// Everything to do now; empty where the run waits for what runs, for a moment, or has ended.
pub fn decide(situation: &Situation<'_>) -> Vec<Next> {
    let Situation { plan, state, .. } = situation;
    if state.began.is_none() || state.ended.is_some() {
        return Vec::new();
    }
    if state.failure.is_none() && state.stop.is_none() {
        return match situation.forward(&plan.steps) {
            Progress::Next(next) => next,
            Progress::Waiting => Vec::new(),
            Progress::Settled => vec![situation.succeed()],
        };
    }
    let given_up = situation.give_up(&plan.steps);
    if !given_up.is_empty() || situation.is_running(&plan.steps) {
        return given_up;
    }
    if state.performances().any(|(_, performance)| performance.undoing == Undoing::Running) {
        return Vec::new();
    }
    if let Some(place) = situation.next_undo() {
        return vec![Next::Undo { place }];
    }
    if !situation.handles_failure() {
        return vec![situation.end()];
    }
    let handler_failed = plan.on_failure.iter().any(|(_, step)| state.steps.get(&step.name).is_some_and(has_failed));
    if handler_failed {
        let given_up = situation.give_up(&plan.on_failure);
        let ends = given_up.is_empty() && !situation.is_running(&plan.on_failure);
        return if ends { vec![situation.end()] } else { given_up };
    }
    match situation.forward(&plan.on_failure) {
        Progress::Next(next) => next,
        Progress::Waiting => Vec::new(),
        Progress::Settled => vec![situation.end()],
    }
}

/// What a run waits for that has nothing to do but wait.
pub fn dormancy(summary: &RunSummary, plan: &Plan, state: &RunState, now: Timestamp) -> Option<Dormancy> {
    let dormancy = state.dormancy()?;
    let run = run_view(summary);
    let situation = Situation { plan, state, id: summary.id, run: &run, now };
    decide(&situation).is_empty().then_some(dormancy)
}

/// What `run` is in expressions.
pub fn run_view(summary: &RunSummary) -> Json {
    json!({ "id": summary.id, "workflow": summary.workflow })
}

/// What a failed attempt leads to: another one after a pause, or the end of the step.
///
/// The pause is `backoff` · 2^(attempt − 1), at most `max_backoff`, times a fraction of [0, 1) ("full jitter"). The
/// fraction comes from the key, so that the same history gives the same pauses.
pub fn after_failure(
    step: &Step,
    key: &IdempotencyKey,
    place: Place,
    attempt: u32,
    error: ActionError,
    now: Timestamp,
) -> What {
    match step.retry {
        Some(retry) if attempt < retry.attempts && error.may_retry() => {
            let doubled = retry.backoff.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
            let pause = doubled.min(retry.max_backoff).mul_f64(fraction(key, attempt));
            What::Retrying { place, error, retry_at: now.after(pause) }
        }
        _ => What::Failed { place, error },
    }
}

/// What is to be journaled for each performance that was cut off, before it is performed again.
pub fn after_crash(plan: &Plan, state: &RunState) -> Vec<What> {
    let cut_off = state.performances().filter(|(_, performance)| performance.status == Status::Running);
    cut_off
        .map(|(place, _)| match find(plan, &place.step) {
            Some(step) if step.action.effect == Effect::AtMostOnce => {
                let message = format!("`{}` was cut off by a crash and may not be repeated", place.step);
                What::Failed { place, error: ActionError::permanent(message) }
            }
            _ => What::Interrupted { place },
        })
        .collect()
}

/// The step of that name, in the workflow or its failure handler.
pub fn find<'a>(plan: &'a Plan, name: &StepName) -> Option<&'a Step> {
    [&plan.steps, &plan.on_failure].into_iter().find_map(|graph| graph.step(graph.find(name.as_str())?))
}

/// Names a performance for ever.
pub fn key(run: RunId, place: &Place) -> IdempotencyKey {
    match place.item {
        None => format!("{run}/{}", place.step).into(),
        Some(item) => format!("{run}/{}[{item}]", place.step).into(),
    }
}

/// What the run's `state.*` steps propose: the last one that succeeded in the part of the plan that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub phase: Phase,
    pub signature: Option<Signature>,
    pub reason: Option<String>,
}

/// The proposal of a run that succeeded, or of the failure handler of one that did not.
pub fn proposal(plan: &Plan, state: &RunState) -> Option<Proposal> {
    let graph = if state.failure.is_none() && state.stop.is_none() { &plan.steps } else { &plan.on_failure };
    graph.iter().rev().find_map(|(_, step)| {
        let phase = step.action.proposes?;
        let Some(StepState::Once(performance)) = state.steps.get(&step.name) else { return None };
        performance.output()?;
        let text = |name: &str| performance.input.get(name).and_then(Json::as_str);
        Some(Proposal {
            phase,
            signature: text("signature").map(Signature::from),
            reason: text("reason").map(str::to_owned),
        })
    })
}

enum Progress {
    Next(Vec<Next>),
    Waiting,
    Settled,
}

impl Situation<'_> {
    fn forward(&self, graph: &Graph) -> Progress {
        let mut next = Vec::new();
        let mut settled = true;
        for (index, step) in graph.iter() {
            match self.state.steps.get(&step.name) {
                Some(state) if state.is_settled() => {}
                Some(state) => {
                    settled = false;
                    next.extend(self.go_on(step, state));
                }
                None => {
                    settled = false;
                    let dependencies = graph.dependencies(index);
                    let ready = dependencies.iter().all(|(before, _)| {
                        let state = graph.step(*before).and_then(|before| self.state.steps.get(&before.name));
                        state.is_some_and(StepState::is_settled)
                    });
                    if ready {
                        next.extend(self.open(step));
                    }
                }
            }
        }
        // The first failure starts nothing new, not even what would begin in the same moment.
        if next.iter().any(|next| matches!(next, Next::Note(What::Failed { .. }))) {
            next.retain(|next| matches!(next, Next::Note(_)));
        }
        match (next.is_empty(), settled) {
            (false, _) => Progress::Next(next),
            (true, true) => Progress::Settled,
            (true, false) => Progress::Waiting,
        }
    }

    /// The first thing that happens to a ready step; at the border of a call, all that happens there.
    fn open(&self, step: &Step) -> Vec<Next> {
        // Of a call that is skipped, all is.
        let entry = step.frame.entry();
        if entry.is_some_and(|entry| self.state.steps.get(&entry) == Some(&StepState::Skipped)) {
            return vec![Next::Note(What::Skipped { step: step.name.clone() })];
        }
        match (step.border, self.open_step(step)) {
            (Some(_), Next::Attempt { place, attempt, input, .. }) => {
                let output = input.clone();
                let began = What::Attempted { place: place.clone(), attempt, input, undo: None };
                vec![Next::Note(began), Next::Note(What::Succeeded { place, output })]
            }
            (_, next) => vec![next],
        }
    }

    fn open_step(&self, step: &Step) -> Next {
        let place = Place { step: step.name.clone(), item: None };
        let fails = |error| Next::Note(What::Failed { place: place.clone(), error });
        let outputs = self.state.outputs_within(&step.frame);
        let error = self.state.error_view();
        let bindings = self.bindings(&step.frame, &outputs, &error);
        if let Some(condition) = &step.condition {
            match condition.evaluate_bool(&bindings) {
                Ok(true) => {}
                Ok(false) => return Next::Note(What::Skipped { step: step.name.clone() }),
                Err(error) => return fails(ActionError::permanent(format!("`if` cannot be evaluated: {error}"))),
            }
        }
        let Some(each) = &step.for_each else {
            return Self::first_attempt(step, place.clone(), &bindings).unwrap_or_else(fails);
        };
        match each.items.evaluate(&bindings) {
            Ok(Some(Json::Array(items))) => Next::Note(What::Expanded { step: step.name.clone(), items }),
            Ok(_) => fails(ActionError::permanent("`for_each` must be a list")),
            Err(error) => fails(ActionError::permanent(format!("`for_each` cannot be evaluated: {error}"))),
        }
    }

    /// What happens next to a step that is open and not settled.
    fn go_on(&self, step: &Step, state: &StepState) -> Vec<Next> {
        match state {
            StepState::Skipped | StepState::Kept(_) | StepState::Broken(_) => Vec::new(),
            StepState::Once(performance) => self.pursue(step, None, performance).into_iter().collect(),
            StepState::Each { items, performances } => {
                let mut next: Vec<_> =
                    performances.iter().filter_map(|(item, done)| self.pursue(step, Some(*item), done)).collect();
                let open = performances.values().filter(|performance| !performance.is_settled()).count();
                let free = step.for_each.as_ref().map_or(1, |each| each.concurrency.max(1)).saturating_sub(open);
                let unstarted = items.iter().enumerate().filter(|(item, _)| !performances.contains_key(item));
                next.extend(unstarted.take(free).map(|(item, value)| self.open_item(step, item, value)));
                next
            }
        }
    }

    fn open_item(&self, step: &Step, item: usize, value: &Json) -> Next {
        let place = Place { step: step.name.clone(), item: Some(item) };
        let outputs = self.state.outputs_within(&step.frame);
        let error = self.state.error_view();
        let index = Json::from(item);
        let bindings = self.bindings(&step.frame, &outputs, &error).with("item", value).with("index", &index);
        Self::first_attempt(step, place.clone(), &bindings).unwrap_or_else(|error| {
            let message = format!("item {item}: {}", error.message);
            Next::Note(What::Failed { place, error: ActionError { message, ..error } })
        })
    }

    /// The next attempt, where it is due; or what a wait has come to.
    fn pursue(&self, step: &Step, item: Option<usize>, performance: &Performance) -> Option<Next> {
        let place = Place { step: step.name.clone(), item };
        match &performance.status {
            Status::Retrying { at, .. } if *at <= self.now => Some(Next::Attempt {
                place,
                attempt: performance.attempt + 1,
                input: performance.input.clone(),
                undo: UndoInput::None,
            }),
            Status::Waiting { wait, answer } if wait.permits(answer.as_ref(), self.now) => {
                Some(Next::Perform { place })
            }
            Status::Waiting { wait, answer } => {
                let what = match wait.conclude(answer.as_ref(), self.now)? {
                    Ok(output) => What::Succeeded { place, output },
                    Err(error) => {
                        let key = key(self.id, &place);
                        after_failure(step, &key, place, performance.attempt, error, self.now)
                    }
                };
                Some(Next::Note(what))
            }
            _ => None,
        }
    }

    fn first_attempt(step: &Step, place: Place, bindings: &Bindings<'_>) -> Result<Next, ActionError> {
        let input = resolve(step, "with", &step.with, &step.action.inputs, bindings)?;
        let undo = match &step.undo {
            None => UndoInput::None,
            Some(Undo::Previous) => UndoInput::Remember,
            Some(Undo::Action { action, with }) => {
                UndoInput::Resolved(resolve(step, "undo", with, &action.inputs, bindings)?)
            }
        };
        Ok(Next::Attempt { place, attempt: 1, input, undo })
    }

    fn bindings<'b>(&'b self, frame: &Frame, steps: &'b Json, error: &'b Json) -> Bindings<'b> {
        let (inputs, target) =
            self.state.began.as_ref().map_or((&Json::Null, &Json::Null), |began| (&began.inputs, &began.view));
        let given = frame.entry().map(|entry| self.state.given(&entry));
        Bindings::new()
            .with("inputs", given.unwrap_or(inputs))
            .with("steps", steps)
            .with("target", target)
            .with("run", self.run)
            .with("error", error)
    }

    /// Performances that wait for another attempt get none any more, and those that wait for anything else wait no longer.
    fn give_up(&self, graph: &Graph) -> Vec<Next> {
        let waiting = self.state.performances().filter(|(place, _)| graph.find(place.step.as_str()).is_some());
        waiting
            .filter_map(|(place, performance)| match &performance.status {
                Status::Retrying { error, .. } => Some(Next::Note(What::Failed { place, error: error.clone() })),
                Status::Waiting { .. } => {
                    let why =
                        if self.state.stop.is_some() { "the run was told to stop" } else { "another step failed" };
                    let error = ActionError::new(FailureKind::Cancelled, format!("waits no longer: {why}"));
                    Some(Next::Note(What::Failed { place, error }))
                }
                _ => None,
            })
            .collect()
    }

    fn is_running(&self, graph: &Graph) -> bool {
        let mut performances = self.state.performances();
        performances.any(|(place, performance)| {
            performance.status == Status::Running && graph.find(place.step.as_str()).is_some()
        })
    }

    fn next_undo(&self) -> Option<Place> {
        self.plan.steps.iter().rev().find_map(|(_, step)| {
            let superseded = self.state.stop == Some(StopReason::Superseded);
            match &step.undo {
                None => return None,
                Some(Undo::Previous) if superseded => return None,
                Some(_) => {}
            }
            let mut places: Vec<_> = self.state.performances().filter(|(place, _)| place.step == step.name).collect();
            places.reverse();
            places
                .into_iter()
                .find(|(_, performance)| performance.undo.is_some() && performance.undoing == Undoing::NotYet)
                .map(|(place, _)| place)
        })
    }

    fn handles_failure(&self) -> bool {
        match self.state.stop {
            Some(StopReason::Superseded | StopReason::Cancelled) => false,
            Some(StopReason::Halted) | None => true,
        }
    }

    fn succeed(&self) -> Next {
        let frame = Frame::outermost(self.plan.workflow.clone());
        let steps = self.state.outputs_within(&frame);
        let bindings = self.bindings(&frame, &steps, &Json::Null);
        let mut outputs = JsonMap::new();
        for (name, template) in &self.plan.outputs {
            match template.evaluate(&bindings) {
                Ok(Some(value)) => {
                    outputs.insert(name.clone(), value);
                }
                Ok(None) => {}
                Err(error) => {
                    let message = format!("output `{name}` cannot be evaluated: {error}");
                    return Next::Note(What::Ended {
                        status: RunStatus::Failed,
                        outputs: Json::Null,
                        error: Some(ActionError::permanent(message)),
                        phase: None,
                    });
                }
            }
        }
        let phase = proposal(self.plan, self.state).map(|proposal| proposal.phase);
        Next::Note(What::Ended { status: RunStatus::Succeeded, outputs: Json::Object(outputs), error: None, phase })
    }

    fn end(&self) -> Next {
        let status = match self.state.stop {
            Some(StopReason::Superseded | StopReason::Cancelled) => RunStatus::Cancelled,
            Some(StopReason::Halted) | None => RunStatus::Failed,
        };
        let stopped = || match self.state.stop {
            Some(StopReason::Superseded) => Some("a later event took the target over"),
            Some(StopReason::Cancelled) => Some("the run was cancelled"),
            Some(StopReason::Halted) => Some("the target was halted"),
            None => None,
        };
        let error = match &self.state.failure {
            Some((step, error)) if self.state.stop.is_none() => {
                Some(ActionError { message: format!("step `{step}`: {}", error.message), ..error.clone() })
            }
            _ => stopped().map(|why| ActionError::new(FailureKind::Cancelled, why)),
        };
        let phase = proposal(self.plan, self.state).map(|proposal| proposal.phase);
        Next::Note(What::Ended { status, outputs: Json::Null, error, phase })
    }
}

/// Evaluates a step's inputs and holds them against what the action declares.
fn resolve(
    step: &Step,
    key: &str,
    template: &crate::plan::Template,
    declared: &crate::model::schema::Object,
    bindings: &Bindings<'_>,
) -> Result<Json, ActionError> {
    let mut input = template
        .evaluate(bindings)
        .map_err(|error| {
            ActionError::permanent(format!("`{key}` of step `{}` cannot be evaluated: {error}", step.name))
        })?
        .unwrap_or_else(|| JsonMap::new().into());
    Shape::Object(declared.clone()).conform(key, &mut input).map_err(|mismatches| {
        let list: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
        ActionError::permanent(list.join("; "))
    })?;
    Ok(input)
}

fn has_failed(state: &StepState) -> bool {
    match state {
        StepState::Skipped | StepState::Kept(_) => false,
        StepState::Broken(_) => true,
        StepState::Once(performance) => matches!(performance.status, Status::Failed(_)),
        StepState::Each { performances, .. } => {
            performances.values().any(|performance| matches!(performance.status, Status::Failed(_)))
        }
    }
}

/// A fraction in [0, 1) that is the same for the same key and attempt.
fn fraction(key: &IdempotencyKey, attempt: u32) -> f64 {
    let digest = crate::base::digest::Digest::of(format!("{key}#{attempt}"));
    let digits = digest.as_str().get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
    f64::from(digits) / (f64::from(u32::MAX) + 1.0)
}
