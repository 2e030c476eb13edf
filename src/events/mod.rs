//! Events within a process: published, queued by priority, and given to handlers that are plugged in.
//!
//! An [`EventSystem`] holds events in memory. Events about one subject go to the handlers in the order of their priority,
//! and of their numbers within one; ten seconds of waiting are worth a level of priority. What is accepted is handled, or
//! kept among [`EventSystem::dead_letters`] with the reason; what there is no room for is refused, and the publisher is
//! told when to try again. [`Rules`] is the handler that gives events to an engine, where they become durable.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use std::sync::Arc;
//!
//! use homeostat::events::{Context, EventSystem, Handler, HandlerError, Options};
//! use homeostat::model::event::{Event, Priority};
//!
//! #[derive(Debug, Default)]
//! struct Counter(AtomicU64);
//!
//! #[homeostat::events::async_trait]
//! impl Handler for Counter {
//!     fn name(&self) -> &str {
//!         "counter"
//!     }
//!
//!     async fn handle(&self, _event: &Event, _context: &Context) -> Result<(), HandlerError> {
//!         self.0.fetch_add(1, Ordering::Relaxed);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), homeostat::events::PublishError> {
//! let system = EventSystem::new(Options::default());
//! let counter = Arc::new(Counter::default());
//! system.subscribe("ORDER_PLACED", counter.clone());
//! system.start();
//! system.publish(Event::new("shop", "1", "ORDER_PLACED"), Priority::default())?;
//! system.stop().await;
//! assert_eq!(counter.0.load(Ordering::Relaxed), 1);
//! # Ok(())
//! # }
//! ```
//!
//! What it must not know: stores, HTTP, what a rule is.

mod handler;
mod lane;
mod pool;
mod rules;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use async_trait::async_trait;
pub use handler::{Context, Handler, HandlerError, Pace};
pub use rules::Rules;

use crate::base::clock::{Clock, SystemClock, Timestamp};
use crate::model::event::{Event, Priority};
use crate::model::metric;
use lane::Lane;
use pool::Pool;
use topics::{Seat, Topics};

/// What publishers are told to wait where there is no room.
const RETRY_AFTER_MS: u64 = 100;
/// So many dead letters are kept; the oldest go first.
const DEAD_LETTERS: usize = 1_000;

/// How events are held and handled.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Arc<dyn Clock>,
    /// So many events may wait or be at work; those that are scheduled count.
    pub capacity: usize,
    /// So many events may wait for slow handlers or be at work there: what is slow takes no more of the room.
    pub slow_capacity: usize,
    /// Queues that are worked on at once. All events about one subject are in one of them.
    pub lanes: NonZero<usize>,
    /// Threads on which slow handlers are at work.
    pub slow_threads: NonZero<usize>,
    /// How often an event is given to a handler that fails, all in all.
    pub attempts: u32,
    /// Before the second attempt; doubled before each further one.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let parallel = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            clock: Arc::new(SystemClock),
            capacity: 1_000_000,
            slow_capacity: 10_000,
            lanes: parallel,
            slow_threads: parallel.saturating_add(2),
            attempts: 3,
            backoff: Duration::from_millis(100),
        }
    }
}

/// Why an event was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("too many events wait; try again in {retry_after_ms} ms")]
    Busy { retry_after_ms: u64 },
    #[error("the event system has been stopped")]
    Stopped,
}

/// An event that a handler could not handle.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub event: Arc<Event>,
    pub handler: String,
    pub reason: String,
    pub attempts: u32,
}

/// See the module. Cheap to hand around: all copies are one.
#[derive(Clone, Debug)]
pub struct EventSystem {
    core: Arc<Core>,
}

pub(crate) struct Core {
    options: Options,
    topics: Topics,
    lanes: Vec<Lane>,
    pool: Pool,
    spread: RandomState,
    sequence: AtomicU64,
    room: Arc<Room>,
    stopped: AtomicBool,
    /// Cancelled to have lanes end.
    closing: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    dead: Mutex<VecDeque<DeadLetter>>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSystem").field("waiting", &self.room.taken()).finish_non_exhaustive()
    }
}

