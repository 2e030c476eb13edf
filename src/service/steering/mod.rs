//! Steers targets at rest: what their agents see becomes a rate, by the target's strategy, again and again.
//!
//! In mode `enforce` a rate is kept by the engine, with what the strategy remembers, and then dispatched; in the other modes it is
//! told in the log only. While a run holds a target the run decides. Settings are read anew at each step: another strategy goes on from
//! what the one before had found. `headroom` sets no rate here, it asks for retests.
//! What it must not know: how a strategy thinks, how rates reach agents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::id::TargetName;
use crate::model::event::Event;
use crate::model::sample::Sample;
use crate::model::strategy::Strategy;
use crate::model::target::{Mode, TargetSettings, TargetState};
use crate::runtime::control::{Control, ControlError};
use crate::runtime::effect::{ActionError, Checkpoints, Link};
use crate::runtime::ports::{Context, DispatchOrder, Rates};
use crate::service::adjust::steer::{Advice, Known, Seen, State, step};

/// How often it looks whether a target's time has come.
const TICK: Duration = Duration::from_millis(100);

/// How long ago a sample may have ended: the freshest that all agents have told counts.
const LAGS_MS: [i64; 4] = [300, 600, 1_100, 2_000];

/// No sample is longer than this.
const LONGEST_SAMPLE_MS: i64 = 10_000;

/// What is only advised is told no more often.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// The source of the events that it sends.
const SOURCE: &str = "homeostat:strategy";

/// Asks for a retest; the rules that ship declare it.
const RETEST: &str = "RETEST_DUE";

/// Steers all targets.
#[derive(Debug)]
pub struct Steering {
    context: Context,
    control: Arc<dyn Control>,
    held: BTreeMap<TargetName, Held>,
    /// Dispatches under way.
    sending: JoinSet<()>,
    count: u64,
}

/// What is known of one target between steps.
#[derive(Debug, Default)]
struct Held {
    state: State,
    due: Timestamp,
    /// Up to here the agents' reports were used.
    sampled: Option<Timestamp>,
    told: Option<Timestamp>,
}

impl Steering {
    pub fn new(context: Context, control: Arc<dyn Control>) -> Self {
        Self { context, control, held: BTreeMap::new(), sending: JoinSet::new(), count: 0 }
    }

