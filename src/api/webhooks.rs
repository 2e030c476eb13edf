//! `/v1/webhooks`: how far each subscriber has come, what it fails at, and what was given up.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::problem::Problem;
use crate::base::id::WebhookName;
use crate::runtime::ports::{EventFilter, Holder, StoreError};
use crate::service::webhook::{Failing, GivenUp, Progress};

/// All subscribers, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookList {
    webhooks: Vec<WebhookView>,
}

/// A subscriber that events are posted to.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookView {
    name: String,
    /// All events up to this number were delivered, given up, or not wanted.
    position: u64,
    /// How many events were accepted after it.
    behind: u64,
    /// The event that it does not take, and that is tried again; null where there is none.
    failing: Option<FailingView>,
    /// The last hundred events that it did not get, the newest first.
    given_up: Vec<GivenUpView>,
}

/// An event that a subscriber does not take.
#[derive(Debug, Serialize, ToSchema)]
struct FailingView {
    /// Its number.
    event: u64,
    /// When it was first tried.
    #[schema(format = DateTime)]
    since: String,
    tries: u64,
    /// Why the last one failed.
    error: String,
    #[schema(format = DateTime)]
    next_try_at: String,
}

/// An event that a subscriber did not get.
#[derive(Debug, Serialize, ToSchema)]
struct GivenUpView {
    /// Its number.
    event: u64,
    #[schema(format = DateTime)]
    at: String,
    tries: u64,
    error: String,
}

/// Lists the subscribers that events are posted to. Positions may be a second old.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks", responses(
    (status = 200, description = "Every webhook, by name", body = WebhookList),
))]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<WebhookList>, Problem> {
    let (newest, webhooks) = all(&state).await?;
    let webhooks = webhooks.into_iter().map(|(name, progress)| view(&name, progress, newest)).collect();
    Ok(Json(WebhookList { webhooks }))
}

/// Every webhook with how far it has come, by name; and the number of the newest event.
pub(super) async fn all(state: &ApiState) -> Result<(u64, Vec<(WebhookName, Progress)>), StoreError> {
    // The newest is looked for last, so that nobody seems to be ahead of it.
    let bookmarks = state.store.bookmarks().await?;
    let filter = EventFilter { limit: 1, ..EventFilter::default() };
    let newest = state.store.events(&filter).await?.first().map_or(0, |stored| stored.sequence);
    let webhooks = bookmarks.into_iter().filter_map(|bookmark| match bookmark.holder {
        Holder::Webhook(name) => Some((name, serde_json::from_value(bookmark.state).unwrap_or_default())),
        Holder::Detector(_) | Holder::Schedule(_) => None,
    });
    Ok((newest, webhooks.collect()))
}

fn view(name: &WebhookName, progress: Progress, newest: u64) -> WebhookView {
    let Progress { position, failing, given_up } = progress;
    let failing = failing.map(|Failing { sequence, since, tries, error, next_try_at, .. }| FailingView {
        event: sequence,
        since: since.to_string(),
        tries,
        error,
        next_try_at: next_try_at.to_string(),
    });
    let given_up = given_up.into_iter().rev();
    let given_up = given_up.map(|GivenUp { sequence, at, tries, error }| GivenUpView {
        event: sequence,
        at: at.to_string(),
        tries,
        error,
    });
    WebhookView {
        name: name.to_string(),
        position,
        behind: newest.saturating_sub(position),
        failing,
        given_up: given_up.collect(),
    }
}
