//! What to say of text that the grammar took up as bad: what may stand there, in the user's words.

use pest::Parser as _;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;

use super::ast::{Clause, ClauseWord};
use super::parse::Reader;
use super::scan::{self, Imbalance, Kind};
use super::{Grammar, Rule};
use crate::base::lookalike;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::base::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};

/// What a name looks like.
const NAMES: &str = "names start with a letter or `_` and go on with letters, digits and `_`";

pub(super) fn stray_close(span: Span) -> Diagnostic {
    Diagnostic::error(Code::RuleSyntax, span, "this `}` closes nothing").help("delete it, or add what it should close")
}

/// An item that begins with another word than it should.
pub(super) fn odd_word(span: Span, written: &str, meant: &str) -> Diagnostic {
    let message = format!("expected `event` or `rule`, found {}", quoted(written));
    let problem = Diagnostic::error(Code::RuleSyntax, span, message);
    if nearest(written, [meant]).is_some() {
        return problem.help(format!("did you mean `{meant}`?"));
    }
    let holds = if meant == "rule" { "what holds clauses" } else { "what has fields" };
    problem.help(format!("{holds} is a{} `{meant}`", if meant == "event" { "n" } else { "" }))
}

/// Text between items.
pub(super) fn stray_text(source: SourceId, pair: &Pair<'_, Rule>) -> Diagnostic {
    let (at, found) = first(pair.as_str());
    let start = pair.as_span().start();
    let span = Span::new(source, start + at.start, start + at.end);
    let message = format!("expected `event` or `rule`, found {}", quoted(found));
    let problem = Diagnostic::error(Code::RuleSyntax, span, message);
    let rest = pair.as_str().get(at.start..).unwrap_or_default();
    if let Some(help) = foreign_comment(rest) {
        return problem.help(help);
    }
    if matches!(found, "workflow" | "steps" | "inputs")
        && rest.get(found.len()..).is_some_and(|rest| rest.starts_with(':'))
    {
        return problem.help("this is a workflow: its file ends in `.yaml`");
    }
    match nearest(found, ["event", "rule"]) {
        Some(word) => problem.help(format!("did you mean `{word}`?")),
        None if ClauseWord::from_word(found).is_some() => problem.help("clauses stand within the braces of a rule"),
        None => problem.help("a rules file holds `event NAME { … }` and `rule NAME { … }`"),
    }
}

/// What to say of a comment as other languages have them.
fn foreign_comment(text: &str) -> Option<&'static str> {
    let comment = ["#", "/*", "--", "<!--", ";;"].iter().any(|start| text.starts_with(start));
    comment.then_some("comments begin with `//`")
}

/// Clauses by the words that people use who know other languages.
const FOREIGN: &[(&str, ClauseWord)] = &[
    ("event", ClauseWord::On),
    ("on_event", ClauseWord::On),
    ("trigger", ClauseWord::On),
    ("if", ClauseWord::When),
    ("where", ClauseWord::When),
    ("condition", ClauseWord::When),
    ("unless", ClauseWord::When),
    ("then", ClauseWord::Run),
    ("do", ClauseWord::Run),
    ("call", ClauseWord::Run),
    ("start", ClauseWord::Run),
    ("execute", ClauseWord::Run),
    ("uses", ClauseWord::Run),
    ("workflow", ClauseWord::Run),
    ("send", ClauseWord::Emit),
    ("publish", ClauseWord::Emit),
    ("raise", ClauseWord::Emit),
    ("limit", ClauseWord::Throttle),
    ("rate_limit", ClauseWord::Throttle),
    ("ratelimit", ClauseWord::Throttle),
    ("delay", ClauseWord::Debounce),
    ("wait", ClauseWord::Debounce),
    ("salience", ClauseWord::Priority),
    ("concurrency", ClauseWord::Busy),
];

