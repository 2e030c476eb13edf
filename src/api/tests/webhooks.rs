//! How far subscribers have come, as it is shown.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::fakes::{FakeControl, FakeStore, NOW, interface, time};
use super::get;
use crate::model::event::Event;
use crate::runtime::ports::{Bookmark, Holder, StoreError, StoredEvent};

fn store() -> FakeStore {
    let event = Event { time: time(NOW), ..Event::new("/ci", "9", "A") };
    let newest = StoredEvent { sequence: 9, event, accepted_at: time(NOW), attempts: 0, outcome: None };
    let failing = json!({
        "sequence": 6, "since": "2026-03-01T09:00:00Z", "tries": 4, "refusals": 1, "error": "it answered 503 Service Unavailable",
        "next_try_at": "2026-03-01T09:31:00Z",
    });
    let given_up = json!([
        { "sequence": 2, "at": "2026-03-01T08:00:00Z", "tries": 5, "error": "it answered 400 Bad Request" },
        { "sequence": 4, "at": "2026-03-01T08:30:00Z", "tries": 5, "error": "it answered 404 Not Found" },
    ]);
    let webhook = |name: &str, state| Bookmark { holder: Holder::Webhook(name.into()), state };
    let bookmarks = vec![
        Bookmark { holder: Holder::Schedule("nightly".into()), state: json!({}) },
        webhook("audit", json!({ "position": 5, "failing": failing, "given_up": given_up })),
        webhook("pager", json!({ "position": 9 })),
    ];
    FakeStore { events: vec![newest], bookmarks, ..FakeStore::default() }
}

#[tokio::test]
async fn subscribers_are_listed_with_what_they_fail_at_and_did_not_get() {
    let router = interface(&Arc::new(FakeControl::default()), store());
    insta::assert_json_snapshot!(get(&router, "/v1/webhooks").await.json());
}

#[tokio::test]
async fn what_cannot_be_read_is_told() {
    let broken = Some(StoreError::Io { path: "store.db".to_owned(), problem: "it is gone".to_owned() });
    let router = interface(&Arc::new(FakeControl::default()), FakeStore { broken, ..store() });
    let answer = get(&router, "/v1/webhooks").await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "H0511"));
}
