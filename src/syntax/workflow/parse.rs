//! The walk over a workflow's YAML tree.

use std::borrow::Cow;

use super::ast::{Condition, Retry, Step, Undo, Workflow};
use super::keys::{self, MAX_ATTEMPTS, MAX_CONCURRENCY, MAX_ENTRIES};
use super::quoting;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::schema::Object;
use crate::syntax::fields::{Walk, is_meant, joined};
use crate::syntax::interpolation::{Piece, split};
use crate::syntax::name::{check_name, is_name};
use crate::syntax::yaml::{self, Key, Node};
use crate::syntax::{characters, foreign};

/// Reads a workflow. `None` where it is no YAML or no mapping; what else is wrong is left out of the tree.
pub fn parse(source: SourceId, text: &str) -> (Option<Workflow>, Diagnostics) {
    let (root, found) = yaml::parse(source, text);
    let mut walk = Walk::default();
    for problem in found.iter() {
        walk.diagnostics.push(quoting::explain(problem, text));
    }
    let workflow = root.and_then(|root| Parser { text, walk: &mut walk }.workflow(source, &root));
    (workflow, characters::explain(walk.diagnostics, text))
}

pub(super) struct Parser<'t, 'w> {
    text: &'t str,
    pub(super) walk: &'w mut Walk,
}

impl Parser<'_, '_> {
    fn workflow(&mut self, source: SourceId, root: &Node) -> Option<Workflow> {
        if root.is_null() && root.is_cut() {
            return None;
        }
        if root.is_null() {
            self.walk.error(
                Code::MissingKey,
                Span::new(source, 0, 0),
                "the file is empty",
                "a workflow begins with `workflow: NAME` and has `steps`",
            );
            return None;
        }
        let has = |key: &str| root.get(key).is_some() || is_meant(root, keys::WORKFLOW, key);
        let (has_name, has_steps) = (has("workflow"), has("steps"));
        if root.as_map().is_some() && !has_name && !has_steps {
            let is_configuration =
                ["targets", "store", "listen", "detectors"].iter().any(|key| root.get(key).is_some());
            let first = root.as_map().and_then(|entries| entries.first()).map_or(root.span, |(key, _)| key.span);
            self.walk.error(
                Code::MissingKey,
                first,
                "the file is no workflow: it has neither `workflow` nor `steps`",
                if is_configuration {
                    "it looks like a configuration: call it `homeostat.yaml`, and it is left out here"
                } else {
                    "a workflow begins with `workflow: NAME`; move other YAML files out of the folder"
                },
            );
            return None;
        }
        root.as_map().or_else(|| {
            self.walk.wrong_kind(root, "a workflow", "a mapping", "begin with `workflow: NAME`");
            None
        })?;
        let is_known = |name: &str| keys::WORKFLOW.iter().any(|key| key.name == name);
        let holds = |name: &str| matches!(name, "steps" | "on_failure" | "inputs" | "outputs");
        let root = &*self.indented(root, holds, |name| !is_known(name));
        let entries = self.walk.mapping(root, "a workflow", keys::WORKFLOW, "");
        let mut workflow = Workflow {
            source,
            span: root.span,
            name: None,
            summary: None,
            inputs: Object::default(),
            outputs: Vec::new(),
            steps: Vec::new(),
            on_failure: Vec::new(),
            is_whole: false,
            may_have_more_steps: root.is_cut(),
        };
        workflow.inputs.open = root.is_cut();
        for (key, value) in entries {
            match key.name.as_str() {
                "workflow" => workflow.name = self.walk.name(value, "`workflow`", "a workflow"),
                "summary" => workflow.summary = self.walk.text(value, "`summary`"),
                "inputs" => workflow.inputs = self.inputs(value, "`inputs`"),
                "outputs" => workflow.outputs = self.outputs(value),
                "steps" => workflow.steps = self.steps(value, "`steps`"),
                "on_failure" => workflow.on_failure = self.steps(value, "`on_failure`"),
                _ => {}
            }
        }
        let is_whole = |key: &str, read: &[Step]| {
            root.get(key).is_none_or(|node| node.as_map().map(<[_]>::len) == Some(read.len()))
                && read.iter().all(|step| is_name(&step.name.node))
        };
        workflow.may_have_more_steps |=
            ["steps", "on_failure"].iter().any(|key| root.get(key).is_some_and(Node::is_cut));
        workflow.is_whole = root.get("steps").is_some()
            && !root.has_cuts()
            && is_whole("steps", &workflow.steps)
            && is_whole("on_failure", &workflow.on_failure);
        let start = Span { end: root.span.start, ..root.span };
        if !has_name {
            let help = "begin the file with `workflow: NAME`";
            self.walk.error(Code::MissingKey, start, "the workflow has no name", help);
        }
        if !has_steps {
            let at = root.entry("workflow").map_or(start, |(key, value)| key.span.to(value.span));
            let help = "add `steps`, each with a name and `uses`";
            self.walk.error(Code::MissingKey, at, "the workflow has no `steps`", help);
        }
        Some(workflow)
    }

