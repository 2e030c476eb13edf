//! Tells agents what they may send, and hears from them what they did.
//!
//! A decision (a total and its split) is stored before anything is sent; from then on the agents are driven towards it,
//! never above the target's rate together, through lost commands, restarts and absences. Agents dial in over
//! [`stream`] or are told by [`push`]; both end in the same [`desk`].
//! What it must not know: rules, workflows, how a rate is found.

pub mod decision;
pub mod desk;
mod dispatcher;
pub mod epochs;
pub mod ledger;
pub mod push;
mod reconciler;
pub mod recorded;
pub mod registry;
pub mod stream;
#[cfg(test)]
pub(crate) mod tests;
pub mod traffic;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::desk::{By, Desk, Outgoing};
use self::ledger::Moment;
use self::push::Poster;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::network::AllowedHosts;
use crate::runtime::ports::{Loaded, Store, Targets};
use crate::wire::agent::EngineMessage;

pub use recorded::RecordedDispatcher;
pub use stream::grpc_service;

/// What a dispatch service is made of.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub targets: Arc<dyn Targets>,
    /// Where commands may be posted to.
    pub allowed: AllowedHosts,
    /// Of the store, as it was loaded.
    pub incarnation: u64,
}

/// Where a stream's messages wait to be sent. It ends when this is dropped.
#[derive(Debug)]
struct Outbox {
    /// Small: what can't be sent is sent again anyway.
    sender: mpsc::Sender<Result<EngineMessage, tonic::Status>>,
    /// Tells the one that listens.
    closing: CancellationToken,
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// The dispatcher, its agents and its reconciler.
#[derive(Debug)]
pub struct DispatchService {
    /// For what is spawned.
    me: Weak<Self>,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    targets: Arc<dyn Targets>,
    incarnation: u64,
    /// Where the steady clock stood when the service was made.
    origin: Duration,
    inner: Mutex<Inner>,
    /// Held from reading the store to taking up what was stored: one decision at a time.
    deciding: tokio::sync::Mutex<()>,
    /// Counts news, for those that wait for some.
    news: watch::Sender<u64>,
    poster: Poster,
}

#[derive(Debug, Default)]
struct Inner {
    desks: BTreeMap<TargetName, Desk>,
    outboxes: HashMap<u64, Outbox>,
    sessions: u64,
    halted_all: bool,
    halted: BTreeSet<TargetName>,
    /// No more streams are taken.
    closed: bool,
}

impl Inner {
    fn is_halted(&self, target: &TargetName) -> bool {
        self.halted_all || self.halted.contains(target)
    }
}

impl DispatchService {
    /// A service that knows no agents yet.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            origin: options.clock.steady(),
            clock: options.clock,
            store: options.store,
            targets: options.targets,
            incarnation: options.incarnation,
            inner: Mutex::new(Inner::default()),
            deciding: tokio::sync::Mutex::new(()),
            news: watch::Sender::new(0),
            poster: Poster::new(options.allowed),
        })
    }

    /// Takes up what was assigned and halted before the engine started. Call it once, before anything else.
    pub fn restore(&self, loaded: &Loaded) {
        let mut of_targets: BTreeMap<&TargetName, Vec<Assignment>> = BTreeMap::new();
        for assignment in &loaded.assignments {
            of_targets.entry(&assignment.target).or_default().push(assignment.clone());
        }
        for (target, stored) in of_targets {
            let Some(settings) = self.targets.settings(target) else { continue };
            // While a run holds the target, the run knows better than the state, which it has not settled yet.
            let at_rest = loaded.targets.iter().find(|state| state.name == *target && state.lease.run.is_none());
            let total_rps = at_rest.and_then(|state| state.rate_rps);
            let (now, today) = (self.now(), self.clock.now());
            self.with_desk(target, |desk| desk.restore(stored, &settings, total_rps, now, today));
        }
        for halt in &loaded.halts {
            self.halt(halt.as_ref(), true);
        }
    }

    fn halt(&self, target: Option<&TargetName>, halt: bool) {
        let mut inner = self.inner();
        match target {
            None => inner.halted_all = halt,
            Some(target) if halt => drop(inner.halted.insert(target.clone())),
            Some(target) => drop(inner.halted.remove(target)),
        }
        let Inner { desks, halted, halted_all, .. } = &mut *inner;
        for (name, desk) in desks {
            desk.halted = *halted_all || halted.contains(name);
        }
        drop(inner);
        self.tell();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The steady clock.
    fn now(&self) -> Moment {
        let since = self.clock.steady().saturating_sub(self.origin);
        Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn today(&self) -> Timestamp {
        self.clock.now()
    }

    /// There is news: whoever waits looks again.
    fn tell(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The target's desk, made where there is none.
    fn with_desk<T>(&self, target: &TargetName, with: impl FnOnce(&mut Desk) -> T) -> T {
        let mut inner = self.inner();
        let halted = inner.is_halted(target);
        let desk = inner.desks.entry(target.clone()).or_insert_with(|| Desk::new(target.clone(), self.incarnation));
        desk.halted = halted;
        with(desk)
    }

    /// Sends what is due to the target's agents.
    fn pump(&self, target: &TargetName) {
        let now = self.now();
        let mut posts = Vec::new();
        {
            let mut inner = self.inner();
            let Inner { desks, outboxes, .. } = &mut *inner;
            let Some(desk) = desks.get_mut(target) else { return };
            for outgoing in desk.pump(now) {
                match &outgoing.by {
                    // A full or broken outbox loses the command; it is sent again, as one that was lost on its way.
                    By::Stream(session) => {
                        if let Some(outbox) = outboxes.get(session) {
                            let _ = outbox.sender.try_send(Ok(stream::command(&outgoing)));
                        }
                    }
                    By::Push(url) => posts.push((url.clone(), outgoing)),
                }
            }
        }
        for (url, outgoing) in posts {
            self.post(target.clone(), url, outgoing);
        }
    }

    fn post(&self, target: TargetName, url: String, outgoing: Outgoing) {
        let Some(service) = self.me.upgrade() else { return };
        tokio::spawn(async move {
            let answer = service.poster.post(&url, &target, &outgoing).await;
            if let Err(problem) = &answer {
                tracing::warn!(%target, agent = %outgoing.agent, url, "the command was not taken: {problem}");
            }
            let (now, today) = (service.now(), service.today());
            let answer = answer.ok();
            service.with_desk(&target, |desk| {
                desk.posted(&outgoing.agent, outgoing.epoch, answer.as_ref(), now, today);
            });
            service.pump(&target);
            service.tell();
        });
    }

    /// What the target's agents may hold now at the most.
    #[cfg(test)]
    pub(crate) fn held_rps(&self, target: &TargetName) -> f64 {
        self.with_desk(target, |desk| desk.held_rps(self.now()))
    }

    fn close_stream(&self, session: u64) {
        self.inner().outboxes.remove(&session);
    }

    /// Closes every stream; the agents go on with what they hold.
    fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.outboxes.clear();
    }

    fn is_on(desk: &Desk, agent: &AgentId, session: u64) -> bool {
        desk.agent(agent).is_some_and(|agent| agent.is_on(session))
    }
}
