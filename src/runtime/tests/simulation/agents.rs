//! Agents: the real holder of commands behind a network that delays, cuts and repeats, in processes that end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::dice::Dice;
use super::faults::Faults;
use super::watch::Watch;
use super::{Alive, Slot};
use crate::agent::holder::{Holder, Order};
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::Answer;
use crate::service::dispatch::stream::Visit;
use crate::wire::agent::{self as wire, AgentMessage, agent_message, engine_message};

/// What every agent passes.
#[derive(Debug, Default)]
pub(super) struct Board {
    holders: Mutex<BTreeMap<(TargetName, AgentId), (Holder, AgentClock)>>,
}

/// An agent's own clock: it began at some moment, and runs a little too fast or too slow.
#[derive(Clone, Copy, Debug)]
struct AgentClock {
    began: Timestamp,
    /// Milliseconds gained in a million.
    gains: i64,
}

impl AgentClock {
    fn at(self, now: Timestamp) -> u64 {
        let since = now.0 - self.began.0;
        u64::try_from(since + since * self.gains / 1_000_000).unwrap_or(0)
    }
}

impl Board {
    /// What all agents of the target pass together.
    pub(super) fn sum(&self, target: &TargetName, now: Timestamp) -> f64 {
        let holders = self.holders.lock().unwrap();
        let of = holders.iter().filter(|((of, _), _)| of == target);
        of.filter_map(|(_, (holder, clock))| holder.allowance(clock.at(now)).rate_rps).sum()
    }

    /// The agents that hold no command.
    pub(super) fn uncommanded(&self, now: Timestamp) -> Vec<(TargetName, AgentId)> {
        let holders = self.holders.lock().unwrap();
        let idle = |(_, (holder, clock)): &(&(TargetName, AgentId), &(Holder, AgentClock))| {
            holder.allowance(clock.at(now)).standing != crate::agent::holder::Standing::Commanded
        };
        holders.iter().filter(idle).map(|(name, _)| name.clone()).collect()
    }
}

/// One agent, whichever process it is.
#[derive(Debug)]
pub(super) struct SimulatedAgent {
    pub(super) target: TargetName,
    pub(super) id: AgentId,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) watch: Arc<Watch>,
    pub(super) slot: Slot,
}

impl SimulatedAgent {
    /// Lives for ever, as one process after the other.
    pub(super) async fn live(self) {
        self.clock.sleep(self.dice.ms(0, 3_000)).await;
        for process in 0.. {
            self.process(process).await;
            // What is not there passes nothing.
            self.board.holders.lock().unwrap().remove(&(self.target.clone(), self.id.clone()));
            self.watch.tell(format!("agent {} of {} ended", self.id, self.target));
            self.clock.sleep(self.dice.ms(100, 20_000)).await;
        }
    }

    /// One process, from its start to its end.
    async fn process(&self, number: u64) {
        let clock = AgentClock {
            began: Timestamp(self.clock.now().0 - i64::try_from(self.dice.below(100_000)).unwrap()),
            gains: i64::try_from(self.dice.below(200)).unwrap() - 100,
        };
        let name = (self.target.clone(), self.id.clone());
        self.board.holders.lock().unwrap().insert(name, (Holder::new(None), clock));
        let instance = format!("{}-{number}", self.id);
        loop {
            let alive = self.slot.lock().unwrap().clone();
            match alive {
                Some(alive) => {
                    if self.visit(&alive, &instance).await {
                        return;
                    }
                    self.clock.sleep(self.dice.ms(50, 2_000)).await;
                }
                None => self.clock.sleep(Duration::from_millis(200)).await,
            }
        }
    }

    fn with_holder<T>(&self, with: impl FnOnce(&mut Holder, u64) -> T) -> T {
        let mut holders = self.board.holders.lock().unwrap();
        let (holder, clock) = holders.get_mut(&(self.target.clone(), self.id.clone())).unwrap();
        with(holder, clock.at(self.clock.now()))
    }

    fn message(&self, message: agent_message::Message) -> AgentMessage {
        AgentMessage { clock_ms: self.with_holder(|_, clock_ms| clock_ms), message: Some(message) }
    }

    fn hello(&self, instance: &str) -> wire::Hello {
        self.with_holder(|holder, now_ms| {
            let held = holder.held();
            wire::Hello {
                agent: self.id.to_string(),
                target: self.target.to_string(),
                instance: instance.to_owned(),
                version: String::new(),
                highest: held.map(|held| held.epoch.into()),
                rate_rps: holder.allowance(now_ms).rate_rps.unwrap_or(0.0),
                holding: held.map(|held| wire::Holding {
                    command_id: held.command_id.clone(),
                    epoch: Some(held.epoch.into()),
                    rate_rps: held.rate_rps,
                    fallback_rps: held.fallback_rps,
                    left_ms: held.left_ms(now_ms),
                }),
            }
        })
    }

