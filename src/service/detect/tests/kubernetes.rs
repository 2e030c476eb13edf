//! A served API that behaves as Kubernetes documents it: lists in pages, watches, bookmarks, and versions that are forgotten.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::broadcast;

use super::*;
use crate::service::detect::Detector;

/// An API server with the Deployments of one namespace.
#[derive(Clone, Debug)]
struct Api {
    state: Arc<Mutex<Cluster>>,
    lines: broadcast::Sender<String>,
}

#[derive(Debug, Default)]
struct Cluster {
    version: u64,
    deployments: BTreeMap<String, Json>,
    /// What was asked, in order.
    asked: Vec<String>,
    /// Versions before it are forgotten.
    oldest: u64,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    watch: String,
    resource_version: String,
    label_selector: String,
    #[serde(rename = "continue")]
    next: String,
    allow_watch_bookmarks: String,
}

impl Api {
    async fn start() -> (Self, String) {
        let api = Self { state: Arc::default(), lines: broadcast::channel(100).0 };
        let path = "/apis/apps/v1/namespaces/shop/deployments";
        let url = serve(Router::new().route(path, get(deployments)).with_state(api.clone())).await;
        (api, url)
    }

    /// A Deployment becomes that image; `updated` of its two replicas run it.
    fn roll(&self, name: &str, image: &str, updated: u64) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        let deployment = json!({
            "metadata": {
                "name": name, "generation": 2, "resourceVersion": state.version.to_string(), "labels": { "app": name },
            },
            "spec": { "replicas": 2, "template": { "spec": { "containers": [{ "name": "a", "image": image }] } } },
            "status": { "observedGeneration": 2, "replicas": 2, "updatedReplicas": updated, "availableReplicas": updated },
        });
        let known = state.deployments.insert(name.to_owned(), deployment.clone()).is_some();
        let kind = if known { "MODIFIED" } else { "ADDED" };
        let _ = self.lines.send(json!({ "type": kind, "object": deployment }).to_string());
    }

    fn delete(&self, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        let mut deployment = state.deployments.remove(name).unwrap();
        deployment["metadata"]["resourceVersion"] = state.version.to_string().into();
        let _ = self.lines.send(json!({ "type": "DELETED", "object": deployment }).to_string());
    }

    /// Tells watchers how far they have come, without a change.
    fn bookmark(&self, version: u64) {
        self.state.lock().unwrap().version = version;
        let object = json!({ "kind": "Deployment", "metadata": { "resourceVersion": version.to_string() } });
        let _ = self.lines.send(json!({ "type": "BOOKMARK", "object": object }).to_string());
    }

    fn say(&self, line: &Json) {
        let _ = self.lines.send(line.to_string());
    }

    /// Ends all watches.
    fn end(&self) {
        let _ = self.lines.send(String::new());
    }

    fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        state.oldest = state.version;
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    async fn watched(&self) {
        eventually(async || self.lines.receiver_count() > 0).await;
    }
}

async fn deployments(State(api): State<Api>, Query(asked): Query<Asked>) -> Response {
    assert_eq!(asked.label_selector, "tier in (front)");
    let mut state = api.state.lock().unwrap();
    if asked.watch.is_empty() {
        state.asked.push(format!("list{}", asked.next));
        // Pages of one.
        let at: usize = asked.next.parse().unwrap_or(0);
        let items: Vec<_> = state.deployments.values().skip(at).take(1).cloned().collect();
        let more = if at + 1 < state.deployments.len() { (at + 1).to_string() } else { String::new() };
        let metadata = json!({ "resourceVersion": state.version.to_string(), "continue": more });
        return axum::Json(json!({ "kind": "DeploymentList", "metadata": metadata, "items": items })).into_response();
    }
    state.asked.push(format!("watch {}", asked.resource_version));
    assert_eq!(asked.allow_watch_bookmarks, "true");
    if asked.resource_version.parse::<u64>().unwrap() < state.oldest {
        let status =
            json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version" });
        return (StatusCode::GONE, axum::Json(status)).into_response();
    }
    let lines = api.lines.subscribe();
    drop(state);
    let stream = futures_util::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await.ok().filter(|line| !line.is_empty())?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(format!("{line}\n"))), lines))
    });
    Body::from_stream(stream).into_response()
}

