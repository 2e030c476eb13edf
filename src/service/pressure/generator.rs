//! Sends one trial: an open arrival model with one schedule, whatever the target answers.
//!
//! Latency counts from the moment a request was due, so that a target that stands still is charged for every request that
//! should have met it. How late requests really went out is counted as well: a late generator says nothing of the target.
//! Dropping the future stops it: what is in flight is abandoned and nothing more is sent.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::alarm::Alarm;
use super::client::{Answer, Endpoint, Failure};
use super::figures::{Collector, Cut, Figures, whole};
use super::schedule::Schedule;
use crate::model::load::Arrivals;
use crate::model::objective::Objective;

/// More than this may never be in flight: each needs a connection, and thus a file handle.
const IN_FLIGHT: u64 = 4_000;

/// How often the trial is looked at: whether it still has a point, and what to show.
const LOOK: Duration = Duration::from_millis(25);

/// Requests that are due within so long of each other are sent at one go: waking up costs as much as sending.
const GRAIN: Duration = Duration::from_micros(100);

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The test's own rate, above 0.
    pub rate_rps: f64,
    pub duration: Duration,
    pub arrivals: Arrivals,
    /// Of what is by chance.
    pub seed: u64,
    /// Whether it goes on, within reason, though it can no longer meet the objective.
    pub patient: bool,
}

impl Load {
    /// How many requests that is, at least 1.
    pub fn requests(&self) -> u64 {
        whole((self.rate_rps * self.duration.as_secs_f64()).round()).max(1)
    }
}

/// One answer.
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

impl Sent {
    /// The sender itself failed.
    fn nothing(why: &str) -> Self {
        let figures = Figures { cut: Some(Cut::Sender), ..Figures::default() };
        Self { figures, failure: Some(Answer::Failed(Failure::Sender(why.to_owned()))) }
    }
}

/// Sends `load` to the endpoint, from the endpoint's thread. `look` is called several times a second and may end the trial.
pub async fn send(
    endpoint: &Endpoint,
    load: &Load,
    objective: &Objective,
    mut look: impl FnMut() -> Option<Cut>,
) -> Sent {
    let (tell, told) = watch::channel(None);
    let trial = run(endpoint.clone(), *load, *objective, told);
    // It polls many connections in one go, which is not to be rationed: nothing else is on its thread.
    let mut trial = AbortOnDropHandle::new(endpoint.thread().spawn(tokio::task::unconstrained(trial)));
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            sent = &mut trial => return sent.unwrap_or_else(|_| Sent::nothing("the thread that sends has ended")),
            _ = ticks.tick() => if let Some(cut) = look() {
                tell.send_replace(Some(cut));
            }
        }
    }
}

/// The trial itself; `told` says that it is to end.
async fn run(endpoint: Endpoint, load: Load, objective: Objective, told: watch::Receiver<Option<Cut>>) -> Sent {
    let planned = load.requests();
    // Enough for a target that answers at the very end of what the objective allows, and for those that are overdue.
    let waiting = load.rate_rps * (objective.p99_ms / 1e3 + 0.1) * 1.5;
    let room = usize::try_from(whole(waiting).clamp(64, IN_FLIGHT)).unwrap_or(usize::MAX);
    let collector = Collector::new(planned, &objective);
    let collector = if load.patient { collector.patient() } else { collector };
    let mut counted = Counted { collector, failure: None };
    let Ok(mut alarm) = Alarm::new() else { return Sent::nothing("no timer is free: raise `ulimit -n`") };
    let mut in_flight = FuturesUnordered::new();
    let mut schedule = Schedule::new(load.arrivals, load.rate_rps, planned, load.seed);
    let start = Instant::now();
    let (mut next, mut cut, mut looked) = (0, None, start);
    while cut.is_none() && next < planned {
        let now = Instant::now();
        while next < planned && start + schedule.due() <= now && cut.is_none() {
            if in_flight.len() >= room {
                cut = counted.collector.cut(microseconds(now - start)).or(Some(Cut::InFlight));
                break;
            }
            let due = start + schedule.due();
            let number = counted.collector.sent(microseconds(due - start));
            in_flight.push(request(&endpoint, number, due));
            schedule.pass();
            next += 1;
        }
        if now - looked >= LOOK {
            looked = now;
            cut = cut.or_else(|| counted.cut(now - start)).or_else(|| *told.borrow());
        }
        alarm.set((start + schedule.due()).max(now + GRAIN).min(looked + LOOK + GRAIN), now);
        // Takes every answer that is there, and comes back at the latest when the next request is due.
        poll_fn(|cx| {
            let mut woken = false;
            while let Poll::Ready(Some(reply)) = in_flight.poll_next_unpin(cx) {
                counted.take(reply);
                woken = true;
            }
            if alarm.poll(cx).is_ready() || woken { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    let span = schedule.due();
    // An answer that comes so late is slow in any case; only a trial that may pass has to know whether it comes at all.
    let patience = Duration::from_secs_f64(objective.p99_ms * 2.0 / 1e3);
    let last_call = if cut.is_some() { Instant::now() + patience } else { start + span + endpoint.timeout() };
    while let Ok(Some(reply)) = tokio::time::timeout_at(last_call, in_flight.next()).await {
        counted.take(reply);
        // Once the rest of the trial cannot pass, nobody needs its last answers.
        if cut.is_none() {
            cut = counted.collector.cut(microseconds(start.elapsed())).or_else(|| *told.borrow());
        }
    }
    Sent { figures: counted.collector.finish(span, cut), failure: counted.failure }
}

async fn request(endpoint: &Endpoint, number: usize, due: Instant) -> Reply {
    let lateness_us = microseconds(due.elapsed());
    let answer = endpoint.call_next(due).await;
    Reply { number, lateness_us, latency_us: microseconds(due.elapsed()), answer }
}

struct Counted {
    collector: Collector,
    failure: Option<Answer>,
}

impl Counted {
    fn take(&mut self, reply: Reply) {
        let success = reply.answer == Answer::Success;
        self.collector.was_late(reply.lateness_us);
        self.collector.answered(reply.number, reply.latency_us, success);
        if !success && !self.is_out_of_means() {
            self.failure = Some(reply.answer);
        }
    }

    /// Whether this machine had nothing left to send with.
    fn is_out_of_means(&self) -> bool {
        matches!(self.failure, Some(Answer::Failed(Failure::Sender(_))))
    }

    fn cut(&self, elapsed: Duration) -> Option<Cut> {
        let out_of_means = self.is_out_of_means().then_some(Cut::Sender);
        out_of_means.or_else(|| self.collector.cut(microseconds(elapsed)))
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
