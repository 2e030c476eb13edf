//! A target and its agents in virtual time: what strategies are tried on, and what `homeostat simulate` runs.
//!
//! Requests come to agents by chance, agents let them through or not, workers serve them one after another, and a bounded queue
//! stands before the workers. What the target bears changes as its [`scenario::Scenario`] says. The same seed gives the same
//! run. What must not be known here: how it is decided what agents let through.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "virtual nanoseconds and counts of one run are far below 2^53"
)]

pub mod agents;
pub mod course;
pub mod scenario;
pub mod steered;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::scenario::{Borne, Scenario};
use crate::base::clock::Timestamp;
use crate::base::random::Random;
use crate::model::sample::Sample;

/// Who would have to wait longer is refused.
const BOUND_NS: u64 = 400_000_000;

/// Service times are log-normal with this coefficient of variation.
const SCATTER: f64 = 0.5;

/// A request that is refused is answered after this.
const REFUSED_NS: u64 = 1_000_000;

/// Who decides whether a request that came to an agent goes on to the target.
pub trait Admission {
    fn admits(&mut self, agent: usize, now_ns: u64) -> bool;

    /// A request that was let through was answered.
    fn answered(&mut self, _agent: usize, _answer: &Answer) {}
}

/// What an agent sees of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    pub at_ns: u64,
    pub sent_ns: u64,
    pub failed: bool,
}

impl Answer {
    pub fn latency_ms(&self) -> f64 {
        (self.at_ns - self.sent_ns) as f64 / 1e6
    }
}

/// What happened in one second.
#[derive(Clone, Debug, Default)]
pub struct Second {
    pub passed: u64,
    pub refused: u64,
    pub failed: u64,
    /// Of every request that was answered, in no order.
    pub latencies_ms: Vec<f64>,
}

impl Second {
    pub fn served(&self) -> u64 {
        self.latencies_ms.len() as u64 - self.failed
    }

    pub fn error_rate(&self) -> f64 {
        if self.latencies_ms.is_empty() { 0.0 } else { self.failed as f64 / self.latencies_ms.len() as f64 }
    }

    /// The latency below which this share of all answers lies.
    pub fn percentile_ms(&mut self, share: f64) -> Option<f64> {
        let last = self.latencies_ms.len().checked_sub(1)?;
        let rank = (last as f64 * share).round() as usize;
        Some(*self.latencies_ms.select_nth_unstable_by(rank.min(last), f64::total_cmp).1)
    }

    /// As agents would report it.
    pub fn sample(&mut self, from: Timestamp, to: Timestamp) -> Sample {
        Sample {
            from,
            to,
            passed: self.passed as f64,
            refused: self.refused as f64,
            answered: self.latencies_ms.len() as f64,
            failed: self.failed as f64,
            p50_ms: self.percentile_ms(0.5),
            p99_ms: self.percentile_ms(0.99),
        }
    }
}

/// A target and its agents.
#[derive(Debug)]
pub struct Plant<'a> {
    scenario: &'a Scenario,
    random: Random,
    /// When each worker is free.
    workers: BinaryHeap<Reverse<u64>>,
    /// When the next request comes to each agent; `None` for one that is away.
    arrivals: Vec<Option<u64>>,
    under_way: BinaryHeap<Reverse<(Answer, usize)>>,
    now_ns: u64,
    /// Added to all latencies of this second, ns.
    jitter_ns: u64,
}

