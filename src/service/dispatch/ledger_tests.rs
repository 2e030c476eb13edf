use proptest::prelude::*;

use super::{Claim, Grant, Ledger, Moment, Pace, Wish};
use crate::base::id::AgentId;
use crate::model::assignment::Epoch;

fn epoch(sequence: u64) -> Epoch {
    Epoch { incarnation: 1, token: 1, sequence }
}

fn claim(sequence: u64, rate_rps: f64, ends_at: u64) -> Claim {
    Claim { epoch: epoch(sequence), rate_rps, fallback_rps: rate_rps.min(5.0), ends_at: Moment(ends_at) }
}

fn wish(agent: &str, rate_rps: f64) -> Wish {
    Wish { agent: agent.into(), rate_rps }
}

fn grant(agent: &str, rate_rps: f64) -> Grant {
    Grant { agent: agent.into(), rate_rps, whole: true }
}

#[test]
fn until_it_is_confirmed_an_agent_may_hold_either_command() {
    let (mut ledger, a) = (Ledger::default(), AgentId::from("a"));
    ledger.sent(&a, claim(1, 100.0, 1_000));
    ledger.confirmed(&a, epoch(1));
    ledger.sent(&a, claim(2, 30.0, 1_500));
    assert_eq!(ledger.most(&a, Moment(0)).to_bits(), 100.0_f64.to_bits());
    ledger.confirmed(&a, epoch(2));
    assert_eq!(ledger.most(&a, Moment(0)).to_bits(), 30.0_f64.to_bits());
    assert_eq!(ledger.most(&a, Moment(1_500)).to_bits(), 5.0_f64.to_bits());
}

#[test]
fn a_late_confirmation_of_an_old_command_frees_nothing() {
    let (mut ledger, a) = (Ledger::default(), AgentId::from("a"));
    ledger.sent(&a, claim(1, 10.0, 1_000));
    ledger.sent(&a, claim(2, 100.0, 1_000));
    ledger.confirmed(&a, epoch(1));
    assert_eq!(ledger.most(&a, Moment(0)).to_bits(), 100.0_f64.to_bits());
    // Neither does one of a command that was never sent.
    ledger.confirmed(&a, epoch(9));
    assert_eq!(ledger.most(&a, Moment(0)).to_bits(), 100.0_f64.to_bits());
}

#[test]
fn rises_wait_for_falls() {
    let (mut ledger, a, b) = (Ledger::default(), AgentId::from("a"), AgentId::from("b"));
    for (agent, rate) in [(&a, 150.0), (&b, 50.0)] {
        ledger.sent(agent, claim(1, rate, 10_000));
        ledger.confirmed(agent, epoch(1));
    }
    let wishes = [wish("a", 50.0), wish("b", 150.0)];
    assert_eq!(ledger.plan(Moment(0), 200.0, &wishes, Pace::Patient), [grant("a", 50.0)]);
    assert_eq!(ledger.plan(Moment(0), 200.0, &wishes, Pace::Pressed), [grant("a", 50.0)]);
    ledger.sent(&a, claim(2, 50.0, 10_000));
    assert_eq!(ledger.plan(Moment(0), 200.0, &wishes[1..], Pace::Patient), []);
    ledger.confirmed(&a, epoch(2));
    assert_eq!(ledger.plan(Moment(0), 200.0, &wishes[1..], Pace::Patient), [grant("b", 150.0)]);
}

#[test]
fn what_has_run_out_makes_room_down_to_the_fallback() {
    let (mut ledger, a) = (Ledger::default(), AgentId::from("a"));
    ledger.sent(&a, claim(1, 150.0, 1_000));
    let wishes = [wish("b", 200.0)];
    assert_eq!(ledger.plan(Moment(999), 200.0, &wishes, Pace::Patient), []);
    let part = Grant { agent: "b".into(), rate_rps: 195.0, whole: false };
    let [given] = &ledger.plan(Moment(1_000), 200.0, &wishes, Pace::Pressed)[..] else { panic!("nothing given") };
    assert!((given.rate_rps - part.rate_rps).abs() < 1e-3 && !given.whole);
    assert_eq!(ledger.plan(Moment(1_000), 200.0, &wishes, Pace::Patient), []);
}

#[test]
fn while_one_agent_may_hold_anything_no_other_rises() {
    let (mut ledger, a) = (Ledger::default(), AgentId::from("a"));
    ledger.unknown(&a, Moment(1_000), 5.0);
    assert_eq!(ledger.plan(Moment(0), 1e9, &[wish("b", 1.0)], Pace::Pressed), []);
    assert_eq!(ledger.plan(Moment(0), 100.0, &[wish("a", 60.0)], Pace::Patient), [grant("a", 60.0)]);
    assert_eq!(ledger.plan(Moment(1_000), 100.0, &[wish("b", 95.0)], Pace::Patient), [grant("b", 95.0)]);
}

#[test]
fn an_agent_that_refuses_for_a_command_of_another_engine_may_hold_anything() {
    let (mut ledger, a) = (Ledger::default(), AgentId::from("a"));
    ledger.sent(&a, claim(1, 10.0, 1_000));
    let foreign = Epoch { incarnation: 7, token: 1, sequence: 1 };
    ledger.refused(&a, epoch(1), foreign, Moment(2_000));
    assert!(ledger.most(&a, Moment(1_999)).is_infinite());
    assert_eq!(ledger.most(&a, Moment(2_000)).to_bits(), 5.0_f64.to_bits());
}

