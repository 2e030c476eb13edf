//! Conditions as formulas: `&&`, `||`, `!`, `true` and `false` over atoms, where an atom is any other expression.
//!
//! Read from the text of a condition that has been checked, so this need not find mistakes. What it does not understand
//! becomes an atom, which is always safe: an atom may be true or false.

use std::collections::BTreeMap;

/// Above this many atoms nothing is tried: there are 2ⁿ cases.
const MOST_ATOMS: usize = 14;
/// Below this many parentheses and negations a condition is taken as an atom.
const MOST_NESTING: usize = 32;

/// When something is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Formula {
    Constant(bool),
    Atom(usize),
    Not(Box<Formula>),
    /// Empty: always.
    All(Vec<Formula>),
    /// Empty: never.
    Any(Vec<Formula>),
}

/// The atoms of several conditions. Atoms that are written alike are one.
#[derive(Debug, Default)]
pub(super) struct Atoms {
    /// As people are told of them.
    texts: Vec<String>,
    known: BTreeMap<String, usize>,
    /// The call that the condition stands in that is being read; empty outside of calls.
    call: String,
}

/// Whether there is a case in which none of some formulas holds.
pub(super) enum Verdict {
    Never,
    /// What is so in that case, of the atoms that matter.
    Case(Vec<String>),
    TooMany,
}

impl Atoms {
    /// The formula of a condition.
    pub(super) fn read(&mut self, text: &str) -> Formula {
        self.either(&tokens(text), 0)
    }

    /// The formula of a condition within a call: of the same words others are meant there.
    pub(super) fn read_within(&mut self, call: &str, text: &str) -> Formula {
        call.clone_into(&mut self.call);
        let formula = self.read(text);
        self.call.clear();
        formula
    }

    /// An atom that equals no other.
    fn unique(&mut self, text: String) -> usize {
        self.texts.push(text);
        self.texts.len() - 1
    }

    fn either(&mut self, tokens: &[String], depth: usize) -> Formula {
        // The ternary operator binds weakest: what holds one at the top is no `||`.
        if depth > MOST_NESTING || split(tokens, "?").len() > 1 {
            return self.atom(tokens);
        }
        let parts = split(tokens, "||");
        if parts.len() == 1 {
            return self.both(tokens, depth);
        }
        Formula::Any(parts.into_iter().map(|part| self.both(part, depth)).collect())
    }

    fn both(&mut self, tokens: &[String], depth: usize) -> Formula {
        let parts = split(tokens, "&&");
        if parts.len() == 1 {
            return self.term(tokens, depth);
        }
        Formula::All(parts.into_iter().map(|part| self.term(part, depth)).collect())
    }

    fn term(&mut self, tokens: &[String], depth: usize) -> Formula {
        match tokens {
            [word] if word == "true" => Formula::Constant(true),
            [word] if word == "false" => Formula::Constant(false),
            [not, rest @ ..] if not == "!" && depth < MOST_NESTING && is_operand(rest) => {
                Formula::Not(Box::new(self.term(rest, depth + 1)))
            }
            [open, inner @ .., _] if open == "(" && is_one_group(tokens) => self.either(inner, depth + 1),
            _ => self.atom(tokens),
        }
    }

    fn atom(&mut self, tokens: &[String]) -> Formula {
        let mut text = format!("`{}`", spaced(tokens));
        // What a call gives and what its steps return is its own.
        if !self.call.is_empty() && tokens.iter().any(|token| token == "inputs" || token == "steps") {
            text = format!("{text} of `{}`", self.call);
        }
        // The time is another one each time it is read.
        if tokens.iter().any(|token| token == "now") {
            return Formula::Atom(self.unique(text));
        }
        if let Some(&index) = self.known.get(&text) {
            return Formula::Atom(index);
        }
        let index = self.unique(text.clone());
        self.known.insert(text, index);
        Formula::Atom(index)
    }
}

/// Whether all of the formulas can never hold together. `false` where that is not known.
pub(super) fn contradiction(formulas: &[&Formula], atoms: &Atoms) -> bool {
    let negated: Vec<Formula> = formulas.iter().map(|formula| Formula::Not(Box::new((*formula).clone()))).collect();
    let negated: Vec<&Formula> = negated.iter().collect();
    matches!(undecided(&negated, atoms), Verdict::Never)
}

