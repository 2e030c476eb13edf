//! Everything that has a name, where it is declared and where it is used: definitions, references, outlines.

use std::path::{Path, PathBuf};

use tower_lsp_server::ls_types::{DocumentSymbol, SymbolKind};

use super::index::{File, Index, Scope, Tree, event_of, input_places, places};
use super::position::range;
use crate::base::span::Span;
use crate::expression::ast::{Expr, ExprKind, Literal};
use crate::expression::parse;
use crate::ir::call::called;
use crate::syntax::rules::ast::{Call, ClauseKind, Item, Rule};
use crate::syntax::workflow::ast::{Step, Undo, Workflow};
use crate::syntax::yaml::Node;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Event(String),
    /// Of an event type.
    Field(String, String),
    Rule(String),
    Workflow(String),
    /// Of a workflow.
    Input(String, String),
    /// Of the workflow in that file.
    Step(PathBuf, String),
    Action(String),
}

/// One place where a name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) symbol: Symbol,
    pub(super) span: Span,
    /// Whether the name is declared here.
    pub(super) declares: bool,
}

/// The symbol at a byte of a file.
pub(super) fn at(index: &Index, file: &File, offset: usize) -> Option<Occurrence> {
    let mut found = Vec::new();
    of_file(index, file, &mut found);
    found.into_iter().find(|known| known.span.range().start <= offset && offset <= known.span.range().end)
}

/// Every place of a symbol in the whole program.
pub(super) fn all(index: &Index, symbol: &Symbol) -> Vec<Occurrence> {
    let mut found = Vec::new();
    index.files.iter().for_each(|file| of_file(index, file, &mut found));
    found.retain(|known| known.symbol == *symbol);
    found
}

struct Finder<'f> {
    found: &'f mut Vec<Occurrence>,
}

impl Finder<'_> {
    fn declare(&mut self, symbol: Symbol, span: Span) {
        self.found.push(Occurrence { symbol, span, declares: true });
    }

    fn use_of(&mut self, symbol: Symbol, span: Span) {
        self.found.push(Occurrence { symbol, span, declares: false });
    }
}

fn of_file(index: &Index, file: &File, found: &mut Vec<Occurrence>) {
    let mut finder = Finder { found };
    match &file.tree {
        Tree::Rules(rules) => {
            for item in &rules.items {
                match item {
                    Item::Event(event) => {
                        finder.declare(Symbol::Event(event.name.node.clone()), event.name.span);
                        for field in &event.fields {
                            let symbol = Symbol::Field(event.name.node.clone(), field.name.node.clone());
                            finder.declare(symbol, field.name.span);
                        }
                    }
                    Item::Rule(rule) => finder.rule(rule),
                }
            }
        }
        Tree::Workflow(Some(workflow)) => finder.workflow(index, file, workflow),
        Tree::Workflow(None) => {}
    }
    for place in places(file) {
        if let Ok(expr) = parse(&place.fragment) {
            finder.expression(&expr, &file.path, place.scope);
        }
    }
}

impl Finder<'_> {
    fn rule(&mut self, rule: &Rule) {
        self.declare(Symbol::Rule(rule.name.node.clone()), rule.name.span);
        for clause in &rule.clauses {
            match &clause.kind {
                ClauseKind::On(name) => self.use_of(Symbol::Event(name.node.clone()), name.span),
                ClauseKind::Run(call) => self.call(call, Symbol::Workflow, Symbol::Input),
                ClauseKind::Emit { call, .. } => self.call(call, Symbol::Event, Symbol::Field),
                _ => {}
            }
        }
    }

    fn call(&mut self, call: &Call, callee: fn(String) -> Symbol, argument: fn(String, String) -> Symbol) {
        self.use_of(callee(call.name.node.clone()), call.name.span);
        for given in &call.arguments {
            self.use_of(argument(call.name.node.clone(), given.name.node.clone()), given.name.span);
        }
    }

    fn workflow(&mut self, index: &Index, file: &File, workflow: &Workflow) {
        if let Some(name) = &workflow.name {
            self.declare(Symbol::Workflow(name.node.clone()), name.span);
            for (input, span) in input_places(file.id, index.text(file.id)) {
                self.declare(Symbol::Input(name.node.clone(), input), span);
            }
        }
        for step in workflow.steps.iter().chain(&workflow.on_failure) {
            self.declare(Symbol::Step(file.path.clone(), step.name.node.clone()), step.name.span);
            match step.uses.as_ref().map(|uses| (uses, called(&uses.node))) {
                Some((uses, None)) => self.use_of(Symbol::Action(uses.node.clone()), uses.span),
                Some((uses, Some(callee))) => {
                    self.use_of(
                        Symbol::Workflow(callee.to_owned()),
                        name_within(uses.span, callee, index.text(file.id)),
                    );
                    for (key, _) in step.with.as_ref().and_then(Node::as_map).unwrap_or_default() {
                        self.use_of(Symbol::Input(callee.to_owned(), key.name.clone()), key.span);
                    }
                }
                None => {}
            }
            if let Some(Undo::Action { uses, .. }) = &step.undo {
                self.use_of(Symbol::Action(uses.node.clone()), uses.span);
            }
            for need in &step.needs {
                self.use_of(Symbol::Step(file.path.clone(), need.node.clone()), need.span);
            }
        }
    }

    /// Uses of `inputs.NAME`, `steps.NAME` and `event.data.NAME`. Depth is bounded by the parser.
    fn expression(&mut self, expr: &Expr, path: &Path, scope: Scope<'_>) {
        if let Some((root, name, span)) = selected(expr) {
            match (scope, root.as_slice()) {
                (Scope::Rule(rule), ["event", "data"]) => {
                    if let Some(event) = event_of(rule) {
                        self.use_of(Symbol::Field(event.to_owned(), name.to_owned()), span);
                    }
                }
                (Scope::Workflow { workflow, .. }, ["inputs"]) => {
                    if let Some(workflow) = &workflow.name {
                        self.use_of(Symbol::Input(workflow.node.clone(), name.to_owned()), span);
                    }
                }
                (Scope::Workflow { .. }, ["steps"]) => {
                    self.use_of(Symbol::Step(path.to_owned(), name.to_owned()), span);
                }
                _ => {}
            }
        }
        expr.children().into_iter().for_each(|child| self.expression(child, path, scope));
    }
}

