//! Ten publishers send, four targets adjust, two agents a target record what they get, and the engine has a hard life: it is killed
//! at random moments, its disk is full, its database is locked by somebody else.
//!
//! What must be found afterwards: every event that was answered `202` handled once, no command applied twice, no target stuck.
//!
//! `HOMEOSTAT_TORTURE_KILLS=200 cargo test --test integration torture -- --nocapture` kills more often than a plain run does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};
use serde_json::{Value as Json, json};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::house::{Agents, agents};

const PUBLISHERS: usize = 10;
const TARGETS: usize = 4;
/// Kills in a plain `cargo test`.
const KILLS: u64 = 4;
/// How long anything may take; far more than it does.
const PATIENCE: Duration = Duration::from_mins(2);
/// The highest rate that any event asks for.
const MOST_RPS: f64 = 190.0;

const RULES: &str = "
event GO { n: int }
rule go {
    on   GO
    busy queue
    run  work(n: event.data.n)
}
";

/// Every event dispatches a rate of its own.
const WORK: &str = r#"workflow: work
summary: Sets the rate that an event asks for.
inputs: { n: int }
steps:
  set:
    uses: agents.dispatch
    with: { total_rps: "${100.0 + 10.0 * double(inputs.n % 10)}" }
    undo: previous
  stable:
    uses: state.stable
    needs: [set]
on_failure:
  degrade: { uses: state.degraded, with: { reason: "${error.message}" } }
"#;

struct Yard {
    folder: tempfile::TempDir,
    agents: Arc<Agents>,
    engine: Option<Child>,
    address: SocketAddr,
    client: reqwest::Client,
    /// Ids of the events that were answered `202`.
    taken: Arc<Mutex<BTreeSet<String>>>,
    sending: Arc<AtomicBool>,
    publishers: JoinSet<()>,
    refused: Arc<AtomicU64>,
}

