//! How detectors stand, and what is posted to them.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::fakes::{FakeControl, FakeStore, interface};
use super::{get, post};

#[tokio::test]
async fn detectors_are_listed_with_how_they_stand() {
    let router = interface(&Arc::new(FakeControl::default()), FakeStore::default());
    let unseen = json!({ "name": "alerts", "succeeded_at": null, "failing": null, "failures": 0, "told_at": null });
    assert_eq!(get(&router, "/v1/detectors").await.json(), json!({ "detectors": [unseen] }));
    let nothing = json!({ "version": "4", "alerts": [] });
    let answer = post(&router, "/v1/detectors/alerts/alertmanager", "application/json", nothing.to_string()).await;
    assert_eq!(answer.json(), json!({ "accepted": 0, "known": 0, "ignored": 0 }));
    let listed = get(&router, "/v1/detectors").await.json();
    assert_eq!(listed["detectors"][0]["succeeded_at"], "2026-03-01T09:30:00.000Z");
    let figures = get(&router, "/metrics").await.text;
    assert!(figures.contains("homeostat_detector_failing{detector=\"alerts\"} 0"), "{figures}");
    assert!(figures.contains("homeostat_detector_succeeded_timestamp_seconds{detector=\"alerts\"} 1772357400"));
}

#[tokio::test]
async fn alerts_that_are_not_taken_are_refused_in_a_way_that_tells_whether_to_post_them_again() {
    let router = interface(&Arc::new(FakeControl::default()), FakeStore::default());
    let alert = json!({ "status": "firing", "labels": { "alertname": "Slow" }, "startsAt": "2026-03-01T09:00:00Z" });
    let payload = json!({ "version": "4", "alerts": [alert] }).to_string();
    let route = "/v1/detectors/alerts/alertmanager";
    let later = post(&router, route, "application/json", payload.clone()).await;
    assert_eq!((later.status, later.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "H0606"));
    assert_eq!(later.headers["retry-after"], "1");
    for (route, body, status, code) in [
        (route, "{", StatusCode::BAD_REQUEST, "H0605"),
        (route, "{}", StatusCode::BAD_REQUEST, "H0605"),
        ("/v1/detectors/other/alertmanager", payload.as_str(), StatusCode::NOT_FOUND, "H0602"),
        (route, &payload.replace("2026-03-01T09:00:00Z", "soon"), StatusCode::UNPROCESSABLE_ENTITY, "H0600"),
    ] {
        let answer = post(&router, route, "application/json", body.to_owned()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    }
}
