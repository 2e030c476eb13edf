//! Endpoints that answer, fail, send elsewhere and never end.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;

async fn detector(router: Router, more: &str) -> DetectorSettings {
    let url = serve(router).await;
    read(&format!("kind: http, url: '{url}/version', target: checkout, {more}"), "version")
}

fn answering(answer: impl axum::response::IntoResponse + Clone + Send + Sync + 'static) -> Router {
    Router::new().route("/version", get(move || std::future::ready(answer.clone())))
}

#[tokio::test]
async fn a_value_of_the_answer_is_watched() {
    let body = json!({ "build": { "commit": "1e5", "number": 7 } });
    let settings = detector(answering(axum::Json(body)), "value: body.build.commit").await;
    let seen = one(&settings).await;
    assert_eq!((seen.state.clone(), seen.target.clone()), (Some(json!("1e5")), Some("checkout".into())));
    assert_eq!(carried(&settings, &seen).unwrap(), json!({ "signature": "1e5" }));
    let more = "value: body.build, event: BUILT, data: { n: '${value.number}', text: 'on ${status} ${headers[\"content-type\"]}' }";
    let settings = DetectorSettings {
        watched: settings.watched.clone(),
        ..read(&format!("kind: http, url: 'http://127.0.0.1/', {more}"), "a")
    };
    let seen = Sight {
        names: {
            let mut names = seen.names;
            names.insert("value".to_owned(), json!({ "number": 7 }));
            names
        },
        ..seen
    };
    assert_eq!(carried(&settings, &seen).unwrap(), json!({ "n": 7, "text": "on 200 application/json" }));
}

#[tokio::test]
async fn text_is_watched_as_text() {
    let settings = detector(answering("0012e9\n"), "timeout: 5s").await;
    assert_eq!(one(&settings).await.state, Some(json!("0012e9")));
}

#[tokio::test]
async fn an_answer_that_is_no_success_says_nothing_unless_its_status_is_watched() {
    let refusing = || answering((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "17")], "no"));
    let settings = detector(refusing(), "timeout: 5s").await;
    let failure = look(&settings).await.unwrap_err();
    assert_eq!(failure.why, "it answered 503 Service Unavailable");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(17)));
    let watched = "value: 'status >= 500', event: DOWN";
    assert_eq!(one(&detector(refusing(), watched).await).await.state, Some(json!(true)));
}

#[tokio::test]
async fn what_is_not_there_is_told_and_is_no_value() {
    let settings = detector(answering(axum::Json(json!({ "commit": null }))), "value: body.commit").await;
    assert_eq!(why(&settings).await, "`body.commit` is null");
    let settings = detector(answering(axum::Json(json!({}))), "value: body.commit").await;
    assert!(why(&settings).await.contains("`body.commit` fails"), "{}", why(&settings).await);
    let settings = detector(answering(([(header::CONTENT_TYPE, "application/json")], "{")), "timeout: 5s").await;
    assert!(why(&settings).await.starts_with("its answer is no JSON"));
    let long = "x".repeat(1024 * 1024 + 1);
    assert_eq!(why(&detector(answering(long), "timeout: 5s").await).await, "its answer is longer than 1048576 bytes");
}

#[tokio::test]
async fn secrets_go_into_headers_and_nowhere_else() {
    let got = Arc::new(Mutex::new(HeaderMap::new()));
    let kept = Arc::clone(&got);
    let route = get(move |headers: HeaderMap| {
        *kept.lock().unwrap() = headers;
        std::future::ready("v1")
    });
    let router = Router::new().route("/version", route);
    let more = "headers: { Authorization: 'Bearer ${secret.TOKEN}', accept: text/plain }";
    let settings = detector(router.clone(), more).await;
    one(&settings).await;
    let got = got.lock().unwrap().clone();
    assert_eq!(
        (&got["authorization"], &got["accept"]),
        (&"Bearer hush-4711".parse().unwrap(), &"text/plain".parse().unwrap())
    );
    for (secret, told) in [("BROKEN", "cannot be made"), ("NONE", "there is no secret `NONE`")] {
        let settings = detector(router.clone(), &format!("headers: {{ x-token: '${{secret.{secret}}}' }}")).await;
        let why = why(&settings).await;
        assert!(why.contains(told) && !why.contains("hush"), "{why}");
    }
}

#[tokio::test]
async fn only_allowed_hosts_are_reached_and_no_redirect_is_followed() {
    let elsewhere = serve(answering("v1")).await;
    let moved = (StatusCode::FOUND, [(header::LOCATION, format!("{elsewhere}/version"))]);
    let settings = detector(answering(moved), "timeout: 5s").await;
    assert_eq!(why(&settings).await, "it answered 302 Found, and redirects are not followed");
    // A name is looked at when it is resolved.
    let settings = read(&format!("kind: http, url: '{}'", elsewhere.replace("127.0.0.1", "localhost")), "a");
    let senses = Senses::new(AllowedHosts::parse(["10.0.0.0/8"]).unwrap(), Arc::new(Kept));
    let failure = senses.open(&settings).unwrap().unwrap().0.look().await.unwrap_err();
    assert!(failure.why.contains("network.allow"), "{}", failure.why);
}

#[tokio::test]
async fn one_that_never_answers_is_given_up_in_time() {
    let route = get(|| async {
        std::future::pending::<()>().await;
        ().into_response()
    });
    let settings = detector(Router::new().route("/version", route), "timeout: 50ms").await;
    assert!(!why(&settings).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_becomes_one_event() {
    let version = Arc::new(Mutex::new("v1"));
    let served = Arc::clone(&version);
    let route = get(move || {
        let version = *served.lock().unwrap();
        std::future::ready(version)
    });
    let settings = detector(Router::new().route("/version", route), "every: 1s, first: skip").await;
    let house = House::new(system_clock());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(crate::service::detect::run(house.options(), vec![settings], shutdown.clone()));
    eventually(async || house.memory("version").await.is_some()).await;
    *version.lock().unwrap() = "v2";
    eventually(async || !house.data().await.is_empty()).await;
    assert_eq!(house.data().await, [json!({ "signature": "v2" })]);
    shutdown.cancel();
    running.await.unwrap();
}
