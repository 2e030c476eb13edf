//! `/v1/targets`: what is kept in balance, and where each stands.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::agents::AgentLine;
use super::problem::Problem;
use super::run_view::word;
use super::standstill::Standstill;
use super::{ApiState, standstill, surroundings};
use crate::base::clock::Timestamp;
use crate::base::id::TargetName;
use crate::base::literal::format_duration;
use crate::base::suggest::nearest;
use crate::diagnostic::Code;
use crate::model::target::{MeasureSettings, TargetSettings, TargetState};

/// Targets by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetList {
    targets: Vec<TargetLine>,
}

/// Where a target stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetLine {
    name: String,
    /// `observe`, `recommend` or `enforce`; null for a target that is no longer configured.
    mode: Option<String>,
    /// `stable`, `adjusting`, `degraded` or `paused`.
    phase: String,
    /// Why, where someone said so.
    reason: Option<String>,
    /// The deployment that runs; null before the first.
    signature: Option<String>,
    /// The total rate that was last decided, in requests per second; null before the first.
    rate_rps: Option<f64>,
    /// What is verified for the deployment that runs.
    verified_rps: Option<f64>,
    /// Whether its load tests and dispatches are halted, by itself or with all.
    halted: bool,
    /// The run that holds it.
    run: Option<String>,
    /// How many agents are connected.
    connected_agents: usize,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

/// A target with its settings and agents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetView {
    #[serde(flatten)]
    line: TargetLine,
    /// Null for a target that is no longer configured.
    settings: Option<SettingsView>,
    agents: Vec<AgentLine>,
    /// Why it does not rest, or takes nothing, and what to do about it; empty where all is well.
    standstill: Vec<Standstill>,
}

/// What is configured for a target, defaults filled in.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsView {
    labels: BTreeMap<String, String>,
    slo: SloView,
    rate: RateView,
    strategy: StrategyView,
    /// Null for a target that cannot be load-tested.
    measure: Option<MeasureView>,
}

/// The service-level objective.
#[derive(Debug, Serialize, ToSchema)]
struct SloView {
    p99_ms: f64,
    /// Share of failed requests, 0 to 1.
    error_rate: f64,
}

/// What the total rate may be.
#[derive(Debug, Serialize, ToSchema)]
struct RateView {
    initial_rps: f64,
    floor_rps: f64,
    ceiling_rps: f64,
    /// Share of the current rate that an unknown deployment gets.
    interim: f64,
    /// Largest rise in one adjustment, as a share of the current rate; null for no limit.
    max_step: Option<f64>,
    time_to_live: String,
    /// `floor` or `refuse`.
    on_expiry: String,
}

/// How the rate is found.
#[derive(Debug, Serialize, ToSchema)]
struct StrategyView {
    name: String,
    /// Share of the measured maximum that is kept free.
    keep: f64,
}

/// How it is load-tested.
#[derive(Debug, Serialize, ToSchema)]
struct MeasureView {
    endpoint: String,
    /// `count`, `hold` or `isolated`.
    live_traffic: String,
    max_rate_rps: f64,
    time: String,
    requests: u64,
}

/// Lists targets by name.
#[utoipa::path(get, path = "/v1/targets", tag = "targets", operation_id = "list_targets", responses(
    (status = 200, description = "Targets by name", body = TargetList),
))]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<TargetList>, Problem> {
    let halts = state.control.halts().await?;
    let mut kept: BTreeMap<_, _> =
        state.store.targets().await?.into_iter().map(|target| (target.name.clone(), target)).collect();
    let now = state.clock.now();
    let mut targets = Vec::new();
    for name in state.target_names().await? {
        let known = kept.remove(&name);
        targets.push(line(&state, &name, known, &halts, now));
    }
    Ok(Json(TargetList { targets }))
}

