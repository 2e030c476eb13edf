//! `state.stable`, `state.degraded`, `state.paused`: propose the phase that the target rests in once the run has ended.
//!
//! The proposal itself is the effect: the runtime reads it from the journal and settles it with the end of the run.

use async_trait::async_trait;

use super::target;
use crate::model::action::ActionSignature;
use crate::model::schema::{Field, JsonMap, Shape};
use crate::model::target::Phase;
use crate::runtime::effect::{Effect, Outcome};
use crate::runtime::ports::{Action, Context};

#[derive(Debug)]
pub(super) struct Rest {
    name: &'static str,
    docs: &'static str,
    phase: Phase,
}

impl Rest {
    pub(super) const STABLE: Self = Self {
        name: "state.stable",
        docs: "Lets the target rest in `stable`, with the given deployment as the one that runs.",
        phase: Phase::Stable,
    };
    pub(super) const DEGRADED: Self = Self {
        name: "state.degraded",
        docs: "Lets the target rest in `degraded`: it takes events as a stable one does, and people see why.",
        phase: Phase::Degraded,
    };
    pub(super) const PAUSED: Self = Self {
        name: "state.paused",
        docs: "Lets the target rest in `paused`: its events wait until one of type `WAKE`, or a person, resumes it.",
        phase: Phase::Paused,
    };
}

#[async_trait]
impl Action for Rest {
    fn signature(&self) -> ActionSignature {
        let input = match self.phase {
            Phase::Stable => Field::optional("signature", Shape::String, "the deployment that runs from now on"),
            _ => Field::optional("reason", Shape::String, "what people are told"),
        };
        ActionSignature {
            proposes: Some(self.phase),
            needs_target: true,
            ..ActionSignature::pure(self.name, self.docs, vec![input], Vec::new())
        }
    }

    async fn perform(&self, effect: &Effect, _context: &Context) -> Outcome {
        target(effect)?;
        Ok(JsonMap::new().into())
    }
}
