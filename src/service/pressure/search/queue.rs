//! A target in virtual time: workers with a set service time, a bounded queue, several streams of arrivals.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "virtual microseconds and counts of one test are far below 2^53"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::super::figures::{Collector, Figures};
use super::Plan;
use crate::model::objective::Objective;

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    /// Share of trials in which the target stands still for 150 ms.
    pub(super) stalls: f64,
    /// Every trial the capacity is off by up to this share.
    pub(super) capacity: f64,
    /// Requests go out and answers come in up to so much later.
    pub(super) jitter_ms: f64,
    /// Share of the service time that is exponential.
    pub(super) spread: f64,
    /// The sending machine stands still for up to 80 ms, this often a second.
    pub(super) hiccups: f64,
}

pub(super) const QUIET: Noise = Noise { stalls: 0.0, capacity: 0.0, jitter_ms: 1.5, spread: 0.0, hiccups: 0.0 };

pub(super) struct Queue {
    pub(super) capacity_rps: f64,
    free_at_us: Vec<f64>,
    bound_us: f64,
    noise: Noise,
    random: Random,
    now_us: f64,
    /// Rates of the streams that are not the test's.
    live: Vec<f64>,
}

impl Queue {
    pub(super) fn new(capacity_rps: f64, live: Vec<f64>, noise: Noise, seed: u64) -> Self {
        let workers = (capacity_rps * 0.02).round().max(1.0) as usize;
        Self {
            capacity_rps,
            free_at_us: vec![0.0; workers],
            bound_us: 400_000.0,
            noise,
            random: Random(seed),
            now_us: 0.0,
            live,
        }
    }

    pub(super) fn live_rps(&self) -> f64 {
        self.live.iter().sum()
    }

    /// The answer's time, or `None` where the queue is full.
    fn arrive(&mut self, at_us: f64, service_us: f64) -> Option<f64> {
        let (index, free) = self.free_at_us.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        let start = free.max(at_us);
        if start - at_us > self.bound_us {
            return None;
        }
        self.free_at_us[index] = start + service_us;
        Some(start + service_us)
    }

    /// Waits; live traffic goes on.
    pub(super) fn rest(&mut self, ms: f64) {
        let plan =
            Plan { stage: super::Stage::Search, rate_rps: self.live_rps(), time_ms: ms, requests: 0, patient: true };
        self.run(&plan, &Objective { p99_ms: 1e9, error_rate: 1.0 });
    }

    /// Microseconds of work that wait.
    pub(super) fn backlog_us(&self) -> f64 {
        self.free_at_us.iter().map(|free| (free - self.now_us).max(0.0)).fold(f64::MAX, f64::min)
    }

    pub(super) fn run(&mut self, plan: &Plan, objective: &Objective) -> Figures {
        let noise = self.noise;
        let own_rps = plan.rate_rps - self.live_rps();
        let own_rps = if own_rps > 0.0 { own_rps } else { self.live_rps() * 0.05 };
        let idle = plan.requests == 0;
        let time_us =
            if idle { plan.time_ms * 1e3 } else { plan.time_ms.max(plan.requests as f64 / own_rps * 1e3) * 1e3 };
        let planned = if idle { 0 } else { (own_rps * time_us / 1e6).round() as u64 };
        let capacity = self.capacity_rps * (1.0 + noise.capacity * (self.random.unit() * 2.0 - 1.0));
        let service_us = self.free_at_us.len() as f64 / capacity * 1e6;
        let begin = self.now_us;
        let stall = (self.random.unit() < noise.stalls).then(|| begin + self.random.unit() * time_us);
        let mut hiccups = Vec::new();
        let mut at = begin;
        while noise.hiccups > 0.0 && at < begin + time_us {
            at += self.random.exponential() * 1e6 / noise.hiccups;
            hiccups.push((at, at + self.random.unit() * 80_000.0));
        }
        // (moment it is due, whether ours), in order.
        let mut arrivals: Vec<(f64, bool)> =
            (0..planned).map(|index| (begin + index as f64 * 1e6 / own_rps, true)).collect();
        for rate in self.live.clone() {
            let mut at = begin + self.random.unit() * 1e6 / rate;
            while at < begin + time_us {
                arrivals.push((at, false));
                at += 1e6 / rate;
            }
        }
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let collector = Collector::new(planned, objective);
        let mut collector = if plan.patient { collector.patient() } else { collector };
        let mut open: BinaryHeap<Reverse<(u64, usize, u64, bool)>> = BinaryHeap::new();
        let (mut cut, mut end_us, mut last_look) = (None, time_us, 0.0);
        for (due, ours) in arrivals {
            let mut at = due + self.random.unit() * noise.jitter_ms * 1e3;
            if ours && let Some((_, until)) = hiccups.iter().find(|(from, until)| *from <= at && at < *until) {
                at = *until;
            }
            let sent = at;
            if let Some(stall) = stall.filter(|stall| (*stall..*stall + 150_000.0).contains(&at)) {
                at = stall + 150_000.0;
            }
            let elapsed = (due - begin) as u64;
            while open.peek().is_some_and(|Reverse(answer)| answer.0 <= elapsed) {
                let Reverse((_, number, latency, success)) = open.pop().unwrap();
                collector.answered(number, latency, success);
            }
            if due - begin - last_look > 20_000.0 {
                last_look = due - begin;
                cut = collector.cut(elapsed);
                if cut.is_some() {
                    end_us = due - begin;
                    break;
                }
            }
            let spread = 1.0 - noise.spread + noise.spread * self.random.exponential();
            let answer = self.arrive(at, service_us * spread);
            if ours {
                let number = collector.sent(elapsed);
                collector.was_late((sent - due) as u64);
                let back = answer.unwrap_or(at) + self.random.unit() * noise.jitter_ms * 1e3;
                open.push(Reverse(((back - begin) as u64, number, (back - due) as u64, answer.is_some())));
            }
        }
        let mut last = end_us;
        while let Some(Reverse((at, number, latency, success))) = open.pop() {
            last = last.max(at as f64);
            collector.answered(number, latency, success);
        }
        self.now_us = begin + last;
        collector.finish(Duration::from_secs_f64(end_us / 1e6), cut)
    }
}
