//! Workflow files: YAML becomes [`ast::Workflow`], all problems at once.
//!
//! Knows the schema (which key takes what), not which actions or steps exist.

pub mod ast;
mod inputs;
pub mod keys;
mod parse;
mod quoting;

pub use parse::parse;

#[cfg(test)]
mod tests;