/// How much of the capacity is taken.
#[derive(Debug, Default)]
struct Room {
    all: AtomicUsize,
    slow: AtomicUsize,
    /// Of those that wait for a moment that is still to come.
    later: AtomicUsize,
    freed: tokio::sync::Notify,
}

impl Room {
    fn taken(&self) -> usize {
        self.all.load(Ordering::Acquire)
    }
}

/// An event that takes room until the last who has to do with it lets it go.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) event: Arc<Event>,
    is_slow: bool,
    room: Arc<Room>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.is_slow {
            self.room.slow.fetch_sub(1, Ordering::AcqRel);
        }
        let before = self.room.all.fetch_sub(1, Ordering::AcqRel);
        // Whoever stops the system waits for all but what is scheduled.
        if before <= self.room.later.load(Ordering::Acquire) + 1 {
            self.room.freed.notify_waiters();
        }
    }
}

impl EventSystem {
    /// A system that takes events from now on, and gives them to handlers once it is started.
    pub fn new(options: Options) -> Self {
        let lanes = (0..options.lanes.get()).map(|_| Lane::default()).collect();
        let core = Core {
            topics: Topics::default(),
            lanes,
            pool: Pool::default(),
            spread: RandomState::new(),
            sequence: AtomicU64::new(0),
            room: Arc::default(),
            stopped: AtomicBool::new(false),
            closing: CancellationToken::new(),
            tasks: Mutex::default(),
            dead: Mutex::default(),
            options,
        };
        Self { core: Arc::new(core) }
    }

    /// Plugs a handler in: it gets the events of the types that it names itself.
    pub fn register_handler(&self, handler: Arc<dyn Handler>) {
        let types = handler.types();
        self.core.topics.add(&Seat::new(handler), &types);
    }

    /// Plugs a handler in for one type of events.
    pub fn subscribe(&self, kind: &str, handler: Arc<dyn Handler>) {
        self.core.topics.add(&Seat::new(handler), &[kind.to_owned()]);
    }

    /// Begins to give events to handlers. Must be called inside a tokio runtime; a second call changes nothing.
    pub fn start(&self) {
        let mut tasks = lock(&self.core.tasks);
        if !tasks.is_empty() || self.core.stopped.load(Ordering::SeqCst) {
            return;
        }
        self.core.pool.start(self.core.options.slow_threads, &self.core);
        for index in 0..self.core.lanes.len() {
            tasks.push(tokio::spawn(lane::work(Arc::clone(&self.core), index)));
        }
    }

    /// Takes an event in, and gives it its number. It is handled once those before it at its subject have been.
    ///
    /// # Errors
    /// There is no room, or the system was stopped; the event was not taken.
    pub fn publish(&self, event: Event, priority: Priority) -> Result<u64, PublishError> {
        self.core.publish(Event { priority, ..event })
    }

    /// Takes an event in that is handled at that moment, or at once where it has passed.
    ///
    /// # Errors
    /// As for [`Self::publish`].
    pub fn schedule_event(&self, event: Event, priority: Priority, at: Timestamp) -> Result<u64, PublishError> {
        self.core.publish(Event { priority, deliver_at: Some(at), ..event })
    }

    /// How many events wait or are at work.
    pub fn waiting(&self) -> usize {
        self.core.room.taken()
    }

    /// What handlers could not handle, the oldest first. Only the newest thousand are kept.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.core.dead).iter().cloned().collect()
    }

    /// Accepts nothing more, and returns once everything that was accepted has been handled. What is scheduled for later is
    /// given up: how many events that were. Whoever cannot lose them gives them to an engine, see [`Rules`].
    pub async fn stop(&self) -> usize {
        self.core.stopped.store(true, Ordering::SeqCst);
        let room = &self.core.room;
        if !lock(&self.core.tasks).is_empty() {
            loop {
                let freed = room.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                if room.taken() <= room.later.load(Ordering::Acquire) {
                    break;
                }
                freed.await;
            }
        }
        // The lanes let go of what is scheduled when they end.
        let given_up = room.taken();
        self.core.closing.cancel();
        self.core.pool.stop();
        let tasks = std::mem::take(&mut *lock(&self.core.tasks));
        for task in tasks {
            // A lane contains what handlers do; should it fail all the same, there is nothing left to stop.
            let _ = task.await;
        }
        given_up
    }
}

