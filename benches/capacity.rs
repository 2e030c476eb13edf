//! How near the capacity search comes, how often it says too much, and how long it takes: over many seeds, in virtual time,
//! beside the designs of others.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench capacity [-- RUNS [FIRST_SEED]]`. The same seeds give the same
//! table. Those that the search was tuned with are below 1,000; the table begins at 1,000,000.
//!
//! The target: workers of about 20 ms a request before which a queue holds 0.4 s, capacities drawn from 100 to 2,000 requests
//! a second with an even logarithm, answers and requests up to 1.5 ms late on their way. The truth is the highest rate that
//! meets the objective (p99 of 250 ms, 0.1 % errors) in the long run without stalls and at mean capacity.

#[path = "capacity/designs.rs"]
mod designs;
#[path = "capacity/mlr.rs"]
mod mlr;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use designs::{Bench, MAX_RPS, PAUSE_MS, Ran, START_RPS};
use homeostat::base::random::Random;
use homeostat::model::objective::Objective;
use homeostat::model::record::Verdict;
use homeostat::service::pressure::queue::{Noise, Queue, Service, borne_rps};
use homeostat::service::pressure::search::{Params, Search, Step};

const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

/// From so many to so many requests a second.
const CAPACITIES: (f64, f64) = (100.0, 2_000.0);

/// Requests from which the truth is reckoned where service times scatter: good to about half a percent.
const TRUTH_REQUESTS: u64 = 1_000_000;

const FIRST_SEED: u64 = 1_000_000;

struct Case {
    name: &'static str,
    noise: Noise,
}

const CASES: [Case; 4] = [
    Case { name: "clean", noise: Noise::QUIET },
    Case { name: "20 % of trials stall 150 ms", noise: Noise { stalls: 0.2, ..Noise::QUIET } },
    Case { name: "capacity ±3 % a trial", noise: Noise { capacity: 0.03, ..Noise::QUIET } },
    Case {
        name: "heavy: cv 2, 10 % stalls, ±2 %",
        noise: Noise { stalls: 0.1, capacity: 0.02, service: Service::LogNormal(2.0), ..Noise::QUIET },
    },
];

type Design = (&'static str, fn(&mut Bench<'_>) -> Option<f64>);

const DESIGNS: [Design; 4] = [
    ("Homeostat", |bench| ours(bench, 0.03)),
    ("bisection to 5 %", designs::bisection),
    ("nighthawk's design", designs::nighthawk),
    ("MLRsearch's design", mlr::mlr),
];

/// Our search as a load test runs it where no agent feeds the endpoint.
fn ours(bench: &mut Bench<'_>, precision: f64) -> Option<f64> {
    let mut search = Search::new(Params {
        objective: bench.objective,
        start_rps: START_RPS,
        growth: 2.0,
        max_rate_rps: MAX_RPS,
        time_ms: 600_000.0,
        requests: 5_000_000,
        trial_time_ms: 1_500.0,
        trial_requests: 300,
        precision,
    });
    let found = loop {
        match search.step() {
            Step::Trial(plan) => {
                search.record(bench.queue.trial(&plan, &bench.objective, PAUSE_MS));
            }
            Step::Cooldown => search.rested(bench.queue.cool_down()),
            Step::Done(found) => break Some(found),
            Step::Failed(_) => break None,
        }
    };
    bench.seconds = search.spent_ms() / 1e3;
    let found = found.filter(|found| found.verdict == Verdict::Confirmed)?;
    bench.interval_rps = Some(found.interval_rps);
    Some(found.max_rps)
}

/// One target, and what it bears.
struct Drawn {
    seed: u64,
    capacity_rps: f64,
    truth_rps: f64,
}

fn drawn(seed: u64, case: &Case) -> Drawn {
    let (least, most) = CAPACITIES;
    let capacity_rps = least * (most / least).powf(Random(seed).unit());
    let truth_rps = borne_rps(capacity_rps, case.noise.service, &OBJECTIVE, TRUTH_REQUESTS, seed ^ 0x5eed);
    Drawn { seed, capacity_rps, truth_rps }
}

