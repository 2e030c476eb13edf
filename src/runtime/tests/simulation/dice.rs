//! Chance from a seed: the same seed gives the same numbers, whatever else happens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A stream of numbers. Copies share it; [`Dice::fork`] makes one of its own.
#[derive(Clone, Debug)]
pub(super) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A stream that depends on the seed and the name alone, not on what was drawn before.
    pub(super) fn of(seed: u64, name: &str) -> Self {
        let mixed = name
            .bytes()
            .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self::new(mixed)
    }

    /// SplitMix64.
    pub(super) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is not 0.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// True so many times in a thousand.
    pub(super) fn per_mille(&self, share: u64) -> bool {
        self.below(1_000) < share
    }

    pub(super) fn percent(&self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(super) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    pub(super) fn ms(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }

    /// Mostly short, now and then up to a thousand times as long: what networks and disks do.
    pub(super) fn latency(&self) -> Duration {
        match self.below(100) {
            0..50 => Duration::ZERO,
            50..90 => self.ms(1, 5),
            90..99 => self.ms(5, 60),
            _ => self.ms(100, 3_000),
        }
    }
}
