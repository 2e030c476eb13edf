//! The dispatcher port: stores a decision, then waits until the agents hold it, or have had long enough.

use std::time::Duration;

use async_trait::async_trait;

use super::DispatchService;
use super::decision::{Decision, Terms, decide, problem, recall};
use super::desk::{Desk, PATIENCE_MS};
use super::ledger::Moment;
use crate::base::clock::Timestamp;
use crate::base::id::{IdempotencyKey, TargetName};
use crate::model::assignment::Traffic;
use crate::model::sample::Sample;
use crate::runtime::effect::{ActionError, FailureKind, Link};
use crate::runtime::ports::{
    AgentView, AssignedRate, DispatchOrder, Dispatched, Dispatcher, Guard, StoreError, Transaction, Write,
};

/// After rises were given what fits, the agents have so long to confirm.
const LAST_WAIT_MS: u64 = 3_000;

/// Between two tries of a store that cannot be written.
const STORE_PAUSE: Duration = Duration::from_millis(100);

#[async_trait]
impl Dispatcher for DispatchService {
    async fn dispatch(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError> {
        self.carry_out(order, link).await
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        self.inner().desks.get(target).map(Desk::views).unwrap_or_default()
    }

    /// While a target is halted no rate is raised either; rates that are held are still renewed.
    fn set_halted(&self, target: Option<&TargetName>, halted: bool) {
        self.halt(target, halted);
    }

    fn traffic(&self, target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic> {
        match self.inner().desks.get(target) {
            Some(desk) => desk.traffic(from, to, self.now()),
            None => Some(Traffic { from, to, passed: 0.0, refused: 0.0 }),
        }
    }

    fn sample(&self, target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Sample> {
        self.inner().desks.get(target).and_then(|desk| desk.sample(from, to))
    }
}

impl DispatchService {
    #[tracing::instrument(skip_all, fields(target = %order.settings.name, key = %order.key))]
    async fn carry_out(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError> {
        if let Some(problem) = problem(&order.rates) {
            return Err(ActionError::permanent(format!("target `{}`: {problem}", order.settings.name)));
        }
        self.may_go_on(&order, &link)?;
        // A store that cannot be written for a while puts the dispatch off, as it does everything else.
        while let Err(error) = self.take_up(&order).await {
            if !error.may_pass() {
                return Err(failure(&error));
            }
            tracing::error!(%error, "the assignments cannot be stored; trying again");
            self.clock.sleep(STORE_PAUSE).await;
            self.may_go_on(&order, &link)?;
        }
        let ended = self.wait(&order, &link).await;
        if ended.as_ref().is_err_and(|error| error.kind == FailureKind::Halted) {
            self.with_desk(&order.settings.name, |desk| desk.abandon(&order.key, self.now()));
        }
        ended
    }

    async fn wait(&self, order: &DispatchOrder, link: &Link) -> Result<Dispatched, ActionError> {
        let target = &order.settings.name;
        let mut news = self.news.subscribe();
        loop {
            self.pump(target);
            let result = self.with_desk(target, |desk| progress(desk, &order.key, self.now()));
            match result {
                Progress::Settled(dispatched) => return Ok(dispatched),
                Progress::Replaced => {
                    return Err(ActionError::new(
                        FailureKind::LeaseLost,
                        format!("target `{target}`: a later dispatch has replaced this one"),
                    ));
                }
                Progress::Waiting => {}
            }
            self.may_go_on(order, link)?;
            // In a fixed order, so that the same history is made each time.
            tokio::select! {
                biased;
                _ = news.changed() => {}
                () = link.stop.cancelled() => {}
                () = self.clock.sleep(Duration::from_millis(50)) => {}
            }
        }
    }

    fn may_go_on(&self, order: &DispatchOrder, link: &Link) -> Result<(), ActionError> {
        let target = &order.settings.name;
        if self.inner().is_halted(target) {
            let message = format!("target `{target}` is halted; `homeostat unhalt {target}` lets it go on");
            return Err(ActionError::new(FailureKind::Halted, message));
        }
        if link.stop.is_cancelled() {
            return Err(ActionError::new(FailureKind::Cancelled, "the dispatch was told to stop"));
        }
        let held = self.with_desk(target, |desk| desk.epochs.token());
        if held > order.token || self.clock.now() >= *link.lease_until.borrow() {
            let message = format!("the lease on target `{target}` has passed on or run out");
            return Err(ActionError::new(FailureKind::LeaseLost, message));
        }
        Ok(())
    }

    /// Stores the decision, or finds it stored.
    async fn take_up(&self, order: &DispatchOrder) -> Result<(), StoreError> {
        let target = &order.settings.name;
        let _one_at_a_time = self.deciding.lock().await;
        if self.with_desk(target, |desk| desk.decision.as_ref().is_some_and(|decision| decision.key == order.key)) {
            return Ok(());
        }
        let stored = self.store.assignments(target).await?;
        let (decision, known) = self.with_desk(target, |desk| {
            let (now, today) = (self.now(), self.today());
            desk.configure(&order.settings, now, today);
            stored.iter().for_each(|assignment| desk.epochs.notice(assignment.epoch));
            let epoch = desk.epochs.next(order.token);
            let terms = Terms { target, settings: &order.settings, key: order.key.clone(), epoch, now };
            match recall(&terms, &order.rates, stored) {
                Some(decision) => (decision, true),
                None => (decide(&terms, &order.rates, &desk.roll(now)), false),
            }
        });
        if !known {
            let guard = Guard::Lease { target: target.clone(), token: order.token };
            self.store.commit(storing(&decision, Some(guard))).await?;
        }
        self.with_desk(target, |desk| desk.decision = Some(decision));
        Ok(())
    }
}

/// The writes that keep a decision.
pub(super) fn storing(decision: &Decision, guard: Option<Guard>) -> Transaction {
    let assignments = decision.shares.values().chain(decision.aside.values()).cloned();
    Transaction { guards: guard.into_iter().collect(), writes: assignments.map(Write::PutAssignment).collect() }
}

fn failure(error: &StoreError) -> ActionError {
    let kind = match error {
        StoreError::Fenced { .. } | StoreError::AssignmentMoved { .. } => FailureKind::LeaseLost,
        StoreError::Full { .. } | StoreError::Busy { .. } | StoreError::Io { .. } | StoreError::Closed => {
            FailureKind::Transient
        }
        StoreError::JournalMoved { .. }
        | StoreError::Newer { .. }
        | StoreError::WrongKey { .. }
        | StoreError::Sealing { .. }
        | StoreError::Refused { .. }
        | StoreError::Damaged { .. } => FailureKind::Permanent,
    };
    ActionError::new(kind, format!("the assignments could not be stored: {error}"))
}

enum Progress {
    Settled(Dispatched),
    /// Another decision is in force.
    Replaced,
    Waiting,
}

fn progress(desk: &Desk, key: &IdempotencyKey, now: Moment) -> Progress {
    let Some(decision) = desk.decision.as_ref().filter(|decision| decision.key == *key) else {
        return Progress::Replaced;
    };
    let waited_ms = now.since_ms(decision.decided_at);
    let mut assignments = Vec::new();
    let mut unconfirmed = Vec::new();
    let mut all_whole = true;
    let mut all_heard = true;
    for (agent, share) in &decision.shares {
        let known = desk.agent(agent);
        let last = known.and_then(|known| known.last.as_ref());
        let whole = last.is_some_and(|last| last.fulfils(share, decision.enforce));
        let confirmed = last.is_some_and(|last| last.confirmed);
        all_whole &= whole && confirmed;
        all_heard &= confirmed || known.is_none_or(super::registry::Agent::is_away);
        // What an agent confirmed earlier is not what it was told now, unless it is a part of that.
        let told = confirmed && (whole || last.is_some_and(|last| last.command_id.starts_with(&share.command_id)));
        if !told {
            unconfirmed.push(agent.clone());
        }
        let rate_rps = last.filter(|_| told).map_or(share.rate_rps, |last| last.rate_rps);
        assignments.push(AssignedRate { agent: agent.clone(), rate_rps, confirmed: told });
    }
    let long_enough = waited_ms >= PATIENCE_MS && all_heard || waited_ms >= PATIENCE_MS + LAST_WAIT_MS;
    if !all_whole && !long_enough {
        return Progress::Waiting;
    }
    if !unconfirmed.is_empty() {
        let names: Vec<_> = unconfirmed.iter().map(ToString::to_string).collect();
        tracing::warn!(target = %desk.target, agents = names.join(", "), "agents did not confirm their rate");
    }
    Progress::Settled(Dispatched { total_rps: decision.total_rps, assignments, unconfirmed })
}
