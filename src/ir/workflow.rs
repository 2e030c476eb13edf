//! A workflow's tree becomes a checked workflow: actions found, names resolved, values held against declarations.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::call::{self, Callable};
use super::compose::{ANYTHING, Composer, Wanted};
use super::nulls::{self, Known};
use super::scope::{self, Part};
use super::template::Template;
use super::{ForEach, Retry, Step, Undo, Workflow, uses};
use crate::base::id::{StepName, WorkflowName};
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{Program, TypeEnv};
use crate::model::action::{ActionSignature, Catalogue};
use crate::model::schema::{Field, Shape};
use crate::syntax::workflow::ast;
use crate::syntax::yaml::{Key, Node};

/// What a retry waits after the first attempt where nothing is written, and at most.
const BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// Most steps that a help lists.
const MAX_LISTED: usize = 12;

/// Checks one workflow. `None` where it has no name, lacks a step or has one without an action; what else is wrong
/// is reported too. With it comes what calls see of it, also where something is wrong.
pub(super) fn check(
    workflow: &ast::Workflow,
    catalogue: &Catalogue,
    callable: &Callable,
    found: &mut Diagnostics,
) -> (Option<Workflow>, Option<ActionSignature>) {
    check_step_names(workflow, found);
    let mut actions: HashMap<&str, Option<Arc<ActionSignature>>> = HashMap::new();
    for step in workflow.steps.iter().chain(&workflow.on_failure) {
        let signature = step.uses.as_ref().and_then(|uses| uses::used(uses, catalogue, callable, found));
        // Of two steps of one name it is not known which is meant.
        actions.entry(step.name.node.as_str()).and_modify(|action| *action = None).or_insert(signature);
    }
    let actions = actions.into_iter().filter_map(|(name, action)| Some((name, action?))).collect();
    let (steps, handlers) = (names(&workflow.steps), names(&workflow.on_failure));
    let mut checker = Checker { workflow, catalogue, actions, steps, handlers, found };
    let steps = checker.list(Part::Steps);
    let on_failure = checker.list(Part::OnFailure);
    let (outputs, returned) = checker.outputs();
    // What could not be read may return more, and what is called does not run its `on_failure`.
    let own = workflow.steps.iter().filter_map(|step| checker.actions.get(step.name.node.as_str()));
    let signature = call::signature(workflow, returned, workflow.is_whole, own);
    // Without a step that was left out the graph would be another one, and what is said of it wrong.
    let checked = || {
        let name = workflow.name.as_ref().filter(|_| workflow.is_whole)?;
        Some(Workflow {
            name: name.clone().map(WorkflowName::from),
            summary: workflow.summary.as_ref().map(|summary| summary.node.clone()).unwrap_or_default(),
            inputs: workflow.inputs.clone(),
            steps: steps?,
            on_failure: on_failure?,
            outputs,
            source: workflow.source,
        })
    };
    (checked(), signature)
}

fn names(steps: &[ast::Step]) -> HashSet<&str> {
    steps.iter().map(|step| step.name.node.as_str()).collect()
}

fn check_step_names(workflow: &ast::Workflow, found: &mut Diagnostics) {
    for step in &workflow.on_failure {
        if let Some(first) = workflow.steps.iter().find(|known| known.name.node == step.name.node) {
            let message = format!("`{}` is a step of the workflow already", step.name.node);
            found.push(
                Diagnostic::error(Code::DuplicateName, step.name.span, message)
                    .also(first.name.span, "the first")
                    .help("steps of `on_failure` need names of their own"),
            );
        }
    }
}

/// What a step's `if` came to.
struct Condition {
    program: Option<Program>,
    /// Whether it is wrong, which has been told.
    is_wrong: bool,
    /// It, and what else refers to steps.
    programs: Vec<Program>,
}

struct Checker<'a> {
    workflow: &'a ast::Workflow,
    catalogue: &'a Catalogue,
    /// Of each step by its name; a step whose action does not exist is missing.
    actions: HashMap<&'a str, Arc<ActionSignature>>,
    /// The names of the workflow's steps, and of those of `on_failure`.
    steps: HashSet<&'a str>,
    handlers: HashSet<&'a str>,
    found: &'a mut Diagnostics,
}

impl<'a> Checker<'a> {
    fn list(&mut self, part: Part) -> Option<Vec<Step>> {
        let steps = match part {
            Part::Steps => &self.workflow.steps,
            Part::OnFailure => &self.workflow.on_failure,
        };
        // Every step is looked at, whatever is wrong with the ones before it.
        let env = self.env(part);
        let mut checked: Vec<Option<Step>> = Vec::new();
        for step in steps {
            let condition = self.condition_of(step, &env);
            let mut before = std::mem::take(self.found);
            // What is wrong, or could not be read, may be the condition that it is not null.
            let is_known = !step.is_cut && !condition.is_wrong;
            checked.push(self.step(step, condition, &env, part));
            let may_be_told = |problem: &&Diagnostic| is_known || problem.code != Code::MaybeNull;
            self.found.iter().filter(may_be_told).for_each(|problem| before.push(problem.clone()));
            *self.found = before;
        }
        checked.into_iter().collect()
    }

