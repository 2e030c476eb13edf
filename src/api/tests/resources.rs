//! What can be looked at, and the brake.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::fakes::{at_rest, interface, record, state, time};
use super::{FakeControl, FakeStore, get, post};
use crate::api::{metrics, router, run_view::RunView};
use crate::base::digest::Digest;
use crate::base::id::RunId;
use crate::model::metric;
use crate::model::target::Phase;
use crate::runtime::control::Health;
use crate::runtime::effect::ActionError;
use crate::runtime::journal::{Entry, Place, RunStatus, RunSummary, What};
use crate::runtime::ports::{Bookmark, Holder, StoreError, StoredRun};

fn run_id(last: u64) -> RunId {
    format!("0198c0de-0000-7000-8000-{last:012}").parse().unwrap()
}

fn summary(last: u64, status: RunStatus) -> RunSummary {
    RunSummary {
        id: run_id(last),
        workflow: "deployment_change".into(),
        plan: Digest::of("plan"),
        target: Some("checkout".into()),
        rule: Some("deployment_changed".into()),
        event: Some(("/ci".to_owned(), "1".to_owned())),
        inputs: json!({ "signature": "sha256:aa" }),
        priority: 0,
        status,
        supersedes: false,
        error: None,
        retry: None,
        created_at: time("2026-03-01T09:00:00Z"),
        started_at: Some(time("2026-03-01T09:00:01Z")),
        ended_at: None,
    }
}

fn place(step: &str, item: Option<usize>) -> Place {
    Place { step: step.into(), item }
}

fn journal() -> Vec<Entry> {
    let attempted =
        |step, item, attempt, input| What::Attempted { place: place(step, item), attempt, input, undo: None };
    let succeeded = |step, item, output| What::Succeeded { place: place(step, item), output };
    let whats = vec![
        What::Began { inputs: json!({ "signature": "sha256:aa" }), target: None, view: json!({}) },
        attempted("check_recorder", None, 1, json!({ "signature": "sha256:aa" })),
        succeeded("check_recorder", None, json!({})),
        What::Skipped { step: "hold".into() },
        attempted("load_test", None, 1, json!({})),
        What::Retrying {
            place: place("load_test", None),
            error: ActionError::transient("the endpoint refused"),
            retry_at: time("2026-03-01T09:00:20Z"),
        },
        attempted("load_test", None, 2, json!({})),
        What::Interrupted { place: place("load_test", None) },
        succeeded("load_test", None, json!({ "max_rps": 400.0 })),
        What::Expanded { step: "tell".into(), items: vec![json!("a"), json!("b")] },
        attempted("tell", Some(0), 1, json!({ "who": "a" })),
        attempted("tell", Some(1), 1, json!({ "who": "b" })),
        succeeded("tell", Some(0), json!({})),
        What::Failed { place: place("tell", Some(1)), error: ActionError::permanent("nobody there") },
        What::Undoing { place: place("tell", Some(0)) },
        What::Undone { place: place("tell", Some(0)), output: json!({}) },
        What::Ended {
            status: RunStatus::Failed,
            outputs: json!({}),
            error: Some(ActionError::permanent("nobody there")),
            phase: Some(Phase::Degraded),
        },
    ];
    (0..)
        .zip(whats)
        .map(|(second, what)| Entry { at: crate::base::clock::Timestamp(1_772_355_600_000 + second * 1_000), what })
        .collect()
}

#[tokio::test]
async fn a_run_is_shown_with_its_steps() {
    let run = StoredRun { summary: summary(1, RunStatus::Failed), journal: journal(), batches: 3 };
    let store = FakeStore { runs: vec![run], ..FakeStore::default() };
    let router = interface(&Arc::new(FakeControl::default()), store);
    let answer = get(&router, &format!("/v1/runs/{}", run_id(1))).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.json());
    assert_eq!(get(&router, &format!("/v1/runs/{}", run_id(2))).await.code(), "H0602");
    assert_eq!(get(&router, "/v1/runs/7").await.code(), "H0605");
}

#[test]
fn every_beginning_of_a_journal_can_be_shown() {
    let journal = journal();
    for length in 0..=journal.len() {
        let view = RunView::fold(&summary(1, RunStatus::Running), &journal[..length], None);
        assert!(view.steps.len() <= 6);
    }
    // A list whose items all succeeded has succeeded, and an empty one too.
    let at = time("2026-03-01T09:00:00Z");
    let whole = |items| {
        RunView::fold(
            &summary(1, RunStatus::Running),
            &[Entry { at, what: What::Expanded { step: "tell".into(), items } }],
            None,
        )
    };
    assert_eq!(json!(whole(vec![]).steps[0].status), json!("succeeded"));
    assert_eq!(json!(whole(vec![json!(1)]).steps[0].status), json!("running"));
}

