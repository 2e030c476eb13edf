use super::queue::{Noise, QUIET, Queue, Random};
use super::*;

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
    trials: usize,
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
                let figures = queue.run(&plan, &OBJECTIVE);
                let live = queue.live_rps();
                // Waiting for the agents' reports.
                let spent_ms = figures.span_ms + 400.0;
                queue.rest(400.0);
                search.record(Observed { figures, live_rps: Some(live), spent_ms });
                // What a crash would leave is enough to go on from.
                let saved = serde_json::to_string(&search).unwrap();
                search = serde_json::from_str(&saved).unwrap();
            }
            Step::Cooldown => {
                let mut spent_ms = 0.0;
                while queue.backlog_us() > 2_000.0 && spent_ms < 30_000.0 {
                    queue.rest(200.0);
                    spent_ms += 200.0;
                }
                search.rested(Rested { recovered: spent_ms < 30_000.0, spent_ms: spent_ms + 200.0, requests: 10 });
            }
            Step::Done(found) => break Ok(found),
            Step::Failed(why) => break Err(why),
        }
    };
    Ran { result, seconds: search.spent_ms() / 1e3, trials: search.curve().len(), highest_rps }
}

/// Figures over many seeds.
#[derive(Debug)]
struct Tally {
    runs: u32,
    within: u32,
    over: u32,
    none: u32,
    errors: Vec<f64>,
    seconds: Vec<f64>,
    trials: Vec<f64>,
}

fn tally(seeds: u64, noise: Noise, live: bool) -> Tally {
    let mut tally =
        Tally { runs: 0, within: 0, over: 0, none: 0, errors: Vec::new(), seconds: Vec::new(), trials: Vec::new() };
    for seed in 0..seeds {
        let mut random = Random(seed);
        let capacity = 50.0 * 40.0_f64.powf(random.unit());
        let streams = if live { vec![capacity * 0.25, capacity * (0.1 + 0.3 * random.unit())] } else { Vec::new() };
        let start = if live { streams.iter().sum::<f64>() * 1.25 } else { 20.0 };
        let mut queue = Queue::new(capacity, streams, noise, random.next());
        let ran = search(&mut queue, params(start));
        tally.runs += 1;
        tally.seconds.push(ran.seconds);
        tally.trials.push(ran.trials as f64);
        match ran.result {
            Ok(found) => {
                let error = found.max_rps / capacity - 1.0;
                tally.errors.push(error * 100.0);
                tally.within += u32::from(error.abs() <= 0.05);
                tally.over += u32::from(error > 0.05);
            }
            Err(_) => tally.none += 1,
        }
    }
    tally
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn row(name: &str, tally: &mut Tally) {
    let share = |count: u32| 100.0 * f64::from(count) / f64::from(tally.runs);
    println!(
        "{name:28} {:5.1} % within, {:4.1} % over, {:4.1} % none; error p1 {:5.1} p50 {:5.1} p99 {:5.1} %; \
         {:5.1} s median, {:5.1} s p90, {} trials",
        share(tally.within),
        share(tally.over),
        share(tally.none),
        quantile(&mut tally.errors, 0.01),
        quantile(&mut tally.errors, 0.5),
        quantile(&mut tally.errors, 0.99),
        quantile(&mut tally.seconds, 0.5),
        quantile(&mut tally.seconds, 0.9),
        quantile(&mut tally.trials, 0.5),
    );
}

#[test]
fn a_steady_target_is_measured_within_five_percent_and_never_above() {
    for (name, live) in [("clean", false), ("clean, live traffic", true)] {
        let mut tally = tally(200, QUIET, live);
        row(name, &mut tally);
        assert!(tally.within * 100 >= tally.runs * 99, "{name}");
        assert_eq!(tally.over, 0, "{name}");
    }
}

#[test]
fn noise_costs_time_before_it_costs_truth() {
    let cases = [
        ("20 % of trials stall", Noise { stalls: 0.2, ..QUIET }, false),
        ("20 % stall, live traffic", Noise { stalls: 0.2, ..QUIET }, true),
        ("capacity off by 3 %", Noise { capacity: 0.03, ..QUIET }, false),
        ("sender stands still", Noise { hiccups: 1.0, jitter_ms: 3.0, ..QUIET }, true),
        ("service half exponential", Noise { spread: 0.5, ..QUIET }, true),
        ("service exponential", Noise { spread: 1.0, ..QUIET }, false),
        ("heavy", Noise { stalls: 0.1, capacity: 0.02, spread: 0.7, jitter_ms: 3.0, hiccups: 0.3 }, true),
    ];
    for (name, noise, live) in cases {
        let mut tally = tally(40, noise, live);
        row(name, &mut tally);
        assert!(tally.over * 100 <= tally.runs * 2, "{name}");
    }
}
