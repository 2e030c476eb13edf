//! Where a cursor stands in YAML that need not parse: the keys above it, and whether it is at a key or in a value.
//!
//! Goes by indentation and brackets alone, up to the cursor; what comes after it is not looked at.

/// Where the cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsp) struct Cursor {
    /// The keys from the file's root down; `-` for an item of a list.
    pub(in crate::lsp) path: Vec<String>,
    pub(in crate::lsp) at: At,
    /// The byte at which the line begins that holds the key of each part of the path.
    pub(in crate::lsp) lines: Vec<usize>,
}

/// What the cursor is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsp) enum At {
    /// A key is being written, or could be.
    Key,
    /// The value of the path's last key: all of it that stands before the cursor, without its opening quote.
    Value { text: String },
    /// A comment.
    Comment,
}

#[derive(Clone, Debug)]
struct Frame {
    indent: usize,
    key: String,
    line: usize,
    /// Where a plain value begins, which may go on in the next line.
    plain: Option<usize>,
}

/// Finds out where `offset` is.
pub(in crate::lsp) fn find(text: &str, offset: usize) -> Cursor {
    let mut reader = Reader { text: text.get(..offset).unwrap_or(text), at: 0, frames: Vec::new() };
    reader.read()
}

struct Reader<'t> {
    /// Up to the cursor.
    text: &'t str,
    at: usize,
    frames: Vec<Frame>,
}

