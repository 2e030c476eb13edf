//! The capacity search: figures of trials in, the next trial out. Pure, and serialisable: its state is the checkpoint.
//!
//! It ramps up until a trial fails, then closes the bracket between the highest rate that passed and the lowest that
//! failed. What the failing trials show of the capacity (see `verdict`) says where to try next; it is never believed: the
//! result is a rate that passed a confirming trial twice as long, with a rate just above it that failed two times of three.
//! A single bad trial decides nothing for good: whatever contradicts a bound removes it.
//!
//! Where service times scatter, single trials say little: there the ramp ends in `refine`, which goes by how long requests
//! wait in all trials together (see `waits`), and confirms what that comes to.
//!
//! Nothing here waits, sends or knows the time: what trials and rests cost is told with their results.

mod exchange;
mod refine;
mod waits;

use serde::{Deserialize, Serialize};

pub use self::exchange::{Budget, Found, GaveUp, Observed, Params, Plan, Rested, Stage, Step};
use self::waits::Waits;
use super::figures::{Cut, Figures, count, whole};
use super::verdict::judge;
use crate::model::record::{Stopped, Trial, TrialVerdict, Verdict};

/// So many invalid trials in a row end the search.
const INVALID_IN_A_ROW: u32 = 12;

/// So often may a rate that had passed fail for good before the target is called unsteady.
const CONTRADICTIONS: u32 = 5;

/// So many trials that ended in a burst of errors are enough: a target that is merely full refuses no more than the excess.
const BURSTS: u32 = 3;

/// No search needs more trials.
const TRIALS: usize = 80;

/// A ramp only looks for where to search: its trials are short.
const RAMP_REQUESTS: u64 = 25;

/// Below this nothing is tried, requests a second.
const LEAST_RPS: f64 = 1.0;

/// The state of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    params: Params,
    growth: f64,
    /// Rates that passed, ascending.
    passed: Vec<Passed>,
    failed: Option<Failed>,
    waits: Waits,
    refined: u32,
    /// What the last overloaded trial bore.
    estimate_rps: Option<f64>,
    candidate: Option<Candidate>,
    cooling: bool,
    live_rps: f64,
    invalid: u32,
    live_unknown: bool,
    contradictions: u32,
    #[serde(default)]
    bursts: u32,
    ended: Option<GaveUp>,
    spent_ms: f64,
    /// Of the time to spend, where the window closes before it is over.
    #[serde(skip)]
    closes_ms: Option<f64>,
    sent: u64,
    curve: Vec<Trial>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Passed {
    rate_rps: f64,
    /// In a trial of full length.
    full: bool,
    confirmed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Failed {
    rate_rps: f64,
    times: u32,
}

/// The rate that is on trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Candidate {
    rate_rps: f64,
    stage: Stage,
    passes: u32,
    fails: u32,
    /// The lowest total that passed, the last that failed.
    passed_rps: f64,
    failed_rps: f64,
    /// Whether a first failure that shows an overload may stand until it is re-checked.
    provisional: bool,
    /// Of its trials, in trial times.
    length: f64,
}

impl Search {
    pub fn new(params: Params) -> Self {
        let growth = params.growth;
        Self {
            params,
            growth,
            passed: Vec::new(),
            failed: None,
            waits: Waits::default(),
            refined: 0,
            estimate_rps: None,
            candidate: None,
            cooling: false,
            live_rps: 0.0,
            invalid: 0,
            live_unknown: false,
            contradictions: 0,
            bursts: 0,
            ended: None,
            spent_ms: 0.0,
            closes_ms: None,
            sent: 0,
            curve: Vec::new(),
        }
    }

    /// What to do now. Asking again without a result in between gives the same answer.
    pub fn step(&mut self) -> Step {
        if let Some(why) = self.ended.clone() {
            return self.finish(why);
        }
        if self.cooling {
            return Step::Cooldown;
        }
        if self.curve.len() >= TRIALS {
            return self.finish(GaveUp::Unsteady);
        }
        if self.candidate.is_none() {
            match self.choose() {
                Choice::Try(candidate) => self.candidate = Some(candidate),
                Choice::Done(found) => return Step::Done(found),
                Choice::GiveUp(why) => return self.finish(why),
            }
        }
        let Some(candidate) = self.candidate else { return self.finish(GaveUp::Unsteady) };
        let plan = self.plan(&candidate);
        let time_ms = plan.time_ms.max(count(plan.requests) / plan.rate_rps * 1e3);
        let requests = whole(plan.rate_rps * time_ms / 1e3);
        if self.spent_ms + time_ms > self.params.time_ms {
            return self.finish(GaveUp::Spent(Budget::Time));
        }
        if self.closes_ms.is_some_and(|closes_ms| self.spent_ms + time_ms > closes_ms) {
            return self.finish(GaveUp::Spent(Budget::Window));
        }
        if self.sent + requests > self.params.requests {
            return self.finish(GaveUp::Spent(Budget::Requests));
        }
        Step::Trial(plan)
    }

