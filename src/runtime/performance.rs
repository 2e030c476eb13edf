//! One attempt, or one undo, in a task of its own: within its time, and out of the way when told to stop.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::effect::{ActionError, Checkpoints, Effect, FailureKind, Outcome};
use super::journal::Place;
use super::world::World;
use crate::base::literal::format_duration;
use crate::plan::{Step, Undo};

/// How long an action may take to return after it was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What a task of the interpreter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskKind {
    Perform,
    Undo,
}

/// A task of the interpreter.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) place: Place,
    pub(super) kind: TaskKind,
    pub(super) stop: CancellationToken,
}

/// What an effect asks the interpreter to keep.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) place: Place,
    pub(super) state: Json,
    pub(super) saved: oneshot::Sender<()>,
}

/// Where an effect hands in its checkpoints.
#[derive(Debug)]
pub(super) struct CheckpointDesk {
    pub(super) place: Place,
    pub(super) sender: mpsc::Sender<Checkpoint>,
}

#[async_trait::async_trait]
impl Checkpoints for CheckpointDesk {
    async fn save(&self, state: Json) -> Result<(), ActionError> {
        let gone = || ActionError::new(FailureKind::Cancelled, "the run no longer listens");
        let (saved, answer) = oneshot::channel();
        let checkpoint = Checkpoint { place: self.place.clone(), state, saved };
        self.sender.send(checkpoint).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}

/// Performs one attempt or one undo.
pub(super) async fn perform(world: &World, step: &Step, effect: &Effect, kind: TaskKind, remembered: &Json) -> Outcome {
    let started = world.now();
    let work = async {
        match (kind, &step.undo) {
            (TaskKind::Perform, _) => world.action(step)?.perform(effect, &world.context).await,
            (TaskKind::Undo, Some(Undo::Previous)) => {
                world.action(step)?.undo(effect, remembered, &world.context).await
            }
            (TaskKind::Undo, Some(Undo::Action { action, .. })) => {
                let key = format!("{}/undo", effect.key).into();
                let effect = Effect { key, input: remembered.clone(), ..effect.clone() };
                world.action_named(&action.name)?.perform(&effect, &world.context).await
            }
            (TaskKind::Undo, None) => Ok(Json::Null),
        }
    };
    tokio::pin!(work);
    // An undo that never ended would hold the target for ever, and the undoing of the other steps.
    let timeout = step.timeout;
    let deadline = async {
        match timeout {
            Some(timeout) => world.context.clock.sleep_until(started.after(timeout)).await,
            None => std::future::pending().await,
        }
    };
    let stopped = tokio::select! {
        biased;
        outcome = &mut work => return outcome,
        () = deadline => {
            let time = format_duration(timeout.unwrap_or_default());
            ActionError::new(FailureKind::TimedOut, format!("`{}` did not end within {time}", effect.step))
        }
        () = effect.link.stop.cancelled() => {
            ActionError::new(FailureKind::Cancelled, format!("`{}` was told to stop", effect.step))
        }
    };
    // The action is given the chance to leave the world in order: what it returns now still counts.
    effect.link.stop.cancel();
    tokio::select! {
        biased;
        outcome = &mut work => outcome.map_err(|_| stopped),
        () = world.context.clock.sleep(STOP_GRACE) => Err(stopped),
    }
}
