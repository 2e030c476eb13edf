//! What a strategy makes of a target at rest: another rate, and what it remembers.

use serde_json::Value as Json;

use super::Desk;
use crate::model::target::{Phase, TargetState};
use crate::runtime::control::ControlError;
use crate::runtime::ports::{Guard, Write};

impl Desk {
    /// Keeps a rate and what led to it, durably. Refused while a run holds the target, and where it is paused or halted.
    pub(super) async fn steer(&mut self, rate_rps: f64, remembered: Json) -> Result<TargetState, ControlError> {
        let Some(subject) = &self.subject else {
            return Err(ControlError::Conflict("events without a subject have no rate".to_owned()));
        };
        let mut state = subject.state.clone();
        let at_rest = matches!(state.phase, Phase::Stable | Phase::Degraded);
        if self.holder().is_some() || self.halted || self.draining || !at_rest {
            return Err(ControlError::Conflict(format!("`{}` is not to be steered now", state.name)));
        }
        state.rate_rps = Some(rate_rps);
        state.steering = Some(remembered);
        state.updated_at = self.world.now();
        let guard = Guard::Lease { target: state.name.clone(), token: state.lease.token };
        self.commit(vec![guard], vec![Write::PutTarget(state.clone())]).await?;
        if let Some(subject) = &mut self.subject {
            subject.state = state.clone();
        }
        Ok(state)
    }
}
