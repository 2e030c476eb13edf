//! One load test from its first request to its measurement: runs what the search asks for, and keeps a checkpoint.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::time::Instant;

use super::client::{Answer, Endpoint, Failure};
use super::driver;
use super::figures::{Cut, Figures, count, whole};
use super::generator::{self, Load, Sent};
use super::live::Live;
use super::search::{Budget, Found, GaveUp, Observed, Params, Plan, Rested, Search, Stage, Step};
use super::thread::Thread;
use crate::base::clock::Timestamp;
use crate::base::id::RunId;
use crate::model::load::LoadSettings;
use crate::model::network::AllowedHosts;
use crate::model::record::{Measurement, Stopped, Trial, TrialVerdict, without_credentials};
use crate::model::target::{MeasureSettings, TargetSettings};
use crate::runtime::effect::{ActionError, Link};
use crate::runtime::ports::MeasureProgress;

/// Of the checkpoint's form.
const VERSION: u32 = 1;

/// An endpoint has so long to give its first good answer.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// So many probes, one after the other, make the baseline.
const BASELINE_PROBES: usize = 12;

/// So many probes in a row must be near the baseline for the target to count as recovered.
const RECOVERED_PROBES: usize = 6;

/// Between two probes.
const PROBE_PAUSE: Duration = Duration::from_millis(20);

/// A target that is not back at its baseline after so long does not recover.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Between two looks at the target's health.
const HEALTH_PAUSE: Duration = Duration::from_millis(250);

/// A health check that has no answer after so long has failed.
const HEALTH_PATIENCE: Duration = Duration::from_secs(1);

/// So many failed checks in a row are no accident.
const SICK: u32 = 2;

/// Between two trials.
const BREATH: Duration = Duration::from_millis(100);

/// After a trial that said nothing: whatever kept this machine busy may have passed by then.
const INVALID_PAUSE: Duration = Duration::from_millis(400);

/// A trial whose own share of the rate is small is made longer, up to this factor.
const LONGEST_TRIAL: f64 = 8.0;

/// Where live traffic is as much as is wanted, the test still adds this share, so as to see how the target fares.
const LEAST_SHARE: f64 = 0.05;

/// The agents' reports and their token buckets are not exact: only beyond this has live traffic broken the limit.
const LIVE_TOLERANCE: f64 = 1.05;

/// What is kept after every trial.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    version: u32,
    started_at: Timestamp,
    baseline_ms: f64,
    search: Search,
}

/// How far a test was when a checkpoint was made.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// What was verified, as a test that was told to stop says it; its end is not known here.
    pub(super) verified: Option<Measurement>,
    pub(super) curve: Vec<Trial>,
    /// Whether even the lowest rate did not meet the objective.
    pub(super) held_nothing: bool,
}

/// `None` where the checkpoint cannot be read.
pub(super) fn reached(saved: Json) -> Option<Reached> {
    let mut state: Checkpoint = serde_json::from_value(saved).ok()?;
    let verified = state.search.verified(Stopped::Told);
    let verified = verified.map(|found| measurement(&state, found, state.started_at));
    let curve = state.search.curve().to_vec();
    state.search.rested(Rested { recovered: true, spent_ms: 0.0, requests: 0 });
    let held_nothing = matches!(state.search.step(), Step::Failed(GaveUp::NothingHeld { .. }));
    Some(Reached { verified, curve, held_nothing })
}

fn measurement(state: &Checkpoint, found: Found, ended_at: Timestamp) -> Measurement {
    Measurement {
        max_rps: found.max_rps,
        interval_rps: found.interval_rps,
        verdict: found.verdict,
        stopped: found.stopped,
        started_at: state.started_at,
        ended_at,
        requests: state.search.requests(),
        curve: state.search.curve().to_vec(),
    }
}

/// What requests go to.
pub(super) struct Endpoints {
    pub(super) target: Endpoint,
    pub(super) health: Option<Endpoint>,
}