pub(super) fn bad_name(source: SourceId, what: &str, pair: &Pair<'_, Rule>) -> Diagnostic {
    let written = pair.as_str().trim_end();
    let start = pair.as_span().start();
    let span = Span::new(source, start, start + written.len());
    if let Some((at, letter, _)) = lookalike::letter_in(written)
        && let Some((message, help)) = lookalike::character(letter)
    {
        let span = Span::new(source, start + at, start + at + letter.len_utf8());
        return Diagnostic::error(Code::RuleSyntax, span, message).help(help);
    }
    let problem = Diagnostic::error(Code::RuleSyntax, span, format!("{} is no name for {what}", quoted(written)));
    let mut words = written.split_whitespace();
    if let (Some(name), Some(clause)) = (words.next(), words.next().and_then(ClauseWord::from_word))
        && name.chars().all(scan::is_word)
    {
        let help = format!(
            "the name is one word, and clauses stand in the braces behind it: `rule {name} {{ {} … }}`",
            clause.as_str()
        );
        return problem.help(help);
    }
    let end = written.find(|c: char| !scan::is_word(c)).unwrap_or(written.len());
    let (name, rest) = written.split_at(end);
    if !name.is_empty() && name.starts_with(|c: char| !c.is_ascii_digit()) {
        let rest = rest.trim_start();
        let at = start + written.len() - rest.len();
        let odd = |message: &str| Diagnostic::error(Code::RuleSyntax, Span::new(source, at, at + 1), message);
        if rest.starts_with('(') {
            return odd("expected `{`, found `(`").help(format!("braces stand around what it holds: `{name} {{ … }}`"));
        }
        if rest == "=" || rest == ":" {
            return odd(&format!("unexpected `{rest}`")).help("delete it");
        }
    }
    let mended: String = written.chars().map(|c| if scan::is_word(c) { c } else { '_' }).collect();
    let plain = written.chars().all(|c| scan::is_word(c) || matches!(c, '-' | '.' | '/' | ':'));
    if plain && !mended.starts_with(|c: char| c.is_ascii_digit()) {
        return problem.help(format!("{NAMES}, like `{mended}`"));
    }
    problem.help(NAMES)
}

pub(super) fn missing_open(after: Span, what: &str) -> Diagnostic {
    let end = Span::new(after.source, after.end as usize, after.end as usize);
    Diagnostic::error(Code::RuleSyntax, end, "expected `{`").label("add `{`").help(what)
}

pub(super) fn missing_close(what: &str, head: Span, end: Span) -> Diagnostic {
    Diagnostic::error(Code::RuleSyntax, head, format!("this {what} is not closed"))
        .also(end, "a `}` is missing before this")
        .help("add `}` at its end")
}

/// Text between the braces of an event that is no field.
pub(super) fn bad_field(source: SourceId, pair: &Pair<'_, Rule>) -> Diagnostic {
    let start = pair.as_span().start();
    let place = |at: std::ops::Range<usize>| Span::new(source, start + at.start, start + at.end);
    let help = "write fields like `name: string` or `name?: string`, with commas between";
    let text = pair.as_str();
    if text == "," {
        return Diagnostic::error(Code::RuleSyntax, place(0..1), "expected a field, found `,`").help("delete it");
    }
    let (at, _) = first(text);
    let word = text.get(at.start..).unwrap_or_default();
    let unbalanced = unbalanced(text, &place);
    if let Some((from, help)) = type_habit(word).filter(|_| unbalanced.is_none()) {
        let from = at.start + from;
        let rest = text.get(from..).unwrap_or_default();
        let word = rest.find(|c: char| !scan::is_word(c)).unwrap_or(rest.len());
        let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
        let message = format!("unexpected {}", quoted(rest.get(..length).unwrap_or_default()));
        return Diagnostic::error(Code::RuleSyntax, place(from..from + length), message).help(help);
    }
    if let Some(problem) = unbalanced {
        return problem;
    }
    let problem = match Grammar::parse(Rule::field, text) {
        Err(error) => expected(text, &error, &place),
        Ok(mut pairs) => {
            let end = pairs.next().map_or(0, |field| field.as_span().end());
            let (at, found) = first(text.get(end..).unwrap_or_default());
            let message = format!("expected `,` or `}}`, found {}", quoted(found));
            Diagnostic::error(Code::RuleSyntax, place(end + at.start..end + at.end), message)
        }
    };
    if problem.help.is_some() { problem } else { problem.help(help) }
}

