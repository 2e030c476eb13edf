//! What `proto/` becomes: the messages between engine and agents, and their translation into the shared nouns.
//!
//! What it must not know: streams, rates, who sends what when.

use crate::model;

/// Package `homeostat.agent.v1`.
#[expect(clippy::pedantic, clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated")]
pub mod agent {
    tonic::include_proto!("homeostat.agent.v1");
}

impl From<model::assignment::Epoch> for agent::Epoch {
    fn from(epoch: model::assignment::Epoch) -> Self {
        Self { incarnation: epoch.incarnation, token: epoch.token, sequence: epoch.sequence }
    }
}

impl From<agent::Epoch> for model::assignment::Epoch {
    fn from(epoch: agent::Epoch) -> Self {
        Self { incarnation: epoch.incarnation, token: epoch.token, sequence: epoch.sequence }
    }
}
