//! Keeps agents at their rate between dispatches: renews, repeats, and splits again when agents come or go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::DispatchService;
use super::decision::{Terms, decide};
use super::dispatcher::storing;
use super::ledger::Moment;
use crate::base::id::TargetName;
use crate::model::target::TargetSettings;
use crate::runtime::ports::{Guard, Rates, StoreError, Transaction, Write};

/// How often it looks without news.
const TICK: Duration = Duration::from_millis(100);

/// A target that a run holds, or that could not be stored, is looked at again after this.
const PAUSE_MS: u64 = 500;

/// How long after its start the engine waits for agents before it splits again without them.
const SETTLING_MS: u64 = 300;

impl DispatchService {
    /// Starts the reconciler. It ends, and all streams with it, when `shutdown` is cancelled.
    pub fn start(self: &Arc<Self>, shutdown: CancellationToken) -> JoinHandle<()> {
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let mut news = service.news.subscribe();
            let mut pauses = HashMap::new();
            loop {
                service.reconcile(&mut pauses).await;
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    _ = news.changed() => {}
                    () = service.clock.sleep(TICK) => {}
                }
            }
            service.close();
        })
    }

    async fn reconcile(&self, pauses: &mut HashMap<TargetName, Moment>) {
        let mut names = self.targets.names();
        names.extend(self.inner().desks.keys().cloned());
        names.sort();
        names.dedup();
        for name in names {
            let Some(settings) = self.targets.settings(&name) else { continue };
            self.sweep(&name, &settings);
            let now = self.now();
            if pauses.get(&name).is_none_or(|until| now >= *until) {
                match self.settle(&name, &settings).await {
                    Ok(true) => drop(pauses.remove(&name)),
                    Ok(false) => drop(pauses.insert(name.clone(), now.plus_ms(PAUSE_MS))),
                    Err(error) => {
                        tracing::warn!(target = %name, "the rates could not be split again: {error}");
                        pauses.insert(name.clone(), now.plus_ms(PAUSE_MS));
                    }
                }
            }
            self.pump(&name);
        }
    }

    fn sweep(&self, name: &TargetName, settings: &TargetSettings) {
        let (now, today) = (self.now(), self.today());
        let silent = self.with_desk(name, |desk| {
            desk.configure(settings, now, today);
            let silent = desk.sweep(now);
            for (agent, session) in &silent {
                desk.disconnected(agent, *session, false, now);
            }
            silent
        });
        for (agent, session) in silent {
            tracing::warn!(target = %name, %agent, "nothing was heard for long: the stream is given up");
            self.close_stream(session);
        }
    }

    /// Removes what left from the store, and splits the rate over those that are there. `false`: not now.
    async fn settle(&self, name: &TargetName, settings: &TargetSettings) -> Result<bool, StoreError> {
        let wrong = |service: &Self| {
            let now = service.now();
            service.with_desk(name, |desk| {
                let is_wrong = desk.is_split_wrongly(now) || desk.is_split_unfairly(settings, now);
                (desk.has_departed(), is_wrong && !desk.halted)
            })
        };
        if wrong(self) == (false, false) {
            return Ok(true);
        }
        let _one_at_a_time = self.deciding.lock().await;
        let departed = self.with_desk(name, super::desk::Desk::take_departed);
        if !departed.is_empty() {
            let remove = |agent| Write::RemoveAssignment { target: name.clone(), agent };
            let writes = departed.iter().cloned().map(remove).collect();
            let removed = self.store.commit(Transaction { guards: Vec::new(), writes }).await;
            if let Err(error) = removed {
                self.with_desk(name, |desk| desk.give_back_departed(departed));
                return Err(error);
            }
        }
        if !wrong(self).1 {
            return Ok(true);
        }
        if self.now().0 < SETTLING_MS {
            return Ok(false);
        }
        let state = self.store.target(name).await?;
        if state.as_ref().is_some_and(|state| state.lease.run.is_some()) {
            return Ok(false);
        }
        let token = state.as_ref().map(|state| state.lease.token);
        let decided = state.and_then(|state| state.rate_rps);
        let decision = self.with_desk(name, |desk| {
            let now = self.now();
            // A dispatch that failed half-way may have set less than the state says: then less it is.
            let dispatched = desk.decision.as_ref().map(|decision| decision.total_rps);
            let total = match (decided, dispatched) {
                (Some(decided), Some(dispatched)) => decided.min(dispatched),
                (Some(total), None) | (None, Some(total)) => total,
                (None, None) => settings.rate.initial_rps,
            };
            let epoch = desk.epochs.next(token.unwrap_or(0));
            let key = format!("split {}.{}.{}", epoch.incarnation, epoch.token, epoch.sequence).into();
            let terms = Terms { target: name, settings, key, epoch, now };
            decide(&terms, &Rates::Total(total), &desk.roll(now))
        });
        let guard = token.map(|token| Guard::Lease { target: name.clone(), token });
        match self.store.commit(storing(&decision, guard)).await {
            Ok(_) => {}
            // A run has taken the target in between: it decides.
            Err(StoreError::Fenced { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        let agents = decision.shares.len();
        tracing::info!(target = %name, total_rps = decision.total_rps, agents, "the rate is split again");
        self.with_desk(name, |desk| desk.decision = Some(decision));
        Ok(true)
    }
}
