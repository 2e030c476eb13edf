//! Runs detectors: each looks, is let rest, and tells what has changed.
//!
//! Each has a task of its own, so that one that fails or hangs holds up no other. What was told is written in the transaction
//! that takes the event in: a crash leaves either both or neither. An event that is not taken now is tried again, by then with
//! what is seen by then.
//! What it must not know: what is looked at, and what an event means.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::allowance::Allowance;
use super::board::Board;
use super::expressions::Carried;
use super::telling::{Memory, Pending, Telling};
use super::{Detector, Failure, Inbox, Senses};
use crate::base::clock::{Clock, Timestamp};
use crate::base::digest::Digest;
use crate::base::id::DetectorName;
use crate::base::random::Random;
use crate::model::detector::{DetectorSettings, SOURCE};
use crate::model::event::Event;
use crate::model::metric;
use crate::model::network::AllowedHosts;
use crate::runtime::effect::FailureKind;
use crate::runtime::ports::{Bookmark, Holder, Secrets, Store, StoreError, Transaction, Write};
use crate::service::outbound::backoff;

/// Between tries of what the store or the inbox does not take.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep, so that a clock that is set back is seen.
const LOOK: Duration = Duration::from_hours(1);
/// What goes on failing is complained of no more often.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// What detectors need.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub inbox: Arc<dyn Inbox>,
    pub secrets: Arc<dyn Secrets>,
    /// Where requests may go.
    pub allowed: AllowedHosts,
    pub board: Board,
}

/// Runs all detectors until `shutdown`.
pub async fn run(options: Options, detectors: Vec<DetectorSettings>, shutdown: CancellationToken) {
    let senses = Senses::new(options.allowed.clone(), Arc::clone(&options.secrets));
    let mut opened = Vec::new();
    for settings in detectors {
        match senses.open(&settings) {
            Ok(Some((detector, carried))) => opened.push((settings, detector, carried)),
            Ok(None) => {}
            Err(error) => tracing::error!(detector = settings.name.as_str(), "the detector does not begin: {error}"),
        }
    }
    run_opened(options, opened, shutdown).await;
}

/// A detector with its settings and what its events carry.
pub(super) type Ready = (DetectorSettings, Box<dyn Detector>, Carried);

pub(super) async fn run_opened(options: Options, opened: Vec<Ready>, shutdown: CancellationToken) {
    let names: Vec<_> = opened.iter().map(|(settings, ..)| settings.name.clone()).collect();
    let mut known = tokio::select! {
        () = shutdown.cancelled() => return,
        known = known(&options, &names) => known,
    };
    let mut tasks = JoinSet::new();
    for (settings, detector, carried) in opened {
        options.board.note(&settings.name, |_| ());
        let keeper = Keeper {
            telling: Telling::new(&settings, known.remove(&settings.name)),
            allowance: Allowance::new(settings.per_minute),
            options: options.clone(),
            dice: Random(seed()),
            complained: None,
            is_held_back: false,
            settings,
            detector,
            carried,
        };
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = keeper.keep() => {}
            }
        });
    }
    tasks.join_all().await;
}

/// What each has told. What is kept of one that is no longer configured is removed: should it come again, it is new.
async fn known(options: &Options, names: &[DetectorName]) -> BTreeMap<DetectorName, Memory> {
    loop {
        let error = match look_up(options.store.as_ref(), names).await {
            Ok(known) => return known,
            Err(error) => error,
        };
        tracing::warn!(%error, "no detector begins: what they told cannot be read; it is tried again");
        options.clock.sleep(PAUSE).await;
    }
}

async fn look_up(store: &dyn Store, names: &[DetectorName]) -> Result<BTreeMap<DetectorName, Memory>, StoreError> {
    let mut known = BTreeMap::new();
    let mut gone = Vec::new();
    for Bookmark { holder, state } in store.bookmarks().await? {
        let Holder::Detector(name) = holder else { continue };
        if !names.contains(&name) {
            gone.push(Write::RemoveBookmark(Holder::Detector(name)));
        } else if let Ok(memory) = serde_json::from_value(state) {
            known.insert(name, memory);
        }
    }
    if !gone.is_empty() {
        store.commit(Transaction { guards: Vec::new(), writes: gone }).await?;
    }
    Ok(known)
}

/// Without randomness all that fail together are tried together, and that is all.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Keeps one detector looking, and tells what it sees.
struct Keeper {
    options: Options,
    settings: DetectorSettings,
    detector: Box<dyn Detector>,
    carried: Carried,
    telling: Telling,
    allowance: Allowance,
    dice: Random,
    complained: Option<Timestamp>,
    /// Whether it has been counted that more is to be told than may be.
    is_held_back: bool,
}

impl Keeper {
    /// Never ends.
    async fn keep(mut self) {
        loop {
            let next_look = self.look().await;
            loop {
                let next_try = self.tell().await;
                let next = next_try.map_or(next_look, |next_try| next_try.min(next_look));
                let now = self.options.clock.now();
                self.options.clock.sleep_until(next.min(now.after(LOOK))).await;
                let now = self.options.clock.now();
                // A clock that was set back far must not keep a detector from looking.
                if now >= next_look || next_look.since(now) > self.settings.every.max(self.settings.max_backoff) {
                    break;
                }
            }
        }
    }

