//! What may come next in a workflow file that is being written.

use super::yaml_cursor::{At, Cursor, find};
use super::{Item, ItemKind, expression, named_fields};
use crate::ir::call::PREFIX;
use crate::ir::scope::Part;
use crate::lsp::describe;
use crate::lsp::index::{Index, Scope};
use crate::model::schema::Shape;
use crate::syntax::shape;
use crate::syntax::workflow::ast::{Step, Workflow};
use crate::syntax::workflow::keys::{self, Key, Takes};

/// What may come at `offset` of `text`. `tree` is the newest of the file that could be read, if any.
pub(super) fn complete(index: &Index, tree: Option<&Workflow>, text: &str, offset: usize) -> Vec<Item> {
    let cursor = find(text, offset);
    let place = Place { index, tree, text, offset, cursor: &cursor };
    let path: Vec<&str> = cursor.path.iter().map(String::as_str).collect();
    match &cursor.at {
        At::Comment => Vec::new(),
        At::Value { text } => place.value(&path, text),
        At::Key => place.key(&path),
    }
}

struct Place<'a> {
    index: &'a Index,
    tree: Option<&'a Workflow>,
    text: &'a str,
    offset: usize,
    cursor: &'a Cursor,
}

/// Whether the key of the file holds steps.
fn part_of(key: &str) -> Option<Part> {
    match keys::find(keys::WORKFLOW, key)?.takes {
        Takes::Steps if key == "on_failure" => Some(Part::OnFailure),
        Takes::Steps => Some(Part::Steps),
        _ => None,
    }
}

