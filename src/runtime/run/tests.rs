//! The decision is driven through whole histories: random graphs, outcomes, stops and crashes, held against what is promised.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::decide::{self, Next, Situation, UndoInput};
use super::model::{self, Condition, Known, Model, Must};
use super::state::{RunState, Status, Undoing};
use crate::base::clock::Timestamp;
use crate::base::id::{IdempotencyKey, RunId, StepName};
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::expression::Bindings;
use crate::ir::template::Template;
use crate::ir::{self, ForEach, Retry, Undo};
use crate::model::action::{ActionSignature, Effect};
use crate::model::schema::Object;
use crate::plan::fixture::condition;
use crate::plan::{self, Plan, PlanSource, StepIndex};
use crate::runtime::effect::{ActionError, FailureKind};
use crate::runtime::journal::{Entry, Place, RunStatus, StopReason, What};
use crate::runtime::wait::{Answer, Decision, Wait, WaitOn};

/// What a step of a random workflow is.
#[derive(Clone, Debug)]
struct Shape {
    needs: Vec<usize>,
    undo: u8,
    attempts: u32,
    items: Option<usize>,
    at_most_once: bool,
    /// 0: it is performed; 1: it waits for time to pass; 2: for a person, with a timeout; 3: for a person, for ever; 4: for
    /// a person before it is performed.
    waits: u8,
    condition: Condition,
}

impl Shape {
    fn plain() -> Self {
        Self {
            needs: Vec::new(),
            undo: 0,
            attempts: 1,
            items: None,
            at_most_once: false,
            waits: 0,
            condition: Condition::None,
        }
    }

    /// What the model is told of it.
    fn known(&self) -> Known {
        Known {
            needs: self.needs.iter().copied().collect(),
            condition: self.condition,
            items: self.items,
            restores: self.undo == 1,
        }
    }
}

fn waiting() -> Arc<ActionSignature> {
    Arc::new(ActionSignature { waits: true, ..(*action("wait.for", false)).clone() })
}

fn action(name: &'static str, at_most_once: bool) -> Arc<ActionSignature> {
    let open = Object { fields: Vec::new(), open: true };
    let effect = if at_most_once { Effect::AtMostOnce } else { Effect::Idempotent };
    Arc::new(ActionSignature {
        inputs: open.clone(),
        output: open,
        effect,
        undoable: true,
        ..ActionSignature::pure(name, "", Vec::new(), Vec::new())
    })
}

fn step(name: &str, shape: &Shape) -> ir::Step {
    let span = Span::new(SourceId(0), 0, 0);
    let undo = match shape.undo {
        0 => None,
        1 => Some(Undo::Previous),
        _ => Some(Undo::Action { action: action("take.back", false), with: Template::Literal(json!({ "of": name })) }),
    };
    ir::Step {
        name: Spanned::new(StepName::from(name), span),
        docs: String::new(),
        action: if shape.waits > 0 { waiting() } else { action("do.it", shape.at_most_once) },
        calls: None,
        condition: match shape.condition {
            Condition::None => None,
            Condition::False => Some(condition("false")),
            Condition::Has(other) => Some(condition(&format!("has(steps.s{other})"))),
            Condition::Broken => Some(condition("1 / 0 == 1")),
        },
        with: Template::Literal(json!({ "waits": shape.waits })),
        retry: Some(Retry {
            attempts: shape.attempts,
            backoff: Duration::from_millis(10),
            max_backoff: Duration::from_millis(50),
        }),
        timeout: None,
        undo,
        condition_is_wrong: false,
        for_each: shape
            .items
            .map(|count| ForEach { items: Template::Literal((0..count).collect::<Vec<_>>().into()), concurrency: 2 }),
        needs: shape.needs.iter().map(|index| Spanned::new(format!("s{index}").into(), span)).collect(),
        references: Vec::new(),
    }
}

fn plan_of(shapes: &[Shape], handler: bool) -> Plan {
    let span = Span::new(SourceId(0), 0, 0);
    let plain = Shape::plain();
    let workflow = ir::Workflow {
        name: Spanned::new("random".into(), span),
        summary: String::new(),
        inputs: Object::default(),
        steps: shapes.iter().enumerate().map(|(index, shape)| step(&format!("s{index}"), shape)).collect(),
        on_failure: if handler { vec![step("handle", &plain)] } else { Vec::new() },
        outputs: Vec::new(),
        source: SourceId(0),
    };
    plan::build(&workflow, &plan::Callees::default(), PlanSource::alone("random.yaml", "")).unwrap()
}

