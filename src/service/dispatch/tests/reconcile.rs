//! Agents that come and go between dispatches.

use super::{Engine, settings, store};
use crate::agent::tests::{echo, options, start};
use crate::base::clock::Timestamp;
use crate::model::target::TargetState;
use crate::runtime::ports::{AgentView, Rates, Store as _};

fn holds(views: &[AgentView], rates: &[(&str, f64)]) -> bool {
    views.len() == rates.len()
        && views.iter().zip(rates).all(|(view, (id, rate))| {
            view.id.as_str() == *id && view.confirmed && view.rate_rps.is_some_and(|held| (held - rate).abs() < 1e-6)
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_at_rest_is_split_over_whoever_is_there() {
    let upstream = echo().await;
    let engine = Engine::start(settings("checkout"), store()).await;
    let a = start(options("a", engine.address, upstream.address)).await;
    // The configured 40 of a target that was never adjusted.
    engine.until("the first gets all", |views| holds(views, &[("a", 40.0)])).await;
    let b = start(options("b", engine.address, upstream.address)).await;
    engine.until("both get half", |views| holds(views, &[("a", 20.0), ("b", 20.0)])).await;
    assert_eq!(engine.store.assignments(&"checkout".into()).await.unwrap().len(), 2);
    a.stop().await;
    engine.until("who stays gets all", |views| holds(views, &[("b", 40.0)])).await;
    let stored = engine.store.assignments(&"checkout".into()).await.unwrap();
    assert_eq!(stored.iter().map(|assignment| assignment.agent.as_str()).collect::<Vec<_>>(), ["b"]);
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_run_holds_the_target_who_comes_waits_and_then_gets_its_share_of_the_decided_rate() {
    let upstream = echo().await;
    let engine = Engine::start(settings("checkout"), store()).await;
    engine.hold().await;
    // Nobody is there: the total is kept for whoever comes.
    let dispatched = engine.dispatch("run/one", Rates::Total(300.0)).await;
    assert!(dispatched.assignments.is_empty() && dispatched.unconfirmed.is_empty());
    let a = start(options("a", engine.address, upstream.address)).await;
    let b = start(options("b", engine.address, upstream.address)).await;
    engine.until_connected(2).await;
    // A few rounds of the reconciler, which must not touch anything.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert!(engine.views().iter().all(|view| view.rate_rps.is_none()), "{:?}", engine.views());

    let mut state = TargetState::unknown("checkout".into(), Timestamp(0));
    state.rate_rps = Some(300.0);
    engine.put(state).await;
    engine.until("both get half", |views| holds(views, &[("a", 150.0), ("b", 150.0)])).await;
    a.stop().await;
    b.stop().await;
}
