//! A Prometheus is asked the same query again and again, and what holds of a series is told.
//!
//! Each series of an instant query's result is looked at for itself. One that is gone, or whose value is no number, is one of
//! which nothing holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::expressions::{Carried, Expression, env};
use super::fetch::Fetcher;
use super::{Detector, Failure, Opened, Sight};
use crate::base::id::TargetName;
use crate::model::detector::{DetectorSettings, PrometheusSettings, prometheus_names};
use crate::model::schema::JsonMap;

/// Most series of a result: a query that gives more is not meant for this.
const MOST: usize = 500;

#[derive(Debug)]
struct Server {
    settings: PrometheusSettings,
    target: Option<TargetName>,
    target_label: Option<String>,
    timeout: Duration,
    when: Expression,
    fetcher: Fetcher,
}

pub(super) fn open(
    settings: &DetectorSettings,
    watched: &PrometheusSettings,
    fetcher: Fetcher,
) -> Result<Opened, String> {
    let env = env(&prometheus_names());
    let server = Server {
        settings: watched.clone(),
        target: settings.target.clone(),
        target_label: settings.target_label.clone(),
        timeout: settings.timeout,
        when: Expression::new(&watched.when, &env)?,
        fetcher,
    };
    Ok((Box::new(server), Carried::new(&settings.data, &env)?))
}

/// As <https://prometheus.io/docs/prometheus/latest/querying/api/> has it.
#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Reply {
    Success {
        data: Data,
    },
    #[serde(rename_all = "camelCase")]
    Error {
        error_type: String,
        error: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Json,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// A moment and a number as text; missing where it is a histogram.
    value: Option<(f64, String)>,
}

#[async_trait]
impl Detector for Server {
    async fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let result = self.ask().await?;
        if result.len() > MOST {
            return Err(format!("the query gives {} series; more than {MOST} are not looked at", result.len()).into());
        }
        let mut known = BTreeSet::new();
        let mut seen = Vec::new();
        for Series { metric, value } in result {
            let Some((_, value)) = value else {
                return Err("the query gives histograms; take a value of them, as by `histogram_quantile`"
                    .to_owned()
                    .into());
            };
            let value: f64 = value.parse().map_err(|_| Failure::from(format!("`{value}` is no value of a sample")))?;
            let target = match &self.target_label {
                Some(label) => match metric.get(label).filter(|name| !name.is_empty()) {
                    Some(name) => Some(TargetName::from(name.as_str())),
                    None => return Err(format!("a series has no label `{label}` that would name its target").into()),
                },
                None => self.target.clone(),
            };
            let key = json!(metric).to_string();
            let mut names = JsonMap::new();
            // JSON has no infinity; what is compared with it is the same as with the largest number.
            names.insert("value".to_owned(), json!(value.clamp(f64::MIN, f64::MAX)));
            names.insert("labels".to_owned(), json!(metric));
            let holds = !value.is_nan() && self.when.value(&names)? == json!(true);
            if known.insert(key.clone()) {
                seen.push(Sight { key, target, state: holds.then_some(json!(true)), names });
            }
        }
        Ok(seen)
    }
}

impl Server {
    async fn ask(&self) -> Result<Vec<Series>, Failure> {
        let PrometheusSettings { url, query, headers, .. } = &self.settings;
        let url = format!("{}/api/v1/query", url.trim_end_matches('/'));
        let mut url = Url::parse(&url).map_err(|error| Failure::from(format!("the URL is wrong: {error}")))?;
        url.query_pairs_mut().append_pair("query", query);
        let headers = self.fetcher.headers(headers).await?;
        let answer = self.fetcher.ask(Method::GET, url.as_str(), headers, self.timeout).await?;
        let unlike = |error: serde_json::Error| format!("its answer is not that of a Prometheus: {error}");
        // What is wrong with a query is told beside a status that is no success.
        let reply = match (answer.json().map(serde_json::from_value), answer.status.is_success()) {
            (Ok(Ok(reply)), _) => reply,
            (_, false) => return Err(answer.failure()),
            (Ok(Err(error)), true) => return Err(unlike(error).into()),
            (Err(failure), true) => return Err(failure),
        };
        let data = match reply {
            Reply::Success { data } => data,
            Reply::Error { error_type, error } => {
                return Err(Failure {
                    why: format!("it refuses the query ({error_type}): {error}"),
                    ..answer.failure()
                });
            }
        };
        match data.result_type.as_str() {
            "vector" => serde_json::from_value(data.result).map_err(|error| unlike(error).into()),
            "scalar" => {
                let value = serde_json::from_value(data.result).map_err(unlike)?;
                Ok(vec![Series { metric: BTreeMap::new(), value: Some(value) }])
            }
            other => Err(format!("the query gives a {other}; it must give one value for each series").into()),
        }
    }
}
