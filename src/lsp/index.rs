//! The syntax trees of a program's files, whatever is wrong with them: what tools look names up in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::base::fragment::Fragment;
use crate::base::source::{Source, SourceId, Sources};
use crate::base::span::Span;
use crate::expression::{TypeEnv, inspect};
use crate::ir::call::{Callable, called};
use crate::ir::check;
use crate::ir::scope::{self, Part};
use crate::model::action::{ActionSignature, Catalogue};
use crate::model::schema::{Field, Object, Shape};
use crate::syntax::interpolation::{Piece, split};
use crate::syntax::load::Language;
use crate::syntax::rules::ast::{Argument, ClauseKind, Event, File as Rules, Item, Rule, Type};
use crate::syntax::shape::parse_shape;
use crate::syntax::workflow::ast::{Step, Undo, Workflow};
use crate::syntax::yaml::{self, Kind, Node};
use crate::syntax::{rules, workflow};

/// All trees of one program.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) sources: Sources,
    pub(super) files: Vec<Arc<File>>,
    pub(super) catalogue: Arc<Catalogue>,
    /// What calls see of the workflows that are called: made when it is first asked for.
    callable: OnceLock<Callable>,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) id: SourceId,
    pub(super) path: PathBuf,
    pub(super) tree: Tree,
}

/// What it holds. A workflow that is no YAML at the moment has no tree.
#[derive(Debug)]
pub(super) enum Tree {
    Rules(Rules),
    Workflow(Option<Box<Workflow>>),
}

/// An expression, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Place<'i> {
    pub(super) fragment: Fragment,
    pub(super) scope: Scope<'i>,
}

/// Whose names an expression may use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'i> {
    Rule(&'i Rule),
    /// `step`: one whose `item` and `index` are known.
    Workflow {
        workflow: &'i Workflow,
        part: Part,
        step: Option<&'i Step>,
    },
}

impl Index {
    /// The trees of all files. Those of `before` whose text is still the same are taken as they are.
    pub(super) fn new(sources: Sources, catalogue: &Arc<Catalogue>, before: Option<&Self>) -> Self {
        let kept = |id: SourceId, source: &Source| {
            let before = before?;
            let file = before.files.iter().find(|file| file.id == id && file.path == Path::new(&source.path))?;
            (before.text(id) == source.text.as_ref()).then(|| Arc::clone(file))
        };
        let files = sources
            .iter()
            .filter_map(|(id, source)| {
                kept(id, source).or_else(|| {
                    let tree = tree_of(id, source)?;
                    Some(Arc::new(File { id, path: PathBuf::from(&source.path), tree }))
                })
            })
            .collect();
        Self { sources, files, catalogue: Arc::clone(catalogue), callable: OnceLock::new() }
    }

    pub(super) fn file(&self, path: &Path) -> Option<&File> {
        self.files.iter().find(|file| file.path == path).map(AsRef::as_ref)
    }

    pub(super) fn text(&self, id: SourceId) -> &str {
        self.sources.get(id).map_or("", |source| &source.text)
    }

    /// Every rules file.
    fn rules(&self) -> impl Iterator<Item = &Rules> {
        self.files.iter().filter_map(|file| match &file.tree {
            Tree::Rules(rules) => Some(rules),
            Tree::Workflow(_) => None,
        })
    }

