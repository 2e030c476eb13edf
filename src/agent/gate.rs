//! Joins the commands that are held to the limiter that enforces them, and counts.
//!
//! What it must not know: HTTP, and how commands come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::holder::{Allowance, Holder, Order, Standing};
use super::limiter::{Limiter, Verdict};
use crate::model::assignment::Answer;
use crate::model::latency;

/// What is told to come again where no rate is known to come.
const NO_RATE: Duration = Duration::from_secs(5);

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Pass,
    Refuse { retry_after: Duration },
}

/// What went through since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub refused: u64,
    /// Answers that were none, or no good ones.
    pub failed: u64,
}

/// Lets requests in or refuses them.
#[derive(Debug)]
pub struct Gate {
    origin: Instant,
    limiter: Limiter,
    /// No rate is known and none is enforced.
    unlimited: AtomicBool,
    enforce: AtomicBool,
    passed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// Answers by how long they took.
    latencies: Vec<AtomicU64>,
    holder: Mutex<Holder>,
    /// What holds was set anew.
    changed: Notify,
}

impl Gate {
    /// A gate that holds no command yet.
    pub fn new(initial_rps: Option<f64>) -> Self {
        let gate = Self {
            origin: Instant::now(),
            limiter: Limiter::new(),
            unlimited: AtomicBool::new(false),
            enforce: AtomicBool::new(true),
            passed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies: (0..latency::BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            holder: Mutex::new(Holder::new(initial_rps)),
            changed: Notify::new(),
        };
        gate.refresh(&gate.holder());
        gate
    }

    /// A gate through which everything passes.
    pub fn open() -> Self {
        let gate = Self::new(None);
        gate.unlimited.store(true, Ordering::Relaxed);
        gate
    }

    /// The agent's clock: milliseconds since its start.
    pub fn clock_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Decides on one request, and counts it.
    pub fn enter(&self) -> Entry {
        if self.unlimited.load(Ordering::Relaxed) {
            self.passed.fetch_add(1, Ordering::Relaxed);
            return Entry::Pass;
        }
        match self.limiter.decide(self.clock_ns()) {
            Verdict::Pass => {
                self.passed.fetch_add(1, Ordering::Relaxed);
                Entry::Pass
            }
            Verdict::Refuse { retry_after } => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                if self.enforce.load(Ordering::Relaxed) {
                    return Entry::Refuse { retry_after: retry_after.unwrap_or(NO_RATE) };
                }
                self.passed.fetch_add(1, Ordering::Relaxed);
                Entry::Pass
            }
        }
    }

    /// A request that was passed came to its answer, or was given up.
    pub fn answered(&self, after: Duration, failed: bool) {
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(count) = self.latencies.get(latency::bucket(after)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many answers took how long, by bucket.
    pub fn latencies(&self) -> Vec<u64> {
        self.latencies.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Takes a command in.
    pub fn apply(&self, order: &Order) -> Answer {
        let mut holder = self.holder();
        let answer = holder.apply(order, self.clock_ms());
        self.refresh(&holder);
        answer
    }

    /// The engine said which mode the target is in.
    pub fn welcomed(&self, enforce: bool) {
        let mut holder = self.holder();
        holder.welcomed(enforce);
        self.refresh(&holder);
    }

    /// From now on nothing more is let in.
    pub fn leave(&self) {
        let mut holder = self.holder();
        holder.leave();
        self.refresh(&holder);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            passed: self.passed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// What holds now.
    pub fn allowance(&self) -> Allowance {
        self.holder().allowance(self.clock_ms())
    }

    /// Looks at the holder, ended commands included.
    pub fn with_holder<T>(&self, look: impl FnOnce(&Holder) -> T) -> T {
        look(&self.holder())
    }

    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Makes the limiter do what the holder says.
    fn refresh(&self, holder: &Holder) -> Allowance {
        let allowance = holder.allowance(self.clock_ms());
        self.limiter.set(allowance.rate_rps.unwrap_or(0.0), self.clock_ns());
        self.enforce.store(allowance.enforce, Ordering::Relaxed);
        self.unlimited.store(allowance.rate_rps.is_none(), Ordering::Relaxed);
        self.changed.notify_one();
        allowance
    }
}

/// Lets commands end in time.
pub async fn keep_time(gate: Arc<Gate>, stop: CancellationToken) {
    let mut last = None;
    loop {
        let allowance = gate.allowance();
        if last != Some(allowance.standing) {
            tell(&allowance);
            last = Some(allowance.standing);
        }
        let end = async {
            match allowance.until_ms {
                Some(until_ms) => {
                    let end = gate.origin + Duration::from_millis(until_ms);
                    tokio::time::sleep_until(end.into()).await;
                    gate.refresh(&gate.holder());
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = gate.changed.notified() => {}
            () = end => {}
        }
    }
}

fn tell(allowance: &Allowance) {
    let rate_rps = allowance.rate_rps;
    match allowance.standing {
        Standing::Initial => tracing::info!(rate_rps, "no command yet: the initial rate holds"),
        Standing::Commanded => tracing::info!(rate_rps, enforce = allowance.enforce, "the engine's rate holds"),
        Standing::Fallback => tracing::warn!(rate_rps, "the last command has ended: the fallback holds"),
        Standing::Leaving => {}
    }
}
