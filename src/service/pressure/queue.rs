//! A target in virtual time: workers with a set service time, a bounded queue before them, several streams of arrivals.
//!
//! It tells a search the same as the generator would, in microseconds of work instead of minutes, and the same for the same
//! seed. What it bears is known, so that what a search finds can be held against it. Tests and `benches/capacity.rs` use it.
//! What must not be known here: what a search makes of the figures.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "virtual nanoseconds and counts of one test are far below 2^53"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::figures::{Collector, Figures};
use super::search::{Observed, Plan, Rested, Stage};
use crate::base::random::Random;
use crate::model::objective::Objective;

/// About how long a request takes, seconds.
const SERVICE_S: f64 = 0.02;

/// Who would have to wait longer is refused.
const BOUND_NS: u64 = 400_000_000;

/// A stall lasts so long.
const STALL_NS: f64 = 150e6;

/// The longest hiccup of the sending machine.
const HICCUP_NS: f64 = 80e6;

/// How often a trial is looked at, as the generator does.
const LOOK_NS: f64 = 20e6;

/// A target that is rested for so long without coming back never does, ms.
const LONGEST_REST_MS: f64 = 30_000.0;

/// One look at whether it is back, ms.
const REST_MS: f64 = 200.0;

/// How service times scatter around their mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Service {
    /// Not at all.
    Fixed,
    /// This share of each is exponential.
    Exponential(f64),
    /// Log-normal with this coefficient of variation: most are short, and a few are many times as long.
    LogNormal(f64),
}

impl Service {
    /// One service time, as a multiple of their mean.
    fn draw(self, random: &mut Random) -> f64 {
        match self {
            Self::Fixed => 1.0,
            Self::Exponential(share) => 1.0 - share + share * random.exponential(),
            Self::LogNormal(cv) => {
                let variance = (1.0 + cv * cv).ln();
                (random.normal() * variance.sqrt() - variance / 2.0).exp()
            }
        }
    }
}

/// What makes one trial differ from the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Share of trials in which the target stands still for 150 ms.
    pub stalls: f64,
    /// Every trial the capacity is off by up to this share.
    pub capacity: f64,
    /// Requests go out and answers come in up to so much later.
    pub jitter_ms: f64,
    pub service: Service,
    /// The sending machine stands still for up to 80 ms, this often a second.
    pub hiccups: f64,
}

impl Noise {
    /// A target that is always the same.
    pub const QUIET: Self = Self { stalls: 0.0, capacity: 0.0, jitter_ms: 1.5, service: Service::Fixed, hiccups: 0.0 };
}

/// Who serves, and until when each is busy.
#[derive(Clone, Debug)]
struct Workers {
    free_at_ns: BinaryHeap<Reverse<u64>>,
}

impl Workers {
    /// So many that a request takes about 20 ms.
    fn for_rate(capacity_rps: f64) -> Self {
        let number = (capacity_rps * SERVICE_S).round().max(1.0) as usize;
        Self { free_at_ns: vec![Reverse(0); number].into() }
    }

    /// The mean service time with which they bear a rate together, ns.
    fn service_ns(&self, capacity_rps: f64) -> f64 {
        self.free_at_ns.len() as f64 / capacity_rps * 1e9
    }

    /// When a request is answered, or `None` where the queue is full.
    fn serve(&mut self, at_ns: u64, service_ns: f64) -> Option<u64> {
        let mut first = self.free_at_ns.peek_mut()?;
        let start = first.0.max(at_ns);
        if start - at_ns > BOUND_NS {
            return None;
        }
        first.0 = start + service_ns as u64;
        Some(first.0)
    }
}

/// The target.
#[derive(Clone, Debug)]
pub struct Queue {
    capacity_rps: f64,
    workers: Workers,
    noise: Noise,
    random: Random,
    now_ns: u64,
    /// Rates of the streams that are not the test's.
    live: Vec<f64>,
}

impl Queue {
    /// Workers that serve `capacity_rps` together, under even streams of live traffic at these rates.
    pub fn new(capacity_rps: f64, live: Vec<f64>, noise: Noise, seed: u64) -> Self {
        let workers = Workers::for_rate(capacity_rps);
        Self { capacity_rps, workers, noise, random: Random(seed), now_ns: 0, live }
    }

    /// What the live traffic comes to, requests a second.
    pub fn live_rps(&self) -> f64 {
        self.live.iter().sum()
    }

    /// From now on it serves so much more or less, without a break.
    pub fn drift(&mut self, factor: f64) {
        self.capacity_rps *= factor;
    }

