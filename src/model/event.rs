//! A CloudEvents 1.0 event as Homeostat keeps it.
//!
//! Source of the attributes: CloudEvents specification 1.0.2. `priority` and `deliverat` are extensions of ours.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::schema::{Field, JsonMap, Object, Shape};
use crate::base::clock::Timestamp;
use crate::base::id::TargetName;

/// Something that happened. `(source, id)` is unique: a second one within the dedup window is the same event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The target; `None` for an event that is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<TargetName>,
    pub time: Timestamp,
    #[serde(default)]
    pub data: Json,
    #[serde(default)]
    pub priority: Priority,
    /// Not to be handled before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Timestamp>,
    /// Whether its target was under a load test when it was accepted.
    #[serde(default)]
    pub during_test: bool,
    /// How many emitted events led to this one; 0 for an event from outside.
    #[serde(default)]
    pub chain: u8,
    /// Extension attributes other than ours, as they came.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub extensions: JsonMap,
}

/// 0 is first, 9 is last, 5 is what an event has that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(u8);

impl Priority {
    /// `None` above 9.
    pub fn new(level: u8) -> Option<Self> {
        (level <= 9).then_some(Self(level))
    }

    pub fn level(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

/// A chain of emitted events longer than this goes to the dead letters.
pub const MAX_CHAIN: u8 = 16;

impl Event {
    /// An event without data about no target, that happened at the beginning of time: fill in what is known.
    pub fn new(source: impl Into<String>, id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            kind: kind.into(),
            subject: None,
            time: Timestamp::default(),
            data: Json::Null,
            priority: Priority::default(),
            deliver_at: None,
            during_test: false,
            chain: 0,
            extensions: JsonMap::new(),
        }
    }

    /// What `event` is in a rule whose event type carries `data`.
    pub fn shape(data: Object) -> Object {
        Object::new(vec![
            Field::required("id", Shape::String, "unique within its source"),
            Field::required("source", Shape::String, "who sent it"),
            Field::required("type", Shape::String, "what happened"),
            Field::nullable("subject", Shape::String, "the target; null for an event about none"),
            Field::required("time", Shape::Timestamp, "when it happened"),
            Field::required("data", Shape::Object(data), "what the type declares"),
            Field::required("priority", Shape::Int, "0 is first, 9 is last"),
            Field::required("during_test", Shape::Bool, "whether its target was under a load test"),
        ])
    }

    /// The event as others see it: a CloudEvent in structured mode.
    pub fn into_cloud_event(self) -> Json {
        let mut attributes: JsonMap = self.extensions;
        attributes.insert("specversion".to_owned(), "1.0".into());
        attributes.insert("id".to_owned(), self.id.into());
        attributes.insert("source".to_owned(), self.source.into());
        attributes.insert("type".to_owned(), self.kind.into());
        attributes.insert("time".to_owned(), self.time.to_string().into());
        attributes.insert("priority".to_owned(), self.priority.level().into());
        if let Some(subject) = self.subject {
            attributes.insert("subject".to_owned(), subject.as_str().into());
        }
        if let Some(moment) = self.deliver_at {
            attributes.insert("deliverat".to_owned(), moment.to_string().into());
        }
        attributes.insert("data".to_owned(), self.data);
        Json::Object(attributes)
    }

    /// The event as rules see it: of the shape that [`Self::shape`] tells.
    pub fn view(&self) -> Json {
        json!({
            "id": self.id,
            "source": self.source,
            "type": self.kind,
            "subject": self.subject,
            "time": self.time,
            "data": self.data,
            "priority": self.priority,
            "during_test": self.during_test,
        })
    }
}
