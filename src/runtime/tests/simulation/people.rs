//! Publishers who send until they are answered, and people who interfere.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::dice::Dice;
use super::{CALM, START, Town};
use crate::base::clock::Clock as _;
use crate::base::id::TargetName;
use crate::model::event::{Event, Priority};
use crate::runtime::control::{AcceptError, Control as _};
use crate::runtime::engine::Engine;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::{RunFilter, Store as _};
use crate::runtime::run::state::{RunState, Status};
use crate::runtime::wait::{Decision, WaitOn};

type Name = (String, String);

/// What publishers know of their events.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    unsent: Arc<Mutex<BTreeSet<Name>>>,
    acknowledged: Arc<Mutex<BTreeSet<Name>>>,
}

impl Published {
    pub(super) fn unsent(&self) -> Vec<Name> {
        self.unsent.lock().unwrap().iter().cloned().collect()
    }

    pub(super) fn acknowledged(&self) -> Vec<Name> {
        self.acknowledged.lock().unwrap().iter().cloned().collect()
    }
}

/// Lets everybody act who is to act while things go wrong.
pub(super) fn live(town: &Town) -> Published {
    let published = Published::default();
    let dice = Dice::of(town.seed, "people");
    let count = 5 + dice.below(55);
    for number in 0..count {
        let event = event(&dice, number);
        let at = START.after(dice.ms(0, 50_000));
        published.unsent.lock().unwrap().insert((event.source.clone(), event.id.clone()));
        let publisher =
            Publisher { town: town.clone(), dice: Dice::of(town.seed, &event.id), published: published.clone() };
        tokio::spawn(async move {
            publisher.town.clock.sleep_until(at).await;
            publisher.send(event).await;
        });
    }
    for number in 0..dice.below(10) {
        let at = START.after(dice.ms(1_000, 55_000));
        let (town, dice) = (town.clone(), Dice::of(town.seed, &format!("person {number}")));
        tokio::spawn(async move {
            town.clock.sleep_until(at).await;
            interfere(&town, &dice).await;
        });
    }
    // At the end of its troubles an engine may be stopped in order, too.
    if dice.percent(30) {
        let at = START.after(dice.ms(5_000, 55_000));
        let town = town.clone();
        tokio::spawn(async move {
            town.clock.sleep_until(at).await;
            let alive = town.slot.lock().unwrap().clone();
            if let Some(alive) = alive {
                town.watch.tell("the engine is stopped in order".to_owned());
                tokio::select! {
                    biased;
                    () = alive.life.ended() => {}
                    () = alive.engine.drain() => town.lives.end(),
                }
            }
        });
    }
    published
}

pub(super) fn event(dice: &Dice, number: u64) -> Event {
    let subject = if dice.percent(60) { "a" } else { "b" };
    let (kind, data) = match dice.below(10) {
        0 => ("DEPLOYED", json!({ "signature": format!("sha:{}", dice.below(3)) })),
        1 => ("GO", json!({ "n": dice.below(10) })),
        2 => ("WAKE", json!({})),
        _ => ("TICK", json!({ "n": dice.below(10) })),
    };
    Event {
        id: format!("e{number}"),
        source: "sim".to_owned(),
        kind: kind.to_owned(),
        subject: Some(subject.into()),
        time: START,
        data,
        priority: Priority::new(u8::try_from(dice.below(10)).unwrap()).unwrap(),
        deliver_at: dice.percent(15).then(|| START.after(dice.ms(0, 80_000))),
        during_test: false,
        chain: 0,
        extensions: serde_json::Map::new(),
    }
}

struct Publisher {
    town: Town,
    dice: Dice,
    published: Published,
}

impl Publisher {
    /// Sends the event until it is taken; now and then once more after that.
    async fn send(&self, event: Event) {
        let name = (event.source.clone(), event.id.clone());
        let mut left = 1 + u32::from(self.dice.percent(20));
        while left > 0 {
            if self.try_once(&event).await {
                self.published.acknowledged.lock().unwrap().insert(name.clone());
                self.published.unsent.lock().unwrap().remove(&name);
                left -= 1;
            }
            self.town.clock.sleep(self.dice.ms(50, 2_000)).await;
        }
    }

