//! What stands under the cursor, in words.

use super::describe;
use super::index::{File, Index, Place, Tree, data};
use super::symbols::{self, Symbol};
use crate::base::span::Span;
use crate::expression::ast::{Expr, ExprKind};
use crate::expression::{Inspection, Type, inspect, reference};
use crate::syntax::rules::ast::{ClauseKind, Item, Rule};
use crate::syntax::workflow::ast::{Step, Undo};
use crate::syntax::workflow::keys::{self, Key, Takes};
use crate::syntax::yaml::{self, Node};

/// Markdown, and what it is about.
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) span: Span,
}

/// What is to be said of a byte of a file; `None` where nothing is.
pub(super) fn at(index: &Index, file: &File, offset: usize) -> Option<Shown> {
    if let Some(place) = index.expression_at(file, offset)
        && let Some(shown) = in_expression(index, file, &place, offset)
    {
        return Some(shown);
    }
    if let Some(found) = symbols::at(index, file, offset)
        && let Some(text) = of_symbol(index, &found.symbol)
    {
        return Some(Shown { text, span: found.span });
    }
    match &file.tree {
        Tree::Rules(rules) => rules.items.iter().find_map(|item| match item {
            Item::Rule(rule) => in_rule(rule, offset),
            Item::Event(_) => None,
        }),
        Tree::Workflow(_) => in_yaml(index, file, offset),
    }
}

fn holds(span: Span, offset: usize) -> bool {
    span.range().start <= offset && offset <= span.range().end
}

/// What a symbol is; `None` for one that is not declared.
pub(super) fn of_symbol(index: &Index, symbol: &Symbol) -> Option<String> {
    match symbol {
        Symbol::Event(name) => index.event(name).map(describe::event),
        Symbol::Field(event, name) => {
            let data = data(&index.event(event)?.fields);
            data.field(name).map(|field| describe::named_field(&format!("field of event `{event}`"), field))
        }
        Symbol::Rule(_) => None,
        Symbol::Workflow(name) => index.workflow(name).map(|workflow| describe::workflow(name, workflow)),
        Symbol::Input(workflow, name) => {
            let field = index.workflow(workflow)?.inputs.field(name)?;
            Some(describe::named_field(&format!("input of workflow `{workflow}`"), field))
        }
        Symbol::Step(path, name) => {
            let Tree::Workflow(Some(workflow)) = &index.file(path)?.tree else { return None };
            let step = workflow.steps.iter().chain(&workflow.on_failure).find(|step| step.name.node == *name)?;
            Some(describe::step(step, index.action(step).as_deref()))
        }
        Symbol::Action(name) => index.catalogue.get(name).map(|action| describe::action(action)),
    }
}

fn in_rule(rule: &Rule, offset: usize) -> Option<Shown> {
    let clause = rule.clauses.iter().find(|clause| holds(clause.span, offset))?;
    if let ClauseKind::Busy(mode) = &clause.kind
        && holds(mode.span, offset)
    {
        let (_, docs) = describe::BUSY.iter().find(|(name, _)| *name == mode.node)?;
        return Some(Shown { text: (*docs).to_owned(), span: mode.span });
    }
    let word = clause.kind.word().filter(|_| holds(clause.word, offset))?;
    Some(Shown { text: describe::clause_text(word), span: clause.word })
}

// ---- within an expression -------------------------------------------------------------------------------------------

fn in_expression(index: &Index, file: &File, place: &Place<'_>, offset: usize) -> Option<Shown> {
    let env = index.env(place.scope);
    let seen = inspect(&place.fragment, &env)?;
    let node = innermost(seen.expr(), offset)?;
    of_node(index, file, place, &seen, node, offset)
}

/// The smallest node that holds the offset.
fn innermost(expr: &Expr, offset: usize) -> Option<&Expr> {
    let inner = expr.children().into_iter().find_map(|child| innermost(child, offset));
    inner.or_else(|| holds(expr.span, offset).then_some(expr))
}

fn of_node(
    index: &Index,
    file: &File,
    place: &Place<'_>,
    seen: &Inspection,
    node: &Expr,
    offset: usize,
) -> Option<Shown> {
    let kind = seen.type_of(node);
    match &node.kind {
        ExprKind::Name { name, .. } => {
            Some(Shown { text: describe::typed(name, kind, variable(name)), span: node.span })
        }
        ExprKind::Select { operand, field, .. } | ExprKind::Has { operand, field } if holds(field.span, offset) => {
            // A step or an input says more of itself than its type does.
            let named = symbols::at(index, file, offset).filter(|found| matches!(found.symbol, Symbol::Step(..)));
            if let Some(text) = named.and_then(|found| of_symbol(index, &found.symbol)) {
                return Some(Shown { text, span: field.span });
            }
            let declared = match describe::content(seen.type_of(operand)) {
                Type::Object(object) => object.field(&field.node).cloned(),
                _ => None,
            };
            let (kind, docs) = match declared {
                Some(declared) => (Type::of_shape(&declared.shape), declared.docs),
                None => (kind.clone(), String::new()),
            };
            Some(Shown { text: describe::typed(&field.node, &kind, &docs), span: field.span })
        }
        ExprKind::Call { function, .. } if holds(function.span, offset) => {
            let name = seen.namespaced(node).unwrap_or(&function.node);
            let text = describe::function(&reference::function(name)?);
            Some(Shown { text, span: function.span })
        }
        ExprKind::Comprehension(it) if holds(it.name, offset) => macro_at(place, it.name),
        ExprKind::Has { operand, .. } if offset < operand.span.range().start => of_macro("has", node.span),
        ExprKind::Bind { name, .. } if offset < name.span.range().start => of_macro("cel.bind", node.span),
        ExprKind::OptionalMap { operand, name, flat, .. }
            if (operand.span.end..name.span.start).contains(&place_of(offset)) =>
        {
            of_macro(if *flat { "optFlatMap" } else { "optMap" }, node.span)
        }
        _ => Some(Shown { text: describe::type_alone(kind), span: node.span }),
    }
}

