use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::simulated::SimulatedPressure;
use super::*;
use crate::base::clock::{SystemClock, Timestamp};
use crate::base::id::{AgentId, RunId};
use crate::demo::clients::Clients;
use crate::demo::service::{Capacity, Plant};
use crate::model::assignment::Traffic;
use crate::model::load::LoadSettings;
use crate::model::objective::Objective;
use crate::model::record::{TrialVerdict, Verdict};
use crate::model::strategy::StrategySettings;
use crate::model::target::{MeasureLimits, OnExpiry, RateSettings};
use crate::runtime::effect::Checkpoints;
use crate::runtime::ports::{AgentView, Dispatched, MeasureProgress};

/// Agents that pass a set rate.
#[derive(Debug, Default)]
struct Agents {
    /// `None`: there are none.
    passed_rps: Option<f64>,
    silent: AtomicBool,
    orders: Mutex<Vec<DispatchOrder>>,
}

#[async_trait]
impl Dispatcher for Agents {
    async fn dispatch(&self, order: DispatchOrder, _: Link) -> Result<Dispatched, ActionError> {
        self.orders.lock().unwrap().push(order);
        Ok(Dispatched { total_rps: 0.0, assignments: Vec::new(), unconfirmed: Vec::new() })
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        let view = |passed_rps: f64| AgentView {
            id: AgentId::from("agent-1"),
            target: target.clone(),
            connected: true,
            rate_rps: Some(passed_rps),
            epoch: None,
            confirmed: true,
            passed_rps,
            refused_rps: 0.0,
            seen_at: None,
        };
        self.passed_rps.map(view).into_iter().collect()
    }

    fn set_halted(&self, _: Option<&TargetName>, _: bool) {}

    fn traffic(&self, _: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic> {
        let passed = self.passed_rps? * to.since(from).as_secs_f64();
        (!self.silent.load(Ordering::Relaxed)).then_some(Traffic { from, to, passed, refused: 0.0 })
    }
}

#[derive(Debug, Default)]
struct Saved(Mutex<Vec<Json>>);

#[async_trait]
impl Checkpoints for Saved {
    async fn save(&self, state: Json) -> Result<(), ActionError> {
        self.0.lock().unwrap().push(state);
        Ok(())
    }
}

/// A load test's surroundings.
struct Setting {
    settings: TargetSettings,
    agents: Arc<Agents>,
    saved: Arc<Saved>,
    stop: CancellationToken,
    lease: watch::Sender<Timestamp>,
    progress: Arc<watch::Sender<Json>>,
}

impl Setting {
    fn new(endpoint: impl std::fmt::Display) -> Self {
        let measure = MeasureSettings {
            calendar: crate::model::calendar::Calendar::default(),
            endpoint: endpoint.to_string(),
            health: None,
            live_traffic: LiveTraffic::Count,
            limits: MeasureLimits { max_rate_rps: 1_500.0, time: Duration::from_mins(2), requests: 200_000 },
            request_timeout: Duration::from_secs(2),
            trial_time: Duration::from_millis(1_500),
            trial_requests: 300,
            precision: 0.03,
            load: LoadSettings::default(),
        };
        let settings = TargetSettings {
            name: TargetName::from("checkout"),
            mode: Mode::Enforce,
            labels: BTreeMap::new(),
            slo: Objective { p99_ms: 250.0, error_rate: 0.001 },
            rate: RateSettings {
                initial_rps: 50.0,
                floor_rps: 20.0,
                ceiling_rps: 2_000.0,
                interim: 0.7,
                max_step: None,
                time_to_live: Duration::from_secs(30),
                on_expiry: OnExpiry::Floor,
            },
            strategy: StrategySettings::headroom(0.2),
            measure: Some(measure),
            push_agents: Vec::new(),
            detect: crate::model::target::DetectSettings::default(),
        };
        Self {
            settings,
            agents: Arc::default(),
            saved: Arc::default(),
            stop: CancellationToken::new(),
            lease: watch::Sender::new(SystemClock.now().after(Duration::from_hours(1))),
            progress: Arc::new(watch::Sender::new(Json::Null)),
        }
    }

