//! How much a finding of each lint counts: its own level, or what somebody configured.

use std::collections::BTreeMap;
use std::fmt;

use super::{LINTS, Lint};
use crate::base::suggest::nearest;
use crate::diagnostic::Severity;

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is not looked for.
    Allow,
    Warn,
    /// It is an error.
    Deny,
}

impl Level {
    pub const ALL: [Self; 3] = [Self::Allow, Self::Warn, Self::Deny];

    /// As it is configured.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }

    /// The level of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// `None`: nothing is to be said.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Allow => None,
            Self::Warn => Some(Severity::Warning),
            Self::Deny => Some(Severity::Error),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No lint has that name; perhaps another one was meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no lint `{name}`")]
pub struct UnknownLint {
    pub name: String,
    pub nearest: Option<&'static str>,
}

/// The levels in force: where nothing is set, each lint's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    set: BTreeMap<&'static str, Level>,
}

impl Levels {
    /// Sets the level of one lint; a later one replaces an earlier one.
    ///
    /// # Errors
    /// There is no such lint.
    pub fn set(&mut self, name: &str, level: Level) -> Result<(), UnknownLint> {
        let lint = find(name)?;
        self.set.insert(lint.name, level);
        Ok(())
    }

    pub fn of(&self, lint: &Lint) -> Level {
        self.set.get(lint.name).copied().unwrap_or(lint.level)
    }
}

/// The lint of that name.
///
/// # Errors
/// There is none.
pub fn find(name: &str) -> Result<&'static Lint, UnknownLint> {
    LINTS.iter().find(|lint| lint.name == name).ok_or_else(|| UnknownLint {
        name: name.to_owned(),
        nearest: nearest(name, LINTS.iter().map(|lint| lint.name)),
    })
}