/// The name of a field of which only the type is wrong. `None` where more may be: nobody knows what was swallowed with it.
pub(super) fn name_of_bad_field(text: &str) -> Option<&str> {
    let text = text.trim().trim_end_matches(',');
    let end = text.find(|c: char| !scan::is_word(c)).unwrap_or(text.len());
    let name = text.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))?;
    (!text.contains(['\n', '\r', ',']) && text.matches(':').count() < 2).then_some(name)
}

/// What people write for types who know other languages: where it goes wrong, and what to write.
fn type_habit(field: &str) -> Option<(usize, &'static str)> {
    let kind = field.find(':').map(|at| at + 1)?;
    let after = field.get(kind..)?;
    let start = kind + (after.len() - after.trim_start().len());
    let written = field.get(start..)?;
    let end = written.find([',', '\n', '}']).unwrap_or(written.len());
    if written.starts_with('[') {
        return Some((start, "a list is written `list<string>`"));
    }
    if written.starts_with("enum") {
        return Some((start, "there are no enumerations: write `string`, and compare with the values that occur"));
    }
    if written.starts_with("map<") {
        let comma = written.find(',').filter(|comma| written.find('>').is_none_or(|close| *comma < close))?;
        return Some((start + comma, "the keys of a map are text, and only its values have a type: `map<int>`"));
    }
    let written = written.get(..end)?;
    if let Some(at) = written.find('?') {
        return Some((start + at, "the `?` stands behind the name: `name?: string`"));
    }
    if let Some(at) = written.find('=') {
        return Some((start + at, "a field has no default: write `name?: type`, and read it with `.?name.orValue(…)`"));
    }
    if let Some(at) = written.find('(') {
        return Some((start + at, "a list is written `list<string>`, a map from text `map<int>`"));
    }
    if let Some(at) = written.find("[]") {
        return Some((start + at, "a list is written `list<string>`"));
    }
    if let Some(at) = written.find('|') {
        return Some((start + at, "a field has one type; what may be anything is `any`"));
    }
    if let Some(at) = written.find(';') {
        return Some((start + at, "fields are separated by commas"));
    }
    let at = written.find('<').filter(|_| !written.starts_with("list<") && !written.starts_with("map<"))?;
    Some((start + at, "a list is written `list<string>`, a map from text `map<int>`"))
}

/// Text between the braces of a rule that is no clause, and the clause that it was meant to be.
pub(super) fn bad_clause(
    reader: &Reader<'_>,
    pair: &Pair<'_, Rule>,
    before: Option<&Clause>,
) -> (Diagnostic, Option<ClauseWord>) {
    let (text, start) = (pair.as_str(), pair.as_span().start());
    let place = |at: std::ops::Range<usize>| reader.span(start + at.start, start + at.end);
    let (at, word) = first(text);
    let Some(known) = ClauseWord::from_word(word) else {
        return no_clause(reader, text, before, (start, at));
    };
    let problem = unbalanced(text, &place).unwrap_or_else(|| match Grammar::parse(rule_of(known), text) {
        Err(_) if text.get(at.end..).is_some_and(|rest| rest.starts_with(':')) => {
            let message = format!("`{word}` is followed by `:`");
            let problem = Diagnostic::error(Code::RuleSyntax, place(at.end..at.end + 1), message);
            problem.help(format!("delete it: {}", usage(known)))
        }
        Err(error) if found_by(text, &error).starts_with('=') && text.contains('(') => {
            expected(text, &error, &place).help("between a name and its value stands `:`, like `name: value`")
        }
        Err(error) => expected(text, &error, &place).help(usage(known)),
        Ok(_) => Diagnostic::error(Code::BadClause, place(at), format!("the `{word}` clause cannot be read"))
            .help(usage(known)),
    });
    // Another clause may have been swallowed with it: then none is missing.
    (problem, Some(known).filter(|_| !swallows(text)))
}