/// Shows one target with its settings and agents.
#[utoipa::path(get, path = "/v1/targets/{name}", tag = "targets", operation_id = "show_target", params(("name" = String, Path, description = "The target")), responses(
    (status = 200, description = "The target", body = TargetView),
    (status = 404, description = "There is no such target", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(State(state): State<ApiState>, Path(name): Path<String>) -> Result<Json<TargetView>, Problem> {
    view(&state, &TargetName::from(name)).await
}

/// Pauses a target at rest: its events wait until it is resumed.
#[utoipa::path(post, path = "/v1/targets/{name}/pause", tag = "targets", operation_id = "pause_target", params(("name" = String, Path, description = "The target")), responses(
    (status = 200, description = "It is paused", body = TargetView),
    (status = 404, description = "There is no such target", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A run holds it", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn pause(
    State(state): State<ApiState>,
    Path(name): Path<String>,
) -> Result<Json<TargetView>, Problem> {
    let name = TargetName::from(name);
    state.control.pause(&name).await?;
    tracing::info!(target_name = name.as_str(), "target paused");
    view(&state, &name).await
}

/// Resumes a paused target.
#[utoipa::path(post, path = "/v1/targets/{name}/resume", tag = "targets", operation_id = "resume_target", params(("name" = String, Path, description = "The target")), responses(
    (status = 200, description = "It is resumed", body = TargetView),
    (status = 404, description = "There is no such target", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is not paused", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn resume(
    State(state): State<ApiState>,
    Path(name): Path<String>,
) -> Result<Json<TargetView>, Problem> {
    let name = TargetName::from(name);
    state.control.resume(&name).await?;
    tracing::info!(target_name = name.as_str(), "target resumed");
    view(&state, &name).await
}

async fn view(state: &ApiState, name: &TargetName) -> Result<Json<TargetView>, Problem> {
    let known = state.store.target(name).await?;
    let settings = state.targets.settings(name);
    if known.is_none() && !state.targets.names().contains(name) {
        let names = state.targets.names();
        let near = nearest(name.as_str(), names.iter().map(TargetName::as_str));
        let hint =
            near.map_or("`GET /v1/targets` lists those there are".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Problem::new(
            axum::http::StatusCode::NOT_FOUND,
            Code::UnknownTarget,
            format!("there is no target `{name}`; {hint}"),
        ));
    }
    let halts = state.control.halts().await?;
    let now = state.clock.now();
    Ok(Json(TargetView {
        line: line(state, name, known, &halts, now),
        settings: settings.map(|settings| SettingsView::from(settings.as_ref())),
        agents: state.dispatcher.agents(name).into_iter().map(AgentLine::from).collect(),
        standstill: standstill::of_target(name, &surroundings::of(state, name).await?),
    }))
}

fn line(
    state: &ApiState,
    name: &TargetName,
    known: Option<TargetState>,
    halts: &[Option<TargetName>],
    now: Timestamp,
) -> TargetLine {
    let updated_at = known.as_ref().map(|target| target.updated_at.to_string());
    let target = known.unwrap_or_else(|| TargetState::unknown(name.clone(), now));
    TargetLine {
        name: name.to_string(),
        mode: state.targets.settings(name).map(|settings| settings.mode.as_str().to_owned()),
        phase: target.phase.as_str().to_owned(),
        reason: target.reason,
        signature: target.signature.map(|signature| signature.to_string()),
        rate_rps: target.rate_rps,
        verified_rps: target.verified_rps,
        halted: halts.iter().any(|halt| halt.as_ref().is_none_or(|halted| halted == name)),
        run: target.lease.run.map(|run| run.to_string()),
        connected_agents: state.dispatcher.agents(name).iter().filter(|agent| agent.connected).count(),
        updated_at,
    }
}

impl From<&TargetSettings> for SettingsView {
    fn from(settings: &TargetSettings) -> Self {
        let rate = &settings.rate;
        Self {
            labels: settings.labels.clone(),
            slo: SloView { p99_ms: settings.slo.p99_ms, error_rate: settings.slo.error_rate },
            rate: RateView {
                initial_rps: rate.initial_rps,
                floor_rps: rate.floor_rps,
                ceiling_rps: rate.ceiling_rps,
                interim: rate.interim,
                max_step: rate.max_step,
                time_to_live: format_duration(rate.time_to_live),
                on_expiry: word(&rate.on_expiry).unwrap_or_default(),
            },
            strategy: StrategyView {
                name: settings.strategy.kind.name().as_str().to_owned(),
                keep: settings.strategy.keep,
            },
            measure: settings.measure.as_ref().map(MeasureView::from),
        }
    }
}

impl From<&MeasureSettings> for MeasureView {
    fn from(measure: &MeasureSettings) -> Self {
        Self {
            endpoint: without_credentials(&measure.endpoint),
            live_traffic: word(&measure.live_traffic).unwrap_or_default(),
            max_rate_rps: measure.limits.max_rate_rps,
            time: format_duration(measure.limits.time),
            requests: measure.limits.requests,
        }
    }
}

/// A URL without the `user:password@` it may hold.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}