    fn env(&self, part: Part) -> TypeEnv {
        scope::workflow(self.workflow, &|step| self.actions.get(step.name.node.as_str()).map(Arc::clone), part)
    }

    fn condition_of(&mut self, step: &ast::Step, env: &TypeEnv) -> Condition {
        let mut programs = Vec::new();
        let before = self.found.iter().count();
        let program = step.condition.as_ref().and_then(|condition| self.condition(condition, env, &mut programs));
        let is_told = self.found.iter().count() > before;
        let is_wrong = step.condition_is_wrong || is_told || (step.condition.is_some() && program.is_none());
        Condition { program, is_wrong, programs }
    }

    fn step(&mut self, step: &'a ast::Step, condition: Condition, env: &TypeEnv, part: Part) -> Option<Step> {
        let Condition { program: condition, is_wrong: condition_is_wrong, mut programs } = condition;
        let calls = step.uses.as_ref().and_then(|uses| call::called(&uses.node));
        if let Some(callee) = calls {
            uses::keys_of_call(step, callee, self.found);
        }
        // The step is skipped where its condition is false.
        let known = condition.as_ref().map(|condition| nulls::proven(condition, env)).unwrap_or_default();
        let (for_each, item_env) = self.for_each(step, env, &known, &mut programs);
        let action = self.actions.get(step.name.node.as_str()).map(Arc::clone);
        let is_cut = step.is_cut && step.with.is_none();
        let action_of_step = action.as_deref().filter(|_| !is_cut);
        let with =
            self.with(action_of_step, step.with.as_ref(), step.uses.as_ref(), (&item_env, &known), &mut programs);
        // That a call cannot be undone as a whole has been told.
        let may_be_undone = |undo: &&ast::Undo| calls.is_none() || matches!(undo, ast::Undo::Action { .. });
        let undo = step.undo.as_ref().filter(may_be_undone);
        let undo = undo.and_then(|undo| self.undo(undo, action.as_deref(), (&item_env, &known), &mut programs));
        let references = self.references(&programs, Some(&step.name.node), part);
        let needs = self.needs(step, part);
        Some(Step {
            name: step.name.clone().map(StepName::from),
            docs: step.summary.as_ref().map(|summary| summary.node.clone()).unwrap_or_default(),
            action: action?,
            calls: calls.map(WorkflowName::from),
            condition_is_wrong,
            condition,
            with,
            retry: step.retry.map(retry),
            timeout: step.timeout.as_ref().map(|timeout| timeout.node),
            undo,
            for_each,
            needs,
            references,
        })
    }

    fn condition(&mut self, condition: &ast::Condition, env: &TypeEnv, programs: &mut Vec<Program>) -> Option<Program> {
        let mut problems = Diagnostics::new();
        let mut composer = Composer { env, diagnostics: &mut problems, programs, known: &Known::new() };
        let program = composer.program(&condition.expression);
        let span = condition.expression.span(0..condition.expression.text.len());
        if let (None, Some(comment)) = (&program, condition.comment) {
            // Half an expression: the rest was taken for a comment.
            self.found.push(
                Diagnostic::error(
                    Code::UnquotedExpression,
                    span.to(comment),
                    "this expression needs quotes: YAML takes ` #` for a comment",
                )
                .help("put the whole expression in quotes"),
            );
            return None;
        }
        if let Some(program) = &program
            && (program.is_optional() || !matches!(program.shape(), Shape::Bool | Shape::Any))
        {
            let is = if program.is_optional() { "an optional".to_owned() } else { format!("`{}`", program.shape()) };
            let message = format!("`if` must be true or false, but the expression is {is}");
            problems.push(Diagnostic::error(Code::WrongType, span, message).help("compare it with something"));
        }
        self.found.extend(problems);
        program
    }

