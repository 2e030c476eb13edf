//! Actions as a scenario has them: mocked where it says so, else real, and able to die on either side of their effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::history::{Happening, History};
use super::life::{Life, Side};
use super::mocks::{Answer, MockedOutcome, Mocks, Performance};
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::IdempotencyKey;
use crate::model::action::ActionSignature;
use crate::model::record::Measurement;
use crate::runtime::effect::{ActionError, Effect, FailureKind, Link, Outcome};
use crate::runtime::ports::{Action, Context, MeasureOrder, Pressure};
use crate::runtime::wait::Wait;
use crate::runtime::world::Actions;
use crate::service::pressure::permitted;

/// The action whose port is mocked, not the action: its own rules hold in tests as well.
pub const MEASURE: &str = "pressure.measure";

/// What the actions of one engine share.
#[derive(Clone, Debug)]
pub struct Stage {
    pub clock: Arc<dyn Clock>,
    pub history: History,
    pub life: Life,
    pub mocks: Arc<Mocks>,
    pub pressure: Arc<MockedPressure>,
}

impl Stage {
    /// The actions as this scenario has them.
    pub fn wrap(&self, actions: Actions) -> Actions {
        let wrap = |inner| Arc::new(StagedAction { inner, stage: self.clone() }) as Arc<dyn Action>;
        actions.into_iter().map(|(name, action)| (name, wrap(action))).collect()
    }
}

#[derive(Debug)]
struct StagedAction {
    inner: Arc<dyn Action>,
    stage: Stage,
}

impl StagedAction {
    fn mocked(&self, effect: &Effect, action: &str, undo: bool) -> Option<MockedOutcome> {
        let workflow = self.stage.history.workflow_of(effect.run);
        self.stage.mocks.outcome(&Performance {
            workflow: workflow.as_ref(),
            step: &effect.step,
            action,
            key: &effect.key,
            cause: effect.cause.as_ref(),
            input: &effect.input,
            attempt: effect.attempt,
            undo,
        })
    }

    fn note(&self, effect: &Effect, is_undo: bool) {
        self.stage.history.note(Happening::Performed { run: effect.run, step: effect.step.clone(), is_undo });
    }
}

/// Whether the effect is that of a step's own undo action: it is performed like any other, under the step's key and this.
fn undoes(effect: &Effect) -> bool {
    let place = format!("{}/{}", effect.run, effect.step);
    let rest = effect.key.as_str().strip_prefix(&place).unwrap_or_default();
    rest == "/undo" || rest.starts_with('[') && rest.ends_with("]/undo")
}

#[async_trait]
impl Action for StagedAction {
    fn signature(&self) -> ActionSignature {
        self.inner.signature()
    }

    async fn remember(&self, effect: &Effect, context: &Context) -> Result<Option<Json>, ActionError> {
        self.inner.remember(effect, context).await
    }

    fn wait(&self, effect: &Effect, context: &Context) -> Result<Option<Wait>, ActionError> {
        let mocked = self.mocked(effect, &self.inner.signature().name, false);
        // What stands in for a wait is performed.
        match mocked.map(|mocked| mocked.answer) {
            None | Some(Answer::Real) => self.inner.wait(effect, context),
            Some(_) => Ok(None),
        }
    }

    fn permission(&self, effect: &Effect) -> Option<String> {
        self.inner.permission(effect)
    }

    fn opens(&self, effect: &Effect, now: Timestamp) -> Option<(Timestamp, String)> {
        self.inner.opens(effect, now)
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        self.stage.life.pass(&effect.step, Side::Before).await;
        let is_undo = undoes(effect);
        self.note(effect, is_undo);
        let name = self.inner.signature().name;
        let mocked = self.mocked(effect, &name, is_undo);
        let outcome = match mocked {
            mocked if name == MEASURE => {
                self.stage.pressure.prepare(&effect.key, mocked);
                let outcome = self.inner.perform(effect, context).await;
                if self.stage.pressure.lacked(&effect.key) {
                    let (run, step) = (effect.run, effect.step.clone());
                    self.stage.history.note(Happening::NotMocked { run, step });
                }
                outcome
            }
            Some(mocked) => match play(&mocked, self.stage.clock.as_ref(), &effect.link).await {
                Some(outcome) => outcome,
                None => self.inner.perform(effect, context).await,
            },
            None => self.inner.perform(effect, context).await,
        };
        self.stage.life.pass(&effect.step, Side::After).await;
        outcome
    }