#[test]
fn an_agent_that_refuses_for_a_later_command_of_ours_holds_that() {
    let (mut ledger, a) = (Ledger::default(), AgentId::from("a"));
    ledger.sent(&a, claim(1, 100.0, 1_000));
    ledger.sent(&a, claim(2, 10.0, 1_000));
    ledger.refused(&a, epoch(1), epoch(2), Moment(2_000));
    assert_eq!(ledger.most(&a, Moment(0)).to_bits(), 10.0_f64.to_bits());
}

/// One agent of the world that the ledger only hears of: the truth.
#[derive(Clone, Debug, Default)]
struct Truth {
    highest: u64,
    rate_rps: f64,
    fallback_rps: f64,
    ends_at: u64,
}

impl Truth {
    fn holds(&self, now: u64) -> f64 {
        if now < self.ends_at { self.rate_rps } else { self.fallback_rps }
    }
}

#[derive(Clone, Debug)]
enum Happening {
    /// The total is decided anew and split by these weights.
    Decide {
        total: f64,
        weights: [u8; 3],
    },
    /// The plan is carried out.
    Send {
        pressed: bool,
    },
    /// The oldest messages under way to an agent arrive, are lost, or overtake each other.
    Arrive {
        agent: usize,
        index: usize,
        acknowledged: bool,
    },
    Lose {
        agent: usize,
        index: usize,
    },
    Pass {
        ms: u64,
    },
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        2 => (0.0..400.0_f64, any::<[u8; 3]>()).prop_map(|(total, weights)| Happening::Decide { total, weights }),
        5 => any::<bool>().prop_map(|pressed| Happening::Send { pressed }),
        6 => (0..3_usize, 0..4_usize, prop::bool::weighted(0.8))
            .prop_map(|(agent, index, acknowledged)| Happening::Arrive { agent, index, acknowledged }),
        1 => (0..3_usize, 0..4_usize).prop_map(|(agent, index)| Happening::Lose { agent, index }),
        3 => (0..800_u64).prop_map(|ms| Happening::Pass { ms }),
    ];
    prop::collection::vec(one, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn agents_never_hold_more_than_the_ledger_reckons_and_no_command_lifts_that_above_the_rate(all in happenings()) {
        const TIME_TO_LIVE: u64 = 1_000;
        let names = ["a", "b", "c"].map(AgentId::from);
        let mut ledger = Ledger::default();
        let mut truths: [Truth; 3] = Default::default();
        let mut under_way: [Vec<(u64, f64, f64, u64)>; 3] = Default::default();
        let (mut now, mut sequence, mut total, mut wanted) = (0_u64, 0_u64, 0.0_f64, [0.0_f64; 3]);
        for happening in all {
            let before = ledger.sum(Moment(now));
            match happening {
                Happening::Decide { total: decided, weights } => {
                    total = decided;
                    let sum: f64 = weights.iter().map(|weight| f64::from(*weight) + 1.0).sum();
                    wanted = weights.map(|weight| decided * (f64::from(weight) + 1.0) / sum);
                }
                Happening::Send { pressed } => {
                    let wishes: Vec<_> = names.iter().zip(wanted)
                        .map(|(agent, rate_rps)| Wish { agent: agent.clone(), rate_rps }).collect();
                    let pace = if pressed { Pace::Pressed } else { Pace::Patient };
                    for grant in ledger.plan(Moment(now), total, &wishes, pace) {
                        sequence += 1;
                        let index = names.iter().position(|name| *name == grant.agent).unwrap();
                        let fallback_rps = grant.rate_rps.min(10.0);
                        let ends_at = now + TIME_TO_LIVE;
                        under_way[index].push((sequence, grant.rate_rps, fallback_rps, ends_at));
                        let epoch = epoch(sequence);
                        let claim = Claim { epoch, rate_rps: grant.rate_rps, fallback_rps, ends_at: Moment(ends_at) };
                        ledger.sent(&grant.agent, claim);
                    }
                    let after = ledger.sum(Moment(now));
                    prop_assert!(after <= before.max(total) + 1e-6, "{before} became {after} of {total}");
                }
                Happening::Arrive { agent, index, acknowledged } => {
                    if index < under_way[agent].len() {
                        let (sequence, rate_rps, fallback_rps, ends_at) = under_way[agent].remove(index);
                        let truth = &mut truths[agent];
                        if sequence > truth.highest {
                            *truth = Truth { highest: sequence, rate_rps, fallback_rps, ends_at };
                            if acknowledged {
                                ledger.confirmed(&names[agent], epoch(sequence));
                            }
                        } else if acknowledged {
                            let highest = epoch(truth.highest);
                            ledger.refused(&names[agent], epoch(sequence), highest, Moment(now + TIME_TO_LIVE));
                        }
                    }
                }
                Happening::Lose { agent, index } => {
                    if index < under_way[agent].len() {
                        under_way[agent].remove(index);
                    }
                }
                Happening::Pass { ms } => now += ms,
            }
            for (name, truth) in names.iter().zip(&truths) {
                let (holds, most) = (truth.holds(now), ledger.most(name, Moment(now)));
                prop_assert!(holds <= most, "{name} holds {holds}, reckoned {most}");
            }
        }
    }
}
