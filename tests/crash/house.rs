//! An engine process, a service whose capacity it does not know, and two agents of another make that record all they get.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use homeostat::demo::service::{Capacity, Plant};
use serde_json::{Value as Json, json};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// What the service bears.
const CAPACITY_RPS: f64 = 160.0;
/// How long anything may take; far more than it does.
const PATIENCE: Duration = Duration::from_mins(2);

/// Incarnation, token, sequence.
type Epoch = (u64, u64, u64);

/// A command as an agent got it.
#[derive(Clone, Debug)]
pub(super) struct Push {
    pub(super) agent: String,
    pub(super) command_id: String,
    pub(super) epoch: Epoch,
    pub(super) rate_rps: f64,
    pub(super) answer: &'static str,
}

impl Push {
    /// The step whose dispatch it belongs to: command ids are `run/step/agent`.
    pub(super) fn step(&self) -> Option<&str> {
        self.command_id.split('/').nth(1)
    }
}

#[derive(Debug)]
pub(super) struct Agents {
    pushes: Mutex<Vec<Push>>,
    /// Highest epoch and command that each agent holds.
    held: Mutex<HashMap<String, (Push, Epoch)>>,
    /// The step whose commands are taken but not answered.
    withheld: watch::Sender<Option<String>>,
    withheld_one: watch::Sender<bool>,
}

impl Agents {
    /// Everything that they got, in order.
    pub(super) fn pushes(&self) -> Vec<Push> {
        self.pushes.lock().unwrap().clone()
    }
}

/// Agents that record what they get, and where they listen.
pub(super) async fn agents() -> (Arc<Agents>, SocketAddr) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agents = Arc::new(Agents {
        pushes: Mutex::default(),
        held: Mutex::default(),
        withheld: watch::Sender::new(None),
        withheld_one: watch::Sender::new(false),
    });
    let router =
        axum::Router::new().route("/{agent}", axum::routing::post(take_command)).with_state(Arc::clone(&agents));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (agents, address)
}

pub(super) struct House {
    folder: tempfile::TempDir,
    plant: Plant,
    agents: Arc<Agents>,
    engine: Option<Child>,
    address: SocketAddr,
    client: reqwest::Client,
    event: String,
}