    async fn try_once(&self, event: &Event) -> bool {
        let alive = self.town.slot.lock().unwrap().clone();
        let Some(alive) = alive else { return false };
        let impatient = self.town.faults.happens(|rates| rates.impatience);
        let patience = if impatient { self.dice.ms(0, 10) } else { Duration::from_secs(8) };
        let answer = tokio::select! {
            biased;
            () = alive.life.ended() => None,
            answer = alive.engine.accept(vec![event.clone()]) => Some(answer),
            () = self.town.clock.sleep(patience) => None,
        };
        match answer {
            Some(Ok(_)) => true,
            Some(Err(error @ AcceptError::Refused(_))) => {
                self.town.watch.wrong(format!("event {} was refused: {error}", event.id));
                false
            }
            Some(Err(_)) | None => false,
        }
    }
}

/// A person does something to whatever there is.
async fn interfere(town: &Town, dice: &Dice) {
    let alive = town.slot.lock().unwrap().clone();
    let Some(alive) = alive else { return };
    let patience = if dice.percent(20) { dice.ms(0, 20) } else { Duration::from_secs(10) };
    tokio::select! {
        biased;
        () = alive.life.ended() => {}
        () = town.clock.sleep(patience) => {}
        () = act(town, dice, &alive.engine) => {}
    }
}

async fn act(town: &Town, dice: &Dice, engine: &Engine) {
    let target: TargetName = dice.pick(&["a", "b"]).to_string().as_str().into();
    let what = dice.below(10);
    town.watch.tell(format!("a person does {what} to {target}"));
    // What cannot be done is refused: that is no fault.
    match what {
        0 | 1 => {
            let what = dice.percent(60).then_some(target);
            if engine.halt(what.clone()).await.is_ok() {
                town.watch.halted(what, true);
            }
        }
        9 => {
            let what = dice.percent(60).then_some(target);
            town.watch.halted(what.clone(), false);
            drop(engine.unhalt(what).await);
        }
        2 => drop(engine.pause(&target).await),
        3 => drop(engine.resume(&target).await),
        4 => decide_all(town, engine, dice.percent(70)).await,
        5 | 6 => {
            if let Some(run) = some_run(town, dice, |status| !status.is_final()).await {
                drop(engine.cancel(run).await);
            }
        }
        _ => {
            if let Some(run) = some_run(town, dice, RunStatus::is_final).await {
                drop(engine.retry(run, dice.percent(50)).await);
            }
        }
    }
}

async fn some_run(town: &Town, dice: &Dice, wanted: impl Fn(RunStatus) -> bool) -> Option<crate::base::id::RunId> {
    let all = town.store.runs(&RunFilter { limit: 1_000, ..RunFilter::default() }).await.unwrap();
    let some: Vec<_> = all.into_iter().filter(|run| wanted(run.status)).collect();
    (!some.is_empty()).then(|| dice.pick(&some).id)
}

async fn decide_all(town: &Town, engine: &Engine, approved: bool) {
    let running = RunFilter { status: Some(RunStatus::Running), limit: 1_000, ..RunFilter::default() };
    for run in town.store.runs(&running).await.unwrap() {
        let stored = town.store.run(run.id).await.unwrap().unwrap();
        let state = RunState::replay(&stored.journal).unwrap();
        let open = state.performances().filter(|(_, performance)| {
            matches!(&performance.status, Status::Waiting { wait, answer: None } if matches!(wait.on, WaitOn::Approval { .. }))
        });
        let open: Vec<_> = open.map(|(place, _)| place).collect();
        for place in open {
            let decision = Decision { approved, by: None, note: None };
            // It may have been decided, or be over, meanwhile.
            let _ = engine.decide(run.id, Some(place), decision).await;
        }
    }
}

/// Once it is calm, people take back what they did, and decide what waits for them.
pub(super) async fn set_right(town: Town) {
    town.clock.sleep_until(CALM).await;
    loop {
        let alive = town.slot.lock().unwrap().clone();
        if let Some(alive) = alive {
            for target in [None, Some("a".into()), Some("b".into())] {
                town.watch.halted(target.clone(), false);
                let _ = alive.engine.unhalt(target).await;
            }
            for target in ["a", "b"] {
                let _ = alive.engine.resume(&target.into()).await;
            }
            decide_all(&town, &alive.engine, true).await;
        }
        town.clock.sleep(Duration::from_secs(5)).await;
    }
}
