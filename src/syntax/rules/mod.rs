//! The rule language: a `*.rules` file becomes a tree.
//!
//! `grammar/rules.pest` says what a file looks like, `parse` turns its pairs into nodes, `problem` says what is wrong
//! with what the grammar took up as bad, `format` writes a file that is right as all files are written. Which names exist is not known here; expressions are only cut out.

pub mod ast;
mod clause;
pub mod format;
mod parse;
mod problem;
mod scan;
#[cfg(test)]
mod tests;

pub use parse::parse;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/rules.pest"]
struct Grammar;
