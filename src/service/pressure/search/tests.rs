use super::*;
use crate::base::random::Random;
use crate::model::objective::Objective;
use crate::service::pressure::queue::{Noise, Queue, Service};

const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

fn params(start_rps: f64) -> Params {
    Params {
        objective: OBJECTIVE,
        start_rps,
        growth: 2.0,
        max_rate_rps: 10_000.0,
        time_ms: 600_000.0,
        requests: 5_000_000,
        trial_time_ms: 1_500.0,
        trial_requests: 300,
        precision: 0.03,
    }
}

/// What a whole search came to.
struct Ran {
    result: Result<Found, GaveUp>,
    seconds: f64,
    /// The highest total that was offered.
    highest_rps: f64,
}

fn search(queue: &mut Queue, params: Params) -> Ran {
    let mut search = Search::new(params);
    let mut highest_rps = 0.0_f64;
    let result = loop {
        match search.step() {
            Step::Trial(plan) => {
                highest_rps = highest_rps.max(plan.rate_rps);
                // The pause: waiting for the agents' reports.
                search.record(queue.trial(&plan, &OBJECTIVE, 400.0));
                // What a crash would leave is enough to go on from.
                let saved = serde_json::to_string(&search).unwrap();
                search = serde_json::from_str(&saved).unwrap();
            }
            Step::Cooldown => search.rested(queue.cool_down()),
            Step::Done(found) => break Ok(found),
            Step::Failed(why) => break Err(why),
        }
    };
    Ran { result, seconds: search.spent_ms() / 1e3, highest_rps }
}

/// Measures a target of a capacity that the seed draws, from 50 to 2,000 requests a second; returns both. What many seeds
/// come to is told by `benches/capacity.rs`; the few here are looked at one by one.
fn drawn(seed: u64, noise: Noise, live: bool) -> (f64, Ran) {
    let mut random = Random(seed);
    let capacity = 50.0 * 40.0_f64.powf(random.unit());
    let streams = if live { vec![capacity * 0.25, capacity * (0.1 + 0.3 * random.unit())] } else { Vec::new() };
    let start = if live { streams.iter().sum::<f64>() * 1.25 } else { 20.0 };
    let mut queue = Queue::new(capacity, streams, noise, random.bits());
    (capacity, search(&mut queue, params(start)))
}

#[test]
fn a_steady_target_is_measured_within_five_percent_and_never_above() {
    for (seed, live) in [(1, false), (2, false), (3, false), (4, true), (5, true), (6, true)] {
        let (capacity, ran) = drawn(seed, Noise::QUIET, live);
        let found = ran.result.unwrap();
        let error = found.max_rps / capacity - 1.0;
        assert!((-0.05..=0.002).contains(&error), "seed {seed}: {found:?} of {capacity:.1} rps");
        assert_eq!(found.verdict, Verdict::Confirmed, "seed {seed}");
    }
}

#[test]
fn noise_costs_time_before_it_costs_truth() {
    let quiet = Noise::QUIET;
    for (seed, name, noise, live) in [
        (11, "20 % of trials stall", Noise { stalls: 0.2, ..quiet }, false),
        (12, "20 % stall, live traffic", Noise { stalls: 0.2, ..quiet }, true),
        (13, "capacity off by 3 %", Noise { capacity: 0.03, ..quiet }, false),
        (14, "sender stands still", Noise { hiccups: 1.0, jitter_ms: 3.0, ..quiet }, true),
        (15, "service half exponential", Noise { service: Service::Exponential(0.5), ..quiet }, true),
        (16, "heavy", Noise { stalls: 0.1, capacity: 0.02, service: Service::LogNormal(2.0), ..quiet }, false),
    ] {
        let (capacity, ran) = drawn(seed, noise, live);
        let found = ran.result.unwrap_or_else(|why| panic!("{name}: {why:?} at {capacity:.1} rps"));
        assert!(found.max_rps <= capacity * 1.05, "{name}: {found:?} of {capacity:.1} rps");
        assert!(found.max_rps >= capacity * 0.5, "{name}: {found:?} of {capacity:.1} rps");
    }
}

fn quiet(capacity_rps: f64) -> Queue {
    Queue::new(capacity_rps, Vec::new(), Noise::QUIET, 1)
}

#[test]
fn a_good_hint_saves_time() {
    let blind = search(&mut quiet(500.0), params(20.0));
    let hinted = search(&mut quiet(500.0), Params { growth: 1.15, ..params(475.0) });
    assert_eq!(hinted.result.unwrap().verdict, Verdict::Confirmed);
    assert!(hinted.seconds < blind.seconds * 0.8, "{} s, {} s", hinted.seconds, blind.seconds);
    for wrong in [50.0, 2_000.0] {
        let misled = search(&mut quiet(500.0), Params { growth: 1.15, ..params(wrong) });
        let found = misled.result.unwrap();
        assert!((475.0..=505.0).contains(&found.max_rps), "{found:?} after a hint of {wrong}");
    }
}

#[test]
fn the_ceiling_is_never_exceeded_and_gives_a_lower_bound() {
    let ran = search(&mut quiet(500.0), Params { max_rate_rps: 300.0, ..params(20.0) });
    assert!(ran.highest_rps <= 300.0, "{}", ran.highest_rps);
    let found = ran.result.unwrap();
    assert_eq!((found.verdict, found.stopped), (Verdict::LowerBound, None));
    assert!((found.max_rps - 300.0).abs() < 1.0, "{found:?}");
}