impl Endpoints {
    /// Reads the data and makes every request, away from where tasks run.
    ///
    /// # Errors
    /// What is wrong with a URL or what is to be sent to it, as a sentence.
    pub(super) async fn new(measure: &MeasureSettings, allowed: Arc<AllowedHosts>, run: RunId) -> Result<Self, String> {
        let measure = measure.clone();
        let making = tokio::task::spawn_blocking(move || Self::make(&measure, &allowed, run));
        making.await.map_err(|_| "the engine is stopping".to_owned())?
    }

    fn make(measure: &MeasureSettings, allowed: &Arc<AllowedHosts>, run: RunId) -> Result<Self, String> {
        let thread = Thread::start()?;
        let endpoint = |url: &str, load: &LoadSettings, timeout| {
            Endpoint::new(url, load, Arc::clone(allowed), run, timeout, thread.clone())
        };
        // Asked with a plain GET, as whoever watches the target would; only whom to trust is the same.
        let plain = LoadSettings { tls: measure.load.tls.clone(), ..LoadSettings::default() };
        let health = measure.health.as_deref().map(|url| endpoint(url, &plain, HEALTH_PATIENCE)).transpose()?;
        Ok(Self { target: endpoint(&measure.endpoint, &measure.load, measure.request_timeout)?, health })
    }
}

/// What a load test works with.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) settings: &'a TargetSettings,
    pub(super) measure: &'a MeasureSettings,
    pub(super) run: RunId,
    pub(super) endpoint: Endpoint,
    pub(super) health: Option<Endpoint>,
    pub(super) live: Live<'a>,
    pub(super) link: &'a Link,
    pub(super) hint_rps: Option<f64>,
}

