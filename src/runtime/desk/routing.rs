//! An event is held against the rules; what they make of it, and the event's end, are one transaction.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Desk, Waiting, waiting_summary};
use crate::base::clock::Timestamp;
use crate::base::id::RuleName;
use crate::model::event::{Event, MAX_CHAIN};
use crate::model::metric;
use crate::model::schema::{JsonMap, Shape};
use crate::model::target::Phase;
use crate::router::{Busy, Match, Rule};
use crate::runtime::clauses::{Admission, Emission, Held};
use crate::runtime::control::ControlError;
use crate::runtime::interpreter::Command;
use crate::runtime::journal::{RunStatus, StopReason};
use crate::runtime::machine::Trigger;
use crate::runtime::ports::{Accepted, EventOutcome, RuleOutcome, RuleResult, RuleState, StoreError, Write};
use crate::runtime::queue::{Queued, WAKE};

/// What routing one event changes.
#[derive(Default)]
struct Changes {
    writes: Vec<Write>,
    outcomes: Vec<RuleOutcome>,
    waiting: Vec<Waiting>,
    /// Waiting runs that a new one replaces, with the reason.
    replaced: Vec<(usize, &'static str)>,
    emitted: Vec<Event>,
    supersede: bool,
}

impl Desk {
    /// Routes an event, and settles it.
    pub(super) async fn route(&mut self, queued: Queued) -> Result<(), StoreError> {
        let Queued { sequence, accepted_at, event } = queued;
        // Rules see the target as it was when the event came: a `WAKE` is about a paused one.
        let view = self.view().await;
        if event.kind == WAKE {
            self.wake().await?;
        }
        let now = self.world.now();
        let mut changes = Changes::default();
        let program = Arc::clone(&self.program);
        for routed in program.router.route(&event, view.as_ref(), now) {
            let rule = routed.rule;
            let result = match &routed.result {
                Match::Matched => RuleResult::Matched,
                Match::NoMatch | Match::NoTarget => RuleResult::NoMatch,
                Match::Error(_) => RuleResult::Error,
            };
            let note = routed.result.note();
            let mut outcome = RuleOutcome { rule: rule.name.clone(), result, run: None, note };
            if result == RuleResult::Matched {
                let held = Held {
                    due: accepted_at,
                    event: event.clone(),
                    arguments: routed.arguments.clone(),
                    emissions: routed.emissions.iter().map(Emission::from).collect(),
                };
                self.admit(rule, accepted_at, &held, &mut outcome, &mut changes);
            }
            tracing::info!(event = %event.id, rule = %rule.name, result = ?outcome.result, note = outcome.note, "routed");
            metrics::counter!(metric::RULE_RESULTS.name,
                "rule" => rule.name.to_string(), "result" => result_name(outcome.result))
            .increment(1);
            changes.outcomes.push(outcome);
        }
        let outcome = EventOutcome { routed_at: now, rules: std::mem::take(&mut changes.outcomes), dead: None };
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
            let mut outcome =
                RuleOutcome { rule: rule.name.clone(), result: RuleResult::Matched, run: None, note: None };
            self.pass(rule, &held, &mut outcome, &mut changes);
        }
        self.remember(rule, &mut changes);
        self.apply(changes).await
    }

    /// Threshold, debounce and throttle.
    fn admit(&mut self, rule: &Rule, at: Timestamp, held: &Held, outcome: &mut RuleOutcome, changes: &mut Changes) {
        let has_memory = rule.threshold.is_some() || rule.debounce.is_some() || rule.throttle.is_some();
        if !has_memory {
            self.pass(rule, held, outcome, changes);
            return;
        }
        let memory = self.memories.entry(rule.name.clone()).or_default();
        let admission = memory.admit(rule, at, |due| Held { due, ..held.clone() });
        match admission {
            Admission::Pass => self.pass(rule, held, outcome, changes),
            Admission::BelowThreshold { count } => {
                outcome.result = RuleResult::BelowThreshold;
                let wanted = rule.threshold.map_or(0, |threshold| threshold.count);
                outcome.note = Some(format!("{count} of {wanted}"));
            }
            Admission::Debounced { due } => {
                outcome.result = RuleResult::Debounced;
                outcome.note = Some(format!("until {due}, unless another one comes"));
            }
            Admission::Throttled { count } => {
                outcome.result = RuleResult::Throttled;
                outcome.note = Some(format!("{count} dropped so far"));
            }
        }
        self.remember(rule, changes);
    }