fn run(design: impl Fn(&mut Bench<'_>) -> Option<f64>, drawn: &Drawn, case: &Case) -> Ran {
    let mut queue = Queue::new(drawn.capacity_rps, Vec::new(), case.noise, drawn.seed.wrapping_mul(31));
    let mut bench = Bench { queue: &mut queue, objective: OBJECTIVE, seconds: 0.0, interval_rps: None };
    let max_rps = design(&mut bench);
    Ran { max_rps, interval_rps: bench.interval_rps, seconds: bench.seconds }
}

/// Does the work of all seeds on all processors.
fn all<T: Send, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R>
where
    T: Sync,
{
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Ok(index) = usize::try_from(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A line of the table, of those runs whose truth lies between two rates.
fn row(name: &str, targets: &[Drawn], runs: &[Ran], band: (f64, f64)) -> String {
    let mut seconds = Vec::new();
    let (mut within, mut over, mut none, mut number) = (0_u32, 0_u32, 0_u32, 0_u32);
    let (mut held, mut intervals) = (0_u32, 0_u32);
    for (target, run) in targets.iter().zip(runs) {
        if !(band.0..band.1).contains(&target.capacity_rps) {
            continue;
        }
        number += 1;
        seconds.push(run.seconds);
        if let Some([low, high]) = run.interval_rps {
            intervals += 1;
            // The truth itself is known to half a percent.
            held += u32::from((low * 0.995..=high * 1.005).contains(&target.truth_rps));
        }
        match run.max_rps.map(|rate| rate / target.truth_rps - 1.0) {
            Some(error) if error > 0.05 => over += 1,
            Some(error) if error >= -0.05 => within += 1,
            Some(_) => {}
            None => none += 1,
        }
    }
    seconds.sort_by(f64::total_cmp);
    let at = |percent: usize| seconds.get(seconds.len() * percent / 100).copied().unwrap_or(f64::NAN);
    let share = |part: u32| 100.0 * f64::from(part) / f64::from(number.max(1));
    let holds = if intervals == 0 {
        "–".to_owned()
    } else {
        format!("{:.1}", 100.0 * f64::from(held) / f64::from(intervals))
    };
    format!(
        "| {name} | {number} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {holds} |",
        share(within),
        share(over),
        share(none),
        at(50),
        at(90)
    )
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let number = numbers.next().unwrap_or(300);
    let first = numbers.next().unwrap_or(FIRST_SEED);
    let head = "runs | within 5 % | over by more | no figure | median s | 90 % s | interval holds it |\n\
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
    let everywhere = (0.0, f64::MAX);
    let bands = [("100–200", (0.0, 200.0)), ("200–500", (200.0, 500.0)), ("500–2,000", (500.0, f64::MAX))];
    let mut by_band = String::new();
    let seeds: Vec<u64> = (first..first + number).collect();
    for case in &CASES {
        let targets = all(&seeds, |seed| drawn(*seed, case));
        println!("\n{}\n\n| design | {head}", case.name);
        for (name, design) in DESIGNS {
            let runs = all(&targets, |target| run(design, target, case));
            println!("{}", row(name, &targets, &runs, everywhere));
            if name == "Homeostat" {
                for (band, limits) in bands {
                    by_band += &row(&format!("{}, {band}/s", case.name), &targets, &runs, limits);
                    by_band.push('\n');
                }
            }
        }
    }
    println!("\nHomeostat by capacity\n\n| case | {head}\n{by_band}");
    println!("Homeostat in the heavy case, by the precision asked for\n\n| precision | {head}");
    let [.., heavy] = &CASES;
    let targets = all(&seeds, |seed| drawn(*seed, heavy));
    for precision in [0.10, 0.06, 0.03, 0.015] {
        let runs = all(&targets, |target| run(|bench| ours(bench, precision), target, heavy));
        println!("{}", row(&format!("{:.1} %", precision * 100.0), &targets, &runs, everywhere));
    }
}
