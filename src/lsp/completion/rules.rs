//! What may come next in a rules file that is being written.

use super::scan::{Kind, Token, is_word, last_word, tokens};
use super::{Item, ItemKind, expression, named_fields};
use crate::lsp::describe;
use crate::lsp::index::{Index, data, event_of};
use crate::syntax::rules::ast::{ClauseWord, File, Item as Declared};
use crate::syntax::shape;

/// Where the cursor is within an item.
struct Within<'t> {
    text: &'t str,
    /// From the item's word on, without comments and without the word under the cursor.
    tokens: Vec<Token>,
    /// Whether what is being written begins its line.
    begins_line: bool,
    cursor: usize,
}

/// What may come at `offset` of `text`. `file` is what could be read of the text.
pub(super) fn complete(index: &Index, file: &File, text: &str, offset: usize) -> Vec<Item> {
    let before = text.get(..offset).unwrap_or_default();
    let all = tokens(before);
    if all.last().is_some_and(|last| last.range.end == offset && matches!(last.kind, Kind::Comment | Kind::OpenText)) {
        return Vec::new();
    }
    let word_start = offset - last_word(before);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let begins_line = before.get(line_start..word_start).is_some_and(|gap| gap.trim().is_empty());
    let known: Vec<Token> =
        all.into_iter().filter(|token| token.range.end <= word_start && token.kind != Kind::Comment).collect();
    let Some(start) = item_start(before, &known) else {
        return vec![
            Item::new("event", ItemKind::Keyword)
                .detail("event NAME { field: type }")
                .snippet("event ${1:NAME} { $0 }"),
            Item::new("rule", ItemKind::Keyword)
                .detail("rule NAME { … }")
                .snippet("rule ${1:name} {\n    on    ${2:EVENT}\n    run   $0\n}"),
        ];
    };
    let within = Within { text: before, tokens: known.into_iter().skip(start).collect(), begins_line, cursor: offset };
    let is_rule = within.tokens.first().is_some_and(|first| first.text(before) == "rule");
    if is_rule { within.rule(index, file) } else { within.event() }
}

/// The last `event` or `rule` whose braces are not closed.
fn item_start(text: &str, tokens: &[Token]) -> Option<usize> {
    let (mut depth, mut start) = (0_usize, None);
    for (at, token) in tokens.iter().enumerate() {
        // An item that begins while another is open: the brace is missing.
        let is_head = token.kind == Kind::Word && token.begins_line && matches!(token.text(text), "event" | "rule");
        if is_head && tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Word) {
            (depth, start) = (0, Some(at));
        } else if token.opens() {
            depth += 1;
        } else if token.closes() {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                start = None;
            }
        }
    }
    start.filter(|_| depth > 0)
}

