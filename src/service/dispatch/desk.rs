//! All there is to one target: its agents, what they may hold, what they are to get; and so what is to be sent now.
//!
//! Pure: news and the time in, commands out. The agents are always driven towards the last decision, whatever happened in
//! between: a command lost, an agent that came back, a rise that did not fit at first. So a dispatch, a renewal, and
//! the way back after a crash are one and the same.
//! What it must not know: streams, the store, who decided.

mod fair;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{Decision, Roll, enforces, restored};
use super::epochs::Epochs;
use super::ledger::{Claim, Ledger, Moment, Pace, Wish};
use super::registry::{ALIVE_MS, Agent, FORGET_AFTER_MS, Introduction, NameTaken, Reach, SILENT_MS, Sent};
use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, IdempotencyKey, TargetName};
use crate::model::assignment::{Answer, Assignment, Epoch};
use crate::model::target::{OnExpiry, PushAgent, TargetSettings};
use crate::runtime::ports::AgentView;

/// A command that is not confirmed is sent again after this.
pub const RESEND_MS: u64 = 500;

/// So long rises wait until all of them fit; then each gets its part of what does.
pub const PATIENCE_MS: u64 = 5_000;

/// Before the next try at an agent that refused.
const REFUSED_PAUSE_MS: u64 = 100;

/// The longest pause before the next try at a URL that does not answer.
const LONGEST_PAUSE_MS: u64 = 10_000;

/// A command on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    pub agent: AgentId,
    pub by: By,
    pub command_id: String,
    pub epoch: Epoch,
    pub rate_rps: f64,
    pub fallback_rps: f64,
    pub time_to_live_ms: u64,
    /// On the agent's own clock; means nothing to one that is pushed to.
    pub ends_at_clock_ms: u64,
    pub enforce: bool,
}

/// Which way a command goes.
#[derive(Clone, Debug, PartialEq)]
pub enum By {
    Stream(u64),
    Push(String),
}

/// One target's business.
#[derive(Clone, Debug)]
pub struct Desk {
    pub target: TargetName,
    pub epochs: Epochs,
    pub halted: bool,
    pub decision: Option<Decision>,
    agents: BTreeMap<AgentId, Agent>,
    ledger: Ledger,
    /// Agents whose assignment is to be removed from the store.
    departed: BTreeSet<AgentId>,
}

impl Desk {
    pub fn new(target: TargetName, incarnation: u64) -> Self {
        Self {
            target,
            epochs: Epochs::new(incarnation),
            halted: false,
            decision: None,
            agents: BTreeMap::new(),
            ledger: Ledger::default(),
            departed: BTreeSet::new(),
        }
    }

    // ---- who comes and goes --------------------------------------------------------------------------------------

    /// Takes up what was assigned before the engine started. `total_rps` is the target's rate where it is known otherwise.
    pub fn restore(
        &mut self,
        stored: Vec<Assignment>,
        settings: &TargetSettings,
        total_rps: Option<f64>,
        now: Moment,
        today: Timestamp,
    ) {
        self.configure(settings, now, today);
        // The agents may still hold what the stored assignments replaced: any rate, and the whole floor as a fallback.
        let fallback_rps = match settings.rate.on_expiry {
            OnExpiry::Floor => settings.rate.floor_rps,
            OnExpiry::Refuse => 0.0,
        };
        for assignment in &stored {
            self.epochs.notice(assignment.epoch);
            let agent = self.agents.entry(assignment.agent.clone()).or_insert_with(|| Agent::remembered(now, today));
            let (until, _) = agent.end_of(assignment.time_to_live_ms, now);
            agent.highest = agent.highest.max(Some(assignment.epoch));
            self.ledger.unknown(&assignment.agent, until, assignment.fallback_rps.max(fallback_rps));
        }
        self.decision = restored(settings, stored, total_rps, now);
    }

