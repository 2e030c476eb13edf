//! The engine as the demo speaks to it: over its public HTTP interface, like anybody else.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::story::DemoError;
use crate::runtime::ports::MeasureProgress;

/// A client of one engine.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    base: String,
    client: reqwest::Client,
}

/// A run as far as the demo shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RunNow {
    pub(super) status: String,
    pub(super) error: Option<String>,
    /// Name and state of every step so far.
    pub(super) steps: Vec<(String, String)>,
    pub(super) measuring: Option<MeasureProgress>,
}

impl RunNow {
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "waiting" | "running" | "")
    }
}

/// What became of an event once it was routed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    Run(String),
    /// No rule matched; one line for each that looked at it.
    Nothing(Vec<String>),
}

impl Engine {
    pub(super) fn at(address: SocketAddr) -> Result<Self, DemoError> {
        // A second installation in the same process changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().map_err(DemoError::http)?;
        Ok(Self { base: format!("http://{address}"), client })
    }

    pub(super) fn url(&self) -> &str {
        &self.base
    }

    pub(super) async fn is_ready(&self) -> bool {
        self.client.get(format!("{}/readyz", self.base)).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Tells of a deployment; the event's id and how long the 202 took.
    pub(super) async fn announce(&self, target: &str, signature: &str) -> Result<(String, Duration), DemoError> {
        let id = uuid::Uuid::now_v7().to_string();
        let event = json!({
            "specversion": "1.0", "id": id, "source": SOURCE, "type": "DEPLOYMENT_CHANGE",
            "subject": target, "data": { "signature": signature },
        });
        let started = Instant::now();
        let answer = self
            .client
            .post(format!("{}/v1/events", self.base))
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string())
            .send()
            .await
            .map_err(DemoError::http)?;
        let took = started.elapsed();
        if answer.status() == reqwest::StatusCode::ACCEPTED {
            return Ok((id, took));
        }
        let status = answer.status();
        let body = answer.text().await.unwrap_or_default();
        Err(DemoError::Engine(format!("the engine answered {status} to an event: {body}")))
    }

    /// What became of an event; `None` while it is not routed.
    pub(super) async fn fate(&self, event: &str) -> Result<Option<Fate>, DemoError> {
        let found = self.get(&format!("/v1/events?source={SOURCE}&id={event}")).await?;
        let Some(outcome) = found.get("outcome").filter(|outcome| !outcome.is_null()) else { return Ok(None) };
        let rules = outcome.get("rules").and_then(Json::as_array).cloned().unwrap_or_default();
        let run = rules.iter().find_map(|rule| rule.get("run").and_then(Json::as_str));
        if let Some(run) = run {
            return Ok(Some(Fate::Run(run.to_owned())));
        }
        let lines =
            rules.iter().map(|rule| format!("{} {}", text(rule, "rule"), text(rule, "result").replace('_', " ")));
        Ok(Some(Fate::Nothing(lines.collect())))
    }

    pub(super) async fn run(&self, id: &str) -> Result<RunNow, DemoError> {
        let run = self.get(&format!("/v1/runs/{id}")).await?;
        let steps = run.get("steps").and_then(Json::as_array).cloned().unwrap_or_default();
        let measuring = run.pointer("/progress/progress").cloned();
        Ok(RunNow {
            status: text(&run, "status"),
            error: run.get("error").and_then(Json::as_str).map(str::to_owned),
            steps: steps.iter().map(|step| (text(step, "step"), text(step, "status"))).collect(),
            measuring: measuring.and_then(|progress| serde_json::from_value(progress).ok()),
        })
    }

    pub(super) async fn phase(&self, target: &str) -> Result<String, DemoError> {
        Ok(text(&self.get(&format!("/v1/targets/{target}")).await?, "phase"))
    }

    /// The maximum on record for a signature.
    pub(super) async fn recorded(&self, target: &str, signature: &str) -> Result<Option<f64>, DemoError> {
        let found = self.get(&format!("/v1/records?target={target}&signature={signature}")).await?;
        Ok(found.pointer("/records/0/max_rps").and_then(Json::as_f64))
    }

    /// Every agent's id and rate, if it is connected.
    pub(super) async fn agents(&self, target: &str) -> Result<Vec<(String, Option<f64>)>, DemoError> {
        let found = self.get(&format!("/v1/agents?target={target}")).await?;
        let agents = found.get("agents").and_then(Json::as_array).cloned().unwrap_or_default();
        let connected = agents.iter().filter(|agent| agent.get("connected") == Some(&Json::Bool(true)));
        Ok(connected.map(|agent| (text(agent, "id"), agent.get("rate_rps").and_then(Json::as_f64))).collect())
    }

    async fn get(&self, path: &str) -> Result<Json, DemoError> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.map_err(DemoError::http)?;
        let status = answer.status();
        if !status.is_success() {
            let body = answer.text().await.unwrap_or_default();
            return Err(DemoError::Engine(format!("the engine answered {status} to `{path}`: {body}")));
        }
        answer.json().await.map_err(DemoError::http)
    }
}

/// Who says that the deployments changed.
const SOURCE: &str = "homeostat-demo";

fn text(json: &Json, field: &str) -> String {
    json.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
}