impl Yard {
    async fn new() -> Self {
        let (agents, push) = agents().await;
        let folder = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let targets: Vec<_> = (0..TARGETS).map(|number| target(number, push)).collect();
        let settings = format!(
            "store: sqlite://data/homeostat.db\nlisten: {address}\nprogram: [program]\ntargets:\n{}",
            targets.join("")
        );
        std::fs::create_dir(folder.path().join("program")).unwrap();
        for (name, text) in
            [("homeostat.yaml", settings.as_str()), ("program/go.rules", RULES), ("program/work.yaml", WORK)]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        Self {
            folder,
            agents,
            engine: None,
            address,
            client,
            taken: Arc::default(),
            sending: Arc::new(AtomicBool::new(true)),
            publishers: JoinSet::new(),
            refused: Arc::default(),
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("data/homeostat.db")
    }

    async fn start(&mut self) {
        // A file that grows beyond its limit is an error to the engine, not its end.
        let script = "trap '' XFSZ; exec \"$0\" serve --config homeostat.yaml --log-level warn,sqlx=off";
        let engine = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_homeostat")])
            .current_dir(self.folder.path())
            .env_remove("HOMEOSTAT_TEST_CRASH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.engine = Some(engine);
        let started = Instant::now();
        while self.get("/readyz").await.is_none() {
            assert!(started.elapsed() < PATIENCE, "the engine did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Another engine of the same configuration, which waits for the end of the one that is there.
    fn stand_by(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_homeostat"))
            .args(["serve", "--config", "homeostat.yaml", "--log-level", "warn,sqlx=off"])
            .env("HOMEOSTAT__STANDBY", "on")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn kill(&mut self) {
        self.engine.take().unwrap().kill().await.unwrap();
    }

    fn pid(&self) -> Pid {
        let id = self.engine.as_ref().and_then(Child::id).unwrap();
        Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
    }

    /// Publishers that send one event after the other, each until it is taken.
    fn publish(&mut self) {
        for publisher in 0..PUBLISHERS {
            let (client, url) = (self.client.clone(), format!("http://{}/v1/events", self.address));
            let (taken, sending, refused) =
                (Arc::clone(&self.taken), Arc::clone(&self.sending), Arc::clone(&self.refused));
            self.publishers.spawn(async move {
                for number in 0.. {
                    if !sending.load(Ordering::Relaxed) {
                        return;
                    }
                    let id = format!("{publisher}-{number}");
                    let event = json!({
                        "specversion": "1.0", "id": id, "source": "torture", "type": "GO",
                        "subject": format!("t{}", (publisher + number) % TARGETS), "data": { "n": number },
                    });
                    loop {
                        let request = client.post(&url).header("content-type", "application/cloudevents+json");
                        match request.body(event.to_string()).send().await {
                            Ok(answer) if answer.status() == 202 => break,
                            Ok(answer) => {
                                let status = answer.status().as_u16();
                                assert!(matches!(status, 503 | 507), "{status}");
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(_) => {}
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    taken.lock().unwrap().insert(id);
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            });
        }
    }

    async fn get(&self, path: &str) -> Option<Json> {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    /// Until so many events more than now were taken.
    async fn wait_for_events(&self, more: usize) {
        let (before, started) = (self.taken.lock().unwrap().len(), Instant::now());
        while self.taken.lock().unwrap().len() < before + more {
            assert!(started.elapsed() < PATIENCE, "no more events are taken");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every run, by the event that caused it.
    async fn runs(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut before = String::new();
        loop {
            let page = self.get(&format!("/v1/runs?limit=1000{before}")).await.unwrap();
            let runs = page["runs"].as_array().unwrap();
            for run in runs {
                let event = run["event"]["id"].as_str().unwrap().to_owned();
                // Why it failed is what one wants to read.
                let error = run["error"].as_str().map(|error| format!(": {error}")).unwrap_or_default();
                found.entry(event).or_default().push(format!("{}{error}", run["status"].as_str().unwrap()));
            }
            match runs.last() {
                Some(last) => before = format!("&before={}", last["id"].as_str().unwrap()),
                None => return found,
            }
        }
    }

    /// Nothing is lost, nothing was done twice, and nothing is stuck.
    async fn check(mut self) -> usize {
        self.sending.store(false, Ordering::Relaxed);
        while let Some(ended) = self.publishers.join_next().await {
            ended.unwrap();
        }
        let taken = std::mem::take(&mut *self.taken.lock().unwrap());
        let started = Instant::now();
        let runs = loop {
            let runs = self.runs().await;
            let over =
                |statuses: &Vec<String>| statuses.iter().all(|status| status != "waiting" && status != "running");
            if taken.iter().all(|id| runs.get(id).is_some_and(over)) {
                break runs;
            }
            let left: Vec<_> = taken.iter().filter(|id| !runs.get(*id).is_some_and(over)).take(5).collect();
            assert!(started.elapsed() < PATIENCE, "never over: {left:?}, targets: {:?}", self.targets().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        for (event, statuses) in &runs {
            assert!(taken.contains(event), "event {event} was never sent");
            assert_eq!(statuses, &["succeeded"], "event {event}");
        }
        for target in self.targets().await {
            assert_eq!(target["phase"], "stable", "{target}");
        }
        self.check_commands();
        let pid = self.pid();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let exit = self.engine.take().unwrap().wait().await.unwrap();
        assert!(exit.success(), "SIGTERM: {exit}");
        taken.len()
    }

    async fn targets(&self) -> Vec<Json> {
        let mut found = Vec::new();
        for number in 0..TARGETS {
            found.push(self.get(&format!("/v1/targets/t{number}")).await.unwrap());
        }
        found
    }

    /// Each command was applied once, and no target's agents ever held more than the highest rate that was asked for.
    fn check_commands(&self) {
        let mut applied: HashMap<String, usize> = HashMap::new();
        let mut held: HashMap<String, f64> = HashMap::new();
        for push in self.agents.pushes() {
            if push.answer != "applied" {
                continue;
            }
            *applied.entry(push.command_id.clone()).or_default() += 1;
            held.insert(push.agent.clone(), push.rate_rps);
            let target = push.agent.split('-').next().unwrap();
            let of_target = held.iter().filter(|(agent, _)| agent.starts_with(target));
            let sum: f64 = of_target.map(|(_, rate)| rate).sum();
            assert!(sum <= MOST_RPS * 1.000_001, "the agents of {target} held {sum}");
        }
        let twice: Vec<_> = applied.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert!(!applied.is_empty(), "no command was sent");
    }
}

fn target(number: usize, push: SocketAddr) -> String {
    format!(
        "  t{number}:
    mode: enforce
    rate: {{ initial: 100rps, floor: 10rps, ceiling: 1000rps, time_to_live: 6s }}
    agents:
      - {{ id: t{number}-one, push: \"http://{push}/t{number}-one\" }}
      - {{ id: t{number}-two, push: \"http://{push}/t{number}-two\" }}
"
    )
}

/// Moments that differ from one run of the test to the next.
fn chance(below: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0) % below
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_under_load_it_loses_nothing() {
    let kills = std::env::var("HOMEOSTAT_TORTURE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut yard = Yard::new().await;
    yard.start().await;
    yard.publish();
    for kill in 1..=kills {
        tokio::time::sleep(Duration::from_millis(20 + chance(600))).await;
        yard.kill().await;
        yard.start().await;
        if kill % 20 == 0 {
            eprintln!("{kill} kills, {} events", yard.taken.lock().unwrap().len());
        }
    }
    yard.wait_for_events(20).await;
    let events = yard.check().await;
    eprintln!("survived {kills} kills: {events} events, each handled once");
}

/// As much as the database's log may grow from now on.
fn limit_files(pid: Pid, size: Option<u64>) {
    let before = rustix::process::getrlimit(Resource::Fsize);
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: size, maximum: before.maximum }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_can_be_written_nothing_is_taken_and_nothing_lost() {
    let mut yard = Yard::new().await;
    yard.start().await;
    yard.publish();
    yard.wait_for_events(30).await;
    for _ in 0..2 {
        let refused = yard.refused.load(Ordering::Relaxed);
        let log = yard.store().with_extension("db-wal");
        let size = std::fs::metadata(log).unwrap().len();
        limit_files(yard.pid(), Some(size + chance(60_000)));
        let started = Instant::now();
        while yard.refused.load(Ordering::Relaxed) < refused + 20 {
            assert!(started.elapsed() < PATIENCE, "events are taken though nothing can be written");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        limit_files(yard.pid(), None);
        yard.wait_for_events(20).await;
    }
    let events = yard.check().await;
    eprintln!("survived a full disk twice: {events} events, each handled once");
}

/// Somebody else has the database for a while.
async fn lock(store: &Path, time: Duration) {
    let mut options = ConnectOptions::new(format!("sqlite://{}", store.display()));
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap();
    let started = Instant::now();
    // The engine writes all the time: it may take a while to get between.
    while db.execute_unprepared("BEGIN IMMEDIATE").await.is_err() {
        assert!(started.elapsed() < PATIENCE, "the database cannot be locked");
    }
    tokio::time::sleep(time).await;
    db.execute_unprepared("ROLLBACK").await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_somebody_else_has_the_database_it_waits() {
    let mut yard = Yard::new().await;
    yard.start().await;
    yard.publish();
    yard.wait_for_events(30).await;
    // Longer than a commit waits for the lock by itself.
    lock(&yard.store(), Duration::from_secs(7)).await;
    yard.wait_for_events(20).await;
    let events = yard.check().await;
    eprintln!("survived a lock: {events} events, each handled once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_stands_by_takes_over_from_one_that_was_killed() {
    let mut yard = Yard::new().await;
    yard.start().await;
    yard.publish();
    yard.wait_for_events(20).await;
    for _ in 0..2 {
        let mut second = yard.stand_by();
        yard.wait_for_events(10).await;
        assert!(second.try_wait().unwrap().is_none(), "it does not wait");
        yard.kill().await;
        // Publishers know one address, and the second engine is there now.
        yard.engine = Some(second);
        yard.wait_for_events(20).await;
    }
    let events = yard.check().await;
    eprintln!("taken over twice: {events} events, each handled once");
}
