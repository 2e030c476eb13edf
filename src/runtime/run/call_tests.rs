//! A workflow that calls another one behaves as one that has the other's steps itself.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::decide::{Next, Situation, UndoInput, decide};
use super::state::{RunState, StepState, Undoing};
use crate::base::clock::Timestamp;
use crate::base::id::RunId;
use crate::base::source::Sources;
use crate::compile::compile;
use crate::diagnostic::Diagnostics;
use crate::plan::{Plan, StepIndex};
use crate::runtime::effect::ActionError;
use crate::runtime::journal::{Entry, RunStatus, What};

/// A workflow's steps, of which some stand in another one.
#[derive(Clone, Debug)]
struct Case {
    /// Of each step: which of those before it it needs, and what its `if` gives.
    steps: Vec<(Vec<bool>, Option<bool>)>,
    /// The steps that are called.
    called: std::ops::Range<usize>,
    /// What the `if` of the call gives.
    condition: bool,
    /// The step that fails.
    fails: Option<usize>,
}

fn cases() -> impl Strategy<Value = Case> {
    let step = (proptest::collection::vec(any::<bool>(), 8), proptest::option::of(any::<bool>()));
    let steps = proptest::collection::vec(step, 2..8);
    (steps, any::<[usize; 2]>(), any::<bool>(), proptest::option::of(0..8_usize)).prop_map(
        |(steps, [one, other], condition, fails)| {
            let (first, length) = (one % steps.len(), other % steps.len());
            let called = first..(first + 1 + length).min(steps.len());
            let fails = fails.filter(|step| *step < steps.len());
            Case { steps, called, condition, fails }
        },
    )
}

impl Case {
    fn needs(&self, step: usize) -> impl Iterator<Item = usize> + '_ {
        (0..step).filter(move |earlier| self.steps[step].0[*earlier])
    }

    fn is_called(&self, step: usize) -> bool {
        self.called.contains(&step)
    }

    /// What the call waits for: whatever one of its steps needs outside.
    fn call_needs(&self) -> BTreeSet<usize> {
        self.called.clone().flat_map(|step| self.needs(step)).filter(|step| !self.is_called(*step)).collect()
    }

    fn line(step: usize, condition: &str, needs: &[String]) -> String {
        let needs = needs.join(", ");
        format!(
            "  s{step}: {{ {condition}uses: agents.dispatch, with: {{ factor: 0.5 }}, undo: previous, needs: [{needs}] }}\n"
        )
    }

    /// All steps in one workflow: those that are called wait for what the call does, and for them all others wait.
    fn flat(&self) -> String {
        let mut text = self.head("flat");
        for step in 0..self.steps.len() {
            let own = self.steps[step].1.map(|_| format!("inputs.c{step}"));
            let call = self.is_called(step).then(|| "inputs.call".to_owned());
            let both: Vec<_> = own.into_iter().chain(call).collect();
            let condition = if both.is_empty() { String::new() } else { format!("if: \"{}\", ", both.join(" && ")) };
            let mut needs: BTreeSet<usize> = self.needs(step).collect();
            if self.is_called(step) {
                needs.extend(self.call_needs());
            } else if needs.iter().any(|need| self.is_called(*need)) {
                needs.extend(self.called.clone());
            }
            let needs: Vec<_> = needs.into_iter().map(|need| format!("s{need}")).collect();
            text.push_str(&Self::line(step, &condition, &needs));
        }
        text
    }

    /// The workflow that calls, and the one that is called.
    fn nested(&self) -> (String, String) {
        let (mut outer, mut part) = (self.head("nested"), self.head("part"));
        for step in 0..self.steps.len() {
            let condition = self.steps[step].1.map(|_| format!("if: inputs.c{step}, ")).unwrap_or_default();
            if step == self.called.start {
                let names = (0..self.steps.len()).map(|step| format!("c{step}")).chain(["call".to_owned()]);
                let with: Vec<_> = names.map(|name| format!("{name}: \"${{inputs.{name}}}\"")).collect();
                let needs: Vec<_> = self.call_needs().into_iter().map(|need| format!("s{need}")).collect();
                outer.push_str(&format!(
                    "  part: {{ if: inputs.call, uses: workflow.part, with: {{ {} }}, needs: [{}] }}\n",
                    with.join(", "),
                    needs.join(", ")
                ));
            }
            if self.is_called(step) {
                let inner = self.needs(step).filter(|need| self.is_called(*need));
                let needs: Vec<_> = inner.map(|need| format!("s{need}")).collect();
                part.push_str(&Self::line(step, &condition, &needs));
            } else {
                let name = |need: usize| if self.is_called(need) { "part".to_owned() } else { format!("s{need}") };
                let needs: BTreeSet<_> = self.needs(step).map(name).collect();
                outer.push_str(&Self::line(step, &condition, &needs.into_iter().collect::<Vec<_>>()));
            }
        }
        (outer, part)
    }

    fn head(&self, name: &str) -> String {
        let inputs: Vec<_> = (0..self.steps.len()).map(|step| format!("c{step}: bool")).collect();
        format!("workflow: {name}\ninputs: {{ {}, call: bool }}\nsteps:\n", inputs.join(", "))
    }

    fn inputs(&self) -> Json {
        let mut inputs: serde_json::Map<String, Json> = self
            .steps
            .iter()
            .enumerate()
            .map(|(step, (_, known))| (format!("c{step}"), json!(known.unwrap_or(true))))
            .collect();
        inputs.insert("call".to_owned(), json!(self.condition));
        inputs.into()
    }
}

