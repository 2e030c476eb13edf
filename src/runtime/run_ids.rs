//! The port that names runs.

use std::fmt::Debug;

use crate::base::id::RunId;

/// Names runs.
pub trait RunIds: Debug + Send + Sync {
    /// An id that no run has, later than all that were given before.
    fn next(&self) -> RunId;
}

/// Ids that no other engine gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct UniqueRunIds;

impl RunIds for UniqueRunIds {
    fn next(&self) -> RunId {
        RunId::generate()
    }
}
