//! Names and ids as types of their own, so that one cannot be passed for another.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$docs:meta])* $type:ident) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// A target as the configuration and an event's `subject` name it.
    TargetName
}
name! {
    /// A step as its workflow names it.
    StepName
}
name! {
    /// A workflow as its file names it.
    WorkflowName
}
name! {
    /// A rule as its file names it.
    RuleName
}
name! {
    /// An agent as it names itself: unique within its target.
    AgentId
}
name! {
    /// What identifies one deployment of a target: an image digest or deployment hash.
    Signature
}
name! {
    /// A schedule as the configuration names it.
    ScheduleName
}
name! {
    /// A detector as the configuration names it.
    DetectorName
}
name! {
    /// A webhook as the configuration names it.
    WebhookName
}
name! {
    /// Names one performance of one effect for ever: `run/step` or `run/step[item]`. Repeating an effect repeats its key.
    IdempotencyKey
}

/// One execution of a plan. Version 7: sorts by the time it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// A new id, later than all made before on this machine.
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    /// The id of the run that is `number` of those made so far: where chance is not wanted.
    pub fn counted(made_at: super::clock::Timestamp, number: u64) -> Self {
        let made_at_ms = u64::try_from(made_at.0).unwrap_or(0);
        let mut tail = [0; 10];
        for (to, from) in tail.iter_mut().skip(2).zip(number.to_be_bytes()) {
            *to = from;
        }
        Self(uuid::Builder::from_unix_timestamp_millis(made_at_ms, &tail).into_uuid())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
