//! Rules files become event types and checked rules: names resolved, expressions compiled, arguments held against what
//! takes them.
//!
//! All problems of all files are found at once. What a rule needs to be whole and is bad leaves the rule out.

mod call;
mod events;
#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::Duration;

use super::nulls::{self, Known};
use super::{Busy, Emission, EventType, Invocation, Rule, Threshold, Throttle, holes, scope};
use crate::base::digest::Digest;
use crate::base::fragment::Fragment;
use crate::base::id::{RuleName, WorkflowName};
use crate::base::parallel;
use crate::base::span::{Span, Spanned};
use crate::base::suggest::{Candidates, Patience};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{self, TypeEnv};
use crate::model::schema::{Object, Shape};
use crate::syntax::rules::ast::{self, ClauseKind, ClauseWord};

/// The workflows that rules may run, by name: the inputs that each declares, or `None` where its file is wrong.
pub type Workflows<'a> = BTreeMap<&'a str, Option<&'a Object>>;

/// Checks every file of one program together. Rules come by priority, then by file and place.
pub fn check(files: &[ast::File], workflows: &Workflows<'_>) -> (Vec<EventType>, Vec<Rule>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let events = events::declare(files, &mut diagnostics);
    let names = Names::new(&events, workflows);
    let mut rules = Vec::new();
    let mut places: HashMap<&str, Span> = HashMap::new();
    let checked = parallel::map(files, |file| {
        let (mut diagnostics, mut patience) = (Diagnostics::new(), Patience::of_each(files.len()));
        let check = |rule| Checker::new(&names, &mut diagnostics, &mut patience).rule(rule);
        let rules: Vec<_> = rules_of(file).map(check).collect();
        (rules, diagnostics)
    });
    for (file, (checked, found)) in files.iter().zip(checked) {
        for (rule, checked) in rules_of(file).zip(checked) {
            let first = once(&mut places, &rule.name, "rule", &mut diagnostics);
            rules.extend(checked.filter(|_| first));
        }
        diagnostics.extend(found);
    }
    // A stable sort: among equals, files and places keep their order.
    rules.sort_by_key(|rule| rule.priority);
    (events, rules, diagnostics)
}

fn rules_of(file: &ast::File) -> impl Iterator<Item = &ast::Rule> {
    file.items.iter().filter_map(|item| match item {
        ast::Item::Rule(rule) => Some(rule),
        ast::Item::Event(_) => None,
    })
}

/// Whether this is the first of its name; a repeated one is said. A missing name was said before and counts as first.
fn once<'a>(
    places: &mut HashMap<&'a str, Span>,
    name: &'a Spanned<String>,
    what: &str,
    diagnostics: &mut Diagnostics,
) -> bool {
    if name.node.is_empty() {
        return true;
    }
    if let Some(first) = places.get(name.node.as_str()) {
        diagnostics.push(
            Diagnostic::error(Code::DuplicateName, name.span, format!("the {what} `{}` is declared twice", name.node))
                .label("declared again")
                .also(*first, "declared here first")
                .help("rename or delete one of the two"),
        );
        return false;
    }
    places.insert(&name.node, name.span);
    true
}

/// What all rules refer to, made once: with thousands of rules nothing here may be looked for or built for each.
struct Names<'a> {
    events: BTreeMap<&'a str, (&'a EventType, TypeEnv)>,
    workflows: &'a Workflows<'a>,
    /// What a rule on an event that is not known may use: all is allowed.
    nothing_known: TypeEnv,
    similar_events: OnceLock<Candidates<'a>>,
    similar_workflows: OnceLock<Candidates<'a>>,
}

impl<'a> Names<'a> {
    fn new(events: &'a [EventType], workflows: &'a Workflows<'a>) -> Self {
        let target = scope::target();
        let with_event = |data: Object| scope::rule(data, &target);
        Self {
            events: events.iter().map(|event| (event.name.as_str(), (event, with_event(event.data.clone())))).collect(),
            workflows,
            nothing_known: with_event(Object { open: true, ..Object::default() }),
            similar_events: OnceLock::new(),
            similar_workflows: OnceLock::new(),
        }
    }

