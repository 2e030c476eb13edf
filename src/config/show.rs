//! Every setting with its value and where it comes from.

use std::fmt;

use serde::Serialize;

/// One setting as `config show` prints it. Secrets in the value are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    pub path: String,
    /// As it would be written; `None` for one that has no value.
    pub value: Option<String>,
    pub source: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Origin {
    File {
        path: String,
        line: usize,
    },
    Environment {
        variable: String,
    },
    /// The default, with words where it follows from other settings.
    Default {
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment { variable } => write!(f, "${variable}"),
            Self::Default { note: None } => f.write_str("default"),
            Self::Default { note: Some(note) } => write!(f, "default: {note}"),
        }
    }
}