    /// Takes the result of the trial that [`Search::step`] asked for, and says how it was judged.
    pub fn record(&mut self, observed: Observed) -> TrialVerdict {
        let Observed { figures, live_rps, spent_ms } = observed;
        self.spent_ms += spent_ms;
        self.sent += figures.sent;
        self.live_unknown = live_rps.is_none();
        let live = live_rps.unwrap_or(self.live_rps);
        self.live_rps = live;
        let total = figures.own_rps + live;
        let judged = judge(&figures, total, &self.params.objective);
        let verdict = if live_rps.is_none() { TrialVerdict::Invalid } else { judged.verdict };
        if figures.sent > 0 {
            self.curve.push(trial(&figures, live, verdict));
        }
        self.cooling = figures.cut.is_some() || verdict == TrialVerdict::Fail;
        self.guard(figures.cut);
        let Some(mut candidate) = self.candidate.take() else { return verdict };
        match verdict {
            TrialVerdict::Invalid => {
                self.invalid += 1;
                if self.invalid >= INVALID_IN_A_ROW {
                    self.ended = Some(GaveUp::Invalid { live_unknown: self.live_unknown });
                }
                self.candidate = Some(candidate);
                return verdict;
            }
            TrialVerdict::Pass => {
                candidate.passed_rps = if candidate.passes == 0 { total } else { candidate.passed_rps.min(total) };
                candidate.passes += 1;
            }
            TrialVerdict::Fail => {
                candidate.fails += 1;
                candidate.failed_rps = total;
                self.estimate_rps = judged.capacity_rps.filter(|rate| *rate < total).or(self.estimate_rps);
            }
        }
        self.invalid = 0;
        self.waits.observe(total, &figures, verdict == TrialVerdict::Pass);
        if candidate.stage == Stage::Refine {
            self.refined += 1;
            return verdict;
        }
        let shown = candidate.provisional && judged.capacity_rps.is_some();
        match (candidate.passes, candidate.fails) {
            (1, 0) | (2, _) => self.hold(&candidate),
            (0, 1) if self.waits.scattered(&self.params.objective) => self.give_way(&candidate),
            (_, 2) => self.give_way(&candidate),
            (0, 1) if shown => self.give_way(&candidate),
            _ => self.candidate = Some(candidate),
        }
        verdict
    }

    /// Ends the search where going on would do harm.
    fn guard(&mut self, cut: Option<Cut>) {
        match cut {
            Some(Cut::Unhealthy) => self.ended = Some(GaveUp::Unhealthy),
            Some(Cut::ErrorBurst) => {
                self.bursts += 1;
                if self.bursts >= BURSTS {
                    self.ended = Some(GaveUp::ErrorBursts { trials: self.bursts });
                }
            }
            _ => {}
        }
    }

    /// Takes the result of the cool-down that [`Search::step`] asked for.
    pub fn rested(&mut self, rested: Rested) {
        self.cooling = false;
        self.spent_ms += rested.spent_ms;
        self.sent += rested.requests;
        if !rested.recovered {
            self.ended = Some(GaveUp::NotRecovered);
        }
    }

    /// Goes on after a crash: counts the trial that was cut off as if it had ended, and waits for the baseline.
    pub fn resume(&mut self) {
        if let Step::Trial(plan) = self.step() {
            let time_ms = plan.time_ms.max(count(plan.requests) / plan.rate_rps * 1e3);
            self.spent_ms += time_ms;
            self.sent += whole(plan.rate_rps * time_ms / 1e3);
        }
        self.cooling = true;
    }

    /// No trial is under way in so many milliseconds from now; `None`: the window stays open.
    pub fn close_in(&mut self, ms: Option<f64>) {
        self.closes_ms = ms.map(|ms| self.spent_ms + ms);
    }

