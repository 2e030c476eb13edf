//! What a desk's agents saw of their target, all of them together.

use super::Desk;
use crate::base::clock::Timestamp;
use crate::model::assignment::Traffic;
use crate::model::sample::Sample;
use crate::service::dispatch::ledger::Moment;
use crate::service::dispatch::traffic::AllAnswers;

impl Desk {
    /// What the agents that are connected saw between two moments; `None` where one of them has not reported so far, or none is
    /// connected.
    pub fn sample(&self, from: Timestamp, to: Timestamp) -> Option<Sample> {
        let (mut passed, mut refused, mut all) = (0.0, 0.0, AllAnswers::default());
        let mut connected = self.agents.values().filter(|agent| agent.session().is_some()).peekable();
        connected.peek()?;
        for agent in connected {
            let (own_passed, own_refused) = agent.windows.between(from.max(agent.joined_at), to)?;
            passed += own_passed;
            refused += own_refused;
            agent.windows.answers(from, to, &mut all);
        }
        let AllAnswers { answered, failed, latencies } = all;
        let (p50_ms, p99_ms) = (latencies.percentile_ms(0.5), latencies.percentile_ms(0.99));
        Some(Sample { from, to, passed, refused, answered, failed, p50_ms, p99_ms })
    }

    /// What all agents passed between two moments; `None` where one of them may have passed what it did not report.
    pub fn traffic(&self, from: Timestamp, to: Timestamp, now: Moment) -> Option<Traffic> {
        let mut traffic = Traffic { from, to, passed: 0.0, refused: 0.0 };
        for (id, agent) in &self.agents {
            // One that holds no more than a fallback and is away counts as passing nothing: that errs towards safety.
            if agent.is_away() && !self.ledger.is_live(id, now) {
                continue;
            }
            let (passed, refused) = agent.windows.between(from.max(agent.joined_at), to)?;
            traffic.passed += passed;
            traffic.refused += refused;
        }
        Some(traffic)
    }
}
