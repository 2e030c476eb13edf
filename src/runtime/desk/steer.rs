//! What is done to a target at rest without a run: a person pauses or resumes it, a strategy sets another rate.

use serde_json::Value as Json;

use super::Desk;
use crate::model::target::{PAUSED_BY_A_PERSON, Phase, TargetState};
use crate::runtime::control::ControlError;
use crate::runtime::machine::{self, Trigger};
use crate::runtime::ports::{Guard, Write};

impl Desk {
    /// A person pauses or resumes the target.
    pub(super) async fn change_phase(&mut self, trigger: Trigger) -> Result<TargetState, ControlError> {
        let Some(subject) = &self.subject else {
            return Err(ControlError::Conflict("events without a subject have no phase".to_owned()));
        };
        let mut state = subject.state.clone();
        if let Some(holder) = self.holder() {
            return Err(ControlError::Conflict(format!(
                "run {} holds `{}`; wait for its end, or stop it with `homeostat halt {}`",
                holder.id, state.name, state.name
            )));
        }
        state.phase = machine::next(state.phase, trigger).ok_or_else(|| {
            ControlError::Conflict(format!("`{}` is {}", subject.state.name, subject.state.phase.as_str()))
        })?;
        state.phase_before = state.phase;
        state.reason = (trigger == Trigger::Pause).then(|| PAUSED_BY_A_PERSON.to_owned());
        state.updated_at = self.world.now();
        let guard = Guard::Lease { target: state.name.clone(), token: state.lease.token };
        self.commit(vec![guard], vec![Write::PutTarget(state.clone())]).await?;
        if let Some(subject) = &mut self.subject {
            subject.state = state.clone();
        }
        Ok(state)
    }

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
