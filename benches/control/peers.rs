//! The limits of Netflix's concurrency-limits, after its published Java: AIMDLimit, VegasLimit, Gradient2Limit behind a
//! WindowedLimit. Each agent has one of its own and holds so many requests under way.
//!
//! Constants are theirs, but for three: the least limit is 1 and the most 1,000 (theirs of 20 a client is more than these targets
//! bear), and AIMD's time-out is the objective (theirs of 5 s is never reached here).

use std::collections::VecDeque;

use homeostat::base::clock::Timestamp;
use homeostat::base::random::Random;
use homeostat::model::sample::Sample;
use homeostat::service::plant::course::{Control, OBJECTIVE};
use homeostat::service::plant::scenario::Scenario;
use homeostat::service::plant::{Admission, Answer};

const INITIAL: f64 = 20.0;
const LEAST: f64 = 1.0;
const MOST: f64 = 1_000.0;

/// One limit: what it makes of an answer.
pub trait Limit {
    fn update(&mut self, rtt_ns: f64, in_flight: usize, dropped: bool, at_ns: u64, random: &mut Random);
    fn limit(&self) -> usize;
}

pub struct Aimd {
    limit: f64,
}

impl Default for Aimd {
    fn default() -> Self {
        Self { limit: INITIAL }
    }
}

impl Limit for Aimd {
    fn update(&mut self, rtt_ns: f64, in_flight: usize, dropped: bool, _at_ns: u64, _random: &mut Random) {
        if dropped || rtt_ns > OBJECTIVE.p99_ms * 1e6 {
            self.limit = (self.limit * 0.9).floor();
        } else if in_flight as f64 * 2.0 >= self.limit {
            self.limit += 1.0;
        }
        self.limit = self.limit.clamp(LEAST, MOST);
    }

    fn limit(&self) -> usize {
        self.limit as usize
    }
}

pub struct Vegas {
    estimated: f64,
    no_load_ns: f64,
    probes: f64,
    jitter: f64,
}

impl Default for Vegas {
    fn default() -> Self {
        Self { estimated: INITIAL, no_load_ns: 0.0, probes: 0.0, jitter: 0.75 }
    }
}

fn log10(limit: f64) -> f64 {
    limit.trunc().max(1.0).log10().trunc().max(1.0)
}

impl Limit for Vegas {
    fn update(&mut self, rtt_ns: f64, in_flight: usize, dropped: bool, _at_ns: u64, random: &mut Random) {
        self.probes += 1.0;
        if self.jitter * 30.0 * self.estimated <= self.probes {
            self.jitter = 0.5 + random.unit() / 2.0;
            self.probes = 0.0;
            self.no_load_ns = rtt_ns;
            return;
        }
        if self.no_load_ns == 0.0 || rtt_ns < self.no_load_ns {
            self.no_load_ns = rtt_ns;
            return;
        }
        let queue = (self.estimated * (1.0 - self.no_load_ns / rtt_ns)).ceil();
        let step = log10(self.estimated);
        let (alpha, beta, threshold) = (3.0 * step, 6.0 * step, step);
        let new = if dropped {
            self.estimated - step
        } else if (in_flight as f64) * 2.0 < self.estimated {
            return;
        } else if queue <= threshold {
            self.estimated + beta
        } else if queue < alpha {
            self.estimated + step
        } else if queue > beta {
            self.estimated - step
        } else {
            return;
        };
        self.estimated = new.clamp(LEAST, MOST);
    }

    fn limit(&self) -> usize {
        self.estimated as usize
    }
}

pub struct Gradient2 {
    estimated: f64,
    long_ns: f64,
    long_count: u32,
    // The window before it.
    next_ns: u64,
    sum_ns: f64,
    count: u32,
    least_ns: f64,
    most_in_flight: usize,
    dropped: bool,
}

impl Default for Gradient2 {
    fn default() -> Self {
        Self {
            estimated: INITIAL,
            long_ns: 0.0,
            long_count: 0,
            next_ns: 0,
            sum_ns: 0.0,
            count: 0,
            least_ns: f64::MAX,
            most_in_flight: 0,
            dropped: false,
        }
    }
}

impl Gradient2 {
    fn window(&mut self, rtt_ns: f64, in_flight: usize) {
        // The mean of the first ten, then an exponential average over 600.
        self.long_count += 1;
        if self.long_count <= 10 {
            self.long_ns += (rtt_ns - self.long_ns) / f64::from(self.long_count);
        } else {
            let factor = 2.0 / 601.0;
            self.long_ns = self.long_ns * (1.0 - factor) + rtt_ns * factor;
        }
        let long_ns = self.long_ns;
        if long_ns / rtt_ns > 2.0 {
            self.long_ns *= 0.95;
        }
        if (in_flight as f64) < self.estimated / 2.0 {
            return;
        }
        let gradient = (1.5 * long_ns / rtt_ns).clamp(0.5, 1.0);
        let new = self.estimated * gradient + 4.0;
        self.estimated = (self.estimated * 0.8 + new * 0.2).clamp(LEAST, MOST);
    }
}

