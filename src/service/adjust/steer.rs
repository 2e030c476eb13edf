//! One step of a strategy: its state and what was seen become a rate. Pure: the same in, the same out.
//!
//! What all strategies share stands here: the brake where the objective is broken, the decay where nothing is heard, the limits. A state
//! is data and can be stored; one that another strategy left is taken over as far as it is common to all.
//! What it must not know: where samples come from, and how a rate is set.

use serde::{Deserialize, Serialize};

use super::aimd::Aimd;
use super::brake::{Brake, Braking};
use super::gradient::Gradient;
use super::headroom::{self, Headroom};
use super::learning::Learning;
use super::limits;
use super::pid::{Gains, Pid};
use super::watch::{Reading, Watch};
use crate::base::clock::Timestamp;
use crate::model::objective::Objective;
use crate::model::sample::Sample;
use crate::model::strategy::{Strategy, StrategySettings};
use crate::model::target::RateSettings;

/// The rise in the first second after a decrease, as a share: for strategies that do not set their own.
const FIRST_RISE: f64 = 0.003;

/// After what was served under overload is known, this share of it is sent.
const AFTER_BRAKE: f64 = 0.95;

/// Samples that come so late take twice as long to be answered.
const PROMPT_S: f64 = 1.3;

/// What a strategy remembers from step to step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    watch: Watch,
    brake: Brake,
    /// What is wanted, before hysteresis.
    wanted_rps: Option<f64>,
    stepped: Option<Timestamp>,
    /// The last decrease: what was sent before is no reason for another.
    fell: Option<Timestamp>,
    /// When the record was taken that the rate began with.
    begun: Option<Timestamp>,
    own: Own,
}

impl State {
    /// Nothing is heard because nothing was asked: the time until now is no silence, and what was sent is not what was set.
    pub fn excuse(&mut self, now: Timestamp) {
        self.watch.heard = self.watch.heard.map(|_| now);
        self.stepped = None;
        self.wanted_rps = None;
    }
}

/// What only one strategy remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Own {
    #[default]
    None,
    Headroom(Headroom),
    Aimd(Aimd),
    Pid(Pid),
    Gradient(Gradient),
    Learning(Learning),
}

/// What was measured of the deployment that runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    pub max_rps: f64,
    pub recorded_at: Timestamp,
    pub age_s: f64,
}

/// What is known at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub now: Timestamp,
    /// What the agents may send together now; `None` before anything was set.
    pub rate_rps: Option<f64>,
    /// What came since the last step: the newest sample, where any did.
    pub sample: Option<&'a Sample>,
    pub known: Option<Known>,
}

/// What a strategy advises.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    pub rate_rps: f64,
    /// Whether it differs enough from what holds.
    pub change: bool,
    pub reason: &'static str,
    /// Why the target should be measured again.
    pub retest: Option<&'static str>,
}

/// What the strategies see of a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// What was wanted so far.
    pub(super) rate_rps: f64,
    pub(super) reading: Option<&'a Reading>,
    /// Since the last step.
    pub(super) seconds: f64,
    pub(super) late_s: f64,
    /// 1 where samples come at once, less the later they come.
    pub(super) promptness: f64,
    /// Whether the sample was taken after the last decrease had reached the agents.
    pub(super) reacted: bool,
}

