use std::time::Duration;

use super::*;
use crate::model::strategy::StrategyName;
use crate::model::target::OnExpiry;

const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

fn rate() -> RateSettings {
    RateSettings {
        initial_rps: 100.0,
        floor_rps: 20.0,
        ceiling_rps: 1_000.0,
        interim: 0.7,
        max_step: Some(0.1),
        time_to_live: Duration::from_secs(30),
        on_expiry: OnExpiry::Floor,
    }
}

/// The second before `at_s`: so much was sent, that much of it served, with this median.
fn sample(at_s: i64, passed: f64, served: f64, p50_ms: f64, p99_ms: f64) -> Sample {
    Sample {
        from: Timestamp((at_s - 1) * 1_000),
        to: Timestamp(at_s * 1_000),
        passed,
        refused: 50.0,
        answered: passed,
        failed: passed - served,
        p50_ms: Some(p50_ms),
        p99_ms: Some(p99_ms),
    }
}

/// A target and what holds there.
struct Steering {
    settings: StrategySettings,
    rate: RateSettings,
    state: State,
    rate_rps: f64,
    known: Option<Known>,
}

impl Steering {
    fn new(name: StrategyName) -> Self {
        Self {
            settings: StrategySettings::standard(name),
            rate: rate(),
            state: State::default(),
            rate_rps: 100.0,
            known: None,
        }
    }

    fn step(&mut self, at_s: i64, sample: Option<Sample>) -> Advice {
        let now = Timestamp(at_s * 1_000);
        let seen = Seen { now, rate_rps: Some(self.rate_rps), sample: sample.as_ref(), known: self.known };
        let advice = step(&self.settings, &self.rate, &OBJECTIVE, &mut self.state, &seen);
        if advice.change {
            self.rate_rps = advice.rate_rps;
        }
        advice
    }

    /// So many seconds in which everything goes well.
    fn calm(&mut self, from_s: i64, seconds: i64) {
        for at_s in from_s..from_s + seconds {
            self.step(at_s, Some(sample(at_s, self.rate_rps, self.rate_rps, 20.0, 40.0)));
        }
    }
}

const BY_SAMPLES: [StrategyName; 4] =
    [StrategyName::Aimd, StrategyName::Pid, StrategyName::Gradient, StrategyName::Learning];

#[test]
fn a_rate_rises_while_all_is_well_and_stops_at_the_ceiling() {
    for name in BY_SAMPLES {
        let mut steering = Steering::new(name);
        steering.rate.ceiling_rps = 150.0;
        steering.calm(1, 30);
        assert!(steering.rate_rps > 101.0, "{name:?}: {}", steering.rate_rps);
        steering.calm(31, 300);
        assert!(steering.rate_rps <= 150.0 && steering.rate_rps > 140.0, "{name:?}: {}", steering.rate_rps);
    }
}

#[test]
fn agents_that_have_too_little_to_send_prove_nothing() {
    for name in BY_SAMPLES {
        let mut steering = Steering::new(name);
        for at_s in 1..60 {
            let idle = Sample { refused: 0.0, ..sample(at_s, 30.0, 30.0, 20.0, 40.0) };
            steering.step(at_s, Some(idle));
        }
        assert!(steering.rate_rps <= 100.0, "{name:?}: {}", steering.rate_rps);
    }
}

#[test]
fn a_broken_objective_lowers_the_rate_below_what_was_served_at_once_and_then_goes_on_near_it() {
    for name in BY_SAMPLES {
        let mut steering = Steering::new(name);
        steering.rate.max_step = None;
        steering.calm(1, 5);
        let advice = steering.step(6, Some(sample(6, 100.0, 60.0, 380.0, 420.0)));
        assert!(advice.change && (advice.rate_rps - 30.0).abs() < 1.0, "{name:?}: {advice:?}");
        let rates: Vec<f64> = (7..10).map(|at_s| steering.step(at_s, None).rate_rps).collect();
        assert!((rates[2] - 57.0).abs() < 1.0, "{name:?}: {rates:?}");
        for at_s in 10..30 {
            steering.step(at_s, Some(sample(at_s, steering.rate_rps, steering.rate_rps, 20.0, 40.0)));
        }
        assert!(steering.rate_rps > 54.0, "{name:?}: {}", steering.rate_rps);
    }
}

#[test]
fn the_floor_holds_whatever_is_seen() {
    for name in BY_SAMPLES {
        let mut steering = Steering::new(name);
        steering.calm(1, 5);
        for at_s in 6..60 {
            steering.step(at_s, Some(sample(at_s, steering.rate_rps, 1.0, 380.0, 420.0)));
            assert!(steering.rate_rps >= 20.0, "{name:?}");
        }
    }
}