#[tokio::test]
async fn a_running_run_shows_its_progress() {
    let progress = json!({ "step": "load_test", "progress": { "rate_rps": 200.0 } });
    let control = Arc::new(FakeControl { progress: Some(progress.clone()), ..FakeControl::default() });
    let runs = [(1, RunStatus::Succeeded), (2, RunStatus::Running)].map(|(last, status)| StoredRun {
        summary: summary(last, status),
        journal: Vec::new(),
        batches: 0,
    });
    let router = interface(&control, FakeStore { runs: runs.into(), ..FakeStore::default() });
    assert_eq!(get(&router, &format!("/v1/runs/{}", run_id(2))).await.json()["progress"], progress);
    assert_eq!(get(&router, &format!("/v1/runs/{}", run_id(1))).await.json()["progress"], Json::Null);
}

#[tokio::test]
async fn runs_are_listed_by_pages() {
    let runs = (1..=5).map(|last| StoredRun {
        summary: summary(last, if last == 2 { RunStatus::Failed } else { RunStatus::Succeeded }),
        journal: Vec::new(),
        batches: 0,
    });
    let router =
        interface(&Arc::new(FakeControl::default()), FakeStore { runs: runs.collect(), ..FakeStore::default() });
    let mut seen = Vec::new();
    let mut path = "/v1/runs?limit=2".to_owned();
    loop {
        let page = get(&router, &path).await.json();
        seen.extend(page["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/runs?limit=2&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=5).rev().map(|last| run_id(last).to_string()).collect::<Vec<_>>());
    let failed = get(&router, "/v1/runs?status=failed&target=checkout").await.json();
    assert_eq!(failed["runs"].as_array().unwrap().len(), 1);
    assert_eq!(get(&router, "/v1/runs?target=nothing").await.json()["runs"], json!([]));
    for wrong in ["status=done", "limit=0", "limit=9999", "before=x", "color=red"] {
        assert_eq!(get(&router, &format!("/v1/runs?{wrong}")).await.code(), "H0605", "{wrong}");
    }
}

#[tokio::test]
async fn targets_and_agents_are_shown_without_secrets() {
    let store = FakeStore { targets: vec![at_rest()], ..FakeStore::default() };
    let router = interface(&Arc::new(FakeControl::default()), store);
    let shown = get(&router, "/v1/targets/checkout").await;
    assert!(!shown.text.contains("geheim"));
    insta::assert_json_snapshot!(json!({
        "list": get(&router, "/v1/targets").await.json(),
        "one": shown.json(),
        "agents": get(&router, "/v1/agents").await.json(),
    }));
    assert_eq!(get(&router, "/v1/targets/nothing").await.code(), "H0502");
    assert_eq!(get(&router, "/v1/agents?target=nothing").await.json(), json!({ "agents": [] }));
}

#[tokio::test]
async fn a_target_that_is_held_cannot_be_paused() {
    let router = interface(&Arc::new(FakeControl::default()), FakeStore::default());
    let held = post(&router, "/v1/targets/checkout/pause", "application/json", "").await;
    assert_eq!((held.status, held.code().as_str()), (StatusCode::CONFLICT, "H0603"));
    let unknown = post(&router, "/v1/targets/nothing/pause", "application/json", "").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::NOT_FOUND, "H0502"));
    let resumed = post(&router, "/v1/targets/checkout/resume", "application/json", "").await;
    assert_eq!(resumed.json()["phase"], "stable");
}

#[tokio::test]
async fn records_are_listed_with_their_curve() {
    let store = FakeStore { records: vec![record(run_id(1))], ..FakeStore::default() };
    let router = interface(&Arc::new(FakeControl::default()), store);
    insta::assert_json_snapshot!(get(&router, "/v1/records?target=checkout&signature=sha256:aa").await.json());
    assert_eq!(get(&router, "/v1/records?signature=other").await.json(), json!({ "records": [] }));
}

#[tokio::test]
async fn a_record_that_was_shown_is_taken_in_as_it_was() {
    let store = FakeStore { records: vec![record(run_id(1))], ..FakeStore::default() };
    let control = Arc::new(FakeControl::default());
    let router = interface(&control, store);
    let shown = get(&router, "/v1/records").await.json()["records"][0].clone();
    let send = async |body: &Json| post(&router, "/v1/records", "application/json", body.to_string()).await;
    assert_eq!(send(&shown).await.json(), json!({ "result": "new" }));
    assert_eq!(*control.taken.lock().unwrap(), [record(run_id(1))]);
    assert_eq!(send(&shown).await.json(), json!({ "result": "known" }));
    for (field, value, why) in [
        ("max_rps", json!(0.0), "must be above 0"),
        ("interval_rps", json!([5.0, 4.0]), "from low to high"),
        ("verdict", json!("sure"), "`verdict` is `sure`"),
        ("recorded_at", json!("today"), "RFC 3339"),
        ("run", json!("7"), "`run` is `7`"),
        ("more", json!(1), "unknown field `more`"),
    ] {
        let mut wrong = shown.clone();
        wrong[field] = value;
        let answer = send(&wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(answer.text.contains(why), "{field}: {}", answer.text);
    }
    let mut other = shown;
    other["target"] = json!("nothing");
    assert_eq!(send(&other).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_brake_holds_until_it_is_released() {
    let control = Arc::new(FakeControl::default());
    let router = interface(&control, FakeStore { targets: vec![at_rest()], ..FakeStore::default() });
    let one = post(&router, "/v1/halt", "application/json", r#"{"target":"checkout"}"#).await;
    assert_eq!(one.json(), json!({ "all": false, "targets": ["checkout"] }));
    assert_eq!(get(&router, "/v1/targets/checkout").await.json()["halted"], true);
    let all = post(&router, "/v1/halt", "text/plain", "").await;
    assert_eq!(all.json(), json!({ "all": true, "targets": ["checkout"] }));
    post(&router, "/v1/unhalt", "application/json", r#"{"target":"checkout"}"#).await;
    assert_eq!(get(&router, "/v1/halts").await.json(), json!({ "all": true, "targets": [] }));
    post(&router, "/v1/unhalt", "application/json", "{}").await;
    assert_eq!(get(&router, "/v1/targets/checkout").await.json()["halted"], false);
    assert_eq!(post(&router, "/v1/halt", "application/json", r#"{"target":"x"}"#).await.code(), "H0502");
    assert_eq!(post(&router, "/v1/halt", "application/json", r#"{"traget":"x"}"#).await.code(), "H0605");
}

#[tokio::test]
async fn health_says_what_is_wrong() {
    let well = Health { ready: true, ..Health::default() };
    let router = interface(&Arc::new(FakeControl { health: well, ..FakeControl::default() }), FakeStore::default());
    assert_eq!(get(&router, "/readyz").await.status, StatusCode::OK);
    assert_eq!(get(&router, "/healthz").await.json()["status"], "alive");
    let ill = Health { ready: true, draining: true, problems: vec!["shutting down".to_owned()] };
    let router = interface(&Arc::new(FakeControl { health: ill, ..FakeControl::default() }), FakeStore::default());
    let answer = get(&router, "/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        answer.json(),
        json!({ "ready": true, "draining": true, "problems": ["shutting down"] })
            .as_object()
            .map(|map| {
                let mut map = map.clone();
                map.insert("ready".to_owned(), json!(false));
                Json::Object(map)
            })
            .unwrap()
    );
}

#[tokio::test]
async fn a_store_that_fails_is_a_problem_with_its_code() {
    let store =
        FakeStore { broken: Some(StoreError::Io { path: "x".into(), problem: "gone".into() }), ..FakeStore::default() };
    let router = interface(&Arc::new(FakeControl::default()), store);
    for path in ["/v1/runs", "/v1/targets", "/v1/records", "/v1/agents", "/metrics", "/v1/events?source=a&id=b"] {
        let answer = get(&router, path).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "H0511"), "{path}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn figures_have_the_names_that_are_documented() {
    let recorder = metrics::recorder().unwrap();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    metrics::describe();
    let control =
        Arc::new(FakeControl { health: Health { ready: true, ..Health::default() }, ..FakeControl::default() });
    let bookmarks = vec![Bookmark { holder: Holder::Webhook("audit".into()), state: json!({ "position": 0 }) }];
    let store = FakeStore { targets: vec![at_rest()], bookmarks, ..FakeStore::default() };
    let router = router(state(&control, store, recorder.handle()), None);
    post(&router, "/v1/events", "application/cloudevents+json", super::fakes::event("1").to_string()).await;
    get(&router, "/v1/nothing").await;
    let nothing = json!({ "version": "4", "alerts": [] }).to_string();
    post(&router, "/v1/detectors/alerts/alertmanager", "application/json", nothing).await;
    // Counted by the engine and the store, which are made up here.
    for metric in [
        metric::RULE_RESULTS,
        metric::DEAD_LETTERS,
        metric::HANDLER_FAILURES,
        metric::SCHEDULE_EVENTS,
        metric::DETECTOR_LOOKS,
        metric::DETECTOR_EVENTS,
        metric::WEBHOOK_DELIVERIES,
        metric::RUNS,
        metric::STEP_ATTEMPTS,
        metric::STORE_COMMITS,
        metric::STORE_TRANSACTIONS,
        metric::PRUNED,
    ] {
        ::metrics::counter!(metric.name).increment(1);
    }
    for metric in [metric::STORE_BATCH, metric::STORE_COMMIT_SECONDS, metric::SCHEDULE_LATE] {
        ::metrics::histogram!(metric.name).record(1.0);
    }
    let text = get(&router, "/metrics").await.text;

    let mut published: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').map(|(name, kind)| (name.to_owned(), kind.to_owned())).unwrap())
        .collect();
    published.sort();
    let mut named: Vec<_> =
        metric::ALL.iter().map(|metric| (metric.name.to_owned(), metric.kind.as_str().to_owned())).collect();
    named.sort();
    assert_eq!(published, named, "{text}");
    for line in [
        r#"homeostat_events_total{result="accepted"} 1"#,
        r#"homeostat_http_requests_total{method="POST",route="/v1/events",status="202"} 1"#,
        r#"homeostat_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"homeostat_target_phase{target="checkout",phase="stable"} 1"#,
        r#"homeostat_target_rate_rps{target="checkout"} 320"#,
        r#"homeostat_agent_passed_rps{target="checkout",agent="edge-1"} 158.5"#,
        "homeostat_ready 1",
        "homeostat_events_waiting 7",
        "homeostat_events_waiting_limit 100",
        "homeostat_events_oldest_seconds 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn the_reference_of_figures_lists_them_all() {
    let mut table = "| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in metric::ALL {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        table.push_str(&format!("| `{name}` | {kind} | {labels} | {} |\n", metric.help));
    }
    let reference = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    assert!(reference.contains(&table), "docs/metrics.md must hold this table:\n{table}");
}

#[test]
fn the_interface_is_described() {
    insta::assert_json_snapshot!(crate::api::openapi(), { ".info.version" => "[version]" });
}

#[tokio::test]
async fn what_is_asked_of_a_run_reaches_the_engine() {
    let control = Arc::new(FakeControl::default());
    let stored = StoredRun { summary: summary(1, RunStatus::Running), journal: journal(), batches: 1 };
    let router = interface(&control, FakeStore { runs: vec![stored], ..FakeStore::default() });
    let run = run_id(1);
    let order = async |what: &str, body: &str| {
        post(&router, &format!("/v1/runs/{run}/{what}"), "application/json", body.to_owned()).await
    };
    let approved = order("approve", r#"{"step":"ask[2]","by":"ann","note":"go"}"#).await;
    assert_eq!((approved.status, &approved.json()["id"]), (StatusCode::OK, &json!(run)));
    assert_eq!(order("reject", "").await.status, StatusCode::OK);
    assert_eq!(order("retry", r#"{"from_failed_step":true}"#).await.status, StatusCode::OK);
    assert_eq!(order("retry", "").await.status, StatusCode::OK);
    let expected = [
        format!(r#"decide {run} ask[2] Decision {{ approved: true, by: Some("ann"), note: Some("go") }}"#),
        format!("decide {run} ask Decision {{ approved: false, by: None, note: None }}"),
        format!("retry {run} true"),
        format!("retry {run} false"),
    ];
    assert_eq!(*control.orders.lock().unwrap(), expected);
    for (what, body, code) in [
        ("approve", r#"{"step":"ask[x]"}"#, "H0605"),
        ("approve", r#"{"stpe":"ask"}"#, "H0605"),
        ("cancel", "", "H0603"),
        ("resume", "", "H0602"),
    ] {
        assert_eq!(order(what, body).await.code(), code, "{what} {body}");
    }
    assert_eq!(post(&router, "/v1/runs/x/cancel", "application/json", "").await.code(), "H0605");
}
