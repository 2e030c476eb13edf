//! One event becomes one signed request, and its answer what that means: taken, refused, or to be tried again.
//!
//! The body is the event as a CloudEvent in structured mode; the headers are those of Standard Webhooks. The id is the same
//! for every try, also after a restart, so that a subscriber can tell a repetition.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use super::signature::sign;
use crate::base::clock::Timestamp;
use crate::model::webhook::Webhook;
use crate::runtime::ports::{Secrets, StoredEvent};
use crate::service::outbound::Outbound;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Answers that say nothing against the event itself, though their number is that of a refusal.
const LATER: [StatusCode; 3] = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];

/// Why an event was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) why: String,
    /// The subscriber does not want this event: another try is of little use.
    pub(super) refused: bool,
    /// When it wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    fn transient(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false, retry_after: None }
    }
}

/// Posts events.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    pub(super) outbound: Outbound,
    pub(super) secrets: Arc<dyn Secrets>,
}

impl Courier {
    /// Posts an event once.
    pub(super) async fn deliver(&self, webhook: &Webhook, stored: &StoredEvent, now: Timestamp) -> Result<(), Failure> {
        let body = stored.event.clone().into_cloud_event().to_string().into_bytes();
        let headers = self.headers(webhook, stored, now, &body).await.map_err(Failure::transient)?;
        let answer = self.outbound.post(&webhook.url, headers, body, webhook.timeout).await;
        let answer = answer.map_err(|error| Failure::transient(error.to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            return Err(Failure::transient(format!("it answered {status}, and redirects are not followed")));
        }
        Err(Failure {
            why: format!("it answered {status}"),
            refused: status.is_client_error() && !LATER.contains(&status),
            retry_after: seconds(answer.headers().get(RETRY_AFTER)),
        })
    }

    async fn headers(
        &self,
        webhook: &Webhook,
        stored: &StoredEvent,
        now: Timestamp,
        body: &[u8],
    ) -> Result<HeaderMap, String> {
        let secret = self.secrets.secret(&webhook.secret).await?;
        let id = message_id(stored);
        let timestamp = now.0.div_euclid(1_000);
        let signature = sign(&secret, &id, timestamp, body)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json; charset=utf-8"));
        headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
        for (name, value) in [(ID, id), (SIGNATURE, signature)] {
            headers.insert(name, HeaderValue::from_str(&value).map_err(|error| error.to_string())?);
        }
        Ok(headers)
    }
}

/// Names an event for ever: by what names it at its sender, and by when it was accepted, since a name may come again after
/// its time. A digest, because a source may hold anything and the header may not.
fn message_id(stored: &StoredEvent) -> String {
    let mut hash = Sha256::new();
    for part in [stored.event.source.as_str(), stored.event.id.as_str()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(stored.accepted_at.0.to_be_bytes());
    let digest = hex::encode(hash.finalize());
    format!("msg_{}", digest.get(..32).unwrap_or_default())
}

/// `Retry-After` as a number of seconds; as a date it is not looked at.
fn seconds(value: Option<&HeaderValue>) -> Option<Duration> {
    value?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