    async fn undo(&self, effect: &Effect, remembered: &Json, context: &Context) -> Outcome {
        self.stage.life.go_on().await;
        self.note(effect, true);
        let mocked = self.mocked(effect, &self.inner.signature().name, true);
        match mocked {
            Some(mocked) => match play(&mocked, self.stage.clock.as_ref(), &effect.link).await {
                Some(outcome) => outcome,
                None => self.inner.undo(effect, remembered, context).await,
            },
            None => self.inner.undo(effect, remembered, context).await,
        }
    }
}

/// Waits as long as the outcome takes; `None` where the action itself is to be performed then.
async fn play(mocked: &MockedOutcome, clock: &dyn Clock, link: &Link) -> Option<Outcome> {
    let end = match mocked.answer {
        Answer::Never => Timestamp(i64::MAX),
        _ => clock.now().after(mocked.after),
    };
    tokio::select! {
        biased;
        () = link.stop.cancelled() => {
            return Some(Err(ActionError::new(FailureKind::Cancelled, "the mock was told to stop")));
        }
        () = clock.sleep_until(end) => {}
    }
    match &mocked.answer {
        Answer::Output(output) => Some(Ok(output.clone())),
        Answer::Fails(error) => Some(Err(error.clone())),
        Answer::Real | Answer::Never => None,
    }
}

/// Load tests that send nothing: they find what mocks say.
#[derive(Debug)]
pub struct MockedPressure {
    clock: Arc<dyn Clock>,
    prepared: Mutex<BTreeMap<IdempotencyKey, Prepared>>,
}

#[derive(Debug)]
enum Prepared {
    Outcome(MockedOutcome),
    Nothing,
    /// It was asked for all the same.
    Lacked,
}

impl MockedPressure {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, prepared: Mutex::default() }
    }

    fn prepare(&self, key: &IdempotencyKey, mocked: Option<MockedOutcome>) {
        let mocked = mocked.filter(|mocked| mocked.answer != Answer::Real);
        self.prepared().insert(key.clone(), mocked.map_or(Prepared::Nothing, Prepared::Outcome));
    }

    fn lacked(&self, key: &IdempotencyKey) -> bool {
        matches!(self.prepared().remove(key), Some(Prepared::Lacked))
    }

    fn prepared(&self) -> std::sync::MutexGuard<'_, BTreeMap<IdempotencyKey, Prepared>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Pressure for MockedPressure {
    async fn measure(&self, order: MeasureOrder, link: Link) -> Result<Measurement, ActionError> {
        permitted(&order)?;
        let prepared = self.prepared().remove(&order.key);
        let Some(Prepared::Outcome(mocked)) = prepared else {
            self.prepared().insert(order.key.clone(), Prepared::Lacked);
            return Err(ActionError::permanent("a test sends no load, and no mock says what this load test finds"));
        };
        let started_at = self.clock.now();
        let output = play(&mocked, self.clock.as_ref(), &link).await.unwrap_or(Ok(Json::Null))?;
        let output = measurement(output, started_at, self.clock.now());
        serde_json::from_value(output)
            .map_err(|error| ActionError::permanent(format!("the mock returns no measurement: {error}")))
    }
}

/// A measurement of which a scenario says only what matters to it, with the rest filled in.
pub fn measurement(output: Json, started_at: Timestamp, ended_at: Timestamp) -> Json {
    let Json::Object(said) = output else { return output };
    // Without a maximum it is no measurement; that is told of the maximum alone.
    let max_rps = said.get("max_rps").cloned().unwrap_or(0.0.into());
    let mut whole = json!({
        "interval_rps": [max_rps, max_rps],
        "verdict": "confirmed",
        "requests": 1_000,
        "started_at": started_at,
        "ended_at": ended_at,
        "curve": [],
    });
    if let Json::Object(fields) = &mut whole {
        fields.extend(said);
    }
    whole
}
