//! Webhooks: accepted events go to subscribers outside, in order, signed, and again until they are taken.
//!
//! Each subscriber has a task and a position of its own, so that one that fails holds up no other. The position is durable:
//! after a restart it goes on where it stopped, and what was delivered shortly before may come a second time, under the same
//! id. An event that is refused again and again, or that was tried for too long, is given up, and kept with the reason.
//! What it must not know: what rules make of events.

mod delivery;
mod progress;
mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::delivery::{Courier, Failure};
pub use self::progress::{Failing, GivenUp, Progress};
use super::outbound::{Outbound, backoff};
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::WebhookName;
use crate::base::random::Random;
use crate::model::metric;
use crate::model::network::AllowedHosts;
use crate::model::webhook::Webhook;
use crate::runtime::ports::{
    Bookmark, EventFilter, EventOrder, Holder, Secrets, Store, StoreError, StoredEvent, Transaction, Write,
};

/// Between looks where nothing has come.
const PAUSE: Duration = Duration::from_millis(200);
/// Between tries of a store that cannot be read.
const PATIENCE: Duration = Duration::from_secs(1);
/// Events of one look.
const PAGE: u64 = 100;
/// A position that moves is stored no more often: each time costs a sync.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// What webhooks need.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub secrets: Arc<dyn Secrets>,
    /// Where requests may go.
    pub allowed: AllowedHosts,
}

/// Delivers to all subscribers until `shutdown`.
pub async fn run(options: Options, webhooks: Vec<Webhook>, shutdown: CancellationToken) {
    let known = tokio::select! {
        () = shutdown.cancelled() => return,
        known = known(&options, &webhooks) => known,
    };
    let courier = Courier { outbound: Outbound::new(options.allowed), secrets: options.secrets };
    let mut tasks = JoinSet::new();
    for webhook in webhooks {
        let mut subscriber = Subscriber {
            clock: Arc::clone(&options.clock),
            store: Arc::clone(&options.store),
            courier: courier.clone(),
            progress: known.get(&webhook.name).cloned().unwrap_or_default(),
            saved: known.get(&webhook.name).cloned(),
            saved_at: Timestamp::default(),
            dice: Random(seed()),
            webhook,
        };
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = subscriber.follow() => {}
            }
            subscriber.save().await;
        });
    }
    tasks.join_all().await;
}

/// How far each subscriber had come. What is kept of one that is no longer configured is removed: should it come again, it is new.
async fn known(options: &Options, webhooks: &[Webhook]) -> BTreeMap<WebhookName, Progress> {
    loop {
        let error = match look_up(options, webhooks).await {
            Ok(known) => return known,
            Err(error) => error,
        };
        tracing::warn!(%error, "no webhook begins: how far they came cannot be read; it is tried again");
        options.clock.sleep(PATIENCE).await;
    }
}

async fn look_up(options: &Options, webhooks: &[Webhook]) -> Result<BTreeMap<WebhookName, Progress>, StoreError> {
    let mut known = BTreeMap::new();
    let mut gone = Vec::new();
    for Bookmark { holder, state } in options.store.bookmarks().await? {
        let Holder::Webhook(name) = holder else { continue };
        if !webhooks.iter().any(|webhook| webhook.name == name) {
            gone.push(Write::RemoveBookmark(Holder::Webhook(name)));
        } else if let Ok(progress) = serde_json::from_value(state) {
            known.insert(name, progress);
        }
    }
    if !gone.is_empty() {
        options.store.commit(Transaction { guards: Vec::new(), writes: gone }).await?;
    }
    Ok(known)
}

/// Without randomness all subscribers are tried at the same moments, and that is all.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// One subscriber on its way along the events.
struct Subscriber {
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    courier: Courier,
    webhook: Webhook,
    progress: Progress,
    /// What is stored of it; `None`: nothing, since it is new.
    saved: Option<Progress>,
    saved_at: Timestamp,
    dice: Random,
}

