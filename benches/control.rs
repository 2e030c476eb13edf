//! How well the strategies keep a target full and unbroken, beside Netflix's concurrency limits, in virtual time.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench control [-- RUNS [FIRST_SEED]]`. The same seeds give the same
//! table. Those that the strategies were tuned with are below 1,000; the table begins at 1,000,000.

#[path = "control/peers.rs"]
mod peers;

use std::sync::Mutex;
use std::time::Duration;

use homeostat::model::strategy::{Strategy, StrategyName, StrategySettings};
use homeostat::service::plant::course::{Control, Figures, figures, run};
use homeostat::service::plant::scenario::{Case, Scenario};
use homeostat::service::plant::steered::{Steered, limits};
use peers::{Aimd, Gradient2, Limited, Oracle, Vegas};

const FIRST_SEED: u64 = 1_000_000;

const DESIGNS: [&str; 10] = [
    "oracle",
    "headroom",
    "headroom, 5 %, 2 min",
    "aimd",
    "pid",
    "gradient",
    "learning",
    "Netflix AIMD",
    "Netflix Vegas",
    "Netflix Gradient2",
];

fn course(design: usize, case: Case, seed: u64) -> (Figures, u32) {
    let scenario = Scenario::new(case, seed);
    let ours = match DESIGNS[design] {
        "headroom" => Some(StrategySettings::headroom(0.2)),
        "headroom, 5 %, 2 min" => Some(StrategySettings {
            kind: Strategy::Headroom { max_age: Duration::from_secs(120) },
            ..StrategySettings::headroom(0.05)
        }),
        "aimd" => Some(StrategySettings::standard(StrategyName::Aimd)),
        "pid" => Some(StrategySettings::standard(StrategyName::Pid)),
        "gradient" => Some(StrategySettings::standard(StrategyName::Gradient)),
        "learning" => Some(StrategySettings::standard(StrategyName::Learning)),
        _ => None,
    };
    if let Some(settings) = ours {
        let mut steered = Steered::new(&scenario, settings, limits(&scenario), seed);
        let points = run(&scenario, seed, &mut steered);
        return (figures(&scenario, &points), steered.retests);
    }
    let mut control: Box<dyn Control> = match DESIGNS[design] {
        "oracle" => Box::new(Oracle::new(&scenario)),
        "Netflix AIMD" => Box::new(Limited::<Aimd>::new(&scenario, seed)),
        "Netflix Vegas" => Box::new(Limited::<Vegas>::new(&scenario, seed)),
        _ => Box::new(Limited::<Gradient2>::new(&scenario, seed)),
    };
    (figures(&scenario, &run(&scenario, seed, control.as_mut())), 0)
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let runs = numbers.first().copied().unwrap_or(30);
    let first = numbers.get(1).copied().unwrap_or(FIRST_SEED);
    println!("{runs} runs each, seeds from {first}\n");
    println!("| case | design | lost | broken | settling | overshoot | retests |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for case in Case::ALL {
        for (design, name) in DESIGNS.iter().enumerate() {
            let next = Mutex::new(first..first + runs);
            let all = Mutex::new(Vec::new());
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        loop {
                            let Some(seed) = next.lock().unwrap().next() else { return };
                            let found = course(design, case, seed);
                            all.lock().unwrap().push(found);
                        }
                    });
                }
            });
            let all = all.into_inner().unwrap();
            let mean = |of: &dyn Fn(&(Figures, u32)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
            let settling = all[0].0.settling_s.map_or("–".to_owned(), |_| {
                format!("{:.0} s", mean(&|found| found.0.settling_s.unwrap_or(0.0)))
            });
            println!(
                "| {} | {name} | {:.1} % | {:.2} % | {settling} | {:.0} % | {:.1} |",
                case.name(),
                100.0 * mean(&|found| found.0.lost),
                100.0 * mean(&|found| found.0.broken),
                100.0 * mean(&|found| found.0.overshoot),
                mean(&|found| f64::from(found.1)),
            );
        }
    }
}
