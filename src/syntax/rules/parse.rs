//! From the grammar's pairs to the tree, item by item.

use std::num::NonZeroUsize;

use pest::Parser as _;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;

use super::ast::{Clause, ClauseKind, Docs, Event, Field, File, Item, Rule as RuleItem, Type};
use super::{Grammar, Rule, clause, problem, scan};
use crate::base::lookalike;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::characters;

/// Bytes of a file.
pub(super) const MAX_FILE: usize = 1 << 20;
/// Brackets within brackets. The grammar recurses once for each.
const MAX_BRACKETS: usize = 64;
/// Types within types. The grammar, the checker and whoever walks a shape recurse once for each.
const MAX_TYPES: usize = 32;
/// Entries into the grammar's rules for one file; ample for [`MAX_FILE`] bytes of anything that is not hostile.
const MAX_PARSER_CALLS: usize = 20_000_000;

/// Reads a rules file: as much of a tree as can be had, and everything that is wrong with its form.
pub fn parse(source: SourceId, text: &str) -> (File, Diagnostics) {
    let mut reader = Reader { source, text, diagnostics: Diagnostics::new() };
    let mut file = File { source, items: Vec::new(), comments: Vec::new() };
    if let Err(problem) = within_limits(source, text) {
        reader.diagnostics.push(*problem);
        return (file, reader.diagnostics);
    }
    // The limit is one for the whole process, and every parser sets its own.
    pest::set_call_limit(NonZeroUsize::new(MAX_PARSER_CALLS));
    match Grammar::parse(Rule::file, text) {
        Ok(mut pairs) => {
            if let Some(pair) = pairs.next() {
                reader.file(pair, &mut file);
            }
        }
        Err(error) => {
            let at = match error.location {
                InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
            };
            let message = match error.variant {
                ErrorVariant::CustomError { .. } => "the file is too large or nested too deeply to be read",
                ErrorVariant::ParsingError { .. } => "the file cannot be read from here on",
            };
            reader.diagnostics.push(Diagnostic::error(Code::TooLarge, reader.span(at, at), message));
        }
    }
    (file, characters::explain(reader.diagnostics, text))
}

fn within_limits(source: SourceId, text: &str) -> Result<(), Box<Diagnostic>> {
    if text.len() > MAX_FILE {
        let message = format!("the file has {} bytes; at most {MAX_FILE} are taken", text.len());
        return Err(Box::new(
            Diagnostic::error(Code::TooLarge, Span::new(source, 0, 0), message).help("split the file"),
        ));
    }
    match scan::too_deep(text, MAX_BRACKETS) {
        Some(at) => {
            let message = format!("more than {MAX_BRACKETS} brackets within brackets");
            let problem = Diagnostic::error(Code::TooLarge, Span::new(source, at, at + 1), message);
            Err(Box::new(problem.help("close the brackets before it, or split the expression")))
        }
        None => Ok(()),
    }
}

/// Reads pairs, and collects what is wrong.
pub(super) struct Reader<'a> {
    pub(super) source: SourceId,
    pub(super) text: &'a str,
    pub(super) diagnostics: Diagnostics,
}

/// Lines of documentation that wait for what they document.
#[derive(Default)]
struct Pending(Vec<Spanned<String>>);

impl Pending {
    fn take(&mut self) -> Option<Docs> {
        let lines = std::mem::take(&mut self.0);
        let span = lines.first()?.span.to(lines.last()?.span);
        let text: Vec<&str> = lines.iter().map(|line| line.node.as_str()).collect();
        Some(Spanned::new(text.join("\n"), span))
    }
}