    /// Looks once; when it is to look again.
    async fn look(&mut self) -> Timestamp {
        let began = self.options.clock.now();
        let seen = AssertUnwindSafe(self.detector.look()).catch_unwind().await;
        let seen = seen.unwrap_or_else(|_| Err(Failure::from("it panicked; please report it".to_owned())));
        let now = self.options.clock.now();
        match seen {
            Ok(sights) => {
                self.count_look("succeeded");
                let failed = self.options.board.note(&self.settings.name, |standing| {
                    standing.succeeded_at = Some(now);
                    standing.failing = None;
                    std::mem::take(&mut standing.failures)
                });
                if failed > 0 {
                    tracing::info!(detector = self.name(), failed, "the detector sees again what it watches");
                    self.complained = None;
                }
                self.telling.see(sights, now);
                began.after(self.settings.every).max(now)
            }
            Err(Failure { why, retry_after }) => {
                self.count_look("failed");
                let failures = self.options.board.note(&self.settings.name, |standing| {
                    standing.failing = Some(why.clone());
                    standing.failures += 1;
                    standing.failures
                });
                self.complain(&format!("nothing is seen, and it looks again: {why}"));
                let most = self.settings.max_backoff;
                let pause = backoff(failures, most, self.dice.unit());
                now.after(pause.max(retry_after.unwrap_or_default().min(most)))
            }
        }
    }

    /// Tells what is due; when it is to be tried again, where something is left.
    async fn tell(&mut self) -> Option<Timestamp> {
        for pending in self.telling.due() {
            let now = self.options.clock.now();
            if let Some(next) = self.allowance.wait(now) {
                if !std::mem::replace(&mut self.is_held_back, true) {
                    self.count_event("held_back");
                    let most = self.settings.per_minute;
                    tracing::warn!(
                        detector = self.name(),
                        most,
                        "more is to be told than `per_minute` allows; the latest is told later"
                    );
                }
                return Some(next);
            }
            self.is_held_back = false;
            let memory = self.telling.memory_with(&pending, now);
            let event = match self.event(&pending) {
                Ok(event) => event,
                Err(why) => {
                    self.pass_over(&pending, memory, &why);
                    continue;
                }
            };
            match self.options.inbox.offer(event, vec![self.bookmark(&memory)]).await {
                Ok(()) => {
                    self.count_event("accepted");
                    self.options.board.note(&self.settings.name, |standing| standing.told_at = Some(now));
                    self.allowance.spend(now);
                    self.telling.told(&pending, memory);
                }
                Err(error) if error.kind == FailureKind::Permanent => self.pass_over(&pending, memory, &error.message),
                Err(error) => {
                    self.count_event("postponed");
                    self.complain(&format!("an event is not taken in, and is tried again: {}", error.message));
                    return Some(now.after(PAUSE));
                }
            }
        }
        self.save().await
    }

    /// What nobody could take is not tried again.
    fn pass_over(&mut self, pending: &Pending, memory: Memory, why: &str) {
        self.count_event("refused");
        self.complain(&format!("an event is not taken in: {why}"));
        self.telling.passed_over(pending, memory);
    }

    fn event(&self, pending: &Pending) -> Result<Event, String> {
        let DetectorSettings { name, event, .. } = &self.settings;
        let key = match pending.sight.key.as_str() {
            "" => String::new(),
            key => format!("{}/", Digest::of(key).short()),
        };
        let data = self.carried.make(&pending.sight.names)?;
        Ok(Event {
            subject: pending.sight.target.clone(),
            time: pending.since,
            data,
            ..Event::new(SOURCE, format!("{name}/{key}{}", pending.since), event.clone())
        })
    }

    /// Stores what was told, where that is not stored yet; when it is to be tried again.
    async fn save(&mut self) -> Option<Timestamp> {
        let write = self.bookmark(self.telling.unsaved()?);
        let transaction = Transaction { guards: Vec::new(), writes: vec![write] };
        match self.options.store.commit(transaction).await {
            Ok(_) => {
                self.telling.saved();
                None
            }
            Err(error) => {
                self.complain(&format!("what was told cannot be stored: {error}"));
                Some(self.options.clock.now().after(PAUSE))
            }
        }
    }

    fn bookmark(&self, memory: &Memory) -> Write {
        Write::PutBookmark(Bookmark {
            holder: Holder::Detector(self.settings.name.clone()),
            // Texts and moments are always JSON.
            state: serde_json::to_value(memory).unwrap_or_default(),
        })
    }

    fn name(&self) -> &str {
        self.settings.name.as_str()
    }

    fn count_look(&self, result: &'static str) {
        let detector = self.settings.name.to_string();
        metrics::counter!(metric::DETECTOR_LOOKS.name, "detector" => detector, "result" => result).increment(1);
    }

    fn count_event(&self, result: &'static str) {
        let detector = self.settings.name.to_string();
        metrics::counter!(metric::DETECTOR_EVENTS.name, "detector" => detector, "result" => result).increment(1);
    }

    fn complain(&mut self, why: &str) {
        let now = self.options.clock.now();
        if self.complained.is_none_or(|complained| now.since(complained) >= COMPLAIN_EVERY) {
            self.complained = Some(now);
            tracing::warn!(detector = self.settings.name.as_str(), "{why}");
        }
    }
}