/// A run whose effects are made up, one after the other, from a list of choices.
struct Driver<'a> {
    plan: &'a Plan,
    state: RunState,
    model: Model,
    journal: Vec<Entry>,
    now: Timestamp,
    run: RunId,
    /// What is being performed: places, and whether they are being undone.
    running: Vec<(Place, bool)>,
    /// Every effect that was begun: its key, its attempt, whether it is an undo.
    begun: Vec<(IdempotencyKey, u32, bool)>,
}

impl<'a> Driver<'a> {
    fn new(plan: &'a Plan, shapes: &[Shape], handler: bool) -> Self {
        let known = shapes.iter().map(Shape::known).chain(handler.then(Known::default));
        let mut driver = Self {
            plan,
            state: RunState::default(),
            model: Model::new(known.collect(), handler),
            journal: Vec::new(),
            now: Timestamp(0),
            run: RunId::generate(),
            running: Vec::new(),
            begun: Vec::new(),
        };
        driver.note(What::Began { inputs: json!({}), target: None, view: json!(null) });
        driver
    }

    fn note(&mut self, what: What) {
        let entry = Entry { at: self.now, what };
        self.state.apply(&entry).unwrap();
        self.model.note(&entry.what);
        self.journal.push(entry);
    }

    /// Does everything that is decided, until nothing more is.
    fn settle(&mut self) {
        loop {
            let run = json!({});
            let situation = Situation { plan: self.plan, state: &self.state, id: self.run, run: &run, now: self.now };
            let next = decide::decide(&situation);
            self.check_model(&next);
            if next.is_empty() {
                return;
            }
            for next in next {
                match next {
                    Next::Note(what) => self.note(what),
                    Next::Attempt { place, attempt, input, undo } => {
                        let undo = match undo {
                            UndoInput::None => None,
                            UndoInput::Remember => Some(json!("before")),
                            UndoInput::Resolved(input) => Some(input),
                        };
                        self.check_ready(&place);
                        self.begun.push((decide::key(self.run, &place), attempt, false));
                        self.note(What::Attempted { place: place.clone(), attempt, input, undo });
                        match self.wait_at(&place) {
                            Some(wait) => self.note(What::Waiting { place, wait }),
                            None => self.running.push((place, false)),
                        }
                    }
                    Next::Perform { place } => {
                        self.note(What::Permitted { place: place.clone() });
                        self.running.push((place, false));
                    }
                    Next::Undo { place } => {
                        self.check_undo_order(&place);
                        self.begun.push((decide::key(self.run, &place), 0, true));
                        self.note(What::Undoing { place: place.clone() });
                        self.running.push((place, true));
                    }
                }
            }
        }
    }

    /// What was decided is what the model says.
    fn check_model(&self, next: &[Next]) {
        let must = self.model.must(self.now);
        let decided: BTreeSet<_> = next.iter().map(|next| model::told(next, &must)).collect();
        assert_eq!(decided.len(), next.len(), "decided twice: {next:?}");
        match must {
            Must::All(mut all) => {
                // What fails in this very moment keeps everything else from beginning.
                if next.iter().any(|next| matches!(next, Next::Note(What::Failed { .. }))) {
                    all.retain(|what| !what.starts_with("attempt") && !what.starts_with("perform"));
                }
                assert_eq!(decided, all, "of {:#?}", self.model);
            }
            Must::One(one) => {
                assert!(decided.len() == 1 && decided.is_subset(&one), "{decided:?} of {one:?}: {:#?}", self.model);
            }
        }
    }

    /// A step starts only once all it depends on have settled, and none of them after a failure or a stop.
    fn check_ready(&self, place: &Place) {
        let in_handler = self.plan.on_failure.find(place.step.as_str()).is_some();
        if in_handler {
            assert!(self.state.failure.is_some() || self.state.stop == Some(StopReason::Halted));
            assert!(self.running.is_empty(), "the handler starts when nothing else runs");
            return;
        }
        assert!(
            self.state.failure.is_none() && self.state.stop.is_none(),
            "{place:?} started after a failure or a stop"
        );
        let index = self.plan.steps.find(place.step.as_str()).unwrap();
        for (before, _) in self.plan.steps.dependencies(index) {
            let name = &self.plan.steps.step(before).unwrap().name;
            assert!(self.state.steps[name].is_settled(), "{place:?} before {name}");
        }
    }

    /// Whatever depends on a step was undone before it.
    fn check_undo_order(&self, place: &Place) {
        let index = self.plan.steps.find(place.step.as_str()).unwrap();
        for (later, step) in self.plan.steps.iter() {
            let depends = depends_on(self.plan, later, index);
            let superseded = self.state.stop == Some(StopReason::Superseded);
            let stays = matches!(step.undo, Some(Undo::Previous)) && superseded;
            if depends && !stays {
                for (other, performance) in self.state.performances().filter(|(other, _)| other.step == step.name) {
                    let undone = matches!(performance.undoing, Undoing::Done | Undoing::Failed(_));
                    assert!(undone || performance.undo.is_none(), "{place:?} is undone before {other:?}");
                }
            }
        }
    }