impl Limit for Gradient2 {
    fn update(&mut self, rtt_ns: f64, in_flight: usize, dropped: bool, at_ns: u64, _random: &mut Random) {
        self.most_in_flight = self.most_in_flight.max(in_flight);
        if dropped {
            self.dropped = true;
        } else {
            self.sum_ns += rtt_ns;
            self.count += 1;
            self.least_ns = self.least_ns.min(rtt_ns);
        }
        if at_ns > self.next_ns && self.count > 10 {
            let (mean, in_flight) = (self.sum_ns / f64::from(self.count), self.most_in_flight);
            (self.sum_ns, self.count, self.least_ns) = (0.0, 0, f64::MAX);
            (self.most_in_flight, self.dropped) = (0, false);
            self.next_ns = at_ns + 1_000_000_000;
            self.window(mean, in_flight);
        }
    }

    fn limit(&self) -> usize {
        self.estimated as usize
    }
}

/// Agents that hold so many requests under way as their limits say, and hear of answers as late and as seldom as the scenario says.
pub struct Limited<'a, L> {
    scenario: &'a Scenario,
    agents: Vec<Agent<L>>,
    random: Random,
}

#[derive(Default)]
struct Agent<L> {
    limit: L,
    in_flight: usize,
    /// Answers that are not known yet: when they will be.
    unheard: VecDeque<(u64, Answer, usize)>,
    /// How many were under way when each request was sent.
    sent: std::collections::HashMap<u64, usize>,
}

impl<'a, L: Limit + Default> Limited<'a, L> {
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        Self { scenario, agents: Vec::new(), random: Random(seed) }
    }
}

impl<L: Limit + Default> Admission for Limited<'_, L> {
    fn admits(&mut self, agent: usize, now_ns: u64) -> bool {
        let agent = &mut self.agents[agent];
        while let Some((due, answer, in_flight)) = agent.unheard.front().copied().filter(|(due, ..)| *due <= now_ns) {
            agent.unheard.pop_front();
            let rtt = (answer.at_ns - answer.sent_ns) as f64;
            agent.limit.update(rtt, in_flight, answer.failed, due, &mut self.random);
        }
        if agent.in_flight >= agent.limit.limit() {
            return false;
        }
        agent.in_flight += 1;
        agent.sent.insert(now_ns, agent.in_flight);
        true
    }

    fn answered(&mut self, agent: usize, answer: &Answer) {
        let lost = self.random.unit() < self.scenario.lost;
        let agent = &mut self.agents[agent];
        agent.in_flight = agent.in_flight.saturating_sub(1);
        let in_flight = agent.sent.remove(&answer.sent_ns).unwrap_or(1);
        // A limiter in the process hears at once, but for what the scenario holds back beyond an agent's usual report.
        let late_ns = (self.scenario.late_s * 1e9) as u64;
        if !lost {
            agent.unheard.push_back((answer.at_ns + late_ns, *answer, in_flight));
        }
    }
}

impl<L: Limit + Default> Control for Limited<'_, L> {
    fn tick(&mut self, _now: Timestamp, agents: usize, _samples: &[Sample]) {
        while self.agents.len() < agents {
            self.agents.push(Agent::default());
        }
    }

    fn rate_rps(&self) -> Option<f64> {
        None
    }
}

/// Sends 0.95 of what is borne, at once.
pub struct Oracle<'a> {
    scenario: &'a Scenario,
    rate_rps: f64,
    saved: Vec<(f64, u64)>,
}

impl<'a> Oracle<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, rate_rps: 0.0, saved: Vec::new() }
    }
}

impl Admission for Oracle<'_> {
    fn admits(&mut self, agent: usize, now_ns: u64) -> bool {
        let (saved, at_ns) = &mut self.saved[agent];
        let more = self.rate_rps * (now_ns - *at_ns) as f64 / 1e9;
        *saved = (*saved + more).min((self.rate_rps * 0.04).max(3.0));
        *at_ns = now_ns;
        let passes = *saved >= 1.0;
        if passes {
            *saved -= 1.0;
        }
        passes
    }
}

impl Control for Oracle<'_> {
    fn tick(&mut self, now: Timestamp, agents: usize, _samples: &[Sample]) {
        let now_ns = now.0 as u64 * 1_000_000;
        self.saved.resize(agents, (0.0, now_ns));
        let capacity_rps = self.scenario.borne(now.0 as f64 / 1e3).capacity_rps;
        self.rate_rps = homeostat::service::plant::course::ORACLE * capacity_rps / agents as f64;
    }

    fn rate_rps(&self) -> Option<f64> {
        None
    }
}