    /// Every event type that is declared, in the order of the files.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.rules().flat_map(|file| &file.items).filter_map(|item| match item {
            Item::Event(event) if !event.name.node.is_empty() => Some(event),
            _ => None,
        })
    }

    /// Every rule that has a name.
    pub(super) fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules().flat_map(|file| &file.items).filter_map(|item| match item {
            Item::Rule(rule) if !rule.name.node.is_empty() => Some(rule.name.node.as_str()),
            _ => None,
        })
    }

    pub(super) fn event(&self, name: &str) -> Option<&Event> {
        self.events().find(|event| event.name.node == name)
    }

    /// Every workflow that has a tree and a name.
    pub(super) fn workflows(&self) -> impl Iterator<Item = (&str, &Workflow)> {
        self.files.iter().filter_map(|file| match &file.tree {
            Tree::Workflow(Some(workflow)) => Some((workflow.name.as_ref()?.node.as_str(), workflow.as_ref())),
            _ => None,
        })
    }

    pub(super) fn workflow(&self, name: &str) -> Option<&Workflow> {
        self.workflows().find(|(known, _)| *known == name).map(|(_, workflow)| workflow)
    }

    /// What a step's `uses` names.
    pub(super) fn action(&self, step: &Step) -> Option<Arc<ActionSignature>> {
        self.signature(&step.uses.as_ref()?.node)
    }

    /// The action of that name, or what a call sees of the workflow.
    pub(super) fn signature(&self, uses: &str) -> Option<Arc<ActionSignature>> {
        let known = match called(uses) {
            Some(workflow) => self.callable().get(workflow),
            None => self.catalogue.get(uses),
        };
        known.map(Arc::clone)
    }

    fn callable(&self) -> &Callable {
        self.callable.get_or_init(|| {
            let steps = self.workflows().flat_map(|(_, tree)| tree.steps.iter().chain(&tree.on_failure));
            let names = steps.filter_map(|step| called(&step.uses.as_ref()?.node));
            let names: BTreeSet<&str> = names.collect();
            let trees = self.workflows().filter(|(name, _)| names.contains(name)).map(|(_, tree)| tree.clone());
            check::callable(&trees.collect::<Vec<_>>(), &self.catalogue)
        })
    }

    /// The names that an expression may use there, with their types.
    pub(super) fn env(&self, scope: Scope<'_>) -> TypeEnv {
        match scope {
            Scope::Rule(rule) => self.env_of_event(event_of(rule)),
            Scope::Workflow { workflow, part, step } => {
                let env = scope::workflow(workflow, &|step| self.action(step), part);
                match step.filter(|step| step.for_each.is_some()) {
                    Some(step) => {
                        let item = item_shape(step, &env);
                        scope::with_item(env, item)
                    }
                    None => env,
                }
            }
        }
    }

    /// The names of a rule that is about events of this type. Of one that is not declared, all is allowed.
    pub(super) fn env_of_event(&self, name: Option<&str>) -> TypeEnv {
        let declared = name.and_then(|name| self.event(name));
        let data = declared.map_or_else(|| Object { open: true, ..Object::default() }, |event| data(&event.fields));
        scope::rule(data, &scope::target())
    }

    /// The expression at a byte of a file, its last place included.
    pub(super) fn expression_at(&self, file: &File, offset: usize) -> Option<Place<'_>> {
        let file = self.files.iter().find(|known| known.id == file.id)?;
        places(file).into_iter().find(|place| {
            let range = place.fragment.span(0..place.fragment.text.len()).range();
            range.start <= offset && offset <= range.end
        })
    }
}

fn tree_of(id: SourceId, source: &Source) -> Option<Tree> {
    Some(match Language::of(&source.path)? {
        Language::Rules => Tree::Rules(rules::parse(id, &source.text).0),
        Language::Workflow => Tree::Workflow(workflow::parse(id, &source.text).0.map(Box::new)),
    })
}

/// The event type that a rule is about.
pub(super) fn event_of(rule: &Rule) -> Option<&str> {
    rule.clauses.iter().find_map(|clause| match &clause.kind {
        ClauseKind::On(name) => Some(name.node.as_str()),
        _ => None,
    })
}

/// What an event's declared fields hold. A type that does not exist is any.
pub(super) fn data(fields: &[rules::ast::Field]) -> Object {
    let declared = fields.iter().map(|field| Field {
        name: field.name.node.clone(),
        shape: shape(&field.kind.node),
        optional: field.optional,
        nullable: false,
        docs: field.docs.as_ref().map(|docs| docs.node.clone()).unwrap_or_default(),
    });
    Object::new(declared.collect())
}