#[test]
fn limits_end_a_search_with_what_was_verified() {
    for (limited, stopped) in [
        (Params { time_ms: 12_000.0, ..params(20.0) }, Stopped::Time),
        (Params { requests: 3_000, ..params(20.0) }, Stopped::Requests),
        // Of the two that end with their time, this one has its window closed.
        (params(20.0), Stopped::Window),
    ] {
        let closes_ms = (stopped == Stopped::Window).then_some(12_000.0);
        let (time_ms, requests) = (closes_ms.unwrap_or(limited.time_ms), limited.requests);
        let mut queue = quiet(500.0);
        let mut search = Search::new(limited);
        let step = loop {
            search.close_in(closes_ms.map(|closes_ms| closes_ms - search.spent_ms()));
            match search.step() {
                Step::Trial(plan) => {
                    search.record(queue.trial(&plan, &OBJECTIVE, 0.0));
                }
                Step::Cooldown => {
                    queue.rest(1_000.0);
                    search.rested(Rested { recovered: true, spent_ms: 1_000.0, requests: 10 });
                }
                step => break step,
            }
        };
        assert!(search.spent_ms() <= time_ms + 1_000.0 && search.requests() <= requests + 10);
        let Step::Done(found) = step else { panic!("{step:?}") };
        assert_eq!((found.verdict, found.stopped), (Verdict::LowerBound, Some(stopped)));
        assert!(found.max_rps <= 505.0 && found.interval_rps[1] >= found.max_rps, "{found:?}");
    }
    let ran = search(&mut quiet(500.0), Params { time_ms: 1_000.0, ..params(20.0) });
    assert_eq!(ran.result, Err(GaveUp::Spent(Budget::Time)), "a ramp verifies nothing");
}

/// A trial in which every request failed.
fn failing(plan: &Plan, cut: Cut) -> Observed {
    let figures = Figures {
        planned: plan.requests,
        sent: plan.requests,
        failed: plan.requests,
        span_ms: plan.time_ms,
        own_rps: plan.rate_rps,
        cut: Some(cut),
        ..Figures::default()
    };
    Observed { figures, live_rps: Some(0.0), spent_ms: 100.0 }
}

#[test]
fn bursts_of_errors_end_a_search_with_what_was_verified() {
    let mut search = Search::new(params(20.0));
    let (mut queue, mut bursts) = (quiet(500.0), 0);
    let end = loop {
        match search.step() {
            // From the first failure on, the target answers with errors alone.
            Step::Trial(plan) if plan.rate_rps < 400.0 && bursts == 0 => {
                search.record(queue.trial(&plan, &OBJECTIVE, 0.0));
            }
            Step::Trial(plan) => {
                bursts += 1;
                search.record(failing(&plan, Cut::ErrorBurst));
            }
            Step::Cooldown => search.rested(Rested { recovered: true, spent_ms: 100.0, requests: 1 }),
            end => break end,
        }
    };
    assert_eq!(bursts, BURSTS, "{:?}", search.curve());
    assert_eq!(end, Step::Failed(GaveUp::ErrorBursts { trials: BURSTS }), "a ramp verifies nothing");
    // Trials of full length do.
    search.passed.iter_mut().for_each(|passed| passed.full = true);
    let Step::Done(found) = search.step() else { panic!("something had passed") };
    assert_eq!((found.verdict, found.stopped), (Verdict::LowerBound, Some(Stopped::ErrorBursts)));
    assert!(found.max_rps < 400.0, "{found:?}");
}

#[test]
fn a_failing_health_check_ends_a_search_at_once() {
    let mut search = Search::new(params(20.0));
    let Step::Trial(plan) = search.step() else { panic!("a search begins with a trial") };
    assert_eq!(search.record(failing(&plan, Cut::Unhealthy)), TrialVerdict::Invalid);
    assert_eq!(search.step(), Step::Failed(GaveUp::Unhealthy));
}

#[test]
fn a_target_that_holds_nothing_or_never_comes_back_is_given_up() {
    let mut broken = Search::new(params(20.0));
    let end = loop {
        match broken.step() {
            Step::Trial(plan) => {
                broken.record(failing(&plan, Cut::Hopeless));
            }
            Step::Cooldown => broken.rested(Rested { recovered: true, spent_ms: 100.0, requests: 1 }),
            end => break end,
        }
    };
    assert!(matches!(end, Step::Failed(GaveUp::NothingHeld { rate_rps }) if rate_rps <= 1.0), "{end:?}");

    let mut down = Search::new(params(20.0));
    let Step::Trial(plan) = down.step() else { panic!("a search begins with a trial") };
    down.record(failing(&plan, Cut::Hopeless));
    down.rested(Rested { recovered: false, spent_ms: 30_000.0, requests: 100 });
    assert_eq!(down.step(), Step::Failed(GaveUp::NotRecovered));
}

#[test]
fn live_traffic_that_is_too_much_already_is_named() {
    let mut queue = Queue::new(200.0, vec![110.0, 105.0], Noise::QUIET, 3);
    let ran = search(&mut queue, params(215.0 * 1.25));
    // Its queue never empties, so nobody can say whether it would recover.
    assert!(matches!(ran.result, Err(GaveUp::LiveTooHigh { .. } | GaveUp::NotRecovered)), "{:?}", ran.result);
}

#[test]
fn trials_of_which_nothing_is_known_end_a_search() {
    let mut search = Search::new(params(20.0));
    let mut tried = 0;
    while let Step::Trial(_) = search.step() {
        tried += 1;
        search.record(Observed { figures: Figures::default(), live_rps: None, spent_ms: 1_500.0 });
    }
    assert_eq!(search.step(), Step::Failed(GaveUp::Invalid { live_unknown: true }));
    assert_eq!((tried, search.curve().len()), (INVALID_IN_A_ROW, 0));
}
