//! The proof that a workflow which sets its target's phase sets it on every way through.
//!
//! # The rule
//!
//! A step runs once all it waits for has settled, whether that ran or was skipped. So nothing but a step's own `if`
//! decides whether it runs, and a way through a workflow is one outcome for every condition.
//!
//! - A workflow without `state.*` steps promises nothing: its target returns to the phase it had.
//! - Otherwise at least one `state.*` step must run on every way through (H0401). One without `if` proves it at once.
//!   Conditional ones prove it together, where one of their conditions holds whatever the values are. A target rests in
//!   one phase, so that a `state.*` step has no place in `for_each`.
//! - Two `state.*` steps that propose different phases and can both run must be ordered, since the later one decides
//!   (H0404). This holds for `on_failure` too.
//! - A way that fails needs no proof: it ends as `on_failure` says, or in `degraded` where that says nothing.
//!
//! Conditions are read as `&&`, `||` and `!` over atoms that are taken as independent and equal only if written alike
//! ([`super::condition`]). That errs on one side: what passes is proved, and what is refused may still be right; then
//! writing one condition as `!(…)` of the other, or a last step without `if`, says so.
//! What is called counts as if it stood there, under the conditions of the calls around it.
//! An error in a condition fails the run, so that only values count. A step whose condition could not be read may run or not:
//! nothing is said that follows from either.

use super::build::Arranged;
use super::condition::{Atoms, Formula, Verdict, contradiction, undecided};
use super::expand::{Expanded, Expansion, place};
use super::graph::StepIndex;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::target::Phase;

/// Above this many `state.*` steps nothing is tried: every pair of them would have to be looked at.
const MOST_PROPOSERS: usize = 64;

/// A step that proposes a phase, and when it runs.
struct Proposer<'a> {
    step: &'a Expanded<'a>,
    index: StepIndex,
    runs: Formula,
}

impl Proposer<'_> {
    /// Where its name stands in the workflow's own text, or that of the call that it is within.
    fn place(&self) -> Span {
        place(self.step)
    }

    fn proposes(&self) -> Option<Phase> {
        self.step.step.action.proposes
    }
}

/// Holds the steps that run when all goes well against the rule.
pub(super) fn check_success(expansion: &Expansion<'_>, arranged: &Arranged, found: &mut Diagnostics) {
    let (proposers, atoms) = proposers(expansion, arranged, found);
    let formulas: Vec<&Formula> = proposers.iter().map(|proposer| &proposer.runs).collect();
    let all_are_known =
        !expansion.steps.iter().any(|known| known.condition_is_wrong && known.step.action.proposes.is_some());
    if let (Some(last), true) = (proposers.last(), all_are_known && proposers.len() <= MOST_PROPOSERS) {
        match undecided(&formulas, &atoms) {
            Verdict::Never => {}
            Verdict::Case(case) => found.push(missing(&proposers, last, Some(&case))),
            Verdict::TooMany => found.push(missing(&proposers, last, None)),
        }
    }
    check_order(&proposers, &atoms, arranged, found);
}

/// Holds the failure handler against the rule.
pub(super) fn check_failure(expansion: &Expansion<'_>, arranged: &Arranged, found: &mut Diagnostics) {
    let (proposers, atoms) = proposers(expansion, arranged, found);
    check_order(&proposers, &atoms, arranged, found);
}

fn proposers<'a>(
    expansion: &'a Expansion<'a>,
    arranged: &Arranged,
    found: &mut Diagnostics,
) -> (Vec<Proposer<'a>>, Atoms) {
    let mut atoms = Atoms::default();
    let mut list = Vec::new();
    for (at, index) in arranged.places.iter().zip(0..) {
        let proposes = |known: &&Expanded<'_>| known.step.action.proposes.is_some();
        let Some(step) = expansion.steps.get(*at).filter(proposes) else { continue };
        if step.step.for_each.is_some() {
            let message = format!("`{}` sets the phase, so it cannot be repeated by `for_each`", step.step.name);
            found.push(
                Diagnostic::error(Code::NoRest, place(step), message)
                    .help("let another step go through the list, and this one need it"),
            );
            continue;
        }
        if step.condition_is_wrong {
            continue;
        }
        let conditions = step.conditions.iter().map(|(frame, program)| atoms.read_within(frame.call(), program.text()));
        let mut conditions: Vec<Formula> = conditions.collect();
        let runs = match conditions.len() {
            0 => Formula::Constant(true),
            1 => conditions.remove(0),
            _ => Formula::All(conditions),
        };
        list.push(Proposer { step, index: StepIndex(index), runs });
    }
    (list, atoms)
}

fn missing(proposers: &[Proposer<'_>], last: &Proposer<'_>, case: Option<&[String]>) -> Diagnostic {
    let when = match case {
        Some([]) => "no `state.*` step ever runs".to_owned(),
        Some(case) => format!("no `state.*` step runs where {}", case.join(" and ")),
        None => "it cannot be proved that a `state.*` step always runs: there are too many conditions".to_owned(),
    };
    let mut diagnostic = Diagnostic::error(Code::NoRest, last.place(), when).label("runs only sometimes");
    for other in proposers.iter().filter(|other| other.index != last.index) {
        diagnostic = diagnostic.also(other.place(), "so does this");
    }
    diagnostic
        .help("add a `state.*` step for that case, or take the `if` off one; conditions count as opposite if one is written `!(…)` of the other")
}

fn check_order(proposers: &[Proposer<'_>], atoms: &Atoms, arranged: &Arranged, found: &mut Diagnostics) {
    if let Some(one_more) = proposers.get(MOST_PROPOSERS) {
        let message = format!("a workflow may have at most {MOST_PROPOSERS} `state.*` steps");
        found.push(Diagnostic::error(Code::NoRest, one_more.place(), message));
        return;
    }
    for (earlier, at) in proposers.iter().zip(1..) {
        for later in proposers.iter().skip(at) {
            if earlier.proposes() == later.proposes()
                || arranged.graph.waits_for(later.index, earlier.index)
                || contradiction(&[&earlier.runs, &later.runs], atoms)
            {
                continue;
            }
            let (first, second) = (&earlier.step.step.name, &later.step.step.name);
            let message = format!("`{first}` and `{second}` can both run, in any order, and propose different phases");
            let says = |one: &Proposer<'_>| format!("proposes `{}`", one.proposes().map_or("nothing", Phase::as_str));
            found.push(
                Diagnostic::error(Code::AmbiguousPhase, later.place(), message)
                    .label(says(later))
                    .also(earlier.place(), says(earlier))
                    .help(
                        "write one's `if` as `!(…)` of the other's, or let one need the other: the later one decides",
                    ),
            );
        }
    }
}
