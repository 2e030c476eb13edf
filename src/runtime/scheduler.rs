//! Schedules become events, each occurrence once, on time, and by its policy where nobody was there.
//!
//! How far a schedule has come is written in the transaction that takes its event in, so that a crash leaves either both or
//! neither. A schedule that is new, or that goes by other moments than before, begins with the moment it is first seen.
//! Each has a task of its own: none waits for another. What it must not know: what rules make of the events.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::effect::FailureKind;
use super::ports::{Bookmark, Context, Holder, StoreError, Transaction, Write};
use crate::base::clock::Timestamp;
use crate::base::id::ScheduleName;
use crate::model::metric;
use crate::model::schedule::{CatchUp, Schedule};

/// Of what was missed, `catch_up: all` makes up for so many.
pub const MOST_CAUGHT_UP: usize = 100;
/// Who wakes so much too late was not there: the machine slept, or its clock was set.
const ABSENT: Duration = Duration::from_mins(1);
/// Between tries of what the store does not take.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep, so that a clock that is set back is seen.
const LOOK: Duration = Duration::from_hours(1);

/// How far a schedule has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Progress {
    /// The moments that it goes by, as they are written.
    timing: String,
    /// All occurrences up to this moment are taken in or let go.
    until: Timestamp,
}

/// Fires schedules.
#[derive(Debug)]
pub struct Scheduler {
    context: Context,
    schedules: Vec<Schedule>,
}

impl Scheduler {
    pub fn new(context: Context, schedules: Vec<Schedule>) -> Self {
        Self { context, schedules }
    }

    /// Goes on from where the last engine stopped, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let started = self.context.clock.now();
        let known = tokio::select! {
            () = shutdown.cancelled() => return,
            known = self.known() => known,
        };
        let mut tasks = JoinSet::new();
        for schedule in self.schedules {
            let progress = known.get(&schedule.name).cloned();
            let follower = Follower { context: self.context.clone(), schedule, complained: None };
            let shutdown = shutdown.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = follower.follow(progress, started) => {}
                }
            });
        }
        tasks.join_all().await;
    }

    /// How far each schedule had come. What is kept of one that is no longer configured is removed: should it come again, it is new.
    async fn known(&self) -> BTreeMap<ScheduleName, Progress> {
        loop {
            let error = match self.look_up().await {
                Ok(known) => return known,
                Err(error) => error,
            };
            tracing::warn!(%error, "no schedule begins: how far they came cannot be read; it is tried again");
            self.context.clock.sleep(PAUSE).await;
        }
    }

    async fn look_up(&self) -> Result<BTreeMap<ScheduleName, Progress>, StoreError> {
        let mut known = BTreeMap::new();
        let mut gone = Vec::new();
        for Bookmark { holder, state } in self.context.store.bookmarks().await? {
            let Holder::Schedule(name) = holder else { continue };
            if !self.schedules.iter().any(|schedule| schedule.name == name) {
                gone.push(Write::RemoveBookmark(Holder::Schedule(name)));
            } else if let Ok(progress) = serde_json::from_value(state) {
                known.insert(name, progress);
            }
        }
        if !gone.is_empty() {
            self.context.store.commit(Transaction { guards: Vec::new(), writes: gone }).await?;
        }
        Ok(known)
    }
}

/// One schedule on its way.
struct Follower {
    context: Context,
    schedule: Schedule,
    complained: Option<Timestamp>,
}

impl Follower {
    /// Ends only where the schedule has no moment left.
    async fn follow(mut self, progress: Option<Progress>, started: Timestamp) {
        let timing = self.schedule.timing.to_string();
        let mut until = match progress.filter(|progress| progress.timing == timing) {
            Some(progress) => progress.until,
            None => {
                self.begin(started).await;
                started
            }
        };
        // One that falls on the very start is on time.
        until = self.catch_up(until, started).await.max(started.before(Duration::from_millis(1)));
        while let Some(next) = self.schedule.timing.next(until) {
            if let Some(woken) = self.sleep_until(next).await
                && woken.since(next) > ABSENT
            {
                until = self.catch_up(until, woken).await.max(woken.before(Duration::from_millis(1)));
                continue;
            }
            self.fire(next).await;
            until = next;
        }
    }