/// Whether what is no clause may have taken in one that does something.
fn swallows(text: &str) -> bool {
    ["run ", "emit "].iter().any(|word| text.contains(&format!(" {word}")))
}

/// Text that starts with no clause's word.
fn no_clause(
    reader: &Reader<'_>,
    text: &str,
    before: Option<&Clause>,
    (start, at): (usize, std::ops::Range<usize>),
) -> (Diagnostic, Option<ClauseWord>) {
    let word = text.get(at.clone()).unwrap_or_default();
    let place = |at: std::ops::Range<usize>| reader.span(start + at.start, start + at.end);
    let span = place(at);
    let words = ClauseWord::ALL.map(ClauseWord::as_str);
    let end = span.end as usize;
    // A word goes on with what only looks like one of its letters.
    let next = reader.text.get(end..).and_then(|rest| rest.chars().next()).filter(|_| word.starts_with(scan::is_word));
    let odd = word.chars().next().filter(|c| !c.is_ascii()).map(|c| (span.start as usize, c));
    if let Some((at, c)) = odd.or(next.map(|c| (end, c)))
        && let Some((message, help)) = lookalike::character(c)
    {
        let problem = Diagnostic::error(Code::RuleSyntax, reader.span(at, at + c.len_utf8()), message);
        let rest = reader.text.get(span.start as usize..).unwrap_or_default();
        let whole = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let meant = nearest(whole, words).and_then(ClauseWord::from_word);
        return (problem.help(help), meant.filter(|_| !swallows(text)));
    }
    let same_line = before.and_then(|before| {
        let between = reader.text.get(before.span.end as usize..span.start as usize)?;
        (!between.contains(['\n', '\r'])).then_some(before)
    });
    if let Some(before) = same_line {
        let clause = before.kind.word();
        let problem = unbalanced(text, &place).unwrap_or_else(|| {
            let after = clause.map_or(String::new(), |clause| format!(" after the `{}` clause", clause.as_str()));
            Diagnostic::error(Code::RuleSyntax, span, format!("unexpected {}{after}", quoted(word)))
        });
        let digit_before =
            reader.text.get(..span.start as usize).is_some_and(|text| text.ends_with(|c: char| c.is_ascii_digit()));
        let digit_behind = text.get(1..).is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()));
        let problem = match (foreign_comment(text), word, clause) {
            (Some(help), _, _) => problem.help(help),
            (None, ";", _) => problem.help("a clause ends with its line: delete the `;`"),
            (None, ",", Some(ClauseWord::When)) if digit_before && digit_behind => {
                problem.help("the fraction of a number stands behind a point, like `1.5`")
            }
            (None, "," | "|" | "or", Some(ClauseWord::On)) => {
                problem.help("a rule is for one event: write a rule for each")
            }
            (None, _, Some(clause)) if problem.help.is_none() => problem.help(usage(clause)),
            (None, ..) => problem,
        };
        // It belongs to the clause before it, unless it swallowed one that is then not missing.
        return (problem, before.kind.word().filter(|_| !swallows(text)));
    }
    if let ("and" | "AND" | "or" | "OR", Some(ClauseWord::When)) = (word, before.and_then(|before| before.kind.word()))
    {
        let meant = if word.eq_ignore_ascii_case("and") { "&&" } else { "||" };
        let problem = Diagnostic::error(Code::RuleSyntax, span, format!("unexpected `{word}` after the `when` clause"));
        let problem = problem.help(format!("`{word}` is written `{meant}`"));
        return (problem, Some(ClauseWord::When).filter(|_| !swallows(text)));
    }
    if let Some(help) = foreign_comment(text) {
        let message = format!("expected a clause, found {}", quoted(word));
        return (
            Diagnostic::error(Code::RuleSyntax, span, message).help(help),
            before.and_then(|before| before.kind.word()),
        );
    }
    if !word.starts_with(scan::is_word) {
        let message = format!("expected a clause, found {}", quoted(word));
        let help = format!("clauses are `{}`", words.join("`, `"));
        return (Diagnostic::error(Code::RuleSyntax, span, message).help(help), None);
    }
    let problem = Diagnostic::error(Code::RuleSyntax, span, format!("{} is no clause", quoted(word)));
    let foreign = FOREIGN.iter().find(|(foreign, _)| *foreign == word).map(|(_, meant)| meant.as_str());
    match foreign.or_else(|| nearest(word, words)) {
        Some(meant) => (problem.help(format!("did you mean `{meant}`?")), ClauseWord::from_word(meant)),
        None => (problem.help(format!("clauses are `{}`", words.join("`, `"))), None),
    }
}