impl House {
    pub(super) async fn new(name: &str) -> Self {
        let (agents, push) = agents().await;
        let plant = Plant::start("first", Capacity::of_rps(CAPACITY_RPS)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = format!(
            "store: sqlite://data/homeostat.db
listen: {address}
targets:
  checkout:
    mode: enforce
    slo: {{ p99: 250ms, errors: 1% }}
    rate: {{ initial: 50rps, floor: 10rps, ceiling: 1000rps, interim: 50%, time_to_live: 6s }}
    strategy: {{ name: headroom, keep: 20% }}
    measure:
      endpoint: http://{}/
      live_traffic: isolated
      trial_time: 500ms
      trial_requests: 40
      precision: 20%
      limits: {{ max_rate: 1000rps, time: 60s, requests: 100000 }}
    agents:
      - {{ id: one, push: \"http://{push}/one\" }}
      - {{ id: two, push: \"http://{push}/two\" }}
",
            plant.address()
        );
        std::fs::write(folder.path().join("homeostat.yaml"), settings).unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let event = format!("{name}-event").replace([' ', ':', ','], "-");
        Self { folder, plant, agents, engine: None, address, client, event }
    }

    /// The same, where each dispatch waits for approval.
    pub(super) async fn recommending(name: &str) -> Self {
        let house = Self::new(name).await;
        let path = house.folder.path().join("homeostat.yaml");
        let settings = std::fs::read_to_string(&path).unwrap().replace("mode: enforce", "mode: recommend");
        std::fs::write(path, settings).unwrap();
        house
    }

    /// Until the step waits for approval; the run's id. `None` where the run ends before.
    pub(super) async fn wait_for_question(&mut self, step: &str) -> Option<String> {
        let started = Instant::now();
        loop {
            if let Some(run) = self.run().await {
                let steps = run["steps"].as_array().cloned().unwrap_or_default();
                let waits = steps.iter().any(|it| it["step"] == step && it["wait"]["on"] == "approval");
                if waits {
                    let id = run["id"].as_str().unwrap().to_owned();
                    let next = format!("homeostat runs approve {id} {step}");
                    // Other steps may still be performed beside it.
                    let told = run["standstill"].as_array().cloned().unwrap_or_default();
                    assert!(told.iter().any(|why| why["next"][0] == next.as_str()), "{run}");
                    return Some(id);
                }
                if is_over(&run) {
                    return None;
                }
            }
            assert!(started.elapsed() < PATIENCE, "`{step}` asked for nothing:\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn start_engine(&mut self, crash_at: Option<&str>) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat"));
        command
            .args(["serve", "--config", "homeostat.yaml", "--log-level", "info,sqlx=warn"])
            .current_dir(self.folder.path())
            .env_remove("HOMEOSTAT_TEST_CRASH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        if let Some(point) = crash_at {
            command.env("HOMEOSTAT_TEST_CRASH", point);
        }
        self.engine = Some(command.spawn().unwrap());
        let started = Instant::now();
        while self.get("/readyz").await.is_none() && !self.has_died() {
            assert!(started.elapsed() < PATIENCE, "the engine did not start:\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends the event until it is taken, or the engine is dead. The id is always the same.
    pub(super) async fn announce(&mut self, signature: &str) {
        let event = json!({
            "specversion": "1.0", "id": self.event, "source": "crash-test", "type": "DEPLOYMENT_CHANGE",
            "subject": "checkout", "data": { "signature": signature },
        });
        while !self.has_died() {
            let request = self
                .client
                .post(format!("http://{}/v1/events", self.address))
                .header("content-type", "application/cloudevents+json")
                .body(event.to_string());
            if let Ok(answer) = request.send().await {
                assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap_or_default());
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the engine killed itself before the run ended.
    pub(super) async fn wait_for_crash_or_end(&mut self) -> bool {
        let started = Instant::now();
        loop {
            if self.has_died() {
                return true;
            }
            if self.run().await.is_some_and(|run| is_over(&run)) {
                // What comes after the end may still reach the crash point; the run is what counts.
                return false;
            }
            assert!(started.elapsed() < PATIENCE, "neither crash nor end:\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn wait_for_end(&mut self) -> Json {
        let started = Instant::now();
        loop {
            if let Some(run) = self.run().await.filter(is_over) {
                return run;
            }
            assert!(!self.has_died(), "the engine ended:\n{}", self.told());
            assert!(started.elapsed() < PATIENCE, "the run did not end:\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Until the service was offered so many requests.
    pub(super) async fn wait_for_load(&mut self, requests: u64) {
        let started = Instant::now();
        while self.offered() < requests {
            assert!(started.elapsed() < PATIENCE, "no load test began:\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn offered(&self) -> u64 {
        self.plant.counts().offered
    }

    /// SIGKILL.
    pub(super) async fn kill_engine(&mut self) {
        let mut engine = self.engine.take().unwrap();
        engine.kill().await.unwrap();
    }

    /// SIGTERM.
    pub(super) async fn terminate_engine(&mut self, within: Duration) -> ExitStatus {
        let mut engine = self.engine.take().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(engine.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = tokio::time::timeout(within, engine.wait()).await;
        ended.unwrap_or_else(|late| panic!("the engine did not end, {late}:\n{}", self.told())).unwrap()
    }

    pub(super) fn hold_answers_of(&self, step: &str) {
        self.agents.withheld.send_replace(Some(step.to_owned()));
    }

    /// Whether a command was taken and held; not where the run failed before it came to that.
    pub(super) async fn wait_for_held_answer(&self) -> bool {
        let mut held = self.agents.withheld_one.subscribe();
        let taken = async { held.wait_for(|held| *held).await.is_ok() };
        let busy = async {
            while !self.was_too_busy().await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            taken = tokio::time::timeout(PATIENCE, taken) => taken.expect("no command came"),
            () = busy => false,
        }
    }

    pub(super) fn release_answers(&self) {
        self.agents.withheld.send_replace(None);
    }

    pub(super) fn commands(&self) -> Vec<Push> {
        self.agents.pushes()
    }

    pub(super) async fn post(&self, path: &str, body: &'static str) {
        let request = self.client.post(format!("http://{}{path}", self.address));
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap_or_default());
    }

    pub(super) async fn target(&self) -> Json {
        self.get("/v1/targets/checkout").await.unwrap()
    }

    /// Whether the run failed because its load test could not keep its schedule on this machine.
    pub(super) async fn was_too_busy(&self) -> bool {
        let run = self.run().await.unwrap_or_default();
        run["status"] == "failed" && run["error"].as_str().is_some_and(|error| error.contains("too busy to measure"))
    }

    pub(super) async fn check_all_is_well(&mut self, signature: &str, point: &str) {
        let told = self.told();
        let run = self.run().await.unwrap();
        assert_eq!(run["status"], "succeeded", "{point}: {run}\n{told}");
        let runs = self.get("/v1/runs").await.unwrap();
        assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{point}: the event was handled once: {runs}");
        let target = self.target().await;
        assert_eq!(target["phase"], "stable", "{point}: {target}");
        assert_eq!(target["signature"], signature, "{point}: {target}");
        let records = self.get("/v1/records").await.unwrap();
        assert_eq!(records["records"].as_array().unwrap().len(), 1, "{point}: {records}");
        let measured = records["records"][0]["max_rps"].as_f64().unwrap();
        assert!(measured <= CAPACITY_RPS * 1.05, "{point}: measured {measured} of {CAPACITY_RPS}");
        self.check_commands(point).await;
    }

    /// Each command was applied once, and the agents together never held more than the target's rate.
    pub(super) async fn check_commands(&self, point: &str) {
        let pushes = self.commands();
        let mut rates: HashMap<&str, f64> = HashMap::new();
        let mut applied: HashMap<&str, usize> = HashMap::new();
        for push in &pushes {
            let first = *rates.entry(&push.command_id).or_insert(push.rate_rps);
            assert!((first - push.rate_rps).abs() < 1e-9, "{point}: `{}` changed its rate", push.command_id);
            if push.answer == "applied" {
                *applied.entry(&push.command_id).or_default() += 1;
            }
        }
        assert!(applied.values().all(|times| *times == 1), "{point}: {applied:?}");
        // The highest rate that was ever decided: the initial one, or the last.
        let last = self.target().await["rate_rps"].as_f64().unwrap_or(0.0);
        let most = last.max(50.0);
        let mut held: HashMap<&str, f64> = HashMap::new();
        for push in pushes.iter().filter(|push| push.answer == "applied") {
            held.insert(&push.agent, push.rate_rps);
            let sum: f64 = held.values().sum();
            assert!(sum <= most * 1.000_001, "{point}: the agents held {sum} of {most}: {pushes:#?}");
        }
    }

    pub(super) async fn stop(mut self) {
        if self.engine.is_some() {
            let exit = self.terminate_engine(Duration::from_secs(30)).await;
            assert!(exit.success(), "SIGTERM: {exit}\n{}", self.told());
        }
    }

    async fn run(&self) -> Option<Json> {
        let runs = self.get("/v1/runs").await?;
        let id = runs["runs"].as_array()?.first()?["id"].as_str()?.to_owned();
        self.get(&format!("/v1/runs/{id}")).await
    }

    async fn get(&self, path: &str) -> Option<Json> {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    fn has_died(&mut self) -> bool {
        self.engine.as_mut().is_none_or(|engine| engine.try_wait().unwrap().is_some())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("engine.log")
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

fn is_over(run: &Json) -> bool {
    !matches!(run["status"].as_str(), Some("waiting" | "running"))
}

/// An agent as the documentation asks for one: epochs compared, a command applied once.
async fn take_command(
    State(agents): State<Arc<Agents>>,
    Path(agent): Path<String>,
    axum::Json(command): axum::Json<Json>,
) -> axum::Json<Json> {
    let part = |name: &str| command["epoch"][name].as_u64().unwrap();
    let mut push = Push {
        agent: agent.clone(),
        command_id: command["command_id"].as_str().unwrap().to_owned(),
        epoch: (part("incarnation"), part("token"), part("sequence")),
        rate_rps: command["rate_rps"].as_f64().unwrap(),
        answer: "applied",
    };
    let answer = {
        let mut held = agents.held.lock().unwrap();
        let answer = match held.get_mut(&agent) {
            Some((holding, highest)) if holding.command_id == push.command_id => {
                *highest = (*highest).max(push.epoch);
                push.answer = "repeated";
                json!({ "answer": "repeated" })
            }
            Some((_, highest)) if push.epoch <= *highest => {
                push.answer = "refused";
                let (incarnation, token, sequence) = *highest;
                json!({ "answer": "refused", "highest":
                    { "incarnation": incarnation, "token": token, "sequence": sequence } })
            }
            _ => {
                held.insert(agent, (push.clone(), push.epoch));
                json!({ "answer": "applied" })
            }
        };
        agents.pushes.lock().unwrap().push(push.clone());
        answer
    };
    let withheld = agents.withheld.borrow().clone();
    if withheld.is_some() && withheld.as_deref() == push.step() {
        agents.withheld_one.send_replace(true);
        let mut released = agents.withheld.subscribe();
        // The engine is killed meanwhile; its connection goes with it.
        let _ = released.wait_for(Option::is_none).await;
    }
    axum::Json(answer)
}
