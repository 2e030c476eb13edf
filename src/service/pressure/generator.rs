//! Sends one trial: an open arrival model with one evenly spaced schedule, whatever the target answers.
//!
//! Latency counts from the moment a request was due, so that a target that stands still is charged for every request that
//! should have met it. How late requests really went out is counted as well: a late generator says nothing of the target.
//! Dropping the future stops it: what is in flight is abandoned and nothing more is sent.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Answer, Endpoint, Failure};
use super::figures::{Collector, Cut, Figures, count, whole};
use crate::model::objective::Objective;

/// More than this may never be in flight: each needs a connection, and thus a file handle.
const IN_FLIGHT: u64 = 4_000;

/// How often the trial is looked at: whether it still has a point, and what to show.
const LOOK: Duration = Duration::from_millis(25);

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The test's own rate, above 0.
    pub rate_rps: f64,
    pub duration: Duration,
    /// Whether it goes on, within reason, though it can no longer meet the objective.
    pub patient: bool,
}

impl Load {
    /// How many requests that is, at least 1.
    pub fn requests(&self) -> u64 {
        whole((self.rate_rps * self.duration.as_secs_f64()).round()).max(1)
    }
}

/// One answer, as the task that waited for it reports it.
struct Reply {
    number: usize,
    lateness_us: u64,
    latency_us: u64,
    answer: Answer,
}

/// What a trial came to.
#[derive(Clone, Debug)]
pub struct Sent {
    pub figures: Figures,
    /// The last answer that was none.
    pub failure: Option<Answer>,
}

/// Sends `load` to the endpoint. `look` is called several times a second and may end the trial.
pub async fn send(
    endpoint: &Endpoint,
    load: &Load,
    objective: &Objective,
    mut look: impl FnMut() -> Option<Cut>,
) -> Sent {
    let planned = load.requests();
    let interval_us = 1e6 / load.rate_rps;
    // Enough for a target that answers at the very end of what the objective allows, and for those that are overdue.
    let waiting = load.rate_rps * (objective.p99_ms / 1e3 + 0.1) * 1.5;
    let room = usize::try_from(whole(waiting).clamp(64, IN_FLIGHT)).unwrap_or(usize::MAX);
    let collector = Collector::new(planned, objective);
    let collector = if load.patient { collector.patient() } else { collector };
    let mut trial = Running { collector, failure: None, replies: JoinSet::new() };
    let start = Instant::now();
    let due = |number: u64| start + Duration::from_secs_f64(count(number) * interval_us / 1e6);
    let (mut next, mut cut, mut looked) = (0, None, start);
    let mut alarm = Box::pin(tokio::time::sleep_until(start));
    while cut.is_none() && next < planned {
        tokio::select! {
            biased;
            () = &mut alarm => {}
            Some(reply) = trial.replies.join_next() => trial.take(reply.ok()),
        }
        let now = Instant::now();
        while next < planned && due(next) <= now && cut.is_none() {
            if trial.replies.len() >= room {
                cut = trial.collector.cut(microseconds(now - start)).or(Some(Cut::InFlight));
            } else {
                trial.send(endpoint, due(next), start);
                next += 1;
            }
        }
        while let Some(reply) = trial.replies.try_join_next() {
            trial.take(reply.ok());
        }
        if now - looked >= LOOK {
            looked = now;
            let out_of_means = matches!(trial.failure, Some(Answer::Failed(Failure::Sender(_)))).then_some(Cut::Sender);
            cut = cut.or(out_of_means).or_else(|| trial.collector.cut(microseconds(now - start))).or_else(&mut look);
        }
        alarm.as_mut().reset(due(next).min(now + LOOK));
    }
    let end = due(next);
    // An answer that comes so late is slow in any case; only a trial that may pass has to know whether it comes at all.
    let patience = Duration::from_secs_f64(objective.p99_ms * 2.0 / 1e3);
    let last_call = if cut.is_some() { Instant::now() + patience } else { end + endpoint.timeout() };
    while let Ok(Some(reply)) = tokio::time::timeout_at(last_call, trial.replies.join_next()).await {
        trial.take(reply.ok());
        // Once the rest of the trial cannot pass, nobody needs its last answers.
        if cut.is_none() {
            cut = trial.collector.cut(microseconds(start.elapsed()));
        }
    }
    Sent { figures: trial.collector.finish(end - start, cut), failure: trial.failure }
}

struct Running {
    collector: Collector,
    failure: Option<Answer>,
    replies: JoinSet<Reply>,
}

impl Running {
    fn send(&mut self, endpoint: &Endpoint, due: Instant, start: Instant) {
        let number = self.collector.sent(microseconds(due - start));
        let endpoint = endpoint.clone();
        self.replies.spawn(async move {
            let lateness_us = microseconds(due.elapsed());
            let answer = endpoint.call(due).await;
            Reply { number, lateness_us, latency_us: microseconds(due.elapsed()), answer }
        });
    }

    fn take(&mut self, reply: Option<Reply>) {
        // A task that was torn down has no reply: it counts as unanswered.
        let Some(reply) = reply else { return };
        let success = reply.answer == Answer::Success;
        self.collector.was_late(reply.lateness_us);
        self.collector.answered(reply.number, reply.latency_us, success);
        let told = matches!(self.failure, Some(Answer::Failed(Failure::Sender(_))));
        if !success && !told {
            self.failure = Some(reply.answer);
        }
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
