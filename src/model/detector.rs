//! A detector: what is watched outside, when that is worth an event, and which.

use std::time::Duration;

use serde::Serialize;

use super::load::Template;
use super::schema::{Field, JsonMap, Object, Shape};
use crate::base::digest::Digest;
use crate::base::id::{DetectorName, TargetName};

/// The source of the events of all detectors that are declared.
pub const SOURCE: &str = "homeostat:detectors";

/// What is sent where a detector that watches for changes names no event.
pub const DEPLOYMENT_CHANGE: &str = "DEPLOYMENT_CHANGE";

/// A detector as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorSettings {
    pub name: DetectorName,
    pub watched: Watched,
    /// The type of its events.
    pub event: String,
    /// What they are about.
    pub target: Option<TargetName>,
    /// The label that names what they are about, in place of `target`.
    pub target_label: Option<String>,
    /// What they carry.
    pub data: DataTemplate,
    /// From one look to the next.
    pub every: Duration,
    /// An answer must come within it.
    pub timeout: Duration,
    /// What is seen must hold for so long before it is told; zero: it is told at once.
    pub lasting: Duration,
    /// What still holds is told again after so long.
    pub repeat: Option<Duration>,
    /// The pause between looks that fail doubles up to this.
    pub max_backoff: Duration,
    /// At most so many events a minute.
    pub per_minute: usize,
    /// Whether what the first look of all shows is told.
    pub tells_first: bool,
}

/// What a detector watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    Http(HttpSettings),
}

/// An endpoint that is asked again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpSettings {
    pub url: String,
    /// By names in lower case; the expressions are those of secrets.
    pub headers: Vec<(String, Template)>,
    /// CEL over what is answered: a change of it is told.
    pub value: String,
}

impl Watched {
    /// Names what is watched: what was told of something else says nothing of it.
    pub fn digest(&self) -> Digest {
        // Texts and numbers are always JSON.
        Digest::of(serde_json::to_string(self).unwrap_or_default())
    }
}

/// What an event carries, with expressions over what was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum DataTemplate {
    Fixed(serde_json::Value),
    /// One expression alone keeps its type; within text there is text.
    Text(Template),
    List(Vec<DataTemplate>),
    Map(Vec<(String, DataTemplate)>),
}

impl Default for DataTemplate {
    fn default() -> Self {
        Self::Fixed(JsonMap::new().into())
    }
}

/// What the expressions of a detector of that kind see, as names with their shapes.
pub fn http_names() -> Object {
    Object::new(vec![
        Field::required("status", Shape::Int, "the status, like 200"),
        Field::required("headers", Shape::Map(Box::new(Shape::String)), "by their names in lower case"),
        Field::required("body", Shape::Any, "what is answered: JSON as such, anything else as text"),
    ])
}