impl Core {
    fn publish(self: &Arc<Self>, event: Event) -> Result<u64, PublishError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(PublishError::Stopped);
        }
        let topic = self.topics.of(&event.kind);
        let is_slow = topic.as_ref().is_some_and(|topic| !topic.slow.is_empty());
        let busy = PublishError::Busy { retry_after_ms: RETRY_AFTER_MS };
        let room = &self.room;
        if room.all.fetch_add(1, Ordering::AcqRel) >= self.options.capacity {
            room.all.fetch_sub(1, Ordering::AcqRel);
            return Err(busy);
        }
        if is_slow && room.slow.fetch_add(1, Ordering::AcqRel) >= self.options.slow_capacity {
            room.slow.fetch_sub(1, Ordering::AcqRel);
            room.all.fetch_sub(1, Ordering::AcqRel);
            return Err(busy);
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let lane = match &event.subject {
            Some(subject) if self.lanes.len() > 1 => self.spread.hash_one(subject.as_str()) % self.lanes.len() as u64,
            _ => 0,
        };
        let admitted = Arc::new(Admitted { event: Arc::new(event), is_slow, room: Arc::clone(room) });
        if let Some(lane) = usize::try_from(lane).ok().and_then(|lane| self.lanes.get(lane)) {
            lane.put(sequence, admitted, topic);
        }
        Ok(sequence)
    }

    fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// What an attempt came to that did not succeed: another one, or the dead letters.
    fn failed(self: &Arc<Self>, seat: &Arc<Seat>, admitted: Arc<Admitted>, attempt: u32, error: HandlerError) {
        let handler = seat.handler.name().to_owned();
        metrics::counter!(metric::HANDLER_FAILURES.name, "handler" => handler.clone()).increment(1);
        if error.is_permanent() || attempt >= self.options.attempts {
            tracing::error!(%handler, event = %admitted.event.id, attempt, %error, "event not handled");
            let mut dead = lock(&self.dead);
            if dead.len() >= DEAD_LETTERS {
                dead.pop_front();
            }
            let (event, reason) = (Arc::clone(&admitted.event), error.to_string());
            dead.push_back(DeadLetter { event, handler, reason, attempts: attempt });
            return;
        }
        tracing::warn!(%handler, event = %admitted.event.id, attempt, %error, "event is tried again");
        let doublings = attempt.saturating_sub(1).min(16);
        let due = self.now().after(self.options.backoff.saturating_mul(1 << doublings));
        let (core, seat) = (Arc::clone(self), Arc::clone(seat));
        tokio::spawn(async move {
            core.options.clock.sleep_until(due).await;
            core.give(&seat, admitted, attempt + 1);
        });
    }

    /// Gives an event to a handler that need not be waited for.
    fn give(self: &Arc<Self>, seat: &Arc<Seat>, admitted: Arc<Admitted>, attempt: u32) {
        match seat.pace {
            Pace::Slow => self.pool.put(seat, admitted, attempt),
            Pace::Quick => {
                let (core, seat) = (Arc::clone(self), Arc::clone(seat));
                tokio::spawn(async move {
                    let result = handler::attempt(&core, &seat, &admitted, attempt).await;
                    core.settle(&seat, admitted, attempt, result);
                });
            }
        }
    }

    fn settle(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        admitted: Arc<Admitted>,
        attempt: u32,
        result: Result<(), HandlerError>,
    ) {
        if let Err(error) = result {
            self.failed(seat, admitted, attempt, error);
        }
    }
}

/// A lock whose holder panicked still guards plain data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
