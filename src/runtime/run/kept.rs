//! The journal of a run becomes what another one, that tries it again from the step that failed, need not do again.

use std::collections::BTreeSet;

use super::state::{RunState, StepState};
use crate::plan::Plan;
use crate::runtime::journal::What;

/// What a run that continues another one keeps of it: the steps that were skipped or have succeeded, have nothing that
/// would have to be undone or was, and refer to none that has to be performed again.
pub fn kept(plan: &Plan, state: &RunState) -> Vec<What> {
    let mut kept: Vec<What> = Vec::new();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for (_, step) in plan.steps.iter() {
        let programs = step.condition.iter().chain(step.with.programs());
        let programs = programs.chain(step.for_each.iter().flat_map(|each| each.items.programs()));
        let referred = programs.flat_map(|program| program.references("steps")).filter_map(|found| found.name);
        // What is within a call is as the call was: skipped with it, and given what that gives.
        let mut referred = referred.map(|name| step.frame.name(&name)).chain(step.frame.entry());
        if step.action.proposes.is_some() || !referred.all(|name| names.contains(name.as_str())) {
            continue;
        }
        let Some(state) = state.steps.get(&step.name) else { continue };
        let what = match state {
            StepState::Skipped => What::Skipped { step: step.name.clone() },
            StepState::Once(performance) if performance.undo.is_some() => continue,
            StepState::Each { performances, .. } if performances.values().any(|done| done.undo.is_some()) => continue,
            state => match state.output() {
                Some(output) => What::Kept { step: step.name.clone(), output },
                None => continue,
            },
        };
        names.insert(step.name.as_str());
        kept.push(what);
    }
    kept
}