    /// Counts what was spent outside trials and rests.
    pub fn spend(&mut self, ms: f64, requests: u64) {
        self.spent_ms += ms;
        self.sent += requests;
    }

    /// The highest rate that passed, and the lowest that failed.
    pub fn bracket(&self) -> (Option<f64>, Option<f64>) {
        (self.passed.last().map(|passed| passed.rate_rps), self.failed.map(|failed| failed.rate_rps))
    }

    pub fn curve(&self) -> &[Trial] {
        &self.curve
    }

    pub fn spent_ms(&self) -> f64 {
        self.spent_ms
    }

    pub fn requests(&self) -> u64 {
        self.sent
    }

    fn plan(&self, candidate: &Candidate) -> Plan {
        let (share, requests) = match candidate.stage {
            Stage::Ramp => (0.5, self.params.trial_requests.min(RAMP_REQUESTS)),
            Stage::Search => (1.0, self.params.trial_requests),
            Stage::Refine => (candidate.length, self.params.trial_requests),
            Stage::Confirm => (candidate.length, self.params.trial_requests.saturating_mul(2)),
        };
        Plan {
            patient: candidate.stage == Stage::Refine,
            stage: candidate.stage,
            rate_rps: candidate.rate_rps,
            time_ms: self.params.trial_time_ms * share,
            requests,
        }
    }

    fn choose(&self) -> Choice {
        let max = self.params.max_rate_rps;
        match (self.passed.last().copied(), self.failed) {
            (None, None) => Choice::Try(Candidate::new(self.params.start_rps.min(max), Stage::Ramp)),
            (Some(lower), None) if lower.rate_rps >= max * 0.99 && lower.confirmed => Choice::Done(Found {
                max_rps: lower.rate_rps,
                interval_rps: [lower.rate_rps, lower.rate_rps.max(max)],
                verdict: Verdict::LowerBound,
                stopped: None,
            }),
            (Some(lower), None) if lower.rate_rps >= max * 0.99 => {
                Choice::Try(Candidate::new(lower.rate_rps.min(max), Stage::Confirm))
            }
            (Some(lower), None) => Choice::Try(Candidate::new((lower.rate_rps * self.growth).min(max), Stage::Ramp)),
            (None, Some(upper)) => self.lower_than(upper),
            (Some(_), Some(_)) if self.waits.scattered(&self.params.objective) => self.refine(),
            (Some(lower), Some(upper)) => self.between(lower, upper),
        }
    }

    /// Nothing has passed yet.
    fn lower_than(&self, upper: Failed) -> Choice {
        // Live traffic alone, with next to nothing of ours, was tried and failed.
        if self.live_rps > 0.0 && self.live_rps >= upper.rate_rps * 0.9 {
            return Choice::GiveUp(GaveUp::LiveTooHigh { live_rps: self.live_rps });
        }
        if upper.rate_rps <= LEAST_RPS {
            return Choice::GiveUp(GaveUp::NothingHeld { rate_rps: upper.rate_rps });
        }
        let guess = self.estimate_rps.map_or(upper.rate_rps / 2.0, |rate| rate * (1.0 - self.params.precision));
        let rate = guess.min(upper.rate_rps * 0.97).max(LEAST_RPS);
        Choice::Try(Candidate::new(rate, Stage::Search))
    }

    fn between(&self, lower: Passed, upper: Failed) -> Choice {
        let (low, high, precision) = (lower.rate_rps, upper.rate_rps, self.params.precision);
        // What was confirmed need not be so again because live traffic was a little lower then.
        let slack = if lower.confirmed { 1.5 } else { 1.02 };
        if (high - low) <= high * precision * slack {
            return if upper.times < 2 {
                let mut again = Candidate::new(high, Stage::Search);
                (again.fails, again.failed_rps, again.provisional) = (upper.times, high, false);
                Choice::Try(again)
            } else if lower.confirmed {
                let interval_rps = [low, high];
                Choice::Done(Found { max_rps: low, interval_rps, verdict: Verdict::Confirmed, stopped: None })
            } else {
                Choice::Try(Candidate::new(low, Stage::Confirm))
            };
        }
        // Just below what the target seems to bear; then, from there, just so far above that a failure closes the bracket.
        let wanted = match self.estimate_rps {
            Some(rate) if low < rate * (1.0 - 1.6 * precision) => rate * (1.0 - 0.6 * precision),
            Some(rate) => (low / (1.0 - 0.95 * precision)).max(rate * (1.0 + 0.4 * precision)),
            None if low * 2.0 < high => (low * high).sqrt(),
            None => f64::midpoint(low, high),
        };
        // A guess outside the bracket, or at its edge, gives way to the middle.
        let margin = (high - low) * 0.05;
        let rate = if wanted > low && wanted < high - margin { wanted } else { f64::midpoint(low, high) };
        Choice::Try(Candidate::new(rate, Stage::Search))
    }

