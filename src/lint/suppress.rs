//! Findings that somebody allows where they stand, with a reason: `# homeostat: allow(NAME): REASON` in YAML, the same
//! behind `//` in rules.
//!
//! At the end of a line the comment is about what begins on this line; alone on its line about what begins on the next
//! one that is neither empty nor a comment. In YAML that is the line and all below it that stand further in; in rules it
//! is the item or the clause. What is malformed, and what allows nothing that is found, is a finding itself.

use super::Lint;
use super::subject::Subject;
use crate::base::source::{Source, SourceId, Sources};
use crate::base::span::{Span, Spanned};
use crate::compile::Trees;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::load::Language;
use crate::syntax::rules::ast::Item;
use crate::syntax::yaml;

/// What every such comment begins with.
const MARK: &str = "homeostat:";

const HELP: &str = "write `homeostat: allow(NAME): REASON`; `homeostat lint --list` shows the names";

/// Every comment that allows something.
#[derive(Debug, Default)]
pub(super) struct Suppressions {
    list: Vec<Suppression>,
}

#[derive(Debug)]
struct Suppression {
    /// With where each stands, and whether something was found that it allows.
    names: Vec<(Spanned<&'static str>, bool)>,
    /// From the sign that begins it to the end of its line.
    comment: Span,
    /// What it is about.
    covers: Span,
    /// What goes away with it; `None` where more of the comment may stand on the next line.
    removal: Option<Span>,
}

/// Finds the comments of all files, and what is wrong with them.
pub(super) fn read(sources: &Sources, trees: &Trees) -> (Suppressions, Vec<Diagnostic>) {
    let mut suppressions = Suppressions::default();
    let mut found = Vec::new();
    for (id, source) in sources.iter().filter(|(_, source)| mentions(&source.text)) {
        let (sign, comments) = match Language::of(&source.path) {
            Some(Language::Rules) => ("//", comments_of_rules(id, &source.text)),
            Some(Language::Workflow) => ("#", yaml::comments(id, &source.text)),
            None => continue,
        };
        for comment in comments {
            let file = File { id, source, trees, sign };
            match file.suppression(comment) {
                Some(Ok(suppression)) => suppressions.list.push(suppression),
                Some(Err(problems)) => found.extend(problems),
                None => {}
            }
        }
    }
    (suppressions, found)
}

/// Whether the word that every such comment begins with is in a text, however it is written.
fn mentions(text: &str) -> bool {
    let word = MARK.trim_end_matches(':').as_bytes();
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// What stands behind the mark of a comment, and whether the mark is as it must be. One that is not is only meant as such
/// where it would allow something.
fn order(body: &str) -> Option<(&str, bool)> {
    if let Some(order) = body.strip_prefix(MARK) {
        return Some((order, true));
    }
    let word = MARK.trim_end_matches(':');
    let (mark, rest) = body.split_at_checked(word.len())?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix(':').unwrap_or(rest).trim_start();
    let is_meant = rest.strip_prefix("allow").is_some_and(|rest| rest.trim_start().starts_with('('));
    (mark.eq_ignore_ascii_case(word) && is_meant).then_some((rest, false))
}

/// Where a `//` and the rest of its line stand, as far as they can be ours: behind no open quote.
fn comments_of_rules(id: SourceId, text: &str) -> Vec<Span> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        let at = line.match_indices("//").map(|(at, _)| at).find(|at| {
            let before = line.get(..*at).unwrap_or_default();
            let is_ours = line.get(at + 2..).is_some_and(|rest| order(rest.trim_start()).is_some());
            is_ours && before.matches('"').count() % 2 == 0 && before.matches('\'').count() % 2 == 0
        });
        if let Some(at) = at {
            found.push(Span::new(id, start + at, start + line.trim_end().len()));
        }
        start += line.len();
    }
    found
}

struct File<'a> {
    id: SourceId,
    source: &'a Source,
    trees: &'a Trees,
    /// What begins a comment.
    sign: &'static str,
}

