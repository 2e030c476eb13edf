//! Effects that take time, fail, hang, and are cut off; every one of them is told to the watch.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::CALM;
use super::dice::Dice;
use super::faults::Faults;
use super::watch::Watch;
use crate::base::clock::Clock;
use crate::base::clock::Timestamp;
use crate::harness::world::life::{Life, Lives};
use crate::model::action::{ActionSignature, Catalogue, Effect as Kind};
use crate::model::record::{Measurement, Verdict};
use crate::model::schema::{Field, Shape};
use crate::plan::{Plan, PlanSource};
use crate::runtime::effect::{ActionError, Effect, FailureKind, Link, Outcome};
use crate::runtime::ports::{Action, Context, MeasureOrder, Planner, Pressure};
use crate::runtime::world::Actions;

/// What the effects of one engine share.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) life: Life,
    pub(super) lives: Lives,
    pub(super) faults: Faults,
    pub(super) dice: Dice,
    pub(super) watch: Arc<Watch>,
}

fn made_up(name: &'static str, effect: Kind) -> ActionSignature {
    ActionSignature {
        effect,
        undoable: effect == Kind::Idempotent,
        ..ActionSignature::pure(
            name,
            "",
            vec![Field::required("n", Shape::Int, "")],
            vec![Field::required("n", Shape::Int, "")],
        )
    }
}

fn signatures() -> [ActionSignature; 3] {
    [made_up("sim.effect", Kind::Idempotent), made_up("sim.once", Kind::AtMostOnce), made_up("sim.look", Kind::None)]
}

/// The actions that ship, and those of the simulation.
pub(super) fn catalogue() -> Catalogue {
    let shipped = crate::action::catalogue();
    Catalogue::new(shipped.iter().map(|signature| (**signature).clone()).chain(signatures()))
}

impl Stage {
    pub(super) fn actions(&self) -> Actions {
        let mut actions = crate::action::Registry::shipped().into_actions();
        for signature in signatures() {
            let action = MadeUp { stage: self.clone(), signature: signature.clone() };
            actions.insert(signature.name, Arc::new(action));
        }
        let watched = |inner| Arc::new(Watched { stage: self.clone(), inner }) as Arc<dyn Action>;
        actions.into_iter().map(|(name, action)| (name, watched(action))).collect()
    }

    async fn crashes(&self, when: &str) {
        if self.faults.happens(|rates| rates.crash_in_effect) {
            self.watch.tell(format!("the engine dies {when} an effect"));
            self.lives.end();
            self.life.go_on().await;
        }
    }

    /// Lets an effect take its time; ends early where it is told to stop, or its lease ends.
    async fn work(&self, link: &Link) -> Result<(), ActionError> {
        // What hangs, hangs until whatever it waits for is well again.
        let hangs = self.faults.happens(|rates| rates.effect_hangs);
        let end = if hangs { CALM } else { self.clock.now().after(self.dice.latency()) };
        let mut lease = link.lease_until.clone();
        loop {
            let until = *lease.borrow();
            if self.clock.now() >= until {
                return Err(ActionError::new(FailureKind::LeaseLost, "the lease ended"));
            }
            tokio::select! {
                biased;
                () = link.stop.cancelled() => return Err(ActionError::new(FailureKind::Cancelled, "told to stop")),
                () = self.clock.sleep_until(end.min(until)) => {
                    if self.clock.now() >= end {
                        return Ok(());
                    }
                }
                _ = lease.changed() => {}
            }
        }
    }

    fn comes_to(&self) -> Result<(), ActionError> {
        if self.faults.happens(|rates| rates.effect_fails) {
            let kind = if self.dice.percent(60) { FailureKind::Transient } else { FailureKind::Permanent };
            return Err(ActionError::new(kind, "it failed"));
        }
        Ok(())
    }
}

/// Any action, between two looks of the watch.
#[derive(Debug)]
struct Watched {
    stage: Stage,
    inner: Arc<dyn Action>,
}

#[async_trait]
impl Action for Watched {
    fn signature(&self) -> ActionSignature {
        self.inner.signature()
    }

    async fn remember(&self, effect: &Effect, context: &Context) -> Result<Option<Json>, ActionError> {
        self.inner.remember(effect, context).await
    }

    fn wait(&self, effect: &Effect, context: &Context) -> Result<Option<crate::runtime::wait::Wait>, ActionError> {
        self.inner.wait(effect, context)
    }

    fn permission(&self, effect: &Effect) -> Option<String> {
        self.inner.permission(effect)
    }

    fn opens(&self, effect: &Effect, now: Timestamp) -> Option<(Timestamp, String)> {
        self.inner.opens(effect, now)
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        self.stage.life.go_on().await;
        let _performing = self.stage.watch.performs(effect, self.inner.signature().effect);
        self.stage.crashes("before").await;
        let outcome = self.inner.perform(effect, context).await;
        self.stage.crashes("after").await;
        self.stage.life.go_on().await;
        outcome
    }

    async fn undo(&self, effect: &Effect, remembered: &Json, context: &Context) -> Outcome {
        self.stage.life.go_on().await;
        let _performing = self.stage.watch.undoes(effect, remembered);
        self.stage.crashes("before").await;
        let outcome = self.inner.undo(effect, remembered, context).await;
        self.stage.crashes("after").await;
        self.stage.life.go_on().await;
        outcome
    }
}

#[derive(Debug)]
struct MadeUp {
    stage: Stage,
    signature: ActionSignature,
}

#[async_trait]
impl Action for MadeUp {
    fn signature(&self) -> ActionSignature {
        self.signature.clone()
    }

    async fn remember(&self, effect: &Effect, _context: &Context) -> Result<Option<Json>, ActionError> {
        Ok(self.signature.undoable.then(|| json!({ "before": effect.key })))
    }

    async fn perform(&self, effect: &Effect, _context: &Context) -> Outcome {
        self.stage.work(&effect.link).await?;
        self.stage.comes_to()?;
        Ok(json!({ "n": effect.input["n"] }))
    }

    async fn undo(&self, effect: &Effect, _remembered: &Json, _context: &Context) -> Outcome {
        self.stage.work(&effect.link).await?;
        self.stage.comes_to()?;
        Ok(json!({}))
    }
}

/// Load tests that send nothing, take a while, keep checkpoints, and find what their key says.
#[async_trait]
impl Pressure for Stage {
    async fn measure(&self, order: MeasureOrder, link: Link) -> Result<Measurement, ActionError> {
        let started_at = self.clock.now();
        let done = order.checkpoint.as_ref().and_then(Json::as_u64).unwrap_or(0);
        for trial in done..4 {
            self.work(&link).await?;
            link.checkpoints.save(json!(trial + 1)).await?;
        }
        self.comes_to()?;
        let found = order.key.as_str().bytes().map(f64::from).sum::<f64>() % 300.0 + 60.0;
        Ok(Measurement {
            max_rps: found,
            interval_rps: [found, found],
            verdict: Verdict::Confirmed,
            started_at,
            ended_at: self.clock.now(),
            requests: 100,
            stopped: None,
            curve: Vec::new(),
        })
    }
}

/// Makes plans again with the simulation's actions.
#[derive(Debug)]
pub(super) struct Plans;

impl Planner for Plans {
    fn plan(&self, source: &PlanSource) -> Result<Plan, String> {
        crate::compile::plan_of(source, &catalogue()).map_err(|found| format!("{found:?}"))
    }
}