/// Looks for a case in which none of the formulas holds.
pub(super) fn undecided(formulas: &[&Formula], atoms: &Atoms) -> Verdict {
    let none_holds = |values: &[Option<bool>]| formulas.iter().all(|formula| formula.value(values) == Some(false));
    let unknown = vec![None; atoms.texts.len()];
    if formulas.iter().any(|formula| formula.value(&unknown) == Some(true)) {
        return Verdict::Never;
    }
    let mut used: Vec<usize> = Vec::new();
    for formula in formulas {
        formula.collect(&mut used);
    }
    used.sort_unstable();
    used.dedup();
    if used.len() > MOST_ATOMS {
        return Verdict::TooMany;
    }
    for case in 0..1_usize << used.len() {
        let mut values = unknown.clone();
        for (bit, atom) in used.iter().enumerate() {
            if let Some(value) = values.get_mut(*atom) {
                *value = Some(case >> bit & 1 == 1);
            }
        }
        if !none_holds(&values) {
            continue;
        }
        // Atoms whose value does not matter are left out of what is said.
        for atom in &used {
            let Some(slot) = values.get_mut(*atom) else { continue };
            let kept = slot.take();
            if !none_holds(&values)
                && let Some(slot) = values.get_mut(*atom)
            {
                *slot = kept;
            }
        }
        let said = atoms.texts.iter().zip(values).filter_map(|(text, value)| Some(format!("{text} is {}", value?)));
        return Verdict::Case(said.collect());
    }
    Verdict::Never
}

impl Formula {
    /// Kleene's three values: `None` where the unknown atoms decide.
    fn value(&self, values: &[Option<bool>]) -> Option<bool> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Atom(index) => values.get(*index).copied().flatten(),
            Self::Not(inner) => inner.value(values).map(|value| !value),
            Self::All(parts) => fold(parts, values, false),
            Self::Any(parts) => fold(parts, values, true),
        }
    }

    fn collect(&self, into: &mut Vec<usize>) {
        match self {
            Self::Constant(_) => {}
            Self::Atom(index) => into.push(*index),
            Self::Not(inner) => inner.collect(into),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect(into)),
        }
    }
}

/// `decisive` where one part is that, its opposite where all are its opposite.
fn fold(parts: &[Formula], values: &[Option<bool>], decisive: bool) -> Option<bool> {
    let mut known = true;
    for part in parts {
        match part.value(values) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

/// Words, strings and signs. Strings stay whole, whatever is in them.
fn tokens(text: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            rest = rest.trim_start();
            continue;
        } else if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        } else if is_word(first) {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let tail = rest.get(word..).unwrap_or_default();
            let prefix = rest.get(..word).unwrap_or_default();
            let is_prefix = prefix.len() <= 2 && prefix.chars().all(|c| "rRbB".contains(c));
            if is_prefix && tail.starts_with(['"', '\'']) {
                word + string_length(tail, prefix.contains(['r', 'R']))
            } else {
                word
            }
        } else if first == '"' || first == '\'' {
            string_length(rest, false)
        } else if ["&&", "||", "==", "!=", "<=", ">=", ".?", "[?"].iter().any(|sign| rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length.min(rest.len()));
        list.push(token.to_owned());
        rest = after;
    }
    list
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Bytes of the string literal that `text` starts with, quotes included.
fn string_length(text: &str, raw: bool) -> usize {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote)).unwrap_or("\"");
    let mut at = quote.len();
    while let Some(rest) = text.get(at..) {
        if rest.starts_with(quote) {
            return at + quote.len();
        }
        let Some(letter) = rest.chars().next() else { break };
        at += letter.len_utf8();
        if letter == '\\' && !raw {
            at += rest.chars().nth(1).map_or(0, char::len_utf8);
        }
    }
    text.len()
}

/// The parts between `sign` outside all brackets.
fn split<'a>(tokens: &'a [String], sign: &str) -> Vec<&'a [String]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            match token.as_str() {
                "(" | "[" | "[?" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token == sign
        })
        .collect()
}

/// Whether `!` before these applies to all of them: there is no operator outside brackets, but for another `!` in front.
fn is_operand(tokens: &[String]) -> bool {
    let mut depth = 0_usize;
    let mut tokens = tokens.iter().skip_while(|token| *token == "!").peekable();
    tokens.peek().is_some()
        && tokens.all(|token| match token.as_str() {
            "(" | "[" | "[?" | "{" => {
                depth += 1;
                true
            }
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                true
            }
            "." | ".?" => true,
            "in" => depth > 0,
            other => depth > 0 || other.starts_with(|c: char| is_word(c) || c == '"' || c == '\''),
        })
}

/// Whether the first parenthesis is closed by the last token.
fn is_one_group(tokens: &[String]) -> bool {
    let mut depth = 0_i64;
    let last = tokens.len().saturating_sub(1);
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" | "[" | "[?" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at == last;
        }
    }
    false
}

/// The tokens as one would write them: spaces around operators, none within calls and selections.
fn spaced(tokens: &[String]) -> String {
    let mut text = String::new();
    let mut after_word = false;
    for token in tokens {
        let is_word_like = token.starts_with(|c: char| is_word(c) || c == '"' || c == '\'');
        let is_operator = matches!(
            token.as_str(),
            "&&" | "||" | "==" | "!=" | "<=" | ">=" | "<" | ">" | "+" | "-" | "*" | "/" | "%" | "?" | ":" | "in"
        );
        let spaced = is_operator || (after_word && is_word_like);
        if spaced && !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
        text.push_str(token);
        if is_operator || token == "," {
            text.push(' ');
        }
        after_word = is_word_like && !is_operator;
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
