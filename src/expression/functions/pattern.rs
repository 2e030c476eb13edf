//! Regular expressions of RE2's dialect, which the language prescribes, become ones of the `regex` crate's.
//!
//! Both run in linear time and are nearly the same. What differs: in RE2 `\d`, `\w`, `\s` and `\b` mean ASCII, `\Q…\E` takes
//! text as it is, `\<` is a character, brackets do not nest in a class and know no set operations, a repetition counts
//! to 1,000, and there is no flag `x`.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

use crate::expression::limits::MAX_REGEX_SIZE;

/// Compiles a pattern.
///
/// # Errors
/// Why it is no regular expression, or that it is too large.
pub(in crate::expression) fn regex(pattern: &str) -> Result<Regex, String> {
    let wrong = |reason: &str| format!("`{pattern}` is not a regular expression: {reason}");
    let translated = translate(pattern).map_err(wrong)?;
    RegexBuilder::new(&translated).size_limit(MAX_REGEX_SIZE).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        error => {
            let text = error.to_string();
            wrong(text.lines().last().unwrap_or_default().trim_start_matches("error: "))
        }
    })
}

fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut translated = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut translated),
            '[' => class(&mut rest, &mut translated),
            // What is no repetition is a character.
            '{' if repetition(&rest)? => translated.push('{'),
            '{' => translated.push_str(r"\{"),
            '(' => {
                translated.push('(');
                flags(&rest)?;
            }
            c => translated.push(c),
        }
    }
    Ok(translated)
}

/// What stands behind a backslash outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    match rest.next() {
        Some('b') => translated.push_str(r"(?-u:\b)"),
        Some('Q') => {
            let text: String = rest.clone().collect();
            let text = text.split_once(r"\E").map_or(text.as_str(), |(text, _)| text);
            translated.push_str(&regex::escape(text));
            // The end mark goes with it, where there is one.
            rest.by_ref().take(text.chars().count() + 2).for_each(drop);
        }
        Some(c @ ('<' | '>')) => translated.push(c),
        Some(c) => plain_escape(c, rest, translated),
        None => translated.push('\\'),
    }
}

/// What means the same within a class and outside.
fn plain_escape(c: char, rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    match c {
        'd' => translated.push_str("[0-9]"),
        'D' => translated.push_str("[^0-9]"),
        'w' => translated.push_str("[0-9A-Za-z_]"),
        'W' => translated.push_str("[^0-9A-Za-z_]"),
        's' => translated.push_str(r"[\t\n\x0C\r ]"),
        'S' => translated.push_str(r"[^\t\n\x0C\r ]"),
        c => {
            translated.extend(['\\', c]);
            // The braces of `\p{Greek}` and `\x{10FFFF}` are no repetition.
            if matches!(c, 'p' | 'P' | 'x') && rest.peek() == Some(&'{') {
                copy_to('}', rest, translated);
            }
        }
    }
}

/// Takes all up to this character as it is.
fn copy_to(end: char, rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    for c in rest.by_ref() {
        translated.push(c);
        if c == end {
            break;
        }
    }
}

/// A class, from behind its opening bracket to its end.
fn class(rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    translated.push('[');
    if rest.next_if_eq(&'^').is_some() {
        translated.push('^');
    }
    // At the start it is a character.
    if rest.next_if_eq(&']').is_some() {
        translated.push_str(r"\]");
    }
    while let Some(c) = rest.next() {
        match c {
            ']' => return translated.push(']'),
            '\\' => match rest.next() {
                Some(c) => plain_escape(c, rest, translated),
                None => translated.push('\\'),
            },
            '[' if rest.peek() == Some(&':') => {
                // `[:alpha:]`; what is no such thing is told by the crate.
                translated.push('[');
                copy_to(']', rest, translated);
            }
            c @ ('[' | '&' | '~') => translated.extend(['\\', c]),
            c => translated.push(c),
        }
    }
}

/// Whether a repetition stands behind an opening brace: `2}`, `2,}`, `2,3}`.
fn repetition(rest: &Peekable<Chars<'_>>) -> Result<bool, &'static str> {
    let mut rest = rest.clone();
    let mut counts = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == ',') {
        counts.push(c);
    }
    let is_one = counts.starts_with(|c: char| c.is_ascii_digit()) && counts.matches(',').count() <= 1;
    if !is_one || rest.next() != Some('}') {
        return Ok(false);
    }
    let too_many =
        counts.split(',').any(|count| !count.is_empty() && count.parse().is_ok_and(|count: u64| count > 1_000));
    if too_many || counts.len() > 9 { Err("a repetition counts to 1,000 at most") } else { Ok(true) }
}

/// Flags of a group, behind its opening parenthesis.
fn flags(rest: &Peekable<Chars<'_>>) -> Result<(), &'static str> {
    let mut rest = rest.clone();
    // `(?P<name>` and `(?<name>` are names, and no flag of theirs is refused here.
    let is_flags = rest.next() == Some('?');
    if is_flags && rest.take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|flag| matches!(flag, 'x' | 'u' | 'R'))
    {
        return Err("its flags are `i`, `m`, `s` and `U`");
    }
    Ok(())
}
