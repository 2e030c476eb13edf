//! Text becomes a syntax tree, every node with its place in the source.
//!
//! Resolves no names and knows no types. Text that nests too deeply is refused before the grammar sees it.

mod literal;
mod macros;
mod problem;
mod recover;
mod tree;

use std::num::NonZeroUsize;
use std::ops::Range;

use pest::Parser as _;
use pest::error::InputLocation;
use pest::iterators::Pairs;

use self::recover::Patched;

use super::ast::Expr;
use super::limits;
use crate::base::fragment::Fragment;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/expression.pest"]
struct Grammar;

/// Broken parts of one expression that are told.
const MAX_BROKEN_PARTS: usize = 8;

/// Reads an expression.
///
/// # Errors
/// Everything that is no CEL.
pub fn parse(fragment: &Fragment) -> Result<Expr, Diagnostics> {
    let (expr, problems) = parse_whole(fragment)?;
    if problems.has_errors() { Err(problems) } else { Ok(expr) }
}

/// Reads an expression also where parts of it are wrong: these are told, and may be anything in the tree.
///
/// # Errors
/// What leaves nothing to read.
pub(super) fn parse_whole(fragment: &Fragment) -> Result<(Expr, Diagnostics), Diagnostics> {
    let fail = |problem: Diagnostic| {
        let mut problems = Diagnostics::new();
        problems.push(problem);
        problems
    };
    within_limits(fragment).map_err(|problem| fail(*problem))?;
    // The limit is one for the whole process, and every parser sets its own.
    pest::set_call_limit(NonZeroUsize::new(limits::MAX_PARSER_CALLS));
    let mut patched = Patched::new(&fragment.text);
    let mut found = Diagnostics::new();
    for parts in 0.. {
        let error = match Grammar::parse(Rule::program, &patched.text) {
            Ok(pairs) => return build(fragment, pairs, &patched.holes, found),
            Err(error) => error,
        };
        let at = match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
        let problem = problem::explain(&fragment.with_text(&patched.text), &error);
        let is_of_a_part = problem.code == Code::ExpressionSyntax && !problem::is_statement(&patched.text, at);
        found.push(problem);
        if parts == MAX_BROKEN_PARTS || !is_of_a_part || !(patched.mend(at) || patched.take_out(at)) {
            break;
        }
    }
    found.sort();
    Err(found)
}

/// The tree of what the grammar has read; parts at `holes` may be anything.
fn build(
    fragment: &Fragment,
    mut pairs: Pairs<'_, Rule>,
    holes: &[Range<usize>],
    mut found: Diagnostics,
) -> Result<(Expr, Diagnostics), Diagnostics> {
    let Some(expression) = pairs.next().and_then(|program| program.into_inner().next()) else {
        found.push(Diagnostic::error(Code::ExpressionSyntax, fragment.span(0..0), "the expression is empty"));
        return Err(found);
    };
    let (expr, problems) = tree::build(fragment, expression, holes);
    found.extend(problems);
    found.sort();
    // Of a tree that was not built to its end nothing more can be said.
    if found.iter().any(|problem| problem.code == Code::ExpressionTooDeep) { Err(found) } else { Ok((expr, found)) }
}

/// Refuses text that is too long or has too many brackets within brackets, without recursing.
fn within_limits(fragment: &Fragment) -> Result<(), Box<Diagnostic>> {
    let text = fragment.text.as_str();
    if text.len() > limits::MAX_TEXT {
        let message = format!("the expression has {} bytes; at most {} are taken", text.len(), limits::MAX_TEXT);
        let problem = Diagnostic::error(Code::ExpressionTooDeep, fragment.span(0..1), message);
        return Err(Box::new(problem.help("split it")));
    }
    let mut depth = 0_usize;
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let token = token_length(rest);
        match rest.as_bytes().first() {
            Some(b'(' | b'[' | b'{') => depth += 1,
            Some(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::MAX_BRACKETS {
            let message = format!("more than {} brackets within brackets", limits::MAX_BRACKETS);
            let problem = Diagnostic::error(Code::ExpressionTooDeep, fragment.span(offset..offset + 1), message);
            let help = "split the expression, or bind parts to names with `cel.bind`";
            return Err(Box::new(problem.help(help)));
        }
        offset += token;
    }
    Ok(())
}

/// Bytes of the token that `rest` starts with: a word, a number, a text, a comment, or one character.
fn token_length(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find(['\n', '\r']).unwrap_or(rest.len());
    }
    let letters = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let after = rest.get(letters..).unwrap_or_default();
    let prefix = rest.get(..letters).unwrap_or_default();
    if letters > 2 || !after.starts_with(['"', '\'']) {
        return if letters > 0 { letters } else { rest.chars().next().map_or(1, char::len_utf8) };
    }
    let raw = prefix.ends_with(['r', 'R']);
    letters + text_length(after, raw)
}

/// Bytes of the quoted text that `rest` starts with, to the end where it is not closed.
fn text_length(rest: &str, raw: bool) -> usize {
    let quote = if rest.starts_with('"') { "\"" } else { "'" };
    let triple = quote.repeat(3);
    let (open, close) = if rest.starts_with(&triple) { (3, triple.as_str()) } else { (1, quote) };
    let mut offset = open;
    while let Some(tail) = rest.get(offset..) {
        if tail.starts_with(close) {
            return offset + close.len();
        }
        let Some(first) = tail.chars().next() else { break };
        if close.len() == 1 && matches!(first, '\n' | '\r') {
            return offset;
        }
        offset += first.len_utf8();
        if first == '\\' && !raw {
            offset += rest.get(offset..).and_then(|tail| tail.chars().next()).map_or(0, char::len_utf8);
        }
    }
    rest.len()
}