    /// Waits; live traffic goes on.
    pub fn rest(&mut self, ms: f64) {
        let (rate_rps, objective) = (self.live_rps(), Objective { p99_ms: 1e9, error_rate: 1.0 });
        let idle = Plan { stage: Stage::Search, rate_rps, time_ms: ms, requests: 0, patient: true };
        self.run(&idle, &objective);
    }

    /// Milliseconds that the next request would wait.
    pub fn backlog_ms(&self) -> f64 {
        let first = self.workers.free_at_ns.peek().map_or(0, |first| first.0);
        first.saturating_sub(self.now_ns) as f64 / 1e6
    }

    /// Waits until the target is back at its baseline.
    pub fn cool_down(&mut self) -> Rested {
        let mut spent_ms = REST_MS;
        while self.backlog_ms() > 2.0 && spent_ms < LONGEST_REST_MS {
            self.rest(REST_MS);
            spent_ms += REST_MS;
        }
        Rested { recovered: spent_ms < LONGEST_REST_MS, spent_ms, requests: 10 }
    }

    /// Runs a trial and the pause of `pause_ms` after it. Where the objective bears any share of errors, it is run to its end.
    pub fn trial(&mut self, plan: &Plan, objective: &Objective, pause_ms: f64) -> Observed {
        let figures = self.run(plan, objective);
        self.rest(pause_ms);
        let spent_ms = figures.span_ms + pause_ms;
        Observed { figures, live_rps: Some(self.live_rps()), spent_ms }
    }

    fn run(&mut self, plan: &Plan, objective: &Objective) -> Figures {
        let noise = self.noise;
        let own_rps = plan.rate_rps - self.live_rps();
        let own_rps = if own_rps > 0.0 { own_rps } else { self.live_rps() * 0.05 };
        let idle = plan.requests == 0;
        let time_ms = if idle { plan.time_ms } else { plan.time_ms.max(plan.requests as f64 / own_rps * 1e3) };
        let time_ns = time_ms * 1e6;
        let planned = if idle { 0 } else { (own_rps * time_ns / 1e9).round() as u64 };
        let capacity = self.capacity_rps * (1.0 + noise.capacity * (self.random.unit() * 2.0 - 1.0));
        let service_ns = self.workers.service_ns(capacity);
        let stall = (self.random.unit() < noise.stalls).then(|| self.random.unit() * time_ns);
        let hiccups = self.hiccups(time_ns);
        let collector = Collector::new(planned, objective);
        let mut collector = if plan.patient { collector.patient() } else { collector };
        let mut open: BinaryHeap<Reverse<(u64, usize, u64, bool)>> = BinaryHeap::new();
        let (mut cut, mut end_ns, mut last_look) = (None, time_ns, 0.0);
        for (due, ours) in self.arrivals(planned, own_rps, time_ns) {
            let mut at = due + self.random.unit() * noise.jitter_ms * 1e6;
            if ours && let Some((_, until)) = hiccups.iter().find(|(from, until)| (*from..*until).contains(&at)) {
                at = *until;
            }
            let sent = at;
            if let Some(stall) = stall.filter(|stall| (*stall..*stall + STALL_NS).contains(&at)) {
                at = stall + STALL_NS;
            }
            let elapsed_us = (due / 1e3) as u64;
            while open.peek().is_some_and(|Reverse(answer)| answer.0 <= elapsed_us) {
                let Some(Reverse((_, number, latency_us, success))) = open.pop() else { break };
                collector.answered(number, latency_us, success);
            }
            if due - last_look > LOOK_NS {
                last_look = due;
                cut = collector.cut(elapsed_us).filter(|_| objective.error_rate < 1.0);
                if cut.is_some() {
                    end_ns = due;
                    break;
                }
            }
            let answer = self.workers.serve(self.now_ns + at as u64, service_ns * noise.service.draw(&mut self.random));
            if ours {
                let number = collector.sent(elapsed_us);
                collector.was_late(((sent - due) / 1e3) as u64);
                let answered = answer.map_or(at, |answer| (answer - self.now_ns) as f64);
                let back = answered + self.random.unit() * noise.jitter_ms * 1e6;
                open.push(Reverse(((back / 1e3) as u64, number, ((back - due) / 1e3) as u64, answer.is_some())));
            }
        }
        let mut last_ns = end_ns as u64;
        while let Some(Reverse((at_us, number, latency_us, success))) = open.pop() {
            last_ns = last_ns.max(at_us * 1_000);
            collector.answered(number, latency_us, success);
        }
        self.now_ns += last_ns;
        collector.finish(Duration::from_secs_f64(end_ns / 1e9), cut)
    }