    /// Busy, run and emit.
    fn pass(&mut self, rule: &Rule, held: &Held, outcome: &mut RuleOutcome, changes: &mut Changes) {
        if let Some(invocation) = &rule.run {
            let inputs = held.arguments.clone().unwrap_or_else(|| JsonMap::new().into());
            match self.program.plans.get(&invocation.workflow).map(Arc::clone) {
                Some(plan) => self.create_run(rule, &held.event, inputs, &plan, outcome, changes),
                None => {
                    outcome.result = RuleResult::Error;
                    outcome.note = Some(format!("there is no workflow `{}`", invocation.workflow));
                }
            }
        }
        if outcome.result == RuleResult::Matched {
            self.emit(rule, held, outcome, changes);
        }
    }

    fn create_run(
        &mut self,
        rule: &Rule,
        event: &Event,
        inputs: Json,
        plan: &Arc<crate::plan::Plan>,
        outcome: &mut RuleOutcome,
        changes: &mut Changes,
    ) {
        let mut supersedes = false;
        if let Some(active) = self.active.values().next().filter(|_| self.subject.is_some()) {
            let same = active.summary.workflow == plan.workflow && active.summary.inputs == inputs;
            match rule.busy {
                Busy::Drop => {
                    outcome.result = RuleResult::Busy;
                    outcome.note = Some(format!("run {} holds the target", active.summary.id));
                    return;
                }
                // Stopping a run to do the same again would only lose time.
                Busy::Supersede if same => {
                    outcome.result = RuleResult::Busy;
                    outcome.note = Some(format!("run {} does just that already", active.summary.id));
                    return;
                }
                Busy::Supersede => {
                    supersedes = true;
                    changes.supersede = true;
                }
                Busy::Queue | Busy::Coalesce => {}
            }
        }
        for (index, waiting) in self.waiting.iter().enumerate() {
            if supersedes && waiting.summary.supersedes {
                changes.replaced.push((index, "a later event superseded it before it began"));
            } else if rule.busy == Busy::Coalesce && waiting.summary.rule.as_ref() == Some(&rule.name) {
                changes.replaced.push((index, "a later event of the same rule replaced it before it began"));
            }
        }
        let mut summary = waiting_summary(&self.world, plan, self.target(), inputs);
        summary.rule = Some(rule.name.clone());
        summary.event = Some((event.source.clone(), event.id.clone()));
        summary.priority = rule.priority;
        summary.supersedes = supersedes;
        outcome.run = Some(summary.id);
        changes.writes.push(Write::PutPlan { digest: plan.digest.clone(), source: plan.source.clone() });
        let event = Some(event.clone());
        changes.waiting.push(Waiting { summary, plan: Arc::clone(plan), event });
    }

    fn emit(&self, rule: &Rule, held: &Held, outcome: &mut RuleOutcome, changes: &mut Changes) {
        let cause = &held.event;
        for (number, Emission { kind, data, after_ms }) in held.emissions.iter().enumerate() {
            let chain = cause.chain.saturating_add(1);
            if chain > MAX_CHAIN {
                let note = format!("`{kind}` is not emitted: it would be number {chain} of a chain of events");
                tracing::error!(rule = %rule.name, event = %cause.id, "{note}");
                outcome.note = Some(note);
                continue;
            }
            let mut data = data.clone();
            let declared = self.program.events.get(kind).cloned().unwrap_or_default();
            if let Err(mismatches) = Shape::Object(declared).conform("data", &mut data) {
                let list: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
                outcome.note = Some(format!("`{kind}` is not emitted: {}", list.join("; ")));
                continue;
            }
            let now = self.world.now();
            changes.emitted.push(Event {
                id: format!("{}/{}/{number}", cause.id, rule.name),
                source: format!("homeostat/rules/{}", rule.name),
                kind: kind.clone(),
                subject: cause.subject.clone(),
                time: now,
                data,
                priority: cause.priority,
                deliver_at: (*after_ms > 0).then(|| now.after(std::time::Duration::from_millis(*after_ms))),
                during_test: self.target().is_some_and(|target| self.world.is_loaded(target)),
                chain,
                extensions: JsonMap::new(),
            });
        }
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
        writes.extend(emitted.iter().map(|event| Write::AcceptEvent { event: event.clone(), at: now }));
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
                self.queue.push(Queued { sequence, accepted_at: now, event }, now);
            }
        }
        if let Some(begun) = begun {
            self.start(begun);
        }
        if supersede {
            self.tell(Command::Stop(StopReason::Superseded));
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

fn result_name(result: RuleResult) -> &'static str {
    match result {
        RuleResult::Matched => "matched",
        RuleResult::NoMatch => "no_match",
        RuleResult::Error => "error",
        RuleResult::BelowThreshold => "below_threshold",
        RuleResult::Debounced => "debounced",
        RuleResult::Throttled => "throttled",
        RuleResult::Busy => "busy",
    }
}
