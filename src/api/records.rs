//! `/v1/records`: what was measured.

use axum::Json;
use axum::extract::{Query, State};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::run_view::word;
use super::runs::page;
use super::{ApiState, BodyResult, QueryResult, body, query};
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::model::objective::Objective;
use crate::model::record::{Conditions, Measurement, Record, Trial, without_credentials};
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
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordView {
    target: String,
    signature: String,
    /// The highest verified rate in requests per second, live traffic included.
    max_rps: f64,
    /// The true maximum lies between these, as far as the trials can tell.
    interval_rps: [f64; 2],
    /// `confirmed`, or `lower_bound` where a limit ended the search before a rate failed.
    verdict: String,
    /// What ended the search before it knew more than a lower bound: `time`, `requests`, `window`, `unsteady`, `scatter`, `not_recovered`,
    /// `error_bursts`, `unhealthy` or `invalid`; absent where the highest rate allowed was borne.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConditionsView {
    p99_ms: f64,
    /// Share of failed requests that the objective allows, 0 to 1.
    error_rate: f64,
    /// `count`, `hold` or `isolated`.
    live_traffic: String,
    endpoint: String,
    /// Names what was sent; absent: `GET`, evenly spaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sends: Option<String>,
}

/// One period of constant rate.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
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

/// What became of a record that was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TakenIn {
    /// `new`, or `known` where the run's record is here already.
    result: &'static str,
}

/// Takes in a record that was measured elsewhere, as `GET /v1/records` shows it.
///
/// It counts under the conditions that it states: under others than today's it is kept, and not found by runs.
#[utoipa::path(post, path = "/v1/records", tag = "records", operation_id = "import_record", request_body(content = RecordView),
    responses(
    (status = 200, description = "It is here, durably", body = TakenIn),
    (status = 400, description = "It is no record", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The target is not configured", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn take_in(State(state): State<ApiState>, bytes: BodyResult) -> Result<Json<TakenIn>, Problem> {
    let view: RecordView = serde_json::from_slice(&body(bytes)?)
        .map_err(|error| Problem::malformed(format!("the body is no record: {error}")))?;
    let record = view.record().map_err(Problem::malformed)?;
    if state.targets.settings(&record.target).is_none() {
        return Err(Problem::not_found(format!("target `{}` is not configured", record.target)));
    }
    let is_new = state.control.take_in(record).await?;
    Ok(Json(TakenIn { result: if is_new { "new" } else { "known" } }))
}

impl RecordView {
    /// The record that it shows.
    ///
    /// # Errors
    /// What is wrong with it.
    fn record(self) -> Result<Record, String> {
        let figures = [self.max_rps, self.interval_rps[0], self.interval_rps[1]];
        if self.max_rps <= 0.0
            || !figures.iter().all(|figure| figure.is_finite())
            || self.interval_rps[0] > self.interval_rps[1]
        {
            return Err("`max_rps` must be above 0, and `interval_rps` from low to high".to_owned());
        }
        let time = |name: &str, text: &str| {
            Timestamp::parse(text).ok_or_else(|| format!("`{name}` is `{text}`, and must be an RFC 3339 time"))
        };
        let curve: Result<Vec<Trial>, String> = self.curve.into_iter().map(TrialView::trial).collect();
        Ok(Record {
            measurement: Measurement {
                max_rps: self.max_rps,
                interval_rps: self.interval_rps,
                verdict: read("verdict", &self.verdict)?,
                started_at: time("started_at", &self.started_at)?,
                ended_at: time("ended_at", &self.ended_at)?,
                requests: self.requests,
                stopped: self.stopped.map(|stopped| read("stopped", &stopped)).transpose()?,
                curve: curve?,
            },
            conditions: Conditions {
                objective: Objective { p99_ms: self.conditions.p99_ms, error_rate: self.conditions.error_rate },
                live_traffic: read("live_traffic", &self.conditions.live_traffic)?,
                endpoint: without_credentials(&self.conditions.endpoint),
                sends: self.conditions.sends.map(Digest::from),
            },
            run: read("run", &self.run)?,
            recorded_at: time("recorded_at", &self.recorded_at)?,
            target: self.target.as_str().into(),
            signature: self.signature.as_str().into(),
        })
    }
}

impl TrialView {
    fn trial(self) -> Result<Trial, String> {
        Ok(Trial {
            rate_rps: self.rate_rps,
            live_rps: self.live_rps,
            duration_ms: self.duration_ms,
            requests: self.requests,
            p50_ms: self.p50_ms,
            p99_ms: self.p99_ms,
            error_rate: self.error_rate,
            lateness_p99_ms: self.lateness_p99_ms,
            verdict: read("verdict", &self.verdict)?,
        })
    }
}

/// A word that was shown, as what it stands for.
fn read<T: DeserializeOwned>(name: &str, word: &str) -> Result<T, String> {
    serde_json::from_value(word.into()).map_err(|error| format!("`{name}` is `{word}`: {error}"))
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
                sends: conditions.sends.map(|digest| digest.to_string()),
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
