//! Every reason in its words.

use serde_json::json;

use super::*;
use crate::api::run_view::RunView;
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::RunId;
use crate::runtime::effect::ActionError;
use crate::runtime::journal::{Entry, Place, RunSummary, What};
use crate::runtime::wait::{Wait, WaitOn};

const AT: Timestamp = Timestamp(1_772_355_600_000);

fn summary(number: u64, status: RunStatus) -> RunSummary {
    RunSummary {
        id: RunId::counted(AT, number),
        workflow: "raise".into(),
        plan: Digest::of("plan"),
        target: Some("checkout".into()),
        rule: None,
        event: None,
        inputs: json!({}),
        priority: 0,
        status,
        supersedes: false,
        error: None,
        retry: None,
        created_at: AT,
        started_at: Some(Timestamp(AT.0 + 1_000)),
        ended_at: None,
    }
}

/// Entries one second apart.
fn journal(entries: impl IntoIterator<Item = What>) -> Vec<Entry> {
    (2..).zip(entries).map(|(second, what)| Entry { at: Timestamp(AT.0 + second * 1_000), what }).collect()
}

fn waiting(step: &str, on: WaitOn, timeout_at: Option<Timestamp>) -> [What; 2] {
    let place = Place { step: step.into(), item: None };
    [
        What::Attempted { place: place.clone(), attempt: 1, input: json!({}), undo: None },
        What::Waiting { place, wait: Wait { on, timeout_at } },
    ]
}

fn shown(found: &[Standstill]) -> String {
    let mut text = String::new();
    for Standstill { why, since, until, next } in found {
        text.push_str(&format!("{why}\n  since {since:?}, until {until:?}\n"));
        next.iter().for_each(|command| text.push_str(&format!("  $ {command}\n")));
    }
    text
}

#[test]
fn what_a_run_waits_for_and_what_to_do_about_it() {
    let data = json!({ "order": "a" }).as_object().cloned().unwrap();
    let approval = WaitOn::Approval {
        reason: "raise to 400 rps".to_owned(),
        by: Some("ann".to_owned()),
        required: true,
        permits: false,
    };
    let event = WaitOn::Event { kind: "PAID".to_owned(), data, required: true };
    let later = Timestamp(AT.0 + 3_600_000);
    let place = Place { step: "again".into(), item: Some(1) };
    let mut entries: Vec<What> = Vec::new();
    entries.extend(waiting("ask", approval, Some(later)));
    entries.extend(waiting("hear", event, None));
    entries.extend(waiting("nap", WaitOn::Time { until: later }, None));
    entries.push(What::Expanded { step: "again".into(), items: vec![json!(1), json!(2)] });
    entries.push(What::Attempted { place: place.clone(), attempt: 2, input: json!({}), undo: None });
    entries.push(What::Retrying { place, error: ActionError::transient("the agent is away"), retry_at: later });
    let run = summary(1, RunStatus::Running);
    insta::assert_snapshot!(shown(&RunView::fold(&run, &journal(entries), None).standstill));
}

#[test]
fn a_run_that_is_put_aside_or_has_failed_says_what_can_be_done() {
    let mut parked = summary(1, RunStatus::Parked);
    parked.error = Some("its workflow no longer compiles".to_owned());
    let mut failed = summary(2, RunStatus::Failed);
    failed.ended_at = Some(AT);
    let text: Vec<_> = [parked, failed].iter().map(|run| shown(&RunView::fold(run, &[], None).standstill)).collect();
    insta::assert_snapshot!(text.join("\n"));
    assert!(RunView::fold(&summary(3, RunStatus::Succeeded), &[], None).standstill.is_empty());
}

#[test]
fn a_target_says_who_holds_it_and_what_its_brakes_are() {
    let target = TargetName::from("checkout");
    let waits = RunLine::from(&summary(2, RunStatus::Waiting));
    let holder = summary(1, RunStatus::Running);
    let reasons = RunView::fold(&holder, &journal(waiting("nap", WaitOn::Time { until: AT }, None)), None).standstill;
    let state = |phase, reason: &str| TargetState {
        phase,
        reason: Some(reason.to_owned()),
        ..TargetState::unknown(target.clone(), AT)
    };
    let mut text = String::new();
    for (name, around) in [
        ("free", Surroundings::default()),
        ("held", Surroundings { holder: Some((RunLine::from(&holder), reasons)), ..Surroundings::default() }),
        (
            "halted and paused",
            Surroundings {
                halted: (true, true),
                state: Some(state(Phase::Paused, "paused by a person")),
                waiting: (2, Some(AT.to_string())),
                ..Surroundings::default()
            },
        ),
        ("degraded", Surroundings { state: Some(state(Phase::Degraded, "no capacity")), ..Surroundings::default() }),
    ] {
        text.push_str(&format!("# {name}: the target\n{}", shown(&of_target(&target, &around))));
        text.push_str(&format!("# {name}: a run that waits for it\n{}", shown(&of_waiting(&waits, &target, &around))));
    }
    insta::assert_snapshot!(text);
}
