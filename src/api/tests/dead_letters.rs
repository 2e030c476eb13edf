//! What is told of events that could not be handled.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use serde_json::json;

use super::fakes::{FakeControl, FakeStore, NOW, interface, time};
use super::{Answer, get, post, send};
use crate::model::event::Event;
use crate::runtime::ports::{EventOutcome, StoredEvent};

fn stored(sequence: u64, dead: Option<&str>) -> StoredEvent {
    let event = Event {
        subject: Some("checkout".into()),
        time: time(NOW),
        data: json!({ "n": sequence }),
        ..Event::new("/ci", sequence.to_string(), "PING")
    };
    let outcome =
        EventOutcome { routed_at: time(NOW), dead: dead.map(str::to_owned), attempts: 2, ..EventOutcome::default() };
    StoredEvent { sequence, event, accepted_at: time("2026-03-01T09:29:00Z"), attempts: 1, outcome: Some(outcome) }
}

fn letters() -> axum::Router {
    let events = vec![stored(11, None), stored(12, Some("no rules file declares it")), stored(13, Some("too long"))];
    interface(&Arc::new(FakeControl::default()), FakeStore { events, ..FakeStore::default() })
}

async fn delete(router: &axum::Router, path: &str) -> Answer {
    send(router, Request::delete(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn dead_letters_are_listed_by_page_and_shown() {
    let router = letters();
    let first = get(&router, "/v1/dead-letters?limit=1").await.json();
    let numbers = |list: &serde_json::Value| -> Vec<u64> {
        list["dead_letters"].as_array().unwrap().iter().map(|it| it["sequence"].as_u64().unwrap()).collect()
    };
    assert_eq!((numbers(&first), first["next"].as_u64()), (vec![13], Some(13)));
    let second = get(&router, "/v1/dead-letters?limit=1&before=13").await.json();
    assert_eq!((numbers(&second), second.get("next")), (vec![12], None));
    insta::assert_json_snapshot!(get(&router, "/v1/dead-letters/12").await.json());
    for (path, code) in [
        ("/v1/dead-letters/11", "H0602"),
        ("/v1/dead-letters/99", "H0602"),
        ("/v1/dead-letters/first", "H0605"),
        ("/v1/dead-letters?limit=0", "H0605"),
        ("/v1/dead-letters?of=checkout", "H0605"),
    ] {
        assert_eq!(get(&router, path).await.code(), code, "{path}");
    }
}

#[tokio::test]
async fn a_person_redrives_or_drops_them() {
    let router = letters();
    for answer in [
        post(&router, "/v1/dead-letters/12/redrive", "application/json", "").await,
        delete(&router, "/v1/dead-letters/12").await,
    ] {
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    assert_eq!(post(&router, "/v1/dead-letters/13/redrive", "application/json", "").await.code(), "H0603");
    assert_eq!(post(&router, "/v1/dead-letters/14/redrive", "application/json", "").await.code(), "H0602");
    assert_eq!(delete(&router, "/v1/dead-letters/14").await.code(), "H0602");
}