fn shape(kind: &Type) -> Shape {
    match kind {
        Type::List(item) => Shape::List(Box::new(shape(&item.node))),
        Type::Map(item) => Shape::Map(Box::new(shape(&item.node))),
        Type::Object(fields) => Shape::Object(data(fields)),
        Type::Named(name) => {
            let fragment = Fragment::verbatim(SourceId(0), 0, name.as_str());
            parse_shape(&fragment, crate::diagnostic::Code::UnknownType).unwrap_or(Shape::Any)
        }
    }
}

/// What each item of a step's `for_each` is.
fn item_shape(step: &Step, env: &TypeEnv) -> Shape {
    let expression = step.for_each.as_ref().and_then(|node| match &node.kind {
        Kind::String(fragment) => split(fragment).ok(),
        _ => None,
    });
    let list = match expression.as_deref() {
        Some([Piece::Expression(fragment), ..]) => inspect(fragment, env).map(|seen| seen.result().shape()),
        _ => None,
    };
    match list {
        Some(Shape::List(item)) => *item,
        _ => Shape::Any,
    }
}

/// Every expression of a file, in the order they are written within each of its parts.
pub(super) fn places(file: &File) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    match &file.tree {
        Tree::Rules(rules) => {
            for item in &rules.items {
                if let Item::Rule(rule) = item {
                    found.extend(of_rule(rule).map(|fragment| Place { fragment, scope: Scope::Rule(rule) }));
                }
            }
        }
        Tree::Workflow(Some(workflow)) => {
            for (part, steps) in [(Part::Steps, &workflow.steps), (Part::OnFailure, &workflow.on_failure)] {
                steps.iter().for_each(|step| of_step(workflow, part, step, &mut found));
            }
            let scope = Scope::Workflow { workflow, part: Part::Steps, step: None };
            workflow.outputs.iter().for_each(|(_, node)| of_node(node, scope, &mut found));
        }
        Tree::Workflow(None) => {}
    }
    found
}

fn of_rule(rule: &Rule) -> impl Iterator<Item = Fragment> {
    rule.clauses.iter().flat_map(|clause| -> Vec<Fragment> {
        let values = |arguments: &[Argument]| arguments.iter().map(|argument| argument.value.clone()).collect();
        match &clause.kind {
            ClauseKind::When(condition) => vec![condition.clone()],
            ClauseKind::Run(call) | ClauseKind::Emit { call, .. } => values(&call.arguments),
            _ => Vec::new(),
        }
    })
}

fn of_step<'i>(workflow: &'i Workflow, part: Part, step: &'i Step, found: &mut Vec<Place<'i>>) {
    let scope = Scope::Workflow { workflow, part, step: None };
    let within = Scope::Workflow { workflow, part, step: Some(step) };
    if let Some(condition) = &step.condition {
        found.push(Place { fragment: condition.expression.clone(), scope });
    }
    step.for_each.iter().for_each(|node| of_node(node, scope, found));
    step.with.iter().for_each(|node| of_node(node, within, found));
    if let Some(Undo::Action { with: Some(node), .. }) = &step.undo {
        of_node(node, within, found);
    }
}

/// Depth is bounded by the reader's limit on nesting.
fn of_node<'i>(node: &Node, scope: Scope<'i>, found: &mut Vec<Place<'i>>) {
    match &node.kind {
        Kind::String(fragment) => {
            for piece in split(fragment).unwrap_or_default() {
                if let Piece::Expression(fragment) = piece {
                    found.push(Place { fragment, scope });
                }
            }
        }
        Kind::Seq(items) => items.iter().for_each(|item| of_node(item, scope, found)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| of_node(value, scope, found)),
        _ => {}
    }
}

/// Where the inputs of a workflow are declared, by their name without the `?`.
pub(super) fn input_places(id: SourceId, text: &str) -> Vec<(String, Span)> {
    let (root, _) = yaml::parse(id, text);
    let inputs = root.as_ref().and_then(|root| root.get("inputs")).and_then(Node::as_map).unwrap_or_default();
    inputs
        .iter()
        .map(|(key, _)| {
            let name = key.name.strip_suffix('?').unwrap_or(&key.name);
            (name.to_owned(), key.span)
        })
        .collect()
}
