//! The Deployments of a Kubernetes namespace are listed and watched, and a new one that is rolled out is told.
//!
//! As the API concepts of Kubernetes have it: a list gives a resource version, a watch from there gives what has changed, and
//! bookmarks that tell how far it has come. Where the API has forgotten that version (`410 Gone`) it is listed again.
//! A Deployment that is being rolled out is still what it was before.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, Method, StatusCode};
use reqwest::Url;
use serde_json::Value as Json;

use super::expressions::{Carried, Expression, env, with_value};
use super::fetch::{Fetcher, LONGEST};
use super::{Detector, Failure, Opened, Sight};
use crate::base::id::TargetName;
use crate::model::detector::{DetectorSettings, KubernetesSettings, kubernetes_names};
use crate::model::schema::{JsonMap, Shape};
use crate::service::outbound::chain;

/// Deployments of one answer to a list: it must not be longer than what is read.
const PAGE: &str = "25";
/// Most Deployments that are watched.
const MOST: usize = 500;

#[derive(Debug)]
struct Cluster {
    settings: KubernetesSettings,
    target: Option<TargetName>,
    target_label: Option<String>,
    /// How long a look waits for a change.
    patience: Duration,
    timeout: Duration,
    value: Expression,
    fetcher: Fetcher,
    /// What is known since the last list.
    known: Option<Known>,
    /// The watch that goes on from there.
    watch: Option<Watch>,
}

/// What a list and the changes since gave.
#[derive(Debug)]
struct Known {
    version: String,
    /// By name.
    deployments: BTreeMap<String, Sight>,
}

#[derive(Debug)]
struct Watch {
    response: reqwest::Response,
    /// The beginning of a line.
    rest: Vec<u8>,
}

/// What a line of a watch came to.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Changed,
    Nothing,
    /// The version is forgotten.
    Gone,
}

pub(super) fn open(
    settings: &DetectorSettings,
    watched: &KubernetesSettings,
    fetcher: Fetcher,
) -> Result<Opened, String> {
    let cluster = Cluster {
        settings: watched.clone(),
        target: settings.target.clone(),
        target_label: settings.target_label.clone(),
        patience: settings.every,
        timeout: settings.timeout,
        value: Expression::new(&watched.value, &env(&kubernetes_names()))?,
        fetcher,
        known: None,
        watch: None,
    };
    let carried = Carried::new(&settings.data, &env(&with_value(kubernetes_names(), Shape::Any)))?;
    Ok((Box::new(cluster), carried))
}

#[async_trait]
impl Detector for Cluster {
    async fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let looked = match self.known.take() {
            None => self.list().await,
            Some(known) => self.follow(known).await,
        };
        if looked.is_err() {
            self.watch = None;
        }
        let known = looked?;
        let sights = known.deployments.values().cloned().collect();
        self.known = Some(known);
        Ok(sights)
    }
}

impl Cluster {
    async fn list(&mut self) -> Result<Known, Failure> {
        self.watch = None;
        let mut known = Known { version: String::new(), deployments: BTreeMap::new() };
        let mut page = String::new();
        loop {
            let mut more = vec![("limit", PAGE)];
            if !page.is_empty() {
                more.push(("continue", page.as_str()));
            }
            let (url, headers) = self.request(&more).await?;
            let answer = self.fetcher.ask(Method::GET, url.as_str(), headers, self.timeout).await?.successful()?;
            let mut list = answer.json()?;
            text(&list, "/metadata/resourceVersion")?.clone_into(&mut known.version);
            for deployment in list.get_mut("items").and_then(Json::as_array_mut).map(std::mem::take).unwrap_or_default()
            {
                self.put(&mut known, deployment)?;
            }
            list.pointer("/metadata/continue").and_then(Json::as_str).unwrap_or_default().clone_into(&mut page);
            if page.is_empty() {
                return Ok(known);
            }
        }
    }

