//! Every step of every workflow that ships, and of every example's, fails in turn: the run ends, what it did is undone in
//! reverse order, its target rests, and nothing is left behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat::app::program::{StoredPlans, assemble};
use homeostat::base::id::{RunId, StepName};
use homeostat::base::source::Sources;
use homeostat::harness::play::{Played, play};
use homeostat::harness::scenario::{Known, parse};
use homeostat::harness::world::Laws;
use homeostat::harness::world::history::Happening;
use homeostat::model::schema::{Object, Shape};
use homeostat::model::target::{Phase, TargetState};
use homeostat::plan::{Plan, StepIndex};
use homeostat::runtime::journal::{Entry, Place, RunStatus, RunSummary, What};
use homeostat::runtime::run::state::{RunState, StepState, Undoing};
use serde_json::{Value as Json, json};

use super::folders;
use super::plans::compiled;

/// How a target may stand when a run begins: not every step is reached from each.
const SITUATIONS: [&str; 3] = [
    "{ targets: { checkout: { signature: v1, rate: 100rps, agents: [one, two] } } }",
    "{ targets: { checkout: { signature: v1, rate: 100rps, agents: [one, two] } }, records: [{ signature: v1, max_rps: 250, age: 1h }] }",
    "{ targets: { checkout: { agents: [one, two] } } }",
];

const CONFIG: &str = "config: { targets: { checkout: { mode: enforce, measure: { endpoint: \"http://127.0.0.1:8080/\", \
                      live_traffic: count } } } }";

/// What stands in for whatever nobody is there to do.
const MOCKS: &str = "pressure.measure: { output: { max_rps: 250 } }, \
                     approval.wait: { output: { approved: true, outcome: approved } }, \
                     event.wait: { output: { came: true, data: {}, source: somebody } }";

fn value(shape: &Shape) -> Json {
    match shape {
        Shape::Any | Shape::String => json!("v1"),
        Shape::Bool => json!(true),
        Shape::Int => json!(1),
        Shape::Double => json!(0.5),
        Shape::Duration => json!("1m"),
        Shape::Timestamp => json!("2026-01-05T09:30:00Z"),
        Shape::List(item) => json!([value(item), value(item)]),
        Shape::Map(item) => json!({ "v1": value(item) }),
        Shape::Object(object) => inputs(object),
    }
}

fn inputs(object: &Object) -> Json {
    object.fields.iter().map(|field| (field.name.clone(), value(&field.shape))).collect()
}

/// What came of a run of `plan` in which these steps fail.
fn failed(laws: &Laws, plan: &Plan, situation: usize, steps: &[&StepName], extra: &str) -> Played {
    let given = SITUATIONS[situation].strip_prefix('{').unwrap();
    let fails: Vec<_> =
        steps.iter().map(|step| format!(", {}.{step}: {{ fails: it was made to fail }}", plan.workflow)).collect();
    let fails = fails.concat();
    let text = format!(
        "scenario: failure\ngiven: {{ {CONFIG}, {given}\nmock: {{ {MOCKS}{fails} }}\nwhen:\n{extra}  - {{ run: {}, inputs: {} }}\n\
         lasts: 96h\nthen: {{ refused: [] }}\n",
        plan.workflow,
        inputs(&plan.inputs),
    );
    let mut sources = Sources::new();
    let id = sources.add("failure.test.yaml", text.as_str());
    let catalogue = homeostat::action::catalogue();
    let (scenarios, problems) = parse(id, &sources, Known { program: &laws.program, catalogue: &catalogue });
    assert!(!problems.has_errors(), "{problems:?}\n{text}");
    play(&scenarios[0], laws).unwrap()
}

/// Runs with their journals.
type Runs = BTreeMap<RunId, (RunSummary, Vec<Entry>)>;

/// Every run with its journal, and every target as it is at the end.
fn read(played: &Played) -> (Runs, BTreeMap<String, TargetState>) {
    let (mut runs, mut targets) = (BTreeMap::new(), BTreeMap::new());
    for moment in &played.history {
        match &moment.what {
            Happening::Run(run) => runs.entry(run.id).or_insert_with(|| (run.clone(), Vec::new())).0 = run.clone(),
            Happening::Journaled { run, entry } => runs.get_mut(run).unwrap().1.push(entry.clone()),
            Happening::Target(state) => drop(targets.insert(state.name.to_string(), state.clone())),
            _ => {}
        }
    }
    (runs, targets)
}

