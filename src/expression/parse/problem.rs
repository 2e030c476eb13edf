//! What the grammar could not read, in the words of whoever wrote it.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::{Rule, text_length, token_length};
use crate::base::fragment::Fragment;
use crate::base::lookalike;
use crate::diagnostic::{Code, Diagnostic};

/// Words for what a rule reads. `None`: it is part of something that is named already.
fn words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::or
        | Rule::and
        | Rule::less_equal
        | Rule::less
        | Rule::greater_equal
        | Rule::greater
        | Rule::equal
        | Rule::not_equal
        | Rule::within
        | Rule::plus
        | Rule::times
        | Rule::divide
        | Rule::modulo => "an operator",
        Rule::EOI => "the end",
        Rule::close_paren => "`)`",
        Rule::close_bracket => "`]`",
        Rule::close_brace => "`}`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::field | Rule::selector | Rule::escaped => "a field name",
        Rule::open_paren => "`(`",
        Rule::fraction | Rule::hexadecimal | Rule::decimal | Rule::hexadecimal_unsigned | Rule::decimal_unsigned => {
            "a number"
        }
        Rule::program
        | Rule::expression
        | Rule::row
        | Rule::operand
        | Rule::member
        | Rule::element
        | Rule::entry
        | Rule::literal
        | Rule::primary
        | Rule::identifier
        | Rule::name
        | Rule::call
        | Rule::integer
        | Rule::string
        | Rule::list
        | Rule::map => "a value",
        _ => return None,
    })
}

/// The problem at the place where the grammar could go no further.
pub(super) fn explain(fragment: &Fragment, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let positives = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => {
            let message = "the expression is too long or nested too deeply to be read";
            return Diagnostic::error(Code::ExpressionTooDeep, fragment.span(at..at + 1), message).help("split it");
        }
    };
    let rest = fragment.text.get(at..).unwrap_or_default();
    let syntax = |range: std::ops::Range<usize>, message: String| {
        Diagnostic::error(Code::ExpressionSyntax, fragment.span(range), message)
    };
    if fragment.text.trim().is_empty() {
        return syntax(0..fragment.text.len(), "the expression is empty".to_owned());
    }
    let Some(first) = rest.chars().next() else {
        let end = fragment.text.trim_end().len();
        let last = fragment.text.get(..end).and_then(|text| text.char_indices().next_back()).map_or(0, |(i, _)| i);
        let problem = syntax(last..end, "the expression ends too early".to_owned()).label(expected(positives));
        return match too_early(fragment.text.trim_end()) {
            Some(help) => problem.help(help),
            None => problem,
        };
    };
    let token = rest.get(..token_length(rest)).unwrap_or(rest);
    let range = at..at + token.len();
    if let Some(open) = unclosed_text(rest) {
        return syntax(at..at + open, "the string is not closed".to_owned())
            .help("close it with the quote it starts with; text over several lines needs `\"\"\"`");
    }
    if first == '`' && rest.contains("${") {
        return syntax(range, "there are no template literals".to_owned())
            .help("join text with `+`, like `\"a\" + name`");
    }
    if first == '`' {
        return syntax(range, "a quoted field name is malformed".to_owned())
            .help("between backticks stand letters, digits, `_`, `.`, `-`, `/` and spaces, and they follow a dot");
    }
    if let Some((message, help)) = lookalike::character(first) {
        return syntax(range, message).help(help);
    }
    if let Some(problem) = habit(fragment, at, first, token) {
        return problem;
    }
    let problem = syntax(range.clone(), format!("unexpected `{token}`")).label(expected(positives));
    match (first, token) {
        (_, "and" | "AND") => problem.help(format!("`{token}` is written `&&`")),
        (_, "or" | "OR") => problem.help(format!("`{token}` is written `||`")),
        ('?', _) => problem.help("put parentheses around a `? :` within another"),
        _ if follows_word(fragment, at, "not") => {
            let end = fragment.text.get(..at).unwrap_or_default().trim_end().len();
            syntax(end - "not".len()..end, "unexpected `not`".to_owned())
                .help("`not` is written `!`, around more than a name `!(…)`")
        }
        ('}', _) if fragment.text.trim_start().starts_with('{') => {
            let open = fragment.text.len() - fragment.text.trim_start().len();
            syntax(open..open + 1, "an expression does not stand in braces".to_owned())
                .help("delete them: `{ … }` makes a map, like `{\"key\": value}`")
        }
        (_, word) if is_reserved(word) && expected(positives).contains("a value") => {
            let help = match word {
                "if" => "a choice is written `condition ? this : that`",
                _ => "it may stand only behind a dot, as a field",
            };
            syntax(range, format!("`{word}` is a reserved word")).help(help)
        }
        (';', _) => problem.help("an expression has no statements"),
        _ => problem,
    }
}

