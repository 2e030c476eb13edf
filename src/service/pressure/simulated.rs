//! The in-memory twin of the load test: answers from a known capacity.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{permitted, stopped};
use crate::base::clock::Clock;
use crate::base::id::TargetName;
use crate::model::record::{Measurement, Trial, TrialVerdict, Verdict};
use crate::runtime::effect::{ActionError, Link};
use crate::runtime::ports::{MeasureOrder, Pressure};

/// What a search finds of a capacity.
const FOUND: f64 = 0.98;

/// Finds the capacity it was told, without sending anything.
#[derive(Debug)]
pub struct SimulatedPressure {
    clock: Arc<dyn Clock>,
    takes: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    capacities: BTreeMap<TargetName, f64>,
    orders: Vec<MeasureOrder>,
}

impl SimulatedPressure {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, takes: Duration::ZERO, state: Mutex::default() }
    }

    /// Every measurement takes so long.
    #[must_use]
    pub fn taking(mut self, duration: Duration) -> Self {
        self.takes = duration;
        self
    }

    /// From now on the target bears so much, requests a second.
    pub fn set_capacity(&self, target: &TargetName, capacity_rps: f64) {
        self.state().capacities.insert(target.clone(), capacity_rps);
    }

    /// Every order so far, also those that were refused.
    pub fn orders(&self) -> Vec<MeasureOrder> {
        self.state().orders.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn perform(&self, order: &MeasureOrder) -> Result<Measurement, ActionError> {
        let limit_rps = permitted(order)?.limits.max_rate_rps;
        let started_at = self.clock.now();
        if !self.takes.is_zero() {
            self.clock.sleep_until(started_at.after(self.takes)).await;
        }
        let target = &order.settings.name;
        let capacity = self
            .state()
            .capacities
            .get(target)
            .copied()
            .ok_or_else(|| ActionError::permanent(format!("cannot load-test `{target}`: connection refused")))?;
        let max_rps = (capacity * FOUND).min(limit_rps);
        let verdict = if max_rps < limit_rps { Verdict::Confirmed } else { Verdict::LowerBound };
        let trial = |rate_rps: f64, p99_ms: f64, verdict| Trial {
            rate_rps,
            live_rps: 0.0,
            duration_ms: 1_500,
            requests: 300,
            p50_ms: 20.0,
            p99_ms,
            error_rate: 0.0,
            lateness_p99_ms: 1.0,
            verdict,
        };
        Ok(Measurement {
            max_rps,
            interval_rps: [max_rps, if verdict == Verdict::Confirmed { capacity } else { limit_rps }],
            verdict,
            stopped: None,
            started_at,
            ended_at: self.clock.now(),
            requests: 600,
            curve: vec![
                trial(max_rps, 25.0, TrialVerdict::Pass),
                trial(capacity * 1.02, order.settings.slo.p99_ms * 2.0, TrialVerdict::Fail),
            ],
        })
    }
}

#[async_trait]
impl Pressure for SimulatedPressure {
    async fn measure(&self, order: MeasureOrder, link: Link) -> Result<Measurement, ActionError> {
        self.state().orders.push(order.clone());
        permitted(&order)?;
        tokio::select! {
            biased;
            error = stopped(self.clock.as_ref(), &link) => Err(error),
            result = self.perform(&order) => result,
        }
    }
}
