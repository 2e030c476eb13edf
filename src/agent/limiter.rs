//! Says at a given moment whether one more request passes. The rate may be set at any time.
//!
//! A generic cell rate algorithm (GCRA, ITU-T I.371) that counts requests instead of time. Let V(t) be how many requests
//! the rate has allowed up to t: the integral of the rate. The limiter keeps one number, `spent`, and V − `spent`
//! requests may pass at once, but never more than the burst: a request moves `spent` to max(`spent`, V − burst) + 1.
//! A new rate only bends V from then on. What was saved or owed in requests stays as it is, so a change gives no free
//! burst and stalls nobody; the classic form, which keeps an arrival time, has to rescale it at every change.
//!
//! Over any time, what passes is at most the integral of the rate and one burst. It starts with nothing saved.
//! What it must not know: HTTP, commands, why the rate is what it is.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How much may be saved up, as time at the rate. A scheduler that is late by less costs no throughput, and a service
/// with a queue of so long does not notice the burst.
pub const BURST: Duration = Duration::from_millis(40);

/// At low rates less would lose throughput: up to one request is saved after each that was refused, and one that comes late by
/// its interval finds two more.
const LEAST_BURST: u64 = 3 * REQUEST;

/// One request in the unit of the counters. Rates are exact to a millionth of a request a second, and the counters last
/// for half a year at a million requests a second.
const REQUEST: u64 = 1_000_000;

/// Above it a rate counts as this much.
const HIGHEST_RPS: f64 = 1e6;

/// What was decided on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// One more passes after this time, if nobody else comes first; `None` while the rate is zero.
    Refuse {
        retry_after: Option<Duration>,
    },
}

/// A rate limit that any number of threads may ask, and set, at once.
#[derive(Debug)]
pub struct Limiter {
    /// V's slope and one of its points, under a sequence lock: odd while it is being written.
    version: AtomicU64,
    since_ns: AtomicU64,
    allowed: AtomicU64,
    rate: AtomicU64,
    /// The one number that requests change.
    spent: AtomicU64,
    setting: Mutex<()>,
}

/// One straight piece of V.
#[derive(Clone, Copy, Debug)]
struct Slope {
    since_ns: u64,
    /// V at `since_ns`.
    allowed: u64,
    /// Millionths of a request a second.
    rate: u64,
}

impl Slope {
    fn allowed_at(self, now_ns: u64) -> u64 {
        let elapsed = u128::from(now_ns.saturating_sub(self.since_ns));
        let more = elapsed * u128::from(self.rate) / 1_000_000_000;
        self.allowed.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    }

    fn burst(self) -> u64 {
        if self.rate == 0 {
            return 0;
        }
        let saved = u128::from(self.rate) * BURST.as_nanos() / 1_000_000_000;
        u64::try_from(saved).unwrap_or(u64::MAX).max(LEAST_BURST)
    }
}

impl Limiter {
    /// Nothing passes until a rate is set.
    pub fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            since_ns: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            setting: Mutex::new(()),
        }
    }

    /// Sets the rate from now on. `now_ns` counts from any fixed moment; what is not a positive number is zero.
    pub fn set(&self, rate_rps: f64, now_ns: u64) {
        let _one_at_a_time = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.slope();
        let now_ns = now_ns.max(old.since_ns);
        let new = Slope { since_ns: now_ns, allowed: old.allowed_at(now_ns), rate: to_units(rate_rps) };
        // What was saved beyond the smaller of both bursts is gone; else it would come back with the next rise.
        let most = old.burst().min(new.burst());
        self.spent.fetch_max(new.allowed.saturating_sub(most), Ordering::AcqRel);

        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.since_ns.store(new.since_ns, Ordering::Relaxed);
        self.allowed.store(new.allowed, Ordering::Relaxed);
        self.rate.store(new.rate, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// Decides on one request at `now_ns`. Read the time before the call: a moment that has passed is never too generous.
    pub fn decide(&self, now_ns: u64) -> Verdict {
        let mut spent = self.spent.load(Ordering::Acquire);
        loop {
            let slope = self.slope();
            let allowed = slope.allowed_at(now_ns);
            let next = spent.max(allowed.saturating_sub(slope.burst())).saturating_add(REQUEST);
            if slope.rate == 0 || next > allowed {
                return Verdict::Refuse { retry_after: wait(next - allowed.min(next), slope.rate) };
            }
            match self.spent.compare_exchange_weak(spent, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Verdict::Pass,
                Err(moved) => spent = moved,
            }
        }
    }

    fn slope(&self) -> Slope {
        loop {
            let before = self.version.load(Ordering::Acquire);
            let slope = Slope {
                since_ns: self.since_ns.load(Ordering::Relaxed),
                allowed: self.allowed.load(Ordering::Relaxed),
                rate: self.rate.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && before == self.version.load(Ordering::Relaxed) {
                return slope;
            }
            std::hint::spin_loop();
        }
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

/// How many requests may be saved up at a rate.
pub fn burst_requests(rate_rps: f64) -> f64 {
    let slope = Slope { since_ns: 0, allowed: 0, rate: to_units(rate_rps) };
    to_requests(slope.burst())
}

fn wait(missing: u64, rate: u64) -> Option<Duration> {
    let nanos = (u128::from(missing) * 1_000_000_000).checked_div(u128::from(rate))?;
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped; rounding down is meant"
)]
fn to_units(rate_rps: f64) -> u64 {
    if rate_rps > 0.0 { (rate_rps.min(HIGHEST_RPS) * REQUEST as f64) as u64 } else { 0 }
}

#[expect(clippy::cast_precision_loss, reason = "a burst is small")]
fn to_requests(units: u64) -> f64 {
    units as f64 / REQUEST as f64
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
