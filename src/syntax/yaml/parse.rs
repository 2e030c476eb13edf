//! The parser's events become a tree; what YAML allows and we do not is refused here.

use std::collections::HashMap;

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle};

use super::cut::{Cuts, column};
use super::problem::{self, Remedy};
use super::scalar;
use super::{Key, Kind, MAX_DEPTH, MAX_NODES, MAX_TEXT, Node};
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Why the reading ended before the text did.
pub(super) struct Stop {
    pub(super) problem: Diagnostic,
    pub(super) remedy: Remedy,
    /// Where the parser could go no further.
    pub(super) at: usize,
    /// Where what was read to its end ends, at the most.
    pub(super) read: usize,
    /// Where the outermost bracket opens that is open.
    pub(super) bracket: Option<usize>,
    /// What else was found until then.
    pub(super) diagnostics: Diagnostics,
}

/// Reads one YAML document, out of which `cuts` were cut: their bytes are blanks. A tree may come with errors (a key
/// that stands twice, a tag). An empty text is null.
pub(super) fn read(source: SourceId, text: &str, cuts: &Cuts) -> Result<(Node, Diagnostics), Box<Stop>> {
    let mut builder = Builder {
        source,
        text,
        cuts,
        crossed: 0,
        opens_cut: false,
        read: 0,
        stack: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        size: Size::default(),
        diagnostics: Diagnostics::new(),
    };
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (problem, remedy, at) = match next {
            Ok((event, span)) => match builder.take(event, span) {
                Ok(Go::On) => continue,
                Ok(Go::End) => break,
                Err(problem) => {
                    let remedy = if problem.code == Code::YamlSyntax { Remedy::Cut } else { Remedy::None };
                    let at = problem.primary.span.range().start;
                    (*problem, remedy, at)
                }
            },
            Err(error) => {
                let (problem, remedy) = problem::explain(source, text, &error);
                (problem, remedy, problem::place(text, &error))
            }
        };
        return Err(Box::new(builder.stopped(problem, remedy, at)));
    }
    let is_cut = builder.root.is_none() && cuts.lost_any();
    let null = Node { span: Span::new(source, 0, 0), kind: Kind::Null, written: None, is_cut };
    Ok((builder.root.unwrap_or(null), builder.diagnostics))
}

/// Whether there is anything more to read.
enum Go {
    On,
    End,
}

/// A collection that is not closed yet.
enum Open {
    Seq(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, known: HashMap<String, Span>, key: Option<Key> },
}

struct Frame {
    open: Open,
    start: usize,
    anchor: usize,
    /// Of the whole tree before this collection began.
    before: Size,
    /// Nesting below this collection.
    height: usize,
    /// Whether entries of it were cut out.
    is_cut: bool,
}

/// How much there is, aliases expanded.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
}

struct Anchored {
    node: Node,
    size: Size,
    height: usize,
}