    fn similar_events(&self) -> &Candidates<'a> {
        self.similar_events.get_or_init(|| Candidates::new(self.events.keys().copied()))
    }

    fn similar_workflows(&self) -> &Candidates<'a> {
        self.similar_workflows.get_or_init(|| Candidates::new(self.workflows.keys().copied()))
    }
}

/// Checks one rule.
struct Checker<'n, 'a> {
    names: &'n Names<'a>,
    diagnostics: &'n mut Diagnostics,
    /// The names that the rule's expressions may use.
    env: &'n TypeEnv,
    /// What its `when` makes sure is not null; `None` where that is wrong and may have meant to.
    known: Option<Known>,
    /// The last expression that was wrong, as far as it can be read.
    wrong: Option<expression::Program>,
    patience: &'n mut Patience,
}

impl<'n, 'a> Checker<'n, 'a> {
    fn new(names: &'n Names<'a>, diagnostics: &'n mut Diagnostics, patience: &'n mut Patience) -> Self {
        Self { names, diagnostics, env: &names.nothing_known, known: Some(Known::new()), wrong: None, patience }
    }

    fn rule(&mut self, rule: &ast::Rule) -> Option<Rule> {
        let unique = self.without_repeated(rule);
        self.missing(rule);
        let on = unique.iter().find_map(|clause| match &clause.kind {
            ClauseKind::On(name) => Some(name),
            _ => None,
        });
        let known = on.and_then(|on| self.event(on));
        if let Some((_, env)) = known {
            self.env = env;
        }
        let event = known.map(|(event, _)| event);
        let mut checked = Rule {
            name: RuleName::from(rule.name.node.as_str()),
            docs: rule.docs.as_ref().map_or_else(String::new, |docs| docs.node.clone()),
            priority: 0,
            on: event.map_or_else(String::new, |event| event.name.clone()),
            when: None,
            threshold: None,
            debounce: None,
            throttle: None,
            busy: Busy::default(),
            run: None,
            emit: Vec::new(),
            digest: Digest::of(&rule.canonical),
            span: rule.span,
        };
        let mut whole = event.is_some() && !rule.name.node.is_empty();
        // The condition holds wherever the other clauses are looked at, in whatever order they stand.
        if unique.iter().any(|clause| {
            matches!(clause.kind, ClauseKind::CutWhen { .. } | ClauseKind::Bad(None | Some(ClauseWord::When)))
        }) {
            self.known = None;
        }
        let (conditions, others): (Vec<_>, Vec<_>) =
            unique.into_iter().partition(|clause| matches!(clause.kind, ClauseKind::When(_)));
        for clause in conditions.into_iter().chain(others) {
            whole &= self.clause(clause, &mut checked).is_some();
        }
        whole &= checked.run.is_some() || !checked.emit.is_empty();
        whole.then_some(checked)
    }

