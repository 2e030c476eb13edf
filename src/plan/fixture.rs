//! Workflows made by hand for the tests of this module: a text with one line a step, and the tree that it stands for.

use std::sync::Arc;

use crate::base::fragment::Fragment;
use crate::base::id::StepName;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::expression::{self, TypeEnv};
use crate::ir::template::Template;
use crate::ir::{self, Workflow};
use crate::model::action::{ActionSignature, Effect};
use crate::model::schema::{JsonMap, Object, Shape};
use crate::model::target::Phase;
use crate::plan::PlanSource;

/// An action without inputs.
pub(crate) fn action(name: &'static str, proposes: Option<Phase>) -> Arc<ActionSignature> {
    let open = Object { fields: Vec::new(), open: true };
    Arc::new(ActionSignature {
        inputs: open.clone(),
        output: open,
        effect: Effect::Idempotent,
        proposes,
        ..ActionSignature::pure(name, "", Vec::new(), Vec::new())
    })
}

/// A workflow from lines like `name uses action needs a b refers c d if condition`.
pub(crate) fn workflow(text: &str) -> Workflow {
    let mut steps = Vec::new();
    let mut on_failure = Vec::new();
    let mut in_handler = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim() == "on_failure" {
            in_handler = true;
        } else if !line.trim().is_empty() {
            let step = step(line, start);
            if in_handler { on_failure.push(step) } else { steps.push(step) }
        }
        start += line.len();
    }
    Workflow {
        name: Spanned::new("made".into(), Span::new(SourceId(0), 0, 0)),
        summary: String::new(),
        inputs: Object::default(),
        steps,
        on_failure,
        outputs: Vec::new(),
        source: SourceId(0),
    }
}

pub(crate) fn source() -> PlanSource {
    PlanSource::alone("made.yaml", "")
}

pub(crate) fn condition(text: &str) -> expression::Program {
    let env = ["steps", "inputs", "target", "now"].iter().fold(TypeEnv::new(), |env, name| env.with(name, Shape::Any));
    expression::compile(&Fragment::verbatim(SourceId(0), 0, text), &env).unwrap()
}

fn step(line: &str, start: usize) -> ir::Step {
    let (head, when) = match line.split_once(" if ") {
        Some((head, when)) => (head, Some(condition(when.trim()))),
        None => (line, None),
    };
    let mut words = head.split_whitespace().map(|word| {
        let at = start + (word.as_ptr() as usize - line.as_ptr() as usize);
        Spanned::new(StepName::from(word), Span::new(SourceId(0), at, at + word.len()))
    });
    let name = words.next().unwrap();
    let (mut uses, mut needs, mut references, mut mode) = ("look".to_owned(), Vec::new(), Vec::new(), "");
    for word in words {
        match (mode, word.node.as_str()) {
            (_, "uses") => mode = "uses",
            (_, "needs") => mode = "needs",
            (_, "refers") => mode = "refers",
            ("uses", action) => uses = action.to_owned(),
            ("needs", _) => needs.push(word),
            (_, _) => references.push(word),
        }
    }
    let action = match uses.as_str() {
        "stable" => action("state.stable", Some(Phase::Stable)),
        "paused" => action("state.paused", Some(Phase::Paused)),
        "degraded" => action("state.degraded", Some(Phase::Degraded)),
        _ => action("look.around", None),
    };
    ir::Step {
        name,
        docs: String::new(),
        action,
        calls: None,
        condition: when,
        with: Template::Literal(serde_json::Value::Object(JsonMap::new())),
        retry: None,
        timeout: None,
        undo: None,
        condition_is_wrong: false,
        for_each: None,
        needs,
        references,
    }
}
