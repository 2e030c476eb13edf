//! `/v1/events`: the door for events, and what became of them.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::{IntoParams, ToSchema};

use super::cloud_event;
use super::problem::Problem;
use super::run_view::word;
use super::{ApiState, BodyResult, QueryResult, body, query};
use crate::model::metric;
use crate::runtime::control::{AcceptError, Acceptance};
use crate::runtime::ports::{RuleOutcome, StoredEvent};

/// What became of one event at the door.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Receipt {
    source: String,
    id: String,
    /// Its place among all events that were ever accepted; absent for a duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// True where an event with the same source and id was taken before: this one changes nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// A CloudEvents 1.0 event in structured mode. Other attributes with names of a–z and 0–9 are kept as extensions.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document; the body is read by `cloud_event`")]
pub(super) struct CloudEvent {
    #[schema(example = "1.0")]
    specversion: String,
    /// Unique within the source.
    id: String,
    #[schema(example = "/ci/checkout")]
    source: String,
    #[schema(example = "DEPLOYMENT_CHANGE")]
    r#type: String,
    /// The target.
    #[schema(example = "checkout")]
    subject: Option<String>,
    /// When it happened; now, where it is absent.
    #[schema(format = DateTime)]
    time: Option<String>,
    datacontenttype: Option<String>,
    /// What the event's type declares.
    #[schema(value_type = Option<Object>)]
    data: Option<JsonValue>,
    /// The data as Base64, in place of `data`.
    data_base64: Option<String>,
    /// 0 is first, 9 is last.
    #[schema(minimum = 0, maximum = 9, default = 5)]
    priority: Option<u8>,
    /// Not to be handled before this moment.
    #[schema(format = DateTime)]
    deliverat: Option<String>,
}

/// Takes events in. They are durable when the answer is 202; all of a batch are taken or none.
#[utoipa::path(post, path = "/v1/events", tag = "events", operation_id = "send_events",
    description = "CloudEvents 1.0 over HTTP: structured (`application/cloudevents+json`), batch \
        (`application/cloudevents-batch+json`) and binary mode (`ce-…` headers).",
    request_body(content(
        (CloudEvent = "application/cloudevents+json"),
        (Vec<CloudEvent> = "application/cloudevents-batch+json"),
    )),
    responses(
        (status = 202, description = "Durable; one entry for every event, in order", body = Vec<Receipt>),
        (status = 400, description = "Not a CloudEvent", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "No content type that carries events", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Its type, subject or data is not as declared", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many events wait", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Shutting down, or the store fails", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn accept(
    State(state): State<ApiState>,
    headers: HeaderMap,
    bytes: BodyResult,
) -> Result<(StatusCode, Json<Vec<Receipt>>), Problem> {
    let events = body(bytes)
        .and_then(|bytes| cloud_event::read(&headers, &bytes, state.clock.now()))
        .inspect_err(|_| count("malformed", 1))?;
    let names: Vec<_> = events.iter().map(|event| (event.source.clone(), event.id.clone())).collect();
    if events.is_empty() {
        return Ok((StatusCode::ACCEPTED, Json(Vec::new())));
    }
    let number = events.len() as u64;
    let answers = state.control.accept(events).await.inspect_err(|error| {
        let result = match error {
            AcceptError::Refused(_) => "refused",
            AcceptError::Busy { .. } => "busy",
            AcceptError::Draining | AcceptError::Store(_) => "failed",
        };
        count(result, number);
        tracing::debug!(%error, events = number, "events not taken");
    })?;
    let receipts = names
        .into_iter()
        .zip(answers)
        .map(|((source, id), answer)| match answer {
            Acceptance::Accepted { sequence } => {
                count("accepted", 1);
                Receipt { source, id, sequence: Some(sequence), duplicate: false }
            }
            Acceptance::Duplicate => {
                count("duplicate", 1);
                Receipt { source, id, sequence: None, duplicate: true }
            }
        })
        .collect();
    Ok((StatusCode::ACCEPTED, Json(receipts)))
}

fn count(result: &'static str, number: u64) {
    metrics::counter!(metric::EVENTS.name, "result" => result).increment(number);
}

/// Which event to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    source: String,
    id: String,
}

/// An event and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    /// Its place among all events that were ever accepted.
    sequence: u64,
    #[schema(format = DateTime)]
    accepted_at: String,
    /// Whether its target was under a load test when it was accepted.
    during_test: bool,
    /// The event as a CloudEvent.
    #[schema(value_type = Object)]
    event: JsonValue,
    /// Null until it is handled.
    outcome: Option<OutcomeView>,
}

/// What became of an event.
#[derive(Debug, Serialize, ToSchema)]
struct OutcomeView {
    #[schema(format = DateTime)]
    routed_at: String,
    /// One entry for each rule that matched or could not be evaluated. The others on the event's type did not match.
    rules: Vec<RuleView>,
    /// Why it was put aside, where it was: it could not be handled.
    dead: Option<String>,
    /// Runs that waited for it.
    answered: Vec<String>,
    /// How often handling it was tried.
    attempts: u32,
    /// Whether a person has dropped it after that.
    dropped: bool,
}

/// What one rule made of an event.
#[derive(Debug, Serialize, ToSchema)]
struct RuleView {
    rule: String,
    /// `matched`, `error`, `below_threshold`, `debounced`, `throttled` or `busy`.
    result: String,
    /// The run it led to.
    run: Option<String>,
    note: Option<String>,
}

/// Shows what became of an event.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "show_event", params(EventQuery), responses(
    (status = 200, description = "The event and what became of it", body = EventView),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such event was accepted", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<ApiState>,
    params: QueryResult<EventQuery>,
) -> Result<Json<EventView>, Problem> {
    let Query(EventQuery { source, id }) = query(params)?;
    let event = state.store.event(&source, &id).await?;
    let event = event.ok_or_else(|| {
        Problem::not_found(format!(
            "no event `{id}` of source `{source}` was accepted, or it is too long ago for it to be remembered"
        ))
    })?;
    Ok(Json(event.into()))
}

impl From<StoredEvent> for EventView {
    fn from(stored: StoredEvent) -> Self {
        Self {
            sequence: stored.sequence,
            accepted_at: stored.accepted_at.to_string(),
            during_test: stored.event.during_test,
            event: stored.event.into_cloud_event(),
            outcome: stored.outcome.map(|outcome| OutcomeView {
                routed_at: outcome.routed_at.to_string(),
                rules: outcome.rules.into_iter().map(RuleView::from).collect(),
                dead: outcome.dead,
                answered: outcome.answered.iter().map(ToString::to_string).collect(),
                attempts: outcome.attempts,
                dropped: outcome.dropped,
            }),
        }
    }
}

impl From<RuleOutcome> for RuleView {
    fn from(outcome: RuleOutcome) -> Self {
        Self {
            rule: outcome.rule.to_string(),
            result: word(&outcome.result).unwrap_or_default(),
            run: outcome.run.map(|run| run.to_string()),
            note: outcome.note,
        }
    }
}
