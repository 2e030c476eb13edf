use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{By, Desk, Outgoing, PATIENCE_MS, RESEND_MS};
use crate::agent::holder::{Holder, Order};
use crate::base::clock::Timestamp;
use crate::base::id::AgentId;
use crate::model::assignment::{Answer, Epoch};
use crate::model::strategy::Split;
use crate::model::target::{OnExpiry, TargetSettings};
use crate::runtime::ports::{Rates, Share};
use crate::service::dispatch::decision::{Terms, decide};

use crate::service::dispatch::ledger::Moment;
use crate::service::dispatch::registry::{Holding, Introduction, NameTaken};
use crate::service::dispatch::tests::fixture;
use crate::service::dispatch::traffic::{Answers, Reported};

const TODAY: Timestamp = Timestamp(1_700_000_000_000);
const TIME_TO_LIVE_MS: u64 = 9_000;

fn settings() -> TargetSettings {
    let mut settings = fixture::settings("checkout");
    settings.rate.time_to_live = Duration::from_millis(TIME_TO_LIVE_MS);
    settings.rate.floor_rps = 20.0;
    settings
}

fn newcomer(agent: &str, session: u64) -> Introduction {
    Introduction {
        agent: agent.into(),
        instance: format!("process of {agent}"),
        session,
        clock_ms: 0,
        highest: None,
        rate_rps: 0.0,
        holding: None,
    }
}

fn order(desk: &mut Desk, key: &str, rates: &Rates, now: Moment) {
    let settings = settings();
    let target = desk.target.clone();
    let epoch = desk.epochs.next(1);
    let roll = desk.roll(now);
    let terms = Terms { target: &target, settings: &settings, key: key.into(), epoch, now };
    desk.decision = Some(decide(&terms, rates, &roll));
}

fn desk_with(agents: &[&str]) -> Desk {
    let mut desk = Desk::new("checkout".into(), 1);
    for (session, agent) in agents.iter().enumerate() {
        desk.introduce(newcomer(agent, session as u64), Moment(0), TODAY).unwrap();
    }
    desk
}

fn brief(commands: &[Outgoing]) -> Vec<(String, f64)> {
    commands.iter().map(|command| (command.agent.to_string(), (command.rate_rps * 1e3).round() / 1e3)).collect()
}

fn each(shares: &[(&str, f64)]) -> Rates {
    Rates::Each(shares.iter().map(|(agent, rate_rps)| Share { agent: (*agent).into(), rate_rps: *rate_rps }).collect())
}

fn confirm(desk: &mut Desk, commands: &[Outgoing], now: Moment) {
    for command in commands {
        desk.answered(&command.agent, command.epoch, &Answer::Applied, now);
    }
}

