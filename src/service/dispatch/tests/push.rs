//! Agents of other makes, told over HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::response::IntoResponse as _;
use http::StatusCode;
use tokio::net::TcpListener;

use super::{Engine, settings, store};
use crate::model::target::{PushAgent, TargetSettings};
use crate::runtime::ports::Rates;

/// Keeps the bodies it got, and answers each as it is told.
async fn receiver(answer: fn(usize) -> axum::response::Response) -> (SocketAddr, Arc<Mutex<Vec<serde_json::Value>>>) {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bodies);
    let router = axum::Router::new().fallback(move |axum::Json(body): axum::Json<serde_json::Value>| {
        let mut kept = kept.lock().unwrap();
        kept.push(body);
        let answer = answer(kept.len());
        async move { answer }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, bodies)
}

fn pushed_to(url: String) -> TargetSettings {
    TargetSettings { push_agents: vec![PushAgent { id: "p".into(), url }], ..settings("checkout") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_posted_until_it_is_confirmed() {
    let (address, bodies) = receiver(|count| match count {
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        2 => axum::Json(serde_json::json!({ "answer": "nonsense" })).into_response(),
        _ => axum::Json(serde_json::json!({ "answer": "applied" })).into_response(),
    })
    .await;
    let engine = Engine::start(pushed_to(format!("http://{address}/command")), store()).await;
    engine.hold().await;
    let dispatched = engine.dispatch("run/one", Rates::Total(30.0)).await;
    assert!(dispatched.assignments[0].confirmed, "{dispatched:?}");
    let bodies = bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body == &bodies[0]), "{bodies:?}");
    insta::assert_json_snapshot!(bodies[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_has_seen_a_later_command_is_sent_one_above_it() {
    let (address, bodies) = receiver(|count| {
        let highest = serde_json::json!({ "incarnation": 9, "token": 4, "sequence": 2 });
        match count {
            1 => axum::Json(serde_json::json!({ "answer": "refused", "highest": highest })).into_response(),
            // No body is as good as "applied".
            _ => StatusCode::NO_CONTENT.into_response(),
        }
    })
    .await;
    let engine = Engine::start(pushed_to(format!("http://{address}/")), store()).await;
    engine.hold().await;
    let dispatched = engine.dispatch("run/one", Rates::Total(30.0)).await;
    assert!(dispatched.assignments[0].confirmed, "{dispatched:?}");
    let bodies = bodies.lock().unwrap().clone();
    assert_eq!(bodies[1]["epoch"], serde_json::json!({ "incarnation": 9, "token": 4, "sequence": 3 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_leaves_for_a_host_that_is_not_allowed_nor_follows_a_redirect() {
    let (innocent, reached) = receiver(|_| StatusCode::OK.into_response()).await;
    let location = format!("http://{innocent}/");
    let redirect =
        axum::Router::new().fallback(move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", location)]) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, redirect).await });
    let engine = Engine::start(pushed_to(format!("http://{address}/")), store()).await;
    engine.hold().await;
    let dispatched = engine.dispatch("run/one", Rates::Total(30.0)).await;
    assert_eq!(dispatched.unconfirmed, ["p".into()]);
    assert!(reached.lock().unwrap().is_empty());

    let poster = super::super::push::Poster::new(crate::model::network::AllowedHosts::parse(["10.0.0.0/8"]).unwrap());
    let outgoing = crate::service::dispatch::desk::Outgoing {
        agent: "p".into(),
        by: crate::service::dispatch::desk::By::Push(String::new()),
        command_id: "c".into(),
        epoch: crate::model::assignment::Epoch::default(),
        rate_rps: 1.0,
        fallback_rps: 0.0,
        time_to_live_ms: 1,
        ends_at_clock_ms: 0,
        enforce: true,
    };
    let port = innocent.port();
    for url in
        [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/"), format!("http://[::1]:{port}/")]
    {
        let error = poster.post(&url, &"checkout".into(), &outgoing).await.unwrap_err().to_string();
        assert!(error.contains("is not allowed"), "{url}: {error}");
    }
    for url in ["ftp://127.0.0.1/", "no url", ""] {
        let error = poster.post(url, &"checkout".into(), &outgoing).await.unwrap_err().to_string();
        assert!(error.contains("URL"), "{url}: {error}");
    }
    assert!(reached.lock().unwrap().is_empty());
}
