//! What a step can wait for without being performed: a moment, an event, a person.
//!
//! A wait is plain data in the journal. Nobody holds a task or a worker for it, and it outlives the engine: whatever ends
//! it is journaled, and `run::decide` draws the conclusion. What it must not know: runs, stores, who answers.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::effect::{ActionError, FailureKind, Outcome};
use crate::base::clock::Timestamp;
use crate::model::event::Event;
use crate::model::schema::JsonMap;

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    pub on: WaitOn,
    /// When the step's `timeout` ends the wait; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_at: Option<Timestamp>,
}

/// Of what kind it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WaitOn {
    Time {
        until: Timestamp,
    },
    /// An event of this type whose data has all of `data`.
    Event {
        #[serde(rename = "type")]
        kind: String,
        data: JsonMap,
        /// Whether the step fails when none comes in time.
        required: bool,
    },
    /// A person's decision.
    Approval {
        reason: String,
        /// Who is to decide, for people to read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Whether the step fails when it is rejected, or nobody decides in time.
        required: bool,
        /// Whether the step is performed once it is approved; else it ends with that.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        permits: bool,
    },
    /// The moment from which on the step may be performed; then it is.
    Opening {
        until: Timestamp,
        /// What keeps it from being performed now.
        reason: String,
    },
}

/// What came before the wait's time was over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    Event { source: String, id: String, time: Timestamp, data: Json },
    Decision(Decision),
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub approved: bool,
    /// Who decided, as they call themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl From<&Event> for Answer {
    fn from(event: &Event) -> Self {
        Self::Event { source: event.source.clone(), id: event.id.clone(), time: event.time, data: event.data.clone() }
    }
}

impl Wait {
    /// The moment at which the wait is over if nothing comes.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let until = match self.on {
            WaitOn::Time { until } | WaitOn::Opening { until, .. } => Some(until),
            WaitOn::Event { .. } | WaitOn::Approval { .. } => None,
        };
        [until, self.timeout_at].into_iter().flatten().min()
    }

    /// The type of the event that is waited for.
    pub fn event_type(&self) -> Option<&str> {
        match &self.on {
            WaitOn::Event { kind, .. } => Some(kind),
            WaitOn::Time { .. } | WaitOn::Approval { .. } | WaitOn::Opening { .. } => None,
        }
    }

    /// Whether it is for being allowed to perform the step.
    pub fn is_for_permission(&self) -> bool {
        matches!(self.on, WaitOn::Approval { permits: true, .. } | WaitOn::Opening { .. })
    }

    /// Whether the step may be performed now.
    pub fn permits(&self, answer: Option<&Answer>, now: Timestamp) -> bool {
        match (&self.on, answer) {
            (WaitOn::Approval { permits: true, .. }, Some(Answer::Decision(decision))) => decision.approved,
            (WaitOn::Opening { until, .. }, _) => *until <= now,
            _ => false,
        }
    }

    /// Whether the event is what is waited for.
    pub fn is_answered_by(&self, event: &Event) -> bool {
        match &self.on {
            WaitOn::Event { kind, data, .. } => *kind == event.kind && holds_all(&event.data, data),
            WaitOn::Time { .. } | WaitOn::Approval { .. } | WaitOn::Opening { .. } => false,
        }
    }

    /// What the step comes to; `None` for as long as it waits.
    pub fn conclude(&self, answer: Option<&Answer>, now: Timestamp) -> Option<Outcome> {
        if let Some(answer) = answer {
            return Some(self.answered(answer));
        }
        self.ends_at().filter(|end| *end <= now).map(|_| self.ended(now))
    }

    fn answered(&self, answer: &Answer) -> Outcome {
        match answer {
            Answer::Event { source, id, time, data } => {
                Ok(json!({ "came": true, "source": source, "id": id, "time": time, "data": data }))
            }
            Answer::Decision(Decision { approved, by, note }) => {
                let required = matches!(self.on, WaitOn::Approval { required: true, .. });
                if !approved && required {
                    let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                    let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
                    return Err(ActionError::permanent(format!("rejected{by}{note}")));
                }
                let outcome = if *approved { "approved" } else { "rejected" };
                let mut output = json!({ "approved": approved, "outcome": outcome });
                if let Some(output) = output.as_object_mut() {
                    output.extend(by.iter().map(|by| ("by".to_owned(), json!(by))));
                    output.extend(note.iter().map(|note| ("note".to_owned(), json!(note))));
                }
                Ok(output)
            }
        }
    }

    /// Nothing came in time.
    fn ended(&self, now: Timestamp) -> Outcome {
        match &self.on {
            WaitOn::Time { until } if *until <= now => Ok(json!({ "until": until })),
            WaitOn::Event { required: false, .. } => Ok(json!({ "came": false, "data": {} })),
            WaitOn::Approval { required: false, .. } => Ok(json!({ "approved": false, "outcome": "expired" })),
            WaitOn::Time { until } | WaitOn::Opening { until, .. } => {
                Err(timed_out(format!("its timeout ended before {until}")))
            }
            WaitOn::Event { kind, .. } => Err(timed_out(format!("no `{kind}` that fits came in time"))),
            WaitOn::Approval { .. } => Err(timed_out("nobody decided in time".to_owned())),
        }
    }
}