impl Session<'_> {
    /// Runs the search to its end, from `checkpoint` where there is one.
    pub(super) async fn run(&self, checkpoint: Option<Json>) -> Result<Measurement, ActionError> {
        let mut state = match checkpoint {
            Some(saved) => self.resume(saved)?,
            None => self.begin().await?,
        };
        loop {
            state.search.close_in(self.measure.calendar.left_ms(self.live.clock.now()));
            match state.search.step() {
                Step::Trial(plan) => {
                    let observed = self.trial(&plan, &state).await?;
                    let verdict = state.search.record(observed);
                    if let Some(trial) = state.search.curve().last() {
                        tracing::debug!(
                            rate_rps = trial.rate_rps,
                            live_rps = trial.live_rps,
                            p99_ms = trial.p99_ms,
                            error_rate = trial.error_rate,
                            lateness_p99_ms = trial.lateness_p99_ms,
                            ?verdict,
                            "trial"
                        );
                    }
                    self.save(&state).await?;
                    let pause = if verdict == TrialVerdict::Invalid { INVALID_PAUSE } else { BREATH };
                    tokio::time::sleep(pause).await;
                }
                Step::Cooldown => {
                    let rested = self.cool_down(&state).await?;
                    state.search.rested(rested);
                }
                Step::Done(found) => return Ok(measurement(&state, found, self.live.clock.now())),
                Step::Failed(why) => return Err(self.explain(&why, &state)),
            }
        }
    }

    /// Makes sure of the endpoint, learns the baseline, and picks where to start.
    async fn begin(&self) -> Result<Checkpoint, ActionError> {
        let began = Instant::now();
        let started_at = self.live.clock.now();
        let mut requests = 1;
        loop {
            let answer = self.endpoint.call().await;
            match answer {
                Answer::Success => break,
                Answer::Failed(Failure::NotAllowed(_)) => return Err(self.unreachable(&answer)),
                _ if began.elapsed() >= FIRST_ANSWER => return Err(self.unreachable(&answer)),
                _ => tokio::time::sleep(FIRST_ANSWER / 5).await,
            }
            requests += 1;
        }
        if let Some(health) = &self.health {
            let answer = health.call().await;
            if answer != Answer::Success {
                return Err(ActionError::permanent(format!(
                    "`{}` is not load-tested: its health check failed before any load: {answer}; check `measure.health`",
                    self.settings.name
                )));
            }
        }
        let mut probes = Vec::with_capacity(BASELINE_PROBES);
        for _ in 0..BASELINE_PROBES {
            probes.push(self.probe().await.1);
            requests += 1;
        }
        let live = self.live.current().await.unwrap_or(0.0);
        let limits = &self.measure.limits;
        let (start_rps, growth) = match self.hint_rps.filter(|hint| hint.is_finite() && *hint > 0.0) {
            Some(hint) => ((hint * 0.95).max(live * 1.1), 1.15),
            None if live > 0.0 => (live * 1.25, 2.0),
            None => ((limits.max_rate_rps / 64.0).max(10.0), 2.0),
        };
        let mut search = Search::new(Params {
            objective: self.settings.slo,
            start_rps,
            growth,
            max_rate_rps: limits.max_rate_rps,
            time_ms: limits.time.as_secs_f64() * 1e3,
            requests: limits.requests,
            trial_time_ms: self.measure.trial_time.as_secs_f64() * 1e3,
            trial_requests: self.measure.trial_requests,
            precision: self.measure.precision.max(0.005),
        });
        search.spend(began.elapsed().as_secs_f64() * 1e3, requests);
        Ok(Checkpoint { version: VERSION, started_at, baseline_ms: median(probes), search })
    }

    fn resume(&self, saved: Json) -> Result<Checkpoint, ActionError> {
        let mut state: Checkpoint = serde_json::from_value(saved).map_err(|error| {
            ActionError::permanent(format!("the load test of `{}` cannot go on: {error}", self.settings.name))
        })?;
        if state.version != VERSION {
            return Err(ActionError::permanent(format!(
                "the load test of `{}` was begun by another version of Homeostat; send the event again",
                self.settings.name
            )));
        }
        state.search.resume();
        Ok(state)
    }

    async fn save(&self, state: &Checkpoint) -> Result<(), ActionError> {
        let saved = serde_json::to_value(state).map_err(|error| ActionError::permanent(error.to_string()))?;
        self.link.checkpoints.save(saved).await
    }

    async fn trial(&self, plan: &Plan, state: &Checkpoint) -> Result<Observed, ActionError> {
        let began = Instant::now();
        let spent_ms = || began.elapsed().as_secs_f64() * 1e3;
        let Some(live_before) = self.live.current().await else {
            return Ok(Observed { figures: Figures::default(), live_rps: None, spent_ms: spent_ms() });
        };
        let max = self.measure.limits.max_rate_rps;
        let own = (plan.rate_rps - live_before).max(live_before * LEAST_SHARE).min(max - live_before);
        if own < live_before * LEAST_SHARE * 0.5 || own <= 0.0 {
            return Err(ActionError::permanent(format!(
                "the agents alone send {live_before:.0} requests/s to `{}`, and `limits.max_rate` of {max:.0} leaves the \
                 load test no room: raise it, lower `rate.interim`, or set `measure.live_traffic: hold`",
                self.settings.name
            )));
        }
        let least_s = plan.time_ms / 1e3;
        let seconds = (count(plan.requests) / own).clamp(least_s, least_s * LONGEST_TRIAL);
        let trials = u64::try_from(state.search.curve().len()).unwrap_or(u64::MAX);
        let load = Load {
            rate_rps: own,
            duration: Duration::from_secs_f64(seconds),
            arrivals: self.measure.load.arrivals,
            seed: self.measure.load.seed.wrapping_add(trials),
            patient: plan.patient,
        };
        let mut progress = self.progress(state, stage_name(plan.stage));
        (progress.rate_rps, progress.live_rps) = (own + live_before, live_before);
        let from = self.live.clock.now();
        let (mut looks, sick) = (0_u32, AtomicBool::new(false));
        let look = || {
            looks += 1;
            if sick.load(Ordering::Relaxed) {
                return Some(Cut::Unhealthy);
            }
            if looks % 8 != 1 {
                return None;
            }
            let live = self.live.latest().unwrap_or(live_before);
            progress.live_rps = live;
            progress.rate_rps = own + live;
            progress.elapsed_ms = whole(state.search.spent_ms() + spent_ms());
            progress.requests = state.search.requests() + whole(own * from_start(self.live.clock.now(), from));
            self.show(&progress);
            (own + live > max * LIVE_TOLERANCE).then_some(Cut::LiveRose)
        };
        let sent = tokio::select! {
            biased;
            sent = self.send(&load, look) => sent?,
            never = self.watch(&sick) => match never {},
        };
        if let Some(answer @ Answer::Failed(Failure::NotAllowed(_))) = &sent.failure {
            return Err(self.unreachable(answer));
        }
        if let Some(failure) = &sent.failure {
            tracing::debug!(%failure, failed = sent.figures.failed, "requests failed");
        }
        let to = from.after(Duration::from_secs_f64(sent.figures.span_ms / 1e3));
        let live_rps = if sent.figures.sent > 0 { self.live.during(from, to).await } else { Some(live_before) };
        Ok(Observed { figures: sent.figures, live_rps, spent_ms: spent_ms() })
    }

    /// Sends a trial, or has another program send it.
    async fn send(&self, load: &Load, look: impl FnMut() -> Option<Cut>) -> Result<Sent, ActionError> {
        let objective = &self.settings.slo;
        let Some(driver) = &self.measure.load.driver else {
            return Ok(generator::send(&self.endpoint, load, objective, look).await);
        };
        let trial = driver::Trial { driver, endpoint: &self.measure.endpoint, run: self.run, load, objective };
        let wrong = |why| ActionError::permanent(format!("cannot load-test `{}`: {why}", self.settings.name));
        trial.send(look).await.map_err(wrong)
    }

    /// Asks for the target's health, and says so once it is gone.
    async fn watch(&self, sick: &AtomicBool) -> Infallible {
        let Some(health) = &self.health else { return std::future::pending().await };
        let mut failures = 0;
        loop {
            let answer = health.call().await;
            failures = if answer == Answer::Success { 0 } else { failures + 1 };
            if failures >= SICK {
                tracing::warn!(%answer, "the health check failed; the load test stops");
                sick.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(HEALTH_PAUSE).await;
        }
    }

    /// Probes, one request at a time, until the target answers as it did before any load.
    async fn cool_down(&self, state: &Checkpoint) -> Result<Rested, ActionError> {
        let began = Instant::now();
        let near_ms = state.baseline_ms * 1.3 + 3.0;
        let mut last = VecDeque::with_capacity(RECOVERED_PROBES);
        let mut requests = 0;
        let mut progress = self.progress(state, "cooldown");
        loop {
            let (answer, ms) = self.probe().await;
            if let Answer::Failed(Failure::NotAllowed(_)) = answer {
                return Err(self.unreachable(&answer));
            }
            requests += 1;
            if last.len() == RECOVERED_PROBES {
                last.pop_front();
            }
            last.push_back((answer == Answer::Success, ms));
            let spent_ms = began.elapsed().as_secs_f64() * 1e3;
            progress.elapsed_ms = whole(state.search.spent_ms() + spent_ms);
            progress.requests = state.search.requests() + requests;
            self.show(&progress);
            let good = last.len() == RECOVERED_PROBES && last.iter().all(|(success, _)| *success);
            let recovered = good && median(last.iter().map(|(_, ms)| *ms).collect()) <= near_ms;
            if recovered || began.elapsed() >= LONGEST_REST {
                return Ok(Rested { recovered, spent_ms, requests });
            }
        }
    }

    async fn probe(&self) -> (Answer, f64) {
        tokio::time::sleep(PROBE_PAUSE).await;
        let began = Instant::now();
        let answer = self.endpoint.call().await;
        (answer, began.elapsed().as_secs_f64() * 1e3)
    }

    fn progress(&self, reached: &Checkpoint, stage: &str) -> MeasureProgress {
        let (lower_rps, upper_rps) = reached.search.bracket();
        let last = reached.search.curve().last();
        MeasureProgress {
            stage: stage.to_owned(),
            trials: u32::try_from(reached.search.curve().len()).unwrap_or(u32::MAX),
            rate_rps: 0.0,
            live_rps: self.live.latest().unwrap_or(0.0),
            p99_ms: last.map(|trial| trial.p99_ms),
            error_rate: last.map(|trial| trial.error_rate),
            lower_rps,
            upper_rps,
            elapsed_ms: whole(reached.search.spent_ms()),
            requests: reached.search.requests(),
        }
    }

    fn show(&self, progress: &MeasureProgress) {
        self.link.progress.send_replace(serde_json::to_value(progress).unwrap_or(Json::Null));
    }

    fn unreachable(&self, answer: &Answer) -> ActionError {
        let url = without_credentials(&self.measure.endpoint);
        ActionError::permanent(format!(
            "cannot load-test `{}`: {url}: {answer}; check `measure.endpoint` and that the service is up",
            self.settings.name
        ))
    }

    fn explain(&self, why: &GaveUp, state: &Checkpoint) -> ActionError {
        let (target, slo) = (&self.settings.name, &self.settings.slo);
        let objective = format!("p99 of {} ms and {} % errors", slo.p99_ms, slo.error_rate * 100.0);
        let last = state.search.curve().last().map(describe).unwrap_or_default();
        ActionError::permanent(match why {
            GaveUp::NothingHeld { rate_rps } => {
                format!("`{target}` does not meet its objective ({objective}) even at {rate_rps:.0} requests/s{last}")
            }
            GaveUp::LiveTooHigh { live_rps } => format!(
                "the agents alone send {live_rps:.0} requests/s to `{target}`, and under that it does not meet its \
                 objective ({objective}): lower `rate.interim`, or set `measure.live_traffic: hold`{last}"
            ),
            GaveUp::Unsteady => format!(
                "`{target}` bears a rate at one time and not at another: no rate could be verified{last}; look for what \
                 else uses it, or give longer trials (`measure.trial_time`)"
            ),
            GaveUp::NotRecovered => format!(
                "`{target}` did not come back to its latency of {:.0} ms within {} s after a failed trial{last}, while its \
                 agents sent {:.0} requests/s; restart it, lower `limits.max_rate`, or if the agents are too much for \
                 it, set `measure.live_traffic: hold`",
                state.baseline_ms,
                LONGEST_REST.as_secs(),
                self.live.latest().unwrap_or(0.0)
            ),
            GaveUp::ErrorBursts { trials } => format!(
                "{trials} trials of `{target}` ended in more errors than answers, so the load test stopped before any rate \
                 was verified{last}: find out why it fails, then send the event anew"
            ),
            GaveUp::Unhealthy => format!(
                "the health check of `{target}` failed under load, so the load test stopped before any rate was \
                 verified{last}: lower `limits.max_rate`, or check `measure.health`"
            ),
            GaveUp::Invalid { live_unknown: true } => format!(
                "the agents of `{target}` do not report what they pass, so the load on it is not known: check that they \
                 are connected, or set `measure.live_traffic: isolated` if they do not feed the endpoint"
            ),
            GaveUp::Invalid { live_unknown: false } => format!(
                "the load test of `{target}` could not keep its schedule{last}: this machine is too busy to measure; \
                 run the engine where it has room"
            ),
            GaveUp::Spent(Budget::Time) => format!(
                "the load test of `{target}` used up its {} s before any rate was verified{last}; raise `limits.time`",
                self.measure.limits.time.as_secs(),
            ),
            GaveUp::Spent(Budget::Window) => format!(
                "the window of load tests closed before any rate of `{target}` was verified{last}; make it longer, or send \
                 the event anew in the next one"
            ),
            GaveUp::Spent(Budget::Requests) => format!(
                "the load test of `{target}` used up its {} requests before any rate was verified{last}; raise \
                 `limits.requests`",
                self.measure.limits.requests
            ),
        })
    }
}

fn describe(trial: &Trial) -> String {
    format!(
        " (last trial: {:.0} requests/s, p99 {:.0} ms, {:.2} % errors, sent up to {:.0} ms late)",
        trial.rate_rps,
        trial.p99_ms,
        trial.error_rate * 100.0,
        trial.lateness_p99_ms
    )
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Ramp => "ramp",
        Stage::Search => "search",
        Stage::Refine => "refine",
        Stage::Confirm => "confirm",
    }
}

fn from_start(now: Timestamp, start: Timestamp) -> f64 {
    now.since(start).as_secs_f64()
}

/// 0 for an empty list.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
