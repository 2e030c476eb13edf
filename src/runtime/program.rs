//! All rules and plans that are in force together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::id::WorkflowName;
use crate::model::schema::Object;
use crate::plan::Plan;
use crate::router::Router;

/// What an engine runs by.
#[derive(Clone, Debug)]
pub struct Program {
    /// What events of each declared type carry.
    pub events: BTreeMap<String, Object>,
    pub router: Router,
    pub plans: BTreeMap<WorkflowName, Arc<Plan>>,
    /// Of all rules and plans.
    pub digest: Digest,
}