fn place_of(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

fn of_macro(name: &str, span: Span) -> Option<Shown> {
    Some(Shown { text: describe::macro_of(&reference::find_macro(name)?), span })
}

fn macro_at(place: &Place<'_>, span: Span) -> Option<Shown> {
    // The word as it is written: the tree says only what it stands for.
    let text = &place.fragment.text;
    let word =
        text.char_indices().map(|(at, _)| at).find(|at| place.fragment.span(*at..*at + 1).start == span.start)?;
    let rest = text.get(word..)?;
    let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    of_macro(name, span)
}

/// What the names that always exist are.
pub(super) fn variable(name: &str) -> &'static str {
    match name {
        "event" => "The event that the rule looks at.",
        "target" => "The target that the event is about, as it was when the event was taken up.",
        "now" => "When the event was taken up.",
        "inputs" => "What the rule gave the workflow.",
        "steps" => "The outputs of the steps that were done. A skipped step is absent.",
        "run" => "This run.",
        "error" => "What failed first.",
        "item" => "The item of `for_each`.",
        "index" => "The item's place, from 0.",
        _ => "",
    }
}

// ---- keys of a workflow ---------------------------------------------------------------------------------------------

/// The keys of the file's tree down to the one under the cursor.
fn in_yaml(index: &Index, file: &File, offset: usize) -> Option<Shown> {
    let (root, _) = yaml::parse(file.id, index.text(file.id));
    let root = root?;
    let mut path: Vec<String> = Vec::new();
    let span = key_at(&root, offset, &mut path)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let text = of_path(index, file, &path)?;
    Some(Shown { text, span })
}

/// Depth is bounded by the reader's limit on nesting.
fn key_at(node: &Node, offset: usize, path: &mut Vec<String>) -> Option<Span> {
    for (key, value) in node.as_map().unwrap_or_default() {
        path.push(key.name.clone());
        if holds(key.span, offset) {
            return Some(key.span);
        }
        if let Some(found) = key_at(value, offset, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

fn of_path(index: &Index, file: &File, path: &[&str]) -> Option<String> {
    let docs = |table: &'static [Key], name: &str| keys::find(table, name).map(|key| key.docs.to_owned());
    let Tree::Workflow(Some(workflow)) = &file.tree else { return None };
    let step = |name: &str| workflow.steps.iter().chain(&workflow.on_failure).find(|step| step.name.node == name);
    let input = |uses: Option<&str>, name: &str| {
        let action = index.signature(uses?)?;
        let field = action.inputs.field(name)?;
        Some(describe::named_field(&format!("input of `{}`", action.name), field))
    };
    match path {
        [key] => docs(keys::WORKFLOW, key),
        [part, rest @ ..] if keys::find(keys::WORKFLOW, part).is_some_and(|key| key.takes == Takes::Steps) => {
            match rest {
                [_, key] => docs(keys::STEP, key),
                [_, "retry", key] => docs(keys::RETRY, key),
                [_, "undo", key] => docs(keys::UNDO, key),
                [name, "with", key] => input(uses_of(step(name)?), key),
                [name, "undo", "with", key] => input(undo_of(step(name)?), key),
                _ => None,
            }
        }
        _ => None,
    }
}

fn uses_of(step: &Step) -> Option<&str> {
    step.uses.as_ref().map(|uses| uses.node.as_str())
}

fn undo_of(step: &Step) -> Option<&str> {
    match &step.undo {
        Some(Undo::Action { uses, .. }) => Some(&uses.node),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::scope::Part;
    use crate::lsp::index::Scope;

    #[test]
    fn every_name_that_always_exists_is_described() {
        let text = "workflow: a\nsteps: { b: { uses: c, for_each: [1] } }\n";
        let mut sources = crate::base::source::Sources::new();
        sources.add("a.yaml", text);
        let index = Index::new(sources, &crate::action::catalogue().into(), None);
        let workflow = index.workflow("a").unwrap();
        let step = workflow.steps.first();
        let scopes = [Part::Steps, Part::OnFailure].map(|part| index.env(Scope::Workflow { workflow, part, step }));
        for env in scopes.iter().chain([&index.env_of_event(None)]) {
            for (name, _) in env.variables() {
                assert!(!variable(name).is_empty(), "{name}");
            }
        }
    }
}