impl<'a> Plant<'a> {
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        Self {
            scenario,
            random: Random(seed),
            workers: BinaryHeap::new(),
            arrivals: Vec::new(),
            under_way: BinaryHeap::new(),
            now_ns: 0,
            jitter_ns: 0,
        }
    }

    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Lets one second pass.
    pub fn second(&mut self, admission: &mut dyn Admission) -> Second {
        let mut second = Second::default();
        let end_ns = self.now_ns + 1_000_000_000;
        let at_s = self.now_ns as f64 / 1e9;
        let borne = self.scenario.borne(at_s);
        self.staff(borne);
        self.people(at_s);
        self.disturb();
        while let Some((agent, at_ns)) = self.next_arrival().filter(|(_, at_ns)| *at_ns < end_ns) {
            self.finish(at_ns, &mut second, admission);
            self.now_ns = at_ns;
            self.plan_arrival(agent, at_ns, at_s);
            if admission.admits(agent, at_ns) {
                second.passed += 1;
                let answer = self.serve(at_ns, borne);
                self.under_way.push(Reverse((answer, agent)));
            } else {
                second.refused += 1;
            }
        }
        self.finish(end_ns, &mut second, admission);
        self.now_ns = end_ns;
        second
    }

    /// So many workers as there are now.
    fn staff(&mut self, borne: Borne) {
        while self.workers.len() < borne.workers {
            self.workers.push(Reverse(self.now_ns));
        }
        // Those that are free first leave first; what waits before the others waits on.
        while self.workers.len() > borne.workers {
            self.workers.pop();
        }
    }

    /// Agents that came and went.
    fn people(&mut self, at_s: f64) {
        let agents = self.scenario.agents(at_s);
        self.arrivals.resize(agents.max(self.arrivals.len()), None);
        for agent in 0..self.arrivals.len() {
            let is_there = agent < agents;
            let is_away = self.arrivals.get(agent).copied().flatten().is_none();
            if is_there && is_away {
                self.plan_arrival(agent, self.now_ns, at_s);
            } else if !is_there && let Some(arrival) = self.arrivals.get_mut(agent) {
                *arrival = None;
            }
        }
    }

    fn disturb(&mut self) {
        let noise = self.scenario.noise;
        self.jitter_ns = 0;
        if self.random.unit() < noise.jitter {
            self.jitter_ns = (self.random.unit() * noise.jitter_ms * 1e6) as u64;
        }
        if self.random.unit() < noise.stall {
            let until = self.now_ns + (noise.stall_ms * 1e6) as u64;
            self.workers = self.workers.drain().map(|Reverse(free)| Reverse(free.max(until))).collect();
        }
    }

    fn next_arrival(&self) -> Option<(usize, u64)> {
        let arrivals = self.arrivals.iter().enumerate();
        arrivals.filter_map(|(agent, arrival)| Some((agent, (*arrival)?))).min_by_key(|(_, at_ns)| *at_ns)
    }

    fn plan_arrival(&mut self, agent: usize, after_ns: u64, at_s: f64) {
        let demand_rps = self.scenario.demand_rps(agent, at_s);
        let pause_ns = (self.random.exponential() / demand_rps.max(1e-3) * 1e9) as u64;
        if let Some(arrival) = self.arrivals.get_mut(agent) {
            *arrival = Some(after_ns + pause_ns.max(1));
        }
    }

    fn serve(&mut self, at_ns: u64, borne: Borne) -> Answer {
        let scatter = {
            let variance = (1.0 + SCATTER * SCATTER).ln();
            (self.random.normal() * variance.sqrt() - variance / 2.0).exp()
        };
        let tail_ns = {
            let noise = self.scenario.noise;
            if self.random.unit() < noise.tail { (self.random.unit() * noise.tail_ms * 1e6) as u64 } else { 0 }
        };
        let refused = Answer { at_ns: at_ns + REFUSED_NS, sent_ns: at_ns, failed: true };
        let Some(mut first) = self.workers.peek_mut() else { return refused };
        let start_ns = first.0.max(at_ns);
        if start_ns - at_ns > BOUND_NS {
            return refused;
        }
        first.0 = start_ns + (borne.service_ns() * scatter) as u64;
        Answer { at_ns: first.0 + tail_ns + self.jitter_ns, sent_ns: at_ns, failed: false }
    }

    fn finish(&mut self, until_ns: u64, second: &mut Second, admission: &mut dyn Admission) {
        while let Some(Reverse((answer, agent))) =
            self.under_way.peek().copied().filter(|next| next.0.0.at_ns < until_ns)
        {
            self.under_way.pop();
            second.failed += u64::from(answer.failed);
            second.latencies_ms.push(answer.latency_ms());
            admission.answered(agent, &answer);
        }
    }
}

#[cfg(test)]
mod tests;
