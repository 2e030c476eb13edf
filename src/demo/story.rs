//! What happens in the demo, in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::clients::Clients;
use super::engine::{Engine, Fate};
use super::household::{Household, free_address};
use super::report::{Agent, Deployment, Report};
use super::service::{Capacity, Plant};
use super::show::Show;

/// The demo's target.
const TARGET: &str = "checkout";
/// How much of the first deployment's capacity each agent's clients ask for: together more than it bears.
const OFFERED_SHARE: f64 = 0.55;
/// Over which the agents are watched at the end.
const WATCH: Duration = Duration::from_secs(6);
/// Between looks at a run.
const LOOK: Duration = Duration::from_millis(150);
/// How long anything may take before the demo gives up.
const PATIENCE: Duration = Duration::from_mins(2);

/// How to run the demo.
#[derive(Clone, Debug)]
pub struct Options {
    /// Draws the capacity; the same seed draws the same.
    pub seed: u64,
}

/// Why a demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the demo's files cannot be written: {0}")]
    Files(#[from] std::io::Error),
    #[error("the engine cannot be reached: {0}")]
    Http(String),
    #[error("{0}")]
    Engine(String),
    #[error("{0}")]
    Process(String),
    #[error("stopped before its end")]
    Stopped,
    #[error("{0} did not happen within {PATIENCE:?}")]
    Patience(&'static str),
}

impl DemoError {
    pub(super) fn http(error: reqwest::Error) -> Self {
        Self::Http(error.without_url().to_string())
    }
}

/// Runs the demo; `finished` is called with the report while everything still runs, and decides when it ends. When `stop`
/// is cancelled the demo's processes end with it.
///
/// # Errors
/// A stop, a process that ended before its time, an engine that refused something, or nothing happening for too long.
pub async fn run(
    options: &Options,
    stop: CancellationToken,
    finished: impl AsyncFnOnce(&Report, &[String]),
) -> Result<Report, DemoError> {
    let mut household = Household::new()?;
    let mut show = Show::new();
    let result = tokio::select! {
        // A demo that was kept until the stop has come to its end.
        biased;
        result = play(options, &mut household, &mut show, finished) => result,
        () = stop.cancelled() => Err(DemoError::Stopped),
    };
    show.end();
    household.dissolve().await;
    result
}

async fn play(
    options: &Options,
    household: &mut Household,
    show: &mut Show,
    finished: impl AsyncFnOnce(&Report, &[String]),
) -> Result<Report, DemoError> {
    let full = Capacity::drawn(options.seed);
    let half = Capacity::of_rps(full.rps() / 2.0);
    let service = Plant::start("deployment-a", full).await?;
    let engine_address = free_address()?;
    std::fs::write(household.folder().join("homeostat.yaml"), settings(engine_address, service.address()))?;
    household.start("engine", &["serve".into(), "--config".into(), "homeostat.yaml".into()])?;
    let engine = Engine::at(engine_address)?;
    show.doing("waiting for the engine".to_owned());
    patiently(household, "the engine's start", async || Ok(engine.is_ready().await.then_some(()))).await?;

    let mut agents = BTreeMap::new();
    for number in 1..=2 {
        let id = format!("agent-{number}");
        let address = free_address()?;
        let arguments = ["agent", "--target", TARGET, "--engine", engine.url(), "--id", &id];
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend(["--upstream".into(), format!("http://{}", service.address())]);
        arguments.extend(["--listen".into(), address.to_string()]);
        household.start(&id, &arguments)?;
        agents.insert(id, address);
    }
    show.doing("waiting for the agents".to_owned());
    patiently(household, "the agents' arrival", async || {
        let connected = engine.agents(TARGET).await?;
        Ok((connected.len() == agents.len() && connected.iter().all(|(_, rate)| rate.is_some())).then_some(()))
    })
    .await?;
    let clients: BTreeMap<String, Clients> =
        agents.iter().map(|(id, address)| (id.clone(), Clients::start(*address, full.rps() * OFFERED_SHARE))).collect();
    let mut addresses = vec![
        format!("{:<9}http://{engine_address}", "engine"),
        format!("{:<9}http://{}", "service", service.address()),
    ];
    addresses.extend(agents.iter().map(|(id, address)| format!("{id:<9}http://{address}")));
    addresses.push(format!("{:<9}{}", "logs", household.folder().display()));
    for line in &addresses {
        show.say(line);
    }

    let mut deployments = Vec::new();
    let acts = [
        ("deployment-a", full, "is new"),
        ("deployment-b", half, "is new, and bears half"),
        ("deployment-a", full, "is back: a rollback"),
        ("deployment-a", full, "is announced once more"),
    ];
    for (signature, capacity, what) in acts {
        show.say(&format!("{signature} {what}"));
        service.deploy(signature, capacity);
        deployments.push(deploy(household, show, &engine, signature, capacity.rps()).await?);
    }

    show.doing(format!("watching the agents for {} s", WATCH.as_secs()));
    let before: BTreeMap<_, _> = clients.iter().map(|(id, clients)| (id.clone(), clients.counts())).collect();
    let started = Instant::now();
    tokio::time::sleep(WATCH).await;
    let seconds = started.elapsed().as_secs_f64();
    let rates: BTreeMap<String, Option<f64>> = engine.agents(TARGET).await?.into_iter().collect();
    let mut watched = Vec::new();
    for (id, clients) in &clients {
        let counts = clients.counts().since(&before.get(id).copied().unwrap_or_default());
        watched.push(Agent {
            id: id.clone(),
            rate_rps: rates.get(id).copied().flatten().unwrap_or(0.0),
            offered_rps: per_second(counts.sent, seconds),
            passed_rps: per_second(counts.passed, seconds),
        });
    }
    let report = Report { seed: options.seed, deployments, agents: watched };
    show.doing(String::new());
    finished(&report, &addresses).await;
    Ok(report)
}

/// Announces a deployment and follows what comes of it.
async fn deploy(
    household: &mut Household,
    show: &mut Show,
    engine: &Engine,
    signature: &str,
    true_capacity_rps: f64,
) -> Result<Deployment, DemoError> {
    let (event, accepted) = engine.announce(TARGET, signature).await?;
    let started = Instant::now();
    let fate = patiently(household, "the event's routing", async || engine.fate(&event).await).await?;
    let mut load_tested = false;
    let run_id = match fate {
        Fate::Nothing(rules) => {
            show.say(&format!("    · no rule matched ({})", rules.join(", ")));
            None
        }
        Fate::Run(id) => {
            show.begin();
            let run = patiently(household, "the run's end", async || {
                let run = engine.run(&id).await?;
                show.run(&run);
                Ok(run.is_over().then_some(run))
            })
            .await?;
            if run.status != "succeeded" {
                let why = run.error.unwrap_or_default();
                return Err(DemoError::Engine(format!("run {id} of {signature} {}: {why}", run.status)));
            }
            load_tested = run.steps.iter().any(|(step, status)| step == "load_test" && status == "succeeded");
            Some(id)
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let rates = engine.agents(TARGET).await?.into_iter().filter_map(|(id, rate)| Some((id, rate?))).collect();
    Ok(Deployment {
        signature: signature.to_owned(),
        true_capacity_rps,
        measured_max_rps: engine.recorded(TARGET, signature).await?,
        load_tested,
        rates,
        phase: engine.phase(TARGET).await?,
        run_id,
        seconds,
        accepted_ms: accepted.as_secs_f64() * 1_000.0,
    })
}

/// Asks again and again until there is an answer, a process has died, or patience ends.
async fn patiently<T>(
    household: &mut Household,
    what: &'static str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>, DemoError>,
) -> Result<T, DemoError> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if let Some(casualty) = household.casualty() {
            return Err(DemoError::Process(casualty));
        }
        if started.elapsed() > PATIENCE {
            return Err(DemoError::Patience(what));
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of requests within minutes is far below 2^53")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn settings(listen: SocketAddr, service: SocketAddr) -> String {
    format!(
        "# Written by `homeostat demo`.
store: sqlite://data/homeostat.db
listen: {listen}
targets:
  {TARGET}:
    mode: enforce
    slo: {{ p99: 250ms, errors: 0.1% }}
    rate: {{ initial: 50rps, floor: 20rps, ceiling: 2000rps, interim: 50% }}
    strategy: {{ name: headroom, keep: 20% }}
    measure:
      endpoint: http://{service}/
      live_traffic: count
      limits: {{ max_rate: 2000rps, time: 90s, requests: 200000 }}
"
    )
}