struct Builder<'t> {
    source: SourceId,
    text: &'t str,
    cuts: &'t Cuts,
    /// How many of the cuts lie behind.
    crossed: usize,
    /// Whether the collection that opens next has lost what was cut out before it.
    opens_cut: bool,
    /// Where the last value or key ends.
    read: usize,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    size: Size,
    diagnostics: Diagnostics,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, place: granit_parser::Span) -> Result<Go, Box<Diagnostic>> {
        let range = place.byte_range().unwrap_or(0..0);
        let span = Span::new(self.source, range.start, range.end);
        if let Some(tag) = event.tag() {
            self.check_tag(tag, &place);
        }
        self.cross(&event, range.start);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let end = (range.start + 3).min(self.text.len());
                let span = Span::new(self.source, range.start, end);
                self.diagnostics.push(
                    Diagnostic::error(Code::YamlSyntax, span, "a second document begins here")
                        .help("one file holds one document: move the second to a file of its own"),
                );
                return Ok(Go::End);
            }
            Event::StreamEnd => return Ok(Go::End),
            Event::Alias(anchor) => self.alias(anchor, span)?,
            // Its anchor stands in what was cut out.
            Event::UnresolvedAlias(_) if self.cuts.lost_anchors() => self.lost(span)?,
            Event::UnresolvedAlias(name) => {
                return Err(Box::new(
                    Diagnostic::error(Code::YamlSyntax, span, format!("the alias `*{name}` has no anchor before it"))
                        .help(format!("text that starts with `*` needs quotes; an anchor is written `&{name}`")),
                ));
            }
            Event::Scalar(value, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str") || tag.suffix().is_empty());
                self.scalar(&value, style, anchor, is_text, range)?;
            }
            Event::SequenceStart(_, anchor, _) => self.open(Open::Seq(Vec::new()), anchor, range.start, span)?,
            Event::MappingStart(_, anchor, _) => {
                let open = Open::Map { entries: Vec::new(), known: HashMap::new(), key: None };
                self.open(open, anchor, range.start, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end)?,
            // The start of the stream and documents, and what other options would send.
            _ => {}
        }
        Ok(Go::On)
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        is_text: bool,
        range: std::ops::Range<usize>,
    ) -> Result<(), Box<Diagnostic>> {
        let raw = self.text.get(range.clone()).unwrap_or_default();
        if style == ScalarStyle::Plain
            && let Some(item) = scalar::item_within(raw)
        {
            let span = Span::new(self.source, range.start + item.start, range.start + item.end);
            return Err(Box::new(super::problem::astray_item(span)));
        }
        // The parser gives `~` for a value that is not there.
        let value = if raw.is_empty() { "" } else { value };
        let fragment = scalar::fragment(self.source, self.text, range.clone(), value, style);
        // The parser counts the blank lines behind a plain scalar to it; a caret must not.
        let end = match style {
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => range.start + raw.trim_end().len(),
            _ => range.end,
        };
        let span = Span::new(self.source, range.start, end);
        let before = self.size;
        self.grow(Size { nodes: 1, text: value.len() }, span)?;
        let (kind, written) = if style == ScalarStyle::Plain && !is_text && !self.is_key_next() {
            scalar::resolve(fragment)
        } else {
            (Kind::String(fragment), None)
        };
        let is_cut = raw.is_empty() && self.is_value_cut();
        self.read = end;
        self.finish(Node { span, kind, written, is_cut }, anchor, before, 0)
    }

    /// In place of a value that is not known.
    fn lost(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        let before = self.size;
        self.grow(Size { nodes: 1, text: 0 }, span)?;
        self.finish(Node { span, kind: Kind::Null, written: None, is_cut: true }, 0, before, 0)
    }

    /// Whether the empty value that comes next was not empty: it was cut out.
    fn is_value_cut(&self) -> bool {
        let owner = match self.stack.last() {
            Some(Frame { open: Open::Map { key: Some(key), .. }, .. }) => key.span.range(),
            Some(Frame { open: Open::Seq(_), start, .. }) => *start..self.read.max(*start),
            _ => return self.cuts.lost_any(),
        };
        self.cuts.lost_value(self.text, owner)
    }

    /// Whoever has lost entries by the cuts that end before `at` is marked. `event` stands there.
    fn cross(&mut self, event: &Event<'_>, at: usize) {
        let opens = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        if self.stack.is_empty() && !opens {
            return; // The document itself begins.
        }
        while let Some(cut) = self.cuts.get(self.crossed).filter(|cut| cut.range.start < at) {
            self.crossed += 1;
            let Some(entry) = cut.entry else { continue };
            let here = column(self.text, at);
            let outer = self.stack.last().map(|frame| column(self.text, frame.start));
            if opens && here <= entry.column && outer.is_none_or(|outer| outer < here) {
                self.opens_cut = true;
                continue;
            }
            for frame in self.stack.iter_mut().rev() {
                frame.is_cut = true;
                let is_sequence = matches!(frame.open, Open::Seq(_));
                let is_owner = column(self.text, frame.start) <= entry.column && (!is_sequence || entry.is_item);
                // Nobody knows how far a tab is meant to go.
                if is_owner && entry.column < usize::MAX {
                    break;
                }
            }
        }
    }

    fn has_brackets(&self, start: usize) -> bool {
        matches!(self.text.as_bytes().get(start), Some(b'[' | b'{'))
    }

    fn stopped(self, problem: Diagnostic, remedy: Remedy, at: usize) -> Stop {
        let bracket = self.stack.iter().map(|frame| frame.start).find(|start| self.has_brackets(*start));
        Stop { problem, remedy, at, read: self.read, bracket, diagnostics: self.diagnostics }
    }

    fn is_key_next(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { open: Open::Map { key: None, .. }, .. }))
    }

    fn open(&mut self, open: Open, anchor: usize, start: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        if self.is_key_next() {
            return Err(Box::new(no_plain_key(span)));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        let before = self.size;
        self.grow(Size { nodes: 1, text: 0 }, span)?;
        let is_cut = std::mem::take(&mut self.opens_cut);
        self.stack.push(Frame { open, start, anchor, before, height: 0, is_cut });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Box<Diagnostic>> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (kind, last) = match frame.open {
            Open::Seq(items) => {
                let last = items.last().map(|node| node.span);
                (Kind::Seq(items), last)
            }
            Open::Map { entries, .. } => {
                let last = entries.last().map(|(key, node)| key.span.to(node.span));
                (Kind::Map(entries), last)
            }
        };
        // A block collection's end is told at the next token; a flow one's is its bracket.
        let closed_by_bracket = matches!(self.text.as_bytes().get(frame.start), Some(b'[' | b'{'))
            && matches!(end.checked_sub(1).and_then(|at| self.text.as_bytes().get(at)), Some(b']' | b'}'));
        let end = match last {
            Some(last) if !closed_by_bracket => (last.end as usize).max(frame.start),
            _ => end,
        };
        self.read = self.read.max(end);
        let node = Node { span: Span::new(self.source, frame.start, end), kind, written: None, is_cut: frame.is_cut };
        self.finish(node, frame.anchor, frame.before, frame.height + 1)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            self.diagnostics.push(
                Diagnostic::error(Code::YamlSyntax, span, "the alias refers to the value that it stands in")
                    .help("write the value out"),
            );
            return self.lost(span);
        };
        let (size, height) = (anchored.size, anchored.height);
        if self.stack.len() + height > MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        // Counted before anything is copied.
        let before = self.size;
        let node = &anchored.node;
        let is_key = matches!(self.stack.last(), Some(Frame { open: Open::Map { key: None, .. }, .. }));
        let node = if is_key && node.scalar().is_none() { None } else { Some(node) };
        let Some(node) = node else { return Err(Box::new(no_plain_key(span))) };
        check_size(before, size).map_err(|what| Box::new(too_large(span, what)))?;
        let node = node.clone();
        self.size = Size { nodes: before.nodes + size.nodes, text: before.text + size.text };
        self.finish(node, 0, before, height)
    }

    fn grow(&mut self, by: Size, span: Span) -> Result<(), Box<Diagnostic>> {
        check_size(self.size, by).map_err(|what| Box::new(too_large(span, what)))?;
        self.size = Size { nodes: self.size.nodes + by.nodes, text: self.size.text + by.text };
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, before: Size, height: usize) -> Result<(), Box<Diagnostic>> {
        if anchor != 0 {
            let size = Size { nodes: self.size.nodes - before.nodes, text: self.size.text - before.text };
            self.grow(size, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, height });
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.height = frame.height.max(height);
        match &mut frame.open {
            Open::Seq(items) => items.push(node),
            Open::Map { entries, known, key } => match key.take() {
                None => {
                    let name = node.scalar().map(|fragment| fragment.text.clone()).unwrap_or_default();
                    *key = Some(Key { name, span: node.span });
                }
                Some(key) => {
                    if let Some(first) = known.get(&key.name) {
                        self.diagnostics.push(
                            Diagnostic::error(
                                Code::DuplicateKey,
                                key.span,
                                format!("`{}` stands here twice", key.name),
                            )
                            .label("the second")
                            .also(*first, "the first")
                            .help("delete one of the two"),
                        );
                    } else {
                        known.insert(key.name.clone(), key.span);
                        entries.push((key, node));
                    }
                }
            },
        }
        Ok(())
    }

    fn check_tag(&mut self, tag: &granit_parser::Tag, place: &granit_parser::Span) {
        if tag.is_yaml_core_schema_tag("str") || tag.suffix().is_empty() {
            return;
        }
        let range = place.tag_span().and_then(|span| span.byte_range()).or_else(|| place.byte_range()).unwrap_or(0..0);
        let written = self.text.get(range.clone()).unwrap_or_default();
        self.diagnostics.push(
            Diagnostic::error(
                Code::YamlSyntax,
                Span::new(self.source, range.start, range.end),
                format!("YAML takes `{written}` for a tag, and tags mean nothing here"),
            )
            .help("text that starts with `!` needs quotes"),
        );
    }
}

