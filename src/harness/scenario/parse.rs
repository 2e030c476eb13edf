//! The walk over a scenario file's YAML tree.

use std::collections::BTreeMap;
use std::time::Duration;

use super::merge::merge;
use super::{Scenario, given, keys, mock, then, when};
use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::Catalogue;
use crate::plan::{Plan, Step};
use crate::runtime::program::Program;
use crate::syntax::fields::Walk;
use crate::syntax::yaml::{self, MAX_DEPTH, Node};

/// How long a world goes on after the last thing that is done to it, where nobody says otherwise.
const LASTS: Duration = Duration::from_hours(24);

/// What scenarios may name.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub program: &'a Program,
    pub catalogue: &'a Catalogue,
}

impl<'a> Known<'a> {
    pub(super) fn workflows(self) -> impl Iterator<Item = &'a str> {
        self.program.plans.keys().map(crate::base::id::WorkflowName::as_str)
    }

    pub(super) fn plan(self, name: &str) -> Option<&'a Plan> {
        self.program.plans.get(name).map(AsRef::as_ref)
    }

    pub(super) fn steps_of(plan: &'a Plan) -> impl Iterator<Item = &'a Step> {
        plan.steps.iter().chain(plan.on_failure.iter()).map(|(_, step)| step)
    }

    /// Every step of every workflow.
    pub(super) fn steps(self) -> impl Iterator<Item = &'a Step> {
        self.program.plans.values().flat_map(|plan| Self::steps_of(plan.as_ref()))
    }
}

/// Reads one file. What is wrong is told, and the scenario that has it is left out.
pub fn parse(source: SourceId, sources: &Sources, known: Known<'_>) -> (Vec<Scenario>, Diagnostics) {
    let text = sources.get(source).map(|source| source.text.as_ref()).unwrap_or_default();
    let (root, problems) = yaml::parse(source, text);
    let mut walk = Walk { diagnostics: problems };
    let scenarios = match root.filter(|root| !root.is_null()) {
        Some(root) => Reader { walk: &mut walk, sources, known, source }.file(&root),
        None => {
            if walk.diagnostics.is_empty() {
                let help = "a scenario begins with `scenario: NAME` and has `when` and `then`";
                walk.error(Code::MissingKey, Span::new(source, 0, 0), "the file is empty", help);
            }
            Vec::new()
        }
    };
    (scenarios, walk.diagnostics)
}

struct Reader<'r, 'a> {
    walk: &'r mut Walk,
    sources: &'r Sources,
    known: Known<'a>,
    source: SourceId,
}

impl Reader<'_, '_> {
    fn file(&mut self, root: &Node) -> Vec<Scenario> {
        let known: Vec<&str> = keys::FILE.iter().chain(keys::SCENARIO).map(|key| key.name).collect();
        self.walk.mapping(root, "a scenario file", &known, "begin with `scenario: NAME`, or with `scenarios:`");
        let Some((list_key, list)) = root.entry("scenarios") else {
            return self.scenario(root, None).into_iter().collect();
        };
        if let Some((key, _)) = root.entry("scenario") {
            let problem =
                Diagnostic::error(Code::DuplicateKey, key.span, "a file has `scenario` or `scenarios`, not both");
            self.walk.diagnostics.push(problem.also(list_key.span, "the other one"));
        }
        for key in ["when", "then", "lasts"] {
            if let Some((key, _)) = root.entry(key) {
                let help = "only `given` and `mock` can be shared by all scenarios of a file";
                let message = format!("`{}` belongs to one scenario", key.name);
                self.walk.error(Code::UnknownKey, key.span, message, help);
            }
        }
        let Some(items) = list.as_seq() else {
            self.walk.wrong_kind(list, "`scenarios`", "a list", "write `- scenario: NAME` for each");
            return Vec::new();
        };
        let mut scenarios: Vec<Scenario> = Vec::new();
        let mut names: BTreeMap<&str, Span> = BTreeMap::new();
        for item in items {
            self.walk.mapping(item, "a scenario", keys::SCENARIO, "");
            scenarios.extend(self.scenario(item, Some(root)));
            // Also of one that has other mistakes.
            let Some((name, span)) = item.get("scenario").and_then(|name| Some((name.as_str()?.trim(), name.span)))
            else {
                continue;
            };
            match names.get(name) {
                Some(other) => {
                    let message = format!("there are two scenarios named `{name}`");
                    let problem = Diagnostic::error(Code::DuplicateName, span, message);
                    let problem = problem.also(*other, "the other one").help("give each a name of its own");
                    self.walk.diagnostics.push(problem);
                }
                None => drop(names.insert(name, span)),
            }
        }
        scenarios
    }

    fn scenario(&mut self, node: &Node, file: Option<&Node>) -> Option<Scenario> {
        let before = self.walk.diagnostics.iter().count();
        node.as_map()?;
        let start = Span { end: node.span.start, ..node.span };
        let name = match node.get("scenario") {
            Some(name) => self.walk.text(name, "`scenario`"),
            None if node.is_cut() => None,
            None => {
                self.walk.error(
                    Code::MissingKey,
                    start,
                    "the scenario has no name",
                    "say what it shows: `scenario: …`",
                );
                None
            }
        };
        let given = merge(file.and_then(|file| file.get("given")), node.get("given"), MAX_DEPTH);
        // A mock is replaced as a whole: half of one is none.
        let mocks = merge(file.and_then(|file| file.get("mock")), node.get("mock"), 1);
        // What of it could not be read has been told, and what depends on that cannot be held against it.
        let readable = |part: &Option<Node>| !part.as_ref().is_some_and(Node::has_cuts);
        let given_is_whole = readable(&given) && !node.is_cut() && !file.is_some_and(Node::is_cut);
        let mut setting = given::read(given.as_ref().filter(|_| given_is_whole), self.walk, self.sources);
        setting.mocks = mock::read(mocks.as_ref().filter(|_| readable(&mocks)), self.walk, self.known);
        let at = name.as_ref().map_or(start, |name| name.span);
        let when = self.needed(node, "when", at).filter(|when| given_is_whole && !when.has_cuts());
        let when = when.map(|when| when::read(when, self.walk, self.known, &setting));
        let then = self.needed(node, "then", at).filter(|then| given_is_whole && !then.has_cuts());
        let then = then.map(|then| then::read(then, self.walk, self.known, &setting));
        let lasts = node.get("lasts").and_then(|lasts| self.walk.duration(lasts, "`lasts`"));
        if self.walk.diagnostics.iter().count() > before || !given_is_whole || !readable(&mocks) {
            return None;
        }
        Some(Scenario {
            source: self.source,
            name: name?,
            setting,
            when: when?,
            lasts: lasts.map_or(LASTS, |lasts| lasts.node),
            then: then?,
        })
    }

    fn needed<'n>(&mut self, node: &'n Node, key: &str, at: Span) -> Option<&'n Node> {
        let found = node.get(key).filter(|value| !value.is_null());
        let is_cut = node.is_cut() || node.get(key).is_some_and(Node::is_cut);
        if found.is_none() && !is_cut {
            let help = match key {
                "when" => "say what happens: `when: [{ event: TYPE, data: { … } }]`",
                _ => "say what must come of it: `then: { runs: […] }`; without that the test cannot fail",
            };
            self.walk.error(Code::MissingKey, at, format!("the scenario has no `{key}`"), help);
        }
        found
    }
}