impl Place<'_> {
    fn key(&self, path: &[&str]) -> Vec<Item> {
        match path {
            [] => self.keys(keys::WORKFLOW, 0),
            [part, rest @ ..] if part_of(part).is_some() => match rest {
                [_] => self.keys(keys::STEP, 2),
                [_, "retry"] => self.keys(keys::RETRY, 3),
                [_, "undo"] => self.keys(keys::UNDO, 3),
                [_, "with"] => self.inputs("uses"),
                [_, "undo", "with"] => self.inputs("undo"),
                [name, "needs", "-"] => self.steps(part, name),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn value(&self, path: &[&str], written: &str) -> Vec<Item> {
        let [part, rest @ ..] = path else { return Vec::new() };
        if let Some(expression) = open_expression(written) {
            return self.expression(part, rest, &expression);
        }
        match (part_of(part), rest) {
            (None, [.., _]) if *part == "inputs" => types(),
            (Some(_), [_, "if"]) => self.expression(part, rest, &unescaped(written)),
            (Some(_), [_, "uses"]) => self.actions().into_iter().chain(self.calls()).collect(),
            (Some(_), [_, "undo", "uses"]) => self.actions(),
            (Some(_), [_, "undo"]) => {
                vec![Item::new("previous", ItemKind::Keyword).docs("What was before the step.")]
            }
            (Some(_), [name, "needs", "-"]) => self.steps(part, name),
            (Some(_), [_, "with", input]) => self.literals("uses", input),
            (Some(_), [_, "undo", "with", input]) => self.literals("undo", input),
            _ => Vec::new(),
        }
    }

    /// The keys of a table that do not stand at the cursor's level yet.
    fn keys(&self, table: &'static [Key], depth: usize) -> Vec<Item> {
        let missing = table.iter().filter(|key| self.places_of(key.name, &self.cursor.path, depth).next().is_none());
        missing
            .map(|key| {
                let item = Item::new(key.name, ItemKind::Key).docs(key.docs).snippet(&format!("{}: ", key.name));
                if key.required { item.first() } else { item }
            })
            .collect()
    }

    /// Where the text of the mapping begins and ends that the path's first `depth` keys lead to.
    fn extent(&self, depth: usize) -> (usize, usize) {
        let Some(start) = depth.checked_sub(1).and_then(|last| self.cursor.lines.get(last)).copied() else {
            return (0, self.text.len());
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let mut end = start;
        for (number, line) in rest.split_inclusive('\n').enumerate() {
            if number > 0 && end > self.offset && !line.trim().is_empty() && indent(line) <= indent(rest) {
                break;
            }
            end += line.len();
        }
        (start, end)
    }

    /// Where the key `name` stands in the mapping at `path`, each time behind its colon.
    fn places_of<'p>(&'p self, name: &'p str, path: &'p [String], depth: usize) -> impl Iterator<Item = usize> + 'p {
        let (start, end) = self.extent(depth);
        let extent = self.text.get(start..end).unwrap_or_default();
        extent.match_indices(name).filter_map(move |(at, _)| {
            let begins =
                extent.get(..at).is_some_and(|before| before.is_empty() || before.ends_with(['\n', ' ', '{', ',']));
            let is_key = begins && extent.get(at + name.len()..).is_some_and(|behind| behind.starts_with(':'));
            let place = is_key.then(|| find(self.text, start + at))?;
            (place.at == At::Key && place.path == path).then_some(start + at + name.len() + 1)
        })
    }

    /// The action that the step uses, or its `undo`, by what is written there.
    fn action_name(&self, of: &str) -> Option<&str> {
        let mut path = self.cursor.path.get(..2)?.to_vec();
        if of == "undo" {
            path.push("undo".to_owned());
        }
        let at = self.places_of("uses", &path, 2).next()?;
        let rest = self.text.get(at..)?.trim_start_matches([' ', '"', '\'']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        rest.get(..end)
    }

    fn inputs(&self, of: &str) -> Vec<Item> {
        let Some(action) = self.action_name(of).and_then(|name| self.index.signature(name)) else {
            return Vec::new();
        };
        let names = action.inputs.fields.iter().map(|field| field.name.clone());
        let given: Vec<String> =
            names.filter(|name| self.places_of(name, &self.cursor.path, 2).next().is_some()).collect();
        named_fields(&action.inputs, &given)
    }

    /// What an input can be where it is written out.
    fn literals(&self, of: &str, input: &str) -> Vec<Item> {
        let action = self.action_name(of).and_then(|name| self.index.signature(name));
        match action.as_ref().and_then(|action| action.inputs.field(input)).map(|field| &field.shape) {
            Some(Shape::Bool) => ["true", "false"].map(|word| Item::new(word, ItemKind::Keyword)).into(),
            _ => Vec::new(),
        }
    }

    fn actions(&self) -> Vec<Item> {
        let actions = self.index.catalogue.iter();
        actions.map(|action| Item::new(&action.name, ItemKind::Action).docs(&describe::action(action))).collect()
    }

    /// The other workflows of the program, as they are called.
    fn calls(&self) -> Vec<Item> {
        let own = self.tree.and_then(|tree| tree.name.as_ref()).map(|name| name.node.as_str());
        let others = self.index.workflows().filter(|(name, _)| Some(*name) != own);
        others
            .map(|(name, tree)| {
                Item::new(&format!("{PREFIX}{name}"), ItemKind::Workflow).docs(&describe::workflow(name, tree))
            })
            .collect()
    }

    /// The steps beside `own`.
    fn steps(&self, part: &str, own: &str) -> Vec<Item> {
        let steps = match (self.tree, part_of(part)) {
            (Some(tree), Some(Part::OnFailure)) => tree.on_failure.as_slice(),
            (Some(tree), Some(Part::Steps)) => tree.steps.as_slice(),
            _ => &[],
        };
        let others = steps.iter().filter(|step| step.name.node != own);
        others
            .map(|step| {
                let action = self.index.action(step);
                Item::new(&step.name.node, ItemKind::Step).docs(&describe::step(step, action.as_deref()))
            })
            .collect()
    }

    fn expression(&self, part: &str, rest: &[&str], written: &str) -> Vec<Item> {
        let Some(workflow) = self.tree else { return Vec::new() };
        let (part, own) = match (part_of(part), rest) {
            (Some(part), [name, ..]) => (part, Some(*name)),
            _ => (Part::Steps, None),
        };
        let steps = if part == Part::OnFailure { &workflow.on_failure } else { &workflow.steps };
        let in_item = matches!(rest, [_, "with" | "undo", ..]);
        let step: Option<&Step> =
            own.filter(|_| in_item).and_then(|own| steps.iter().find(|step| step.name.node == own));
        let env = self.index.env(Scope::Workflow { workflow, part, step });
        let mut items = expression::complete(written, &env);
        // A step cannot refer to itself.
        let after_steps = written.trim_end_matches(super::scan::is_word);
        if after_steps.ends_with("steps.") || after_steps.ends_with("steps.?") {
            items.retain(|item| item.kind != ItemKind::Field || Some(item.label.as_str()) != own);
        }
        items
    }
}

/// The types of inputs.
fn types() -> Vec<Item> {
    let names = shape::names().map(|name| Item::new(name, ItemKind::Type));
    names.chain(["list<string>", "map<string>"].map(|name| Item::new(name, ItemKind::Type))).collect()
}

/// The expression that is open at the end of a value, from behind its `${` on; `None` where none is.
fn open_expression(written: &str) -> Option<String> {
    let mut at = 0;
    loop {
        let open = at + written.get(at..)?.find("${")?;
        let is_escaped = written.get(..open)?.ends_with('$');
        let body = written.get(open + 2..)?;
        if is_escaped {
            at = open + 2;
            continue;
        }
        match end_of(body) {
            Some(length) => at = open + 2 + length,
            None => return Some(unescaped(body)),
        }
    }
}

/// Where the `}` stands that ends an expression.
fn end_of(body: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, c) in body.char_indices() {
        if let Some(open) = quote {
            quote = (open != c).then_some(open);
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The text that stands for itself within either kind of quotes, as far as expressions need it.
fn unescaped(written: &str) -> String {
    written.trim_start_matches(['"', '\'']).replace("\\\"", "\"").replace("''", "'")
}