    fn measure(&mut self) -> &mut MeasureSettings {
        self.settings.measure.as_mut().unwrap()
    }

    fn order(&self) -> MeasureOrder {
        MeasureOrder {
            run: RunId::generate(),
            key: IdempotencyKey::from("run/load_test"),
            settings: Arc::new(self.settings.clone()),
            token: 3,
            hint_rps: None,
            interruptions: 0,
            checkpoint: None,
        }
    }

    fn link(&self) -> Link {
        Link {
            stop: self.stop.clone(),
            lease_until: self.lease.subscribe(),
            progress: Arc::clone(&self.progress),
            checkpoints: Arc::clone(&self.saved) as Arc<dyn Checkpoints>,
        }
    }

    fn service(&self) -> PressureService {
        let agents = Arc::clone(&self.agents) as Arc<dyn Dispatcher>;
        PressureService::new(Arc::new(SystemClock), agents, AllowedHosts::loopback())
    }

    async fn run(&self) -> Result<Measurement, ActionError> {
        self.service().measure(self.order(), self.link()).await
    }

    async fn refused(&self) -> String {
        let error = self.run().await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent, "{error}");
        error.message
    }
}

async fn plant(rate_rps: f64) -> (Plant, Setting) {
    let plant = Plant::start("a", Capacity::of_rps(rate_rps)).await.unwrap();
    let setting = Setting::new(format_args!("http://{}/", plant.address()));
    (plant, setting)
}