fn plan_of(name: &str, texts: &[&str]) -> Plan {
    let mut sources = Sources::new();
    for (text, at) in texts.iter().zip(0..) {
        sources.add(format!("{at}.yaml"), *text);
    }
    let compilation = compile(sources, Diagnostics::new(), &crate::action::catalogue());
    assert!(!compilation.diagnostics.has_errors(), "{:?}\n{texts:?}", compilation.diagnostics);
    Plan::clone(compilation.plans.iter().find(|plan| plan.workflow.as_str() == name).unwrap())
}

/// The name that a step has where it is written.
fn written(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Runs a plan to its end: each attempt ends at once, and the step that fails does. What came of it, and what was undone in
/// which order.
fn run(plan: &Plan, inputs: &Json, fails: Option<usize>) -> (RunState, Vec<String>) {
    let fails = fails.map(|step| format!("s{step}"));
    let (mut state, mut undone) = (RunState::default(), Vec::new());
    let mut entries = Vec::new();
    let mut note = |state: &mut RunState, what: What| {
        let entry = Entry { at: Timestamp(0), what };
        state.apply(&entry).unwrap();
        entries.push(entry);
        // What is journaled is all there is: a crash at any moment goes on from the same state.
        assert_eq!(RunState::replay(&entries).unwrap(), *state);
    };
    note(&mut state, What::Began { inputs: inputs.clone(), target: None, view: json!({}) });
    for _ in 0..200 {
        let view = json!({ "id": "r", "workflow": plan.workflow });
        let id = RunId::counted(Timestamp(0), 1);
        let next = decide(&Situation { plan, state: &state, id, run: &view, now: Timestamp(0) });
        if state.ended.is_some() {
            return (state, undone);
        }
        assert!(!next.is_empty(), "the run stands still");
        for next in next {
            match next {
                Next::Note(what) => note(&mut state, what),
                Next::Attempt { place, attempt, input, undo } => {
                    assert_eq!(undo, UndoInput::Remember);
                    note(&mut state, What::Attempted { place: place.clone(), attempt, input, undo: Some(Json::Null) });
                    let is_bad = fails.as_deref() == Some(written(place.step.as_str()));
                    let what = if is_bad {
                        What::Failed { place, error: ActionError::permanent("bad") }
                    } else {
                        What::Succeeded { place, output: json!({}) }
                    };
                    note(&mut state, what);
                }
                Next::Undo { place } => {
                    undone.push(place.step.to_string());
                    note(&mut state, What::Undoing { place: place.clone() });
                    note(&mut state, What::Undone { place, output: Json::Null });
                }
                Next::Perform { .. } => panic!("nothing waits"),
            }
        }
    }
    panic!("the run does not end");
}

/// What became of each step by the name it is written under.
fn fates(plan: &Plan, state: &RunState) -> BTreeMap<String, &'static str> {
    let performed = plan.steps.iter().filter(|(_, step)| step.border.is_none());
    performed
        .map(|(_, step)| {
            let fate = match state.steps.get(&step.name) {
                None => "not started",
                Some(StepState::Skipped) => "skipped",
                Some(StepState::Once(performance)) if performance.output().is_some() => "succeeded",
                Some(_) => "failed",
            };
            (written(step.name.as_str()).to_owned(), fate)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_call_does_what_its_steps_would_do_in_its_place(case in cases()) {
        let (outer, part) = case.nested();
        let flat = plan_of("flat", &[&case.flat()]);
        let nested = plan_of("nested", &[&outer, &part]);
        let (flat_end, _) = run(&flat, &case.inputs(), case.fails);
        let (nested_end, undone) = run(&nested, &case.inputs(), case.fails);
        let (flat_fates, nested_fates) = (fates(&flat, &flat_end), fates(&nested, &nested_end));
        let failed = flat_fates.values().any(|fate| *fate == "failed");
        prop_assert_eq!(nested_fates.values().any(|fate| *fate == "failed"), failed);
        let status = if failed { RunStatus::Failed } else { RunStatus::Succeeded };
        for end in [&flat_end, &nested_end] {
            prop_assert_eq!(end.ended.as_ref().unwrap().status, status);
        }
        if !failed {
            // What runs beside a failure is chance; without one nothing is.
            prop_assert_eq!(&flat_fates, &nested_fates);
            prop_assert!(undone.is_empty());
        }
        // Whatever was begun is undone, in reverse order of dependence, also across the border of the call.
        let begun = nested_end.performances().filter(|(_, done)| done.undo.is_some());
        let begun: Vec<_> = begun.map(|(place, done)| (place.step.to_string(), done.undoing.clone())).collect();
        prop_assert!(!failed || begun.iter().all(|(_, undoing)| *undoing == Undoing::Done));
        let index = |name: &String| nested.steps.find(name).unwrap_or(StepIndex(0));
        for (at, first) in undone.iter().enumerate() {
            prop_assert!(undone.iter().skip(at + 1).all(|later| !nested.steps.waits_for(index(later), index(first))));
        }
    }
}