impl Subscriber {
    /// Never ends. A new one begins with what comes from now on.
    async fn follow(&mut self) {
        if self.saved.is_none() {
            self.progress.position = self.newest().await;
            self.save().await;
        }
        loop {
            let filter = EventFilter {
                order: EventOrder::OldestFirst { after: self.progress.position },
                limit: PAGE,
                ..EventFilter::default()
            };
            match self.store.events(&filter).await {
                Ok(found) if found.is_empty() => {
                    self.save().await;
                    self.clock.sleep(PAUSE).await;
                }
                Ok(found) => {
                    for stored in found {
                        if self.webhook.wants(&stored.event.kind) {
                            self.bring(&stored).await;
                        } else {
                            self.progress.passed(stored.sequence);
                        }
                        if self.clock.now().since(self.saved_at) >= SAVE_EVERY {
                            self.save().await;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(webhook = self.name(), %error, "events cannot be read; it is tried again");
                    self.clock.sleep(PATIENCE).await;
                }
            }
        }
    }

    async fn newest(&self) -> u64 {
        let filter = EventFilter { limit: 1, ..EventFilter::default() };
        loop {
            match self.store.events(&filter).await {
                Ok(found) => return found.first().map_or(0, |stored| stored.sequence),
                Err(error) => tracing::warn!(webhook = self.name(), %error, "events cannot be read; it is tried again"),
            }
            self.clock.sleep(PATIENCE).await;
        }
    }

    /// Tries an event until it is taken or given up.
    async fn bring(&mut self, stored: &StoredEvent) {
        loop {
            // After a restart the pause goes on that was begun before.
            if let Some(failing) = self.progress.failing.as_ref().filter(|failing| failing.sequence == stored.sequence)
            {
                self.clock.sleep_until(failing.next_try_at).await;
            }
            let Err(failure) = self.courier.deliver(&self.webhook, stored, self.clock.now()).await else {
                if self.progress.failing.is_some() {
                    tracing::info!(webhook = self.name(), event = stored.sequence, "the subscriber takes events again");
                }
                self.count("delivered");
                self.progress.passed(stored.sequence);
                return;
            };
            self.count("failed");
            let is_over = self.is_over(stored.sequence, failure);
            if is_over {
                self.count("given_up");
                self.progress.give_up(self.clock.now());
            }
            self.save().await;
            if is_over {
                return;
            }
        }
    }

    /// Notes that an event was not taken; whether it is not to be tried again.
    fn is_over(&mut self, sequence: u64, failure: Failure) -> bool {
        let Failure { why, refused, retry_after } = failure;
        let now = self.clock.now();
        let Webhook { ref name, refusals, give_up_after, max_backoff, .. } = self.webhook;
        let failing = self.progress.failed(sequence, now, refused, why);
        let (webhook, tries, error) = (name.as_str(), failing.tries, failing.error.as_str());
        if failing.refusals >= refusals || now.since(failing.since) >= give_up_after {
            tracing::warn!(webhook, event = sequence, tries, "an event is given up, and the next one tried: {error}");
            return true;
        }
        if tries == 1 {
            tracing::warn!(webhook, event = sequence, "an event is not taken; it is tried again: {error}");
        }
        let pause = backoff(tries, max_backoff, self.dice.unit());
        failing.next_try_at = now.after(pause.max(retry_after.unwrap_or_default().min(max_backoff)));
        false
    }

    fn name(&self) -> &str {
        self.webhook.name.as_str()
    }

    fn count(&self, result: &'static str) {
        let webhook = self.webhook.name.to_string();
        metrics::counter!(metric::WEBHOOK_DELIVERIES.name, "webhook" => webhook, "result" => result).increment(1);
    }

    /// Stores how far it has come, where that is not stored yet. What cannot be is stored the next time: should the engine die
    /// before, it is delivered again.
    async fn save(&mut self) {
        if self.saved.as_ref() == Some(&self.progress) {
            return;
        }
        self.saved_at = self.clock.now();
        let progress = self.progress.clone();
        let holder = Holder::Webhook(self.webhook.name.clone());
        // Numbers, texts and moments are always JSON.
        let state = serde_json::to_value(&progress).unwrap_or_default();
        let writes = vec![Write::PutBookmark(Bookmark { holder, state })];
        match self.store.commit(Transaction { guards: Vec::new(), writes }).await {
            Ok(_) => self.saved = Some(progress),
            Err(error) => tracing::warn!(webhook = self.name(), %error, "how far it has come cannot be stored"),
        }
    }
}

#[cfg(test)]
mod tests;