    /// The candidate's rate passed.
    fn hold(&mut self, candidate: &Candidate) {
        let rate_rps = candidate.passed_rps;
        let confirmed = candidate.stage == Stage::Confirm;
        if confirmed {
            // What was confirmed is what was offered then.
            self.passed.retain(|passed| passed.rate_rps < rate_rps.min(candidate.rate_rps));
        }
        let full = candidate.stage != Stage::Ramp;
        self.passed.push(Passed { rate_rps, full, confirmed });
        self.passed.sort_by(|a, b| a.rate_rps.total_cmp(&b.rate_rps));
        // Live traffic moves the total a little: what was on trial is refuted even where slightly less was offered.
        if self.failed.is_some_and(|failed| failed.rate_rps <= rate_rps.max(candidate.rate_rps)) {
            self.failed = None;
            self.growth = 1.0 + 2.0 * self.params.precision;
        } else if candidate.stage == Stage::Ramp {
            self.growth = (1.0 + (self.growth - 1.0) * 2.0).min(2.0);
        }
        if self.estimate_rps.is_some_and(|estimate| estimate < rate_rps * (1.0 - 0.5 * self.params.precision)) {
            self.estimate_rps = None;
        }
    }

    /// The candidate's rate failed.
    fn give_way(&mut self, candidate: &Candidate) {
        let rate_rps = candidate.failed_rps;
        // A confirming trial sees more than the one before it: that its rate fails contradicts nothing.
        let before = self.passed.len();
        self.passed.retain(|passed| passed.rate_rps < rate_rps.min(candidate.rate_rps));
        if self.passed.len() < before && candidate.stage != Stage::Confirm {
            self.contradictions += 1;
            if self.contradictions >= CONTRADICTIONS {
                self.ended = Some(GaveUp::Unsteady);
            }
        }
        match self.failed {
            Some(lowest) if lowest.rate_rps < rate_rps.min(candidate.rate_rps * 0.999) => {}
            _ => self.failed = Some(Failed { rate_rps, times: candidate.fails }),
        }
    }

    /// The best verified rate, or else the reason why there is none.
    fn finish(&self, why: GaveUp) -> Step {
        match self.verified(why.stopped()) {
            Some(found) => Step::Done(found),
            None => Step::Failed(why),
        }
    }

    /// What is verified so far, where the search is not to go on.
    pub fn verified(&self, stopped: Stopped) -> Option<Found> {
        let scattered = self.waits.scattered(&self.params.objective);
        let passed = self.passed.iter().rev().find(|passed| passed.confirmed || (passed.full && !scattered))?;
        let high = self.failed.map_or(self.params.max_rate_rps, |failed| failed.rate_rps);
        Some(Found {
            max_rps: passed.rate_rps,
            interval_rps: [passed.rate_rps, high.max(passed.rate_rps)],
            verdict: Verdict::LowerBound,
            stopped: Some(stopped),
        })
    }
}

enum Choice {
    Try(Candidate),
    Done(Found),
    GiveUp(GaveUp),
}

impl Candidate {
    fn new(rate_rps: f64, stage: Stage) -> Self {
        let provisional = stage != Stage::Confirm;
        Self { rate_rps, stage, passes: 0, fails: 0, passed_rps: 0.0, failed_rps: 0.0, provisional, length: 2.0 }
    }
}

fn trial(figures: &Figures, live_rps: f64, verdict: TrialVerdict) -> Trial {
    Trial {
        rate_rps: figures.own_rps + live_rps,
        live_rps,
        duration_ms: whole(figures.span_ms),
        requests: figures.sent,
        p50_ms: figures.p50_ms,
        p99_ms: figures.p99_ms,
        error_rate: figures.error_rate(),
        lateness_p99_ms: figures.lateness_p99_ms,
        verdict,
    }
}

#[cfg(test)]
mod tests;
