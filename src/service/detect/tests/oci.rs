//! A registry that behaves as the distribution specification says, with and without logins.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::json;

use super::*;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
/// The body whose SHA-256 that is.
const MANIFEST: &str = "test";

/// How a registry behaves.
#[derive(Clone, Debug, Default)]
struct Conduct {
    /// Which login it demands: `Bearer` or `Basic`.
    demands: Option<&'static str>,
    /// Whether its tokens need a password.
    needs_password: bool,
    /// It does not tell the digest by itself.
    is_silent: bool,
    /// Where tokens are given, if not by itself.
    realm: Option<String>,
}

#[derive(Clone, Debug)]
struct Registry {
    conduct: Conduct,
    url: Arc<Mutex<String>>,
    tokens: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    async fn start(conduct: Conduct) -> Self {
        let registry = Self { conduct, url: Arc::default(), tokens: Arc::default(), asked: Arc::default() };
        let router = Router::new()
            .route("/v2/shop/checkout/manifests/{tag}", any(manifest))
            .route("/token", get(token))
            .with_state(registry.clone());
        let url = serve(router).await;
        *registry.url.lock().unwrap() = url;
        registry
    }

    fn url(&self) -> String {
        self.url.lock().unwrap().clone()
    }

    fn detector(&self, more: &str) -> DetectorSettings {
        let host = self.url().replace("http://", "");
        read(&format!("kind: oci, image: '{host}/shop/checkout:stable', tls: off, target: checkout, {more}"), "image")
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn manifest(
    State(registry): State<Registry>,
    Path(tag): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let shown = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    registry.asked.lock().unwrap().push(format!("{method} {tag} {}", shown(header::AUTHORIZATION)));
    let current = format!("Bearer t{}", registry.tokens.load(Ordering::Relaxed));
    let is_in = match registry.conduct.demands {
        None => true,
        Some("Basic") => shown(header::AUTHORIZATION) == "Basic c2hvcDpodXNoLTQ3MTE=",
        Some(_) => shown(header::AUTHORIZATION) == current && current != "Bearer t0",
    };
    if !is_in {
        let url = registry.conduct.realm.clone().unwrap_or_else(|| format!("{}/token", registry.url()));
        let challenge = match registry.conduct.demands {
            Some("Basic") => "Basic realm=\"shop\"".to_owned(),
            _ => format!("Bearer realm=\"{url}\",service=\"shop registry\",scope=\"repository:shop/checkout:pull\""),
        };
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "{}").into_response();
    }
    if tag != "stable" {
        return StatusCode::NOT_FOUND.into_response();
    }
    assert!(shown(header::ACCEPT).contains("application/vnd.oci.image.index.v1+json"));
    let mut answer = MANIFEST.into_response();
    if !registry.conduct.is_silent {
        answer.headers_mut().insert("docker-content-digest", DIGEST.parse().unwrap());
    }
    answer
}

#[derive(serde::Deserialize)]
struct Asked {
    service: String,
    scope: String,
}

async fn token(State(registry): State<Registry>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    assert_eq!((asked.service.as_str(), asked.scope.as_str()), ("shop registry", "repository:shop/checkout:pull"));
    let is_in = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Basic c2hvcDpodXNoLTQ3MTE=");
    if registry.conduct.needs_password && !is_in {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let number = registry.tokens.fetch_add(1, Ordering::Relaxed) + 1;
    axum::Json(json!({ "token": format!("t{number}"), "expires_in": 300 })).into_response()
}

const LOGIN: &str = "username: shop, password: '${secret.TOKEN}'";

#[tokio::test]
async fn the_digest_of_a_tag_is_watched() {
    let registry = Registry::start(Conduct::default()).await;
    let settings = registry.detector("timeout: 5s");
    let seen = one(&settings).await;
    assert_eq!((seen.state.clone(), seen.target.clone()), (Some(json!(DIGEST)), Some("checkout".into())));
    assert_eq!(carried(&settings, &seen).unwrap(), json!({ "signature": DIGEST }));
    assert_eq!(registry.asked(), ["HEAD stable "]);
    let silent = Registry::start(Conduct { is_silent: true, ..Conduct::default() }).await;
    assert_eq!(one(&silent.detector("timeout: 5s")).await.state, Some(json!(DIGEST)), "it is that of the bytes");
}

#[tokio::test]
async fn a_token_is_asked_for_where_it_is_demanded_and_kept_while_it_holds() {
    let registry = Registry::start(Conduct { demands: Some("Bearer"), ..Conduct::default() }).await;
    let senses = Senses::new(AllowedHosts::loopback(), Arc::new(Kept));
    let (mut detector, _) = senses.open(&registry.detector("timeout: 5s")).unwrap().unwrap();
    for _ in 0..3 {
        assert_eq!(detector.look().await.unwrap()[0].state, Some(json!(DIGEST)));
    }
    assert_eq!(
        registry.asked(),
        ["HEAD stable ", "HEAD stable Bearer t1", "HEAD stable Bearer t1", "HEAD stable Bearer t1"]
    );
    // It runs out.
    registry.tokens.store(7, Ordering::Relaxed);
    assert_eq!(detector.look().await.unwrap()[0].state, Some(json!(DIGEST)));
    assert_eq!(registry.asked()[4..], ["HEAD stable Bearer t1", "HEAD stable Bearer t8"]);
}

#[tokio::test]
async fn a_password_is_shown_to_whom_the_registry_says() {
    for demands in ["Bearer", "Basic"] {
        let conduct = Conduct { demands: Some(demands), needs_password: true, ..Conduct::default() };
        let registry = Registry::start(conduct).await;
        assert_eq!(one(&registry.detector(LOGIN)).await.state, Some(json!(DIGEST)), "{demands}");
        let why = why(&registry.detector("timeout: 5s")).await;
        assert!(why.contains("401") || why.contains("give `username`"), "{why}");
    }
}

#[tokio::test]
async fn no_token_is_asked_for_at_a_host_that_is_not_allowed() {
    let realm = Some("http://192.0.2.1/token".to_owned());
    let conduct = Conduct { demands: Some("Bearer"), realm, ..Conduct::default() };
    let registry = Registry::start(conduct).await;
    let why = why(&registry.detector(LOGIN)).await;
    assert!(why.contains("network.allow") && !why.contains("hush"), "{why}");
}

#[tokio::test]
async fn what_the_registry_does_not_know_is_told() {
    let registry = Registry::start(Conduct::default()).await;
    let mut settings = registry.detector("timeout: 5s");
    let crate::model::detector::Watched::Oci(watched) = &mut settings.watched else { panic!("it watches a registry") };
    watched.tag = "gone".to_owned();
    assert!(why(&settings).await.ends_with("/shop/checkout:gone`"), "{}", why(&settings).await);
}
