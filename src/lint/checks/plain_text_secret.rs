//! A password, a token or a key that stands in a file as it is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::expression::ast::{ExprKind, Literal};
use crate::lint::text::walk;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::syntax::rules::ast::ClauseKind;
use crate::syntax::workflow::ast::Undo;
use crate::syntax::yaml::{Kind, Node};

pub(super) const LINT: Lint = Lint {
    name: "plain-text-secret",
    code: Code::PlainTextSecret,
    level: Level::Deny,
    page: include_str!("plain_text_secret.md"),
    check,
};

/// Forms by which secrets of well-known makers are known, with what each is.
static KNOWN: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    [
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("an access key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})\b"),
        ("a token of GitLab", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a token of Slack", r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
        ("a live key of Stripe", r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
        ("a key of Google", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a signed token (JWT)", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
        ("a password", r#"(?i)\b(?:password|passwd|secret|token|api_?key)=[a-z]*[0-9!@#%^*][^\s"'&$]{3,}"#),
        ("a password in a URL", r#"\b[a-z][a-z0-9+.-]*://[^\s/:@'"]+:[^\s/:@'"$*]+@"#),
    ]
    .into_iter()
    .filter_map(|(what, form)| Some((what, Regex::new(form).ok()?)))
    .collect()
});

/// Words that name secrets.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "credential",
    "credentials",
    "authorization",
];

/// A text of mixed letters and digits that is at least this long, and this hard to guess, is no word.
const LONG: usize = 32;
const BITS_PER_LETTER: f64 = 4.2;

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut found: BTreeMap<Span, String> = BTreeMap::new();
    for (id, source) in subject.sources.iter() {
        for (what, form) in KNOWN.iter() {
            for place in form.find_iter(&source.text) {
                found.insert(Span::new(id, place.start(), place.end()), format!("{what} stands here in plain text"));
            }
        }
    }
    for workflow in &subject.workflows {
        for step in workflow.all_steps() {
            let undo = match &step.tree.undo {
                Some(Undo::Action { with, .. }) => with.as_ref(),
                _ => None,
            };
            step.tree.with.iter().chain(undo).chain(&step.tree.for_each).for_each(|node| in_node("", node, &mut found));
        }
        workflow.tree.outputs.iter().for_each(|(key, node)| in_node(&key.name, node, &mut found));
        workflow.programs().for_each(|program| in_program(program, &mut found));
    }
    for rule in &subject.rules {
        rule.programs().for_each(|program| in_program(program, &mut found));
        for clause in &rule.tree.clauses {
            let (ClauseKind::Run(call) | ClauseKind::Emit { call, .. }) = &clause.kind else { continue };
            for argument in &call.arguments {
                let text = argument.value.text.trim();
                let literal = text.trim_matches(['"', '\'']);
                if text.starts_with(['"', '\'']) && names_secret(&argument.name.node) && is_filled(literal) {
                    let span = argument.value.span(0..argument.value.text.len());
                    found.insert(span, named(&argument.name.node));
                }
            }
        }
    }
    let mut last: Option<Span> = None;
    for (span, message) in found {
        let is_inside = last.is_some_and(|last| last.source == span.source && span.start < last.end);
        if !is_inside {
            let help = "take it out, and change it: it is known to whoever can read the file";
            findings.push(Diagnostic::warning(Code::PlainTextSecret, span, message).help(help));
            last = Some(span);
        }
    }
}

fn in_node(key: &str, node: &Node, found: &mut BTreeMap<Span, String>) {
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| in_node(key, item, found)),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| in_node(&key.name, value, found)),
        Kind::String(fragment) if !fragment.text.contains("${") => {
            if names_secret(key) && is_filled(&fragment.text) {
                found.insert(node.span, named(key));
            } else if is_random(&fragment.text) {
                found.insert(node.span, RANDOM.to_owned());
            }
        }
        _ => {}
    }
}

fn in_program(program: &Program, found: &mut BTreeMap<Span, String>) {
    walk(program.expr(), &mut |expr| {
        if let ExprKind::Literal(Literal::String(text)) = &expr.kind
            && is_random(text)
        {
            found.insert(expr.span, RANDOM.to_owned());
        }
    });
}

const RANDOM: &str = "this looks like a secret in plain text: it is long and no word";

fn named(key: &str) -> String {
    format!("`{key}` stands here in plain text")
}

fn names_secret(key: &str) -> bool {
    let words: Vec<String> = key.split(['_', '-', '.']).map(str::to_lowercase).collect();
    let pairs = words.windows(2).map(<[String]>::concat);
    words.iter().cloned().chain(pairs).any(|word| NAMES.contains(&word.as_str()))
}

fn is_filled(text: &str) -> bool {
    text.len() >= 4 && text.chars().any(|c| c != '*' && c != 'x')
}

/// Whether it looks drawn by lot. Digests in hexadecimal letters are no secrets.
fn is_random(text: &str) -> bool {
    let has = |test: fn(&char) -> bool| text.chars().any(|c| test(&c));
    let is_one_word = text.chars().all(|c| c.is_ascii_alphanumeric() || "+/=_-".contains(c));
    let is_mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    text.len() >= LONG && is_one_word && is_mixed && bits_per_letter(text) >= BITS_PER_LETTER
}

/// Shannon's entropy of the letters.
fn bits_per_letter(text: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    text.chars().for_each(|c| *counts.entry(c).or_default() += 1);
    let total = f64::from(counts.values().sum::<u32>());
    counts.values().map(|count| f64::from(*count) / total).map(|share| -share * share.log2()).sum()
}