    /// An agent opened a stream. What it says it holds is the truth, unless another process may still live under its name.
    pub fn introduce(&mut self, who: Introduction, now: Moment, today: Timestamp) -> Result<(), NameTaken> {
        let agent = self.agents.entry(who.agent.clone()).or_insert_with(|| Agent::remembered(now, today));
        let other_process = agent.instance.as_ref().is_some_and(|instance| *instance != who.instance);
        let connected = agent.session().is_some();
        let closed = matches!(agent.reach, Reach::Away { closed: true, .. });
        if other_process && connected && now.since_ms(agent.heard_at) < ALIVE_MS {
            return Err(NameTaken);
        }
        if other_process {
            agent.joined_at = today;
        }
        agent.reach = Reach::Stream { session: who.session, clock: (who.clock_ms, now) };
        agent.instance = Some(who.instance);
        agent.highest = agent.highest.max(who.highest);
        agent.not_before = now;
        agent.windows.new_stream();
        agent.heard(now, today);
        agent.last = who.holding.as_ref().filter(|holding| holding.left_ms > 0).map(|holding| Sent {
            command_id: holding.command_id.clone(),
            epoch: holding.epoch,
            rate_rps: holding.rate_rps,
            fallback_rps: holding.fallback_rps,
            time_to_live_ms: holding.left_ms,
            enforce: true,
            confirmed: true,
            renew_at: now,
            sent_at: now,
            ends_at: now.plus_ms(holding.left_ms),
        });
        let claim = match &who.holding {
            Some(holding) => Claim {
                epoch: holding.epoch,
                rate_rps: holding.rate_rps,
                fallback_rps: holding.fallback_rps,
                ends_at: agent.end_of(holding.left_ms, now).0,
            },
            None => Claim {
                epoch: Epoch::default(),
                rate_rps: who.rate_rps.max(0.0),
                fallback_rps: who.rate_rps.max(0.0),
                ends_at: Moment::NEVER,
            },
        };
        if other_process && !closed {
            // Nobody saw the other process end: until its command has, it may hold what it held.
            self.ledger.orphan(&who.agent, now.plus_ms(FORGET_AFTER_MS));
        }
        self.ledger.state(&who.agent, claim);
        self.departed.remove(&who.agent);
        Ok(())
    }

    /// The order was cancelled: nobody is raised to it any more. Asked for again, it is decided again.
    pub fn abandon(&mut self, key: &IdempotencyKey, now: Moment) {
        let Some(decision) = self.decision.as_mut().filter(|decision| decision.key == *key) else { return };
        decision.key = format!("{key} (cancelled)").into();
        for (id, share) in &mut decision.shares {
            share.rate_rps = share.rate_rps.min(self.ledger.most(id, now));
            share.fallback_rps = share.fallback_rps.min(share.rate_rps);
        }
        let rates = decision.shares.values().chain(decision.aside.values()).map(|share| share.rate_rps);
        decision.total_rps = rates.sum::<f64>().min(decision.total_rps);
    }

    /// Makes the agents that are pushed to those that are configured.
    pub fn configure(&mut self, settings: &TargetSettings, now: Moment, today: Timestamp) {
        for PushAgent { id, url } in &settings.push_agents {
            let agent = self.agents.entry(id.clone()).or_insert_with(|| Agent::remembered(now, today));
            match &agent.reach {
                Reach::Push { url: known, .. } if known == url => {}
                _ => agent.reach = Reach::Push { url: url.clone(), under_way: false, failures: 0 },
            }
        }
        for (id, agent) in &mut self.agents {
            if matches!(agent.reach, Reach::Push { .. }) && !settings.push_agents.iter().any(|push| push.id == *id) {
                agent.reach = Reach::Away { since: now, closed: false };
            }
        }
        if let Some(decision) = &mut self.decision {
            decision.enforce = enforces(settings);
            let time_to_live_ms = u64::try_from(settings.rate.time_to_live.as_millis()).unwrap_or(u64::MAX);
            decision.shares.values_mut().for_each(|share| share.time_to_live_ms = time_to_live_ms);
        }
    }

    /// The agent took its leave: it passes nothing more.
    pub fn goodbye(&mut self, id: &AgentId, session: u64) {
        if self.agents.get(id).is_some_and(|agent| agent.is_on(session)) {
            self.drop_agent(id);
        }
    }

    /// The stream ended without a word: closed by the agent's side, or given up.
    pub fn disconnected(&mut self, id: &AgentId, session: u64, closed: bool, now: Moment) {
        if let Some(agent) = self.agents.get_mut(id)
            && agent.is_on(session)
        {
            agent.reach = Reach::Away { since: now, closed };
        }
    }

    /// Forgets agents that were away for too long, and names the streams on which nothing was heard for too long.
    pub fn sweep(&mut self, now: Moment) -> Vec<(AgentId, u64)> {
        let forgotten: Vec<AgentId> = self
            .agents
            .iter()
            .filter(
                |(_, agent)| matches!(agent.reach, Reach::Away { since, .. } if now.since_ms(since) >= FORGET_AFTER_MS),
            )
            .map(|(id, _)| id.clone())
            .collect();
        for id in &forgotten {
            self.drop_agent(id);
        }
        self.agents
            .iter()
            .filter(|(_, agent)| now.since_ms(agent.heard_at) >= SILENT_MS)
            .filter_map(|(id, agent)| match agent.reach {
                Reach::Stream { session, .. } => Some((id.clone(), session)),
                _ => None,
            })
            .collect()
    }

