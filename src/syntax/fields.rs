//! Values of single keys: held against what the key takes, reported where they are something else.

use std::time::Duration;

use crate::base::literal::parse_duration;
use crate::base::mend;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::foreign;
use crate::syntax::yaml::{Key, Node};

/// Collects what is wrong while a tree is walked.
#[derive(Debug, Default)]
pub struct Walk {
    pub diagnostics: Diagnostics,
}

impl Walk {
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: &str) {
        let diagnostic = Diagnostic::error(code, span, message);
        self.diagnostics.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// `what` must be `expected`, and it is something else.
    pub fn wrong_kind(&mut self, node: &Node, what: &str, expected: &str, help: &str) {
        if node.is_null() && node.is_cut() {
            return; // What stood there could not be read, and that has been said.
        }
        let is = if node.is_null() { "it is empty".to_owned() } else { format!("it is {}", node.describe()) };
        self.error(Code::WrongKind, node.span, format!("{what} must be {expected}, but {is}"), help);
    }

    /// The entries of a mapping, in which only `known` keys may stand.
    pub fn mapping<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[impl AsRef<str>],
        help: &str,
    ) -> &'n [(Key, Node)] {
        let Some(entries) = node.as_map() else {
            self.wrong_kind(node, what, "a mapping", help);
            return &[];
        };
        let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
        for (key, _) in entries.iter().filter(|(key, _)| !names.contains(&key.name.as_str())) {
            if let Some((word, rest)) = joined(&key.name, &names) {
                let at = key.span.start + u32::try_from(word.len()).unwrap_or_default();
                let colon = Span { start: at, end: (at + 1).min(key.span.end), ..key.span };
                // Of a bracket the key ends where its first `: ` does.
                let help = if rest.contains(['{', '[', '"', '\'']) {
                    format!("write `{word}: …`")
                } else {
                    format!("write `{word}: {}`", rest.trim())
                };
                self.error(Code::YamlSyntax, colon, "a blank is missing behind this `:`", &help);
                continue;
            }
            let message = format!("{what} has no key `{}`", key.name);
            let mut diagnostic = Diagnostic::error(Code::UnknownKey, key.span, message);
            let meant = foreign::meant(&key.name, &names);
            diagnostic = match (foreign::elsewhere(&key.name), meant) {
                (Some(help), _) => diagnostic.help(help),
                (None, Some(meant)) => {
                    diagnostic.help(format!("did you mean `{meant}`?{}", crate::base::lookalike::aside(&key.name)))
                }
                (None, None) => {
                    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                    diagnostic.help(format!("keys are {}", list.join(", ")))
                }
            };
            self.diagnostics.push(diagnostic);
        }
        entries
    }

    /// A text, not empty.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        match node.as_str() {
            Some(text) if !text.trim().is_empty() => Some(Spanned::new(text.trim().to_owned(), node.span)),
            _ => {
                let help = match node.scalar() {
                    Some(text) if !text.text.trim().is_empty() => "put it in quotes",
                    None => "write one text",
                    Some(_) => "write it, or delete the key",
                };
                self.wrong_kind(node, what, "text", help);
                None
            }
        }
    }

    /// A name as expressions can write it.
    pub fn name(&mut self, node: &Node, what: &str, whose: &str) -> Option<Spanned<String>> {
        let name = self.text(node, what)?;
        match crate::syntax::name::check_name(whose, &name.node, name.span) {
            Ok(()) => Some(name),
            Err(problem) => {
                self.diagnostics.push(*problem);
                None
            }
        }
    }

    /// A duration above zero.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Spanned<Duration>> {
        const HELP: &str = "write a number and a unit, like `250ms`, `30s`, `10m` or `2h`";
        let Some(text) = node.scalar() else {
            self.wrong_kind(node, what, "a duration", HELP);
            return None;
        };
        if text.text.contains("${") {
            self.error(
                Code::WrongKind,
                node.span,
                format!("{what} must be a fixed duration"),
                "no `${ … }` can stand here",
            );
            return None;
        }
        match parse_duration(&text.text) {
            Ok(duration) if duration.is_zero() => {
                self.error(Code::WrongKind, node.span, format!("{what} must be longer than nothing"), "");
                None
            }
            Ok(duration) => Some(Spanned::new(duration, node.span)),
            Err(_) => {
                let help = mend::duration(&text.text).map(|meant| format!("did you mean `{meant}`?"));
                self.wrong_kind(node, what, "a duration", help.as_deref().unwrap_or(HELP));
                None
            }
        }
    }

    /// A whole number from 1 to `most`.
    pub fn count(&mut self, node: &Node, what: &str, most: u32) -> Option<Spanned<u32>> {
        let count =
            node.as_int().and_then(|count| u32::try_from(count).ok()).filter(|count| (1..=most).contains(count));
        if count.is_none() {
            let meant = node.as_str().and_then(mend::number).filter(|meant| meant.parse::<u32>().is_ok());
            let help = meant.map_or("write a number, like `3`".to_owned(), |meant| format!("did you mean `{meant}`?"));
            self.wrong_kind(node, what, &format!("a whole number from 1 to {most}"), &help);
        }
        count.map(|count| Spanned::new(count, node.span))
    }
}

/// A known key and its value that YAML took for one word, for want of a blank.
pub(super) fn joined<'k>(key: &'k str, known: &[&str]) -> Option<(&'k str, &'k str)> {
    key.split_once(':').filter(|(word, rest)| known.contains(word) && !rest.is_empty())
}

/// Whether `wanted`, which the mapping has not, was written all the same: under another name, or in what could not be read.
pub(super) fn is_meant(node: &Node, known: &[impl AsRef<str>], wanted: &str) -> bool {
    let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let unknown = |name: &str| !names.contains(&name);
    let entries = node.as_map().unwrap_or_default();
    let is_joined = |name: &str| joined(name, &names).is_some_and(|(word, _)| word == wanted);
    node.is_cut()
        || entries.iter().any(|(key, _)| is_joined(&key.name))
        || entries.iter().any(|(key, _)| unknown(&key.name) && foreign::meant(&key.name, &names) == Some(wanted))
}
