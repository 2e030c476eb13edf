//! `then`: what must have come of it. Only names are checked here; values are compared once the scenario was played.

use super::keys::{self, Takes};
use super::parse::Known;
use super::{Forbidden, Never, Then};
use crate::base::id::{AgentId, TargetName};
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic};
use crate::harness::world::Setting;
use crate::model::schema::{Field, Object, Shape};
use crate::model::target::Phase;
use crate::plan::{Plan, Step};
use crate::syntax::fields::Walk;
use crate::syntax::yaml::{Key, Node};

/// Reads `then`; what is wrong is told.
pub(super) fn read(node: &Node, walk: &mut Walk, known: Known<'_>, setting: &Setting) -> Then {
    let mut then = Then::default();
    let mut reader = Reader { walk, known, setting };
    let entries = reader.walk.mapping(node, "`then`", keys::THEN, "write `then: { runs: […] }`");
    if entries.is_empty() && node.as_map().is_some() {
        let help = "a test without expectations cannot fail";
        reader.walk.error(Code::MissingKey, node.span, "`then` expects nothing", help);
    }
    for (key, value) in entries {
        let part = Some(value.clone());
        match key.name.as_str() {
            "runs" => {
                reader.list(value, "`runs`", Reader::run);
                then.runs = part;
            }
            "dispatched" => {
                reader.list(value, "`dispatched`", Reader::dispatch);
                then.dispatched = part;
            }
            "records" => {
                reader.list(value, "`records`", |reader, item| {
                    reader.plain(item, "a record", keys::RECORD_THEN);
                    reader.target_of(item, "target");
                });
                then.records = part;
            }
            "emitted" => {
                reader.list(value, "`emitted`", |reader, item| reader.event(item, "an emitted event", keys::EMITTED));
                then.emitted = part;
            }
            "events" => {
                reader.list(value, "`events`", |reader, item| reader.event(item, "an event", keys::EVENT));
                then.events = part;
            }
            "refused" => {
                reader.list(value, "`refused`", |reader, item| {
                    reader.walk.text(item, "what was refused");
                });
                then.refused = part;
            }
            "phases" => {
                reader.by_target(value, "`phases`", |reader, item| {
                    reader.list(item, "the phases of a target", Reader::phase);
                });
                then.phases = part;
            }
            "targets" => {
                reader.by_target(value, "`targets`", |reader, item| {
                    reader.plain(item, "a target", keys::TARGET_THEN);
                    if let Some(phase) = item.get("phase") {
                        reader.phase_name(phase);
                    }
                });
                then.targets = part;
            }
            "never" => reader.list(value, "`never`", |reader, item| then.never.extend(reader.never(item))),
            _ => {}
        }
    }
    then
}

struct Reader<'r, 'a> {
    walk: &'r mut Walk,
    known: Known<'a>,
    setting: &'r Setting,
}