    /// The clauses but those that repeat one; `emit` may stand as often as is needed.
    fn without_repeated<'r>(&mut self, rule: &'r ast::Rule) -> Vec<&'r ast::Clause> {
        let mut first: HashMap<ClauseWord, Span> = HashMap::new();
        let mut unique = Vec::new();
        for clause in &rule.clauses {
            let word = match &clause.kind {
                ClauseKind::CutWhen { .. } | ClauseKind::Bad(_) | ClauseKind::Emit { .. } => None,
                kind => kind.word(),
            };
            let before = word.and_then(|word| first.insert(word, clause.word).map(|before| (word, before)));
            let Some((word, before)) = before else {
                unique.push(clause);
                continue;
            };
            let message = format!("the rule has two `{}` clauses", word.as_str());
            self.diagnostics.push(
                Diagnostic::error(Code::DuplicateClause, clause.word, message)
                    .label("stands again")
                    .also(before, "stands here before")
                    .help("delete one of the two, or write a rule for each"),
            );
        }
        unique
    }

    /// Says which clauses are missing, unless a bad one may have been meant to be it.
    fn missing(&mut self, rule: &ast::Rule) {
        let has = |wanted: ClauseWord| {
            rule.clauses.iter().any(|clause| match (&clause.kind, clause.kind.word()) {
                (ClauseKind::CutWhen { swallows: true, .. }, _) | (_, None) => true,
                (_, Some(word)) => word == wanted,
            })
        };
        let name = &rule.name;
        if name.node.is_empty() {
            // What stands there may be meant to be something else.
            return;
        }
        if !has(ClauseWord::On) {
            let message = format!("the rule `{}` has no `on` clause", name.node);
            self.diagnostics.push(
                Diagnostic::error(Code::MissingClause, name.span, message)
                    .help("say which event it is for: `on EVENT`"),
            );
        }
        if !has(ClauseWord::Run) && !has(ClauseWord::Emit) {
            let message = format!("the rule `{}` does nothing: it has neither `run` nor `emit`", name.node);
            self.diagnostics.push(
                Diagnostic::error(Code::MissingClause, name.span, message)
                    .help("say what it does: `run WORKFLOW(…)` or `emit EVENT(…)`"),
            );
        }
    }

    /// The declared event of that name, and the names that rules on it may use.
    fn event(&mut self, name: &Spanned<String>) -> Option<(&'a EventType, &'n TypeEnv)> {
        if let Some((event, env)) = self.names.events.get(name.node.as_str()) {
            return Some((event, env));
        }
        let message = format!("the event `{}` is not declared", name.node);
        let help = format!("declare it: `event {} {{ … }}`", name.node);
        let near = self.names.similar_events().nearest(&name.node, self.patience);
        self.diagnostics.push(Diagnostic::error(Code::UnknownEvent, name.span, message).help(help).did_you_mean(near));
        None
    }

    /// Puts what the clause says into the rule; `None` where it is wrong, which is then said.
    fn clause(&mut self, clause: &ast::Clause, rule: &mut Rule) -> Option<()> {
        match &clause.kind {
            ClauseKind::On(_) => {}
            ClauseKind::When(condition) => {
                self.wrong = None;
                let condition = self.condition(condition);
                let read = condition.as_ref().or(self.wrong.as_ref());
                self.known = read.map(|condition| nulls::proven(condition, self.env));
                let condition = condition?;
                rule.when = Some(condition);
            }
            ClauseKind::Priority(priority) => rule.priority = priority.node,
            ClauseKind::Threshold { count, within } => {
                rule.threshold = Some(Threshold { count: count.node, within: within.node });
            }
            ClauseKind::Debounce(duration) => rule.debounce = Some(duration.node),
            ClauseKind::Throttle { count, per } => {
                rule.throttle = Some(Throttle { count: count.node, per: per.node });
            }
            ClauseKind::Busy(mode) => rule.busy = self.busy(mode)?,
            ClauseKind::Run(call) => rule.run = Some(self.invocation(call)?),
            ClauseKind::Emit { call, after } => {
                let after = after.as_ref().map_or(Duration::ZERO, |after| after.node);
                rule.emit.push(self.emission(call, after)?);
            }
            ClauseKind::CutWhen { read, .. } => {
                // Only for what is wrong in it; that it ends too early was said as something else.
                let end = read.span(0..read.text.trim_end().len()).end;
                let problems = expression::compile(read, self.env).err().into_iter().flat_map(Diagnostics::into_list);
                let ends =
                    |problem: &Diagnostic| problem.code == Code::ExpressionSyntax && problem.primary.span.end >= end;
                problems.filter(|problem| !ends(problem)).for_each(|problem| self.diagnostics.push(problem));
                return None;
            }
            ClauseKind::Bad(_) => return None,
        }
        Some(())
    }

    fn compile(&mut self, fragment: &Fragment) -> Option<expression::Program> {
        if self.diagnostics.is_full(fragment.source) {
            return None;
        }
        match expression::compile(fragment, self.env) {
            Ok(program) => {
                holes::check(&program, self.diagnostics);
                if let Some(known) = &self.known {
                    nulls::check(&program, self.env, known, self.diagnostics);
                }
                Some(program)
            }
            Err(problems) => {
                if let Some(known) = &self.known {
                    self.wrong = nulls::check_wrong(fragment, self.env, known, &problems, self.diagnostics);
                }
                self.diagnostics.extend(problems);
                None
            }
        }
    }

    fn condition(&mut self, fragment: &Fragment) -> Option<expression::Program> {
        let program = self.compile(fragment)?;
        let shape = program.shape();
        let span = fragment.span(0..fragment.text.len());
        if program.is_optional() {
            self.diagnostics.push(
                Diagnostic::error(Code::WrongType, span, "a `when` needs a `bool`, but this may hold nothing")
                    .help("say what holds then: `.orValue(false)`"),
            );
            return None;
        }
        if !matches!(shape, Shape::Bool | Shape::Any) {
            let message = format!("a `when` needs a `bool`, but this is `{shape}`");
            let help = match shape {
                Shape::List(_) | Shape::Map(_) => "whether it holds anything is asked with `size(…) > 0`",
                Shape::String => "compare it with something, like `… == \"text\"`",
                _ => "compare it with something, like `… == 1`",
            };
            let help = holes::whole(&program).and_then(|hole| hole.help).unwrap_or_else(|| help.to_owned());
            self.diagnostics.push(Diagnostic::error(Code::WrongType, span, message).help(help));
            return None;
        }
        Some(program)
    }

    fn busy(&mut self, mode: &Spanned<String>) -> Option<Busy> {
        let found = Busy::ALL.into_iter().find(|known| known.as_str() == mode.node);
        if found.is_none() {
            self.diagnostics.push(
                Diagnostic::error(Code::BadClause, mode.span, format!("`{}` is no way to be busy", mode.node))
                    .help("write `queue`, `coalesce`, `supersede` or `drop`")
                    .suggest(&mode.node, Busy::ALL.into_iter().map(Busy::as_str)),
            );
        }
        found
    }

    fn invocation(&mut self, call: &ast::Call) -> Option<Invocation> {
        let name = call.name.node.as_str();
        let workflow = self.names.workflows.get(name);
        if workflow.is_none() {
            let names: Vec<String> = self.names.workflows.keys().take(9).map(|name| format!("`{name}`")).collect();
            let help = match names.as_slice() {
                [] => "name the workflow's file, too".to_owned(),
                names if names.len() <= 8 => format!("workflows are {}", names.join(", ")),
                _ => "name a workflow among the checked files".to_owned(),
            };
            let problem =
                Diagnostic::error(Code::UnknownWorkflow, call.name.span, format!("there is no workflow `{name}`"));
            // Elsewhere workflows are named with what they are, as in `workflow.rest`.
            let near = self.names.similar_workflows().nearest(name.rsplit('.').next().unwrap_or(name), self.patience);
            self.diagnostics.push(problem.help(help).did_you_mean(near));
        }
        let inputs = workflow.copied().flatten();
        let arguments = self.arguments(call, inputs, &format!("workflow `{name}`"), "input");
        inputs?;
        Some(Invocation { workflow: WorkflowName::from(name), arguments: arguments? })
    }

    fn emission(&mut self, call: &ast::Call, after: Duration) -> Option<Emission> {
        let event = self.event(&call.name).map(|(event, _)| event);
        let what = format!("event `{}`", call.name.node);
        let arguments = self.arguments(call, event.map(|event| &event.data), &what, "field");
        Some(Emission { event: event?.name.clone(), arguments: arguments?, after })
    }
}