/// What people write who know another language, at the place where ours ends to make sense.
fn habit(fragment: &Fragment, at: usize, first: char, token: &str) -> Option<Diagnostic> {
    let before = fragment.text.get(..at)?;
    let rest = fragment.text.get(at..)?;
    let syntax = |range: std::ops::Range<usize>, message: &str, help: &str| {
        Some(Diagnostic::error(Code::ExpressionSyntax, fragment.span(range), message).help(help))
    };
    // The grammar may have taken the first characters of the operator for one of ours.
    let is_whole = |wanted: &str| {
        let fits = |back: &usize| {
            let (taken, left) = wanted.split_at(*back);
            before.ends_with(taken) && rest.starts_with(left)
        };
        let back = (1..wanted.len()).find(fits)?;
        Some(at - back..at - back + wanted.len())
    };
    if let Some(range) = is_whole("===") {
        return syntax(range, "`===` is no operator", "compare with `==`: it never converts");
    }
    if let Some(range) = is_whole("!==") {
        return syntax(range, "`!==` is no operator", "compare with `!=`: it never converts");
    }
    if let Some(range) = is_whole("<>") {
        return syntax(range, "`<>` is no operator", "what differs is found with `!=`");
    }
    if let Some(range) = is_whole("++") {
        return syntax(range, "`++` is no operator", "an expression changes nothing: write `x + 1`");
    }
    if let Some(range) = is_whole("**") {
        return syntax(range, "`**` is no operator", "multiply: `x * x`");
    }
    if let Some(range) = is_whole("??") {
        let help = "what stands in for a missing field is written `a.?b.orValue(c)`";
        return syntax(range, "`??` is no operator", help);
    }
    if rest.starts_with("??") {
        let help = "what stands in for a missing field is written `a.?b.orValue(c)`";
        return syntax(at..at + 2, "`??` is no operator", help);
    }
    if rest.starts_with("=<") || is_whole("=<").is_some() {
        let range = is_whole("=<").unwrap_or(at..at + 2);
        return syntax(range, "`=<` is no operator", "at most is written `<=`");
    }
    let after = rest.strip_prefix("=>").unwrap_or_default().trim_start();
    if after.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return syntax(at..at + 2, "`=>` is no operator", "at least is written `>=`");
    }
    if rest.starts_with("=>") {
        let help = "macros take a name and an expression, like `tags.exists(tag, tag == \"a\")`";
        return syntax(at..at + 2, "there are no arrow functions", help);
    }
    if before.trim_end().ends_with('.') && !first.is_alphanumeric() && first != '`' {
        let dot = before.trim_end().len() - 1;
        return syntax(dot..dot + 1, "a field's name is missing behind this `.`", "write it, or delete the dot");
    }
    let range = at..at + token.len();
    let digit = before.ends_with(|c: char| c.is_ascii_digit());
    match (first, token) {
        (':', _) if before.trim().is_empty() => syntax(range, "an expression does not begin with `:`", "delete it"),
        (_, word)
            if rest.get(word.len()..).is_some_and(|rest| rest.starts_with(':'))
                && word.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            syntax(range, &format!("unexpected `{word}`"), "a `,` may be missing before it")
        }
        ('=', _) if !rest.starts_with("==") => syntax(range, "an expression assigns nothing", "compare with `==`"),
        ('&', _) if !rest.starts_with("&&") => syntax(range, "`&` is no operator", "`and` is written `&&`"),
        ('|', _) if rest.starts_with("||") => None,
        ('|', _) if rest.trim_start_matches(['|', ' ']).starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let help = "`or` is written `||`; there are no filters: functions are called, like `name.upperAscii()`";
            syntax(range, "`|` is no operator", help)
        }
        ('|', _) => syntax(range, "`|` is no operator", "`or` is written `||`"),
        ('$', _) if rest.starts_with("${") => {
            syntax(at..at + 2, "`${` is not of the language", "the expression itself stands here, without `${ … }`")
        }
        ('$', _) => syntax(range, "`$` is not of the language", "names stand as they are, without a `$`"),
        ('#', _) => syntax(range, "`#` begins no comment here", "comments begin with `//`"),
        ('\'' | '"', _) if before.ends_with(first) => {
            let help = format!("a quote within such a text is written `\\{first}`");
            syntax(at - 1..at + 1, "the text ends here, and another one begins", &help)
        }
        ('\'' | '"', _) => None,
        (_, "is") => syntax(range, "`is` is no operator", "compare with `==`"),
        (_, "not") if rest.get(3..).is_some_and(|rest| rest.trim_start().starts_with("in ")) => {
            syntax(range, "`not in` is no operator", "write `!(item in list)`")
        }
        (_, "if") if !before.trim().is_empty() => {
            syntax(range, "`if` stands behind a value", "a choice is written `condition ? this : that`")
        }
        (_, "rps") if digit => {
            syntax(range, "numbers have no unit here", "rates are plain numbers of requests per second, like `100.0`")
        }
        (_, unit @ ("ms" | "s" | "m" | "h" | "d" | "min" | "sec")) if digit => {
            let help = "a duration is written `duration(\"30s\")`";
            syntax(range, &format!("numbers have no unit here, and `{unit}` is one"), help)
        }
        ('_', _) if digit => syntax(range, "digits are not grouped", "write the number without `_`"),
        _ => habit_of_values(fragment, at, first, token),
    }
}

