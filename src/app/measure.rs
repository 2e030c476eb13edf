//! One load test from the command line: a URL and an objective become a measurement, without an engine or a configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use tokio_util::sync::CancellationToken;

use super::AppError;
use crate::base::clock::SystemClock;
use crate::base::id::TargetName;
use crate::diagnostic::Code;
use crate::model::load::LoadSettings;
use crate::model::network::AllowedHosts;
use crate::model::objective::Objective;
use crate::model::record::LiveTraffic;
use crate::model::strategy::StrategySettings;
use crate::model::target::{MeasureLimits, MeasureSettings, Mode, OnExpiry, RateSettings, TargetSettings};
use crate::service::pressure::alone;

pub use crate::runtime::ports::MeasureProgress;
pub use crate::service::pressure::alone::Report;

/// What messages of a load test call a setting, and the option that it is here.
const OPTIONS: [(&str, &str); 8] = [
    ("`limits.time`", "`--time`"),
    ("`limits.requests`", "`--requests`"),
    ("`limits.max_rate`", "`--max-rate`"),
    ("`measure.trial_time`", "`--trial-time`"),
    ("`measure.endpoint`", "the URL"),
    ("`measure.health`", "`--health`"),
    ("`measure.tls.ca`", "`--ca`"),
    ("`measure.http: auto`", "`--http auto`"),
];

/// What to measure, and how far to go.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureUrl {
    pub url: String,
    /// Asked several times a second during the test; on a host of its own or the same.
    pub health: Option<String>,
    pub objective: Objective,
    pub max_rate_rps: f64,
    pub time: Duration,
    pub requests: u64,
    /// A request that takes longer has failed.
    pub request_timeout: Duration,
    pub trial_time: Duration,
    /// How close the bounds must come, as a share of the upper one.
    pub precision: f64,
    /// What is sent.
    pub load: LoadSettings,
}

/// Measures. `look` is told how far it is; when `stop` is cancelled not another request is sent.
///
/// The host of the URL, and that of the health check, are the only ones that are allowed, and of their addresses only those that they have now: a name that comes
/// to point elsewhere during the test leads nowhere.
///
/// # Errors
/// The URL is none, or its host has no address.
pub async fn measure(
    order: &MeasureUrl,
    stop: CancellationToken,
    look: impl FnMut(&MeasureProgress),
) -> Result<Report, AppError> {
    let (host, mut addresses) = resolve(&order.url).await?;
    if let Some(health) = &order.health {
        addresses.extend(resolve(health).await?.1);
    }
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let allowed = AllowedHosts::parse(addresses.iter().map(String::as_str)).map_err(AppError::internal)?;
    let measure = MeasureSettings {
        calendar: crate::model::calendar::Calendar::default(),
        endpoint: order.url.clone(),
        health: order.health.clone(),
        live_traffic: LiveTraffic::Isolated,
        limits: MeasureLimits { max_rate_rps: order.max_rate_rps, time: order.time, requests: order.requests },
        request_timeout: order.request_timeout,
        trial_time: order.trial_time,
        trial_requests: 300,
        precision: order.precision,
        load: order.load.clone(),
    };
    let settings = TargetSettings {
        name: TargetName::from(host.as_str()),
        mode: Mode::Enforce,
        labels: BTreeMap::new(),
        slo: order.objective,
        rate: RateSettings {
            initial_rps: 0.0,
            floor_rps: 0.0,
            ceiling_rps: order.max_rate_rps,
            interim: 1.0,
            max_step: None,
            time_to_live: Duration::from_secs(30),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::headroom(0.0),
        measure: None,
        push_agents: Vec::new(),
        detect: crate::model::target::DetectSettings::default(),
    };
    let mut report = alone::measure(&SystemClock, &settings, &measure, allowed, stop, look).await;
    if let Err(error) = &mut report.result {
        for (setting, option) in OPTIONS {
            error.message = error.message.replace(setting, option);
        }
    }
    Ok(report)
}

/// The host of a URL as it is written, and the addresses that it has.
async fn resolve(url: &str) -> Result<(String, Vec<IpAddr>), AppError> {
    let wrong = |why: String| AppError::Failed {
        code: Code::Usage,
        message: why,
        help: Some("give a URL like `http://127.0.0.1:8080/path`".to_owned()),
    };
    let uri: Uri = url.parse().map_err(|error| wrong(format!("`{url}` is not a URL: {error}")))?;
    let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(wrong(format!("`{url}` is not a URL")));
    };
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, uri.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| wrong(format!("`{host}` has no address: {error}")))?;
    Ok((host.to_owned(), found.map(|address| address.ip()).collect()))
}
