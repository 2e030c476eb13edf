//! An event is held against the rules; what they make of it, and the event's end, are one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Desk, Waiting, waiting_summary};
use crate::base::id::{RuleName, RunId};
use crate::model::event::Event;
use crate::model::metric;
use crate::model::target::Phase;
use crate::router::{Busy, Reads, Rule};
use crate::runtime::clauses::Admission;
use crate::runtime::control::ControlError;
use crate::runtime::dead;
use crate::runtime::journal::{RunStatus, StopReason};
use crate::runtime::machine::Trigger;
use crate::runtime::ports::{Accepted, EventOutcome, RuleOutcome, RuleState, StoreError, Write};
use crate::runtime::program::Program;
use crate::runtime::queue::{Queued, WAKE};
use crate::runtime::verdict::{self, Holder, Situation, Start, Verdict};

/// What routing one event changes.
#[derive(Default)]
struct Changes {
    writes: Vec<Write>,
    outcomes: Vec<RuleOutcome>,
    waiting: Vec<Waiting>,
    /// Waiting runs that new ones replace, each with the first reason.
    replaced: BTreeMap<usize, &'static str>,
    emitted: Vec<Event>,
    supersede: bool,
}

impl Desk {
    /// Routes an event, and settles it.
    pub(super) async fn route(&mut self, queued: Queued) -> Result<(), StoreError> {
        let Queued { sequence, accepted_at, attempts, event } = queued;
        if let Some(why) = dead::why(&self.program, &event) {
            tracing::error!(event = %event.id, source = event.source, kind = event.kind, %why, "event put aside");
            let outcome = dead::outcome(attempts, why, self.world.now());
            self.commit(Vec::new(), vec![Write::SettleEvent { sequence, outcome }]).await?;
            return Ok(());
        }
        // Those that wait for it have it before it is settled; then rules see what there is to see.
        let answered = self.deliver(&event).await?;
        // Rules see the target as it was when the event came: a `WAKE` is about a paused one.
        let view = match self.program.router.reads(&event.kind) {
            Reads { target: false, .. } => None,
            Reads { record: false, .. } => {
                self.subject.as_ref().map(|subject| subject.settings.view(&subject.state, None))
            }
            Reads { record: true, .. } => self.view().await,
        };
        if event.kind == WAKE {
            self.wake().await?;
        }
        let mut changes = Changes::default();
        let program = Arc::clone(&self.program);
        let situation = self.situation(&program, view.as_ref());
        let now = situation.now;
        for verdict in verdict::judge(&situation, &event, accepted_at, &mut self.memories) {
            let rule = verdict.rule;
            let remembers = verdict.admission.is_some() && verdict::has_memory(rule);
            let outcome = self.enact(verdict, &event, &mut changes);
            if remembers {
                self.remember(rule, &mut changes);
            }
            tracing::info!(event = %event.id, rule = %rule.name, result = ?outcome.result, note = outcome.note, "routed");
            metrics::counter!(metric::RULE_RESULTS.name,
                "rule" => rule.name.to_string(), "result" => outcome.result.as_str())
            .increment(1);
            changes.outcomes.push(outcome);
        }
        let rules = std::mem::take(&mut changes.outcomes);
        let attempts = attempts.saturating_add(1);
        let outcome = EventOutcome { routed_at: now, rules, answered, attempts, ..EventOutcome::default() };
        changes.writes.push(Write::SettleEvent { sequence, outcome });
        self.apply(changes).await
    }

    /// A held match whose burst has gone quiet goes on behind the debounce.
    pub(super) async fn release(&mut self, name: &RuleName) -> Result<(), StoreError> {
        let now = self.world.now();
        let program = Arc::clone(&self.program);
        let Some(rule) = program.router.rule(name.as_str()) else {
            self.memories.remove(name);
            return Ok(());
        };
        let Some((held, admission)) = self.memories.get_mut(name).and_then(|memory| memory.release(rule, now)) else {
            return Ok(());
        };
        let mut changes = Changes::default();
        if admission == Admission::Pass {
            let situation = self.situation(&program, None);
            let verdict = verdict::release(&situation, rule, &held);
            self.enact(verdict, &held.event, &mut changes);
        }
        self.remember(rule, &mut changes);
        self.apply(changes).await
    }