    /// The items, and the names that exist for each of them.
    fn for_each(
        &mut self,
        step: &ast::Step,
        env: &TypeEnv,
        known: &Known,
        programs: &mut Vec<Program>,
    ) -> (Option<ForEach>, TypeEnv) {
        let Some(node) = &step.for_each else {
            // Where keys of the step could not be read, it may be one of them.
            let env = env.clone();
            return (None, if step.is_cut { scope::with_item(env, Shape::Any) } else { env });
        };
        let list = Shape::List(Box::new(Shape::Any));
        let wanted = Wanted { shape: &list, nullable: false, optional: false };
        let items = Composer { env, diagnostics: self.found, programs, known }.value(node, wanted, "`for_each`");
        let item = match &items {
            Some(Template::Expression(program)) => match program.shape() {
                Shape::List(item) => *item,
                _ => Shape::Any,
            },
            _ => Shape::Any,
        };
        let concurrency = step.concurrency.as_ref().map_or(1, |count| count.node);
        (items.map(|items| ForEach { items, concurrency }), scope::with_item(env.clone(), item))
    }

    /// A `with`, held against the inputs of its action. Without an action only its expressions are checked.
    fn with(
        &mut self,
        action: Option<&ActionSignature>,
        with: Option<&Node>,
        uses: Option<&Spanned<String>>,
        (env, known): (&TypeEnv, &Known),
        programs: &mut Vec<Program>,
    ) -> Template {
        if with.is_some_and(|with| with.as_map().is_none()) {
            // That it is no mapping has been said; what is in it is not missing, too.
            return Template::Object(Vec::new());
        }
        let entries = with.and_then(Node::as_map).unwrap_or_default();
        let whole = uses.map(|uses| uses.span).or(with.map(|with| with.span)).unwrap_or(self.workflow.span);
        let is_cut = with.is_some_and(Node::is_cut);
        let mut composer = Composer { env, diagnostics: self.found, programs, known };
        match action {
            Some(action) => {
                let composed = composer.object((entries, is_cut), &action.inputs, whole, &format!("`{}`", action.name));
                if !is_cut {
                    self.one_of(action, entries, &composed, whole);
                }
                composed
            }
            None => {
                let anything = crate::model::schema::Object { fields: Vec::new(), open: true };
                composer.object((entries, is_cut), &anything, whole, "the action")
            }
        }
    }

