//! `/v1/records`: what was measured.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::run_view::word;
use super::runs::page;
use super::{ApiState, QueryResult, query};
use crate::model::record::{Record, Trial};
use crate::runtime::ports::RecordFilter;

/// Which records to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordQuery {
    /// Only those of this target.
    target: Option<String>,
    /// Only those of this deployment.
    signature: Option<String>,
    /// At most this many; 100 where it is absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Records, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordList {
    records: Vec<RecordView>,
}

/// The verified maximum throughput of one deployment, under the conditions that it was measured in.
#[derive(Debug, Serialize, ToSchema)]
struct RecordView {
    target: String,
    signature: String,
    /// The highest verified rate in requests per second, live traffic included.
    max_rps: f64,
    /// The true maximum lies between these, as far as the trials can tell.
    interval_rps: [f64; 2],
    /// `confirmed`, or `lower_bound` where a limit ended the search before a rate failed.
    verdict: String,
    /// What ended the search before it knew more than a lower bound: `time`, `requests`, `unsteady`, `scatter`, `not_recovered`,
    /// `error_bursts`, `unhealthy` or `invalid`; absent where the highest rate allowed was borne.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ended_at: String,
    /// Requests that the load test sent.
    requests: u64,
    conditions: ConditionsView,
    /// The run that measured it.
    run: String,
    #[schema(format = DateTime)]
    recorded_at: String,
    /// Every trial in the order it was run.
    curve: Vec<TrialView>,
}

/// What else was so when it was measured.
#[derive(Debug, Serialize, ToSchema)]
struct ConditionsView {
    p99_ms: f64,
    /// Share of failed requests that the objective allows, 0 to 1.
    error_rate: f64,
    /// `count`, `hold` or `isolated`.
    live_traffic: String,
    endpoint: String,
}

/// One period of constant rate.
#[derive(Debug, Serialize, ToSchema)]
struct TrialView {
    rate_rps: f64,
    live_rps: f64,
    duration_ms: u64,
    requests: u64,
    p50_ms: f64,
    p99_ms: f64,
    error_rate: f64,
    /// How late the generator itself sent, 99th percentile.
    lateness_p99_ms: f64,
    /// `pass`, `fail`, or `invalid` where the generator did not keep the rate.
    verdict: String,
}

/// Lists records, the newest first.
#[utoipa::path(get, path = "/v1/records", tag = "records", operation_id = "list_records", params(RecordQuery), responses(
    (status = 200, description = "Records, the newest first", body = RecordList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<ApiState>,
    params: QueryResult<RecordQuery>,
) -> Result<Json<RecordList>, Problem> {
    let Query(params) = query(params)?;
    let filter = RecordFilter {
        target: params.target.map(Into::into),
        signature: params.signature.map(Into::into),
        limit: page(params.limit)?,
    };
    let records = state.store.records(&filter).await?;
    Ok(Json(RecordList { records: records.into_iter().map(RecordView::from).collect() }))
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        let Record { target, signature, measurement, conditions, run, recorded_at } = record;
        Self {
            target: target.to_string(),
            signature: signature.to_string(),
            max_rps: measurement.max_rps,
            interval_rps: measurement.interval_rps,
            verdict: word(&measurement.verdict).unwrap_or_default(),
            stopped: measurement.stopped.as_ref().and_then(word),
            started_at: measurement.started_at.to_string(),
            ended_at: measurement.ended_at.to_string(),
            requests: measurement.requests,
            conditions: ConditionsView {
                p99_ms: conditions.objective.p99_ms,
                error_rate: conditions.objective.error_rate,
                live_traffic: word(&conditions.live_traffic).unwrap_or_default(),
                endpoint: conditions.endpoint,
            },
            run: run.to_string(),
            recorded_at: recorded_at.to_string(),
            curve: measurement.curve.iter().map(TrialView::from).collect(),
        }
    }
}

impl From<&Trial> for TrialView {
    fn from(trial: &Trial) -> Self {
        Self {
            rate_rps: trial.rate_rps,
            live_rps: trial.live_rps,
            duration_ms: trial.duration_ms,
            requests: trial.requests,
            p50_ms: trial.p50_ms,
            p99_ms: trial.p99_ms,
            error_rate: trial.error_rate,
            lateness_p99_ms: trial.lateness_p99_ms,
            verdict: word(&trial.verdict).unwrap_or_default(),
        }
    }
}