/// A machine that is busy with other things may not be able to measure: then it has to say so, and not to guess.
fn tolerate(result: Result<Measurement, ActionError>) -> Option<Measurement> {
    result.inspect_err(|error| assert!(error.message.contains("last trial"), "{error}")).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_target_is_never_measured_above_what_it_bears() {
    let (plant, mut setting) = plant(400.0).await;
    let clients = Clients::start(plant.address(), 120.0);
    setting.agents = Arc::new(Agents { passed_rps: Some(120.0), ..Agents::default() });
    let Some(found) = tolerate(setting.run().await) else { return };
    for trial in &found.curve {
        println!(
            "{:6.1} rps (live {:5.1}) {:5} ms p50 {:6.1} p99 {:6.1} errors {:.3} late {:.1} {:?}",
            trial.rate_rps,
            trial.live_rps,
            trial.duration_ms,
            trial.p50_ms,
            trial.p99_ms,
            trial.error_rate,
            trial.lateness_p99_ms,
            trial.verdict
        );
    }
    let seconds = found.ended_at.since(found.started_at).as_secs_f64();
    println!("400 rps measured as {:.1} rps in {seconds:.1} s, {:?}", found.max_rps, found.verdict);
    assert!(found.max_rps <= 400.0 * 1.05, "{found:?}");
    assert!(found.interval_rps[0] <= found.interval_rps[1]);
    assert!(found.curve.iter().any(|trial| trial.verdict == TrialVerdict::Pass));
    assert_eq!(setting.saved.0.lock().unwrap().len(), found.curve.len(), "a checkpoint after every trial");
    let shown: MeasureProgress = serde_json::from_value(setting.progress.borrow().clone()).unwrap();
    assert!(shown.live_rps > 100.0 && shown.lower_rps.is_some(), "{shown:?}");
    assert!(plant.counts().offered >= found.requests + clients.counts().passed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configured_rate_is_never_exceeded() {
    let (plant, mut setting) = plant(800.0).await;
    setting.measure().limits.max_rate_rps = 60.0;
    setting.measure().trial_requests = 50;
    let Some(found) = tolerate(setting.run().await) else { return };
    assert_eq!(found.verdict, Verdict::LowerBound);
    assert!(found.max_rps <= 60.0 + 1e-3, "{found:?}");
    assert!(found.curve.iter().all(|trial| trial.rate_rps <= 60.0 + 1e-3), "{found:?}");
    assert_eq!(plant.counts().offered, found.requests);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_was_cut_off_goes_on_from_its_bracket_within_its_budget() {
    let (_plant, mut setting) = plant(800.0).await;
    setting.measure().limits.max_rate_rps = 60.0;
    setting.measure().trial_requests = 50;
    let Some(whole) = tolerate(setting.run().await) else { return };
    let saved = setting.saved.0.lock().unwrap().first().cloned();
    let resumed = MeasureOrder { interruptions: 1, checkpoint: saved, ..setting.order() };
    let found = setting.service().measure(resumed, setting.link()).await;
    let Some(found) = tolerate(found) else { return };
    assert_eq!(found.started_at, whole.started_at, "it is the same measurement");
    assert_eq!(found.curve.first(), whole.curve.first(), "what was tried is not tried again");
    assert!(found.requests > found.curve.iter().map(|trial| trial.requests).sum(), "what was cut off is counted");

    let again = MeasureOrder { interruptions: 2, ..setting.order() };
    let error = setting.service().measure(again, setting.link()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    let broken = MeasureOrder { interruptions: 1, checkpoint: Some(json!({"version": 9})), ..setting.order() };
    let error = setting.service().measure(broken, setting.link()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_the_load() {
    let (plant, setting) = plant(300.0).await;
    let service = Arc::new(setting.service());
    let running = tokio::spawn({
        let (service, order, link) = (Arc::clone(&service), setting.order(), setting.link());
        async move { service.measure(order, link).await }
    });
    while plant.counts().offered < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = service.measure(setting.order(), setting.link()).await.unwrap_err();
    assert_eq!(second.kind, FailureKind::Transient, "one test a target: {second}");
    setting.stop.cancel();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind, FailureKind::Cancelled);
    // What was on the wire arrives, and no more.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let offered = plant.counts().offered;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(plant.counts().offered, offered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_whose_lease_ends_stops_itself() {
    let (plant, setting) = plant(300.0).await;
    setting.lease.send_replace(SystemClock.now().after(Duration::from_millis(700)));
    let error = setting.run().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::LeaseLost);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let offered = plant.counts().offered;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(plant.counts().offered, offered);
}

#[tokio::test]
async fn what_must_not_be_tested_is_not_sent_a_request() {
    let (plant, mut setting) = plant(300.0).await;
    setting.settings.mode = Mode::Observe;
    assert!(setting.refused().await.contains("`checkout` is in mode observe: no load test is run"));
    setting.settings.mode = Mode::Enforce;
    setting.measure().endpoint = "not a url".to_owned();
    assert!(setting.refused().await.contains("is not a URL"));
    setting.measure().endpoint = "http://192.0.2.1/".to_owned();
    let message = setting.refused().await;
    assert!(message.contains("`192.0.2.1` is at 192.0.2.1, and the configuration allows no load there"), "{message}");
    setting.settings.measure = None;
    assert!(setting.refused().await.contains("has no `measure`"));
    assert_eq!(plant.counts().offered, 0);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_named_with_the_cause() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let message = Setting::new(format_args!("http://user:secret@{address}/")).refused().await;
    assert!(message.contains(&format!("http://{address}/: Connection refused")), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

fn endpoint(
    url: &str,
    load: &LoadSettings,
    allowed: &Arc<AllowedHosts>,
    run: RunId,
) -> Result<client::Endpoint, String> {
    let thread = thread::Thread::start()?;
    client::Endpoint::new(url, load, Arc::clone(allowed), run, Duration::from_secs(5), thread)
}

#[tokio::test]
async fn a_request_names_its_run() {
    let run = RunId::generate();
    let echo = axum::Router::new().fallback(move |headers: http::HeaderMap| async move {
        let named = headers.get("Homeostat-Run").and_then(|value| value.to_str().ok());
        if named == Some(run.to_string().as_str()) { http::StatusCode::OK } else { http::StatusCode::BAD_REQUEST }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, echo).await });
    let allowed = Arc::new(AllowedHosts::loopback());
    let call = async |run| endpoint(&url, &LoadSettings::default(), &allowed, run).unwrap().call().await;
    assert_eq!(call(run).await, client::Answer::Success);
    assert_eq!(call(RunId::generate()).await, client::Answer::Status(http::StatusCode::BAD_REQUEST));
}

/// A service that is well for so many questions, then never again.
async fn health(well: usize) -> String {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let answer = move || {
        let is_well = asked.fetch_add(1, Ordering::Relaxed) < well;
        async move { if is_well { http::StatusCode::OK } else { http::StatusCode::SERVICE_UNAVAILABLE } }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/healthz", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_health_check_stops_the_load() {
    let (plant, mut setting) = plant(800.0).await;
    setting.measure().health = Some(health(0).await);
    let message = setting.refused().await;
    assert!(message.contains("failed before any load"), "{message}");
    assert_eq!(plant.counts().offered, 1, "whether it answers at all was asked");
    setting.measure().health = Some(health(3).await);
    let ended = setting.run().await;
    let offered = plant.counts().offered;
    match ended {
        Ok(found) => assert_eq!(found.stopped, Some(crate::model::record::Stopped::Unhealthy), "{found:?}"),
        Err(error) => assert!(error.message.contains("failed under load"), "{error}"),
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(plant.counts().offered, offered, "nothing is sent once it has ended");
}

#[tokio::test]
async fn a_redirect_is_a_failure() {
    let away = axum::Router::new().fallback(|| async { axum::response::Redirect::temporary("http://192.0.2.1/") });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, away).await });
    let message = Setting::new(format_args!("http://{address}/")).refused().await;
    assert!(message.contains("redirects are not followed"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_do_not_report_make_every_trial_invalid() {
    let (_plant, mut setting) = plant(300.0).await;
    setting.agents = Arc::new(Agents { passed_rps: Some(50.0), silent: AtomicBool::new(true), ..Agents::default() });
    assert!(setting.refused().await.contains("do not report what they pass"));
    setting.measure().live_traffic = LiveTraffic::Hold;
    assert!(setting.refused().await.contains("do not report what they pass"));
    let orders = setting.agents.orders.lock().unwrap();
    let order = orders.first().unwrap();
    assert_eq!((order.key.as_str(), order.token, &order.rates), ("run/load_test/hold", 3, &Rates::Total(20.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_live_traffic_breaks_already_says_what_to_do() {
    let (_plant, mut setting) = plant(300.0).await;
    // More than the limit leaves room for.
    setting.agents = Arc::new(Agents { passed_rps: Some(2_000.0), ..Agents::default() });
    let message = setting.refused().await;
    assert!(message.contains("set `measure.live_traffic: hold`"), "{message}");
}

#[tokio::test]
async fn the_twin_answers_from_its_capacity_and_obeys_the_same_rules() {
    let mut setting = Setting::new("http://127.0.0.1:1/");
    let twin = SimulatedPressure::new(Arc::new(SystemClock));
    assert!(twin.measure(setting.order(), setting.link()).await.is_err());
    twin.set_capacity(&setting.settings.name, 500.0);
    let found = twin.measure(setting.order(), setting.link()).await.unwrap();
    assert_eq!((found.max_rps, found.verdict), (490.0, Verdict::Confirmed));
    let stopped = twin.taking(Duration::from_mins(1));
    setting.stop.cancel();
    assert_eq!(stopped.measure(setting.order(), setting.link()).await.unwrap_err().kind, FailureKind::Cancelled);
    setting.settings.mode = Mode::Observe;
    assert_eq!(stopped.measure(setting.order(), setting.link()).await.unwrap_err().kind, FailureKind::Permanent);
    assert_eq!(stopped.orders().len(), 4);
}

/// A service that keeps what it was sent.
async fn kept() -> (String, Arc<Mutex<Vec<String>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (told, keeps) = (Arc::clone(&kept), move |request: axum::extract::Request| {
        let kept = Arc::clone(&kept);
        async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1_000).await.unwrap();
            kept.lock().unwrap().push(format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body)));
            if head.method == http::Method::POST { http::StatusCode::CREATED } else { http::StatusCode::OK }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(keeps)).await });
    (url, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_sends_the_mix_that_was_said() {
    use crate::model::load::{Arrivals, Body, Piece, RequestSettings, Template};
    let text = |text: &str| Piece::Text(text.to_owned());
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.csv");
    std::fs::write(&rows, "id\na b\nc\n").unwrap();
    let get = RequestSettings {
        path: Some(Template(vec![text("/items/"), Piece::Expression("data.id".to_owned())])),
        weight: 3,
        ..RequestSettings::default()
    };
    let post = RequestSettings {
        method: "POST".to_owned(),
        path: Some(Template(vec![text("/carts")])),
        body: Body::Text(Template(vec![text("add "), Piece::Expression("data.id".to_owned())])),
        success: Some("response.status == 201".to_owned()),
        ..RequestSettings::default()
    };
    let (requests, arrivals) = (vec![get, post], Arrivals::Poisson);
    let settings = LoadSettings { requests, data: Some(rows), arrivals, ..LoadSettings::default() };
    let (url, kept) = kept().await;
    let allowed = Arc::new(AllowedHosts::loopback());
    let endpoint = endpoint(&url, &settings, &allowed, RunId::generate()).unwrap();
    let duration = Duration::from_secs(1);
    let load = generator::Load { rate_rps: 200.0, duration, arrivals, seed: 5, patient: true };
    let objective = Objective { p99_ms: 2_000.0, error_rate: 0.0 };
    let sent = generator::send(&endpoint, &load, &objective, || None).await;
    assert_eq!((sent.figures.sent, sent.figures.failed), (200, 0), "{:?}", sent.failure);
    assert!((sent.figures.own_rps - 200.0).abs() < 1e-6, "{}", sent.figures.own_rps);
    let kept = kept.lock().unwrap();
    let times = |line: &str| kept.iter().filter(|kept| kept.as_str() == line).count();
    let counts = ["GET /items/a%20b ", "GET /items/c ", "POST /carts add a b", "POST /carts add c"].map(times);
    assert_eq!(counts, [75, 75, 25, 25], "{kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_sends_the_trials_of_a_search() {
    use crate::model::load::{DriverSettings, Piece, Template};
    let (plant, mut setting) = plant(800.0).await;
    // It bears 300 requests a second, as it tells.
    let script = "r=$0; p=20; [ ${r%.*} -gt 300 ] && p=900; n=$1; \
                  echo \"{\\\"requests\\\": $n, \\\"errors\\\": 0, \\\"p99_ms\\\": $p, \\\"lateness_p99_ms\\\": 1}\"";
    let word = |text: &str| Template(vec![Piece::Text(text.to_owned())]);
    let of = |text: &str| Template(vec![Piece::Expression(text.to_owned())]);
    let command = vec![word("sh"), word("-c"), word(script), of("trial.rate_rps"), of("trial.requests")];
    setting.measure().load.driver = Some(DriverSettings { command, folder: "".into() });
    let found = setting.run().await.unwrap();
    assert!((280.0..=301.0).contains(&found.max_rps), "{found:?}");
    assert_eq!(found.verdict, Verdict::Confirmed);
    assert!(plant.counts().offered < 100, "only probes come from here");
    let word = Template(vec![Piece::Text("/nowhere/load".to_owned())]);
    setting.measure().load.driver = Some(DriverSettings { command: vec![word], folder: "".into() });
    assert!(setting.refused().await.contains("`/nowhere/load` cannot be started"));
}
