use super::*;
use crate::app::program::{StoredPlans, assemble, check_shipped};
use crate::model::strategy::{StrategyName, StrategySettings};

fn order(name: StrategyName, case: Case) -> Order {
    let mut settings = crate::service::dispatch::tests::fixture::settings("checkout");
    settings.strategy = StrategySettings::standard(name);
    // While a deployment is measured nothing steers: what it gets meanwhile must be less than it bears.
    settings.rate.interim = 0.5;
    let laws = Laws { program: assemble(check_shipped()).unwrap(), planner: Arc::new(StoredPlans) };
    Order { laws, settings, case, capacity_rps: Some(200.0), seed: 3 }
}

#[test]
fn the_shipped_rules_and_a_strategy_come_through_a_deploy() {
    let simulated = simulate(order(StrategyName::Pid, Case::StepDown)).unwrap();
    assert!(simulated.untaken.is_empty(), "{:?}", simulated.untaken);
    let deploys = simulated.runs.iter().filter(|run| run.workflow == "deployment_change");
    let deploys: Vec<_> = deploys.map(|run| (run.at_s.round(), run.status.as_str())).collect();
    assert_eq!(deploys, [(-60.0, "succeeded"), (200.0, "succeeded")]);
    let figures = &simulated.figures;
    assert!(figures.lost < 0.2 && figures.broken < 0.02, "{figures:?}");
    let last = simulated.points.last().unwrap();
    assert!(last.rate_rps.is_some_and(|rate| (90.0..=130.0).contains(&rate)), "{last:?}");
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let points = || simulate(order(StrategyName::Learning, Case::LateAndLost)).unwrap().points;
    assert_eq!(points(), points());
}