    /// Inputs of which exactly one is to be given. One that may hold nothing excludes no other.
    fn one_of(&mut self, action: &ActionSignature, entries: &[(Key, Node)], composed: &Template, place: Span) {
        if action.one_of.is_empty() {
            return;
        }
        let is_one = |name: &str| action.one_of.contains(&name);
        let names: Vec<String> = action.one_of.iter().map(|name| format!("`{name}`")).collect();
        let help = format!("`{}` takes exactly one of {}", action.name, names.join(", "));
        let may_be_nothing = |name: &str| match composed {
            Template::Object(fields) => fields.iter().any(|(field, value)| {
                field == name && matches!(value, Template::Expression(program) if program.is_optional())
            }),
            _ => false,
        };
        let is_misspelt = |key: &Key| {
            action.inputs.field(&key.name).is_none()
                && crate::base::suggest::nearest(&key.name, action.one_of.iter().copied()).is_some()
        };
        if !entries.iter().any(|(key, _)| is_one(&key.name) || is_misspelt(key)) {
            let message = format!("`{}` does nothing without an input", action.name);
            self.found.push(Diagnostic::error(Code::MissingInput, place, message).help(help));
            return;
        }
        let mut given =
            entries.iter().map(|(key, _)| key).filter(|key| is_one(&key.name) && !may_be_nothing(&key.name));
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            let message = format!("`{}` and `{}` exclude each other", first.name, second.name);
            let problem =
                Diagnostic::error(Code::ExclusiveInputs, second.span, message).also(first.span, "given already");
            self.found.push(problem.help(help));
        }
    }

    fn undo(
        &mut self,
        undo: &ast::Undo,
        action: Option<&ActionSignature>,
        scope: (&TypeEnv, &Known),
        programs: &mut Vec<Program>,
    ) -> Option<Undo> {
        match undo {
            ast::Undo::Previous(span) => {
                if let Some(action) = action.filter(|action| !action.undoable) {
                    let message = format!("`{}` does not remember what was before", action.name);
                    self.found.push(
                        Diagnostic::error(Code::BadUndo, *span, message)
                            .help("write `undo: { uses: ACTION, with: … }`, or delete the key"),
                    );
                    return None;
                }
                Some(Undo::Previous)
            }
            ast::Undo::Action { uses, with, .. } => {
                let action = uses::action(uses, self.catalogue, self.found);
                let with = self.with(action.as_deref(), with.as_ref(), Some(uses), scope, programs);
                Some(Undo::Action { action: action?, with })
            }
        }
    }

    fn needs(&mut self, step: &ast::Step, part: Part) -> Vec<Spanned<StepName>> {
        let mut needs = Vec::new();
        for need in &step.needs {
            if need.node == step.name.node {
                let message = format!("step `{}` cannot need itself", need.node);
                self.found.push(Diagnostic::error(Code::UnknownStep, need.span, message).help("delete it"));
            } else if self.names(part).contains(need.node.as_str()) {
                needs.push(need.clone().map(StepName::from));
            } else if part == Part::OnFailure && self.steps.contains(need.node.as_str()) {
                let message = format!("`{}` is no step of `on_failure`", need.node);
                let help = "when `on_failure` begins, every step of the workflow has settled: delete it";
                self.found.push(Diagnostic::error(Code::UnknownStep, need.span, message).help(help));
            } else {
                let known = match part {
                    Part::Steps => &self.workflow.steps,
                    Part::OnFailure => &self.workflow.on_failure,
                };
                self.unknown_step(&need.node, need.span, &mut known.iter());
            }
        }
        needs
    }

    fn names(&self, part: Part) -> &HashSet<&'a str> {
        match part {
            Part::Steps => &self.steps,
            Part::OnFailure => &self.handlers,
        }
    }

    /// The steps that expressions refer to, each once; what is no step, or the step itself, is reported.
    fn references(&mut self, programs: &[Program], own: Option<&str>, part: Part) -> Vec<Spanned<StepName>> {
        let handled = part == Part::OnFailure;
        let is_known = |own: &Self, name: &str| own.steps.contains(name) || (handled && own.handlers.contains(name));
        let mut seen: HashSet<String> = HashSet::new();
        let mut references: Vec<Spanned<StepName>> = Vec::new();
        for reference in programs.iter().flat_map(|program| program.references("steps")) {
            let Some(name) = reference.name else {
                self.found.push(
                    Diagnostic::error(
                        Code::UnknownStep,
                        reference.span,
                        "`steps` can only be used with the name of a step",
                    )
                    .help("write `steps.NAME`: what a step waits for must be known before the run"),
                );
                continue;
            };
            if own == Some(name.as_str()) {
                let message = format!("step `{name}` cannot refer to itself");
                let help = "its output is there only once it has ended";
                self.found.push(Diagnostic::error(Code::UnknownStep, reference.span, message).help(help));
            } else if !is_known(self, &name) {
                let handlers = if handled { self.workflow.on_failure.as_slice() } else { &[] };
                self.unknown_step(&name, reference.span, &mut self.workflow.steps.iter().chain(handlers));
            } else if seen.insert(name.clone()) {
                references.push(Spanned::new(StepName::from(name), reference.span));
            }
        }
        references
    }

    fn unknown_step(&mut self, name: &str, span: Span, known: &mut dyn Iterator<Item = &ast::Step>) {
        if self.found.is_full(span.source) || self.workflow.may_have_more_steps {
            return;
        }
        let mut names: Vec<&str> = known.map(|step| step.name.node.as_str()).collect();
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(*name));
        let is_handler = self.handlers.contains(name);
        let message = format!("there is no step `{name}`");
        let diagnostic = Diagnostic::error(Code::UnknownStep, span, message);
        self.found.push(if is_handler {
            diagnostic.help("steps of `on_failure` run only after a failure")
        } else if let Some(near) = crate::base::suggest::nearest(name, names.iter().copied()) {
            diagnostic.help(format!("did you mean `{near}`?"))
        } else {
            let list: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
            let more = if names.len() > MAX_LISTED { ", …" } else { "" };
            diagnostic.help(format!("steps are {}{more}", list.join(", ")))
        });
    }

    /// What the workflow returns, and the same as those who call it see it.
    fn outputs(&mut self) -> (Vec<(String, Template)>, Vec<Field>) {
        let env = self.env(Part::Steps);
        let (mut outputs, mut fields) = (Vec::new(), Vec::new());
        for (key, node) in &self.workflow.outputs {
            let mut programs = Vec::new();
            let known = Known::new();
            let mut composer = Composer { env: &env, diagnostics: self.found, programs: &mut programs, known: &known };
            let template = composer.value(node, ANYTHING, &format!("`{}`", key.name));
            self.references(&programs, None, Part::Steps);
            fields.push(match &template {
                Some(template) => {
                    let whole = match template {
                        Template::Expression(program) => nulls::may_be_null(program, &env, &known).is_some(),
                        _ => false,
                    };
                    call::field_of(&key.name, template, whole)
                }
                // What is wrong with it has been told.
                None => Field::required(&key.name, Shape::Any, ""),
            });
            outputs.extend(template.map(|template| (key.name.clone(), template)));
        }
        (outputs, fields)
    }
}

fn retry(retry: ast::Retry) -> Retry {
    let backoff = retry.backoff.unwrap_or(BACKOFF.min(retry.max_backoff.unwrap_or(BACKOFF)));
    let max_backoff = retry.max_backoff.unwrap_or(MAX_BACKOFF.max(backoff));
    Retry { attempts: retry.attempts, backoff, max_backoff }
}
