//! How the detectors of a running engine stand, for whoever looks on. Kept in memory only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::clock::Timestamp;
use crate::base::id::DetectorName;

/// How one detector stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When a look last showed something, be it that nothing has changed.
    pub succeeded_at: Option<Timestamp>,
    /// Why the looks since then failed; `None`: they did not.
    pub failing: Option<String>,
    /// So many failed one after the other.
    pub failures: u64,
    /// When an event was last taken.
    pub told_at: Option<Timestamp>,
}

/// How all of them stand.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<DetectorName, Standing>>>);

impl Board {
    /// All detectors, by name.
    pub fn all(&self) -> Vec<(DetectorName, Standing)> {
        self.lock().iter().map(|(name, standing)| (name.clone(), standing.clone())).collect()
    }

    /// Changes how one stands.
    pub(super) fn note<T>(&self, name: &DetectorName, change: impl FnOnce(&mut Standing) -> T) -> T {
        change(self.lock().entry(name.clone()).or_default())
    }

    /// A lock whose holder panicked still guards plain data.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<DetectorName, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
