//! Detectors against a store, an inbox that can refuse, and real servers.

mod alertmanager;
mod file;
mod http;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod oci;
mod prometheus;
mod scripted;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use secrecy::SecretString;
use serde_json::Value as Json;
use tokio::net::TcpListener;

use super::board::Board;
use super::supervisor::Options;
use super::{Failure, Inbox, Senses, Sight};
use crate::base::clock::{Clock, SystemClock, Timestamp};
use crate::model::detector::DetectorSettings;
use crate::model::event::Event;
use crate::model::network::AllowedHosts;
use crate::runtime::effect::ActionError;
use crate::runtime::ports::{
    Bookmark, EventFilter, EventOrder, Holder, Secrets, Store, StoredEvent, Transaction, Write,
};
use crate::store::MemoryStore;

/// The settings of a detector of that name, as the configuration reads them.
pub(super) fn settings(name: &str) -> DetectorSettings {
    read(&format!("kind: http, url: 'http://127.0.0.1/{name}', target: checkout"), name)
}

fn read(text: &str, name: &str) -> DetectorSettings {
    let text = format!("defaults: {{}}\ndetectors: {{ {name}: {{ {text} }} }}\n");
    let loaded = crate::config::read("test.yaml", &text, std::path::Path::new(""), &[]);
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let [declared] = &config.detectors[..] else { panic!("one is declared") };
    declared.detector.clone()
}

/// Takes events into a store, and fails as it is told.
#[derive(Debug)]
struct FakeInbox {
    store: Arc<MemoryStore>,
    clock: Arc<dyn Clock>,
    /// So many offers fail from now on.
    failing: AtomicUsize,
    /// Of those that fail, the event is taken all the same: only the answer is lost.
    loses_answers: Mutex<bool>,
    /// Events of this type are not declared.
    undeclared: Mutex<Option<String>>,
}

#[async_trait]
impl Inbox for FakeInbox {
    async fn offer(&self, event: Event, beside: Vec<Write>) -> Result<(), ActionError> {
        if self.undeclared.lock().unwrap().as_ref() == Some(&event.kind) {
            return Err(ActionError::permanent("it is not declared"));
        }
        let fails = self.failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        let lost = *self.loses_answers.lock().unwrap();
        if !fails || lost {
            let accept = Write::AcceptEvent { event, at: self.clock.now(), known_since: Timestamp(0) };
            let writes = std::iter::once(accept).chain(beside).collect();
            self.store.commit(Transaction { guards: Vec::new(), writes }).await.unwrap();
        }
        if fails { Err(ActionError::transient("100 events wait already")) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct Kept;

#[async_trait]
impl Secrets for Kept {
    async fn secret(&self, name: &str) -> Result<SecretString, String> {
        match name {
            "TOKEN" => Ok(SecretString::from("hush-4711")),
            "BROKEN" => Ok(SecretString::from("hush\n4711")),
            _ => Err(format!("there is no secret `{name}`")),
        }
    }
}

/// A store with an inbox before it.
struct House {
    store: Arc<MemoryStore>,
    inbox: Arc<FakeInbox>,
    clock: Arc<dyn Clock>,
    board: Board,
}

impl House {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let inbox = Arc::new(FakeInbox {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            failing: AtomicUsize::new(0),
            loses_answers: Mutex::new(false),
            undeclared: Mutex::new(None),
        });
        Self { store, inbox, clock, board: Board::default() }
    }

    fn options(&self) -> Options {
        Options {
            clock: Arc::clone(&self.clock),
            store: Arc::clone(&self.store) as _,
            inbox: Arc::clone(&self.inbox) as _,
            secrets: Arc::new(Kept),
            allowed: AllowedHosts::loopback(),
            board: self.board.clone(),
        }
    }

    async fn events(&self) -> Vec<StoredEvent> {
        let filter =
            EventFilter { order: EventOrder::OldestFirst { after: 0 }, limit: 1_000, ..EventFilter::default() };
        self.store.events(&filter).await.unwrap()
    }

    async fn data(&self) -> Vec<Json> {
        self.events().await.into_iter().map(|stored| stored.event.data).collect()
    }

    async fn memory(&self, name: &str) -> Option<Json> {
        let bookmarks = self.store.bookmarks().await.unwrap();
        let found = bookmarks.into_iter().find(|Bookmark { holder, .. }| *holder == Holder::Detector(name.into()))?;
        Some(found.state)
    }
}

/// A server on this machine; its address as `http://…`.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What one look of a detector shows.
async fn look(settings: &DetectorSettings) -> Result<Vec<Sight>, Failure> {
    let senses = Senses::new(AllowedHosts::loopback(), Arc::new(Kept));
    senses.open(settings).unwrap().unwrap().0.look().await
}

/// What its event carries.
fn carried(settings: &DetectorSettings, sight: &Sight) -> Result<Json, String> {
    let senses = Senses::new(AllowedHosts::loopback(), Arc::new(Kept));
    senses.open(settings).unwrap().unwrap().1.make(&sight.names)
}

/// The only thing that a look shows.
async fn one(settings: &DetectorSettings) -> Sight {
    let mut seen = look(settings).await.unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.remove(0)
}

/// Why a look shows nothing.
async fn why(settings: &DetectorSettings) -> String {
    look(settings).await.unwrap_err().why
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Waits for something that comes as soon as the machine gets to it.
async fn eventually<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < patience, "it does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