impl<'t> Reader<'t> {
    fn rest(&self, from: usize) -> &'t str {
        self.text.get(from..).unwrap_or_default()
    }

    fn cursor(&self, at: At) -> Cursor {
        let path = self.frames.iter().map(|frame| frame.key.clone()).collect();
        Cursor { path, at, lines: self.frames.iter().map(|frame| frame.line).collect() }
    }

    fn value(&self, start: usize) -> Cursor {
        self.cursor(At::Value { text: self.rest(start).to_owned() })
    }

    fn read(&mut self) -> Cursor {
        loop {
            let start = self.at;
            let line = self.rest(start).split('\n').next().unwrap_or_default();
            let is_last = start + line.len() >= self.text.len();
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            let content = line.trim();
            if !is_last && (content.is_empty() || content.starts_with('#')) {
                self.at = start + line.len() + 1;
                continue;
            }
            if content.starts_with('#') {
                return self.cursor(At::Comment);
            }
            let is_item = content.starts_with("- ") || content == "-";
            while self
                .frames
                .last()
                .is_some_and(|top| top.indent > indent || top.indent == indent && (!is_item || top.key == "-"))
            {
                self.frames.pop();
            }
            if let Some(cursor) = self.line(start, indent, start + line.len(), is_last) {
                return cursor;
            }
        }
    }

    /// Reads a line from its first character on; `Some` once the cursor is reached, else `self.at` is behind it.
    fn line(&mut self, line: usize, mut indent: usize, end: usize, is_last: bool) -> Option<Cursor> {
        let mut at = line + indent;
        while self.rest(at).starts_with("- ") || self.rest(at) == "-" || self.rest(at).starts_with("-\n") {
            self.frames.push(Frame { indent, key: "-".to_owned(), line, plain: None });
            let blanks = self.rest(at + 1).len() - self.rest(at + 1).trim_start_matches(' ').len();
            at += 1 + blanks;
            indent += 1 + blanks;
        }
        let content = self.text.get(at..end).unwrap_or_default().to_owned();
        let Some((key, behind)) = split_key(&content) else {
            // No key yet: one is being written, or a value goes on, or it is an item.
            if is_last {
                let goes_on = self.frames.last().and_then(|top| top.plain);
                return Some(match (goes_on, self.frames.last()) {
                    (Some(start), _) => self.value(start),
                    // Below the line of its dash, it is a further key of the item.
                    (None, Some(top)) if top.key == "-" && top.line == line && !content.is_empty() => self.value(at),
                    _ if content.starts_with(['"', '\'']) => self.value(at + 1),
                    _ => self.cursor(At::Key),
                });
            }
            self.at = end + 1;
            return None;
        };
        let key = key.trim_matches(['"', '\'']).to_owned();
        self.frames.push(Frame { indent, key, line, plain: None });
        let mut value = at + behind;
        value += self.rest(value).len() - self.rest(value).trim_start_matches([' ', '\t']).len();
        self.behind_colon(value, indent, end)
    }

    fn behind_colon(&mut self, value: usize, indent: usize, end: usize) -> Option<Cursor> {
        let first = self.rest(value).chars().next();
        match first {
            Some('|' | '>') => self.block(value, indent, end),
            Some('{' | '[') => self.flow(value),
            Some(quote @ ('"' | '\'')) => match closing(self.text, value + 1, quote) {
                Some(close) => {
                    self.at = line_end(self.text, close)?;
                    None
                }
                None => Some(self.value(value + 1)),
            },
            _ => {
                let inline = self.text.get(value..end).unwrap_or_default();
                if value > end || end >= self.text.len() {
                    let is_comment = inline.contains(" #") || inline.starts_with('#');
                    return Some(if is_comment {
                        self.cursor(At::Comment)
                    } else {
                        self.value(value.min(self.text.len()))
                    });
                }
                if let Some(top) = self.frames.last_mut().filter(|_| !inline.trim().is_empty()) {
                    top.plain = Some(value);
                }
                self.at = end + 1;
                None
            }
        }
    }

    /// A block scalar: every line that is indented deeper than its key.
    fn block(&mut self, value: usize, indent: usize, end: usize) -> Option<Cursor> {
        if end >= self.text.len() {
            return Some(self.value(value));
        }
        let start = end + 1;
        let mut at = start;
        loop {
            let line = self.rest(at).split('\n').next().unwrap_or_default();
            let line_indent = line.len() - line.trim_start_matches(' ').len();
            let is_within = line_indent > indent || line.trim().is_empty();
            if at + line.len() >= self.text.len() {
                if is_within && line_indent > indent {
                    return Some(self.value(start));
                }
                self.at = at;
                return None;
            }
            if !is_within {
                self.at = at;
                return None;
            }
            at += line.len() + 1;
        }
    }

    /// Brackets and braces, over as many lines as they take. `Some` where the cursor is within.
    fn flow(&mut self, start: usize) -> Option<Cursor> {
        /// Whether it is a mapping, and whether a key of it was pushed.
        struct Open {
            mapping: bool,
            keyed: bool,
        }
        let line = self.frames.last().map_or(0, |top| top.line);
        let mut open: Vec<Open> = Vec::new();
        let (mut at, mut token) = (start, start);
        while let Some(c) = self.rest(at).chars().next() {
            let is_start = self.text.get(token..at).is_some_and(|before| before.trim().is_empty());
            match c {
                '"' | '\'' if is_start => {
                    let Some(close) = closing(self.text, at + 1, c) else { return Some(self.value(at + 1)) };
                    at = close;
                }
                // An expression without quotes is wrong, but somebody may be writing it.
                '$' if self.rest(at).starts_with("${") => {
                    let Some(close) = self.rest(at).find('}') else {
                        let blanks = self.rest(token).len() - self.rest(token).trim_start().len();
                        return Some(self.value(token + blanks));
                    };
                    at += close;
                }
                '{' | '[' => {
                    if c == '[' {
                        self.frames.push(Frame { indent: usize::MAX, key: "-".to_owned(), line, plain: None });
                    }
                    open.push(Open { mapping: c == '{', keyed: c == '[' });
                    token = at + 1;
                }
                '}' | ']' => {
                    if open.pop().is_some_and(|closed| closed.keyed) {
                        self.frames.pop();
                    }
                    if open.is_empty() {
                        self.at = line_end(self.text, at)?;
                        return None;
                    }
                    token = at + 1;
                }
                ',' => {
                    if let Some(top) = open.last_mut().filter(|top| top.mapping)
                        && std::mem::take(&mut top.keyed)
                    {
                        self.frames.pop();
                    }
                    token = at + 1;
                }
                ':' if self.rest(at + 1).starts_with([' ', '\n']) || at + 1 == self.text.len() => {
                    if let Some(top) = open.last_mut().filter(|top| top.mapping && !top.keyed) {
                        let key =
                            self.text.get(token..at).unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned();
                        top.keyed = true;
                        self.frames.push(Frame { indent: usize::MAX, key, line, plain: None });
                        token = at + 1;
                    }
                }
                _ => {}
            }
            at += c.len_utf8();
        }
        Some(match open.last() {
            Some(top) if top.mapping && !top.keyed => self.cursor(At::Key),
            _ => {
                let blanks = self.rest(token).len() - self.rest(token).trim_start().len();
                self.value(token + blanks)
            }
        })
    }
}

/// A key with its colon, and how far both reach.
fn split_key(content: &str) -> Option<(&str, usize)> {
    let quote = content.chars().next().filter(|c| matches!(c, '"' | '\''));
    let from = match quote {
        Some(quote) => closing(content, 1, quote)? + 1,
        None => 0,
    };
    let rest = content.get(from..)?;
    let colon = rest.match_indices(':').map(|(at, _)| at).find(|at| {
        let behind = rest.get(at + 1..).unwrap_or_default();
        behind.is_empty() || behind.starts_with([' ', '\t', '\r'])
    })?;
    let key = content.get(..from + colon)?;
    let is_key = quote.is_some() || !key.contains(['{', '[', '"', '#']);
    is_key.then_some((key.trim(), from + colon + 1))
}