    /// How things stand, with the target as rules see it.
    fn situation<'a>(&self, program: &'a Program, target: Option<&'a Json>) -> Situation<'a> {
        let holder = self.subject.as_ref().and_then(|_| self.holder()).map(|holder| Holder {
            run: holder.id.to_string(),
            workflow: holder.workflow.clone(),
            inputs: holder.inputs.clone(),
        });
        let during_test = self.target().is_some_and(|target| self.world.is_loaded(target));
        Situation { program, target, now: self.world.now(), holder, during_test }
    }

    /// Takes down what a verdict changes.
    fn enact(&self, verdict: Verdict<'_>, event: &Event, changes: &mut Changes) -> RuleOutcome {
        let Verdict { rule, result, note, start, emitted, .. } = verdict;
        let run = start.map(|start| self.create_run(rule, event, start, changes));
        changes.emitted.extend(emitted);
        RuleOutcome { rule: rule.name.clone(), result, run, note }
    }

    fn create_run(&self, rule: &Rule, event: &Event, start: Start, changes: &mut Changes) -> RunId {
        let Start { plan, inputs, supersedes } = start;
        changes.supersede |= supersedes;
        for (index, waiting) in self.waiting.iter().enumerate() {
            if supersedes && waiting.summary.supersedes {
                changes.replaced.entry(index).or_insert("a later event superseded it before it began");
            } else if rule.busy == Busy::Coalesce && waiting.summary.rule.as_ref() == Some(&rule.name) {
                let why = "a later event of the same rule replaced it before it began";
                changes.replaced.entry(index).or_insert(why);
            }
        }
        let mut summary = waiting_summary(&self.world, &plan, self.target(), inputs);
        summary.rule = Some(rule.name.clone());
        summary.event = Some((event.source.clone(), event.id.clone()));
        summary.priority = rule.priority;
        summary.supersedes = supersedes;
        let id = summary.id;
        changes.writes.push(Write::PutPlan { digest: plan.digest.clone(), source: plan.source.clone() });
        let event = Some(event.clone());
        changes.waiting.push(Waiting { summary, plan, event, resumed: None });
        id
    }

    fn remember(&self, rule: &Rule, changes: &mut Changes) {
        let Some(memory) = self.memories.get(&rule.name) else { return };
        let Ok(state) = serde_json::to_value(memory) else { return };
        changes.writes.push(Write::PutRuleState(RuleState {
            rule: rule.name.clone(),
            target: self.target().cloned(),
            digest: rule.digest.clone(),
            state,
        }));
    }

    /// Makes the changes durable, then real.
    async fn apply(&mut self, changes: Changes) -> Result<(), StoreError> {
        let Changes { mut writes, waiting, replaced, emitted, supersede, .. } = changes;
        let now = self.world.now();
        for (index, why) in &replaced {
            if let Some(waiting) = self.waiting.get(*index) {
                let mut summary = waiting.summary.clone();
                summary.status = RunStatus::Dropped;
                summary.error = Some((*why).to_owned());
                summary.ended_at = Some(now);
                writes.push(Write::PutRun(summary));
            }
        }
        writes.extend(waiting.iter().map(|waiting| Write::PutRun(waiting.summary.clone())));
        writes.extend(emitted.iter().map(|event| self.world.accept(event.clone(), now)));
        // A run that can begin at once does so in the same transaction.
        let mut waiting = waiting;
        let begun = match waiting.len() {
            1 if self.waiting.is_empty() && self.may_begin() => waiting.pop(),
            _ => None,
        };
        let (guards, begun) = match begun {
            Some(begun) => {
                let (guards, more, begun) = self.prepare(begun);
                writes.extend(more);
                (guards, Some(begun))
            }
            None => (Vec::new(), None),
        };
        let receipt = self.commit(guards, writes).await?;
        for (index, _) in replaced.into_iter().rev() {
            self.waiting.remove(index);
        }
        self.waiting.extend(waiting);
        for (event, accepted) in emitted.into_iter().zip(receipt.accepted) {
            if let Accepted::New { sequence } = accepted {
                self.pending.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                self.queue.push(Queued { sequence, accepted_at: now, attempts: 0, event }, now);
            }
        }
        if let Some(begun) = begun {
            self.start(begun);
        }
        if supersede {
            self.stop_runs(StopReason::Superseded);
        }
        Ok(())
    }

    /// A paused target is resumed by an event of type `WAKE`, so that the runs it leads to can begin.
    async fn wake(&mut self) -> Result<(), StoreError> {
        if self.subject.as_ref().is_none_or(|subject| subject.state.phase != Phase::Paused) {
            return Ok(());
        }
        match self.change_phase(Trigger::Resume).await {
            Err(ControlError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }
}