#[test]
fn a_total_is_split_and_the_fallbacks_share_the_floor() {
    let mut desk = desk_with(&["a", "b"]);
    order(&mut desk, "run/step", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    assert_eq!(brief(&sent), [("a".into(), 50.0), ("b".into(), 50.0)]);
    assert!(sent.iter().all(|command| (command.fallback_rps - 10.0).abs() < 1e-9 && command.enforce));
    assert_eq!(sent[0].command_id, "run/step/a");
    assert_eq!(desk.pump(Moment(RESEND_MS - 1)), []);
    let again = desk.pump(Moment(RESEND_MS));
    assert_eq!(again.iter().map(|c| c.epoch).collect::<Vec<_>>(), sent.iter().map(|c| c.epoch).collect::<Vec<_>>());
}

/// A report of the second before `at_s`, that came at once.
fn report(desk: &mut Desk, agent: &str, session: u64, at_s: u64, passed: u64, refused: u64) {
    let reported = Reported { from_ms: (at_s - 1) * 1_000, to_ms: at_s * 1_000, passed, refused };
    let answers = Answers { answered: passed, failed: 1, latencies: vec![(230, passed)] };
    let arrived = Timestamp(TODAY.0 + i64::try_from(at_s * 1_000).unwrap());
    desk.windows(&agent.into(), session).unwrap().add(reported, answers, arrived);
}

#[test]
fn a_sample_is_what_all_agents_saw_and_none_while_one_has_not_told() {
    let mut desk = desk_with(&["a", "b"]);
    let at = |seconds: i64| Timestamp(TODAY.0 + seconds * 1_000);
    report(&mut desk, "a", 0, 1, 80, 20);
    report(&mut desk, "a", 0, 2, 80, 20);
    report(&mut desk, "b", 1, 1, 40, 0);
    assert_eq!(desk.sample(at(1), at(2)), None);
    report(&mut desk, "b", 1, 2, 40, 0);
    let sample = desk.sample(at(1), at(2)).unwrap();
    assert_eq!((sample.passed.round(), sample.refused.round()), (120.0, 20.0));
    assert_eq!((sample.answered, sample.failed), (120.0, 2.0));
    assert!(sample.p99_ms.is_some_and(|ms| (20.0..24.0).contains(&ms)), "{sample:?}");
    // One that is gone is not waited for.
    desk.disconnected(&"b".into(), 1, true, Moment(2_000));
    report(&mut desk, "a", 0, 3, 80, 20);
    assert!(desk.sample(at(2), at(3)).is_some());
    assert_eq!(Desk::new("checkout".into(), 1).sample(at(1), at(2)), None);
}

#[test]
fn a_fair_split_follows_demand_and_stands_for_a_while() {
    let mut settings = settings();
    settings.strategy.split = Split::Fair;
    let mut desk = desk_with(&["a", "b"]);
    report(&mut desk, "a", 0, 1, 16, 0);
    report(&mut desk, "b", 1, 1, 50, 90);
    let split = |desk: &mut Desk, now: Moment| {
        let (target, epoch, roll) = (desk.target.clone(), desk.epochs.next(1), desk.roll(now));
        let terms = Terms { target: &target, settings: &settings, key: "split".into(), epoch, now };
        desk.decision = Some(decide(&terms, &Rates::Total(100.0), &roll));
        brief(&desk.pump(now))
    };
    assert_eq!(split(&mut desk, Moment(1_000)), [("a".into(), 20.0), ("b".into(), 80.0)]);
    assert!(!desk.is_split_wrongly(Moment(1_000)));
    // Now it is the other way round.
    report(&mut desk, "a", 0, 2, 20, 60);
    report(&mut desk, "b", 1, 2, 10, 0);
    assert!(!desk.is_split_unfairly(&settings, Moment(5_999)), "not so soon");
    assert!(desk.is_split_unfairly(&settings, Moment(6_000)));
    settings.strategy.split = Split::Equal;
    assert!(!desk.is_split_unfairly(&settings, Moment(6_000)));
}

#[test]
fn a_rise_is_sent_only_after_the_fall_is_confirmed() {
    let mut desk = desk_with(&["a", "b"]);
    order(&mut desk, "one", &each(&[("a", 150.0), ("b", 50.0)]), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    order(&mut desk, "two", &each(&[("a", 50.0), ("b", 150.0)]), Moment(100));
    let falls = desk.pump(Moment(100));
    assert_eq!(brief(&falls), [("a".into(), 50.0)]);
    assert_eq!(brief(&desk.pump(Moment(200))), []);
    confirm(&mut desk, &falls, Moment(200));
    assert_eq!(brief(&desk.pump(Moment(200))), [("b".into(), 150.0)]);
}

#[test]
fn where_a_fall_is_not_confirmed_a_rise_takes_what_fits_and_the_rest_once_it_has_run_out() {
    let mut desk = desk_with(&["a", "b", "c"]);
    order(&mut desk, "one", &each(&[("a", 100.0), ("b", 50.0), ("c", 50.0)]), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.disconnected(&"a".into(), 0, true, Moment(50));
    order(&mut desk, "two", &each(&[("a", 20.0), ("b", 150.0), ("c", 20.0)]), Moment(100));
    let falls = desk.pump(Moment(100));
    assert_eq!(brief(&falls), [("c".into(), 20.0)]);
    confirm(&mut desk, &falls, Moment(100));
    // 190 in all: `a` may hold 100 and `c` holds 20, so that `b` can have 70 of its 150.
    assert_eq!(brief(&desk.pump(Moment(100 + PATIENCE_MS)))[0], ("b".into(), 70.0));
    let later = Moment(TIME_TO_LIVE_MS + 1_000);
    let rest = desk.pump(later);
    assert!(brief(&rest).contains(&("b".into(), 150.0)), "{rest:?}");
}

#[test]
fn what_is_confirmed_is_renewed_at_a_third_of_its_time_under_a_new_epoch() {
    let mut desk = desk_with(&["a"]);
    order(&mut desk, "one", &Rates::Total(10.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(10));
    assert_eq!(desk.pump(Moment(TIME_TO_LIVE_MS / 3 - 1)), []);
    let renewed = desk.pump(Moment(TIME_TO_LIVE_MS / 3));
    assert_eq!(renewed[0].command_id, sent[0].command_id);
    assert!(renewed[0].epoch > sent[0].epoch);
    assert_eq!(renewed[0].ends_at_clock_ms, TIME_TO_LIVE_MS / 3 + TIME_TO_LIVE_MS);
}

#[test]
fn while_halted_rates_are_renewed_and_lowered_but_not_raised() {
    let mut desk = desk_with(&["a", "b"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.halted = true;
    order(&mut desk, "two", &each(&[("a", 10.0), ("b", 200.0)]), Moment(100));
    let falls = desk.pump(Moment(100));
    assert_eq!(brief(&falls), [("a".into(), 10.0)]);
    confirm(&mut desk, &falls, Moment(100));
    assert_eq!(brief(&desk.pump(Moment(4_000))), [("a".into(), 10.0), ("b".into(), 50.0)]);
    desk.halted = false;
    assert_eq!(brief(&desk.pump(Moment(4_001))), [("b".into(), 200.0)]);
}

#[test]
fn an_order_that_was_cancelled_raises_nobody_later() {
    let mut desk = desk_with(&["a", "b"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.halted = true;
    order(&mut desk, "two", &each(&[("a", 10.0), ("b", 200.0)]), Moment(100));
    let falls = desk.pump(Moment(100));
    confirm(&mut desk, &falls, Moment(100));
    desk.abandon(&"two".into(), Moment(200));
    desk.halted = false;
    let sent = desk.pump(Moment(200));
    assert_eq!(brief(&sent), [("b".into(), 50.0)]);
    confirm(&mut desk, &sent, Moment(200));
    assert!(brief(&desk.pump(Moment(8_000))).iter().all(|(_, rate)| *rate <= 50.0));
    assert!(!desk.is_split_wrongly(Moment(8_000)));
}

#[test]
fn an_agent_that_comes_back_is_driven_on_above_the_epoch_it_has_seen() {
    let mut desk = Desk::new("checkout".into(), 1);
    let highest = Epoch { incarnation: 4, token: 2, sequence: 9 };
    let holding =
        Holding { command_id: "old".into(), epoch: highest, rate_rps: 80.0, fallback_rps: 5.0, left_ms: 5_000 };
    let who = Introduction { highest: Some(highest), rate_rps: 80.0, holding: Some(holding), ..newcomer("a", 1) };
    desk.introduce(who, Moment(0), TODAY).unwrap();
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    assert_eq!(sent[0].epoch, Epoch { sequence: 10, ..highest });
}

#[test]
fn an_agent_that_refuses_is_sent_the_same_above_what_it_has_seen() {
    let mut desk = desk_with(&["a"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    let highest = Epoch { incarnation: 1, token: 8, sequence: 1 };
    desk.answered(&"a".into(), sent[0].epoch, &Answer::Refused { highest }, Moment(10));
    assert_eq!(desk.pump(Moment(10)), []);
    let again = desk.pump(Moment(200));
    assert!(again[0].epoch > highest);
    assert_eq!(again[0].command_id, sent[0].command_id);
}

#[test]
fn one_name_is_for_one_living_process() {
    let mut desk = desk_with(&["a"]);
    let other = Introduction { instance: "another".into(), ..newcomer("a", 7) };
    assert_eq!(desk.introduce(other.clone(), Moment(1_000), TODAY), Err(NameTaken));
    order(&mut desk, "one", &Rates::Total(100.0), Moment(1_000));
    let sent = desk.pump(Moment(1_000));
    confirm(&mut desk, &sent, Moment(1_000));
    // Silent for long enough: the newcomer may have the name, but not yet the rate.
    assert_eq!(desk.introduce(other, Moment(5_000), TODAY), Ok(()));
    assert_eq!(brief(&desk.pump(Moment(5_000))), []);
    assert_eq!(brief(&desk.pump(Moment(1_000 + TIME_TO_LIVE_MS + 1_000))), [("a".into(), 100.0)]);
}

#[test]
fn a_process_that_was_given_up_may_still_hold_its_rate() {
    let mut desk = desk_with(&["a"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.disconnected(&"a".into(), 0, false, Moment(100));
    let other = Introduction { instance: "another".into(), ..newcomer("a", 7) };
    assert_eq!(desk.introduce(other, Moment(200), TODAY), Ok(()));
    assert_eq!(brief(&desk.pump(Moment(200))), []);
    assert_eq!(brief(&desk.pump(Moment(TIME_TO_LIVE_MS + 1_000))), [("a".into(), 100.0)]);
}

#[test]
fn a_process_that_ended_leaves_its_name_and_its_rate() {
    let mut desk = desk_with(&["a"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.disconnected(&"a".into(), 0, true, Moment(100));
    let other = Introduction { instance: "another".into(), ..newcomer("a", 7) };
    assert_eq!(desk.introduce(other, Moment(200), TODAY), Ok(()));
    assert_eq!(brief(&desk.pump(Moment(200))), [("a".into(), 100.0)]);
}

#[test]
fn who_is_away_counts_until_its_time_has_run_out_and_then_with_its_fallback_until_forgotten() {
    let mut desk = desk_with(&["a", "b"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.disconnected(&"a".into(), 0, true, Moment(100));
    assert!(!desk.is_split_wrongly(Moment(200)));
    let later = Moment(TIME_TO_LIVE_MS + 1_000);
    assert!(desk.is_split_wrongly(later));
    order(&mut desk, "two", &Rates::Total(100.0), later);
    assert_eq!(brief(&desk.pump(later)), [("b".into(), 90.0)]);
    assert!(!desk.is_split_wrongly(later));
    let forgotten = Moment(100 + 15 * 60 * 1_000);
    desk.sweep(forgotten);
    assert_eq!(desk.take_departed().into_iter().collect::<Vec<_>>(), [AgentId::from("a")]);
    assert!(desk.is_split_wrongly(forgotten));
}

#[test]
fn who_takes_leave_frees_its_share_at_once() {
    let mut desk = desk_with(&["a", "b"]);
    order(&mut desk, "one", &Rates::Total(100.0), Moment(0));
    let sent = desk.pump(Moment(0));
    confirm(&mut desk, &sent, Moment(0));
    desk.goodbye(&"a".into(), 0);
    assert!(desk.is_split_wrongly(Moment(1)));
    order(&mut desk, "two", &Rates::Total(100.0), Moment(1));
    assert_eq!(brief(&desk.pump(Moment(1))), [("b".into(), 100.0)]);
}

#[test]
fn after_a_restart_nobody_rises_until_every_agent_has_come_back_or_run_out() {
    let mut before = desk_with(&["a", "b"]);
    order(&mut before, "one", &each(&[("a", 20.0), ("b", 80.0)]), Moment(0));
    let stored: Vec<_> = before.decision.unwrap().shares.into_values().collect();
    let mut desk = Desk::new("checkout".into(), 1);
    desk.restore(stored, &settings(), None, Moment(0), TODAY);
    desk.introduce(newcomer("b", 1), Moment(10), TODAY).unwrap();
    assert_eq!(desk.pump(Moment(10)), []);
    // `a` never got its 20 and holds 80 from before: only now that is known.
    let epoch = Epoch { incarnation: 1, token: 0, sequence: 1 };
    let holding = Holding { command_id: "old".into(), epoch, rate_rps: 80.0, fallback_rps: 5.0, left_ms: 3_000 };
    let a = Introduction { highest: Some(epoch), rate_rps: 80.0, holding: Some(holding), ..newcomer("a", 2) };
    desk.introduce(a, Moment(20), TODAY).unwrap();
    let falls = desk.pump(Moment(20));
    assert_eq!(brief(&falls), [("a".into(), 20.0)]);
    confirm(&mut desk, &falls, Moment(30));
    assert_eq!(brief(&desk.pump(Moment(30))), [("b".into(), 80.0)]);
}

#[test]
fn an_agent_that_is_pushed_to_is_tried_again_at_growing_pauses() {
    let mut settings = settings();
    let url = "http://127.0.0.1:9/commands".to_owned();
    settings.push_agents = vec![crate::model::target::PushAgent { id: "p".into(), url: url.clone() }];
    let mut desk = Desk::new("checkout".into(), 1);
    desk.configure(&settings, Moment(0), TODAY);
    order(&mut desk, "one", &Rates::Total(10.0), Moment(0));
    let mut now = Moment(0);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let sent = desk.pump(now);
        assert_eq!(sent[0].by, By::Push(url.clone()));
        assert_eq!(desk.pump(now.plus_ms(RESEND_MS)), [], "one at a time");
        desk.posted(&"p".into(), sent[0].epoch, None, now, TODAY);
        let began = now;
        while desk.clone().pump(now).is_empty() {
            now = now.plus_ms(100);
        }
        pauses.push(now.since_ms(began));
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    assert!(!desk.views()[0].connected);
    let sent = desk.pump(now);
    desk.posted(&"p".into(), sent[0].epoch, Some(&Answer::Applied), now, TODAY);
    assert!(desk.views()[0].connected && desk.views()[0].confirmed);
}

// ---- the whole, against a world that loses and delays -----------------------------------------------------------

#[derive(Clone, Debug)]
enum Happening {
    Decide { rates: [f64; 3], named: [bool; 3] },
    Pump,
    Deliver { agent: usize, answered: bool },
    Cut { agent: usize },
    Return { agent: usize, restarted: bool },
    Leave { agent: usize },
    RestartEngine,
    Pass { ms: u64 },
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let agent = || 0..3_usize;
    let one = prop_oneof![
        3 => (prop::array::uniform3(0.0..200.0_f64), any::<[bool; 3]>())
            .prop_map(|(rates, named)| Happening::Decide { rates, named }),
        10 => Just(Happening::Pump),
        10 => (agent(), prop::bool::weighted(0.85)).prop_map(|(agent, answered)| Happening::Deliver { agent, answered }),
        1 => agent().prop_map(|agent| Happening::Cut { agent }),
        3 => (agent(), any::<bool>()).prop_map(|(agent, restarted)| Happening::Return { agent, restarted }),
        1 => agent().prop_map(|agent| Happening::Leave { agent }),
        1 => Just(Happening::RestartEngine),
        6 => prop_oneof![0..1_000_u64, 0..12_000_u64].prop_map(|ms| Happening::Pass { ms }),
    ];
    prop::collection::vec(one, 1..200)
}

/// An agent as it really is; its clock is not the engine's.
#[derive(Debug)]
struct Real {
    holder: Holder,
    connected: Option<u64>,
    clock_offset: u64,
    instance: u64,
    under_way: Vec<Outgoing>,
}

struct World {
    now: Moment,
    desk: Desk,
    stored: BTreeMap<AgentId, crate::model::assignment::Assignment>,
    reals: [Real; 3],
    sessions: u64,
    orders: u64,
}

impl World {
    fn new() -> Self {
        let real = |index: u64| Real {
            holder: Holder::new(None),
            connected: None,
            clock_offset: 1_000 * index,
            instance: index,
            under_way: Vec::new(),
        };
        Self {
            now: Moment(0),
            desk: Desk::new("checkout".into(), 1),
            stored: BTreeMap::new(),
            reals: [real(0), real(1), real(2)],
            sessions: 0,
            orders: 0,
        }
    }

    fn name(index: usize) -> AgentId {
        ["a", "b", "c"][index].into()
    }

    fn clock(&self, index: usize) -> u64 {
        self.now.0 + self.reals[index].clock_offset
    }

    fn held(&self) -> f64 {
        (0..3).map(|index| self.reals[index].holder.allowance(self.clock(index)).rate_rps.unwrap()).sum()
    }

    fn play(&mut self, happening: &Happening) {
        match happening {
            Happening::Decide { rates, named } => self.decide(*rates, *named),
            Happening::Pump => {
                for command in self.desk.pump(self.now) {
                    let index = (0..3).find(|index| Self::name(*index) == command.agent).unwrap();
                    let By::Stream(session) = command.by else { panic!("{command:?}") };
                    if self.reals[index].connected == Some(session) {
                        self.reals[index].under_way.push(command);
                    }
                }
            }
            Happening::Deliver { agent, answered } => self.deliver(*agent, *answered),
            Happening::Cut { agent } => {
                if let Some(session) = self.reals[*agent].connected.take() {
                    self.reals[*agent].under_way.clear();
                    self.desk.disconnected(&Self::name(*agent), session, true, self.now);
                }
            }
            Happening::Return { agent, restarted } => self.connect(*agent, *restarted),
            Happening::Leave { agent } => {
                if let Some(session) = self.reals[*agent].connected.take() {
                    self.reals[*agent].under_way.clear();
                    self.restart(*agent);
                    self.desk.goodbye(&Self::name(*agent), session);
                    for departed in self.desk.take_departed() {
                        self.stored.remove(&departed);
                    }
                }
            }
            Happening::RestartEngine => {
                self.desk = Desk::new("checkout".into(), 1);
                if !self.stored.is_empty() {
                    let stored: Vec<_> = self.stored.values().cloned().collect();
                    self.desk.restore(stored, &settings(), None, self.now, TODAY);
                }
                for real in &mut self.reals {
                    real.connected = None;
                    real.under_way.clear();
                }
            }
            Happening::Pass { ms } => {
                self.now = self.now.plus_ms(*ms);
                self.desk.sweep(self.now);
                for departed in self.desk.take_departed() {
                    self.stored.remove(&departed);
                }
            }
        }
    }

    fn decide(&mut self, rates: [f64; 3], named: [bool; 3]) {
        self.orders += 1;
        let shares: Vec<_> = (0..3)
            .filter(|index| named[*index])
            .map(|index| Share { agent: Self::name(index), rate_rps: rates[index] })
            .collect();
        let rates = if shares.is_empty() { Rates::Total(rates[0]) } else { Rates::Each(shares) };
        order(&mut self.desk, &format!("order {}", self.orders), &rates, self.now);
        let decision = self.desk.decision.as_ref().unwrap();
        self.stored = decision.shares.clone().into_iter().chain(decision.aside.clone()).collect();
    }

    fn deliver(&mut self, agent: usize, answered: bool) {
        if self.reals[agent].under_way.is_empty() {
            return;
        }
        let command = self.reals[agent].under_way.remove(0);
        let clock = self.clock(agent);
        let order = Order {
            command_id: command.command_id.clone(),
            epoch: command.epoch,
            rate_rps: command.rate_rps,
            fallback_rps: command.fallback_rps,
            time_to_live_ms: command.time_to_live_ms,
            ends_at_ms: command.ends_at_clock_ms,
            enforce: command.enforce,
        };
        let answer = self.reals[agent].holder.apply(&order, clock);
        if answered {
            let session = self.reals[agent].connected.unwrap();
            self.desk.heard(&Self::name(agent), session, clock, self.now, TODAY);
            self.desk.answered(&Self::name(agent), command.epoch, &answer, self.now);
        }
    }

    fn restart(&mut self, agent: usize) {
        self.reals[agent].holder = Holder::new(None);
        self.reals[agent].instance += 10;
    }

    fn connect(&mut self, agent: usize, restarted: bool) {
        if self.reals[agent].connected.is_some() {
            return;
        }
        if restarted {
            self.restart(agent);
        }
        self.sessions += 1;
        let clock_ms = self.clock(agent);
        let real = &mut self.reals[agent];
        let who = Introduction {
            agent: Self::name(agent),
            instance: real.instance.to_string(),
            session: self.sessions,
            clock_ms,
            highest: real.holder.held().map(|held| held.epoch),
            rate_rps: real.holder.allowance(clock_ms).rate_rps.unwrap(),
            holding: real.holder.held().map(|held| Holding {
                command_id: held.command_id.clone(),
                epoch: held.epoch,
                rate_rps: held.rate_rps,
                fallback_rps: held.fallback_rps,
                left_ms: held.left_ms(clock_ms),
            }),
        };
        if self.desk.introduce(who, self.now, TODAY).is_ok() {
            real.connected = Some(self.sessions);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    /// Whatever is lost, cut, restarted or decided: together the agents hold no more than the engine reckons, and nothing
    /// that happens lifts what they hold above the rate that was last decided, if it was not above already.
    #[test]
    fn the_sum_is_kept(all in happenings()) {
        let mut world = World::new();
        let mut reckoned = 0.0_f64;
        for (step, happening) in all.iter().enumerate() {
            let engine_knew = !matches!(happening, Happening::RestartEngine);
            world.play(happening);
            let total = world.desk.decision.as_ref().map_or(0.0, |decision| decision.total_rps);
            let now_reckoned = world.desk.held_rps(world.now);
            if matches!(happening, Happening::Pump) {
                prop_assert!(
                    now_reckoned <= reckoned.max(total) + 1e-6,
                    "step {step}: reckoned {reckoned} became {now_reckoned} of {total}"
                );
            }
            // An engine whose store was empty has never heard of the agents that hold something.
            if engine_knew && !world.stored.is_empty() {
                let held = world.held();
                prop_assert!(held <= now_reckoned.max(0.0) + 1e-6, "step {step}: hold {held}, reckoned {now_reckoned}");
            }
            reckoned = now_reckoned;
        }
    }
}

#[test]
fn without_a_floor_to_fall_back_on_nothing_passes_in_the_end() {
    let mut settings = settings();
    settings.rate.on_expiry = OnExpiry::Refuse;
    let mut desk = desk_with(&["a"]);
    let target = desk.target.clone();
    let terms =
        Terms { target: &target, settings: &settings, key: "k".into(), epoch: desk.epochs.next(1), now: Moment(0) };
    desk.decision = Some(decide(&terms, &Rates::Total(10.0), &desk.roll(Moment(0))));
    assert!(desk.pump(Moment(0))[0].fallback_rps.abs() < 1e-9);
}