/// Where the text ends whose opening quote stands before `from`: the place of the closing one.
fn closing(text: &str, from: usize, quote: char) -> Option<usize> {
    let mut characters = text.get(from..)?.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && quote == '"' {
            characters.next();
        } else if c == quote {
            let doubled = quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'');
            if !doubled {
                return Some(from + at);
            }
            characters.next();
        }
    }
    None
}

/// The start of the line behind the one that holds `at`; the text's end where there is none.
fn line_end(text: &str, at: usize) -> Option<usize> {
    Some(text.get(at..)?.find('\n').map_or(text.len(), |end| at + end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cursor is at `‸`.
    fn at(text: &str) -> (String, At) {
        let offset = text.find('‸').unwrap();
        let cursor = find(&text.replace('‸', ""), offset);
        (cursor.path.join("/"), cursor.at)
    }

    fn key(path: &str) -> (String, At) {
        (path.to_owned(), At::Key)
    }

    fn value(path: &str, text: &str) -> (String, At) {
        (path.to_owned(), At::Value { text: text.to_owned() })
    }

    #[test]
    fn keys_are_found_by_indentation() {
        assert_eq!(at("‸"), key(""));
        assert_eq!(at("workflow: a\nst‸"), key(""));
        assert_eq!(at("workflow: a\nsteps:\n  a:\n    us‸\n    x: y"), key("steps/a"));
        assert_eq!(at("steps:\n  a:\n    uses: b\n  ‸"), key("steps"));
        assert_eq!(at("steps:\n  a:\n    with:\n      b: c\n    ‸"), key("steps/a"));
        assert_eq!(at("steps:\n  a:\n    # words\n\n    ‸"), key("steps/a"));
        assert_eq!(at("steps:\n  a: # wo‸"), ("steps/a".to_owned(), At::Comment));
    }

    #[test]
    fn values_are_found_behind_their_key() {
        assert_eq!(at("workflow: a‸"), value("workflow", "a"));
        assert_eq!(at("steps:\n  a:\n    uses: ‸"), value("steps/a/uses", ""));
        assert_eq!(at("steps:\n  a:\n    if: has(x) &&\n      y.‸"), value("steps/a/if", "has(x) &&\n      y."));
        assert_eq!(at("a:\n  b: \"${x.‸"), value("a/b", "${x."));
        assert_eq!(at("a:\n  b: \"${x.‸}\"\n  c: d"), value("a/b", "${x."));
        assert_eq!(at("a: >\n  one\n  two‸"), value("a", "  one\n  two"));
        assert_eq!(at("a: |\n  one\nb‸"), key(""));
        assert_eq!(at("needs:\n  - a\n  - b‸"), value("needs/-", "b"));
        assert_eq!(at("needs:\n- ‸"), key("needs/-"));
        assert_eq!(at("runs:\n  - a: b\n    c‸"), key("runs/-"));
        assert_eq!(at("runs:\r\n  - a: b\r\n    c‸"), key("runs/-"));
    }

    #[test]
    fn brackets_are_followed() {
        assert_eq!(at("a: { uses: b, with: { ‸"), key("a/with"));
        assert_eq!(at("a: { uses: b, wi‸"), key("a"));
        assert_eq!(at("a: { uses: b, with: { c: \"${inputs.‸\" } }"), value("a/with/c", "${inputs."));
        assert_eq!(at("a: { uses: b, with: { c: 'it''s ${inputs.‸"), value("a/with/c", "it''s ${inputs."));
        assert_eq!(at("a: { b: ${x.‸"), value("a/b", "${x."));
        assert_eq!(at("a: { needs: [b, c‸"), value("a/needs/-", "c"));
        assert_eq!(at("a: { needs: [b], ‸"), key("a"));
        assert_eq!(at("a: {\n  b: c,\n  ‸"), key("a"));
        assert_eq!(at("a: { b: [1, {c: 2}] }\nd: ‸"), value("d", ""));
        assert_eq!(at("undo: ‸"), value("undo", ""));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(text in "[a:\\-{}\\[\\],\"'$|> \n#é]{0,60}", place in 0_usize..60) {
            let mut place = place.min(text.len());
            while !text.is_char_boundary(place) {
                place -= 1;
            }
            let cursor = find(&text, place);
            prop_assert_eq!(cursor.path.len(), cursor.lines.len());
        }
    }
}