/// The opening bracket at `at` has no partner.
pub(super) fn never_closed(at: Span, bracket: &str) -> Diagnostic {
    let close = match bracket {
        "(" => "add `)` where it ends",
        "[" => "add `]` where it ends",
        _ => "add `}` where it ends",
    };
    Diagnostic::error(Code::RuleSyntax, at, format!("this `{bracket}` is never closed")).help(close)
}

/// Says which bracket or quote is wrong, where one is.
fn unbalanced(text: &str, place: &dyn Fn(std::ops::Range<usize>) -> Span) -> Option<Diagnostic> {
    let written = |at: &std::ops::Range<usize>| quoted(text.get(at.clone()).unwrap_or_default());
    Some(match scan::imbalance(text)? {
        Imbalance::Text(at) => {
            let message = format!("the text that starts with {} is never closed", written(&at));
            Diagnostic::error(Code::RuleSyntax, place(at), message).help("close it with the quote it starts with")
        }
        Imbalance::Open(at) => {
            let bracket = text.get(at.clone()).unwrap_or_default();
            never_closed(place(at), bracket)
        }
        Imbalance::Close(at) => {
            let message = format!("this {} closes nothing", written(&at));
            Diagnostic::error(Code::RuleSyntax, place(at), message).help("delete it, or add what it should close")
        }
        Imbalance::Mismatch(at, open) => {
            let message = format!("{} does not close {}", written(&at), written(&open));
            Diagnostic::error(Code::RuleSyntax, place(at), message).also(place(open), "opened here")
        }
    })
}

/// What stands where the grammar could go no further.
fn found_by<'t>(text: &'t str, error: &pest::error::Error<Rule>) -> &'t str {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    text.get(at..).unwrap_or_default().trim_start()
}

/// The grammar's own finding, in the user's words.
fn expected(
    text: &str,
    error: &pest::error::Error<Rule>,
    place: &dyn Fn(std::ops::Range<usize>) -> Span,
) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let mut wanted: Vec<&str> = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.iter().filter_map(|form| symbol(*form)).collect(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    wanted.sort_unstable();
    wanted.dedup();
    let wanted = match wanted.split_last() {
        None => "something else".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    };
    let rest = text.get(at..).unwrap_or_default();
    if let Some(letter) = rest.chars().next()
        && let Some((message, help)) = lookalike::character(letter)
    {
        return Diagnostic::error(Code::RuleSyntax, place(at..at + letter.len_utf8()), message).help(help);
    }
    if rest.trim().is_empty() {
        let end = text.trim_end().len();
        return Diagnostic::error(Code::RuleSyntax, place(end..end), format!("expected {wanted}")).label("here");
    }
    let (found_at, found) = first(rest);
    let message = format!("expected {wanted}, found {}", quoted(found));
    Diagnostic::error(Code::RuleSyntax, place(at + found_at.start..at + found_at.end), message)
}

