//! What a step can use: the signature that the checker reads and the runtime obeys.

use std::borrow::Cow;

use super::schema::{Field, Object, Shape};
use super::target::Phase;

/// An action as the checker sees it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each read by its name")]
pub struct ActionSignature {
    /// As a step's `uses` names it, like `recorder.lookup`; of a workflow that is called, `workflow.NAME`.
    pub name: Cow<'static, str>,
    /// Part of the plan's digest: grows when the meaning of inputs or outputs changes.
    pub version: u32,
    pub docs: &'static str,
    pub inputs: Object,
    /// Optional inputs of which exactly one is to be given.
    pub one_of: &'static [&'static str],
    pub output: Object,
    pub effect: Effect,
    /// Whether `undo: previous` has a meaning.
    pub undoable: bool,
    /// The resting phase the action proposes; only `state.*` have one.
    pub proposes: Option<Phase>,
    /// Whether it acts on the run's target, so that a run without one cannot use it.
    pub needs_target: bool,
    /// Whether its output's `total_rps` is the target's rate from then on.
    pub sets_rate: bool,
    /// Whether it puts load on the target: events accepted meanwhile are marked `during_test`.
    pub loads_target: bool,
    /// Whether using it is waiting: a run that only waits costs no task.
    pub waits: bool,
    /// Whether its input `type` names an event that a rules file declares.
    pub names_event: bool,
}

/// What performing an action does to the world, and so what a crash in the middle of it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Looks, or computes: may be performed again freely.
    None,
    /// Changes the world; a repetition under the same key changes it no further.
    Idempotent,
    /// May not be repeated: after a crash in the middle of it the run fails.
    AtMostOnce,
}

/// The actions that exist, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    actions: std::collections::BTreeMap<Cow<'static, str>, std::sync::Arc<ActionSignature>>,
}

impl Catalogue {
    pub fn new(signatures: impl IntoIterator<Item = ActionSignature>) -> Self {
        Self {
            actions: signatures.into_iter().map(|action| (action.name.clone(), std::sync::Arc::new(action))).collect(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&std::sync::Arc<ActionSignature>> {
        self.actions.get(name)
    }

    /// Every action, by name.
    pub fn iter(&self) -> impl Iterator<Item = &std::sync::Arc<ActionSignature>> {
        self.actions.values()
    }
}

impl ActionSignature {
    /// An action without effect that needs no target: what the others are variations of.
    pub fn pure(
        name: impl Into<Cow<'static, str>>,
        docs: &'static str,
        inputs: Vec<Field>,
        output: Vec<Field>,
    ) -> Self {
        Self {
            name: name.into(),
            version: 1,
            docs,
            inputs: Object::new(inputs),
            one_of: &[],
            output: Object::new(output),
            effect: Effect::None,
            undoable: false,
            proposes: None,
            needs_target: false,
            sets_rate: false,
            loads_target: false,
            waits: false,
            names_event: false,
        }
    }

    /// The shape of what the action returns.
    pub fn output_shape(&self) -> Shape {
        Shape::Object(self.output.clone())
    }
}
