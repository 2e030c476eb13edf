//! An expression that can fail at run time: absent fields, null, keys, divisors, texts that are converted.

use super::is_constant;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::expression::ast::{Expr, ExprKind};
use crate::ir::template::Template;
use crate::ir::{ForEach, Undo};
use crate::lint::flow::{self, Conditions, Facts, Failure};
use crate::lint::subject::{Rule, Step, Workflow};
use crate::lint::text::path;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::model::schema::{Object, Shape};

pub(super) const LINT: Lint = Lint {
    name: "fallible-expression",
    code: Code::FallibleExpression,
    level: Level::Warn,
    page: include_str!("fallible_expression.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in &subject.rules {
        in_rule(subject, rule, findings);
    }
    for workflow in &subject.workflows {
        for step in workflow.all_steps() {
            in_step(subject, workflow, step, findings);
        }
        let conditions = flow::conditions(workflow, false);
        let mut place = Place { subject, conditions: &conditions, facts: Facts::default(), why: RUN, findings };
        for (_, output) in &workflow.checked.outputs {
            place.template(output, None);
        }
    }
}

/// What follows where an expression fails.
const RULE: &str = "then the rule does not match";
const RUN: &str = "then the run fails";

fn in_rule(subject: &Subject<'_>, rule: &Rule<'_>, findings: &mut Findings) {
    let conditions = Conditions::default();
    let mut place = Place { subject, conditions: &conditions, facts: Facts::default(), why: RULE, findings };
    if let Some(when) = &rule.rule.when {
        place.program(when, false);
    }
    place.facts = flow::in_rule(rule.rule.when.as_ref());
    if let Some(run) = &rule.rule.run {
        let workflow = subject.workflow(run.workflow.as_str());
        place.template(&run.arguments, workflow.map(|workflow| &workflow.checked.inputs));
    }
    for emit in &rule.rule.emit {
        place.template(&emit.arguments, subject.event(&emit.event).map(|event| &event.event.data));
    }
}

fn in_step(subject: &Subject<'_>, workflow: &Workflow<'_>, step: &Step<'_>, findings: &mut Findings) {
    let conditions = flow::conditions(workflow, step.is_handler);
    let mut facts = Facts::default();
    facts.close(&conditions);
    let mut place = Place { subject, conditions: &conditions, facts, why: RUN, findings };
    if let Some(condition) = &step.checked.condition {
        place.program(condition, false);
    }
    place.facts = flow::in_step(step, &conditions, false);
    if let Some(ForEach { items, .. }) = &step.checked.for_each {
        place.template(items, None);
    }
    place.facts = flow::in_step(step, &conditions, true);
    place.template(&step.checked.with, Some(&step.checked.action.inputs));
    if let Some(Undo::Action { action, with }) = &step.checked.undo {
        place.template(with, Some(&action.inputs));
    }
}

/// Where expressions stand.
struct Place<'a, 'f> {
    subject: &'a Subject<'a>,
    conditions: &'a Conditions<'a>,
    facts: Facts,
    why: &'static str,
    findings: &'f mut Findings,
}

impl Place<'_, '_> {
    /// `takes_nothing`: what the value is for may be left out.
    fn program(&mut self, program: &Program, takes_nothing: bool) {
        let mut always: Vec<Span> = Vec::new();
        for (span, message) in failing(program) {
            let message = format!("this fails always: {message}; {}", self.why);
            let help = "correct it: nothing in it depends on what happens";
            self.findings.push(Diagnostic::warning(Code::FallibleExpression, span, message).help(help));
            always.push(span);
        }
        for failure in flow::failures(program, &self.facts, self.conditions) {
            let Failure { span, message, help, dot } = failure;
            if always.iter().any(|whole| whole.start <= span.start && span.end <= whole.end) {
                continue;
            }
            let finding =
                Diagnostic::warning(Code::FallibleExpression, span, format!("{message}; {}", self.why)).help(help);
            let dot = dot.filter(|dot| takes_nothing && self.subject.text(*dot) == ".");
            self.findings.push(match dot {
                Some(dot) => finding.edit(dot, ".?"),
                None => finding,
            });
        }
    }

    /// `declared` is what the values are for.
    fn template(&mut self, template: &Template, declared: Option<&Object>) {
        let Template::Object(entries) = template else {
            template.programs().into_iter().for_each(|program| self.program(program, false));
            return;
        };
        for (name, value) in entries {
            let field = declared.and_then(|object| object.field(name));
            match value {
                Template::Expression(program) => {
                    self.program(program, field.is_some_and(|field| field.optional));
                    let takes_null = field.is_none_or(|field| field.nullable || field.shape == Shape::Any);
                    if !takes_null {
                        self.null(program, name);
                    }
                }
                other => other.programs().into_iter().for_each(|program| self.program(program, false)),
            }
        }
    }

    /// A value that may be null where null is refused.
    fn null(&mut self, program: &Program, name: &str) {
        let Some(whole) = path(program.expr()).filter(|_| program.is_nullable() && !program.is_optional()) else {
            return;
        };
        if !self.facts.is_filled(&whole) {
            let message = format!("`{whole}` may be null, and `{name}` takes no null; {}", self.why);
            let help = format!("ask with `{whole} != null` first");
            self.findings.push(Diagnostic::warning(Code::FallibleExpression, program.expr().span, message).help(help));
        }
    }
}

/// The largest parts without variables that fail, and how.
fn failing(program: &Program) -> Vec<(Span, String)> {
    fn look(program: &Program, part: &Expr, found: &mut Vec<(Span, String)>) {
        if !is_constant(part) {
            part.children().into_iter().for_each(|child| look(program, child, found));
        } else if !matches!(part.kind, ExprKind::Literal(_))
            && let Some(Err(error)) = program.evaluate_part(part)
        {
            found.push((part.span, error.message));
        }
    }
    let mut found = Vec::new();
    look(program, program.expr(), &mut found);
    found
}
