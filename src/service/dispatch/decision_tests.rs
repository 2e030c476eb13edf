use proptest::prelude::*;

use super::{Roll, Terms, decide, problem, recall, restored};
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::Epoch;
use crate::model::strategy::Split;
use crate::model::target::OnExpiry;
use crate::runtime::ports::{Rates, Share};

use crate::service::dispatch::ledger::Moment;
use crate::service::dispatch::tests::fixture;

fn share(agent: &str, rate_rps: f64) -> Share {
    Share { agent: agent.into(), rate_rps }
}

fn with_terms<T>(key: &str, then: impl FnOnce(&Terms<'_>) -> T) -> T {
    let settings = fixture::settings("checkout");
    let target = TargetName::from("checkout");
    let epoch = Epoch { incarnation: 1, token: 3, sequence: 8 };
    then(&Terms { target: &target, settings: &settings, key: key.into(), epoch, now: Moment(0) })
}

#[test]
fn who_is_there_and_was_not_named_gets_nothing() {
    let roll = Roll { present: ["a", "b"].map(AgentId::from).into(), ..Roll::default() };
    let decision = with_terms("k", |terms| decide(terms, &Rates::Each(vec![share("a", 30.0)]), &roll));
    let rates: Vec<_> = decision.shares.values().map(|share| share.rate_rps).collect();
    assert_eq!(rates, [30.0, 0.0]);
}

#[test]
fn a_command_that_was_stored_is_recalled_by_its_key_alone() {
    let roll = Roll {
        present: ["a", "b"].map(AgentId::from).into(),
        absent: [(AgentId::from("c"), 4.0)].into(),
        ..Roll::default()
    };
    let decided = with_terms("run/step", |terms| decide(terms, &Rates::Total(100.0), &roll));
    let stored: Vec<_> = decided.shares.values().chain(decided.aside.values()).cloned().collect();
    let again = with_terms("run/step", |terms| recall(terms, &Rates::Total(100.0), stored.clone())).unwrap();
    assert_eq!((&again.shares, &again.aside), (&decided.shares, &decided.aside));
    assert!(with_terms("run/step2", |terms| recall(terms, &Rates::Total(100.0), stored.clone())).is_none());
    let after = restored(&fixture::settings("checkout"), stored, None, Moment(0)).unwrap();
    assert_eq!((&after.shares, &after.aside), (&decided.shares, &decided.aside));
    assert!((after.total_rps - 100.0).abs() < 1e-9);
}

#[test]
fn rates_that_nobody_can_hold_are_named() {
    assert_eq!(problem(&Rates::Total(0.0)), None);
    assert!(problem(&Rates::Total(f64::NAN)).is_some());
    assert!(problem(&Rates::Each(vec![share("a", -1.0)])).unwrap().contains("`a`"));
    assert!(problem(&Rates::Each(vec![share("a", 1.0), share("a", 2.0)])).unwrap().contains("twice"));
}

proptest! {
    #[test]
    fn shares_and_what_is_set_aside_add_up_to_no_more_than_the_total(
        total in 0.0..500.0_f64,
        floor in 0.0..50.0_f64,
        shares in prop::collection::btree_map("[a-f]", 0.0..200.0_f64, 0..4),
        present in prop::collection::btree_set("[a-f]", 0..4),
        absent in prop::collection::btree_map("[g-j]", 0.0..10.0_f64, 0..4),
        each: bool,
        refuse: bool,
        split in 0..3_usize,
        demands in prop::collection::btree_map("[a-f]", 0.0..200.0_f64, 0..4),
    ) {
        let roll = Roll {
            present: present.iter().map(|agent| AgentId::from(agent.as_str())).collect(),
            absent: absent.iter().map(|(agent, rate)| (AgentId::from(agent.as_str()), *rate)).collect(),
            demands: demands.iter().map(|(agent, rate)| (AgentId::from(agent.as_str()), *rate)).collect(),
        };
        let each_share = shares.iter().map(|(agent, rate)| share(agent, *rate)).collect();
        let rates = if each { Rates::Each(each_share) } else { Rates::Total(total) };
        let mut settings = fixture::settings("checkout");
        settings.rate.floor_rps = floor;
        let weights = [(AgentId::from("a"), 3.0)].into();
        settings.strategy.split = [Split::Equal, Split::Weighted(weights), Split::Fair][split].clone();
        settings.rate.on_expiry = if refuse { OnExpiry::Refuse } else { OnExpiry::Floor };
        let target = TargetName::from("checkout");
        let terms =
            Terms { target: &target, settings: &settings, key: "k".into(), epoch: Epoch::default(), now: Moment(0) };
        let decision = decide(&terms, &rates, &roll);
        let reserved: f64 = decision.aside.values().map(|share| share.rate_rps).sum();
        let shared: f64 = decision.shares.values().map(|share| share.rate_rps).sum();
        let fallbacks: f64 = decision.shares.values().map(|share| share.fallback_rps).sum();
        prop_assert!(shared <= (decision.total_rps - reserved).max(0.0) + 1e-6);
        prop_assert!(fallbacks <= floor + 1e-6);
        for share in decision.shares.values() {
            prop_assert!(share.rate_rps >= 0.0 && share.fallback_rps <= share.rate_rps);
        }
    }
}