impl<'a> Reader<'_, 'a> {
    fn list(&mut self, node: &Node, what: &str, mut each: impl FnMut(&mut Self, &Node)) {
        match node.as_seq() {
            Some(items) => items.iter().for_each(|item| each(self, item)),
            None => self.walk.wrong_kind(node, what, "a list", "of all there were, in order; `[]` for none"),
        }
    }

    fn by_target(&mut self, node: &Node, what: &str, mut each: impl FnMut(&mut Self, &Node)) {
        let Some(entries) = node.as_map() else {
            self.walk.wrong_kind(node, what, "a mapping from targets", "");
            return;
        };
        for (key, value) in entries {
            self.target(&key.name, key.span);
            each(self, value);
        }
    }

    fn target(&mut self, name: &str, span: Span) {
        let is_known = self.setting.targets.settings(&TargetName::from(name)).is_some();
        if !is_known && !self.walk.diagnostics.is_full(span.source) {
            let names = self.setting.targets.names();
            let message = format!("the scenario has no target `{name}`");
            let problem = Diagnostic::error(Code::BadScenario, span, message).help("list it under `given.targets`");
            self.walk.diagnostics.push(problem.suggest(name, names.iter().map(TargetName::as_str)));
        }
    }

    /// The target that stands under `key`, where one does: nothing stands for none.
    fn target_of(&mut self, node: &Node, key: &str) {
        if let Some(value) = node.get(key).filter(|value| !value.is_null())
            && let Some(name) = self.walk.text(value, &format!("`{key}`"))
        {
            self.target(&name.node, name.span);
        }
    }

    /// Names in data of which a part is compared: one that is not declared is never there.
    fn part_of(&mut self, value: Option<&Node>, declared: &Object, whose: &str) {
        if declared.open {
            return;
        }
        for (key, value) in value.and_then(Node::as_map).unwrap_or_default() {
            match declared.field(&key.name) {
                Some(Field { shape: Shape::Object(inner), .. }) => {
                    self.part_of(Some(value), inner, &format!("`{}` of {whose}", key.name));
                }
                Some(_) => {}
                None => {
                    let names: Vec<&str> = declared.fields.iter().map(|field| field.name.as_str()).collect();
                    let message = format!("{whose} has no `{}`", key.name);
                    let problem = Diagnostic::error(Code::BadScenario, key.span, message);
                    let problem = match names.as_slice() {
                        [] => problem.help("it is empty"),
                        names => problem.help(format!("it has `{}`", names.join("`, `"))),
                    };
                    self.walk.diagnostics.push(problem.suggest(&key.name, names));
                }
            }
        }
    }

    fn plain(&mut self, node: &Node, what: &str, keys: keys::Table) {
        self.walk.mapping(node, what, keys, "");
        self.values(node, keys);
    }

    /// What no value can ever be equal to is told before anything is played.
    fn values(&mut self, node: &Node, table: keys::Table) {
        for (key, value) in node.as_map().unwrap_or_default() {
            let Some(known) = table.iter().find(|known| known.name == key.name) else { continue };
            self.value(value, known.takes, &key.name);
        }
    }

    fn value(&mut self, value: &Node, takes: Takes, name: &str) {
        let what = format!("`{name}`");
        match takes {
            Takes::Word(words) => {
                if let Some(word) = self.walk.text(value, &what) {
                    self.one_of(&word, name, words.iter().copied());
                }
            }
            Takes::Number if value.as_float().is_none() => self.walk.wrong_kind(value, &what, "a number", ""),
            Takes::Figure if value.as_float().is_none() && !value.is_null() => {
                self.walk.wrong_kind(value, &what, "a number", "");
            }
            Takes::Bool if value.as_bool().is_none() => self.walk.wrong_kind(value, &what, "`true` or `false`", ""),
            _ => {}
        }
    }

    fn dispatch(&mut self, node: &Node) {
        self.plain(node, "a dispatch", keys::DISPATCH);
        self.target_of(node, "target");
        self.dispatching(node);
        let Some(agents) = node.get("agents") else { return };
        let Some(entries) = agents.as_map() else {
            self.walk.wrong_kind(agents, "`agents`", "a mapping from agents", "write `agents: { NAME: 50.0 }`");
            return;
        };
        for (key, rate) in entries {
            self.value(rate, Takes::Number, &key.name);
            let settings = self.setting.agents.keys().filter_map(|target| self.setting.targets.settings(target));
            let pushed: Vec<_> = settings.flat_map(|target| target.push_agents.clone()).map(|agent| agent.id).collect();
            let known = self.setting.agents.values().flatten().chain(&pushed);
            let names: Vec<&str> = known.map(AgentId::as_str).collect();
            if !names.contains(&key.name.as_str()) {
                let message = format!("no target of the scenario has an agent `{}`", key.name);
                let problem = Diagnostic::error(Code::BadScenario, key.span, message);
                let problem = problem.help("list it under `given: { targets: { TARGET: { agents: […] } } }`");
                self.walk.diagnostics.push(problem.suggest(&key.name, names));
            }
        }
    }

    /// The workflow and the step that are said to have told the agents.
    fn dispatching(&mut self, node: &Node) {
        let name = |key: &str| node.get(key).filter(|name| !name.is_null());
        let workflow = name("workflow").and_then(|name| self.walk.text(name, "`workflow`"));
        let plan = workflow.as_ref().and_then(|name| self.workflow(name));
        let Some(step) = name("step").and_then(|name| self.walk.text(name, "`step`")) else { return };
        let is_known = match plan {
            Some(plan) => self.step_of(&step, plan).is_some(),
            None => workflow.is_none() && super::when::step_exists(&step, self.known, self.walk),
        };
        let of = |other: &&Step| other.name.as_str() == step.node;
        let tells = match plan {
            Some(plan) => Known::steps_of(plan).filter(of).any(|step| step.action.sets_rate),
            None => self.known.steps().filter(of).any(|step| step.action.sets_rate),
        };
        if is_known && !tells {
            let message = format!("step `{}` tells agents nothing", step.node);
            self.walk.error(Code::BadScenario, step.span, message, "name a step that uses `agents.dispatch`");
        }
    }

    fn phase(&mut self, node: &Node) {
        match node.as_str() {
            Some(_) => self.phase_name(node),
            None => {
                self.walk.mapping(node, "a phase", keys::PHASE, "write `stable`, or `{ at: 30s, phase: stable }`");
                if let Some(phase) = node.get("phase") {
                    self.phase_name(phase);
                }
            }
        }
    }

    fn phase_name(&mut self, node: &Node) {
        const PHASES: [Phase; 4] = [Phase::Stable, Phase::Adjusting, Phase::Degraded, Phase::Paused];
        let Some(name) = self.walk.text(node, "a phase") else { return };
        self.one_of(&name, "phase", PHASES.iter().map(|phase| phase.as_str()));
    }

    fn run(&mut self, node: &Node) {
        self.walk.mapping(node, "a run", keys::RUN, "write `{ workflow: NAME, status: succeeded, steps: { … } }`");
        self.values(node, keys::RUN);
        let workflow = node.get("workflow").and_then(|name| self.walk.text(name, "`workflow`"));
        let plan = workflow.as_ref().and_then(|name| self.workflow(name));
        self.target_of(node, "target");
        if let Some(plan) = plan {
            self.part_of(node.get("inputs"), &plan.inputs, &format!("what `{}` takes", plan.workflow));
            let outputs = plan.outputs.iter().map(|(name, _)| Field::optional(name, Shape::Any, ""));
            let outputs = Object::new(outputs.collect());
            self.part_of(node.get("outputs"), &outputs, &format!("what `{}` returns", plan.workflow));
        }
        let rule = node.get("rule").filter(|rule| !rule.is_null()).and_then(|rule| self.walk.text(rule, "`rule`"));
        if let Some(rule) = rule {
            self.rule(&rule.node, rule.span);
        }
        let Some(steps) = node.get("steps") else { return };
        let Some(entries) = steps.as_map() else {
            self.walk.wrong_kind(steps, "`steps`", "a mapping from steps", "write `steps: { STEP: succeeded }`");
            return;
        };
        for (key, value) in entries {
            let step = Spanned::new(key.name.clone(), key.span);
            let planned = match plan {
                Some(plan) => self.step_of(&step, plan),
                None => {
                    if workflow.is_none() {
                        super::when::step_exists(&step, self.known, self.walk);
                    }
                    None
                }
            };
            if value.as_str().is_none() {
                self.walk.mapping(value, "a step", keys::STEP, "write `succeeded`, or `{ status: …, output: … }`");
                self.values(value, keys::STEP);
                if let Some(Step { action, for_each: None, .. }) = planned {
                    self.part_of(value.get("input"), &action.inputs, &format!("what `{}` takes", action.name));
                    self.part_of(value.get("output"), &action.output, &format!("what `{}` returns", action.name));
                }
            } else {
                self.short_form(value, keys::STEP);
            }
        }
    }

    fn step_of(&mut self, step: &Spanned<String>, plan: &'a Plan) -> Option<&'a Step> {
        let found = Known::steps_of(plan).find(|known| known.name.as_str() == step.node);
        let names: Vec<&str> = Known::steps_of(plan).map(|step| step.name.as_str()).collect();
        if found.is_none() {
            let message = format!("`{}` has no step `{}`", plan.workflow, step.node);
            let problem = Diagnostic::error(Code::UnknownStep, step.span, message);
            self.walk.diagnostics.push(problem.suggest(&step.node, names));
        }
        found
    }

    fn workflow(&mut self, name: &Spanned<String>) -> Option<&'a Plan> {
        let known = self.known;
        let plan = known.plan(&name.node);
        if plan.is_none() {
            let message = format!("there is no workflow `{}`", name.node);
            let problem = Diagnostic::error(Code::UnknownWorkflow, name.span, message);
            self.walk.diagnostics.push(problem.suggest(&name.node, known.workflows()));
        }
        plan
    }

    fn rule(&mut self, name: &str, span: Span) {
        if self.known.program.router.rule(name).is_none() {
            let rules = self.known.program.router.program().rules.iter().map(|rule| rule.name.as_str());
            let problem = Diagnostic::error(Code::BadScenario, span, format!("there is no rule `{name}`"));
            let problem = problem.help("name a rule of the program");
            self.walk.diagnostics.push(problem.suggest(name, rules));
        }
    }

    /// A word in the place of a mapping: it stands for the word that the mapping would have.
    fn short_form(&mut self, node: &Node, table: keys::Table) {
        if let Some(key) = table.iter().find(|key| matches!(key.takes, Takes::Word(_))) {
            self.value(node, key.takes, key.name);
        }
    }

    fn event(&mut self, node: &Node, what: &str, keys: keys::Table) {
        self.plain(node, what, keys);
        if let Some(kind) = node.get("type").and_then(|kind| self.walk.text(kind, "`type`")) {
            self.event_type(&kind);
            if let Some(declared) = self.known.program.events.get(&kind.node) {
                self.part_of(node.get("data"), declared, &format!("`{}`", kind.node));
            }
        }
        self.target_of(node, "subject");
        for (key, value) in node.get("rules").and_then(Node::as_map).unwrap_or_default() {
            self.rule(&key.name, key.span);
            if value.as_str().is_none() {
                self.walk.mapping(
                    value,
                    "what a rule made of it",
                    keys::RULE,
                    "write `matched`, or `{ result: …, note: … }`",
                );
                self.values(value, keys::RULE);
                if let Some(run) = value.get("run").filter(|run| !run.is_null())
                    && let Some(name) = self.walk.text(run, "`run`")
                {
                    self.workflow(&name);
                }
            } else {
                self.short_form(value, keys::RULE);
            }
        }
    }

    fn event_type(&mut self, kind: &Spanned<String>) {
        if !self.known.program.events.contains_key(&kind.node) {
            let message = format!("no rules file declares an event `{}`", kind.node);
            let problem = Diagnostic::error(Code::UnknownEvent, kind.span, message);
            let names = self.known.program.events.keys().map(String::as_str);
            self.walk.diagnostics.push(problem.suggest(&kind.node, names));
        }
    }

    fn never(&mut self, node: &Node) -> Option<Never> {
        let entries = self.walk.mapping(node, "an entry of `never`", keys::NEVER, "write `{ step: NAME }`");
        let mut found: Vec<Option<Forbidden>> = Vec::new();
        for (key, value) in entries {
            let is_known = keys::NEVER.iter().any(|known| known.name == key.name);
            found.push(is_known.then(|| self.forbidden(key, value)).flatten());
        }
        match <[_; 1]>::try_from(found) {
            Ok([what]) => Some(Never { what: what?, span: node.span }),
            Err(_) => {
                if node.as_map().is_some() {
                    let help = "write `- { run: NAME }` and `- { step: NAME }`, each as an entry of its own";
                    self.walk.error(Code::BadScenario, node.span, "each entry of `never` forbids one thing", help);
                }
                None
            }
        }
    }

    fn forbidden(&mut self, key: &Key, value: &Node) -> Option<Forbidden> {
        if key.name == "above_rps" {
            let Some(rate) = value.as_float() else {
                self.walk.wrong_kind(value, "`above_rps`", "a number", "");
                return None;
            };
            return Some(Forbidden::Above(rate));
        }
        let name = self.walk.text(value, &format!("`{}`", key.name))?;
        Some(match key.name.as_str() {
            "run" => {
                self.workflow(&name)?;
                Forbidden::Run(name.node)
            }
            "step" => {
                super::when::step_is_performed(&name, self.known, self.walk);
                Forbidden::Step(name.node)
            }
            "action" => {
                let actions: Vec<_> = self.known.catalogue.iter().map(|action| action.name.as_ref()).collect();
                self.one_of(&name, "action", actions.into_iter());
                Forbidden::Action(name.node)
            }
            "emitted" => {
                self.event_type(&name);
                Forbidden::Emitted(name.node)
            }
            "phase" => {
                self.phase_name(value);
                Forbidden::Phase(name.node)
            }
            _ => return None,
        })
    }

    fn one_of<'n>(&mut self, name: &Spanned<String>, what: &str, known: impl Iterator<Item = &'n str> + Clone) {
        if !known.clone().any(|known| known == name.node) {
            let list: Vec<_> = known.clone().map(|name| format!("`{name}`")).collect();
            let problem =
                Diagnostic::error(Code::BadScenario, name.span, format!("there is no {what} `{}`", name.node))
                    .help(format!("there are {}", list.join(", ")));
            self.walk.diagnostics.push(problem.suggest(&name.node, known));
        }
    }
}