    /// When it woke; `None`: the moment had come already.
    async fn sleep_until(&self, moment: Timestamp) -> Option<Timestamp> {
        let clock = &self.context.clock;
        let mut now = clock.now();
        let mut woken = None;
        while now < moment {
            clock.sleep_until(moment.min(now.after(LOOK))).await;
            now = clock.now();
            woken = Some(now);
        }
        woken
    }

    /// Makes up for what was missed between two moments as the schedule wants it; the last occurrence that it made up for, or
    /// `after` where there is none.
    async fn catch_up(&mut self, after: Timestamp, before: Timestamp) -> Timestamp {
        let missed = missed(&self.schedule, after, before);
        if missed.any {
            let (schedule, made_up_for) = (self.schedule.name.as_str(), missed.wanted.len());
            tracing::info!(schedule, since = %after, made_up_for, "occurrences were missed while nobody was there");
        }
        let mut until = after;
        for occurrence in missed.wanted {
            self.fire(occurrence).await;
            until = occurrence;
        }
        until
    }

    /// Keeps since when the schedule is known, so that what is missed from now on can be made up for.
    async fn begin(&mut self, at: Timestamp) {
        let write = self.bookmark(at);
        while let Err(error) = self.write(write.clone()).await {
            self.complain(&format!("that it begins cannot be stored: {error}"));
            self.context.clock.sleep(PAUSE).await;
        }
    }

    /// Takes the event of an occurrence in, durably, however long the store does not take it.
    async fn fire(&mut self, occurrence: Timestamp) {
        let event = self.schedule.event_at(occurrence);
        let name = self.schedule.name.to_string();
        loop {
            let beside = vec![self.bookmark(occurrence)];
            match self.context.outlet.emit_with(event.clone(), beside).await {
                Ok(()) => {
                    let late = self.context.clock.now().since(occurrence).as_secs_f64();
                    metrics::counter!(metric::SCHEDULE_EVENTS.name, "schedule" => name.clone(), "result" => "accepted")
                        .increment(1);
                    metrics::histogram!(metric::SCHEDULE_LATE.name, "schedule" => name).record(late);
                    return;
                }
                Err(error) if error.kind == FailureKind::Permanent => {
                    metrics::counter!(metric::SCHEDULE_EVENTS.name, "schedule" => name, "result" => "refused")
                        .increment(1);
                    self.complain(&error.message);
                    // Should the engine die before the next occurrence, this one is refused again.
                    let _ = self.write(self.bookmark(occurrence)).await;
                    return;
                }
                Err(error) => self.complain(&format!("{}; it is tried again", error.message)),
            }
            self.context.clock.sleep(PAUSE).await;
        }
    }

    fn bookmark(&self, until: Timestamp) -> Write {
        let progress = Progress { timing: self.schedule.timing.to_string(), until };
        Write::PutBookmark(Bookmark {
            holder: Holder::Schedule(self.schedule.name.clone()),
            // A text and a moment are always JSON.
            state: serde_json::to_value(progress).unwrap_or_default(),
        })
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        let transaction = Transaction { guards: Vec::new(), writes: vec![write] };
        self.context.store.commit(transaction).await.map(drop)
    }

    /// Once a minute is often enough.
    fn complain(&mut self, why: &str) {
        let now = self.context.clock.now();
        if self.complained.is_none_or(|complained| now.since(complained) >= Duration::from_mins(1)) {
            self.complained = Some(now);
            tracing::warn!(schedule = self.schedule.name.as_str(), "an event of the schedule is not taken in: {why}");
        }
    }
}

/// What was missed.
#[derive(Debug, PartialEq, Eq)]
struct Missed {
    any: bool,
    /// What is to be made up for, in order.
    wanted: Vec<Timestamp>,
}

/// The occurrences after one moment and before another, by the schedule's policy. Looked for from the end, so that a long
/// absence costs no more than a short one.
fn missed(schedule: &Schedule, after: Timestamp, before: Timestamp) -> Missed {
    let most = match schedule.catch_up {
        CatchUp::None | CatchUp::Last => 1,
        CatchUp::All => MOST_CAUGHT_UP,
    };
    let mut moment = before;
    let found = std::iter::from_fn(|| {
        moment = schedule.timing.previous(moment)?;
        (moment > after).then_some(moment)
    });
    let mut wanted: Vec<_> = found.take(most).collect();
    wanted.reverse();
    let any = !wanted.is_empty();
    if schedule.catch_up == CatchUp::None {
        wanted.clear();
    }
    Missed { any, wanted }
}
