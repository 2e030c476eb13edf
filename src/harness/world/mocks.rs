//! What stands in for actions: which outcome a performance gets.
//!
//! Every performance takes the next outcome of the nearest mock (of its step before that of its action, and that before
//! what was recorded), and the last one stays. A repetition after a crash, under the same key and attempt, gets the same
//! outcome again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;

use super::recordings::{Question, Recordings, question};
use crate::base::id::{IdempotencyKey, StepName, WorkflowName};
use crate::runtime::effect::ActionError;

/// The outcomes of whatever a subject names.
#[derive(Clone, Debug)]
pub struct Mock {
    pub subject: Subject,
    /// Never empty.
    pub outcomes: Vec<MockedOutcome>,
}

/// What a mock stands in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A step of one workflow, or of any that has it, called by others or not.
    Step { workflow: Option<WorkflowName>, step: StepName },
    /// Every step that uses the action.
    Action(String),
}

/// One outcome, and for which performances it is.
#[derive(Clone, Debug, PartialEq)]
pub struct MockedOutcome {
    pub answer: Answer,
    /// How long it takes.
    pub after: Duration,
    /// Only for this item of a `for_each` step.
    pub item: Option<usize>,
    /// Only for this attempt, from 1.
    pub attempt: Option<u32>,
    /// For undoing the step, not for performing it.
    pub undo: bool,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What the action itself does.
    Real,
    Output(Json),
    Fails(ActionError),
    /// It runs until it is told to stop.
    Never,
}

/// One try of a step, as mocks tell it from others.
#[derive(Clone, Debug)]
pub struct Performance<'a> {
    pub workflow: Option<&'a WorkflowName>,
    pub step: &'a StepName,
    pub action: &'a str,
    pub key: &'a IdempotencyKey,
    /// `source` and `id` of the event that caused its run.
    pub cause: Option<&'a (String, String)>,
    pub input: &'a Json,
    pub attempt: u32,
    pub undo: bool,
}

/// All that stands in for actions.
#[derive(Debug, Default)]
pub struct Mocks {
    list: Vec<Mock>,
    recordings: Recordings,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    /// What performances got, so that a repetition gets it again.
    answers: BTreeMap<(IdempotencyKey, u32, bool), MockedOutcome>,
    /// How many outcomes without a selector each mock has given, for performing and for undoing.
    taken: BTreeMap<(usize, bool), usize>,
    /// The same of what was recorded.
    repeated: BTreeMap<Question, usize>,
}

impl Mocks {
    pub fn new(list: Vec<Mock>, recordings: Recordings) -> Self {
        Self { list, recordings, given: Mutex::default() }
    }

    /// The outcome for a performance; `None` where no mock is about it.
    pub fn outcome(&self, performance: &Performance<'_>) -> Option<MockedOutcome> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (performance.key.clone(), performance.attempt, performance.undo);
        if let Some(outcome) = given.answers.get(&known) {
            return Some(outcome.clone());
        }
        let outcome = self.mocked(performance, &mut given).or_else(|| self.recorded(performance, &mut given))?;
        given.answers.insert(known, outcome.clone());
        Some(outcome)
    }

    fn recorded(&self, performance: &Performance<'_>, given: &mut Given) -> Option<MockedOutcome> {
        let taken = given.repeated.entry(question(performance)).or_default();
        let outcome = self.recordings.outcome(performance, *taken).cloned();
        *taken += 1;
        outcome
    }

    fn mocked(&self, performance: &Performance<'_>, given: &mut Given) -> Option<MockedOutcome> {
        let (index, mock) = self
            .list
            .iter()
            .enumerate()
            .filter(|(_, mock)| mock.outcomes.iter().any(|outcome| outcome.undo == performance.undo))
            .filter_map(|(index, mock)| Some((nearness(&mock.subject, performance)?, index, mock)))
            .min_by_key(|(nearness, index, _)| (*nearness, *index))
            .map(|(_, index, mock)| (index, mock))?;
        let selected = mock.outcomes.iter().find(|outcome| outcome.is_selected(performance));
        let outcome = selected.or_else(|| {
            let taken = given.taken.entry((index, performance.undo)).or_default();
            let plain =
                || mock.outcomes.iter().filter(|outcome| outcome.is_plain() && outcome.undo == performance.undo);
            let next = plain().nth(*taken).or_else(|| plain().next_back());
            *taken += 1;
            next
        });
        outcome.cloned()
    }
}

/// How closely a subject fits: less is closer.
fn nearness(subject: &Subject, performance: &Performance<'_>) -> Option<u8> {
    match subject {
        Subject::Step { workflow: Some(workflow), step } => {
            (performance.workflow == Some(workflow) && step == performance.step).then_some(0)
        }
        Subject::Step { workflow: None, step } if step == performance.step => Some(1),
        // A step of a workflow that is called.
        Subject::Step { workflow: None, step } => {
            let within = performance.step.as_str().rsplit_once('/').is_some_and(|(_, name)| name == step.as_str());
            within.then_some(2)
        }
        Subject::Action(name) => (name == performance.action).then_some(3),
    }
}

impl MockedOutcome {
    fn is_plain(&self) -> bool {
        self.item.is_none() && self.attempt.is_none()
    }

    fn is_selected(&self, performance: &Performance<'_>) -> bool {
        !self.is_plain()
            && self.undo == performance.undo
            && self.item.is_none_or(|item| performance.key.as_str().ends_with(&format!("[{item}]")))
            && self.attempt.is_none_or(|attempt| attempt == performance.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(output: i64) -> MockedOutcome {
        let answer = Answer::Output(Json::from(output));
        MockedOutcome { answer, after: Duration::ZERO, item: None, attempt: None, undo: false }
    }

    fn mock(subject: Subject, outcomes: Vec<MockedOutcome>) -> Mock {
        Mock { subject, outcomes }
    }

    fn asked(mocks: &Mocks, key: &str, attempt: u32) -> Option<Json> {
        let (workflow, step) = (WorkflowName::from("w"), StepName::from("s"));
        let key = IdempotencyKey::from(key);
        let performance = Performance {
            workflow: Some(&workflow),
            step: &step,
            action: "a.b",
            key: &key,
            cause: None,
            input: &Json::Null,
            attempt,
            undo: false,
        };
        mocks.outcome(&performance).map(|outcome| match outcome.answer {
            Answer::Output(output) => output,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn outcomes_are_taken_in_turn_and_the_last_one_stays() {
        let step = Subject::Step { workflow: None, step: "s".into() };
        let mocks = Mocks::new(
            vec![
                mock(Subject::Action("a.b".to_owned()), vec![outcome(9)]),
                mock(step, vec![outcome(1), MockedOutcome { item: Some(2), ..outcome(5) }, outcome(2)]),
            ],
            Recordings::default(),
        );
        let got = [("r/s", 1), ("r/s", 1), ("r/s", 2), ("r/s[2]", 1), ("q/s", 1)]
            .map(|(key, attempt)| asked(&mocks, key, attempt).unwrap());
        // The repetition gets what it got before; the selected outcome uses up no turn.
        assert_eq!(got, [1, 1, 2, 5, 2].map(Json::from));
    }

    #[test]
    fn a_mock_for_something_else_is_none() {
        let other = Subject::Step { workflow: Some("v".into()), step: "s".into() };
        assert_eq!(asked(&Mocks::new(vec![mock(other, vec![outcome(1)])], Recordings::default()), "r/s", 1), None);
    }
}