/// The first piece that means something; the whole text where there is none.
fn first(text: &str) -> (std::ops::Range<usize>, &str) {
    scan::pieces(text)
        .find(|(kind, _)| !matches!(kind, Kind::Blank | Kind::Comment))
        .map_or((0..text.len(), text), |(_, at)| (at.clone(), text.get(at).unwrap_or_default()))
}

/// A user's own words in backticks, on one line and not too long.
fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", line.get(..end).unwrap_or_default()),
        None => format!("`{line}`"),
    }
}

fn rule_of(word: ClauseWord) -> Rule {
    match word {
        ClauseWord::On => Rule::on,
        ClauseWord::When => Rule::when,
        ClauseWord::Priority => Rule::priority,
        ClauseWord::Threshold => Rule::threshold,
        ClauseWord::Debounce => Rule::debounce,
        ClauseWord::Throttle => Rule::throttle,
        ClauseWord::Busy => Rule::busy,
        ClauseWord::Run => Rule::run,
        ClauseWord::Emit => Rule::emit,
    }
}

/// How the clause is written.
fn usage(word: ClauseWord) -> &'static str {
    match word {
        ClauseWord::On => "write `on EVENT`: one event type",
        ClauseWord::When => "write `when EXPRESSION`",
        ClauseWord::Priority => "write `priority 10`: rules of a lower number run first",
        ClauseWord::Threshold => "write `threshold 3 within 1m`",
        ClauseWord::Debounce => "write `debounce 10s`",
        ClauseWord::Throttle => "write `throttle 1 per 5m`",
        ClauseWord::Busy => "write `busy queue`, or `coalesce`, `supersede`, `drop`",
        ClauseWord::Run => "write `run WORKFLOW(input: EXPRESSION, …)`",
        ClauseWord::Emit => "write `emit EVENT(field: EXPRESSION, …)`, and `after 30m` if it is to wait",
    }
}

/// What the grammar's rule looks like to a user; `None` for what is no help.
fn symbol(form: Rule) -> Option<&'static str> {
    Some(match form {
        Rule::event_type => "an event type",
        Rule::condition | Rule::value => "an expression",
        Rule::number => "a number",
        Rule::duration => "a duration",
        Rule::within_word => "`within`",
        Rule::per_word => "`per`",
        Rule::busy_mode => "a mode",
        Rule::callee | Rule::call => "a name",
        Rule::argument_name | Rule::argument => "an argument",
        Rule::field_name | Rule::field => "a field's name",
        Rule::optional_mark => "`?`",
        Rule::r#type | Rule::type_name | Rule::list_type | Rule::map_type | Rule::object_type => "a type",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::open_angle => "`<`",
        Rule::close_angle => "`>`",
        Rule::close_brace => "`}`",
        Rule::colon => "`:`",
        Rule::comma => "`,`",
        _ => return None,
    })
}

/// Whether what stands at `pair` of `text` is what stands behind the comma of `map<string, int>`.
pub(super) fn is_rest_of_map(text: &str, pair: &Pair<'_, Rule>) -> bool {
    let before = text.get(..pair.as_span().start()).unwrap_or_default().trim_end();
    let Some(before) = before.strip_suffix(',') else { return false };
    let is_open = before
        .rfind('<')
        .is_some_and(|open| !before.get(open..).unwrap_or_default().contains(['>', ',', '\n', '{', '}']));
    let rest = pair.as_str().trim_start();
    let behind = rest.trim_start_matches(scan::is_word);
    is_open && behind.len() < rest.len() && behind.trim_start().starts_with('>')
}
