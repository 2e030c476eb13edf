//! The text of an expression, laid out: one blank around infix operators, none within brackets, broken where it is too
//! long for a line.
//!
//! Works on tokens, so that literals, comments and brackets stay as they were written. An expression that holds
//! comments, or texts over several lines, keeps the lines that its author gave it.

use super::WIDTH;
use crate::syntax::rules::ast::ClauseWord;
use crate::syntax::rules::scan::{self, Kind as Piece};

/// How far what is within brackets stands in.
const STEP: usize = 4;

/// What a token is, as far as blanks and line breaks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A name, a number, a text.
    Operand,
    /// Between two operands; the lower, the looser it binds.
    Infix(u8),
    /// `!` and `-` before an operand; `?` before what is optional.
    Prefix,
    /// `.` and `.?`.
    Dot,
    Question,
    /// Of a conditional.
    Colon,
    /// Of an entry of a map.
    EntryColon,
    Comma,
    Open,
    Close,
    Comment,
}

/// Precedence of `? :`, the loosest.
const CONDITIONAL: u8 = 0;

#[derive(Clone, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// It begins a line.
    first: bool,
}

/// Where an expression is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where its first character stands.
    pub(super) column: usize,
    /// Where further lines start.
    pub(super) indent: usize,
    /// How many characters follow it on its last line.
    pub(super) reserve: usize,
    pub(super) line_end: &'static str,
}

/// Lays out an expression that parses.
pub(super) fn layout(text: &str, place: Place) -> String {
    let Place { column, indent, reserve, line_end } = place;
    let tokens = tokens(text);
    if keeps_lines(&tokens) {
        return as_written(&tokens, indent, line_end);
    }
    let flat = flat(&tokens);
    if column + flat.chars().count() + reserve <= WIDTH {
        return flat;
    }
    let mut out = Layout { text: String::new(), column, line_end };
    out.row(&tree(&mut tokens.iter().peekable()), indent, reserve);
    // A line must not start like a clause or an item: that would end the expression.
    if out.text.lines().skip(1).any(starts_like_a_clause) { flat } else { out.text }
}

/// The expression on one line; `None` where it has to stand on several.
pub(super) fn on_one_line(text: &str) -> Option<String> {
    let tokens = tokens(text);
    (!keeps_lines(&tokens)).then(|| flat(&tokens))
}

fn keeps_lines(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| token.kind == Kind::Comment || token.text.contains(['\n', '\r']))
}

fn starts_like_a_clause(line: &str) -> bool {
    let line = line.trim_start();
    let word = line.get(..line.find(|c: char| !scan::is_word(c)).unwrap_or(line.len())).unwrap_or_default();
    let is_item = matches!(word, "event" | "rule") && line.get(word.len()..).is_some_and(|rest| rest.starts_with(' '));
    is_item || ClauseWord::from_word(word).is_some()
}

// ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    // Of each open bracket, and of the whole: how many `?` wait for their `:`.
    let mut waiting = vec![(' ', 0_u32)];
    let (mut offset, mut first) = (0, false);
    while let Some((piece, length)) = token_length(text, offset, tokens.last()) {
        let written = text.get(offset..offset + length).unwrap_or_default();
        offset += length;
        if piece == Piece::Blank {
            first |= written.contains(['\n', '\r']);
            continue;
        }
        let before = tokens.iter().rev().find(|token| token.kind != Kind::Comment).map(|token| token.kind);
        let kind = match piece {
            Piece::Comment => Kind::Comment,
            Piece::Word if written == "in" && ends_operand(before) => Kind::Infix(3),
            Piece::Word | Piece::Text | Piece::OpenText => Kind::Operand,
            Piece::Open(bracket) => {
                waiting.push((bracket, 0));
                Kind::Open
            }
            Piece::Close(_) => {
                waiting.pop();
                Kind::Close
            }
            Piece::Blank | Piece::Other => operator(written, before, waiting.last_mut()),
        };
        let text = if kind == Kind::Comment { written.trim_end() } else { written };
        tokens.push(Token { kind, text, first });
        first = false;
    }
    tokens
}

/// What starts at `offset`, and its bytes: as the scanner cuts it, but numbers and operators are whole.
fn token_length(text: &str, offset: usize, before: Option<&Token<'_>>) -> Option<(Piece, usize)> {
    let rest = text.get(offset..)?;
    let (kind, range) = scan::pieces(rest).next()?;
    let number = number_length(rest);
    if number > range.len() && !(rest.starts_with('.') && ends_operand(before.map(|token| token.kind))) {
        return Some((Piece::Word, number));
    }
    if kind == Piece::Other {
        let whole = ["&&", "||", "==", "!=", "<=", ">="].iter().find(|operator| rest.starts_with(**operator));
        let optional = rest.starts_with(".?").then_some(2);
        return Some((kind, whole.map(|whole| whole.len()).or(optional).unwrap_or(range.len())));
    }
    Some((kind, range.len()))
}