fn waits_for(plan: &Plan, later: StepIndex, earlier: StepIndex) -> bool {
    plan.steps.dependencies(later).into_iter().any(|(before, _)| before == earlier || waits_for(plan, before, earlier))
}

/// Holds what happened against what is promised; the steps that failed.
fn judge(played: &Played, plan: &Plan, case: &str) -> Vec<StepName> {
    let (runs, targets) = read(played);
    assert!(!runs.is_empty(), "{case}: nothing ran");
    let mut broken = Vec::new();
    for (summary, journal) in runs.values() {
        assert!(summary.status.is_final(), "{case}: {} is {:?}", summary.workflow, summary.status);
        if summary.workflow != plan.workflow {
            continue;
        }
        let state = RunState::replay(journal).unwrap();
        let fails = |place: &Place| state.performance(place).is_some_and(|it| it.is_settled() && it.output().is_none());
        broken.extend(state.steps.iter().filter_map(|(step, found)| {
            let whole = Place { step: step.clone(), item: None };
            let first = Place { step: step.clone(), item: Some(0) };
            (matches!(found, StepState::Broken(_)) || fails(&whole) || fails(&first)).then(|| step.clone())
        }));
        if broken.is_empty() {
            continue;
        }
        assert_eq!(summary.status, RunStatus::Failed, "{case}");
        // Everything that was begun and can be undone was undone, once.
        for (place, performance) in state.performances() {
            let in_handler = plan.on_failure.find(place.step.as_str()).is_some();
            let undone = matches!(performance.undoing, Undoing::Done | Undoing::Failed(_));
            assert_eq!(undone, performance.undo.is_some() && !in_handler, "{case}: {place}");
            assert!(performance.is_settled(), "{case}: {place} never settled");
        }
        // … and whatever depends on a step before the step itself.
        let order: Vec<_> = journal
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Undoing { place } => plan.steps.find(place.step.as_str()),
                _ => None,
            })
            .collect();
        for (at, earlier) in order.iter().enumerate() {
            for later in &order[at + 1..] {
                assert!(!waits_for(plan, *later, *earlier), "{case}: {earlier:?} is undone before {later:?}");
            }
        }
    }
    for (name, state) in &targets {
        assert!(state.phase != Phase::Adjusting && state.lease.run.is_none(), "{case}: `{name}` is {state:?}");
        // What agents were told last is what the target says of itself.
        let told = played.history.iter().rev().find_map(|moment| match &moment.what {
            Happening::Dispatched { result, .. } => Some(result.total_rps),
            _ => None,
        });
        assert!(told.is_none() || told == state.rate_rps, "{case}: told {told:?}, but `{name}` is {state:?}");
    }
    broken
}

#[test]
fn every_step_fails_in_turn_and_nothing_is_left_behind() {
    let mut count = 0;
    for (name, folder) in folders() {
        let laws = Laws { program: assemble(compiled(&folder)).unwrap(), planner: Arc::new(StoredPlans) };
        for plan in laws.program.plans.values() {
            let handlers = plan.on_failure.iter();
            // Nothing is performed where a call begins and ends.
            let performed = plan.steps.iter().chain(handlers).filter(|(_, step)| step.border.is_none());
            for step in performed.map(|(_, step)| &step.name) {
                // A handler's step runs once another one has failed.
                let in_handler = plan.on_failure.find(step.as_str()).is_some();
                let own = plan.steps.iter().filter(|(_, step)| in_handler && step.border.is_none());
                let causes: Vec<_> = own.map(|(_, step)| &step.name).collect();
                let mut reached = false;
                for situation in 0..SITUATIONS.len() {
                    let steps: Vec<_> = causes.iter().copied().chain([step]).collect();
                    // Once as it is, and once with an engine that dies when the step is about to fail.
                    for crash in ["", &format!("  - {{ at: 0s, crash: {{ after: {step} }} }}\n")] {
                        let case = format!("{name}: {}.{step} in situation {situation} {crash}", plan.workflow);
                        let played = failed(&laws, plan, situation, &steps, crash);
                        reached |= judge(&played, plan, &case).contains(step);
                        count += 1;
                    }
                }
                assert!(reached, "{name}: {}.{step} was never reached", plan.workflow);
            }
        }
    }
    assert!(count > 100, "only {count} failures were tried");
}
