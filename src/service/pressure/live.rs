//! What the agents send to a target while it is load-tested.
//!
//! Agents report a few times a second, so what they passed in a span is known a little after it.

use std::time::Duration;

use crate::base::clock::{Clock, Timestamp};
use crate::base::id::TargetName;
use crate::model::record::LiveTraffic;
use crate::runtime::ports::Dispatcher;

/// So long after a span its reports are waited for.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How often reports are asked for meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// The span that stands for "now".
const SPAN_MS: i64 = 700;

/// How long ago that span may have ended: the freshest that is reported counts.
const LAGS_MS: [i64; 3] = [250, 550, 1_100];

/// The live traffic of one target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live<'a> {
    pub(super) clock: &'a dyn Clock,
    /// `None`: there are no agents.
    pub(super) dispatcher: Option<&'a dyn Dispatcher>,
    pub(super) target: &'a TargetName,
    pub(super) kind: LiveTraffic,
}

impl Live<'_> {
    /// What the agents pass at present, requests a second; `None` where they do not report.
    pub(super) async fn current(&self) -> Option<f64> {
        self.patiently(|| self.latest()).await
    }

    /// What the agents passed between two moments, requests a second; waits until that is reported, `None` where it is not.
    pub(super) async fn during(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        self.patiently(|| self.between(from, to)).await
    }

    /// As far as reports go, without waiting.
    pub(super) fn latest(&self) -> Option<f64> {
        let now = self.clock.now().0;
        LAGS_MS.iter().find_map(|lag| self.between(Timestamp(now - lag - SPAN_MS), Timestamp(now - lag)))
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        let Some(dispatcher) = self.dispatcher.filter(|_| self.kind != LiveTraffic::Isolated) else { return Some(0.0) };
        if dispatcher.agents(self.target).is_empty() {
            return Some(0.0);
        }
        dispatcher.traffic(self.target, from, to).map(|traffic| traffic.passed_rps())
    }

    async fn patiently(&self, ask: impl Fn() -> Option<f64>) -> Option<f64> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            match ask() {
                None if tokio::time::Instant::now() < until => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
    }
}
