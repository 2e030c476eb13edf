//! The engine's side against real agents, over real sockets.

pub(crate) mod fixture;
mod push;
mod reconcile;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use self::fixture::{FixedTargets, link, settings};
use super::{DispatchService, Options, grpc_service};
use crate::agent::limiter::burst_requests;
use crate::agent::tests::{LONG, echo, get, options, start};
use crate::base::clock::{SystemClock, Timestamp};
use crate::model::network::AllowedHosts;
use crate::model::target::{Mode, OnExpiry, TargetSettings, TargetState};
use crate::runtime::effect::FailureKind;
use crate::runtime::ports::{
    AgentView, DispatchOrder, Dispatched, Dispatcher, Rates, Share, Store, Transaction, Write,
};
use crate::store::MemoryStore;
use crate::wire::agent::agent_service_client::AgentServiceClient;
use crate::wire::agent::{self as wire, AgentMessage, agent_message, engine_message};

/// An engine's dispatch side, listening.
struct Engine {
    service: Arc<DispatchService>,
    settings: Arc<TargetSettings>,
    store: Arc<MemoryStore>,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Engine {
    async fn start(settings: TargetSettings, store: Arc<MemoryStore>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), settings, store).await
    }

    async fn start_at(address: SocketAddr, settings: TargetSettings, store: Arc<MemoryStore>) -> Self {
        let listener = loop {
            // The port of an engine that was just stopped may take a moment.
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let settings = Arc::new(settings);
        let loaded = store.load().await.unwrap();
        let service = DispatchService::new(Options {
            clock: Arc::new(SystemClock),
            store: store.clone(),
            targets: Arc::new(FixedTargets(vec![settings.clone()])),
            allowed: AllowedHosts::loopback(),
            incarnation: loaded.incarnation,
        });
        service.restore(&loaded);
        let stop = CancellationToken::new();
        drop(service.start(stop.clone()));
        let address = listener.local_addr().unwrap();
        let router = grpc_service(service.clone()).into_axum_router();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = std::future::IntoFuture::into_future(axum::serve(listener, router)) => {}
                () = stopped.cancelled() => {}
            }
        });
        Self { service, settings, store, address, stop }
    }

    fn order(&self, key: &str, rates: Rates) -> DispatchOrder {
        DispatchOrder { key: key.into(), settings: self.settings.clone(), token: 0, rates }
    }

    async fn dispatch(&self, key: &str, rates: Rates) -> Dispatched {
        self.service.dispatch(self.order(key, rates), link()).await.unwrap()
    }

    fn views(&self) -> Vec<AgentView> {
        self.service.agents(&"checkout".into())
    }

    async fn until(&self, what: &str, mut holds: impl FnMut(&[AgentView]) -> bool) {
        let waited = tokio::time::timeout(LONG, async {
            while !holds(&self.views()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "never: {what}; {:#?}", self.views());
    }

    async fn until_connected(&self, count: usize) {
        self.until("all are connected", |views| views.iter().filter(|view| view.connected).count() == count).await;
    }

    /// A run holds the target: the reconciler rests.
    async fn hold(&self) {
        let mut state = TargetState::unknown("checkout".into(), Timestamp(0));
        state.lease.run = Some(crate::base::id::RunId::generate());
        self.put(state).await;
    }

    async fn put(&self, state: TargetState) {
        let transaction = Transaction { guards: Vec::new(), writes: vec![Write::PutTarget(state)] };
        self.store.commit(transaction).await.unwrap();
    }
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::with_incarnation(1))
}

fn each(shares: &[(&str, f64)]) -> Rates {
    Rates::Each(shares.iter().map(|(agent, rate_rps)| Share { agent: (*agent).into(), rate_rps: *rate_rps }).collect())
}

fn rates(dispatched: &Dispatched) -> Vec<(String, f64, bool)> {
    dispatched.assignments.iter().map(|a| (a.agent.to_string(), a.rate_rps, a.confirmed)).collect()
}

