//! What is plugged in, what it is told, and one attempt of it: contained, whatever it does.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::topics::Seat;
use super::{Admitted, Core, PublishError};
use crate::base::clock::Timestamp;
use crate::model::event::{Event, Priority};

/// How long a handler may take where it says nothing itself.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Something that handles events: a plug-in.
#[async_trait]
pub trait Handler: fmt::Debug + Send + Sync {
    /// What logs, figures and dead letters call it.
    fn name(&self) -> &str;

    /// The types of the events it gets when it is registered; none stands for all.
    fn types(&self) -> Vec<String> {
        Vec::new()
    }

    fn pace(&self) -> Pace {
        Pace::Quick
    }

    /// An attempt that takes longer has failed, and is stopped at its next await.
    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    /// Handles an event. It may get the same event again where it failed before.
    async fn handle(&self, event: &Event, context: &Context) -> Result<(), HandlerError>;
}

/// How a handler is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Computes briefly, or awaits. While it computes, the events of its lane wait; while it awaits, none does.
    #[default]
    Quick,
    /// Computes for long, or blocks: on threads that are there for such handlers alone. The order of events is not kept
    /// among those that are at work at once.
    Slow,
}

/// Why a handler did not handle an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerError {
    message: String,
    is_permanent: bool,
}

impl HandlerError {
    /// It may succeed another time.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_permanent: false }
    }

    /// It will never succeed.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_permanent: true }
    }

    pub fn is_permanent(&self) -> bool {
        self.is_permanent
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HandlerError {}

/// What a handler is told beside the event.
#[derive(Clone, Debug)]
pub struct Context {
    /// 1 for the first attempt with this event.
    pub attempt: u32,
    pub now: Timestamp,
    core: Arc<Core>,
}

impl Context {
    /// Publishes an event that follows from the one at hand.
    ///
    /// # Errors
    /// As for [`super::EventSystem::publish`].
    pub fn publish(&self, event: Event, priority: Priority) -> Result<u64, PublishError> {
        self.core.publish(Event { priority, ..event })
    }
}

/// One attempt. A panic is an error, and so is an attempt that takes too long.
pub(super) async fn attempt(
    core: &Arc<Core>,
    seat: &Arc<Seat>,
    admitted: &Arc<Admitted>,
    attempt: u32,
) -> Result<(), HandlerError> {
    let context = Context { attempt, now: core.now(), core: Arc::clone(core) };
    let handled = AssertUnwindSafe(async { seat.handler.handle(&admitted.event, &context).await }).catch_unwind();
    let handled = async {
        handled.await.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(HandlerError::permanent(format!("it panicked: {}", said.as_deref().unwrap_or("without a word"))))
        })
    };
    let limit = seat.handler.time_limit();
    let too_late = context.now.after(limit);
    tokio::select! {
        biased;
        result = handled => result,
        () = core.options.clock.sleep_until(too_late) => {
            Err(HandlerError::passing(format!("it took longer than {} ms", limit.as_millis())))
        }
    }
}
