//! Webhooks against real HTTP servers that fail, are slow, send elsewhere and refuse.

use std::sync::Mutex;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::signature::sign;
use super::*;
use crate::base::clock::SystemClock;
use crate::model::event::Event;
use crate::store::MemoryStore;

/// What a subscriber got.
#[derive(Clone, Debug)]
struct Got {
    headers: axum::http::HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn event(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A subscriber that answers its n-th request, from 1, as it is told.
#[derive(Clone, Debug)]
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    async fn start<F: Future<Output = Response> + Send>(
        answer: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let router = axum::Router::new().fallback(move |headers: axum::http::HeaderMap, body: String| {
            let count = {
                let mut got = kept.lock().unwrap();
                got.push(Got { headers, body });
                got.len()
            };
            let answer = answer.clone();
            async move { answer(count).await }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }

    async fn pleased() -> Self {
        Self::start(|_| async { StatusCode::NO_CONTENT.into_response() }).await
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The ids of the events that came, in order.
    fn ids(&self) -> Vec<String> {
        self.got().iter().map(|got| got.event()["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn until(&self, count: usize) -> Vec<String> {
        eventually(|| self.got.lock().unwrap().len() >= count).await;
        self.ids()
    }
}

async fn eventually(is_so: impl Fn() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(tokio::time::Instant::now() < patience, "it does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Debug)]
struct Kept;

#[async_trait::async_trait]
impl Secrets for Kept {
    async fn secret(&self, name: &str) -> Result<SecretString, String> {
        match name {
            "HOOK" => Ok(secret()),
            _ => Err(format!("there is no secret `{name}`")),
        }
    }
}

fn secret() -> SecretString {
    SecretString::from(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode([7; 32])))
}

/// A store, and the subscribers that follow it.
struct House {
    store: Arc<MemoryStore>,
    allowed: AllowedHosts,
    shutdown: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { store, allowed: AllowedHosts::loopback(), shutdown: CancellationToken::new(), running: None }
    }

    /// Returns once every subscriber has begun.
    async fn start(&mut self, webhooks: Vec<Webhook>) {
        let options = Options {
            clock: Arc::new(SystemClock),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            secrets: Arc::new(Kept),
            allowed: self.allowed.clone(),
        };
        self.shutdown = CancellationToken::new();
        let names: Vec<_> = webhooks.iter().map(|webhook| webhook.name.clone()).collect();
        self.running = Some(tokio::spawn(run(options, webhooks, self.shutdown.clone())));
        for name in names {
            while self.progress(name.as_str()).await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    async fn stop(&mut self) {
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap();
    }

    async fn accept(&self, kind: &str, ids: &[&str]) {
        for id in ids {
            let event = Event {
                subject: Some("checkout".into()),
                time: Timestamp(1_772_368_200_000),
                data: json!({ "n": 5 }),
                ..Event::new("https://ci.example/deploys ü", *id, kind)
            };
            let (at, known_since) = (Timestamp(1_772_368_200_123), Timestamp(0));
            let writes = vec![Write::AcceptEvent { event, at, known_since }];
            self.store.commit(Transaction { guards: Vec::new(), writes }).await.unwrap();
        }
    }

    async fn progress(&self, name: &str) -> Option<Progress> {
        let bookmarks = self.store.bookmarks().await.unwrap();
        let found = bookmarks.into_iter().find(|bookmark| bookmark.holder == Holder::Webhook(name.into()))?;
        Some(serde_json::from_value(found.state).unwrap())
    }

    async fn until(&self, name: &str, is_so: impl Fn(&Progress) -> bool) -> Progress {
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let progress = self.progress(name).await.unwrap();
            if is_so(&progress) {
                return progress;
            }
            assert!(tokio::time::Instant::now() < patience, "{progress:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn webhook(name: &str, url: &str) -> Webhook {
    Webhook {
        name: name.into(),
        url: url.to_owned(),
        events: Vec::new(),
        secret: "HOOK".to_owned(),
        timeout: Duration::from_millis(300),
        max_backoff: Duration::from_millis(20),
        give_up_after: Duration::from_hours(1),
        refusals: 3,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_in_order_signed_and_as_cloud_events() {
    let receiver = Receiver::pleased().await;
    let mut house = House::new();
    house.accept("A", &["before"]).await;
    let only = Webhook { events: vec!["A".to_owned(), "B".to_owned()], ..webhook("audit", &receiver.url) };
    house.start(vec![only]).await;
    house.accept("A", &["1", "2"]).await;
    house.accept("C", &["not wanted"]).await;
    house.accept("B", &["3"]).await;
    assert_eq!(receiver.until(3).await, ["1", "2", "3"]);
    for got in receiver.got() {
        let timestamp: i64 = got.header("webhook-timestamp").parse().unwrap();
        assert!((SystemClock.now().0 / 1_000 - timestamp).abs() <= 5);
        let signature = sign(&secret(), got.header("webhook-id"), timestamp, got.body.as_bytes()).unwrap();
        assert_eq!(got.header("webhook-signature"), signature);
    }
    let first = &receiver.got()[0];
    insta::assert_json_snapshot!(json!({
        "content-type": first.header("content-type"),
        "webhook-id": first.header("webhook-id"),
        "body": first.event(),
    }));
    house.until("audit", |progress| *progress == Progress { position: 5, ..Progress::default() }).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_slow_or_sends_elsewhere_is_tried_again_under_the_same_id() {
    let elsewhere = Receiver::pleased().await;
    let location = elsewhere.url.clone();
    let receiver = Receiver::start(move |count| {
        let location = location.clone();
        async move {
            match count {
                1 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                2 => {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    StatusCode::OK.into_response()
                }
                3 => (StatusCode::TEMPORARY_REDIRECT, [("location", location)]).into_response(),
                4 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]).into_response(),
                _ => StatusCode::OK.into_response(),
            }
        }
    })
    .await;
    let mut house = House::new();
    house.start(vec![webhook("audit", &receiver.url)]).await;
    house.accept("A", &["1", "2"]).await;
    assert_eq!(receiver.until(6).await, ["1", "1", "1", "1", "1", "2"]);
    let got = receiver.got();
    assert!(got[..5].iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id")));
    assert_ne!(got[5].header("webhook-id"), got[0].header("webhook-id"));
    assert!(elsewhere.got().is_empty(), "a redirect is not followed");
    house.until("audit", |progress| progress.position == 2 && progress.failing.is_none()).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_again_and_again_is_given_up_and_kept_with_the_reason() {
    let receiver = Receiver::start(|count| async move {
        if count <= 3 { StatusCode::UNPROCESSABLE_ENTITY.into_response() } else { StatusCode::OK.into_response() }
    })
    .await;
    let mut house = House::new();
    house.start(vec![webhook("audit", &receiver.url)]).await;
    house.accept("A", &["1", "2"]).await;
    assert_eq!(receiver.until(4).await, ["1", "1", "1", "2"]);
    let progress = house.until("audit", |progress| progress.position == 2).await;
    let [given_up] = &progress.given_up[..] else { panic!("{progress:?}") };
    assert_eq!((given_up.sequence, given_up.tries), (1, 3));
    assert_eq!(given_up.error, "it answered 422 Unprocessable Entity");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_is_not_there_is_given_up_in_time_and_holds_up_no_other() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let hangs = Receiver::start(|_| async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        StatusCode::OK.into_response()
    })
    .await;
    let pleased = Receiver::pleased().await;
    let mut house = House::new();
    let patience = Duration::from_millis(100);
    house
        .start(vec![
            Webhook { give_up_after: patience, ..webhook("away", &away) },
            Webhook { timeout: Duration::from_mins(1), ..webhook("hangs", &hangs.url) },
            webhook("pleased", &pleased.url),
        ])
        .await;
    house.accept("A", &["1", "2"]).await;
    assert_eq!(pleased.until(2).await, ["1", "2"]);
    let progress = house.until("away", |progress| progress.given_up.len() == 2).await;
    assert!(progress.given_up[0].error.contains("onnect"), "{progress:?}");
    assert!(!progress.given_up[0].error.contains("http://"), "a URL may hold a secret: {progress:?}");
    assert_eq!(hangs.ids(), ["1"]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_where_it_stopped_and_a_subscriber_that_was_away_is_new() {
    let receiver = Receiver::pleased().await;
    let mut house = House::new();
    house.start(vec![webhook("audit", &receiver.url)]).await;
    house.accept("A", &["1", "2"]).await;
    receiver.until(2).await;
    house.stop().await;
    house.accept("A", &["3", "4"]).await;
    house.start(vec![webhook("audit", &receiver.url)]).await;
    assert_eq!(
        receiver.until(4).await,
        ["1", "2", "3", "4"],
        "none is missing, and after an orderly stop none comes twice"
    );
    house.stop().await;

    house.start(Vec::new()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.stop().await;
    assert_eq!(house.progress("audit").await, None);
    house.accept("A", &["5"]).await;
    house.start(vec![webhook("audit", &receiver.url)]).await;
    house.accept("A", &["6"]).await;
    assert_eq!(receiver.until(5).await, ["1", "2", "3", "4", "6"]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_for_a_host_that_is_not_allowed_or_without_a_signature() {
    let receiver = Receiver::pleased().await;
    let mut house = House::new();
    house.allowed = AllowedHosts::parse(["10.0.0.0/8"]).unwrap();
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    let unsigned = Webhook { secret: "NONE".to_owned(), ..webhook("unsigned", &receiver.url) };
    house.start(vec![webhook("address", &receiver.url), webhook("name", &by_name), unsigned]).await;
    house.accept("A", &["1"]).await;
    let mut told = Vec::new();
    for name in ["address", "name", "unsigned"] {
        let progress =
            house.until(name, |progress| progress.failing.as_ref().is_some_and(|failing| failing.tries > 1)).await;
        told.push(progress.failing.unwrap().error);
    }
    let wanted = "(127.0.0.1) is not allowed; add the host or its network to `network.allow`";
    assert_eq!(told[0], format!("`127.0.0.1` {wanted}"));
    assert!(told[1].contains("`localhost` (") && told[1].contains("is not allowed"), "{}", told[1]);
    assert_eq!(told[2], "there is no secret `NONE`");
    assert!(receiver.got().is_empty());
    house.stop().await;
}