/// An agent by hand, that does only what it is told to.
struct Manual {
    outbox: mpsc::Sender<AgentMessage>,
    inbound: tonic::Streaming<wire::EngineMessage>,
}

impl Manual {
    async fn connect(engine: SocketAddr, id: &str, instance: &str) -> Result<Self, tonic::Status> {
        let (outbox, messages) = mpsc::channel(8);
        let hello = wire::Hello {
            agent: id.into(),
            target: "checkout".into(),
            instance: instance.into(),
            ..wire::Hello::default()
        };
        let hello = AgentMessage { clock_ms: 1, message: Some(agent_message::Message::Hello(hello)) };
        outbox.send(hello).await.unwrap();
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{engine}")).unwrap();
        let mut client = AgentServiceClient::new(channel.connect().await.unwrap());
        let inbound = client.connect(ReceiverStream::new(messages)).await?.into_inner();
        Ok(Self { outbox, inbound })
    }

    async fn command(&mut self) -> wire::Command {
        loop {
            let message = tokio::time::timeout(LONG, self.inbound.message()).await.unwrap().unwrap().unwrap();
            if let Some(engine_message::Message::Command(command)) = message.message {
                return command;
            }
        }
    }

    async fn acknowledge(&self, command: &wire::Command) {
        let ack = wire::Ack {
            command_id: command.command_id.clone(),
            epoch: command.epoch,
            answer: wire::Answer::Applied.into(),
            highest: command.epoch,
        };
        let ack = AgentMessage { clock_ms: 2, message: Some(agent_message::Message::Ack(ack)) };
        self.outbox.send(ack).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_agents_get_their_shares_and_enforce_them() {
    let upstream = echo().await;
    let engine = Engine::start(settings("checkout"), store()).await;
    engine.hold().await;
    let (begun, from) = (Instant::now(), engine.service.today());
    let a = start(options("a", engine.address, upstream.address)).await;
    let b = start(options("b", engine.address, upstream.address)).await;
    engine.until_connected(2).await;
    let dispatched = engine.dispatch("run/dispatch", Rates::Total(100.0)).await;
    assert_eq!(rates(&dispatched), [("a".into(), 50.0, true), ("b".into(), 50.0, true)]);
    assert_eq!((dispatched.total_rps, dispatched.unconfirmed.len()), (100.0, 0));

    let (mut passed, mut refused) = (0_u32, 0_u32);
    while refused < 50 || passed < 10 {
        for agent in [&a, &b] {
            let (status, headers, _) = get(agent.address).await;
            match status {
                StatusCode::CREATED => passed += 1,
                StatusCode::TOO_MANY_REQUESTS => {
                    assert_eq!(headers.get("retry-after").unwrap(), "1");
                    refused += 1;
                }
                other => panic!("{other}"),
            }
        }
    }
    let most = 100.0 * begun.elapsed().as_secs_f64() + 2.0 * burst_requests(50.0);
    assert!(f64::from(passed) <= most, "{passed} of {most}");
    assert_eq!(upstream.served.load(Ordering::Relaxed), u64::from(passed));

    engine
        .until("reports tell of every request", |_| {
            // The newest report is always of a moment that has passed.
            let to = Timestamp(engine.service.today().0 - 1_000);
            let traffic = engine.service.traffic(&"checkout".into(), from, to);
            traffic.is_some_and(|traffic| (traffic.passed - f64::from(passed)).abs() < 1e-3 && traffic.refused > 0.0)
        })
        .await;
    a.stop().await;
    engine.until("who stops takes leave", |views| views.len() == 1).await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_observed_passes_everything_and_counts_what_it_would_have_refused() {
    let upstream = echo().await;
    let engine = Engine::start(TargetSettings { mode: Mode::Observe, ..settings("checkout") }, store()).await;
    engine.hold().await;
    let agent = start(options("a", engine.address, upstream.address)).await;
    engine.until_connected(1).await;
    engine.dispatch("run/dispatch", Rates::Total(1.0)).await;
    for _ in 0..20 {
        assert_eq!(get(agent.address).await.0, StatusCode::CREATED);
    }
    engine.until("refusals are counted", |views| views[0].refused_rps > 0.0).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fall_that_is_not_confirmed_keeps_others_from_rising() {
    let upstream = echo().await;
    let engine = Engine::start(settings("checkout"), store()).await;
    engine.hold().await;
    let agent = start(options("b", engine.address, upstream.address)).await;
    let mut silent = Manual::connect(engine.address, "a", "1").await.unwrap();
    engine.until_connected(2).await;
    let first = tokio::join!(engine.dispatch("run/one", each(&[("a", 150.0), ("b", 50.0)])), async {
        let command = silent.command().await;
        silent.acknowledge(&command).await;
    });
    assert!(first.0.unconfirmed.is_empty());

    // From here on `a` says nothing, so that it may still hold its 150 of the 210.
    let second = engine.dispatch("run/two", each(&[("a", 10.0), ("b", 200.0)])).await;
    assert_eq!(second.unconfirmed, ["a".into()]);
    let told = rates(&second);
    assert_eq!((told[0].0.as_str(), told[0].2), ("a", false));
    assert!((told[1].1 - 60.0).abs() < 1e-3 && told[1].2, "{told:?}");

    // Once it answers, the rest goes out without another dispatch.
    let mut command = silent.command().await;
    while command.rate_rps > 10.0 {
        command = silent.command().await;
    }
    silent.acknowledge(&command).await;
    engine.until("the rest is sent", |views| views[1].rate_rps == Some(200.0) && views[1].confirmed).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_again_sends_the_same_commands_and_changes_nothing() {
    let engine = Engine::start(settings("checkout"), store()).await;
    engine.hold().await;
    let mut agent = Manual::connect(engine.address, "a", "1").await.unwrap();
    engine.until_connected(1).await;
    let (first, command) = tokio::join!(engine.dispatch("run/one", Rates::Total(80.0)), async {
        let command = agent.command().await;
        agent.acknowledge(&command).await;
        command
    });
    let stored = engine.store.assignments(&"checkout".into()).await.unwrap();
    assert_eq!(stored[0].command_id, command.command_id);
    // What is asked for now does not matter: the key was decided.
    let again = engine.dispatch("run/one", Rates::Total(80.0)).await;
    assert_eq!(first, again);

    // The same after a restart, from the store.
    engine.stop.cancel();
    let engine = Engine::start(settings("checkout"), engine.store.clone()).await;
    let mut agent = Manual::connect(engine.address, "a", "1").await.unwrap();
    let (third, repeated) = tokio::join!(engine.dispatch("run/one", Rates::Total(80.0)), async {
        let command = agent.command().await;
        agent.acknowledge(&command).await;
        command
    });
    assert_eq!(rates(&third), rates(&first));
    assert_eq!(repeated.command_id, command.command_id);
    assert!(repeated.epoch.unwrap().sequence >= command.epoch.unwrap().sequence);
    assert_eq!(engine.store.assignments(&"checkout".into()).await.unwrap(), stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_finds_its_engine_again_and_is_renewed_above_what_it_has_seen() {
    let upstream = echo().await;
    let mut settings = settings("checkout");
    settings.rate.time_to_live = Duration::from_secs(3);
    let engine = Engine::start(settings.clone(), store()).await;
    engine.hold().await;
    let agent = start(options("a", engine.address, upstream.address)).await;
    engine.until_connected(1).await;
    engine.dispatch("run/one", Rates::Total(500.0)).await;
    let first = engine.views()[0].epoch;
    engine.until("it is renewed", |views| views[0].epoch > first && views[0].confirmed).await;
    let before = engine.views()[0].epoch;

    engine.stop.cancel();
    let engine = Engine::start_at(engine.address, settings, engine.store.clone()).await;
    engine
        .until("it came back", |views| {
            views[0].connected && views[0].confirmed && views[0].rate_rps == Some(500.0) && views[0].epoch > before
        })
        .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_engine_an_agent_goes_on_until_its_time_runs_out() {
    let upstream = echo().await;
    let mut settings = settings("checkout");
    settings.rate.time_to_live = Duration::from_secs(2);
    settings.rate.on_expiry = OnExpiry::Refuse;
    let engine = Engine::start(settings, store()).await;
    engine.hold().await;
    let agent = start(options("a", engine.address, upstream.address)).await;
    engine.until_connected(1).await;
    engine.dispatch("run/one", Rates::Total(1_000.0)).await;
    while get(agent.address).await.0 != StatusCode::CREATED {}
    engine.stop.cancel();
    let expired = async {
        loop {
            let (status, headers, _) = get(agent.address).await;
            // Without a rate there is no time to tell, so the longer pause is told.
            if status == StatusCode::TOO_MANY_REQUESTS && headers.get("retry-after").unwrap() == "5" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, expired).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatch_that_waits_stops_when_it_is_told_to_or_its_target_is_halted() {
    let engine = Engine::start(settings("checkout"), store()).await;
    engine.hold().await;
    let _silent = Manual::connect(engine.address, "a", "1").await.unwrap();
    engine.until_connected(1).await;
    let target = "checkout".into();

    let link_of_one = link();
    let stop = link_of_one.stop.clone();
    let order = engine.order("run/one", Rates::Total(10.0));
    let (ended, ()) = tokio::join!(engine.service.dispatch(order, link_of_one), async { stop.cancel() });
    assert_eq!(ended.unwrap_err().kind, FailureKind::Cancelled);

    let order = engine.order("run/two", Rates::Total(10.0));
    let (ended, ()) = tokio::join!(engine.service.dispatch(order, link()), async {
        while engine.store.assignments(&target).await.unwrap()[0].command_id != "run/two/a" {
            tokio::task::yield_now().await;
        }
        engine.service.set_halted(Some(&target), true);
    });
    assert_eq!(ended.unwrap_err().kind, FailureKind::Halted);

    engine.service.set_halted(Some(&target), false);
    engine.service.set_halted(None, true);
    let refused = engine.service.dispatch(engine.order("run/three", Rates::Total(10.0)), link()).await;
    insta::assert_snapshot!(
        refused.unwrap_err().message,
        @"target `checkout` is halted; `homeostat unhalt checkout` lets it go on"
    );
    assert_eq!(engine.store.assignments(&target).await.unwrap()[0].command_id, "run/two/a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_lease_has_passed_on_changes_nothing() {
    let engine = Engine::start(settings("checkout"), store()).await;
    let mut state = TargetState::unknown("checkout".into(), Timestamp(0));
    state.lease.token = 7;
    state.lease.run = Some(crate::base::id::RunId::generate());
    engine.put(state).await;
    let _agent = Manual::connect(engine.address, "a", "1").await.unwrap();
    engine.until_connected(1).await;
    let order = DispatchOrder { token: 6, ..engine.order("run/one", Rates::Total(10.0)) };
    let error = engine.service.dispatch(order, link()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::LeaseLost);
    assert_eq!(engine.store.assignments(&"checkout".into()).await.unwrap(), []);
    assert_eq!(engine.views()[0].rate_rps, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_that_are_none_are_refused_for_good() {
    let engine = Engine::start(settings("checkout"), store()).await;
    let order = engine.order("run/one", each(&[("a", f64::NAN)]));
    let error = engine.service.dispatch(order, link()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    insta::assert_snapshot!(error.message, @"target `checkout`: agent `a`: NaN is not a rate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_the_engine_cannot_take_is_told_why() {
    let engine = Engine::start(settings("checkout"), store()).await;
    let _first = Manual::connect(engine.address, "a", "1").await.unwrap();
    engine.until_connected(1).await;
    let status = Manual::connect(engine.address, "a", "2").await.err().unwrap();
    assert_eq!(status.code(), Code::AlreadyExists);
    insta::assert_snapshot!(
        status.message(),
        @"another process is connected as agent `a` of target `checkout`; give one of them another `--id`"
    );
    let status = Manual::connect(engine.address, "", "2").await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(engine.views().len(), 1);
}
