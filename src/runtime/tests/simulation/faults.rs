//! What goes wrong, and how often; until it is calm.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::dice::Dice;

/// How often each thing goes wrong, in a thousand. Each seed has its own mixture: one with little trouble of many kinds finds
/// other faults than one with much of a single kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// The engine dies before, or after, a commit.
    pub(super) crash_before: u64,
    pub(super) crash_after: u64,
    /// A commit, or a read, fails.
    pub(super) disk_full: u64,
    pub(super) locked: u64,
    pub(super) write_fails: u64,
    pub(super) read_fails: u64,
    /// The engine dies in the middle of an effect, or right after it.
    pub(super) crash_in_effect: u64,
    /// An effect fails.
    pub(super) effect_fails: u64,
    pub(super) effect_hangs: u64,
    /// An agent's stream is cut with a message under way.
    pub(super) cut: u64,
    /// A publisher gives up waiting for its answer, and sends again.
    pub(super) impatience: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Faults {
    rates: Rates,
    calm: Arc<AtomicBool>,
    dice: Dice,
}

impl Faults {
    pub(super) fn of(seed: u64) -> Self {
        let dice = Dice::of(seed, "faults");
        let some = |most: u64| if dice.percent(40) { dice.below(most + 1) } else { 0 };
        let rates = Rates {
            crash_before: some(25),
            crash_after: some(25),
            disk_full: some(150),
            locked: some(100),
            write_fails: some(100),
            read_fails: some(60),
            crash_in_effect: some(60),
            effect_fails: some(400),
            effect_hangs: some(80),
            cut: some(80),
            impatience: some(300),
        };
        Self { rates, calm: Arc::default(), dice: Dice::of(seed, "whether") }
    }

    /// From now on nothing goes wrong.
    pub(super) fn stop(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(super) fn happens(&self, rate: impl FnOnce(&Rates) -> u64) -> bool {
        let rate = rate(&self.rates);
        rate > 0 && !self.is_calm() && self.dice.per_mille(rate)
    }
}