    /// One stream; whether the process ended with it.
    async fn visit(&self, alive: &Alive, instance: &str) -> bool {
        let hello = self.hello(instance);
        let clock_ms = self.with_holder(|_, clock_ms| clock_ms);
        // It says what it holds when it connects; that takes a moment to arrive.
        self.clock.sleep(self.dice.latency().min(Duration::from_secs(1))).await;
        if alive.life_is_over() {
            return false;
        }
        let Ok((mut messages, visit)) = alive.dispatch.welcome(hello, clock_ms) else { return false };
        loop {
            let report = self.clock.sleep(Duration::from_secs(2));
            let message = tokio::select! {
                biased;
                () = alive.life.ended() => return false,
                message = messages.recv() => match message {
                    Some(Ok(message)) => message,
                    Some(Err(_)) | None => {
                        self.part(alive, &visit, true).await;
                        return false;
                    }
                },
                () = report => {
                    if let Some(ended) = self.goes(alive, &visit).await {
                        return ended;
                    }
                    let report = self.message(agent_message::Message::Report(wire::Report::default()));
                    Self::hear(alive, &visit, report);
                    continue;
                }
            };
            self.clock.sleep(self.dice.latency()).await;
            if self.faults.happens(|rates| rates.cut) {
                // What was under way is lost.
                self.part(alive, &visit, self.dice.percent(50)).await;
                return false;
            }
            let Some(engine_message::Message::Command(command)) = message.message else { continue };
            // A command that came, though the engine is dead by now, holds all the same.
            let ack = self.obey(&command, alive);
            self.clock.sleep(self.dice.latency()).await;
            if self.faults.happens(|rates| rates.cut) {
                self.part(alive, &visit, self.dice.percent(50)).await;
                return false;
            }
            Self::hear(alive, &visit, self.message(agent_message::Message::Ack(ack)));
        }
    }

    /// Now and then a process ends: with a word, or without one.
    async fn goes(&self, alive: &Alive, visit: &Visit) -> Option<bool> {
        if !self.faults.happens(|rates| rates.cut / 2) {
            return None;
        }
        if self.dice.percent(50) {
            self.with_holder(|holder, _| holder.leave());
            Self::hear(alive, visit, self.message(agent_message::Message::Goodbye(wire::Goodbye {})));
        } else {
            self.with_holder(|holder, _| holder.leave());
            self.part(alive, visit, self.dice.percent(70)).await;
        }
        Some(true)
    }

    fn hear(alive: &Alive, visit: &Visit, message: AgentMessage) {
        if !alive.life_is_over() {
            alive.dispatch.hear(visit, message);
        }
    }

    /// The engine sees the end of a stream at once, or late.
    async fn part(&self, alive: &Alive, visit: &Visit, closed: bool) {
        self.clock.sleep(self.dice.latency()).await;
        if !alive.life_is_over() {
            alive.dispatch.part(visit, closed);
        }
    }

    fn obey(&self, command: &wire::Command, alive: &Alive) -> wire::Ack {
        let epoch = command.epoch.unwrap();
        let order = Order {
            command_id: command.command_id.clone(),
            epoch: epoch.into(),
            rate_rps: command.rate_rps,
            fallback_rps: command.fallback_rps,
            time_to_live_ms: command.time_to_live_ms,
            ends_at_ms: command.ends_at_clock_ms,
            enforce: command.mode() != wire::Mode::Observe,
        };
        let before = self.board.sum(&self.target, self.clock.now());
        let answer = self.with_holder(|holder, now_ms| holder.apply(&order, now_ms));
        let sum = self.board.sum(&self.target, self.clock.now());
        let reckoned = (!alive.life_is_over()).then(|| alive.dispatch.held_rps(&self.target));
        self.watch.held(&self.target, &self.id, before, sum, reckoned);
        let (answer, highest) = match answer {
            Answer::Applied => (wire::Answer::Applied, order.epoch),
            Answer::Repeated => (wire::Answer::Repeated, order.epoch),
            Answer::Refused { highest } => (wire::Answer::Refused, highest),
        };
        wire::Ack {
            command_id: command.command_id.clone(),
            epoch: Some(epoch),
            answer: answer.into(),
            highest: Some(highest.into()),
        }
    }
}
