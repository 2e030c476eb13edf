//! Runs that wait, and what a person may ask of them, on the whole runtime.

use serde_json::json;

use super::*;
use crate::base::id::RunId;
use crate::runtime::journal::{Entry, Place, What};
use crate::runtime::ports::StoredRun;
use crate::runtime::run::state::RunState;
use crate::runtime::wait::{Answer, Decision, Wait, WaitOn};

const RULES: &str = "event PING { number: int }\nrule ping { on PING run nothing(number: event.data.number) }\n";
const NOTHING: &str =
    "workflow: nothing\ninputs: { number: int }\nsteps:\n  rest: { uses: sleep, with: { for: 1ms } }\n";
const NAP: &str = "workflow: nap\nsteps:\n  nap: { uses: sleep, with: { for: 1h } }\n";
const TWICE: &str = "workflow: twice\nsteps:\n  first: { uses: event.wait, with: { type: PING } }\n  second:\n    \
                     needs: [first]\n    uses: event.wait\n    with: { type: PING }\noutputs: { got: \"${steps.second.data.number}\" }\n";
const ASK: &str = "workflow: ask\nsteps:\n  hold:\n    uses: agents.dispatch\n    with: { total_rps: 30.0 }\n    undo: previous\n  \
                   ask:\n    needs: [hold]\n    uses: approval.wait\n    with: { reason: go on }\n";

fn laws(texts: &[&str]) -> Arc<Program> {
    let mut sources = Sources::new();
    for (number, text) in texts.iter().enumerate() {
        let ending = if text.starts_with("workflow") { "yaml" } else { "rules" };
        sources.add(format!("file{number}.{ending}"), *text);
    }
    compiled(sources)
}

async fn house(texts: &[&str]) -> House {
    House::under(MemoryStore::new(), laws(texts)).await
}

impl House {
    async fn begin(&self, workflow: &str, target: Option<TargetName>) -> RunId {
        self.engine.start_run(&workflow.into(), target, json!({})).await.unwrap()
    }

    async fn stored(&self, run: RunId) -> StoredRun {
        self.store.run(run).await.unwrap().unwrap()
    }

    /// Until the run does nothing but wait.
    async fn until_waiting(&self, run: RunId) {
        self.until(async || RunState::replay(&self.stored(run).await.journal).unwrap().dormancy()).await;
    }

    async fn ended(&self, run: RunId) -> RunSummary {
        self.until(async || Some(self.stored(run).await.summary).filter(|summary| summary.status.is_final())).await
    }
}