/// The same of numbers, lists and comments.
fn habit_of_values(fragment: &Fragment, at: usize, first: char, token: &str) -> Option<Diagnostic> {
    let (before, rest) = (fragment.text.get(..at)?, fragment.text.get(at..)?);
    let syntax = |range: std::ops::Range<usize>, message: &str, help: &str| {
        Some(Diagnostic::error(Code::ExpressionSyntax, fragment.span(range), message).help(help))
    };
    let range = at..at + token.len();
    let digit = before.ends_with(|c: char| c.is_ascii_digit());
    match (first, token) {
        (_, "seconds" | "second" | "minutes" | "minute" | "hours" | "hour" | "days" | "day" | "milliseconds")
            if before.trim_end().ends_with(|c: char| c.is_ascii_digit()) =>
        {
            let help = "a duration is written `duration(\"30s\")`";
            syntax(range, &format!("numbers have no unit here, and `{token}` is one"), help)
        }
        ('%' | '<' | '>' | '=' | '!' | ')' | '&' | ',', _)
            if before.trim_end().strip_suffix('%').is_some_and(|left| left.ends_with(|c: char| c.is_ascii_digit())) =>
        {
            let percent = before.trim_end().len() - 1;
            let help = "a share is written as a number: `0.8` for 80 %";
            syntax(percent..percent + 1, "`%` is the rest of a division", help)
        }
        ('*', _) if before.ends_with('/') => {
            let end = rest.find("*/").map_or(at + 1, |end| at + end + 2);
            syntax(at - 1..end, "`/*` begins no comment", "comments begin with `//`")
        }
        (',', _) if is_in_parentheses(before) => {
            syntax(range, "unexpected `,`", "a list stands in square brackets, like `x in [\"a\", \"b\"]`")
        }
        (',', _) if digit && rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) => {
            syntax(range, "unexpected `,`", "the fraction of a number stands behind a point, like `1.5`")
        }
        ('^', _) => syntax(range, "`^` is no operator", "multiply: `x * x`; what differs is found with `!=`"),
        ('x' | 'X', _) if before.ends_with('0') => {
            syntax(range, "a hexadecimal number has no digits", "write them behind `0x`, like `0xff`")
        }
        _ => None,
    }
}