impl Within<'_> {
    fn event(&self) -> Vec<Item> {
        let behind_colon = self.tokens.last().is_some_and(|last| last.is(':') || last.is('<'));
        if !behind_colon {
            return Vec::new();
        }
        shape::names()
            .map(|name| Item::new(name, ItemKind::Type))
            .chain([
                Item::new("list", ItemKind::Type).detail("list<type>").snippet("list<$0>"),
                Item::new("map", ItemKind::Type).detail("map<type>").snippet("map<$0>"),
            ])
            .collect()
    }

    fn rule(&self, index: &Index, file: &File) -> Vec<Item> {
        let clause = self.clause();
        let content = clause.map_or(&[][..], |(at, _)| self.tokens.get(at + 1..).unwrap_or_default());
        let depth =
            content.iter().fold(0_i32, |depth, token| depth + i32::from(token.opens()) - i32::from(token.closes()));
        let mut items = match clause {
            _ if self.begins_line && depth == 0 => self.clauses(),
            None => return self.clauses(),
            Some(_) => Vec::new(),
        };
        let Some((_, word)) = clause else { return items };
        match word {
            ClauseWord::On if content.is_empty() => items.extend(events(index)),
            ClauseWord::When => {
                // On a new line the condition may go on, unless it is complete: behind a value comes the next clause.
                let goes_on = content
                    .last()
                    .is_none_or(|last| matches!(last.kind, Kind::Mark(c) if !matches!(c, ')' | ']' | '}')));
                if !self.begins_line || goes_on || depth > 0 {
                    items.extend(self.expression(
                        index,
                        file,
                        content.first().map_or(self.cursor, |first| first.range.start),
                    ));
                }
            }
            ClauseWord::Busy if content.is_empty() => {
                items.extend(describe::BUSY.iter().map(|(name, docs)| Item::new(name, ItemKind::Keyword).docs(docs)));
            }
            ClauseWord::Run | ClauseWord::Emit => items.extend(self.call(index, file, word, content, depth)),
            ClauseWord::Threshold if content.len() == 1 => {
                items.push(Item::new("within", ItemKind::Keyword).detail("within 1m"));
            }
            ClauseWord::Throttle if content.len() == 1 => {
                items.push(Item::new("per", ItemKind::Keyword).detail("per 5m"));
            }
            _ => {}
        }
        items
    }

    /// The last clause that began, by the place of its word among the tokens.
    fn clause(&self) -> Option<(usize, ClauseWord)> {
        let mut depth = 0_i32;
        let mut found = None;
        for (at, token) in self.tokens.iter().enumerate() {
            let previous = at.checked_sub(1).and_then(|before| self.tokens.get(before));
            if token.opens() {
                depth += 1;
            } else if token.closes() {
                depth -= 1;
            } else if token.kind == Kind::Word && depth == 1 && !previous.is_some_and(|token| token.is('.')) {
                let follows = found.is_none() || token.begins_line || previous.is_some_and(|token| token.is('{'));
                if let Some(word) = ClauseWord::from_word(token.text(self.text)).filter(|_| follows) {
                    found = Some((at, word));
                }
            }
        }
        found
    }

    /// The clauses that the rule does not have yet.
    fn clauses(&self) -> Vec<Item> {
        let has = |word: ClauseWord| {
            word != ClauseWord::Emit
                && self.tokens.iter().any(|token| token.begins_line && token.text(self.text) == word.as_str())
        };
        let clauses = ClauseWord::ALL.into_iter().filter(|word| !has(*word));
        clauses
            .map(|word| {
                let (form, docs) = describe::clause(word);
                Item::new(word.as_str(), ItemKind::Keyword).detail(form).docs(docs)
            })
            .collect()
    }

    /// What may stand in `run` and `emit`.
    fn call(&self, index: &Index, file: &File, word: ClauseWord, content: &[Token], depth: i32) -> Vec<Item> {
        let Some(open) = content.iter().position(|token| token.is('(')) else {
            return match word {
                _ if content.last().is_some_and(|last| !last.is('.')) => Vec::new(),
                ClauseWord::Run => workflows(index),
                _ => events(index),
            };
        };
        if depth == 0 {
            let ended = word == ClauseWord::Emit && content.last().is_some_and(|last| last.is(')'));
            return if ended { vec![Item::new("after", ItemKind::Keyword).detail("after 30m")] } else { Vec::new() };
        }
        let arguments = content.get(open + 1..).unwrap_or_default();
        let mut inner = 0_i32;
        let (mut start, mut given) = (0, Vec::new());
        for (at, token) in arguments.iter().enumerate() {
            inner += i32::from(token.opens()) - i32::from(token.closes());
            if inner == 0 && token.is(',') {
                start = at + 1;
            } else if inner == 0 && token.is(':') && at == start + 1 {
                given.extend(arguments.get(start).map(|name| name.text(self.text).to_owned()));
            }
        }
        match arguments.get(start..).unwrap_or_default() {
            [_, colon, rest @ ..] if colon.is(':') => {
                self.expression(index, file, rest.first().map_or(self.cursor, |first| first.range.start))
            }
            [] => {
                let callee = content.first().map_or(0, |first| first.range.start);
                let end = content.get(open).map_or(callee, |open| open.range.start);
                let callee = self.text.get(callee..end).unwrap_or_default().trim();
                let declared = match word {
                    ClauseWord::Run => index.workflow(callee).map(|workflow| workflow.inputs.clone()),
                    _ => index.event(callee).map(|event| data(&event.fields)),
                };
                declared.map_or_else(Vec::new, |declared| named_fields(&declared, &given))
            }
            _ => Vec::new(),
        }
    }

    /// What may come in the expression that began at `start`.
    fn expression(&self, index: &Index, file: &File, start: usize) -> Vec<Item> {
        let start = start.min(self.cursor - last_word(self.text));
        let text = self.text.get(start..).unwrap_or_default();
        expression::complete(text, &index.env_of_event(self.event_name(file).as_deref()))
    }

    /// The event type of the rule: as it stands before the cursor, or behind it.
    fn event_name(&self, file: &File) -> Option<String> {
        let at = self.tokens.iter().position(|token| token.begins_line && token.text(self.text) == "on");
        if let Some(next) = at.and_then(|at| self.tokens.get(at + 1)) {
            let rest = self.text.get(next.range.start..).unwrap_or_default();
            return rest.split(|c: char| !is_word(c) && c != '.').next().map(str::to_owned);
        }
        file.items.iter().find_map(|item| match item {
            Declared::Rule(rule) if rule.span.range().contains(&self.cursor) => event_of(rule).map(str::to_owned),
            _ => None,
        })
    }
}

fn events(index: &Index) -> Vec<Item> {
    index.events().map(|event| Item::new(&event.name.node, ItemKind::Event).docs(&describe::event(event))).collect()
}

fn workflows(index: &Index) -> Vec<Item> {
    index
        .workflows()
        .map(|(name, workflow)| {
            let needed: Vec<String> = workflow
                .inputs
                .fields
                .iter()
                .filter(|field| !field.optional)
                .zip(1..)
                .map(|(field, place)| format!("{}: ${{{place}}}", field.name))
                .collect();
            Item::new(name, ItemKind::Workflow)
                .docs(&describe::workflow(name, workflow))
                .snippet(&format!("{name}({})", needed.join(", ")))
        })
        .collect()
}