    /// What a step of the plan waits for.
    fn wait_at(&self, place: &Place) -> Option<Wait> {
        let step = decide::find(self.plan, &place.step)?;
        let approval = |permits| WaitOn::Approval { reason: String::new(), by: None, required: true, permits };
        let later = Timestamp(self.now.0 + 20);
        match step.with.evaluate(&Bindings::new()).unwrap()?.get("waits").and_then(Json::as_u64) {
            Some(1) => Some(Wait { on: WaitOn::Time { until: later }, timeout_at: None }),
            Some(2) => Some(Wait { on: approval(false), timeout_at: Some(later) }),
            Some(3) => Some(Wait { on: approval(false), timeout_at: None }),
            Some(4) => Some(Wait { on: approval(true), timeout_at: None }),
            Some(5) => Some(Wait { on: WaitOn::Opening { until: later, reason: String::new() }, timeout_at: None }),
            _ => None,
        }
    }

    /// Answers one of the waits as `choice` says, or lets time pass until one is over.
    fn answer_one(&mut self, choice: u8) {
        let open = self.state.performances().filter_map(|(place, performance)| match &performance.status {
            Status::Waiting { wait, answer: None } if matches!(wait.on, WaitOn::Approval { .. }) => Some(place),
            _ => None,
        });
        let open: Vec<_> = open.collect();
        match (open.get(usize::from(choice) % open.len().max(1)), self.state.next_moment()) {
            (Some(place), moment) if choice.is_multiple_of(3) || moment.is_none() => {
                let decision = Decision { approved: !choice.is_multiple_of(5), by: None, note: None };
                self.note(What::Answered { place: place.clone(), answer: Answer::Decision(decision) });
            }
            (_, Some(moment)) => self.now = self.now.max(moment),
            (_, None) => {}
        }
    }

    /// Ends one of the running effects as `choice` says.
    fn end_one(&mut self, choice: u8) {
        if self.running.is_empty() {
            // A run that does nothing but wait can be laid down, and knows when it goes on.
            let waits =
                self.state.performances().any(|(_, performance)| matches!(performance.status, Status::Waiting { .. }));
            let dormancy = self.state.dormancy();
            assert_eq!(dormancy.is_some(), waits);
            assert!(dormancy.is_none_or(|dormancy| dormancy.wakes_at == self.state.next_moment()));
            self.answer_one(choice);
            return;
        }
        self.now.0 += 1;
        let (place, undo) = self.running.remove(usize::from(choice) % self.running.len());
        let fails = choice.is_multiple_of(5);
        let error = ActionError::new(
            if choice.is_multiple_of(2) { FailureKind::Transient } else { FailureKind::Permanent },
            "no",
        );
        let what = match (undo, fails) {
            (false, false) => What::Succeeded { place, output: json!({}) },
            (false, true) => {
                let step = decide::find(self.plan, &place.step).unwrap();
                let attempt = self.state.performance(&place).unwrap().attempt;
                let key = decide::key(self.run, &place);
                decide::after_failure(step, &key, place, attempt, error, self.now)
            }
            (true, false) => What::Undone { place, output: json!({}) },
            (true, true) => What::UndoFailed { place, error },
        };
        self.note(what);
    }

    /// The engine dies and starts again: all that is left is the journal.
    fn crash(&mut self) {
        self.state = RunState::replay(&self.journal).unwrap();
        for what in decide::after_crash(self.plan, &self.state) {
            self.note(what);
        }
        let cut_off: Vec<_> = self
            .state
            .performances()
            .filter(|(_, performance)| performance.status == Status::Running || performance.undoing == Undoing::Running)
            .map(|(place, performance)| (place, performance.undoing == Undoing::Running))
            .collect();
        for (place, _) in &cut_off {
            let step = decide::find(self.plan, &place.step).unwrap();
            let performing = self.state.performance(place).unwrap().status == Status::Running;
            assert!(!(performing && step.action.effect == Effect::AtMostOnce), "{place:?} is repeated");
        }
        self.running = cut_off;
    }
}

