//! What `decide` must answer, told a second time and in another way: from what each step is and from the bare list of what has
//! happened, without plans, expressions or the state of a run. The two have nothing in common but the journal's words.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::clock::Timestamp;
use crate::runtime::journal::{Place, RunStatus, StopReason, What};
use crate::runtime::run::decide::Next;
use crate::runtime::wait::{Answer, WaitOn};

/// What the model knows of a step before anything happens.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) needs: BTreeSet<usize>,
    pub(super) condition: Condition,
    pub(super) items: Option<usize>,
    /// What is left to a run that takes over, where this one is superseded.
    pub(super) restores: bool,
}

/// What a step's `if` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    #[default]
    None,
    False,
    /// The step with this number must have an output.
    Has(usize),
    Broken,
}

/// One performance, as far as it matters.
#[derive(Clone, Debug, PartialEq)]
enum Stand {
    Runs,
    Again(Timestamp),
    /// Until when, whether it is for permission, and whether that comes with time; whether it was answered, and how.
    Waits {
        ends: Option<Timestamp>,
        permits: bool,
        opens: bool,
        answer: Option<bool>,
    },
    Over {
        well: bool,
    },
}

#[derive(Clone, Debug)]
struct Done {
    attempts: u32,
    stand: Stand,
    /// Whether it was performed, or is.
    permitted: bool,
    /// `None`: there is nothing to undo. Else whether it was begun, and ended.
    undo: Option<(bool, bool)>,
}

/// What the run must do next.
#[derive(Debug, PartialEq)]
pub(super) enum Must {
    /// All of these, in any order.
    All(BTreeSet<String>),
    /// One of these.
    One(BTreeSet<String>),
}

/// The run as the model sees it. Steps are numbers; the handler, where there is one, is the last of them.
#[derive(Debug)]
pub(super) struct Model {
    steps: Vec<Known>,
    handler: bool,
    skipped: BTreeSet<usize>,
    /// Steps that came to nothing before they were attempted.
    broken: BTreeSet<usize>,
    expanded: BTreeSet<usize>,
    done: BTreeMap<(usize, Option<usize>), Done>,
    failed: bool,
    stop: Option<StopReason>,
    ended: bool,
}

impl Model {
    pub(super) fn new(steps: Vec<Known>, handler: bool) -> Self {
        Self {
            steps,
            handler,
            skipped: BTreeSet::new(),
            broken: BTreeSet::new(),
            expanded: BTreeSet::new(),
            done: BTreeMap::new(),
            failed: false,
            stop: None,
            ended: false,
        }
    }

    fn number(&self, place: &Place) -> (usize, Option<usize>) {
        let step = if place.step.as_str() == "handle" {
            self.steps.len() - 1
        } else {
            place.step.as_str()[1..].parse().unwrap()
        };
        (step, place.item)
    }

    /// Takes in what has happened.
    pub(super) fn note(&mut self, what: &What) {
        let step = |step: &crate::base::id::StepName| self.number(&Place { step: step.clone(), item: None }).0;
        match what {
            What::Skipped { step: name } => {
                let number = step(name);
                self.skipped.insert(number);
            }
            What::Expanded { step: name, .. } => {
                let number = step(name);
                self.expanded.insert(number);
            }
            What::Attempted { place, attempt, undo, .. } => {
                let place = self.number(place);
                let undo = undo.as_ref().map(|_| (false, false));
                let fresh = Done { attempts: 0, stand: Stand::Runs, permitted: false, undo };
                let done = self.done.entry(place).or_insert(fresh);
                done.attempts = *attempt;
                done.stand = Stand::Runs;
            }
            What::Waiting { place, wait } => {
                let until = match wait.on {
                    WaitOn::Time { until } | WaitOn::Opening { until, .. } => Some(until),
                    _ => None,
                };
                let ends = until.or(wait.timeout_at);
                let opens = matches!(wait.on, WaitOn::Opening { .. });
                self.stand(place, Stand::Waits { ends, permits: wait.is_for_permission(), opens, answer: None });
            }
            What::Answered { place, answer: Answer::Decision(decision) } => {
                let place = self.number(place);
                if let Some(Done { stand: Stand::Waits { answer, .. }, .. }) = self.done.get_mut(&place) {
                    *answer = Some(decision.approved);
                }
            }
            What::Permitted { place } => {
                self.stand(place, Stand::Runs);
                self.permit(place);
            }
            What::Retrying { place, retry_at, .. } => self.stand(place, Stand::Again(*retry_at)),
            What::Succeeded { place, .. } => self.stand(place, Stand::Over { well: true }),
            What::Failed { place, .. } => {
                self.failed = true;
                let place = self.number(place);
                let of_item = place.1.is_some();
                match self.done.get_mut(&place) {
                    Some(done) => {
                        // Where permission was not given, nothing was done.
                        let waits = matches!(done.stand, Stand::Waits { permits: true, .. });
                        if waits && done.attempts == 1 && !done.permitted {
                            done.undo = None;
                        }
                        done.stand = Stand::Over { well: false };
                    }
                    None if of_item => {
                        let over = Stand::Over { well: false };
                        self.done.insert(place, Done { attempts: 0, stand: over, permitted: false, undo: None });
                    }
                    None => drop(self.broken.insert(place.0)),
                }
            }
            What::StopRequested { reason } => self.stop = Some(*reason),
            What::Undoing { place } => self.undo(place, false),
            What::Undone { place, .. } | What::UndoFailed { place, .. } => self.undo(place, true),
            What::Ended { .. } => self.ended = true,
            What::Interrupted { place } => self.permit(place),
            What::Began { .. } => {}
            other => panic!("the model knows nothing of {other:?}"),
        }
    }

