//! Which names an expression may use at each place, and what they look like.

use std::sync::Arc;

use super::Object;
use crate::expression::{Type, TypeEnv};
use crate::model::action::ActionSignature;
use crate::model::event::Event;
use crate::model::schema::{Field, Shape};
use crate::model::target;
use crate::syntax::workflow::ast;

/// Where a step of a workflow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Steps,
    OnFailure,
}

/// What `target` is.
pub fn target() -> Type {
    Type::of_shape(&Shape::Object(target::shape()))
}

/// Names of a rule's expressions: `event`, whose data is `data`, `target` (see [`target()`], made once for all), `now`.
pub fn rule(data: Object, target: &Type) -> TypeEnv {
    let event = TypeEnv::new()
        .without("inputs", "a rule has no inputs: what the event carries is `event.data.NAME`")
        .without("steps", "a rule has no steps: they are those of the workflow that it runs")
        .without("env", "expressions do not see the environment: settings stand in `homeostat.yaml`")
        .with("event", Shape::Object(Event::shape(data)));
    event.with_type("target", target.clone()).with("now", Shape::Timestamp)
}

/// Names of a workflow's expressions: `inputs`, `steps`, `target`, `run`; in `on_failure` also `error`. `action` gives
/// what a step uses, where that exists.
///
/// `steps` is open, so that a step that does not exist is reported as such and not as a field.
pub fn workflow(
    workflow: &ast::Workflow,
    action: &dyn Fn(&ast::Step) -> Option<Arc<ActionSignature>>,
    part: Part,
) -> TypeEnv {
    let run = Object::new(vec![
        Field::required("id", Shape::String, "the run's id"),
        Field::required("workflow", Shape::String, "the workflow's name"),
    ]);
    let env = TypeEnv::new()
        .without("event", "a workflow sees no event: declare an input, and give it in the rule's `run`")
        .without("error", "`error` exists in the steps of `on_failure` alone")
        .without("item", "`item` exists in a step with `for_each`, in its `with` and `undo`")
        .without("index", "`index` exists in a step with `for_each`, in its `with` and `undo`")
        .without("now", "a workflow has no clock: give it the time as an input")
        .without("env", "expressions do not see the environment: settings stand in `homeostat.yaml`")
        .without("secret", "expressions do not see secrets: they stand in `homeostat.yaml`")
        .without("secrets", "expressions do not see secrets: they stand in `homeostat.yaml`")
        .without("config", "expressions do not see settings, but for those of `target`")
        .without("self", "a step refers to others as `steps.NAME`")
        .with("inputs", Shape::Object(workflow.inputs.clone()))
        .with("steps", Shape::Object(Object { fields: steps(workflow, action, part), open: true }))
        .with("target", Shape::Object(target::shape()))
        .with("run", Shape::Object(run));
    if part == Part::OnFailure { with_error(env) } else { env }
}

/// The fields of `steps`: what each step gives, optional where it may be skipped. In `on_failure` any step of the
/// workflow may be missing.
fn steps(
    workflow: &ast::Workflow,
    action: &dyn Fn(&ast::Step) -> Option<Arc<ActionSignature>>,
    part: Part,
) -> Vec<Field> {
    let field = |step: &ast::Step, may_miss: bool| {
        let output = action(step).filter(|_| !step.is_cut).map_or(Shape::Any, |action| action.output_shape());
        let shape = if step.for_each.is_some() { Shape::List(Box::new(output)) } else { output };
        let make = if may_miss || step.condition.is_some() { Field::optional } else { Field::required };
        make(&step.name.node, shape, "")
    };
    let mut fields: Vec<Field> = workflow.steps.iter().map(|step| field(step, part == Part::OnFailure)).collect();
    if part == Part::OnFailure {
        fields.extend(workflow.on_failure.iter().map(|step| field(step, false)));
    }
    fields
}

/// What `on_failure` knows besides: `error`.
fn with_error(env: TypeEnv) -> TypeEnv {
    let error = Object::new(vec![
        Field::required("step", Shape::String, "the step that failed first"),
        Field::required("kind", Shape::String, "the kind of its failure"),
        Field::required("message", Shape::String, "what it said"),
    ]);
    env.with("error", Shape::Object(error))
}

/// What a step with `for_each` knows besides: `item`, `index`.
pub fn with_item(env: TypeEnv, item: Shape) -> TypeEnv {
    env.with("item", item).with("index", Shape::Int)
}
