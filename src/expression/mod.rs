//! Expressions: the Common Expression Language, from text to value.
//!
//! `parse` (pest pairs to a spanned tree) ─▶ `check` (types, names, overloads) ─▶ `compile` (a [`Program`]) ─▶ `evaluate`.
//! What it must not know: events, rules, steps, YAML. Whoever uses it says which names exist ([`TypeEnv`]) and what they
//! hold ([`Bindings`]).

pub mod ast;
mod check;
mod compile;
mod comprehension;
mod convert;
mod environment;
mod evaluate;
pub mod fact;
mod fault;
mod functions;
mod inspect;
mod limits;
mod node;
mod operators;
mod parse;
mod path;
mod program;
pub mod reference;
mod same;
mod trace;
mod truth;
pub mod types;
pub mod value;

use crate::base::fragment::Fragment;
use crate::diagnostic::Diagnostics;

pub use environment::{Bindings, TypeEnv};
pub use inspect::{Inspection, inspect};
pub use parse::parse;
pub use program::{EvaluationError, Program, Reference};
pub use trace::Part;
pub use types::Type;
pub use value::Value;

/// Parses, checks and compiles; all problems at once.
///
/// # Errors
/// Whatever is wrong with the expression. Warnings travel with neither result: there are none yet.
pub fn compile(fragment: &Fragment, env: &TypeEnv) -> Result<Program, Diagnostics> {
    let (expr, mut problems) = parse::parse_whole(fragment)?;
    let (checked, found) = check::check(&expr, env);
    problems.extend(found);
    problems.sort();
    if problems.has_errors() { Err(problems) } else { Ok(Program::new(&fragment.text, expr, &checked)) }
}

/// Parses and compiles, but checks nothing: what does not exist or does not fit fails when it is evaluated.
///
/// # Errors
/// What is no expression at all.
pub fn compile_unchecked(fragment: &Fragment, env: &TypeEnv) -> Result<Program, Diagnostics> {
    let expr = parse(fragment)?;
    let (checked, _) = check::check(&expr, env);
    Ok(Program::new(&fragment.text, expr, &checked))
}

#[cfg(test)]
mod tests;
