//! `/v1/detectors`: what each declared detector saw last, what it fails at, and what is posted to it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{ApiState, BodyResult, body};
use crate::base::id::DetectorName;
use crate::diagnostic::Code;
use crate::service::detect::{NotReceived, Received, Standing};

/// All detectors, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DetectorList {
    detectors: Vec<DetectorView>,
}

/// A source of events that the engine watches itself.
#[derive(Debug, Serialize, ToSchema)]
struct DetectorView {
    name: String,
    /// When it last saw what it watches; null: not since the engine's start.
    #[schema(format = DateTime)]
    succeeded_at: Option<String>,
    /// Why its last look failed; null where it did not.
    failing: Option<String>,
    /// So many looks failed one after the other.
    failures: u64,
    /// When an event of it was last taken; null: not since the engine's start.
    #[schema(format = DateTime)]
    told_at: Option<String>,
}

/// What became of the alerts that were posted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertsReceived {
    /// So many became events.
    accepted: usize,
    /// So many had become events before.
    known: usize,
    /// So many are not among those that the detector tells.
    ignored: usize,
}

/// Lists the detectors that the configuration declares, as they stand since the engine's start.
#[utoipa::path(get, path = "/v1/detectors", tag = "detectors", operation_id = "list_detectors", responses(
    (status = 200, description = "Every detector, by name", body = DetectorList),
))]
pub(super) async fn list(State(state): State<ApiState>) -> Json<DetectorList> {
    let standings = state.detectors.options.board.all();
    Json(DetectorList { detectors: standings.into_iter().map(|(name, standing)| view(&name, standing)).collect() })
}

/// Takes the alerts that an Alertmanager posts (`webhook_configs`, version 4). Each state of an alert becomes one event, however often it is posted.
#[utoipa::path(post, path = "/v1/detectors/{name}/alertmanager", tag = "detectors", operation_id = "receive_alerts",
    params(("name" = String, Path, description = "A detector of kind `alertmanager`")),
    request_body(content = Object, description = "What an Alertmanager posts", content_type = "application/json"),
    responses(
        (status = 200, description = "All of them are durable, or are not told", body = AlertsReceived),
        (status = 400, description = "This is not what an Alertmanager posts", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such detector", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Some of them are not taken, and never will be; the others were", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "They are not all taken now: an Alertmanager posts them again", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn receive(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    content: BodyResult,
) -> Result<Json<AlertsReceived>, Problem> {
    let payload = serde_json::from_slice(&body(content)?)
        .map_err(|error| Problem::malformed(format!("the body is no JSON: {error}")))?;
    let received = state.detectors.alerts(&DetectorName::from(name), payload).await.map_err(problem)?;
    let Received { accepted, known, ignored } = received;
    Ok(Json(AlertsReceived { accepted, known, ignored }))
}

fn problem(error: NotReceived) -> Problem {
    let why = error.to_string();
    match error {
        NotReceived::Unknown(_) => Problem::not_found(format!("{why}; `GET /v1/detectors` lists those that are")),
        NotReceived::Malformed(_) => Problem::malformed(why),
        NotReceived::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::Refused, why),
        // An Alertmanager takes a status of 400 to 499, 429 included, for the end of it.
        NotReceived::Later { after, .. } => {
            let seconds = u32::try_from(after.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::TooManyEvents, why).retry_after(seconds)
        }
    }
}

fn view(name: &DetectorName, standing: Standing) -> DetectorView {
    let Standing { succeeded_at, failing, failures, told_at } = standing;
    DetectorView {
        name: name.to_string(),
        succeeded_at: succeeded_at.map(|at| at.to_string()),
        failing,
        failures,
        told_at: told_at.map(|at| at.to_string()),
    }
}
