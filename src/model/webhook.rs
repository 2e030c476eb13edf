//! A subscriber outside: where events go, which of them, and how long it is tried.

use std::time::Duration;

use crate::base::id::WebhookName;

/// A subscriber that events are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub name: WebhookName,
    pub url: String,
    /// Only events of these types; all where there are none.
    pub events: Vec<String>,
    /// The name of the secret that what is posted is signed with.
    pub secret: String,
    /// An answer must come within it.
    pub timeout: Duration,
    /// The pause between two tries doubles up to this.
    pub max_backoff: Duration,
    /// An event is given up after it was tried for so long.
    pub give_up_after: Duration,
    /// An event that the subscriber refuses is given up after so many refusals.
    pub refusals: u64,
}

impl Webhook {
    /// Whether it wants events of a type.
    pub fn wants(&self, kind: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == kind)
    }
}
