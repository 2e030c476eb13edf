//! What may be a name: something that an expression can also write after a dot.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};

/// Words that expressions keep for themselves, also after a dot.
pub const RESERVED: &[&str] = &["in", "true", "false", "null"];

/// Whether `text` is a letter or `_`, followed by letters, digits and `_`.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&text)
}

/// Holds a name against the rule; `what` says whose name it is.
///
/// # Errors
/// H0311.
pub fn check_name(what: &str, text: &str, span: Span) -> Result<(), Box<Diagnostic>> {
    if is_name(text) {
        return Ok(());
    }
    let help = if RESERVED.contains(&text) {
        "expressions keep this word for themselves".to_owned()
    } else {
        let better: String =
            text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
        let rule = "a name starts with a letter or `_` and goes on with letters, digits and `_`";
        if is_name(&better) && better.chars().any(|c| c != '_') {
            format!("{rule}: `{better}`")
        } else {
            rule.to_owned()
        }
    };
    Err(Box::new(Diagnostic::error(Code::BadName, span, format!("`{text}` is no name for {what}")).help(help)))
}
