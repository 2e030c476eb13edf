//! Which names a workflow's expressions may use at each place, and what they look like.

use super::Object;
use crate::expression::TypeEnv;
use crate::model::schema::{Field, Shape};
use crate::model::target;

/// Names of a workflow's expressions: `inputs`, `steps`, `target`, `run`.
///
/// `steps` is open, so that a step that does not exist is reported as such and not as a field.
pub(super) fn workflow(inputs: &Object, steps: Vec<Field>) -> TypeEnv {
    let run = Object::new(vec![
        Field::required("id", Shape::String, "the run's id"),
        Field::required("workflow", Shape::String, "the workflow's name"),
    ]);
    TypeEnv::new()
        .with("inputs", Shape::Object(inputs.clone()))
        .with("steps", Shape::Object(Object { fields: steps, open: true }))
        .with("target", Shape::Object(target::shape()))
        .with("run", Shape::Object(run))
}

/// What `on_failure` knows besides: `error`.
pub(super) fn with_error(env: TypeEnv) -> TypeEnv {
    let error = Object::new(vec![
        Field::required("step", Shape::String, "the step that failed first"),
        Field::required("kind", Shape::String, "the kind of its failure"),
        Field::required("message", Shape::String, "what it said"),
    ]);
    env.with("error", Shape::Object(error))
}

/// What a step with `for_each` knows besides: `item`, `index`.
pub(super) fn with_item(env: TypeEnv, item: Shape) -> TypeEnv {
    env.with("item", item).with("index", Shape::Int)
}
