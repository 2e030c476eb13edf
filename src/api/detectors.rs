//! `/v1/detectors`: what each declared detector saw last, and what it fails at.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use crate::base::id::DetectorName;
use crate::service::detect::Standing;

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

/// Lists the detectors that the configuration declares, as they stand since the engine's start.
#[utoipa::path(get, path = "/v1/detectors", tag = "detectors", operation_id = "list_detectors", responses(
    (status = 200, description = "Every detector, by name", body = DetectorList),
))]
pub(super) async fn list(State(state): State<ApiState>) -> Json<DetectorList> {
    let detectors = state.detectors.all().into_iter().map(|(name, standing)| view(&name, standing)).collect();
    Json(DetectorList { detectors })
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