/// Whether the innermost bracket that is open is a `(` that calls nothing.
fn is_in_parentheses(before: &str) -> bool {
    let mut depth = 0;
    for (at, c) in before.char_indices().rev() {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' if depth > 0 => depth -= 1,
            '(' => {
                let caller = before.get(..at).unwrap_or_default();
                return !caller.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']'));
            }
            '[' | '{' => return false,
            _ => {}
        }
    }
    false
}

/// What to do about an expression that ends before its time.
fn too_early(text: &str) -> Option<&'static str> {
    if text.strip_suffix('%').is_some_and(|text| text.ends_with(|c: char| c.is_ascii_digit())) {
        return Some("a share is written as a number: `0.8` for 80 %");
    }
    if text.contains("?.") {
        return Some("a field that may be missing is selected with `.?`, like `inputs.?name`");
    }
    if text.contains(" ? ") {
        return Some("a choice has both its results: `condition ? this : that`");
    }
    if text.ends_with('.') {
        return Some("a field's name follows the `.`");
    }
    text.ends_with(|c: char| !c.is_alphanumeric()).then_some("a value follows here")
}

/// "expected …", each thing once.
fn expected(positives: &[Rule]) -> String {
    let mut things: Vec<&str> = Vec::new();
    for thing in positives.iter().copied().filter_map(words) {
        if !things.contains(&thing) {
            things.push(thing);
        }
    }
    // What may always follow a value says little beside what must.
    if things.contains(&"a value") || things.contains(&"a number") {
        things.retain(|thing| matches!(*thing, "a value" | "a number" | "`)`" | "`]`" | "`}`"));
    } else if things.iter().any(|thing| thing.starts_with('`')) {
        things.retain(|thing| *thing != "`(`" && *thing != "the end");
    } else {
        things.retain(|thing| *thing != "`(`" || positives.len() == 1);
    }
    match things.as_slice() {
        [] => String::new(),
        [only] => format!("expected {only}"),
        [most @ .., last] => format!("expected {} or {last}", most.join(", ")),
    }
}

/// How much of `rest` to underline, where it starts with a text that is never closed.
fn unclosed_text(rest: &str) -> Option<usize> {
    let prefix = rest.find(['"', '\'']).filter(|at| *at <= 2)?;
    let letters = rest.get(..prefix)?;
    if !letters.chars().all(|c| matches!(c, 'r' | 'R' | 'b' | 'B')) {
        return None;
    }
    let text = rest.get(prefix..)?;
    let raw = letters.ends_with(['r', 'R']);
    let length = text_length(text, raw);
    let body = text.get(..length)?;
    let quote = body.get(..1)?;
    let close = if text.starts_with(&quote.repeat(3)) { quote.repeat(3) } else { quote.to_owned() };
    let closed = body.len() >= 2 * close.len() && body.ends_with(&close);
    let line = body.find(['\n', '\r']).unwrap_or(body.len());
    (!closed).then_some(prefix + line)
}

/// Whether the word `word` stands just before `at`.
fn follows_word(fragment: &Fragment, at: usize, word: &str) -> bool {
    let before = fragment.text.get(..at).unwrap_or_default().trim_end();
    before
        .strip_suffix(word)
        .is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
}

/// Whether a word stands at `at` that begins a statement in other languages: what follows it is no expression either.
pub(super) fn is_statement(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    rest.get(..token_length(rest)).is_some_and(|word| is_reserved(word) && !matches!(word, "as" | "namespace"))
}

fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "as" | "break"
            | "const"
            | "continue"
            | "else"
            | "for"
            | "function"
            | "if"
            | "import"
            | "let"
            | "loop"
            | "package"
            | "namespace"
            | "return"
            | "var"
            | "void"
            | "while"
    )
}
