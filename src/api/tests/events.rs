//! The door for events.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use super::fakes::{event, interface, time};
use super::{FakeControl, FakeStore, get, post, send};
use crate::api::{MAX_BODY, cloud_event};
use crate::model::event::Event;
use crate::runtime::control::{AcceptError, Refusal, RefusalKind};
use crate::runtime::ports::{EventOutcome, RuleOutcome, RuleResult, StoreError, StoredEvent};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json; charset=UTF-8";

fn door() -> (Arc<FakeControl>, axum::Router) {
    let control = Arc::new(FakeControl::default());
    let router = interface(&control, FakeStore::default());
    (control, router)
}

fn only(control: &FakeControl) -> Event {
    let accepted = control.accepted.lock().unwrap();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    accepted[0].clone()
}

#[tokio::test]
async fn a_structured_event_is_taken_whole() {
    let (control, router) = door();
    let mut sent = event("1");
    sent["priority"] = json!(2);
    sent["deliverat"] = json!("2026-03-01T10:00:00+01:00");
    sent["team"] = json!("shop");
    sent["attempt"] = json!(3);
    sent["nothing"] = json!(null);
    let answer = post(&router, "/v1/events", STRUCTURED, sent.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(answer.json(), json!([{ "source": "/ci", "id": "1", "sequence": 1 }]));
    let event = only(&control);
    assert_eq!((event.kind.as_str(), event.subject.unwrap().as_str()), ("DEPLOYMENT_CHANGE", "checkout"));
    assert_eq!(event.time, time("2026-03-01T09:29:00Z"));
    assert_eq!(event.deliver_at, Some(time("2026-03-01T09:00:00Z")));
    assert_eq!(event.priority.level(), 2);
    assert_eq!(event.data, json!({ "signature": "sha256:aa" }));
    assert_eq!(json!(event.extensions), json!({ "team": "shop", "attempt": 3 }));
}

#[tokio::test]
async fn a_plain_json_event_is_known_by_its_specversion() {
    let (control, router) = door();
    let answer = post(&router, "/v1/events", "application/json", event("1").to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(only(&control).id, "1");
    let answer = post(&router, "/v1/events", "application/json", r#"{"id":"2"}"#).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let missing: Vec<_> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["attribute"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(missing, ["specversion", "source", "type"]);
}

#[tokio::test]
async fn an_event_without_time_happened_now_and_a_repeated_one_is_a_duplicate() {
    let (control, router) = door();
    let mut sent = event("1");
    sent.as_object_mut().unwrap().remove("time");
    for _ in 0..2 {
        post(&router, "/v1/events", STRUCTURED, sent.to_string()).await;
    }
    let answer = post(&router, "/v1/events", BATCH, json!([sent, event("2")]).to_string()).await;
    assert_eq!(
        answer.json(),
        json!([{ "source": "/ci", "id": "1", "duplicate": true }, { "source": "/ci", "id": "2", "sequence": 2 }])
    );
    assert_eq!(control.accepted.lock().unwrap()[0].time, time(super::fakes::NOW));
}

#[tokio::test]
async fn binary_mode_takes_attributes_from_headers() {
    let (control, router) = door();
    let request = Request::post("/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", "a%20b")
        .header("ce-source", "/ci")
        .header("ce-type", "DEPLOYMENT_CHANGE")
        .header("ce-subject", "\"caf%C3%A9 \\\"x\\\"\"")
        .header("ce-priority", "0")
        .header("ce-share", "100%")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"signature":"sha256:aa"}"#))
        .unwrap();
    let answer = send(&router, request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let event = only(&control);
    assert_eq!(event.id, "a b");
    assert_eq!(event.subject.unwrap().as_str(), "café \"x\"");
    assert_eq!(event.priority.level(), 0);
    assert_eq!(json!(event.extensions), json!({ "share": "100%" }));
    assert_eq!(event.data, json!({ "signature": "sha256:aa" }));
}

#[tokio::test]
async fn data_may_come_as_base64() {
    let (control, router) = door();
    let mut sent = event("1");
    sent.as_object_mut().unwrap().remove("data");
    sent["data_base64"] = json!("eyJzaWduYXR1cmUiOiJiIn0=");
    assert_eq!(post(&router, "/v1/events", STRUCTURED, sent.to_string()).await.status, StatusCode::ACCEPTED);
    assert_eq!(only(&control).data, json!({ "signature": "b" }));
}

#[tokio::test]
async fn what_is_no_event_is_told_which_and_why() {
    let (control, router) = door();
    let with = |name: &str, value: serde_json::Value| {
        let mut event = event("1");
        event[name] = value;
        event.to_string()
    };
    let cases = [
        ("not JSON", STRUCTURED, "{".to_owned()),
        ("a list in structured mode", STRUCTURED, "[]".to_owned()),
        ("an event in batch mode", BATCH, "{}".to_owned()),
        ("another version", STRUCTURED, with("specversion", json!("0.3"))),
        ("an empty id", STRUCTURED, with("id", json!(""))),
        ("an id that is a number", STRUCTURED, with("id", json!(7))),
        ("a control character", STRUCTURED, with("subject", json!("a\u{7}b"))),
        ("a bad time", STRUCTURED, with("time", json!("yesterday"))),
        ("a bad priority", STRUCTURED, with("priority", json!(10))),
        ("a structured extension", STRUCTURED, with("team", json!({ "a": 1 }))),
        ("a badly named extension", STRUCTURED, with("Team-1", json!("x"))),
        ("data twice", STRUCTURED, with("data_base64", json!("e30="))),
        ("two wrong events", BATCH, json!([event("1"), { "id": "2" }, 7]).to_string()),
        ("another content type", "text/plain", "hello".to_owned()),
        ("another format", "application/cloudevents+avro", String::new()),
        ("another charset", "application/cloudevents+json; charset=latin1", event("1").to_string()),
        ("deep nesting", STRUCTURED, "[".repeat(100_000)),
    ];
    let mut all = String::new();
    for (name, content_type, body) in cases {
        let answer = post(&router, "/v1/events", content_type, body).await;
        all.push_str(&format!("--- {name}\n{}\n", serde_json::to_string_pretty(&answer.json()).unwrap()));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    assert!(control.accepted.lock().unwrap().is_empty());
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn too_much_is_refused() {
    let (_, router) = door();
    let answer = post(&router, "/v1/events", STRUCTURED, " ".repeat(MAX_BODY + 1)).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "H0605"));
    let many: Vec<_> = (0..=cloud_event::MAX_BATCH).map(|id| event(&id.to_string())).collect();
    let answer = post(&router, "/v1/events", BATCH, json!(many).to_string()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_the_engine_refuses_keeps_its_reason() {
    let (control, router) = door();
    let path = "disk".to_owned();
    let cases = [
        (
            AcceptError::Refused(vec![Refusal {
                index: 0,
                kind: RefusalKind::BadData,
                attribute: Some("data.signature".to_owned()),
                message: "is missing".to_owned(),
            }]),
            StatusCode::UNPROCESSABLE_ENTITY,
            None,
        ),
        (AcceptError::Busy { retry_after_ms: 1_200 }, StatusCode::TOO_MANY_REQUESTS, Some("2")),
        (AcceptError::Draining, StatusCode::SERVICE_UNAVAILABLE, Some("5")),
        (AcceptError::Store(StoreError::Full { path: path.clone() }), StatusCode::INSUFFICIENT_STORAGE, None),
        (AcceptError::Store(StoreError::Closed), StatusCode::SERVICE_UNAVAILABLE, None),
    ];
    let mut all = String::new();
    for (error, status, retry_after) in cases {
        *control.refuse.lock().unwrap() = Some(error);
        let answer = post(&router, "/v1/events", STRUCTURED, event("1").to_string()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers.get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        all.push_str(&format!("{}\n", serde_json::to_string_pretty(&answer.json()).unwrap()));
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn what_became_of_an_event_is_shown() {
    let (_, router) = door();
    let headers = [("content-type", STRUCTURED)].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let read =
        cloud_event::read(&headers.into_iter().collect(), event("e 1").to_string().as_bytes(), time(super::fakes::NOW));
    let stored = StoredEvent {
        sequence: 12,
        event: read.unwrap().remove(0),
        accepted_at: time(super::fakes::NOW),
        attempts: 0,
        outcome: Some(EventOutcome {
            routed_at: time(super::fakes::NOW),
            rules: vec![RuleOutcome {
                rule: "deployment_changed".into(),
                result: RuleResult::NoMatch,
                run: None,
                note: None,
            }],
            attempts: 1,
            ..EventOutcome::default()
        }),
    };
    let store = FakeStore { events: vec![stored], ..FakeStore::default() };
    let router_with = interface(&Arc::new(FakeControl::default()), store);
    let answer = get(&router_with, "/v1/events?source=/ci&id=e%201").await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.json());
    assert_eq!(get(&router, "/v1/events?source=/ci&id=1").await.code(), "H0602");
    assert_eq!(get(&router, "/v1/events?source=/ci").await.code(), "H0605");
}

proptest! {
    /// Whatever comes, the answer is an event or a problem.
    #[test]
    fn no_message_is_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200), value in "\\PC{0,40}", mode in 0..4usize) {
        let content_type = ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json", "text/x"][mode];
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        if let Ok(value) = axum::http::HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert("ce-id", value);
        }
        let _ = cloud_event::read(&headers, &body, time(super::fakes::NOW));
    }

    /// An event that was read is shown as it was sent.
    #[test]
    fn attributes_survive(id in "[a-zA-Z0-9 äöü]{1,20}", level in 0u8..=9, flag in any::<bool>()) {
        let mut sent = event(&id);
        sent["priority"] = json!(level);
        sent["flag"] = json!(flag);
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("content-type", STRUCTURED.parse().unwrap());
        let events = cloud_event::read(&headers, sent.to_string().as_bytes(), time(super::fakes::NOW)).unwrap();
        prop_assert_eq!(&events[0].id, &id);
        prop_assert_eq!(events[0].priority.level(), level);
        prop_assert_eq!(&events[0].extensions["flag"], &json!(flag));
    }
}
