//! What is wrong with a user's text: where, what, and what to do.
//!
//! Stages collect diagnostics and go on; `render` alone turns them into text. Nothing here knows what is being checked. `page` holds what is written of each code.

pub mod codes;
pub mod page;
pub mod render;

use std::collections::HashMap;

use crate::base::source::SourceId;
use crate::base::span::Span;
pub use codes::Code;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The program can run, but probably not as meant.
    Warning,
    /// There is no program.
    Error,
}

/// A place, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// A change of a text that mends a problem for certain: whoever applies it unseen does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes away; empty where something is only put in. Offsets are those of the source's text, without the
    /// byte-order mark that the file may begin with.
    pub span: Span,
    /// What comes in its place.
    pub replacement: String,
}

/// One problem.
///
/// Messages are lower case, one line, with the user's own words in backticks and no names of Rust types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub message: String,
    /// Where the caret goes.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// What mends it if all of them are made together: none overlaps another. Empty where that is not certain.
    pub edits: Vec<Edit>,
}

/// The longest words of a user that a message repeats, in characters: who reads it sees them in the excerpt.
const LONGEST_IN_MESSAGE: usize = 80;
/// And a help: what is to be written is shown as a whole, as long as somebody could have written it.
const LONGEST_IN_HELP: usize = 240;

/// What stands between backticks, shortened to `most` characters.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let shortened = text.split('`').enumerate().map(|(at, part)| {
        let end = part.char_indices().nth(most).filter(|_| at % 2 == 1);
        end.map_or_else(|| part.to_owned(), |(end, _)| format!("{}…", part.get(..end).unwrap_or_default()))
    });
    shortened.collect::<Vec<_>>().join("`")
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            // A message is one line, also where the user's own words in it are several.
            message: shortened(&message.into().replace(['\n', '\r'], " "), LONGEST_IN_MESSAGE),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            help: None,
            edits: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// What to say at the caret.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Another place that explains the problem.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(shortened(&text.into(), LONGEST_IN_HELP));
        self
    }

    /// A change that mends the problem, together with the others that are given. Only what is certain.
    #[must_use]
    pub fn edit(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.edits.push(Edit { span, replacement: replacement.into() });
        self
    }

    /// "Did you mean": only where a name is close enough.
    #[must_use]
    pub fn suggest<'a>(self, wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Self {
        match crate::base::suggest::nearest(wrong, right) {
            Some(name) => self.help(format!("did you mean `{name}`?{}", crate::base::lookalike::aside(wrong))),
            None => self,
        }
    }

    /// "Did you mean", where there is such a name.
    #[must_use]
    pub fn did_you_mean(self, name: Option<&str>) -> Self {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// Most problems of one file and one severity that are kept. Who has more mends these first; and what a file that means
/// harm can make us say, and think about what was meant, stays bounded.
pub const MAX_OF_FILE: usize = 1_000;

/// Every problem found so far, up to [`MAX_OF_FILE`] of each file and severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    found: HashMap<(SourceId, Severity), usize>,
}

impl Diagnostics {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a problem. In place of the first that is too many stands one that says so, and the others are dropped.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let span = diagnostic.primary.span;
        let found = self.found.entry((span.source, diagnostic.severity)).or_default();
        if *found < MAX_OF_FILE && diagnostic.code != Code::TooManyProblems {
            self.list.push(diagnostic);
        } else if *found <= MAX_OF_FILE {
            let message = format!("the file has more than {MAX_OF_FILE} problems: the others are not listed");
            let note = Diagnostic::error(Code::TooManyProblems, span, message).help("mend some, and check again");
            self.list.push(Diagnostic { severity: diagnostic.severity, ..note });
            *found = MAX_OF_FILE;
        }
        *found += 1;
    }

    /// Replaces those that `is_it` finds.
    pub fn change(&mut self, is_it: impl Fn(&Diagnostic) -> bool, change: impl Fn(Diagnostic) -> Diagnostic) {
        for diagnostic in self.list.iter_mut().filter(|diagnostic| is_it(diagnostic)) {
            *diagnostic = change(diagnostic.clone());
        }
    }

    /// Forgets those that `is_it` finds, because another one says the same.
    pub fn remove(&mut self, is_it: impl Fn(&Diagnostic) -> bool) {
        self.list.retain(|diagnostic| !is_it(diagnostic));
    }

    pub fn extend(&mut self, others: Diagnostics) {
        others.list.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Whether another error in that file would be dropped: what costs much to look at need not be.
    pub fn is_full(&self, source: SourceId) -> bool {
        self.found.get(&(source, Severity::Error)).is_some_and(|found| *found > MAX_OF_FILE)
    }

    /// Those of the same code and message become one, at the first place, if the code is one of `codes`: a name that does
    /// not exist is one mistake however often it is used. The other places are labels of it.
    pub fn join_repeated(&mut self, codes: &[Code]) {
        /// More places than this say nothing more.
        const MOST: usize = 8;
        self.sort();
        let mut kept: Vec<Diagnostic> = Vec::new();
        let mut first: HashMap<(SourceId, Code, String), usize> = HashMap::new();
        for problem in std::mem::take(&mut self.list) {
            if codes.contains(&problem.code) {
                let key = (problem.primary.span.source, problem.code, problem.message.clone());
                if let Some(first) = first.get(&key).and_then(|at| kept.get_mut(*at)) {
                    if first.secondary.len() < MOST {
                        first.secondary.push(Label { span: problem.primary.span, text: "and here".to_owned() });
                    }
                    continue;
                }
                first.insert(key, kept.len());
            }
            kept.push(problem);
        }
        self.list = kept;
    }

    /// In the order of their places, the same problem at the same place once.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| {
            (a.primary.span, a.code.number(), &a.message).cmp(&(b.primary.span, b.code.number(), &b.message))
        });
        self.list.dedup();
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every problem, to be looked through and pushed elsewhere.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_words_are_shortened_and_ours_are_not() {
        let name = "é".repeat(200);
        let ours = "x".repeat(200);
        let span = Span::new(SourceId(0), 0, 0);
        let problem = Diagnostic::error(Code::UnknownName, span, format!("{ours} `{name}` and `b`"));
        assert_eq!(problem.message, format!("{ours} `{}…` and `b`", "é".repeat(LONGEST_IN_MESSAGE)));
        let whole = problem.help(format!("write `{name}`")).help.unwrap();
        assert_eq!(whole, format!("write `{name}`"));
    }
}