impl File<'_> {
    /// `None` where the comment is none of ours.
    fn suppression(&self, comment: Span) -> Option<Result<Suppression, Vec<Diagnostic>>> {
        let text = self.source.text.get(comment.range())?;
        let body = text.strip_prefix(self.sign)?.trim_start();
        let (order, is_exact) = order(body)?;
        if !is_exact {
            let message = format!("this comment allows nothing: it must begin with `{MARK}`, in small letters");
            return Some(Err(vec![Diagnostic::warning(Code::BadSuppression, comment, message).help(HELP)]));
        }
        let offset = comment.start as usize + text.len() - order.len();
        Some(match names(self.id, order, offset, comment) {
            Ok(names) => {
                Ok(Suppression { names, comment, covers: self.covered(comment), removal: self.removal(comment) })
            }
            Err(problems) => Err(problems),
        })
    }

    /// The line that `offset` stands in, without its end.
    fn line(&self, offset: usize) -> std::ops::Range<usize> {
        let text = &self.source.text;
        let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let end = text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| offset + newline);
        start..end
    }

    fn is_alone(&self, comment: Span) -> bool {
        let start = self.line(comment.start as usize).start;
        self.source.text.get(start..comment.start as usize).is_some_and(|before| before.trim().is_empty())
    }

    /// What the comment is about.
    fn covered(&self, comment: Span) -> Span {
        let mut line = self.line(comment.start as usize);
        if self.is_alone(comment) {
            while let Some(next) = self.next(&line) {
                line = next;
                let text = self.text(&line).trim_start();
                if !text.is_empty() && !text.starts_with(self.sign) {
                    break;
                }
            }
        }
        if self.sign == "//" { self.item(line) } else { self.block(line) }
    }

    fn text(&self, line: &std::ops::Range<usize>) -> &str {
        self.source.text.get(line.clone()).unwrap_or_default()
    }

    fn next(&self, line: &std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
        (line.end < self.source.text.len()).then(|| self.line(line.end + 1))
    }

    /// A line of YAML and all below it that stand further in.
    fn block(&self, first: std::ops::Range<usize>) -> Span {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let own = indent(self.text(&first));
        let mut end = first.end;
        let mut line = first.clone();
        while let Some(next) = self.next(&line) {
            let text = self.text(&next);
            let is_empty = text.trim().is_empty() || text.trim_start().starts_with('#');
            if !is_empty && indent(text) <= own {
                break;
            }
            if !is_empty {
                end = next.end;
            }
            line = next;
        }
        Span::new(self.id, first.start, end)
    }

    /// The item or clause of a rules file that begins on the line.
    fn item(&self, line: std::ops::Range<usize>) -> Span {
        let begins = |span: &Span| span.source == self.id && line.contains(&(span.start as usize));
        let items = self.trees.rules.iter().filter(|file| file.source == self.id).flat_map(|file| &file.items);
        for item in items {
            match item {
                Item::Event(event) if begins(&event.span) || begins(&event.name.span) => return event.span,
                Item::Rule(rule) if begins(&rule.span) || begins(&rule.name.span) => return rule.span,
                Item::Rule(rule) => {
                    if let Some(clause) = rule.clauses.iter().find(|clause| begins(&clause.span)) {
                        return clause.span;
                    }
                }
                Item::Event(_) => {}
            }
        }
        Span::new(self.id, line.start, line.end)
    }

    /// What is to go so that nothing is left of the comment.
    fn removal(&self, comment: Span) -> Option<Span> {
        let line = self.line(comment.start as usize);
        if !self.is_alone(comment) {
            let code = self.source.text.get(line.start..comment.start as usize)?.trim_end();
            return Some(Span::new(self.id, line.start + code.len(), comment.end as usize));
        }
        let Some(next) = self.next(&line) else { return Some(Span::new(self.id, line.start, line.end)) };
        let goes_on = self.text(&next).trim_start();
        let is_ours = goes_on.trim_start_matches(self.sign).trim_start().starts_with(MARK);
        let is_docs = self.sign == "//" && goes_on.starts_with("///");
        (!goes_on.starts_with(self.sign) || is_ours || is_docs).then(|| Span::new(self.id, line.start, next.start))
    }
}