fn timed_out(message: String) -> ActionError {
    ActionError::new(FailureKind::TimedOut, message)
}

/// Whether `data` has every field of `wanted` with an equal value; objects within are held against each other likewise.
pub fn holds_all(data: &Json, wanted: &JsonMap) -> bool {
    wanted.iter().all(|(name, wanted)| data.get(name).is_some_and(|value| equals(value, wanted)))
}

fn equals(value: &Json, wanted: &Json) -> bool {
    match (value, wanted) {
        (Json::Object(_), Json::Object(wanted)) => holds_all(value, wanted),
        // `3` is `3.0`: an event's declaration may make a double of what the workflow wrote as a whole number.
        (Json::Number(value), Json::Number(wanted)) => value == wanted || value.as_f64() == wanted.as_f64(),
        (value, wanted) => value == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_000);

    fn map(json: Json) -> JsonMap {
        json.as_object().cloned().unwrap()
    }

    #[test]
    fn an_event_fits_that_has_all_that_is_wanted() {
        let data = json!({ "order": "a", "total": 3.0, "buyer": { "id": 1, "name": "b" } });
        for (wanted, fits) in [
            (json!({}), true),
            (json!({ "order": "a" }), true),
            (json!({ "total": 3 }), true),
            (json!({ "buyer": { "id": 1 } }), true),
            (json!({ "order": "b" }), false),
            (json!({ "buyer": { "id": 2 } }), false),
            (json!({ "order": "a", "paid": true }), false),
        ] {
            assert_eq!(holds_all(&data, &map(wanted.clone())), fits, "{wanted}");
        }
    }

    #[test]
    fn what_a_wait_comes_to() {
        let approval = |required| WaitOn::Approval { reason: "why".to_owned(), by: None, required, permits: false };
        let event = |required| WaitOn::Event { kind: "PAID".to_owned(), data: JsonMap::new(), required };
        let decided = |approved| {
            Answer::Decision(Decision { approved, by: Some("ann".to_owned()), note: Some("too late".to_owned()) })
        };
        let came =
            Answer::Event { source: "shop".to_owned(), id: "7".to_owned(), time: AT, data: json!({ "order": "a" }) };
        let mut shown = String::new();
        let mut conclude = |name: &str, on: &WaitOn, timeout_at: Option<i64>, answer: Option<&Answer>| {
            let wait = Wait { on: on.clone(), timeout_at: timeout_at.map(Timestamp) };
            let outcome = match wait.conclude(answer, AT) {
                None => "waits".to_owned(),
                Some(Ok(output)) => output.to_string(),
                Some(Err(error)) => format!("{:?}: {error}", error.kind),
            };
            shown.push_str(&format!("{name:<28} {outcome}\n"));
        };
        conclude("sleeps on", &WaitOn::Time { until: Timestamp(1_001) }, None, None);
        conclude("slept", &WaitOn::Time { until: AT }, None, None);
        conclude("sleep cut short", &WaitOn::Time { until: Timestamp(9_000) }, Some(1_000), None);
        conclude("no event yet", &event(true), Some(1_001), None);
        conclude("event", &event(true), Some(1_001), Some(&came));
        conclude("no event, required", &event(true), Some(1_000), None);
        conclude("no event, not required", &event(false), Some(1_000), None);
        conclude("nobody decides, for ever", &approval(true), None, None);
        conclude("approved", &approval(true), None, Some(&decided(true)));
        conclude("rejected, required", &approval(true), None, Some(&decided(false)));
        conclude("rejected, not required", &approval(false), None, Some(&decided(false)));
        conclude("expired, required", &approval(true), Some(1_000), None);
        conclude("expired, not required", &approval(false), Some(1_000), None);
        insta::assert_snapshot!(shown);
    }
}