impl Reader<'_> {
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    pub(super) fn of(&self, pair: &Pair<'_, Rule>) -> Span {
        self.span(pair.as_span().start(), pair.as_span().end())
    }

    pub(super) fn text_of(&self, pair: &Pair<'_, Rule>) -> Spanned<String> {
        Spanned::new(pair.as_str().to_owned(), self.of(pair))
    }

    fn file(&mut self, file: Pair<'_, Rule>, tree: &mut File) {
        tree.comments = self.comments(&file);
        let mut docs = Pending::default();
        for pair in file.into_inner() {
            match pair.as_rule() {
                Rule::doc => docs.0.push(self.doc(&pair)),
                Rule::event => {
                    let event = self.event(pair, &mut docs);
                    tree.items.push(Item::Event(event));
                }
                Rule::rule => {
                    let rule = self.rule(pair, &mut docs);
                    tree.items.push(Item::Rule(rule));
                }
                Rule::stray_close => self.diagnostics.push(problem::stray_close(self.of(&pair))),
                Rule::stray_text => self.diagnostics.push(problem::stray_text(self.source, &pair)),
                _ => {}
            }
        }
        self.undocumented(&mut docs, "an event, a rule or a field");
    }

    /// Every comment that the grammar saw as one, documentation not included.
    fn comments(&self, file: &Pair<'_, Rule>) -> Vec<Spanned<String>> {
        let comments = file.clone().into_inner().flatten().filter(|pair| pair.as_rule() == Rule::COMMENT);
        comments
            .map(|pair| self.text_of(&pair).map(|text| text.strip_prefix("//").unwrap_or_default().to_owned()))
            .collect()
    }

    fn doc(&self, pair: &Pair<'_, Rule>) -> Spanned<String> {
        self.text_of(pair).map(|line| {
            let text = line.strip_prefix("///").unwrap_or_default();
            text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned()
        })
    }

    fn undocumented(&mut self, docs: &mut Pending, what: &str) {
        if let Some(docs) = docs.take() {
            self.diagnostics.push(
                Diagnostic::warning(Code::RuleSyntax, docs.span, "this documents nothing")
                    .help(format!("`///` stands before {what}; write `//` for a plain comment")),
            );
        }
    }

    fn event(&mut self, pair: Pair<'_, Rule>, docs: &mut Pending) -> Event {
        let span = self.of(&pair);
        let docs_of_event = docs.take();
        let (mut name, mut fields, mut head, mut is_whole) = (None, Vec::new(), span, true);
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::event_word => head = self.of(&inner),
                Rule::odd_event_word => {
                    head = self.of(&inner);
                    self.diagnostics.push(problem::odd_word(head, inner.as_str(), "event"));
                }
                Rule::event_name => name = Some(self.text_of(&inner)),
                Rule::bad_name => {
                    self.diagnostics.push(problem::bad_name(self.source, "an event", &inner));
                    let meant = lookalike::latinised(inner.as_str().trim_end());
                    name = Some(self.text_of(&inner).map(|_| meant.unwrap_or_default()));
                }
                // What is no name may have swallowed the brace.
                Rule::missing_open if name.as_ref().is_some_and(|name| name.node.is_empty()) => {}
                // One mistake is enough to tell of what has neither name nor braces.
                Rule::missing_open if name.is_none() => is_whole = false,
                Rule::missing_open => {
                    let after = name.as_ref().map_or(head, |name: &Spanned<String>| name.span);
                    self.diagnostics.push(problem::missing_open(after, "an event's fields stand in braces"));
                    is_whole = false;
                }
                Rule::missing_close => self.diagnostics.push(problem::missing_close("event", head, self.of(&inner))),
                form => {
                    let before = fields.len();
                    let bad = (form == Rule::bad_field).then(|| self.bad_field(&inner));
                    self.entry(inner, docs, &mut fields, 1);
                    match bad {
                        Some(Some(field)) => fields.push(field),
                        Some(None) => is_whole = false,
                        None => is_whole &= form != Rule::field || fields.len() > before,
                    }
                }
            }
        }
        let name = name.unwrap_or_else(|| self.missing_name("event", head));
        Event { docs: docs_of_event, name, fields, is_whole, span }
    }

    /// A field whose type cannot be read may be anything.
    fn bad_field(&self, pair: &Pair<'_, Rule>) -> Option<Field> {
        if problem::is_rest_of_map(self.text, pair) {
            return None;
        }
        let name = problem::name_of_bad_field(pair.as_str())?;
        // What something else stands right behind may be more than the name.
        let behind = pair.as_str().trim_start().get(name.len()..)?;
        behind.starts_with(|c: char| c.is_whitespace() || matches!(c, ':' | '?')).then_some(())?;
        let start = pair.as_span().start() + pair.as_str().len() - pair.as_str().trim_start().len();
        let span = self.span(start, start + name.len());
        let kind = Spanned::new(Type::Named("any".to_owned()), span);
        Some(Field { docs: None, name: Spanned::new(name.to_owned(), span), optional: true, kind, span })
    }

    /// Says that a name is missing, and puts an empty one in its place.
    fn missing_name(&mut self, what: &str, head: Span) -> Spanned<String> {
        self.diagnostics.push(
            Diagnostic::error(Code::RuleSyntax, head, format!("the {what} has no name"))
                .help(format!("write `{what} NAME {{ … }}`")),
        );
        Spanned::new(String::new(), head)
    }

    /// One pair from between the braces of an event or an object type.
    fn entry(&mut self, pair: Pair<'_, Rule>, docs: &mut Pending, fields: &mut Vec<Field>, depth: usize) {
        match pair.as_rule() {
            Rule::doc => docs.0.push(self.doc(&pair)),
            Rule::field => {
                let docs = docs.take();
                fields.extend(self.field(pair, docs, depth));
            }
            Rule::missing_comma => {
                let span = fields.last().map_or(self.of(&pair), |field| field.span);
                let after = self.span(span.end as usize, span.end as usize);
                self.diagnostics.push(
                    Diagnostic::error(Code::RuleSyntax, after, "a `,` is missing between two fields").label("add `,`"),
                );
            }
            // What is left of `map<string, int>` behind its comma was said with it.
            Rule::bad_field if problem::is_rest_of_map(self.text, &pair) => {}
            Rule::bad_field => self.diagnostics.push(problem::bad_field(self.source, &pair)),
            Rule::close_brace => self.undocumented(docs, "an event, a rule or a field"),
            _ => {}
        }
    }

    fn field(&mut self, pair: Pair<'_, Rule>, docs: Option<Docs>, depth: usize) -> Option<Field> {
        let span = self.of(&pair);
        let (mut name, mut optional, mut kind) = (None, false, None);
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::field_name => name = Some(self.text_of(&inner)),
                Rule::optional_mark => optional = true,
                Rule::r#type => kind = self.kind(inner, depth),
                _ => {}
            }
        }
        Some(Field { docs, name: name?, optional, kind: kind?, span })
    }

    /// A type; `None` once it nests too deeply, which is then said.
    fn kind(&mut self, pair: Pair<'_, Rule>, depth: usize) -> Option<Spanned<Type>> {
        let span = self.of(&pair);
        if depth > MAX_TYPES {
            let message = format!("more than {MAX_TYPES} types within types");
            self.diagnostics
                .push(Diagnostic::error(Code::TooLarge, span, message).help("use `any` for what is within"));
            return None;
        }
        let shape = pair.into_inner().next()?;
        let kind = match shape.as_rule() {
            Rule::list_type => Type::List(Box::new(self.item(shape, depth)?)),
            Rule::map_type => Type::Map(Box::new(self.item(shape, depth)?)),
            Rule::object_type => {
                let (mut docs, mut fields) = (Pending::default(), Vec::new());
                for inner in shape.into_inner() {
                    self.entry(inner, &mut docs, &mut fields, depth + 1);
                }
                Type::Object(fields)
            }
            _ => Type::Named(shape.as_str().to_owned()),
        };
        Some(Spanned::new(kind, span))
    }

    /// What stands in the angle brackets of a list or a map.
    fn item(&mut self, pair: Pair<'_, Rule>, depth: usize) -> Option<Spanned<Type>> {
        let item = pair.into_inner().find(|inner| inner.as_rule() == Rule::r#type)?;
        self.kind(item, depth + 1)
    }

    fn rule(&mut self, pair: Pair<'_, Rule>, docs: &mut Pending) -> RuleItem {
        let span = self.of(&pair);
        let canonical = scan::canonical(pair.as_str());
        let docs_of_rule = docs.take();
        let (mut name, mut clauses, mut head, mut closed) = (None, Vec::new(), span, true);
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::rule_word => head = self.of(&inner),
                Rule::odd_rule_word => {
                    head = self.of(&inner);
                    self.diagnostics.push(problem::odd_word(head, inner.as_str(), "rule"));
                }
                Rule::rule_name => name = Some(self.text_of(&inner)),
                Rule::bad_name => {
                    self.diagnostics.push(problem::bad_name(self.source, "a rule", &inner));
                    name = Some(self.text_of(&inner).map(|_| String::new()));
                }
                Rule::open_brace | Rule::close_brace | Rule::COMMENT => {}
                Rule::missing_open if name.as_ref().is_none_or(|name| name.node.is_empty()) => {}
                Rule::missing_open => {
                    let after = name.as_ref().map_or(head, |name: &Spanned<String>| name.span);
                    self.diagnostics.push(problem::missing_open(after, "a rule's clauses stand in braces"));
                }
                // Of what has neither a name nor clauses the first mistake is told.
                Rule::missing_close if clauses.is_empty() && name.as_ref().is_none_or(|name| name.node.is_empty()) => {
                    closed = false;
                }
                Rule::missing_close => {
                    let end = self.of(&inner);
                    let on_one_line = self
                        .text
                        .get(head.start as usize..end.end as usize)
                        .is_some_and(|text| !text.trim().contains('\n'));
                    let has_bad = clauses
                        .iter()
                        .any(|clause: &Clause| matches!(clause.kind, ClauseKind::CutWhen { .. } | ClauseKind::Bad(_)));
                    // The bad clause has swallowed the brace.
                    if !(on_one_line && has_bad) {
                        self.diagnostics.push(problem::missing_close("rule", head, end));
                    }
                    closed = false;
                }
                Rule::doc => docs.0.push(self.doc(&inner)),
                _ => {
                    self.undocumented(docs, "an event, a rule or a field");
                    let clause = clause::read(self, inner, clauses.last());
                    clause::join(&mut clauses, clause, self.text);
                }
            }
        }
        // Before a brace that is missing, they document the next item.
        if closed {
            self.undocumented(docs, "an event, a rule or a field");
        }
        let name = name.unwrap_or_else(|| self.missing_name("rule", head));
        RuleItem { docs: docs_of_rule, name, clauses, canonical, span }
    }
}