    /// Waits for a change, but not for long.
    async fn follow(&mut self, mut known: Known) -> Result<Known, Failure> {
        let mut watch = match self.watch.take() {
            Some(watch) => watch,
            None => match self.watch(&known.version).await? {
                Some(watch) => watch,
                None => return self.list().await,
            },
        };
        let until = tokio::time::Instant::now() + self.patience;
        loop {
            match tokio::time::timeout_at(until, watch.response.chunk()).await {
                // Nothing has changed.
                Err(_) => break,
                Ok(Ok(Some(chunk))) => watch.rest.extend_from_slice(&chunk),
                // The API ends a watch every now and then; the next one goes on from there.
                Ok(Ok(None)) => return Ok(known),
                Ok(Err(error)) => {
                    let why = chain(&error.without_url());
                    tracing::debug!("a watch was cut off, and another one goes on: {why}");
                    return Ok(known);
                }
            }
            let mut changed = false;
            while let Some(end) = watch.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = watch.rest.drain(..=end).collect();
                match self.line(&mut known, line.trim_ascii())? {
                    Line::Gone => return self.list().await,
                    Line::Changed => changed = true,
                    Line::Nothing => {}
                }
            }
            if watch.rest.len() > LONGEST {
                return Err(format!("a line of the watch is longer than {LONGEST} bytes").into());
            }
            if changed {
                break;
            }
        }
        self.watch = Some(watch);
        Ok(known)
    }

    /// Begins to watch; `None`: the version is forgotten.
    async fn watch(&self, version: &str) -> Result<Option<Watch>, Failure> {
        // The API ends it a little before the client would.
        let seconds = self.patience.as_secs().saturating_mul(10).clamp(60, 3_600);
        let text = seconds.to_string();
        let (url, headers) = self
            .request(&[
                ("watch", "1"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", version),
                ("timeoutSeconds", text.as_str()),
            ])
            .await?;
        let limit = Duration::from_secs(seconds) + self.timeout;
        let response = self.fetcher.open(url.as_str(), headers, limit, self.timeout).await?;
        match response.status() {
            StatusCode::GONE => Ok(None),
            status if status.is_success() => Ok(Some(Watch { response, rest: Vec::new() })),
            status => Err(format!("it answered {status}").into()),
        }
    }

    async fn request(&self, more: &[(&str, &str)]) -> Result<(Url, HeaderMap), Failure> {
        let KubernetesSettings { url, namespace, selector, headers, .. } = &self.settings;
        let url = format!("{}/apis/apps/v1/namespaces/{namespace}/deployments", url.trim_end_matches('/'));
        let mut url = Url::parse(&url).map_err(|error| Failure::from(format!("the URL is wrong: {error}")))?;
        if let Some(selector) = selector {
            url.query_pairs_mut().append_pair("labelSelector", selector);
        }
        url.query_pairs_mut().extend_pairs(more);
        Ok((url, self.fetcher.headers(headers).await?))
    }

    /// Takes one line of a watch in.
    fn line(&self, known: &mut Known, line: &[u8]) -> Result<Line, Failure> {
        if line.is_empty() {
            return Ok(Line::Nothing);
        }
        let mut event: Json =
            serde_json::from_slice(line).map_err(|error| format!("a line of the watch is no JSON: {error}"))?;
        let object = event.get_mut("object").map(Json::take).unwrap_or_default();
        let kind = event.get("type").and_then(Json::as_str).unwrap_or_default();
        if kind == "ERROR" {
            if object.get("code").and_then(Json::as_u64) == Some(410) {
                return Ok(Line::Gone);
            }
            let message = object.get("message").and_then(Json::as_str).unwrap_or("it does not say why");
            return Err(format!("the watch ended: {message}").into());
        }
        text(&object, "/metadata/resourceVersion")?.clone_into(&mut known.version);
        match kind {
            "ADDED" | "MODIFIED" => self.put(known, object)?,
            "DELETED" => {
                known.deployments.remove(text(&object, "/metadata/name")?);
            }
            // A bookmark tells how far it has come, and that is all.
            _ => return Ok(Line::Nothing),
        }
        Ok(Line::Changed)
    }

    fn put(&self, known: &mut Known, deployment: Json) -> Result<(), Failure> {
        let name = text(&deployment, "/metadata/name")?.to_owned();
        if !is_rolled_out(&deployment) {
            return Ok(());
        }
        let target = match &self.target_label {
            Some(label) => match deployment.pointer("/metadata/labels").and_then(|labels| labels.get(label)) {
                Some(Json::String(name)) if !name.is_empty() => Some(TargetName::from(name.as_str())),
                _ => {
                    return Err(
                        format!("the Deployment `{name}` has no label `{label}` that would name its target").into()
                    );
                }
            },
            None => self.target.clone(),
        };
        let mut names = JsonMap::from_iter([("deployment".to_owned(), deployment)]);
        let value = self.value.value(&names).map_err(|why| Failure::from(format!("the Deployment `{name}`: {why}")))?;
        names.insert("value".to_owned(), value.clone());
        known.deployments.insert(name.clone(), Sight { key: name, target, state: Some(value), names });
        if known.deployments.len() > MOST {
            return Err(format!("there are more than {MOST} Deployments; choose among them by `selector`").into());
        }
        Ok(())
    }
}

/// Whether what is wanted is what runs, as `kubectl rollout status` has it.
fn is_rolled_out(deployment: &Json) -> bool {
    let number = |path: &str| deployment.pointer(path).and_then(Json::as_u64);
    let of = |name: &str| number(&format!("/status/{name}")).unwrap_or(0);
    let wanted = number("/spec/replicas").unwrap_or(1);
    of("observedGeneration") >= number("/metadata/generation").unwrap_or(0)
        && of("updatedReplicas") >= wanted
        && of("replicas") <= of("updatedReplicas")
        && of("availableReplicas") >= of("updatedReplicas")
}

fn text<'a>(object: &'a Json, path: &str) -> Result<&'a str, Failure> {
    let found = object.pointer(path).and_then(Json::as_str);
    found.ok_or_else(|| format!("its answer is not that of a Kubernetes API: it has no `{path}`").into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_is_over_when_all_that_is_wanted_is_there_and_nothing_else() {
        let deployment = |generation: u64, [observed, replicas, updated, available]: [u64; 4]| {
            json!({
                "metadata": { "generation": generation }, "spec": { "replicas": 3 },
                "status": {
                    "observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated,
                    "availableReplicas": available,
                },
            })
        };
        assert!(is_rolled_out(&deployment(2, [2, 3, 3, 3])));
        for status in [[1, 3, 3, 3], [2, 3, 2, 3], [2, 4, 3, 3], [2, 3, 3, 2], [2, 0, 0, 0]] {
            assert!(!is_rolled_out(&deployment(2, status)), "{status:?}");
        }
        assert!(is_rolled_out(
            &json!({ "metadata": { "generation": 1 }, "spec": { "replicas": 0 }, "status": { "observedGeneration": 1 } })
        ));
        assert!(!is_rolled_out(&json!({})));
    }
}
