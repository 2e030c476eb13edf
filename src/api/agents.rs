//! `/v1/agents`: who enforces rates, and what each was told.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::{ApiState, QueryResult, query};
use crate::base::id::TargetName;
use crate::runtime::ports::AgentView;

/// Which agents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AgentQuery {
    /// Only those of this target.
    target: Option<String>,
}

/// Agents by target and id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentList {
    agents: Vec<AgentLine>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct AgentLine {
    pub id: String,
    pub target: String,
    pub connected: bool,
    /// The rate it was last told, in requests per second.
    pub rate_rps: Option<f64>,
    /// Whether it has confirmed that.
    pub confirmed: bool,
    /// Orders the commands it got.
    pub epoch: Option<EpochView>,
    /// Over its last report.
    pub passed_rps: f64,
    pub refused_rps: f64,
    #[schema(format = DateTime)]
    pub seen_at: Option<String>,
}

/// Orders commands for one agent: a later command has a higher epoch, compared field by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct EpochView {
    pub incarnation: u64,
    pub token: u64,
    pub sequence: u64,
}

/// Lists agents by target and id.
#[utoipa::path(get, path = "/v1/agents", tag = "agents", operation_id = "list_agents", params(AgentQuery), responses(
    (status = 200, description = "Agents by target and id", body = AgentList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<ApiState>,
    params: QueryResult<AgentQuery>,
) -> Result<Json<AgentList>, Problem> {
    let Query(params) = query(params)?;
    let targets = match params.target {
        Some(target) => vec![TargetName::from(target)],
        None => state.target_names().await?,
    };
    let agents = targets.iter().flat_map(|target| state.dispatcher.agents(target)).map(AgentLine::from).collect();
    Ok(Json(AgentList { agents }))
}

impl From<AgentView> for AgentLine {
    fn from(agent: AgentView) -> Self {
        Self {
            id: agent.id.to_string(),
            target: agent.target.to_string(),
            connected: agent.connected,
            rate_rps: agent.rate_rps,
            confirmed: agent.confirmed,
            epoch: agent.epoch.map(|epoch| EpochView {
                incarnation: epoch.incarnation,
                token: epoch.token,
                sequence: epoch.sequence,
            }),
            passed_rps: agent.passed_rps,
            refused_rps: agent.refused_rps,
            seen_at: agent.seen_at.map(|time| time.to_string()),
        }
    }
}