/// Where a name stands at the end of a text, which quotes may be around.
fn name_within(whole: Span, name: &str, text: &str) -> Span {
    let at = text.get(whole.range()).and_then(|written| written.rfind(name));
    let bounds = at.and_then(|at| Some((u32::try_from(at).ok()?, u32::try_from(name.len()).ok()?)));
    bounds.map_or(whole, |(at, length)| Span { start: whole.start + at, end: whole.start + at + length, ..whole })
}

/// What is selected from a plain path: `a.b.NAME`, `a.b.?NAME`, `a.b["NAME"]`, `has(a.b.NAME)`.
fn selected(expr: &Expr) -> Option<(Vec<&str>, &str, Span)> {
    let (operand, name, span) = match &expr.kind {
        ExprKind::Select { operand, field, .. } | ExprKind::Has { operand, field } => {
            (operand, field.node.as_str(), field.span)
        }
        ExprKind::Index { operand, key, .. } => match &key.kind {
            ExprKind::Literal(Literal::String(name)) => (operand, name.as_str(), key.span),
            _ => return None,
        },
        _ => return None,
    };
    Some((operand.path()?.0, name, span))
}

/// The outline of a file.
pub(super) fn outline(index: &Index, file: &File) -> Vec<DocumentSymbol> {
    let text = index.text(file.id);
    match &file.tree {
        Tree::Rules(rules) => rules
            .items
            .iter()
            .filter_map(|item| {
                let (name, span, kind, detail) = match item {
                    Item::Event(event) => (&event.name, event.span, SymbolKind::EVENT, None),
                    Item::Rule(rule) => {
                        let detail = event_of(rule).map(|event| format!("on {event}"));
                        (&rule.name, rule.span, SymbolKind::FUNCTION, detail)
                    }
                };
                symbol(text, &name.node, detail, kind, span, name.span, Vec::new())
            })
            .collect(),
        Tree::Workflow(Some(workflow)) => {
            let children = workflow.steps.iter().chain(&workflow.on_failure).filter_map(|step| of_step(text, step));
            let Some(name) = &workflow.name else { return children.collect() };
            let whole = workflow.span.to(name.span);
            let summary = workflow.summary.as_ref().map(|summary| summary.node.clone());
            symbol(text, &name.node, summary, SymbolKind::MODULE, whole, name.span, children.collect())
                .into_iter()
                .collect()
        }
        Tree::Workflow(None) => Vec::new(),
    }
}

fn of_step(text: &str, step: &Step) -> Option<DocumentSymbol> {
    let end = [step.uses.as_ref().map(|uses| uses.span), step.with.as_ref().map(|with| with.span)];
    let whole = end.into_iter().flatten().fold(step.name.span, Span::to);
    let detail = step.uses.as_ref().map(|uses| uses.node.clone());
    symbol(text, &step.name.node, detail, SymbolKind::METHOD, whole, step.name.span, Vec::new())
}

/// `None` without a name: the protocol allows no empty one.
fn symbol(
    text: &str,
    name: &str,
    detail: Option<String>,
    kind: SymbolKind,
    whole: Span,
    name_span: Span,
    children: Vec<DocumentSymbol>,
) -> Option<DocumentSymbol> {
    // Through JSON: one field of the type is deprecated, and a literal would have to name it.
    serde_json::from_value(serde_json::json!({
        "name": (!name.is_empty()).then_some(name)?,
        "detail": detail,
        "kind": kind,
        "range": range(text, whole.to(name_span)),
        "selectionRange": range(text, name_span),
        "children": children,
    }))
    .ok()
}
