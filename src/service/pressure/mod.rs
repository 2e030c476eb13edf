//! Load tests: an order to measure becomes a verified maximum rate, without doing harm.
//!
//! `search` decides what to try, `verdict` what a trial means, `generator` sends it, `figures` counts it, `session` joins
//! them. `requests` makes what is sent, `transport` carries it; `driver` has
//! another program send a trial. What must not be known here: rules, workflows, how agents are told.

mod alarm;
pub mod alone;
pub mod client;
mod driver;
pub mod figures;
pub mod generator;
mod live;
pub mod queue;
mod requests;
mod schedule;
pub mod search;
mod session;
pub mod simulated;
pub mod thread;
mod transport;
pub mod verdict;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::live::Live;
use self::session::{Endpoints, Session};
use crate::base::clock::Clock;
use crate::base::id::{IdempotencyKey, TargetName};
use crate::model::network::AllowedHosts;
use crate::model::record::{LiveTraffic, Measurement};
use crate::model::target::{MeasureSettings, Mode, TargetSettings};
use crate::runtime::effect::{ActionError, FailureKind, Link};
use crate::runtime::ports::{DispatchOrder, Dispatcher, MeasureOrder, Pressure, Rates};

/// Load tests that may run at once: two on one machine would disturb each other's figures, so the others wait.
const TESTS_AT_ONCE: usize = 1;

/// How often a running test makes sure that its lease has not ended.
const LEASE_CHECK: Duration = Duration::from_millis(50);

/// After the agents were told to hold, what they report still tells of before for so long.
const HOLD_SETTLES: Duration = Duration::from_millis(1_500);

/// Load-tests targets over HTTP.
#[derive(Debug)]
pub struct PressureService {
    clock: Arc<dyn Clock>,
    dispatcher: Arc<dyn Dispatcher>,
    allowed: Arc<AllowedHosts>,
    /// Targets that are being tested, or wait for it.
    busy: Mutex<BTreeSet<TargetName>>,
    turns: Semaphore,
}

impl PressureService {
    /// `allowed`: the only hosts that load is ever sent to.
    pub fn new(clock: Arc<dyn Clock>, dispatcher: Arc<dyn Dispatcher>, allowed: AllowedHosts) -> Self {
        Self {
            clock,
            dispatcher,
            allowed: Arc::new(allowed),
            busy: Mutex::default(),
            turns: Semaphore::new(TESTS_AT_ONCE),
        }
    }

    async fn perform(&self, order: &MeasureOrder, link: &Link) -> Result<Measurement, ActionError> {
        let measure = permitted(order)?;
        let target = &order.settings.name;
        let Endpoints { target: endpoint, health } = Endpoints::new(measure, Arc::clone(&self.allowed), order.run)
            .await
            .map_err(|problem| ActionError::permanent(format!("cannot load-test `{target}`: {problem}")))?;
        let _turn = self.turns.acquire().await.map_err(|_| ActionError::transient("the engine is stopping"))?;
        if measure.live_traffic == LiveTraffic::Hold {
            self.hold(order, link).await?;
        }
        let live = Live {
            clock: self.clock.as_ref(),
            dispatcher: Some(self.dispatcher.as_ref()),
            target,
            kind: measure.live_traffic,
        };
        let (settings, run, hint_rps) = (order.settings.as_ref(), order.run, order.hint_rps);
        let session = Session { settings, measure, run, endpoint, health, live, link, hint_rps };
        session.run(order.checkpoint.clone()).await
    }

    /// Tells the agents to pass no more than the floor while the test runs.
    async fn hold(&self, order: &MeasureOrder, link: &Link) -> Result<(), ActionError> {
        if self.dispatcher.agents(&order.settings.name).is_empty() {
            return Ok(());
        }
        let hold = DispatchOrder {
            key: IdempotencyKey::from(format!("{}/hold", order.key)),
            settings: Arc::clone(&order.settings),
            token: order.token,
            rates: Rates::Total(order.settings.rate.floor_rps),
        };
        self.dispatcher.dispatch(hold, link.clone()).await?;
        tokio::time::sleep(HOLD_SETTLES).await;
        Ok(())
    }

    fn busy(&self) -> MutexGuard<'_, BTreeSet<TargetName>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the target for one test.
    fn claim(&self, target: &TargetName) -> Result<Claim<'_>, ActionError> {
        if self.busy().insert(target.clone()) {
            Ok(Claim { service: self, target: target.clone() })
        } else {
            Err(ActionError::transient(format!("a load test of `{target}` is running already; wait for it to end")))
        }
    }
}

#[async_trait]
impl Pressure for PressureService {
    async fn measure(&self, order: MeasureOrder, link: Link) -> Result<Measurement, ActionError> {
        permitted(&order)?;
        let _claim = self.claim(&order.settings.name)?;
        // Dropping the test's future ends it: nothing is sent from the next instruction on.
        tokio::select! {
            biased;
            error = stopped(self.clock.as_ref(), &link) => Err(error),
            result = self.perform(&order, &link) => result,
        }
    }
}

/// Frees the target when the test ends, however it does.
struct Claim<'a> {
    service: &'a PressureService,
    target: TargetName,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.service.busy().remove(&self.target);
    }
}

/// Returns once the test must not go on.
async fn stopped(clock: &dyn Clock, link: &Link) -> ActionError {
    loop {
        let until = *link.lease_until.borrow();
        if clock.now() >= until {
            return ActionError::new(
                FailureKind::LeaseLost,
                "the load test stopped itself: the lease on its target was not renewed",
            );
        }
        tokio::select! {
            biased;
            () = link.stop.cancelled() => {
                return ActionError::new(FailureKind::Cancelled, "the load test was stopped");
            }
            () = tokio::time::sleep(LEASE_CHECK) => {}
        }
    }
}

/// What the configuration and the past say against a load test, before anything is sent.
///
/// # Errors
/// Why it may not be run.
pub fn permitted(order: &MeasureOrder) -> Result<&MeasureSettings, ActionError> {
    let TargetSettings { name, mode, measure, .. } = order.settings.as_ref();
    if *mode == Mode::Observe {
        return Err(ActionError::permanent(format!(
            "`{name}` is in mode {}: no load test is run; set `mode: enforce` to allow it",
            mode.as_str()
        )));
    }
    let Some(measure) = measure else {
        return Err(ActionError::permanent(format!(
            "`{name}` has no `measure` in the configuration: say which endpoint to load-test"
        )));
    };
    if *mode == Mode::Recommend && measure.live_traffic == LiveTraffic::Hold {
        return Err(ActionError::permanent(format!(
            "`{name}` is in mode recommend, and `measure.live_traffic: hold` would set its agents' rate without asking; use \
             `count` or `isolated`"
        )));
    }
    if order.interruptions >= 2 {
        return Err(ActionError::permanent(format!(
            "the engine stopped {} times during this load test of `{name}`: it is not begun again; find out why, then \
             send the event anew",
            order.interruptions
        )));
    }
    let positive = |rate: f64| rate.is_finite() && rate > 0.0;
    let usable = positive(measure.limits.max_rate_rps)
        && positive(order.settings.slo.p99_ms)
        && measure.precision < 0.5
        && !measure.trial_time.is_zero();
    if !usable {
        return Err(ActionError::permanent(format!(
            "`{name}` cannot be load-tested: `limits.max_rate`, `slo.p99` and `trial_time` must be above 0, and \
             `precision` below 50 %"
        )));
    }
    Ok(measure)
}

#[cfg(test)]
mod tests;