fn watcher(url: &str, more: &str) -> Box<dyn Detector> {
    let text = format!(
        "kind: kubernetes, url: '{url}', namespace: shop, selector: 'tier in (front)', target_label: app, {more}"
    );
    let senses = Senses::new(AllowedHosts::loopback(), Arc::new(Kept));
    senses.open(&read(&text, "cluster")).unwrap().unwrap().0
}

async fn seen(watcher: &mut Box<dyn Detector>) -> Vec<(String, Json)> {
    let sights = watcher.look().await.unwrap().into_iter();
    sights.map(|sight| (sight.target.unwrap().to_string(), sight.state.unwrap())).collect()
}

fn state(name: &str, image: &str) -> (String, Json) {
    (name.to_owned(), json!(image))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployments_are_listed_then_watched_and_told_when_they_are_rolled_out() {
    let (api, url) = Api::start().await;
    api.roll("cart", "cart:1", 2);
    api.roll("pay", "pay:1", 2);
    let mut watcher = watcher(&url, "every: 10s");
    assert_eq!(seen(&mut watcher).await, [state("cart", "cart:1"), state("pay", "pay:1")]);
    assert_eq!(api.asked(), ["list", "list1"]);
    let other = api.clone();
    let rolling = tokio::spawn(async move {
        other.watched().await;
        other.roll("cart", "cart:2", 1);
    });
    // Under way it is what it was; the very next line may be in the same look or in the next one.
    assert_eq!(seen(&mut watcher).await[0], state("cart", "cart:1"));
    rolling.await.unwrap();
    api.roll("cart", "cart:2", 2);
    assert_eq!(seen(&mut watcher).await[0], state("cart", "cart:2"));
    api.delete("pay");
    assert_eq!(seen(&mut watcher).await, [state("cart", "cart:2")]);
    assert_eq!(api.asked(), ["watch 2"], "one watch for all of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_ends_goes_on_from_the_last_bookmark() {
    let (api, url) = Api::start().await;
    api.roll("cart", "cart:1", 2);
    let mut watcher = watcher(&url, "every: 10s");
    seen(&mut watcher).await;
    let other = api.clone();
    let ending = tokio::spawn(async move {
        other.watched().await;
        other.bookmark(17);
        other.end();
    });
    assert_eq!(seen(&mut watcher).await, [state("cart", "cart:1")]);
    ending.await.unwrap();
    let other = api.clone();
    let rolling = tokio::spawn(async move {
        other.watched().await;
        other.roll("cart", "cart:2", 2);
    });
    assert_eq!(seen(&mut watcher).await, [state("cart", "cart:2")]);
    rolling.await.unwrap();
    assert_eq!(api.asked(), ["list", "watch 1", "watch 17"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_has_forgotten_is_listed_again() {
    let (api, url) = Api::start().await;
    api.roll("cart", "cart:1", 2);
    let mut watcher = watcher(&url, "every: 10s");
    seen(&mut watcher).await;
    // By the answer's status.
    api.forget();
    api.roll("cart", "cart:2", 2);
    assert_eq!(seen(&mut watcher).await, [state("cart", "cart:2")]);
    assert_eq!(api.asked(), ["list", "watch 1", "list"]);
    // And in the middle of a watch.
    let other = api.clone();
    let ending = tokio::spawn(async move {
        other.watched().await;
        other.state.lock().unwrap().deployments.clear();
        other.say(&json!({ "type": "ERROR", "object": { "kind": "Status", "code": 410, "message": "too old" } }));
    });
    assert_eq!(seen(&mut watcher).await, []);
    ending.await.unwrap();
    assert_eq!(api.asked(), ["watch 3", "list"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_told_and_it_begins_anew() {
    let (api, url) = Api::start().await;
    api.roll("cart", "cart:1", 2);
    let mut watcher = watcher(&url, "every: 10s");
    seen(&mut watcher).await;
    let other = api.clone();
    let ending = tokio::spawn(async move {
        other.watched().await;
        other.say(&json!({ "type": "ERROR", "object": { "kind": "Status", "code": 500, "message": "etcd is away" } }));
    });
    assert_eq!(watcher.look().await.unwrap_err().why, "the watch ended: etcd is away");
    ending.await.unwrap();
    assert_eq!(seen(&mut watcher).await, [state("cart", "cart:1")]);
    assert_eq!(api.asked(), ["list", "watch 1", "list"]);
    let nowhere = serve(Router::new()).await;
    let text = format!("kind: kubernetes, url: '{nowhere}', namespace: shop, target: checkout");
    assert_eq!(why(&read(&text, "cluster")).await, "it answered 404 Not Found");
}