#[test]
fn no_rise_is_above_the_largest_step() {
    for name in BY_SAMPLES {
        let mut steering = Steering::new(name);
        steering.rate.max_step = Some(0.001);
        for at_s in 1..100 {
            let before = steering.rate_rps;
            let advice = steering.step(at_s, Some(sample(at_s, before, before, 20.0, 40.0)));
            assert!(advice.rate_rps <= before * 1.001 + 1e-9, "{name:?}: {before} to {}", advice.rate_rps);
        }
    }
}

#[test]
fn too_small_a_change_is_not_made() {
    let mut steering = Steering::new(StrategyName::Aimd);
    let advice = steering.step(1, Some(sample(1, 100.0, 100.0, 20.0, 40.0)));
    assert!(advice.rate_rps > 100.0 && !advice.change, "{advice:?}");
    steering.settings.hysteresis = 0.0001;
    assert!(steering.step(2, Some(sample(2, 100.0, 100.0, 20.0, 40.0))).change);
}

#[test]
fn what_is_not_heard_of_gets_less_and_less() {
    for name in StrategyName::ALL {
        let mut steering = Steering::new(name);
        steering.known = Some(Known { max_rps: 125.0, recorded_at: Timestamp(0), age_s: 1.0 });
        steering.calm(1, 5);
        let before = steering.rate_rps;
        let held = (6..=9).map(|at_s| steering.step(at_s, None).rate_rps).fold(f64::MAX, f64::min);
        assert!((held - before).abs() < 1.0, "{name:?} is patient: {before} to {held}");
        for at_s in 10..40 {
            steering.step(at_s, None);
        }
        assert!(steering.rate_rps < 0.4 * before, "{name:?}: {before} to {}", steering.rate_rps);
        steering.calm(40, 60);
        assert!(steering.rate_rps > 0.5 * before, "{name:?} comes back: {}", steering.rate_rps);
    }
}

#[test]
fn headroom_asks_for_a_retest_of_what_is_old_and_of_what_is_wrong() {
    let mut steering = Steering::new(StrategyName::Headroom);
    steering.settings.kind = Strategy::Headroom { max_age: Duration::from_hours(1) };
    let known = |age_s: f64| Some(Known { max_rps: 125.0, recorded_at: Timestamp(0), age_s });
    steering.known = known(60.0);
    assert_eq!(steering.step(1, Some(sample(1, 100.0, 100.0, 20.0, 40.0))).retest, None);
    steering.known = known(3_700.0);
    let old = steering.step(2, Some(sample(2, 100.0, 100.0, 20.0, 40.0)));
    assert!(old.retest.is_some_and(|why| why.contains("max_age")), "{old:?}");

    steering.known = known(60.0);
    let wrong = steering.step(3, Some(sample(3, 100.0, 70.0, 380.0, 420.0)));
    assert!(wrong.retest.is_some_and(|why| why.contains("below the measured maximum")), "{wrong:?}");
    // It keeps its share of what was borne free until there is another record.
    for at_s in 4..20 {
        steering.step(at_s, Some(sample(at_s, steering.rate_rps, steering.rate_rps, 20.0, 40.0)));
    }
    assert!((steering.rate_rps - 56.0).abs() < 1.0, "{}", steering.rate_rps);
    steering.rate.max_step = None;
    steering.known = Some(Known { max_rps: 200.0, recorded_at: Timestamp(20_000), age_s: 0.0 });
    let anew = steering.step(20, None);
    assert!((anew.rate_rps - 160.0).abs() < 1e-9 && anew.retest.is_none(), "{anew:?}");
}

#[test]
fn a_state_goes_through_text_and_goes_on_as_if_it_had_not() {
    for name in StrategyName::ALL {
        let mut steering = Steering::new(name);
        steering.calm(1, 20);
        let stored = serde_json::to_string(&steering.state).unwrap();
        let mut read = Steering { state: serde_json::from_str(&stored).unwrap(), ..Steering::new(name) };
        read.rate_rps = steering.rate_rps;
        for at_s in 21..30 {
            let next = Some(sample(at_s, 110.0, 110.0, 60.0, 100.0));
            assert_eq!(steering.step(at_s, next), read.step(at_s, next), "{name:?}");
        }
    }
}

#[test]
fn another_strategy_goes_on_from_where_the_one_before_was() {
    let mut steering = Steering::new(StrategyName::Aimd);
    steering.calm(1, 60);
    let before = steering.rate_rps;
    steering.settings = StrategySettings::standard(StrategyName::Gradient);
    let advice = steering.step(61, Some(sample(61, before, before, 20.0, 40.0)));
    assert!((advice.rate_rps / before - 1.0).abs() < 0.02, "{before} to {}", advice.rate_rps);
    // The baseline is known already: this is a queue.
    let queue = |at_s: i64| Some(sample(at_s, before, before, 120.0, 160.0));
    steering.step(62, queue(62));
    assert!(steering.step(63, queue(63)).rate_rps < before);
}
