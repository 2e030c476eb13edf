//! Where events leave that steps emit: the engine takes them in as it does those from outside, but never turns one away
//! for being one too many, unless it can wait.

use std::sync::atomic::Ordering;
use std::sync::{OnceLock, Weak};

use tracing::Instrument as _;

use super::Engine;
use crate::model::event::Event;
use crate::runtime::desk::Message;
use crate::runtime::effect::{ActionError, FailureKind};
use crate::runtime::examine::examine;
use crate::runtime::ports::{Accepted, Transaction, Write};
use crate::runtime::queue::Queued;

/// Takes events from steps; closed until an engine has started.
#[derive(Debug, Default)]
pub struct Outlet {
    engine: OnceLock<Weak<Engine>>,
}

impl Outlet {
    /// Leads to this engine from now on. One that was opened leads where it did.
    pub(super) fn open(&self, engine: Weak<Engine>) {
        // Two engines with one outlet would be two engines with one store.
        let _ = self.engine.set(engine);
    }

    /// Takes an event in; durable when it returns. A second one of the same source and id changes nothing.
    ///
    /// # Errors
    /// The event is not as it is declared, or the store cannot be written.
    pub async fn emit(&self, event: Event) -> Result<(), ActionError> {
        self.emit_with(event, Vec::new()).await
    }

    /// The same, and writes something in the very same transaction.
    ///
    /// # Errors
    /// As [`Self::emit`]; then nothing was written.
    pub async fn emit_with(&self, event: Event, beside: Vec<Write>) -> Result<(), ActionError> {
        self.take(event, beside, false).await
    }

    /// The same for an event that can wait: it is turned away where too many wait already.
    ///
    /// # Errors
    /// As [`Self::emit_with`], and transiently while too many wait.
    pub async fn offer_with(&self, event: Event, beside: Vec<Write>) -> Result<(), ActionError> {
        self.take(event, beside, true).await
    }

    async fn take(&self, event: Event, beside: Vec<Write>, can_wait: bool) -> Result<(), ActionError> {
        let engine = self.engine.get().and_then(Weak::upgrade);
        let engine = engine.ok_or_else(|| ActionError::transient("there is no engine that could take the event"))?;
        if can_wait && engine.pending.load(Ordering::Relaxed) >= engine.pending_limit {
            return Err(ActionError::transient(format!("{} events wait already", engine.pending_limit)));
        }
        // To its end, also where the step that emits is given up meanwhile: what is durable must come to its desk.
        let done = tokio::spawn(async move { engine.emit(event, beside).await }.in_current_span()).await;
        done.unwrap_or_else(|error| Err(ActionError::transient(format!("the event was not taken in: {error}"))))
    }
}

impl Engine {
    async fn emit(&self, mut event: Event, beside: Vec<Write>) -> Result<(), ActionError> {
        let refusals = examine(&self.program(), self.world.context.targets.as_ref(), 0, &mut event);
        if !refusals.is_empty() {
            let name = |attribute: &Option<String>| attribute.as_ref().map(|it| format!("`{it}` ")).unwrap_or_default();
            let list: Vec<_> =
                refusals.iter().map(|refusal| format!("{}{}", name(&refusal.attribute), refusal.message)).collect();
            return Err(ActionError::permanent(format!("`{}` is not emitted: {}", event.kind, list.join("; "))));
        }
        event.during_test = event.subject.as_ref().is_some_and(|subject| self.world.is_loaded(subject));
        let now = self.world.now();
        let writes = std::iter::once(self.world.accept(event.clone(), now)).chain(beside).collect();
        let receipt = self.world.context.store.commit(Transaction { guards: Vec::new(), writes }).await;
        let receipt = receipt.map_err(|error| ActionError::new(FailureKind::Transient, error.to_string()))?;
        if let Some(Accepted::New { sequence }) = receipt.accepted.first().copied() {
            self.pending.fetch_add(1, Ordering::Relaxed);
            let subject = event.subject.clone();
            self.tell(subject, Message::Event(Box::new(Queued { sequence, accepted_at: now, attempts: 0, event })));
        }
        Ok(())
    }
}
