//! A person decides about dead letters: they are handled once more, or nothing is to come of them.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::runtime::control::ControlError;
use crate::runtime::desk::Message;
use crate::runtime::examine::examine;
use crate::runtime::ports::{EventOutcome, StoredEvent, Transaction, Write};
use crate::runtime::queue::Queued;

impl Engine {
    /// Gives a dead letter back to its target. A chain of events begins anew with it.
    pub(super) async fn redrive_letter(&self, sequence: u64) -> Result<(), ControlError> {
        if self.draining.load(Ordering::SeqCst) {
            return Err(ControlError::Conflict("the engine is shutting down".to_owned()));
        }
        let (stored, outcome) = self.letter(sequence).await?;
        let StoredEvent { accepted_at, mut event, .. } = stored;
        event.chain = 0;
        let refusals = examine(&self.program(), self.world.context.targets.as_ref(), 0, &mut event);
        if !refusals.is_empty() {
            let list: Vec<_> = refusals
                .iter()
                .map(|refusal| match &refusal.attribute {
                    Some(attribute) => format!("`{attribute}` {}", refusal.message),
                    None => refusal.message.clone(),
                })
                .collect();
            let why = format!("event {sequence} cannot be handled now either: {}", list.join("; "));
            return Err(ControlError::Conflict(why));
        }
        let attempts = outcome.attempts;
        let write = Write::RedriveEvent { sequence, event: event.clone(), accepted_at, attempts };
        self.world.context.store.commit(Transaction { guards: Vec::new(), writes: vec![write] }).await?;
        self.pending.fetch_add(1, Ordering::Relaxed);
        tracing::info!(sequence, event = %event.id, "a dead letter is handled once more");
        let queued = Queued { sequence, accepted_at, attempts, event };
        self.tell(queued.event.subject.clone(), Message::Event(Box::new(queued)));
        Ok(())
    }

    /// Settles a dead letter for good.
    pub(super) async fn drop_for_good(&self, sequence: u64) -> Result<(), ControlError> {
        let (_, mut outcome) = self.letter(sequence).await?;
        outcome.dropped = true;
        let write = Write::DropEvent { sequence, outcome };
        self.world.context.store.commit(Transaction { guards: Vec::new(), writes: vec![write] }).await?;
        tracing::info!(sequence, "a dead letter was dropped");
        Ok(())
    }

    async fn letter(&self, sequence: u64) -> Result<(StoredEvent, EventOutcome), ControlError> {
        let stored = self.world.context.store.event_at(sequence).await?;
        let found = stored.and_then(|stored| {
            let outcome = stored.dead_letter()?.clone();
            Some((stored, outcome))
        });
        found.ok_or(ControlError::NoDeadLetter(sequence))
    }
}