    fn drop_agent(&mut self, id: &AgentId) {
        self.agents.remove(id);
        self.ledger.gone(id);
        if let Some(decision) = &mut self.decision {
            decision.shares.remove(id);
            decision.aside.remove(id);
        }
        self.departed.insert(id.clone());
    }

    /// The agents whose assignments are to be removed from the store; each is named once.
    pub fn take_departed(&mut self) -> BTreeSet<AgentId> {
        std::mem::take(&mut self.departed)
    }

    pub fn has_departed(&self) -> bool {
        !self.departed.is_empty()
    }

    /// They could not be removed yet.
    pub fn give_back_departed(&mut self, departed: BTreeSet<AgentId>) {
        self.departed.extend(departed.into_iter().filter(|id| !self.agents.contains_key(id)));
    }

    // ---- what they say -------------------------------------------------------------------------------------------

    /// Anything came over a stream, with the agent's clock.
    pub fn heard(&mut self, id: &AgentId, session: u64, clock_ms: u64, now: Moment, today: Timestamp) {
        if let Some(agent) = self.agents.get_mut(id)
            && let Reach::Stream { session: own, clock } = &mut agent.reach
            && *own == session
        {
            *clock = (clock_ms, now);
            agent.heard(now, today);
        }
    }

    /// The windows of an agent, for a report that came over its stream.
    pub fn windows(&mut self, id: &AgentId, session: u64) -> Option<&mut super::traffic::Windows> {
        self.agents.get_mut(id).filter(|agent| agent.is_on(session)).map(|agent| &mut agent.windows)
    }

