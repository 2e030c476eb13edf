//! `/metrics`: figures in the Prometheus text format.
//!
//! Counters and histograms are kept by the recorder from where they are counted. What can be read from the state (targets,
//! agents) is read when it is asked for, so that nothing is shown of what has gone.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio_util::sync::CancellationToken;

use super::ApiState;
use super::problem::Problem;
use crate::base::id::TargetName;
use crate::model::metric::{self, Kind, Metric};

/// Upper bounds of the time a request takes, in seconds.
const BUCKETS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Upper bounds of how many transactions share a commit.
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How often figures are tidied up where nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why figures cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    #[error("figures cannot be published: {0}")]
    Build(#[from] BuildError),
    #[error("figures are published already in this process")]
    Twice,
}

/// A recorder with our names and bounds; not yet the one of the process.
pub fn recorder() -> Result<PrometheusRecorder, MetricsError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(metric::HTTP_SECONDS.name.to_owned()), BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(metric::SCHEDULE_LATE.name.to_owned()), BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(metric::STORE_COMMIT_SECONDS.name.to_owned()), BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(metric::STORE_BATCH.name.to_owned()), BATCHES)?
        .build_recorder();
    Ok(recorder)
}

/// Makes the process publish its figures until `shutdown`. Must be called inside the runtime.
pub fn install(shutdown: CancellationToken) -> Result<PrometheusHandle, MetricsError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Twice)?;
    describe();
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(UPKEEP) => kept.run_upkeep(),
            }
        }
    });
    Ok(handle)
}

/// Tells the recorder what its figures mean.
pub fn describe() {
    for metric in metric::ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
            // Written here, with their help.
            Kind::Gauge => {}
        }
    }
}

/// Shows every figure.
#[utoipa::path(get, path = "/metrics", tag = "health", operation_id = "metrics", responses(
    (status = 200, description = "Figures in the Prometheus text format", body = String, content_type = "text/plain"),
))]
pub(super) async fn render(State(state): State<ApiState>) -> Result<impl IntoResponse, Problem> {
    let mut text = state.metrics.render();
    let health = state.control.health();
    let mut ready = Gauge::new(metric::READY);
    ready.set(&[], if health.ready && !health.draining { 1.0 } else { 0.0 });
    ready.write(&mut text);
    queue(&state, &mut text);
    detectors(&state, &mut text);
    webhooks(&state, &mut text).await?;
    targets(&state, &mut text).await?;
    agents(&state, &mut text).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn queue(state: &ApiState, text: &mut String) {
    let queue = state.control.queue();
    let age = queue.due_since.map_or(0.0, |since| state.clock.now().since(since).as_secs_f64());
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    for (metric, value) in [
        (metric::EVENTS_WAITING, count(queue.waiting)),
        (metric::EVENTS_WAITING_LIMIT, count(queue.limit)),
        (metric::EVENTS_OLDEST, age),
    ] {
        let mut gauge = Gauge::new(metric);
        gauge.set(&[], value);
        gauge.write(text);
    }
}

fn detectors(state: &ApiState, text: &mut String) {
    let mut succeeded = Gauge::new(metric::DETECTOR_SUCCEEDED);
    let mut failing = Gauge::new(metric::DETECTOR_FAILING);
    for (name, standing) in state.detectors.options.board.all() {
        // Seconds up to the year 6000 are exact.
        #[expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^53")]
        succeeded.set_if_known(&[name.as_str()], standing.succeeded_at.map(|at| at.0 as f64 / 1_000.0));
        failing.set(&[name.as_str()], if standing.failing.is_some() { 1.0 } else { 0.0 });
    }
    succeeded.write(text);
    failing.write(text);
}

async fn webhooks(state: &ApiState, text: &mut String) -> Result<(), Problem> {
    let mut behind = Gauge::new(metric::WEBHOOK_BEHIND);
    let mut failing = Gauge::new(metric::WEBHOOK_FAILING);
    let (newest, webhooks) = super::webhooks::all(state).await?;
    for (name, progress) in webhooks {
        let distance = newest.saturating_sub(progress.position);
        behind.set(&[name.as_str()], f64::from(u32::try_from(distance).unwrap_or(u32::MAX)));
        failing.set(&[name.as_str()], if progress.failing.is_some() { 1.0 } else { 0.0 });
    }
    behind.write(text);
    failing.write(text);
    Ok(())
}

async fn targets(state: &ApiState, text: &mut String) -> Result<(), Problem> {
    let halts = state.control.halts().await?;
    let mut phase = Gauge::new(metric::TARGET_PHASE);
    let mut rate = Gauge::new(metric::TARGET_RATE);
    let mut verified = Gauge::new(metric::TARGET_VERIFIED);
    let mut halted = Gauge::new(metric::TARGET_HALTED);
    for target in state.store.targets().await? {
        let name = target.name.as_str();
        phase.set(&[name, target.phase.as_str()], 1.0);
        rate.set_if_known(&[name], target.rate_rps);
        verified.set_if_known(&[name], target.verified_rps);
    }
    for target in state.target_names().await? {
        let is_halted = halts.contains(&None) || halts.contains(&Some(target.clone()));
        halted.set(&[target.as_str()], if is_halted { 1.0 } else { 0.0 });
    }
    for gauge in [phase, rate, verified, halted] {
        gauge.write(text);
    }
    Ok(())
}

async fn agents(state: &ApiState, text: &mut String) -> Result<(), Problem> {
    let mut connected = Gauge::new(metric::AGENT_CONNECTED);
    let mut rate = Gauge::new(metric::AGENT_RATE);
    let mut passed = Gauge::new(metric::AGENT_PASSED);
    let mut refused = Gauge::new(metric::AGENT_REFUSED);
    let names: Vec<TargetName> = state.target_names().await?;
    for agent in names.iter().flat_map(|target| state.dispatcher.agents(target)) {
        let labels = [agent.target.as_str(), agent.id.as_str()];
        connected.set(&labels, if agent.connected { 1.0 } else { 0.0 });
        rate.set_if_known(&labels, agent.rate_rps);
        passed.set(&labels, agent.passed_rps);
        refused.set(&labels, agent.refused_rps);
    }
    for gauge in [connected, rate, passed, refused] {
        gauge.write(text);
    }
    Ok(())
}

/// One gauge with all its lines.
#[derive(Debug)]
struct Gauge {
    metric: Metric,
    lines: String,
}

impl Gauge {
    fn new(metric: Metric) -> Self {
        Self { metric, lines: String::new() }
    }

    fn set(&mut self, values: &[&str], value: f64) {
        let labels: Vec<_> = self
            .metric
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // Writing to a string cannot fail.
        let _ = writeln!(self.lines, "{}{labels} {value}", self.metric.name);
    }

    fn set_if_known(&mut self, values: &[&str], value: Option<f64>) {
        if let Some(value) = value {
            self.set(values, value);
        }
    }

    /// Nothing where there are no lines.
    fn write(self, text: &mut String) {
        if !self.lines.is_empty() {
            let Metric { name, kind, help, .. } = self.metric;
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n{}\n", kind.as_str(), self.lines);
        }
    }
}

/// A label's value as the text format demands it.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
