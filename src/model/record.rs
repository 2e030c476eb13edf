//! What a load test found, kept for as long as it is true.

use serde::{Deserialize, Serialize};

use super::objective::Objective;
use super::target::TargetSettings;
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{RunId, Signature, TargetName};

/// The verified maximum throughput of one signature under stated conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub target: TargetName,
    pub signature: Signature,
    #[serde(flatten)]
    pub measurement: Measurement,
    pub conditions: Conditions,
    /// The run that measured it.
    pub run: RunId,
    pub recorded_at: Timestamp,
}

/// What a capacity search found: what `pressure.measure` returns and `recorder.save` takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The highest verified rate, live traffic included.
    pub max_rps: f64,
    /// The true maximum lies between these, as far as the trials can tell.
    pub interval_rps: [f64; 2],
    /// Why the search ended, and what its figure means.
    pub verdict: Verdict,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// Requests sent by the load test itself.
    pub requests: u64,
    /// Why the search ended before it knew more than a lower bound; `None` where the bound is the highest rate allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Every trial in the order it was run: the latency-against-rate curve.
    pub curve: Vec<Trial>,
}

/// What ended a search early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Its time was used up.
    Time,
    /// Its requests were used up.
    Requests,
    /// Its window closed.
    Window,
    /// Rates that had passed failed again and again.
    Unsteady,
    /// Service times scatter so much, with so few to serve, that no trial of reasonable length tells more.
    Scatter,
    /// The target did not come back to its baseline after a failed trial.
    NotRecovered,
    /// Trial after trial, more than half of the answers were errors.
    ErrorBursts,
    /// The target's health check failed under load.
    Unhealthy,
    /// Trial after trial, the generator could not keep its schedule, or live traffic was not known.
    Invalid,
    /// Someone stopped it.
    Told,
}

impl Stopped {
    /// What happened, as the second half of a sentence.
    pub fn because(self) -> &'static str {
        match self {
            Self::Time => "its time was used up",
            Self::Requests => "its requests were used up",
            Self::Window => "its window closed",
            Self::Unsteady => "rates that had passed failed again and again",
            Self::Scatter => "service times scatter too much, with too few to serve, for trials to tell more",
            Self::NotRecovered => "the target did not come back to its baseline after a failed trial",
            Self::ErrorBursts => "trial after trial, more than half of the answers were errors",
            Self::Unhealthy => "the health check failed",
            Self::Invalid => "the generator could not keep its schedule, or live traffic was not known",
            Self::Told => "it was told to stop",
        }
    }
}

/// What a measurement's figure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// `max_rps` met the objective in a confirming trial, and a rate just above did not.
    Confirmed,
    /// `max_rps` met the objective; the search was stopped by a limit before an upper bound was found.
    LowerBound,
}

/// One period of constant rate, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Offered rate: the test's own and the live traffic's.
    pub rate_rps: f64,
    /// The live traffic's part of it.
    pub live_rps: f64,
    pub duration_ms: u64,
    /// Requests of the test's own.
    pub requests: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub error_rate: f64,
    /// How late the generator itself sent, 99th percentile.
    pub lateness_p99_ms: f64,
    pub verdict: TrialVerdict,
}

/// What one trial says about its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialVerdict {
    Pass,
    Fail,
    /// The generator was late or did not reach the rate: says nothing about the target.
    Invalid,
}

/// What else was so when the record was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    pub objective: Objective,
    pub live_traffic: LiveTraffic,
    /// The endpoint that was tested, without credentials.
    pub endpoint: String,
    /// Names what was sent to it; `None`: `GET`, evenly spaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sends: Option<Digest>,
}

impl Conditions {
    /// The conditions under which a target would be measured today; `None` where it cannot be.
    pub fn of(settings: &TargetSettings) -> Option<Self> {
        let measure = settings.measure.as_ref()?;
        Some(Self {
            objective: settings.slo,
            live_traffic: measure.live_traffic,
            endpoint: without_credentials(&measure.endpoint),
            sends: measure.load.digest(),
        })
    }
}

/// A URL without the user and password that it may hold.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// What the agents send while a load test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveTraffic {
    /// What they pass is added to the test's own rate.
    Count,
    /// They are held at the floor first, and what they pass is added.
    Hold,
    /// No agent feeds the tested endpoint.
    Isolated,
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_are_taken_out_of_a_url() {
        for (url, without) in [
            ("http://user:secret@host:80/a@b?c=d@e", "http://host:80/a@b?c=d@e"),
            ("http://a@b@host", "http://host"),
            ("http://host/", "http://host/"),
            ("http://host?at=@", "http://host?at=@"),
            ("no url", "no url"),
        ] {
            assert_eq!(without_credentials(url), without);
        }
    }
}