    /// The agent answered a command.
    pub fn answered(&mut self, id: &AgentId, epoch: Epoch, answer: &Answer, now: Moment) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        match answer {
            Answer::Applied | Answer::Repeated => {
                self.ledger.confirmed(id, epoch);
                if let Some(last) = agent.last.as_mut().filter(|last| last.epoch == epoch) {
                    last.confirmed = true;
                }
            }
            Answer::Refused { highest } => {
                agent.highest = agent.highest.max(Some(*highest));
                agent.not_before = now.plus_ms(REFUSED_PAUSE_MS);
                let time_to_live = agent.last.as_ref().map_or(0, |last| last.time_to_live_ms);
                let (until, _) = agent.end_of(time_to_live, now);
                self.ledger.refused(id, epoch, *highest, until);
                agent.last.take_if(|last| last.epoch == epoch);
            }
        }
    }

    /// Posting a command has ended; `None`: without an answer.
    pub fn posted(&mut self, id: &AgentId, epoch: Epoch, answer: Option<&Answer>, now: Moment, today: Timestamp) {
        if let Some(agent) = self.agents.get_mut(id)
            && let Reach::Push { under_way, failures, .. } = &mut agent.reach
        {
            *under_way = false;
            if answer.is_some() {
                *failures = 0;
                agent.heard(now, today);
            } else {
                let pause = (RESEND_MS << (*failures).min(8)).min(LONGEST_PAUSE_MS);
                *failures = failures.saturating_add(1);
                agent.not_before = now.plus_ms(pause);
            }
        }
        if let Some(answer) = answer {
            self.answered(id, epoch, answer, now);
        }
    }

    // ---- what is to be sent --------------------------------------------------------------------------------------

    /// The commands to send now. They are reckoned as sent.
    pub fn pump(&mut self, now: Moment) -> Vec<Outgoing> {
        let Some(decision) = self.decision.take() else { return Vec::new() };
        let mut wishes = Vec::new();
        let mut kept = BTreeSet::new();
        for (id, share) in &decision.shares {
            let Some(agent) = self.agents.get(id).filter(|agent| agent.can_be_sent_to(now)) else { continue };
            let live = agent.last.as_ref().filter(|last| now < last.ends_at);
            if live.is_some_and(|last| last.fulfils(share, decision.enforce)) {
                kept.insert(id.clone());
                continue;
            }
            if live.is_some() {
                kept.insert(id.clone());
            }
            if !(self.halted && share.rate_rps > self.ledger.most(id, now)) {
                wishes.push(Wish { agent: id.clone(), rate_rps: share.rate_rps });
            }
        }
        let pace = if now.since_ms(decision.decided_at) >= PATIENCE_MS { Pace::Pressed } else { Pace::Patient };
        let mut outgoing = Vec::new();
        for grant in self.ledger.plan(now, decision.total_rps, &wishes, pace) {
            kept.remove(&grant.agent);
            let Some(share) = decision.shares.get(&grant.agent) else { continue };
            outgoing.extend(self.send(share, grant.rate_rps, grant.whole, decision.enforce, decision.token, now));
        }
        for id in kept {
            outgoing.extend(self.keep(&id, decision.token, now));
        }
        self.decision = Some(decision);
        outgoing
    }

    /// A new command.
    fn send(
        &mut self,
        share: &Assignment,
        rate_rps: f64,
        whole: bool,
        enforce: bool,
        token: u64,
        now: Moment,
    ) -> Option<Outgoing> {
        let epoch = self.epochs.next_above(token, self.agents.get(&share.agent)?.highest);
        let agent = self.agents.get_mut(&share.agent)?;
        let (ends_at, _) = agent.end_of(share.time_to_live_ms, now);
        agent.last = Some(Sent {
            // Part of a rate is another command than the whole.
            command_id: if whole {
                share.command_id.clone()
            } else {
                format!("{}~{}", share.command_id, epoch.sequence)
            },
            epoch,
            rate_rps,
            fallback_rps: share.fallback_rps.min(rate_rps),
            time_to_live_ms: share.time_to_live_ms,
            enforce,
            confirmed: false,
            renew_at: now.plus_ms(share.time_to_live_ms / 3),
            sent_at: now,
            ends_at,
        });
        self.dispatch_last(&share.agent, now)
    }

    /// Repeats what was not confirmed, renews what was.
    fn keep(&mut self, id: &AgentId, token: u64, now: Moment) -> Option<Outgoing> {
        let agent = self.agents.get(id)?;
        let last = agent.last.as_ref()?;
        if !last.confirmed {
            return if now.since_ms(last.sent_at) >= RESEND_MS { self.dispatch_last(id, now) } else { None };
        }
        if now < last.renew_at {
            return None;
        }
        let epoch = self.epochs.next_above(token, agent.highest);
        let last = self.agents.get_mut(id)?.last.as_mut()?;
        last.epoch = epoch;
        last.confirmed = false;
        last.renew_at = now.plus_ms(last.time_to_live_ms / 3);
        self.dispatch_last(id, now)
    }

    fn dispatch_last(&mut self, id: &AgentId, now: Moment) -> Option<Outgoing> {
        let agent = self.agents.get_mut(id)?;
        let last = agent.last.as_ref()?;
        let (ends_at, ends_at_clock_ms) = agent.end_of(last.time_to_live_ms, now);
        let by = match &mut agent.reach {
            Reach::Stream { session, .. } => By::Stream(*session),
            Reach::Push { url, under_way, .. } => {
                *under_way = true;
                By::Push(url.clone())
            }
            Reach::Away { .. } => return None,
        };
        let last = agent.last.as_mut()?;
        last.sent_at = now;
        last.ends_at = ends_at;
        agent.highest = agent.highest.max(Some(last.epoch));
        let claim = Claim { epoch: last.epoch, rate_rps: last.rate_rps, fallback_rps: last.fallback_rps, ends_at };
        self.ledger.sent(id, claim);
        Some(Outgoing {
            agent: id.clone(),
            by,
            command_id: last.command_id.clone(),
            epoch: last.epoch,
            rate_rps: last.rate_rps,
            fallback_rps: last.fallback_rps,
            time_to_live_ms: last.time_to_live_ms,
            ends_at_clock_ms,
            enforce: last.enforce,
        })
    }

    // ---- what is asked -------------------------------------------------------------------------------------------

    /// Who is there now.
    pub fn roll(&self, now: Moment) -> Roll {
        let mut roll = Roll::default();
        for (id, agent) in &self.agents {
            if agent.is_away() && !self.ledger.is_live(id, now) {
                roll.absent.insert(id.clone(), self.ledger.lasting(id));
            } else {
                roll.present.insert(id.clone());
                if let Some(demand_rps) = agent.session().and_then(|_| agent.windows.demand_rps()) {
                    roll.demands.insert(id.clone(), demand_rps);
                }
            }
        }
        roll
    }

    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// Whether the agents that are there are not those among which the total was split.
    pub fn is_split_wrongly(&self, now: Moment) -> bool {
        let roll = self.roll(now);
        let Some(decision) = &self.decision else { return !roll.present.is_empty() };
        if decision.shares.len() != roll.present.len() || !decision.shares.keys().all(|id| roll.present.contains(id)) {
            return true;
        }
        let shared: f64 = decision.shares.values().map(|share| share.rate_rps).sum();
        let reserved: f64 = decision.aside.values().map(|share| share.rate_rps).sum();
        // One that left took its share with it.
        !roll.present.is_empty() && shared < (decision.total_rps - reserved) * (1.0 - 1e-6)
    }

    /// What all agents together may hold now at the most.
    pub fn held_rps(&self, now: Moment) -> f64 {
        self.ledger.sum(now)
    }

    pub fn views(&self) -> Vec<AgentView> {
        let share = |id| self.decision.as_ref().and_then(|decision| decision.shares.get(id));
        self.agents.iter().map(|(id, agent)| agent.view(id, &self.target, share(id))).collect()
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