    /// Steers until `shutdown`.
    pub fn start(mut self, shutdown: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = self.context.clock.sleep(TICK) => {}
                }
                self.look().await;
            }
        })
    }

    /// One look at all targets.
    pub async fn look(&mut self) {
        while self.sending.try_join_next().is_some() {}
        let now = self.context.clock.now();
        for name in self.context.targets.names() {
            let Some(settings) = self.context.targets.settings(&name) else { continue };
            if self.held.get(&name).is_some_and(|held| now < held.due) {
                continue;
            }
            if let Err(problem) = self.steer(&settings, now).await {
                tracing::warn!(target = %name, "the target is not steered now: {problem}");
            }
            self.held.entry(name).or_default().due = now.after(settings.strategy.every);
        }
    }

    async fn steer(&mut self, settings: &Arc<TargetSettings>, now: Timestamp) -> Result<(), String> {
        let name = &settings.name;
        let state = self.context.store.target(name).await.map_err(|error| error.to_string())?;
        let state = state.unwrap_or_else(|| TargetState::unknown(name.clone(), now));
        let is_connected = self.context.dispatcher.agents(name).iter().any(|agent| agent.connected);
        let known = self.known(settings, &state, now).await?;
        let held = self.held.entry(name.clone()).or_insert_with(|| Held {
            // One that cannot be read was written by another version: it begins anew.
            state: state.steering.clone().and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default(),
            ..Held::default()
        });
        if state.lease.run.is_some() || !is_connected {
            held.state.excuse(now);
            held.sampled = Some(now);
            return Ok(());
        }
        let sample = freshest(&self.context, name, settings.strategy.every, held.sampled, now);
        if let Some(sample) = &sample {
            held.sampled = Some(sample.to);
        }
        let current = state.rate_rps;
        let seen = Seen { now, rate_rps: current, sample: sample.as_ref(), known };
        let advice = step(&settings.strategy, &settings.rate, &settings.slo, &mut held.state, &seen);
        if let (Some(why), Some(known)) = (advice.retest, known) {
            self.ask_for_retest(settings, &state, known, why, now).await;
        }
        if matches!(settings.strategy.kind, Strategy::Headroom { .. }) || !advice.change {
            return Ok(());
        }
        if settings.mode == Mode::Enforce {
            return self.set(settings, &advice).await;
        }
        self.tell(settings, &advice, now);
        Ok(())
    }

    /// What is on record of the deployment that runs.
    async fn known(
        &self,
        settings: &TargetSettings,
        state: &TargetState,
        now: Timestamp,
    ) -> Result<Option<Known>, String> {
        let Some(signature) = &state.signature else { return Ok(None) };
        let record = self.context.recorder.lookup(settings, signature, None).await.map_err(|error| error.message)?;
        Ok(record.map(|record| Known {
            max_rps: record.measurement.max_rps,
            recorded_at: record.recorded_at,
            age_s: now.since(record.recorded_at).as_secs_f64(),
        }))
    }

    /// Keeps the rate, then sends it: after a crash in between the agents are given no more than they had.
    async fn set(&mut self, settings: &Arc<TargetSettings>, advice: &Advice) -> Result<(), String> {
        let name = &settings.name;
        let Some(held) = self.held.get(name) else { return Ok(()) };
        let remembered = serde_json::to_value(&held.state).map_err(|error| error.to_string())?;
        let state = match self.control.steer(name, advice.rate_rps, remembered).await {
            Ok(state) => state,
            // A run has taken it, or a person has stopped it.
            Err(ControlError::Conflict(_)) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        tracing::debug!(target = %name, rate_rps = advice.rate_rps, reason = advice.reason, "steered");
        self.count += 1;
        let order = DispatchOrder {
            key: format!("steer {}/{}", state.updated_at, self.count).into(),
            settings: Arc::clone(settings),
            token: state.lease.token,
            rates: Rates::Total(advice.rate_rps),
        };
        let dispatcher = Arc::clone(&self.context.dispatcher);
        // The next step need not wait for every agent to confirm this one: a later rate replaces it.
        self.sending.spawn(async move {
            let target = order.settings.name.clone();
            if let Err(error) = dispatcher.dispatch(order, unbound()).await {
                tracing::debug!(%target, "a steered rate did not reach all agents: {}", error.message);
            }
        });
        Ok(())
    }

    fn tell(&mut self, settings: &TargetSettings, advice: &Advice, now: Timestamp) {
        let held = self.held.entry(settings.name.clone()).or_default();
        if held.told.is_none_or(|told| now.since(told) >= TELL_EVERY) {
            held.told = Some(now);
            let (rate_rps, reason, mode) = (advice.rate_rps, advice.reason, settings.mode.as_str());
            tracing::info!(target = %settings.name, rate_rps, reason, mode, "the strategy would set this rate");
        }
    }

    /// Once for each record: its events have the same name, and are taken once.
    async fn ask_for_retest(
        &self,
        settings: &TargetSettings,
        state: &TargetState,
        known: Known,
        why: &str,
        now: Timestamp,
    ) {
        let (Some(signature), true) = (&state.signature, settings.mode != Mode::Observe) else { return };
        let id = format!("retest/{}/{signature}/{}", settings.name, known.recorded_at);
        let event = Event {
            subject: Some(settings.name.clone()),
            time: now,
            data: json!({ "signature": signature }),
            ..Event::new(SOURCE, id, RETEST)
        };
        if let Err(error) = self.context.outlet.emit(event).await {
            tracing::warn!(target = %settings.name, why, "a retest is due and cannot be asked for: {}", error.message);
        }
    }
}

/// What came since the last sample; `None` where nothing new was told.
pub(in crate::service) fn freshest(
    context: &Context,
    target: &TargetName,
    every: Duration,
    sampled: Option<Timestamp>,
    now: Timestamp,
) -> Option<Sample> {
    let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    LAGS_MS.iter().find_map(|lag| {
        let to = Timestamp(now.0 - lag);
        let earliest = Timestamp(to.0 - every_ms.min(LONGEST_SAMPLE_MS));
        let from = sampled.map_or(earliest, |sampled| sampled.max(Timestamp(to.0 - LONGEST_SAMPLE_MS)));
        // Too short a time says little.
        if to.0 - from.0 < every_ms.min(LONGEST_SAMPLE_MS) / 2 {
            return None;
        }
        context.dispatcher.sample(target, from, to)
    })
}

/// A link for what no run stands behind.
fn unbound() -> Link {
    Link {
        stop: CancellationToken::new(),
        lease_until: watch::channel(Timestamp(i64::MAX)).1,
        progress: Arc::new(watch::channel(serde_json::Value::Null).0),
        checkpoints: Arc::new(Forgotten),
    }
}

/// A dispatch keeps nothing: its order is its key.
#[derive(Debug)]
struct Forgotten;

#[async_trait::async_trait]
impl Checkpoints for Forgotten {
    async fn save(&self, _state: serde_json::Value) -> Result<(), ActionError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