/// Bytes of the number with a fraction or an exponent that `rest` starts with; 0 where there is none.
fn number_length(rest: &str) -> usize {
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len())
    };
    let mut length = digits(0);
    if rest.get(length..).is_some_and(|tail| tail.starts_with('.')) {
        let fraction = digits(length + 1);
        if fraction == 0 {
            return 0;
        }
        length += 1 + fraction;
    } else if length == 0 {
        return 0;
    }
    let tail = rest.get(length..).unwrap_or_default();
    if tail.starts_with(['e', 'E']) {
        let sign = usize::from(tail.get(1..).is_some_and(|after| after.starts_with(['+', '-'])));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            return length + 1 + sign + exponent;
        }
    }
    length
}

fn operator(text: &str, before: Option<Kind>, waiting: Option<&mut (char, u32)>) -> Kind {
    let after_operand = ends_operand(before);
    let Some((bracket, questions)) = waiting else { return Kind::Operand };
    match text {
        "." | ".?" => Kind::Dot,
        "," => Kind::Comma,
        "!" => Kind::Prefix,
        "-" | "?" if !after_operand => Kind::Prefix,
        "?" => {
            *questions += 1;
            Kind::Question
        }
        ":" if *questions == 0 && *bracket == '{' => Kind::EntryColon,
        ":" => {
            *questions = questions.saturating_sub(1);
            Kind::Colon
        }
        "||" => Kind::Infix(1),
        "&&" => Kind::Infix(2),
        "+" | "-" => Kind::Infix(4),
        "*" | "/" | "%" => Kind::Infix(5),
        _ => Kind::Infix(3),
    }
}

fn ends_operand(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::Operand | Kind::Close))
}

// ── On one line, or on its author's lines ────────────────────────────────────────────────────────────────────────────

/// Whether a blank stands between two tokens on one line.
fn is_apart(left: Kind, right: Kind) -> bool {
    use Kind::{Colon, Comma, Comment, EntryColon, Infix, Operand, Question};
    match (left, right) {
        (_, Comma | EntryColon | Kind::Close) => false,
        (Infix(_) | Question | Colon | Comma | EntryColon, _)
        | (_, Comment | Infix(_) | Question | Colon)
        | (Operand, Operand) => true,
        _ => false,
    }
}

/// Whether the token is a comma that a closing bracket follows: it says nothing.
fn is_spare(token: &Token<'_>, next: Option<&Token<'_>>) -> bool {
    token.kind == Kind::Comma && next.is_some_and(|next| next.kind == Kind::Close)
}

fn flat(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    let mut before: Option<Kind> = None;
    for (at, token) in tokens.iter().enumerate() {
        if is_spare(token, tokens.get(at + 1)) {
            continue;
        }
        if before.is_some_and(|before| is_apart(before, token.kind)) {
            text.push(' ');
        }
        text.push_str(token.text);
        before = Some(token.kind);
    }
    text
}

fn as_written(tokens: &[Token<'_>], indent: usize, line_end: &str) -> String {
    let mut text = String::new();
    let mut before: Option<Kind> = None;
    let mut depth = 0_usize;
    for token in tokens {
        if token.kind == Kind::Close {
            depth = depth.saturating_sub(1);
        }
        if token.first && before.is_some() {
            text.push_str(line_end);
            text.push_str(&" ".repeat(indent + STEP * depth));
        } else if before.is_some_and(|before| is_apart(before, token.kind)) {
            text.push(' ');
        }
        text.push_str(token.text);
        if token.kind == Kind::Open {
            depth += 1;
        }
        before = Some(token.kind);
    }
    text
}

// ── Broken ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Tokens, with what is in brackets as one.
enum Part<'a> {
    Token(&'a Token<'a>),
    Brackets { open: &'a str, items: Vec<Vec<Part<'a>>>, close: &'a str },
}

/// The parts up to a closing bracket or a comma, which stay.
fn tree<'a>(tokens: &mut std::iter::Peekable<std::slice::Iter<'a, Token<'a>>>) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    while let Some(token) = tokens.next_if(|token| !matches!(token.kind, Kind::Close | Kind::Comma)) {
        if token.kind != Kind::Open {
            parts.push(Part::Token(token));
            continue;
        }
        let mut items = Vec::new();
        let close = loop {
            let item = tree(tokens);
            if !item.is_empty() {
                items.push(item);
            }
            match tokens.next() {
                Some(token) if token.kind == Kind::Comma => {}
                Some(token) => break token.text,
                None => break "",
            }
        };
        parts.push(Part::Brackets { open: token.text, items, close });
    }
    parts
}