fn check_size(now: Size, by: Size) -> Result<(), &'static str> {
    if now.nodes.saturating_add(by.nodes) > MAX_NODES {
        return Err("values");
    }
    if now.text.saturating_add(by.text) > MAX_TEXT {
        return Err("bytes of text");
    }
    Ok(())
}

fn too_large(span: Span, what: &str) -> Diagnostic {
    let limit = if what == "values" { MAX_NODES } else { MAX_TEXT };
    Diagnostic::error(
        Code::TooLarge,
        span,
        format!("the file holds more than {limit} {what}, with its aliases written out"),
    )
    .help("split the file, or use fewer aliases")
}

pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, span, format!("values are nested more than {MAX_DEPTH} deep"))
        .help("no file needs that; is a bracket missing?")
}

fn no_plain_key(span: Span) -> Diagnostic {
    Diagnostic::error(Code::YamlSyntax, span, "a key must be a plain word, and this is a list or a mapping")
        .help("text that starts with `[` or `{` needs quotes")
}

impl Node {
    /// A node made from text that stands verbatim in a source, as a plain scalar would be read. For values that come
    /// from elsewhere than a file.
    pub fn plain(fragment: Fragment) -> Self {
        let span = fragment.span(0..fragment.text.len());
        let (kind, written) = scalar::resolve(fragment);
        Self { span, kind, written, is_cut: false }
    }
}

/// Every comment with its `#`, in the order they stand; up to the first mistake, where there is one.
pub fn comments(source: SourceId, text: &str) -> Vec<Span> {
    let options = granit_parser::options! {
        emit_comments: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    Parser::new_from_str_with_options(text, options)
        .map_while(Result::ok)
        .filter(|(event, _)| matches!(event, Event::Comment(..)))
        .filter_map(|(_, place)| place.byte_range())
        .map(|range| Span::new(source, range.start, range.end))
        .collect()
}