/// The lints that an order allows: ` allow(a, b): reason`, which stands at `offset`.
fn names(
    id: SourceId,
    order: &str,
    offset: usize,
    comment: Span,
) -> Result<Vec<(Spanned<&'static str>, bool)>, Vec<Diagnostic>> {
    let bad = |span: Span, message: String| Diagnostic::warning(Code::BadSuppression, span, message);
    let malformed = || vec![bad(comment, "this comment to a lint cannot be read".to_owned()).help(HELP)];
    let lead = order.len() - order.trim_start().len();
    let Some(list) = order.trim_start().strip_prefix("allow(") else { return Err(malformed()) };
    let Some((list, rest)) = list.split_once(')') else { return Err(malformed()) };
    let mut problems = Vec::new();
    let mut names = Vec::new();
    let mut at = offset + lead + "allow(".len();
    for part in list.split(',') {
        let name = part.trim();
        let start = at + part.len() - part.trim_start().len();
        let span = Span::new(id, start, start + name.len());
        at += part.len() + 1;
        match super::find(name) {
            Ok(lint) if is_about_comments(lint) => {
                let message = format!("`{name}` cannot be allowed in place");
                problems.push(bad(span, message).help("set its level in the configuration"));
            }
            Ok(lint) => names.push((Spanned::new(lint.name, span), false)),
            Err(unknown) => {
                let problem = bad(span, format!("there is no lint `{name}`"));
                problems.push(match unknown.nearest {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("`homeostat lint --list` shows the names"),
                });
            }
        }
    }
    let reason = rest.trim_start().strip_prefix(':').map_or("", str::trim);
    if problems.is_empty() && reason.is_empty() {
        problems
            .push(bad(comment, "the reason is missing".to_owned()).help("add it: `homeostat: allow(NAME): REASON`"));
    }
    if problems.is_empty() { Ok(names) } else { Err(problems) }
}

fn is_about_comments(lint: &Lint) -> bool {
    matches!(lint.code, Code::BadSuppression | Code::UnusedSuppression)
}

impl Suppressions {
    /// Whether a finding at this place is allowed; the comment next to it is then of use.
    pub(super) fn allow(&mut self, lint: &Lint, place: Span) -> bool {
        let covers = |span: &Span| span.source == place.source && span.range().contains(&(place.start as usize));
        let nearest = self
            .list
            .iter_mut()
            .filter(|it| covers(&it.covers))
            .filter_map(|it| {
                let size = it.covers.end - it.covers.start;
                it.names.iter_mut().find(|(name, _)| name.node == lint.name).map(|(_, used)| (size, used))
            })
            .min_by_key(|(size, _)| *size);
        match nearest {
            Some((_, used)) => {
                *used = true;
                true
            }
            None => false,
        }
    }

    /// What allows nothing, of the lints that were looked for. In a program with errors nothing can be said.
    pub(super) fn unused(&self, subject: &Subject<'_>, ran: &[&str]) -> Vec<Diagnostic> {
        if !subject.is_whole() {
            return Vec::new();
        }
        self.list.iter().flat_map(|suppression| suppression.unused(ran)).collect()
    }
}

impl Suppression {
    fn unused(&self, ran: &[&str]) -> Vec<Diagnostic> {
        let is_unused = |(name, used): &(Spanned<&'static str>, bool)| !used && ran.contains(&name.node);
        let finding = |span: Span, message: String| Diagnostic::warning(Code::UnusedSuppression, span, message);
        if self.names.iter().all(is_unused) {
            let names: Vec<String> = self.names.iter().map(|(name, _)| format!("`{}`", name.node)).collect();
            let message = format!("nothing is found here that this allows: {}", names.join(", "));
            let finding = finding(self.comment, message).help("delete the comment");
            return vec![match self.removal {
                Some(span) => finding.edit(span, ""),
                None => finding,
            }];
        }
        let mut found = Vec::new();
        for (index, unused) in self.names.iter().enumerate().filter(|(_, name)| is_unused(name)) {
            let span = unused.0.span;
            let next = self.names.get(index + 1).map(|(name, _)| Span { end: name.span.start, ..span });
            let before = index.checked_sub(1).and_then(|before| self.names.get(before));
            let removal = next.or(before.map(|(name, _)| Span { start: name.span.end, ..span })).unwrap_or(span);
            let message = format!("`{}` is not found here", unused.0.node);
            found.push(finding(span, message).help("delete the name").edit(removal, ""));
        }
        found
    }
}

/// What these two find is said by [`read`] and [`Suppressions::unused`], which see every comment.
pub(super) const ABOUT_COMMENTS: [Lint; 2] = [
    Lint {
        name: "bad-suppression",
        code: Code::BadSuppression,
        level: super::Level::Warn,
        page: include_str!("checks/bad_suppression.md"),
        check: |_, _| {},
    },
    Lint {
        name: "unused-suppression",
        code: Code::UnusedSuppression,
        level: super::Level::Warn,
        page: include_str!("checks/unused_suppression.md"),
        check: |_, _| {},
    },
];