    /// The moments each request of a trial is due, ns since it began, and whether it is the test's, in order.
    fn arrivals(&mut self, planned: u64, own_rps: f64, time_ns: f64) -> Vec<(f64, bool)> {
        let mut arrivals: Vec<(f64, bool)> = (0..planned).map(|index| (index as f64 * 1e9 / own_rps, true)).collect();
        for rate in &self.live {
            let mut at = self.random.unit() * 1e9 / rate;
            while at < time_ns {
                arrivals.push((at, false));
                at += 1e9 / rate;
            }
        }
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        arrivals
    }

    /// When the sender stands still, from and until, ns since the trial began.
    fn hiccups(&mut self, time_ns: f64) -> Vec<(f64, f64)> {
        let mut hiccups = Vec::new();
        let mut at = 0.0;
        while self.noise.hiccups > 0.0 && at < time_ns {
            at += self.random.exponential() * 1e9 / self.noise.hiccups;
            hiccups.push((at, at + self.random.unit() * HICCUP_NS));
        }
        hiccups
    }
}

/// The highest rate that meets the objective in the long run where nothing but service times scatters: `requests` evenly
/// spaced ones are served at each rate that is tried. With fixed service times that is the capacity itself.
pub fn borne_rps(capacity_rps: f64, service: Service, objective: &Objective, requests: u64, seed: u64) -> f64 {
    if service == Service::Fixed {
        return capacity_rps;
    }
    let slow_ns = objective.p99_ms * 1e6;
    let met = |rate_rps: f64| {
        let (mut workers, mut random) = (Workers::for_rate(capacity_rps), Random(seed));
        let service_ns = workers.service_ns(capacity_rps);
        let (mut slow, mut failed) = (0_u64, 0_u64);
        for index in 0..requests {
            let at = (index as f64 * 1e9 / rate_rps) as u64;
            match workers.serve(at, service_ns * service.draw(&mut random)) {
                Some(answer) => slow += u64::from((answer - at) as f64 > slow_ns),
                None => failed += 1,
            }
        }
        // The 99th percentile is of what was answered.
        slow as f64 <= (requests - failed) as f64 * 0.01 && failed as f64 <= requests as f64 * objective.error_rate
    };
    let (mut low, mut high) = (capacity_rps * 0.1, capacity_rps);
    for _ in 0..11 {
        let rate = f64::midpoint(low, high);
        if met(rate) { low = rate } else { high = rate }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

    #[test]
    fn service_times_have_the_mean_and_the_scatter_that_they_say() {
        for (service, cv) in [
            (Service::Fixed, 0.0),
            (Service::Exponential(0.5), 0.5),
            (Service::Exponential(1.0), 1.0),
            (Service::LogNormal(2.0), 2.0),
        ] {
            let mut random = Random(7);
            let drawn: Vec<f64> = (0..200_000).map(|_| service.draw(&mut random)).collect();
            let mean = drawn.iter().sum::<f64>() / 200_000.0;
            let variance = drawn.iter().map(|time| (time - mean) * (time - mean)).sum::<f64>() / 200_000.0;
            assert!((mean - 1.0).abs() < 0.02, "{service:?}: mean {mean}");
            assert!((variance.sqrt() - cv).abs() < 0.02 + cv * 0.1, "{service:?}: cv {}", variance.sqrt());
        }
    }

    #[test]
    fn it_serves_its_capacity_and_refuses_the_rest() {
        let mut queue = Queue::new(500.0, Vec::new(), Noise::QUIET, 1);
        let plan = |rate_rps| Plan { stage: Stage::Search, rate_rps, time_ms: 20_000.0, requests: 1, patient: true };
        let borne = queue.trial(&plan(499.0), &OBJECTIVE, 100.0).figures;
        assert_eq!((borne.failed, borne.slow, borne.sent), (0, 0, 9_980));
        let patient = Objective { p99_ms: 1e6, error_rate: 1.0 };
        let full = queue.trial(&plan(550.0), &patient, 100.0).figures;
        // 10 % too much fills 0.4 s in 4 s; of the 16 s after that, 50 a second are refused.
        assert!((f64::from(u32::try_from(full.failed).unwrap()) - 800.0).abs() < 30.0, "{}", full.failed);
        assert!(queue.cool_down().recovered);
        queue.drift(0.5);
        assert!(queue.trial(&plan(300.0), &OBJECTIVE, 100.0).figures.cut.is_some());
    }

    #[test]
    fn where_service_scatters_less_is_borne_than_can_be_done() {
        assert!((borne_rps(500.0, Service::Fixed, &OBJECTIVE, 1, 1) - 500.0).abs() < 1e-9);
        let half = borne_rps(500.0, Service::Exponential(0.5), &OBJECTIVE, 50_000, 1);
        let heavy = borne_rps(500.0, Service::LogNormal(2.0), &OBJECTIVE, 50_000, 1);
        assert!(heavy < half * 0.97 && half < 500.0, "{heavy}, {half}");
    }
}
