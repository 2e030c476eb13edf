//! A server that answers as Prometheus documents it; and Prometheus itself, where it is installed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;

#[derive(serde::Deserialize)]
struct Asked {
    query: String,
}

/// A server that knows one query.
async fn answering(status: u16, answer: Json) -> DetectorSettings {
    let route = get(move |Query(asked): Query<Asked>| {
        assert_eq!(asked.query, "p99{job=\"a b\"} > 0");
        std::future::ready((StatusCode::from_u16(status).unwrap(), axum::Json(answer.clone())))
    });
    let url = serve(Router::new().route("/prometheus/api/v1/query", route)).await;
    detector(&format!("{url}/prometheus/"), "p99{job=\"a b\"} > 0", "value > 0.25")
}

fn detector(url: &str, query: &str, when: &str) -> DetectorSettings {
    let text = format!(
        "kind: prometheus, url: '{url}', query: '{query}', when: '{when}', target_label: service, event: HIGH_LATENCY, \
         data: {{ p99_ms: '${{value * 1000.0}}' }}, every: 1s, for: 1s"
    );
    read(&text, "slow")
}

fn vector(samples: &[(&str, &str)]) -> Json {
    let series = |(service, value): &(&str, &str)| json!({ "metric": { "__name__": "p99", "service": service }, "value": [1_772_368_200.781, value] });
    let result: Vec<_> = samples.iter().map(series).collect();
    json!({ "status": "success", "data": { "resultType": "vector", "result": result } })
}

#[tokio::test]
async fn each_series_is_looked_at_for_itself() {
    let samples = vector(&[("checkout", "0.4"), ("search", "0.2"), ("empty", "NaN"), ("endless", "+Inf")]);
    let settings = answering(200, samples).await;
    let seen = look(&settings).await.unwrap();
    let held: Vec<_> = seen.iter().map(|sight| (sight.target.clone().unwrap(), sight.state.is_some())).collect();
    let expected = [("checkout", true), ("search", false), ("empty", false), ("endless", true)];
    assert_eq!(held, expected.map(|(name, holds)| (name.into(), holds)));
    assert_eq!(carried(&settings, &seen[0]).unwrap(), json!({ "p99_ms": 400.0 }));
    let scalar = json!({ "status": "success", "data": { "resultType": "scalar", "result": [1.5, "7"] } });
    let mut settings = answering(200, scalar).await;
    settings.target_label = None;
    assert_eq!(one(&settings).await.names["value"], json!(7.0));
    assert_eq!(look(&answering(200, vector(&[])).await).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_is_no_such_answer_is_told() {
    let refused = json!({ "status": "error", "errorType": "bad_data", "error": "1:3: parse error" });
    let told = why(&answering(400, refused).await).await;
    assert_eq!(told, "it refuses the query (bad_data): 1:3: parse error");
    assert_eq!(why(&answering(502, json!("x")).await).await, "it answered 502 Bad Gateway");
    assert!(why(&answering(200, json!({ "status": "fine" })).await).await.contains("not that of a Prometheus"));
    let matrix = json!({ "status": "success", "data": { "resultType": "matrix", "result": [] } });
    assert!(why(&answering(200, matrix).await).await.contains("gives a matrix"));
    let histogram = json!([{ "metric": { "service": "a" }, "histogram": [1.5, {}] }]);
    let histogram = json!({ "status": "success", "data": { "resultType": "vector", "result": histogram } });
    assert!(why(&answering(200, histogram).await).await.contains("histogram_quantile"));
    assert!(why(&answering(200, vector(&[("", "1")])).await).await.contains("no label `service`"));
    assert!(why(&answering(200, vector(&[("a", "one")])).await).await.contains("`one` is no value"));
    let many: Vec<_> = (0..501).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(|number| (number.as_str(), "1")).collect();
    assert!(why(&answering(200, vector(&many)).await).await.contains("gives 501 series"));
}

/// Prometheus on this machine: the program that a variable names, or that of the path.
fn installed() -> Option<PathBuf> {
    let named = std::env::var_os("HOMEOSTAT_TEST_PROMETHEUS").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&paths).map(|path| path.join("prometheus")).find(|path| path.is_file()))
}

/// A Prometheus that is killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, folder: &Path, scraped: &str, port: u16) -> Running {
    let settings = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs: [{{ job_name: shop, static_configs: [{{ targets: ['{scraped}'], labels: {{ service: checkout }} }}] }}]\n"
    );
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, settings).unwrap();
    let child = Command::new(program)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_tells_of_a_latency() {
    let Some(program) = installed() else {
        // Past the harness, which keeps what a test prints that passes.
        writeln!(std::io::stderr(), "SKIPPED: no Prometheus; install it, or name it in HOMEOSTAT_TEST_PROMETHEUS")
            .unwrap();
        return;
    };
    // What a service says of its latency.
    let latency = Arc::new(Mutex::new("0.1"));
    let said = Arc::clone(&latency);
    let route = get(move || std::future::ready(format!("p99_seconds {}\n", said.lock().unwrap())));
    let scraped = serve(Router::new().route("/metrics", route)).await.replace("http://", "");
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _running = start(&program, folder.path(), &scraped, port);
    let settings = detector(&format!("http://127.0.0.1:{port}"), "p99_seconds{job=\"shop\"}", "value > 0.25");
    let senses = Senses::new(AllowedHosts::loopback(), Arc::new(Kept));
    let mut watcher = senses.open(&settings).unwrap().unwrap().0;
    // Until it is there, and has looked at the service once.
    let patience = tokio::time::Instant::now() + Duration::from_mins(1);
    loop {
        match watcher.look().await {
            Ok(seen) if !seen.is_empty() => {
                assert_eq!((seen[0].target.clone(), seen[0].state.clone()), (Some("checkout".into()), None));
                break;
            }
            seen => assert!(tokio::time::Instant::now() < patience, "it does not come: {seen:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let house = House::new(system_clock());
    let shutdown = CancellationToken::new();
    let detectors =
        tokio::spawn(crate::service::detect::run(house.options(), vec![settings.clone()], shutdown.clone()));
    *latency.lock().unwrap() = "0.75";
    eventually(async || !house.data().await.is_empty()).await;
    let event = &house.events().await[0].event;
    assert_eq!((event.kind.as_str(), event.subject.clone()), ("HIGH_LATENCY", Some("checkout".into())));
    assert_eq!(event.data, json!({ "p99_ms": 750.0 }));
    shutdown.cancel();
    detectors.await.unwrap();
    // It says itself what is wrong with a query.
    let wrong = detector(&format!("http://127.0.0.1:{port}"), "p99_seconds{", "value > 0.25");
    let why = why(&wrong).await;
    assert!(why.starts_with("it refuses the query (bad_data): "), "{why}");
}
