//! What agents report becomes events: a latency above the objective, a target that nobody uses, one that is wanted again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::id::TargetName;
use crate::model::event::Event;
use crate::model::sample::Sample;
use crate::model::target::{PAUSED_BY_A_PERSON, Phase, TargetSettings, TargetState};
use crate::runtime::ports::Context;
use crate::service::steering::freshest;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// A target is woken no more often.
const WAKE_EVERY: Duration = Duration::from_secs(10);

/// An event that is not taken is complained of no more often.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// The source of its events.
const SOURCE: &str = "homeostat:agents";

/// Listens to the agents of all targets.
#[derive(Debug)]
pub struct AgentDetector {
    context: Context,
    watched: BTreeMap<TargetName, Watched>,
    complained: Option<Timestamp>,
}

/// What is to be told of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Finding {
    Slow { p99_ms: f64 },
    Idle { since: Timestamp },
    Wanted,
}

/// What was seen of one target.
#[derive(Clone, Debug, Default)]
struct Watched {
    sampled: Option<Timestamp>,
    /// Since when each second's latency was above the objective, or since that was told.
    slow: Option<Timestamp>,
    /// Since when nobody wanted anything.
    idle: Option<Timestamp>,
    idle_told: bool,
    woken: Option<Timestamp>,
}

impl Watched {
    /// What a sample, or that there was none, makes of it.
    fn judge(
        &mut self,
        settings: &TargetSettings,
        state: &TargetState,
        sample: Option<&Sample>,
        now: Timestamp,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        let Some(sample) = sample else { return found };
        match (settings.detect.latency, sample.p99_ms) {
            (Some(lasting), Some(p99_ms)) if p99_ms > settings.slo.p99_ms => {
                let since = *self.slow.get_or_insert(sample.from);
                if sample.to.since(since) >= lasting {
                    self.slow = Some(sample.to);
                    found.push(Finding::Slow { p99_ms });
                }
            }
            _ => self.slow = None,
        }
        let Some(lasting) = settings.detect.idle else { return found };
        let is_asleep = state.phase == Phase::Paused && state.reason.as_deref() != Some(PAUSED_BY_A_PERSON);
        if sample.passed + sample.refused > 0.0 {
            (self.idle, self.idle_told) = (None, false);
            if is_asleep && self.woken.is_none_or(|woken| now.since(woken) >= WAKE_EVERY) {
                self.woken = Some(now);
                found.push(Finding::Wanted);
            }
            return found;
        }
        let since = *self.idle.get_or_insert(sample.from);
        if !self.idle_told && state.phase != Phase::Paused && sample.to.since(since) >= lasting {
            self.idle_told = true;
            found.push(Finding::Idle { since });
        }
        found
    }
}

impl AgentDetector {
    pub fn new(context: Context) -> Self {
        Self { context, watched: BTreeMap::new(), complained: None }
    }

    /// Listens until `shutdown`.
    pub fn start(mut self, shutdown: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = self.context.clock.sleep(EVERY) => {}
                }
                self.look().await;
            }
        })
    }

    /// One look at all targets.
    pub async fn look(&mut self) {
        let now = self.context.clock.now();
        for name in self.context.targets.names() {
            let Some(settings) = self.context.targets.settings(&name) else { continue };
            if settings.detect.latency.is_none() && settings.detect.idle.is_none() {
                continue;
            }
            let Ok(state) = self.context.store.target(&name).await else { continue };
            let state = state.unwrap_or_else(|| TargetState::unknown(name.clone(), now));
            let watched = self.watched.entry(name.clone()).or_default();
            let sample = freshest(&self.context, &name, EVERY, watched.sampled, now);
            watched.sampled = sample.as_ref().map(|sample| sample.to).or(watched.sampled);
            for finding in watched.judge(&settings, &state, sample.as_ref(), now) {
                self.tell(&name, finding, now).await;
            }
        }
    }

    async fn tell(&mut self, target: &TargetName, finding: Finding, now: Timestamp) {
        let (kind, data): (&str, Json) = match finding {
            Finding::Slow { p99_ms } => ("HIGH_LATENCY", json!({ "p99_ms": p99_ms })),
            Finding::Idle { since } => {
                let idle_ms = i64::try_from(now.since(since).as_millis()).unwrap_or(i64::MAX);
                ("IDLE", json!({ "idle_ms": idle_ms }))
            }
            Finding::Wanted => ("WAKE", json!({})),
        };
        let event = Event {
            subject: Some(target.clone()),
            time: now,
            data,
            ..Event::new(SOURCE, format!("{target}/{kind}/{now}"), kind)
        };
        if let Err(error) = self.context.outlet.emit(event).await
            && self.complained.is_none_or(|complained| now.since(complained) >= COMPLAIN_EVERY)
        {
            self.complained = Some(now);
            tracing::warn!(%target, kind, "what agents report is not told to the rules: {}", error.message);
        }
    }
}

#[cfg(test)]
#[path = "agents_tests.rs"]
mod tests;
