//! What an Alertmanager posts, again and again, and what becomes of it.

use serde_json::json;

use super::*;
use crate::service::detect::{NotReceived, Received, Reception};

const NAME: &str = "alerts";

fn alert(status: &str, name: &str, started: &str) -> Json {
    json!({
        "status": status,
        "labels": { "alertname": name, "service": "checkout", "severity": "page" },
        "annotations": { "p99_ms": "812.5" },
        "startsAt": started,
        "endsAt": if status == "resolved" { "2026-03-01T10:00:00Z" } else { "0001-01-01T00:00:00Z" },
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        "fingerprint": format!("fp-{name}"),
    })
}

/// As version 4 of the payload has it.
fn payload(alerts: &[Json]) -> Json {
    json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "homeostat",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.example",
        "alerts": alerts,
    })
}

fn reception(house: &House, more: &str) -> Reception {
    let settings = read(&format!("kind: alertmanager, event: HIGH_LATENCY, {more}"), NAME);
    Reception::new(house.options(), &[settings])
}

const SLOW: &str = "when: \"alert.status == 'firing' && alert.labels.alertname == 'Slow'\", target_label: service, \
                    data: { p99_ms: '${double(alert.annotations.p99_ms)}' }";
const NINE: &str = "2026-03-01T09:00:00.123456789Z";

async fn post(reception: &Reception, alerts: &[Json]) -> Result<Received, NotReceived> {
    reception.alerts(&NAME.into(), payload(alerts)).await
}

#[tokio::test]
async fn each_state_of_an_alert_is_told_once() {
    let house = House::new(system_clock());
    let slow = reception(&house, SLOW);
    let alerts = [alert("firing", "Slow", NINE), alert("firing", "Full", NINE), alert("resolved", "Slow", NINE)];
    assert_eq!(post(&slow, &alerts).await, Ok(Received { accepted: 1, known: 0, ignored: 2 }));
    assert_eq!(post(&slow, &alerts).await, Ok(Received { accepted: 0, known: 1, ignored: 2 }));
    let event = &house.events().await[0].event;
    assert_eq!((event.kind.as_str(), event.subject.clone()), ("HIGH_LATENCY", Some("checkout".into())));
    assert_eq!(event.data, json!({ "p99_ms": 812.5 }));
    assert_eq!(event.id, "alerts/fp-Slow/2026-03-01T09:00:00.123Z/firing");
    assert_eq!(event.time.to_string(), "2026-03-01T09:00:00.123Z");
    // It fires once more; and by default all that fires is told, whatever it is called.
    let later = alert("firing", "Slow", "2026-03-01T11:00:00Z");
    assert_eq!(post(&slow, &[later]).await, Ok(Received { accepted: 1, known: 0, ignored: 0 }));
    let all = reception(&house, "target: checkout");
    let alerts = [alert("firing", "Full", NINE), alert("resolved", "Full", NINE)];
    assert_eq!(post(&all, &alerts).await, Ok(Received { accepted: 1, known: 0, ignored: 1 }));
    let over = reception(&house, "when: alert.status == 'resolved'");
    assert_eq!(
        post(&over, &[alert("resolved", "Full", NINE)]).await,
        Ok(Received { accepted: 1, known: 0, ignored: 0 })
    );
    assert_eq!(house.events().await.last().unwrap().event.time.to_string(), "2026-03-01T10:00:00.000Z");
}

#[tokio::test]
async fn what_is_not_taken_now_is_to_be_posted_again() {
    let house = House::new(system_clock());
    let slow = reception(&house, &format!("{SLOW}, per_minute: 2"));
    house.inbox.failing.store(1, Ordering::Relaxed);
    let first = alert("firing", "Slow", NINE);
    let Err(NotReceived::Later { why, .. }) = post(&slow, std::slice::from_ref(&first)).await else {
        panic!("it is taken")
    };
    assert_eq!(why, "100 events wait already");
    let hours =
        |from: u32, to: u32| (from..to).map(|hour| alert("firing", "Slow", &format!("2026-03-01T{hour}:00:00Z")));
    let Err(NotReceived::Later { after, .. }) = post(&slow, &hours(10, 15).collect::<Vec<_>>()).await else {
        panic!("all are taken")
    };
    assert!(after > Duration::from_secs(50) && after <= Duration::from_mins(1), "{after:?}");
    assert_eq!(house.events().await.len(), 2);
    // What was taken is known, and costs nothing.
    assert_eq!(
        post(&slow, &hours(10, 12).collect::<Vec<_>>()).await,
        Ok(Received { accepted: 0, known: 2, ignored: 0 })
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_and_the_others_are_taken() {
    let house = House::new(system_clock());
    let slow = reception(&house, SLOW);
    let mut nameless = alert("firing", "Slow", NINE);
    nameless["labels"]["service"] = json!("");
    let mut wordy = alert("firing", "Slow", NINE);
    wordy["annotations"]["p99_ms"] = json!("long");
    let timeless = alert("firing", "Slow", "soon");
    let alerts = [nameless, wordy, timeless, alert("firing", "Slow", NINE)];
    let Err(NotReceived::Refused(why)) = post(&slow, &alerts).await else { panic!("all are taken") };
    assert_eq!(why.len(), 3, "{why:?}");
    assert!(why[0].contains("no label `service`") && why[1].contains("annotations") && why[2].contains("startsAt"));
    assert_eq!(house.events().await.len(), 1);
    for (payload, told) in
        [(json!({}), "version"), (json!([]), "invalid"), (json!({ "version": "3", "alerts": [] }), "`3`")]
    {
        let Err(NotReceived::Malformed(why)) = slow.alerts(&NAME.into(), payload).await else { panic!("it is taken") };
        assert!(why.contains(told), "{why}");
    }
    let unknown = slow.alerts(&"other".into(), payload(&[])).await;
    assert_eq!(unknown, Err(NotReceived::Unknown("other".into())));
    assert!(house.board.all()[0].1.failing.is_some());
}