    fn stand(&mut self, place: &Place, stand: Stand) {
        let place = self.number(place);
        self.done.get_mut(&place).unwrap().stand = stand;
    }

    fn permit(&mut self, place: &Place) {
        let place = self.number(place);
        self.done.get_mut(&place).unwrap().permitted = true;
    }

    fn undo(&mut self, place: &Place, ended: bool) {
        let place = self.number(place);
        self.done.get_mut(&place).unwrap().undo = Some((true, ended));
    }

    fn of(&self, step: usize) -> impl Iterator<Item = (&(usize, Option<usize>), &Done)> {
        self.done.iter().filter(move |((of, _), _)| *of == step)
    }

    fn settled(&self, step: usize) -> bool {
        let over = |done: &Done| matches!(done.stand, Stand::Over { .. });
        if self.skipped.contains(&step) || self.broken.contains(&step) {
            return true;
        }
        if self.expanded.contains(&step) {
            return self.of(step).count() == self.steps[step].items.unwrap()
                && self.of(step).all(|(_, done)| over(done));
        }
        self.of(step).any(|(_, done)| over(done))
    }

    fn has_output(&self, step: usize) -> bool {
        !self.skipped.contains(&step) && self.settled(step)
    }

    fn is_open(&self, step: usize) -> bool {
        self.skipped.contains(&step)
            || self.broken.contains(&step)
            || self.expanded.contains(&step)
            || self.of(step).next().is_some()
    }

    fn body(&self) -> std::ops::Range<usize> {
        0..self.steps.len() - usize::from(self.handler)
    }

    /// What a run that fails must end before it undoes anything.
    fn give_up(&self, steps: std::ops::Range<usize>) -> BTreeSet<String> {
        let ends = |done: &Done| matches!(done.stand, Stand::Again(_) | Stand::Waits { .. });
        let of = self.done.iter().filter(|((step, _), done)| steps.contains(step) && ends(done));
        of.map(|(place, _)| self.told("failed", *place)).collect()
    }

    fn runs(&self, steps: std::ops::Range<usize>) -> bool {
        self.done.iter().any(|((step, _), done)| steps.contains(step) && done.stand == Stand::Runs)
    }

    fn told(&self, what: &str, (step, item): (usize, Option<usize>)) -> String {
        let name = if self.handler && step == self.steps.len() - 1 { "handle".to_owned() } else { format!("s{step}") };
        let item = item.map(|item| format!("[{item}]")).unwrap_or_default();
        format!("{what} {name}{item}")
    }