    /// The entries, or none of too many, which is reported.
    pub(super) fn within_limit<'n, T>(&mut self, entries: &'n [T], what: &str, span: Span) -> &'n [T] {
        if entries.len() <= MAX_ENTRIES {
            return entries;
        }
        let start = Span { end: span.start, ..span };
        let message = format!("{what} has {} entries, and {MAX_ENTRIES} are the most", entries.len());
        self.walk.error(Code::TooLarge, start, message, "split the workflow");
        &[]
    }

    fn outputs(&mut self, node: &Node) -> Vec<(Key, Node)> {
        let Some(entries) = node.as_map() else {
            self.walk.wrong_kind(node, "`outputs`", "a mapping", "write `name: ${ … }`");
            return Vec::new();
        };
        let mut outputs = Vec::new();
        for (key, value) in entries {
            match check_name("an output", &key.name, key.span) {
                Ok(()) => outputs.push((key.clone(), value.clone())),
                Err(problem) => self.walk.diagnostics.push(*problem),
            }
        }
        outputs
    }

    fn steps(&mut self, node: &Node, what: &str) -> Vec<Step> {
        let Some(entries) = node.as_map() else {
            let help = "write each step as `name: { uses: … }`, not as a list";
            self.walk.wrong_kind(node, what, "a mapping of steps", if node.as_seq().is_some() { help } else { "" });
            return Vec::new();
        };
        if let Some((uses, _)) = node.entry("uses").filter(|(_, value)| value.as_str().is_some())
            && entries.iter().all(|(key, _)| keys::STEP.iter().any(|known| known.name == key.name))
        {
            let message = format!("{what} holds steps, and each has a name of its own");
            let help = format!("write `{}: {{ NAME: {{ uses: … }} }}`", what.trim_matches('`'));
            self.walk.error(Code::WrongKind, uses.span, message, &help);
            return Vec::new();
        }
        let is_key = |name: &str| keys::STEP.iter().any(|key| key.name == name);
        let node = &*self.indented(node, |name| !is_key(name), is_key);
        let entries = node.as_map().unwrap_or_default();
        let mut steps = Vec::new();
        for (key, value) in self.within_limit(entries, what, node.span) {
            // It stays, so that those that refer to it are not wrong, too.
            if let Err(problem) = check_name("a step", &key.name, key.span) {
                self.walk.diagnostics.push(*problem);
            }
            steps.push(self.step(key, value));
        }
        steps
    }

    /// The mapping with what stands beside an empty key, and belongs below it, put there; that is said once for all.
    fn indented<'n>(
        &mut self,
        node: &'n Node,
        holds: impl Fn(&str) -> bool,
        belongs: impl Fn(&str) -> bool,
    ) -> Cow<'n, Node> {
        let entries = node.as_map().unwrap_or_default();
        let empty = |(key, value): &(Key, Node)| {
            value.is_null() && !value.is_cut() && value.span.start == value.span.end && holds(&key.name)
        };
        let is_astray = |pair: &[(Key, Node)]| matches!(pair, [first, (key, _)] if empty(first) && belongs(&key.name));
        if !entries.windows(2).any(is_astray) {
            return Cow::Borrowed(node);
        }
        let mut mended: Vec<(Key, Node)> = Vec::new();
        let mut rest = entries.iter().peekable();
        while let Some(entry) = rest.next() {
            let mut astray = Vec::new();
            while let Some(next) = rest.next_if(|next| empty(entry) && belongs(&next.0.name)) {
                astray.push(next.clone());
            }
            let (key, value) = entry;
            let Some((first, _)) = astray.first() else {
                mended.push(entry.clone());
                continue;
            };
            let message = format!("`{}` is empty, and `{}` stands beside it", key.name, first.name);
            self.walk.diagnostics.push(
                Diagnostic::error(Code::WrongKind, key.span, message)
                    .label("nothing is indented below this")
                    .also(first.span, "begins in the same column")
                    .help(format!("indent `{}`, and what belongs to it, further than `{}`", first.name, key.name)),
            );
            mended.push((key.clone(), Node::mapping(value.span, astray)));
        }
        Cow::Owned(Node::mapping(node.span, mended).cut_like(node))
    }

    fn step(&mut self, key: &Key, node: &Node) -> Step {
        let mut step = Step {
            name: Spanned::new(key.name.clone(), key.span),
            summary: None,
            uses: None,
            with: None,
            condition: None,
            condition_is_wrong: false,
            needs: Vec::new(),
            retry: None,
            timeout: None,
            undo: None,
            for_each: None,
            concurrency: None,
            is_cut: node.is_cut() || node.get("if").is_some_and(Node::is_cut),
        };
        let whose = format!("step `{}`", key.name);
        let is_known = |name: &str| keys::STEP.iter().any(|key| key.name == name);
        let node = &*self.indented(node, |name| name == "with", |name| !is_known(name));
        let entries = self.walk.mapping(node, &whose, keys::STEP, "a step is written `name: { uses: ACTION }`");
        let known: Vec<&str> = keys::STEP.iter().map(|key| key.name).collect();
        for (key, value) in entries {
            match key.name.as_str() {
                "summary" => step.summary = self.walk.text(value, "`summary`"),
                "uses" => step.uses = self.walk.text(value, "`uses`"),
                "with" => step.with = self.with(value),
                "if" => {
                    let before = self.walk.diagnostics.iter().count();
                    step.condition = self.condition(key, value);
                    step.condition_is_wrong = self.walk.diagnostics.iter().count() > before || step.condition.is_none();
                }
                "needs" => step.needs = self.needs(value),
                "retry" => step.retry = self.retry(value),
                "timeout" => step.timeout = self.walk.duration(value, "`timeout`"),
                "undo" => step.undo = self.undo(value),
                "for_each" => {
                    step.for_each = self.for_each(value);
                    // What its items are is not known, but there are some.
                    step.is_cut |= step.for_each.is_none();
                }
                "concurrency" => {
                    let count = self.walk.count(value, "`concurrency`", MAX_CONCURRENCY);
                    step.concurrency = count.map(|count| count.map(|count| count as usize));
                }
                name if joined(name, &known).is_some() => step.is_cut = true,
                // What it was meant to be is looked at, too.
                name if foreign::meant(name, &known) == Some("with") => step.with = self.with(value),
                _ => {}
            }
        }
        if node.as_map().is_some() && node.get("uses").is_none() && !is_meant(node, keys::STEP, "uses") {
            let message = format!("{whose} has no `uses`");
            self.walk.error(
                Code::MissingKey,
                step.name.span,
                message,
                "say which action it uses, like `uses: state.stable`",
            );
        }
        if let (Some((key, _)), None, false) = (node.entry("concurrency"), node.get("for_each"), node.is_cut()) {
            let help = "add `for_each`, or delete the key";
            self.walk.error(Code::UnknownKey, key.span, "`concurrency` means nothing without `for_each`", help);
        }
        step
    }

    fn with(&mut self, node: &Node) -> Option<Node> {
        if node.as_map().is_none() && !node.is_cut() {
            if !node.is_null() {
                self.walk.wrong_kind(node, "`with`", "a mapping", "write `input: value`");
                return Some(node.clone());
            }
            return None;
        }
        Some(node.clone())
    }

    fn condition(&mut self, key: &Key, node: &Node) -> Option<Condition> {
        if node.is_null() && node.is_cut() {
            return None;
        }
        if let Some((span, written)) = self.anchored(key) {
            self.walk.diagnostics.push(quoting::unquoted("if", span, written));
            return None;
        }
        let raw = self.text.get(node.span.range()).unwrap_or_default();
        let Some(fragment) = node.scalar() else {
            let block = raw.contains('\n') || !raw.starts_with(['[', '{']);
            if block {
                self.walk.wrong_kind(node, "`if`", "an expression", "");
            } else {
                self.walk.diagnostics.push(quoting::unquoted("if", node.span, raw));
            }
            return None;
        };
        if fragment.text.trim().is_empty() {
            // A tag swallows the expression that it was meant to be, and that has been said.
            let is_unquoted = |problem: &Diagnostic| problem.code == Code::UnquotedExpression;
            if !node.is_null() || !self.walk.diagnostics.iter().any(is_unquoted) {
                let help = "write an expression that is true or false, or delete the key";
                self.walk.error(Code::WrongKind, node.span, "`if` has no expression", help);
            }
            return None;
        }
        if let Some(bare) = quoting::without_template(&fragment.text) {
            self.walk.error(
                Code::BadTemplate,
                node.span,
                "`if` takes the expression itself, without `${ … }`",
                &format!("write `if: {bare}`, in quotes where YAML needs them"),
            );
            // What stands in it is looked at as if it stood alone.
            let pieces = split(fragment).unwrap_or_else(|broken| broken.pieces);
            return match pieces.as_slice() {
                [Piece::Expression(expression)] => {
                    Some(Condition { expression: expression.clone(), comment: self.comment_behind(node) })
                }
                _ => None,
            };
        }
        Some(Condition { expression: fragment.clone(), comment: self.comment_behind(node) })
    }

    /// The rest of a key's line where it begins with `&`: YAML has taken the first word of it away.
    fn anchored(&self, key: &Key) -> Option<(Span, &str)> {
        let end = key.span.end as usize;
        let rest = self.text.get(end..)?.lines().next()?;
        let value = rest.trim_start_matches([':', ' ', '\t']);
        let written = value.trim_end();
        let at = end + rest.len() - value.len();
        written.starts_with('&').then(|| (Span::new(key.span.source, at, at + written.len()), written))
    }

    /// Where YAML found a comment in the rest of an unquoted value's line.
    fn comment_behind(&self, node: &Node) -> Option<Span> {
        let raw = self.text.get(node.span.range())?;
        if raw.starts_with(['"', '\'']) {
            return None;
        }
        let end = node.span.end as usize;
        let rest = self.text.get(end..)?.lines().next()?;
        let at = rest.find('#').filter(|at| rest.get(..*at).is_some_and(|gap| gap.trim().is_empty()))?;
        Some(Span::new(node.span.source, end + at, end + rest.trim_end().len()))
    }

    fn needs(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let Some(items) = node.as_seq() else {
            let help = match node.as_str() {
                Some(name) if name.starts_with('-') => "a blank follows the dash of an item: `- name`".to_owned(),
                Some(name) => format!("write `[{name}]`"),
                None => "write the names of steps, like `[first, second]`".to_owned(),
            };
            self.walk.wrong_kind(node, "`needs`", "a list of steps", &help);
            return Vec::new();
        };
        let items = self.within_limit(items, "`needs`", node.span);
        items.iter().filter_map(|item| self.walk.text(item, "each of `needs`")).collect()
    }

    fn retry(&mut self, node: &Node) -> Option<Retry> {
        let help = "write `{ attempts: 3, backoff: 1s, max_backoff: 30s }`";
        let entries = self.walk.mapping(node, "`retry`", keys::RETRY, help);
        let mut attempts = None;
        let (mut backoff, mut max_backoff) = (None, None);
        for (key, value) in entries {
            match key.name.as_str() {
                "attempts" => attempts = self.walk.count(value, "`attempts`", MAX_ATTEMPTS),
                "backoff" => backoff = self.walk.duration(value, "`backoff`"),
                "max_backoff" => max_backoff = self.walk.duration(value, "`max_backoff`"),
                _ => {}
            }
        }
        if node.as_map().is_some() && node.get("attempts").is_none() && !is_meant(node, keys::RETRY, "attempts") {
            self.walk.error(
                Code::MissingKey,
                node.span,
                "`retry` has no `attempts`",
                "say how many in all, like `attempts: 3`",
            );
        }
        if let (Some(first), Some(most)) = (&backoff, &max_backoff)
            && first.node > most.node
        {
            let message = "`max_backoff` is shorter than `backoff`";
            self.walk
                .diagnostics
                .push(Diagnostic::error(Code::WrongKind, most.span, message).also(first.span, "longer"));
        }
        attempts.map(|attempts| Retry {
            span: node.span,
            attempts: attempts.node,
            backoff: backoff.map(|backoff| backoff.node),
            max_backoff: max_backoff.map(|most| most.node),
        })
    }

    fn undo(&mut self, node: &Node) -> Option<Undo> {
        let help = "write `previous`, or `{ uses: ACTION, with: … }`";
        if let Some(text) = node.as_str() {
            if text == "previous" {
                return Some(Undo::Previous(node.span));
            }
            let near = crate::base::suggest::nearest(text, ["previous"]);
            let help = near.map_or(help.to_owned(), |near| format!("did you mean `{near}`?"));
            self.walk.error(Code::BadUndo, node.span, format!("`undo` cannot be `{text}`"), &help);
            return None;
        }
        let entries = self.walk.mapping(node, "`undo`", keys::UNDO, help);
        let (mut uses, mut with) = (None, None);
        let known: Vec<&str> = keys::UNDO.iter().map(AsRef::as_ref).collect();
        for (key, value) in entries {
            match key.name.as_str() {
                "uses" => uses = self.walk.text(value, "`uses`"),
                "with" => with = self.with(value),
                name if foreign::meant(name, &known) == Some("with") => with = self.with(value),
                _ => {}
            }
        }
        if node.as_map().is_some() && node.get("uses").is_none() && !is_meant(node, keys::UNDO, "uses") {
            self.walk.error(Code::MissingKey, node.span, "`undo` has no `uses`", help);
        }
        uses.map(|uses| Undo::Action { uses, with, span: node.span })
    }

    fn for_each(&mut self, node: &Node) -> Option<Node> {
        if node.is_null() && node.is_cut() {
            return Some(node.clone());
        }
        let is_expression = node.as_str().is_some_and(|text| text.trim_start().starts_with("${"));
        if node.as_seq().is_none() && !is_expression {
            let help = match node.as_str().filter(|text| text.contains('.') && !text.contains(' ')) {
                Some(path) => format!("an expression is written `\"${{{path}}}\"`"),
                None => "write a list, or an expression that gives one, like `\"${inputs.names}\"`".to_owned(),
            };
            self.walk.wrong_kind(node, "`for_each`", "a list", &help);
            return None;
        }
        Some(node.clone())
    }
}