impl Part<'_> {
    fn first_kind(&self) -> Kind {
        match self {
            Self::Token(token) => token.kind,
            Self::Brackets { .. } => Kind::Open,
        }
    }

    fn last_kind(&self) -> Kind {
        match self {
            Self::Token(token) => token.kind,
            Self::Brackets { .. } => Kind::Close,
        }
    }

    /// How tightly it binds what it joins, if it joins.
    fn precedence(&self) -> Option<u8> {
        match self.first_kind() {
            Kind::Question | Kind::Colon => Some(CONDITIONAL),
            Kind::Infix(precedence) => Some(precedence),
            _ => None,
        }
    }
}

fn row_text(parts: &[Part<'_>]) -> String {
    let mut text = String::new();
    let mut before: Option<Kind> = None;
    for part in parts {
        if before.is_some_and(|before| is_apart(before, part.first_kind())) {
            text.push(' ');
        }
        match part {
            Part::Token(token) => text.push_str(token.text),
            Part::Brackets { open, items, close } => {
                let items: Vec<String> = items.iter().map(|item| row_text(item)).collect();
                text.push_str(&format!("{open}{}{close}", items.join(", ")));
            }
        }
        before = Some(part.last_kind());
    }
    text
}

/// Text that grows, and the column where it goes on.
struct Layout {
    text: String,
    column: usize,
    line_end: &'static str,
}

impl Layout {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.text.push_str(self.line_end);
        self.text.push_str(&" ".repeat(indent));
        self.column = indent;
    }

    /// Parts side by side: on this line if they fit, else broken at what binds loosest, else within their brackets.
    fn row(&mut self, parts: &[Part<'_>], indent: usize, reserve: usize) {
        let flat = row_text(parts);
        if self.column + flat.chars().count() + reserve <= WIDTH {
            self.push(&flat);
            return;
        }
        match parts.iter().filter_map(Part::precedence).min() {
            Some(CONDITIONAL) => self.conditional(parts, indent, reserve),
            Some(precedence) => self.joined(parts, precedence, indent, reserve),
            None => self.operand(parts, indent, reserve),
        }
    }

    /// `a ? b : c`: each branch on a line of its own, led by its sign.
    fn conditional(&mut self, parts: &[Part<'_>], indent: usize, reserve: usize) {
        for (at, piece) in parts.chunk_by(|_, next| next.precedence() != Some(CONDITIONAL)).enumerate() {
            let rest = match piece.split_first() {
                Some((Part::Token(sign), rest)) if at > 0 => {
                    self.line(indent + STEP);
                    self.push(sign.text);
                    self.push(" ");
                    rest
                }
                _ => piece,
            };
            self.row(rest, indent + STEP, reserve);
        }
    }

    /// `a && b`: the operator ends the line.
    fn joined(&mut self, parts: &[Part<'_>], precedence: u8, indent: usize, reserve: usize) {
        // What is joined more tightly stands in, so that it is seen to belong together.
        let within = |operand: &[Part<'_>]| {
            if operand.iter().any(|part| part.precedence().is_some_and(|tighter| tighter > precedence)) {
                indent + STEP
            } else {
                indent
            }
        };
        for (at, piece) in parts.split_inclusive(|part| part.precedence() == Some(precedence)).enumerate() {
            if at > 0 {
                self.line(indent);
            }
            match piece.split_last() {
                Some((Part::Token(sign), operand)) if matches!(sign.kind, Kind::Infix(of) if of == precedence) => {
                    self.row(operand, within(operand), sign.text.len() + 1);
                    self.push(" ");
                    self.push(sign.text);
                }
                _ => self.row(piece, within(piece), reserve),
            }
        }
    }

    /// Nothing joins the parts: what is too long stands in brackets.
    fn operand(&mut self, parts: &[Part<'_>], indent: usize, reserve: usize) {
        let mut before: Option<Kind> = None;
        for (at, part) in parts.iter().enumerate() {
            if before.is_some_and(|before| is_apart(before, part.first_kind())) {
                self.push(" ");
            }
            before = Some(part.last_kind());
            let behind = if at + 1 == parts.len() { reserve } else { 0 };
            let flat = row_text(std::slice::from_ref(part));
            match part {
                Part::Brackets { open, items, close }
                    if !items.is_empty() && self.column + flat.chars().count() + behind > WIDTH =>
                {
                    self.push(open);
                    for (place, item) in items.iter().enumerate() {
                        let last = place + 1 == items.len();
                        self.line(indent + STEP);
                        self.row(item, indent + STEP, usize::from(!last));
                        if !last {
                            self.push(",");
                        }
                    }
                    self.line(indent);
                    self.push(close);
                }
                _ => self.push(&flat),
            }
        }
    }
}