    fn forward(&self, steps: std::ops::Range<usize>, now: Timestamp) -> BTreeSet<String> {
        let mut next = BTreeSet::new();
        for step in steps {
            let known = &self.steps[step];
            if self.settled(step) {
                continue;
            }
            if !self.is_open(step) {
                if known.needs.iter().all(|need| self.settled(*need)) {
                    let what = match (known.condition, known.items) {
                        (Condition::Broken, _) => "failed",
                        (Condition::False, _) => "skipped",
                        (Condition::Has(other), _) if !self.has_output(other) => "skipped",
                        (_, Some(_)) => "expanded",
                        (_, None) => "attempt 1",
                    };
                    next.insert(self.told(what, (step, None)));
                }
                continue;
            }
            for (place, done) in self.of(step) {
                let what = match done.stand {
                    Stand::Again(at) if at <= now => format!("attempt {}", done.attempts + 1),
                    Stand::Waits { permits: true, answer: Some(true), .. } => "perform".to_owned(),
                    Stand::Waits { opens: true, ends: Some(end), .. } if end <= now => "perform".to_owned(),
                    Stand::Waits { answer: Some(true), .. } => "succeeded".to_owned(),
                    Stand::Waits { answer: Some(false), .. } => "over".to_owned(),
                    Stand::Waits { ends: Some(end), answer: None, .. } if end <= now => "over".to_owned(),
                    _ => continue,
                };
                next.insert(self.told(&what, *place));
            }
            if self.expanded.contains(&step) {
                let open = self.of(step).filter(|(_, done)| !matches!(done.stand, Stand::Over { .. })).count();
                let unstarted = (0..known.items.unwrap()).filter(|item| !self.done.contains_key(&(step, Some(*item))));
                next.extend(
                    unstarted.take(2_usize.saturating_sub(open)).map(|item| self.told("attempt 1", (step, Some(item)))),
                );
            }
        }
        next
    }

    /// The performances that may be undone next: nothing that depends on them is left to undo.
    fn undoable(&self) -> BTreeSet<String> {
        let left = |(step, _): &(usize, Option<usize>), done: &Done| {
            let stays = self.stop == Some(StopReason::Superseded) && self.steps[*step].restores;
            self.body().contains(step) && !stays && done.undo == Some((false, false))
        };
        let left: BTreeSet<_> =
            self.done.iter().filter(|(place, done)| left(place, done)).map(|(place, _)| *place).collect();
        let free = |(step, item): &(usize, Option<usize>)| {
            left.iter().all(|(other, of)| !(self.depends(*other, *step) || other == step && of > item))
        };
        left.iter().filter(|place| free(place)).map(|place| self.told("undo", *place)).collect()
    }

    fn depends(&self, later: usize, earlier: usize) -> bool {
        self.steps[later].needs.iter().any(|need| *need == earlier || self.depends(*need, earlier))
    }

    /// What `decide` must answer now.
    pub(super) fn must(&self, now: Timestamp) -> Must {
        let end = |status: RunStatus| Must::All(BTreeSet::from([format!("ended {}", status.as_str())]));
        if self.ended {
            return Must::All(BTreeSet::new());
        }
        if !self.failed && self.stop.is_none() {
            return if self.body().all(|step| self.settled(step)) {
                end(RunStatus::Succeeded)
            } else {
                Must::All(self.forward(self.body(), now))
            };
        }
        let given_up = self.give_up(self.body());
        if !given_up.is_empty() || self.runs(self.body()) {
            return Must::All(given_up);
        }
        if self.done.values().any(|done| done.undo == Some((true, false))) {
            return Must::All(BTreeSet::new());
        }
        let undoable = self.undoable();
        if !undoable.is_empty() {
            return Must::One(undoable);
        }
        if matches!(self.stop, Some(StopReason::Superseded | StopReason::Cancelled)) {
            return end(RunStatus::Cancelled);
        }
        let handler = self.body().end..self.steps.len();
        if handler.clone().any(|step| self.of(step).any(|(_, done)| done.stand == Stand::Over { well: false })) {
            return end(RunStatus::Failed);
        }
        if handler.clone().all(|step| self.settled(step)) {
            return end(RunStatus::Failed);
        }
        Must::All(self.forward(handler, now))
    }
}

/// What was decided, in the model's words. What a wait comes to beyond approval is for its own tests to say.
pub(super) fn told(next: &Next, must: &Must) -> String {
    let (what, place) = match next {
        Next::Attempt { place, attempt, .. } => (format!("attempt {attempt}"), place.clone()),
        Next::Perform { place } => ("perform".to_owned(), place.clone()),
        Next::Undo { place } => ("undo".to_owned(), place.clone()),
        Next::Note(what) => match what {
            What::Skipped { step } => ("skipped".to_owned(), Place { step: step.clone(), item: None }),
            What::Expanded { step, .. } => ("expanded".to_owned(), Place { step: step.clone(), item: None }),
            What::Ended { status, .. } => return format!("ended {}", status.as_str()),
            What::Succeeded { place, .. } | What::Failed { place, .. } | What::Retrying { place, .. } => {
                let over = format!("over {place}");
                if matches!(must, Must::All(all) if all.contains(&over)) {
                    return over;
                }
                let what = match what {
                    What::Succeeded { .. } => "succeeded",
                    What::Failed { .. } => "failed",
                    _ => "retrying",
                };
                (what.to_owned(), place.clone())
            }
            other => panic!("nobody decides {other:?}"),
        },
    };
    format!("{what} {place}")
}