async fn conflict(asked: impl Future<Output = Result<(), ControlError>>) -> String {
    match asked.await {
        Err(error @ (ControlError::Conflict(_) | ControlError::UnknownRun(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn approved() -> Decision {
    Decision { approved: true, by: Some("ann".to_owned()), note: None }
}

/// A run in the store as an engine that was killed left it, with its journal.
async fn left(house: &House, plan: &Plan, entries: Vec<What>) -> RunId {
    let summary = RunSummary {
        id: RunId::generate(),
        workflow: plan.workflow.clone(),
        plan: plan.digest.clone(),
        target: None,
        rule: None,
        event: None,
        inputs: json!({}),
        priority: 0,
        status: RunStatus::Running,
        supersedes: false,
        error: None,
        retry: None,
        created_at: START,
        started_at: Some(START),
        ended_at: None,
    };
    let run = summary.id;
    let entries = entries.into_iter().map(|what| Entry { at: START, what }).collect();
    let writes = vec![Write::PutRun(summary), Write::AppendJournal { run, position: 0, entries }];
    house.store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
    run
}

fn began() -> What {
    What::Began { inputs: json!({}), target: None, view: json!(null) }
}

fn attempted(step: &str) -> What {
    What::Attempted { place: place(step), attempt: 1, input: json!({}), undo: None }
}

fn place(step: &str) -> Place {
    Place { step: step.into(), item: None }
}

#[tokio::test]
async fn a_run_that_waits_costs_no_task() {
    let house = house(&[NAP]).await;
    let first = house.begin("nap", None).await;
    house.until_waiting(first).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let with_one = tasks();
    let mut runs = Vec::new();
    for _ in 0..100 {
        runs.push(house.begin("nap", None).await);
    }
    for run in &runs {
        house.until_waiting(*run).await;
    }
    house.until(async || (tasks() <= with_one).then_some(())).await;
    house.clock.advance(Duration::from_hours(1));
    for run in runs {
        assert_eq!(house.ended(run).await.status, RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn an_event_that_comes_again_is_heard_once() {
    let mut house = house(&[RULES, NOTHING, TWICE]).await;
    let mut event = house.event("PING", json!({ "number": 1 }));
    event.subject = None;
    // As if the engine had died after the run heard the event, and before the event was settled.
    let wait = Wait {
        on: WaitOn::Event { kind: "PING".to_owned(), data: serde_json::Map::new(), required: true },
        timeout_at: None,
    };
    let waiting = |step: &str| What::Waiting { place: place(step), wait: wait.clone() };
    let run = left(
        &house,
        &house.program.plans["twice"].clone(),
        vec![
            began(),
            attempted("first"),
            waiting("first"),
            What::Answered { place: place("first"), answer: Answer::from(&event) },
            What::Succeeded { place: place("first"), output: json!({ "came": true, "data": {} }) },
            attempted("second"),
            waiting("second"),
        ],
    )
    .await;
    let accept = Write::AcceptEvent { event: event.clone(), at: START, known_since: START };
    house.store.commit(Transaction { writes: vec![accept], ..Transaction::default() }).await.unwrap();
    house.restart().await;
    assert_eq!(house.results(&event.id).await, [RuleResult::Matched], "rules see it");
    assert_eq!(house.stored(run).await.summary.status, RunStatus::Running, "the run has heard it already");

    let mut next = house.event("PING", json!({ "number": 2 }));
    next.subject = None;
    house.engine.accept(vec![next.clone()]).await.unwrap();
    assert_eq!(house.ended(run).await.status, RunStatus::Succeeded);
    let outcome = house.store.event("test", &next.id).await.unwrap().unwrap().outcome.unwrap();
    assert_eq!(outcome.answered, [run]);
    let state = RunState::replay(&house.stored(run).await.journal).unwrap();
    assert_eq!(state.ended.unwrap().outputs, json!({ "got": 2 }));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused() {
    let house = house(&[NAP, ASK]).await;
    let control = &house.engine;
    let run = house.begin("ask", Some(house.target.clone())).await;
    house.until_waiting(run).await;
    let next = house.begin("ask", Some(house.target.clone())).await;
    let decide = async |run, step: Option<&str>| control.decide(run, step.map(place), approved()).await.map(drop);
    let mut said = vec![
        conflict(decide(run, Some("hold"))).await,
        conflict(decide(next, None)).await,
        conflict(async { control.retry(run, false).await.map(drop) }).await,
        conflict(control.resume_run(run)).await,
        conflict(control.cancel(RunId::counted(START, 1))).await,
    ];
    control.cancel(next).await.unwrap();
    let cancelled = house.stored(next).await.summary;
    assert_eq!(cancelled.error.as_deref(), Some("cancelled before it began"));
    said.push(conflict(async { control.retry(next, true).await.map(drop) }).await);
    control.decide(run, None, approved()).await.unwrap();
    assert_eq!(house.ended(run).await.status, RunStatus::Succeeded);
    said.push(conflict(control.cancel(run)).await);
    said.push(conflict(control.resume_run(next)).await);
    said.push(conflict(async { control.retry(run, false).await.map(drop) }).await);
    said.push(conflict(decide(run, None)).await);
    let text = said.join("\n").replace(&run.to_string(), "RUN").replace(&next.to_string(), "NEXT");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_parked_run_goes_on_or_is_cancelled_with_undo() {
    let with = laws(&[ASK]);
    let plan = Arc::clone(&with.plans["ask"]);
    for cancels in [false, true] {
        let mut house = House::under(MemoryStore::new(), Arc::clone(&with)).await;
        let run = house.begin("ask", Some(house.target.clone())).await;
        house.until_waiting(run).await;
        // An engine that does not know the workflow, on a store that has lost its text.
        let bare = Arc::new(MemoryStore::new());
        let stored = house.stored(run).await;
        let writes = vec![
            Write::PutTarget(house.state().await),
            Write::PutRun(stored.summary.clone()),
            Write::AppendJournal { run, position: 0, entries: stored.journal.clone() },
        ];
        bare.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
        house.store = bare;
        house.program = laws(&[NAP]);
        house.restart().await;
        assert_eq!(house.stored(run).await.summary.status, RunStatus::Parked);
        assert_eq!(house.state().await.phase, Phase::Degraded);
        let why = conflict(house.engine.resume_run(run)).await;
        assert!(why.contains("still cannot go on: its plan"), "{why}");

        let keep = Write::PutPlan { digest: plan.digest.clone(), source: plan.source.clone() };
        house.store.commit(Transaction { writes: vec![keep], ..Transaction::default() }).await.unwrap();
        if cancels {
            house.engine.cancel(run).await.unwrap();
            assert_eq!(house.ended(run).await.status, RunStatus::Cancelled);
            let told: Vec<_> = house.dispatcher.orders().into_iter().map(|order| order.rates).collect();
            assert_eq!(told.len(), 2, "what it did is undone: {told:?}");
        } else {
            house.engine.resume_run(run).await.unwrap();
            house.until(async || (house.stored(run).await.summary.status == RunStatus::Running).then_some(())).await;
            house.engine.decide(run, None, approved()).await.unwrap();
            assert_eq!(house.ended(run).await.status, RunStatus::Succeeded);
            assert_eq!(house.dispatcher.orders().len(), 1, "nothing is done twice");
        }
    }
}
