//! Events are streamed from where a reader says that it is.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures_util::StreamExt as _;
use tower::ServiceExt as _;

use super::fakes::{FakeControl, FakeStore, NOW, interface, time};
use super::get;
use crate::model::event::Event;
use crate::runtime::ports::StoredEvent;

fn stored(sequence: u64, kind: &str, subject: &str) -> StoredEvent {
    let event =
        Event { subject: Some(subject.into()), time: time(NOW), ..Event::new("/ci", format!("id-{sequence}"), kind) };
    StoredEvent { sequence, event, accepted_at: time(NOW), attempts: 0, outcome: None }
}

fn router() -> axum::Router {
    let events = vec![stored(1, "A", "x"), stored(2, "B", "x"), stored(3, "A", "y"), stored(4, "A", "x")];
    let control = FakeControl::default();
    interface(&Arc::new(control), FakeStore { events, ..FakeStore::default() })
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let response =
        router().oneshot(Request::get("/v1/events/stream?type=A&subject=x&after=0").body(Body::empty()).unwrap());
    let mut body = response.await.unwrap().into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["1", "4"]);
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["id"], "id-1");
}

#[tokio::test]
async fn what_was_seen_is_said_by_a_header_or_nothing_at_all() {
    for (path, last, first) in [
        ("/v1/events/stream", Some("2"), Some("3")),
        ("/v1/events/stream?after=0", Some("3"), Some("4")),
        ("/v1/events/stream", None, None),
    ] {
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let mut body = response.into_body().into_data_stream();
        let found = tokio::time::timeout(Duration::from_millis(300), body.next()).await;
        let text = found.ok().map(|chunk| String::from_utf8(chunk.unwrap().unwrap().to_vec()).unwrap());
        let id = text.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("id: ")));
        assert_eq!(id, first, "{path} {last:?}");
    }
    assert_eq!(get(&router(), "/v1/events/stream?after=first").await.code(), "H0605");
    let wrong = Request::get("/v1/events/stream").header("last-event-id", "first").body(Body::empty()).unwrap();
    assert_eq!(super::send(&router(), wrong).await.code(), "H0605");
}