/// Takes one step.
pub fn step(
    settings: &StrategySettings,
    rate: &RateSettings,
    objective: &Objective,
    state: &mut State,
    seen: &Seen<'_>,
) -> Advice {
    let current = seen.rate_rps.unwrap_or(rate.initial_rps);
    let seconds = state.stepped.map_or(settings.every, |before| seen.now.since(before)).as_secs_f64().min(5.0);
    state.stepped = Some(seen.now);
    if let Some(known) = seen.known.filter(|known| state.begun.is_none_or(|begun| begun < known.recorded_at)) {
        // A new record: what was learned of the deployment before says nothing of this one.
        state.begun = Some(known.recorded_at);
        state.watch.forget();
        state.brake = Brake::default();
        state.wanted_rps = Some(headroom::total(known.max_rps, settings.keep));
    }
    let wanted = state.wanted_rps.unwrap_or(current);
    let reading = seen.sample.and_then(|sample| state.watch.take(sample, current, objective, seen.now));
    let own = state.own.of(&settings.kind);
    let promptness = PROMPT_S / (PROMPT_S + state.watch.late_s);
    let (next, reason) = match state.brake.step(reading.as_ref(), current, objective.p99_ms, promptness, seen.now) {
        Braking::On { rate_rps } => {
            own.braked(state.brake.borne_rps.unwrap_or(current));
            (
                own.known(seen.known.as_ref(), reading.as_ref(), state.brake.borne_rps, settings.keep)
                    .map_or(rate_rps, |own| own.min(rate_rps)),
                "the objective is broken: the queue drains",
            )
        }
        Braking::Released { borne_rps } => {
            state.fell = Some(seen.now);
            // What broke the objective may have changed the target: how fast it is without a queue is seen now.
            state.watch.forget();
            let most = borne_rps * AFTER_BRAKE;
            (
                own.known(seen.known.as_ref(), reading.as_ref(), state.brake.borne_rps, settings.keep)
                    .map_or(most, |own| own.min(most)),
                "below what was served under overload",
            )
        }
        Braking::Free => {
            let silent_s = state.watch.heard.map_or(0.0, |heard| seen.now.since(heard).as_secs_f64());
            if silent_s > settings.patience.as_secs_f64() {
                (wanted * (1.0 - settings.decay).powf(seconds), "nothing is heard of the target: the rate decays")
            } else {
                let reacted = match (state.fell, reading.as_ref()) {
                    (Some(fell), Some(reading)) => reading.from >= fell,
                    _ => true,
                };
                let moment = Moment {
                    rate_rps: wanted,
                    reading: reading.as_ref(),
                    seconds,
                    late_s: state.watch.late_s,
                    promptness,
                    reacted,
                };
                let next = own.step(&settings.kind, &moment, seen.known.as_ref(), settings.keep, state.brake.borne_rps);
                let reason = match next.total_cmp(&wanted) {
                    std::cmp::Ordering::Less => "a queue grows",
                    std::cmp::Ordering::Equal => "nothing speaks for a change",
                    std::cmp::Ordering::Greater => "more seems to be borne",
                };
                (next, reason)
            }
        }
    };
    if next < wanted {
        state.fell = Some(seen.now);
    }
    let lifted = if matches!(settings.kind, Strategy::Headroom { .. }) { next } else { next.max(rate.floor_rps) };
    let rate_rps = limits::limited(rate, seen.rate_rps, lifted);
    state.wanted_rps = Some(rate_rps);
    let retest = match (&settings.kind, &state.own) {
        (Strategy::Headroom { max_age }, Own::Headroom(headroom)) => {
            headroom.retest(seen.known.as_ref(), max_age.as_secs_f64())
        }
        _ => None,
    };
    Advice { rate_rps, change: limits::is_worth(seen.rate_rps, rate_rps, settings.hysteresis), reason, retest }
}

impl Own {
    /// Itself, as that of the strategy: begun anew where another one left it.
    fn of(&mut self, kind: &Strategy) -> &mut Self {
        let fits = matches!(
            (&*self, kind),
            (Self::Headroom(_), Strategy::Headroom { .. })
                | (Self::Aimd(_), Strategy::Aimd { .. })
                | (Self::Pid(_), Strategy::Pid { .. })
                | (Self::Gradient(_), Strategy::Gradient { .. })
                | (Self::Learning(_), Strategy::Learning { .. })
        );
        if !fits {
            *self = match kind {
                Strategy::Headroom { .. } => Self::Headroom(Headroom::default()),
                Strategy::Aimd { .. } => Self::Aimd(Aimd::default()),
                Strategy::Pid { .. } => Self::Pid(Pid::default()),
                Strategy::Gradient { .. } => Self::Gradient(Gradient::default()),
                Strategy::Learning { .. } => Self::Learning(Learning::default()),
            };
        }
        self
    }

    fn braked(&mut self, borne_rps: f64) {
        match self {
            Self::None | Self::Headroom(_) => {}
            Self::Aimd(own) => own.braked(borne_rps),
            Self::Pid(own) => own.braked(borne_rps),
            Self::Gradient(own) => own.braked(borne_rps),
            Self::Learning(own) => own.braked(borne_rps),
        }
    }

    /// What a strategy that goes by records allows; `None` for the others.
    fn known(
        &mut self,
        known: Option<&Known>,
        reading: Option<&Reading>,
        borne: Option<f64>,
        keep: f64,
    ) -> Option<f64> {
        let Self::Headroom(own) = self else { return None };
        own.step(known, reading, borne, keep)
    }

    fn step(
        &mut self,
        kind: &Strategy,
        moment: &Moment<'_>,
        known: Option<&Known>,
        keep: f64,
        borne: Option<f64>,
    ) -> f64 {
        match (self, kind) {
            (Self::Headroom(own), _) => own.step(known, moment.reading, borne, keep).unwrap_or(moment.rate_rps),
            (Self::Aimd(own), Strategy::Aimd { increase, backoff }) => own.step(moment, *increase, *backoff),
            (Self::Pid(own), Strategy::Pid { setpoint, proportional, integral, derivative }) => {
                let gains = Gains { proportional: *proportional, integral: *integral, derivative: *derivative };
                own.step(moment, *setpoint, gains, FIRST_RISE)
            }
            (Self::Gradient(own), Strategy::Gradient { tolerance, smoothing }) => {
                own.step(moment, *tolerance, *smoothing, FIRST_RISE)
            }
            (Self::Learning(own), Strategy::Learning { explore, rate }) => own.step(moment, *explore, *rate),
            _ => moment.rate_rps,
        }
    }
}

#[cfg(test)]
#[path = "steer_tests.rs"]
mod tests;