fn depends_on(plan: &Plan, later: StepIndex, earlier: StepIndex) -> bool {
    plan.steps.dependencies(later).into_iter().any(|(before, _)| before == earlier || depends_on(plan, before, earlier))
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = |index: usize| {
        (
            proptest::collection::btree_set(0..index.max(1), 0..3),
            0..3_u8,
            1..4_u32,
            proptest::option::weighted(0.2, 0..4_usize),
            proptest::bool::weighted(0.2),
            prop_oneof![3 => Just(0_u8), 2 => 1..5_u8],
            0..16_u8,
        )
            .prop_map(move |(needs, undo, attempts, items, at_most_once, waits, condition)| {
                let needs: Vec<_> = needs.into_iter().filter(|before| *before < index).collect();
                let condition = match (condition, needs.first()) {
                    (0, _) => Condition::False,
                    (1, _) => Condition::Broken,
                    (2..7, Some(need)) => Condition::Has(*need),
                    _ => Condition::None,
                };
                Shape { needs, undo, attempts, items, at_most_once, waits, condition }
            })
    };
    (1..7_usize).prop_flat_map(move |count| (0..count).map(shape).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_what_is_promised(
        shapes in shapes(),
        handler in any::<bool>(),
        choices in proptest::collection::vec(any::<u8>(), 0..120),
        stop in proptest::option::weighted(0.3, (0..30_usize, 0..3_u8)),
        crashes in proptest::collection::btree_set(0..60_usize, 0..4),
    ) {
        let plan = plan_of(&shapes, handler);
        let mut driver = Driver::new(&plan, &shapes, handler);
        driver.settle();
        // Once the choices are used up, everything succeeds: the run must come to an end.
        for (turn, choice) in choices.into_iter().chain(std::iter::repeat_n(1, 400)).enumerate() {
            if driver.state.ended.is_some() {
                break;
            }
            if let Some((moment, reason)) = stop.filter(|(moment, _)| *moment == turn) {
                let _ = moment;
                let reason = [StopReason::Superseded, StopReason::Cancelled, StopReason::Halted][usize::from(reason)];
                driver.note(What::StopRequested { reason });
            }
            if crashes.contains(&turn) {
                driver.crash();
            }
            driver.settle();
            driver.end_one(choice);
            driver.settle();
        }

        let end = driver.state.ended.clone().expect("the run has not ended");
        prop_assert!(driver.running.is_empty(), "something still runs after the end");
        // The journal alone gives the same state.
        prop_assert_eq!(&RunState::replay(&driver.journal).unwrap(), &driver.state);
        // An effect is never begun twice as the same attempt, and its key is its own.
        let distinct: BTreeSet<_> = driver.begun.iter().collect();
        prop_assert_eq!(distinct.len(), driver.begun.len());

        let failed = driver.state.failure.is_some();
        let expected = match driver.state.stop {
            Some(StopReason::Superseded | StopReason::Cancelled) => RunStatus::Cancelled,
            Some(StopReason::Halted) => RunStatus::Failed,
            None if failed => RunStatus::Failed,
            None => RunStatus::Succeeded,
        };
        prop_assert_eq!(end.status, expected);
        for (place, performance) in driver.state.performances() {
            let step = decide::find(&plan, &place.step).unwrap();
            let superseded = driver.state.stop == Some(StopReason::Superseded);
            let stays = superseded && matches!(step.undo, Some(Undo::Previous));
            let in_handler = plan.on_failure.find(place.step.as_str()).is_some();
            let must_undo = expected != RunStatus::Succeeded && performance.undo.is_some() && !in_handler;
            let undone = matches!(performance.undoing, Undoing::Done | Undoing::Failed(_));
            // A superseding event may come when a failure has had the step undone already.
            prop_assert!(undone == must_undo || stays, "{:?}", place);
            prop_assert!(performance.is_settled(), "{:?} never settled", place);
        }
    }
}

#[test]
fn pauses_between_attempts_double_up_to_the_limit_and_are_the_same_each_time() {
    let shape = Shape { attempts: 9, ..Shape::plain() };
    let plan = plan_of(&[shape], false);
    let (_, step) = plan.steps.iter().next().unwrap();
    let key = IdempotencyKey::from("run/s0");
    let place = Place { step: "s0".into(), item: None };
    let error = ActionError::transient("no");
    for attempt in 1..9 {
        let after = || decide::after_failure(step, &key, place.clone(), attempt, error.clone(), Timestamp(0));
        let What::Retrying { retry_at, .. } = after() else { panic!("no retry after attempt {attempt}") };
        let most = (10 << (attempt - 1)).min(50);
        assert!((0..=most).contains(&retry_at.0), "attempt {attempt}: {retry_at:?}");
        assert_eq!(after(), What::Retrying { place: place.clone(), error: error.clone(), retry_at });
    }
    let last = decide::after_failure(step, &key, place.clone(), 9, error.clone(), Timestamp(0));
    assert_eq!(last, What::Failed { place: place.clone(), error });
    let permanent = ActionError::permanent("never");
    let first = decide::after_failure(step, &key, place.clone(), 1, permanent.clone(), Timestamp(0));
    assert_eq!(first, What::Failed { place, error: permanent });
}
