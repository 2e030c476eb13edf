//! `event.emit`: an event about the run's target, for rules and for runs that wait for it.

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::output;
use crate::base::literal::parse_duration;
use crate::model::action::{ActionSignature, Effect as Kind};
use crate::model::event::{Event, MAX_CHAIN, Priority};
use crate::model::schema::{Field, JsonMap, Shape};
use crate::runtime::effect::{ActionError, Effect, FailureKind, Outcome};
use crate::runtime::ports::{Action, Context};

/// What emitted events have as their source. With the key of the step's performance it is taken once.
const SOURCE: &str = "homeostat/runs";

#[derive(Debug)]
pub(super) struct EventEmit;

#[async_trait]
impl Action for EventEmit {
    fn signature(&self) -> ActionSignature {
        ActionSignature {
            effect: Kind::Idempotent,
            names_event: true,
            ..ActionSignature::pure(
                "event.emit",
                "Emits an event about the run's target (from a run without one: without a subject). It is durable, and taken \
                 once, when the step has succeeded.",
                vec![
                    Field::required("type", Shape::String, "the type of the event, which a rules file declares"),
                    Field::optional("data", Shape::Map(Box::new(Shape::Any)), "what it carries, as its type declares"),
                    Field::optional("after", Shape::Duration, "how long it waits before it is handled"),
                    Field::optional("priority", Shape::Int, "0 is first, 9 is last; 5 where it is absent"),
                ],
                vec![
                    Field::required("source", Shape::String, "the event's source"),
                    Field::required("id", Shape::String, "the event's id"),
                ],
            )
        }
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        let text = |name: &str| effect.input.get(name).and_then(Json::as_str);
        let kind = text("type").unwrap_or_default().to_owned();
        let now = context.clock.now();
        let after = text("after").and_then(|length| parse_duration(length).ok());
        let priority =
            effect.input.get("priority").and_then(Json::as_i64).map_or(Ok(Priority::default()), |level| {
                let level = u8::try_from(level).ok().and_then(Priority::new);
                level.ok_or_else(|| ActionError::permanent("`priority` must be 0 to 9"))
            })?;
        let event = Event {
            id: effect.key.to_string(),
            source: SOURCE.to_owned(),
            chain: chain(&kind, effect, context).await?,
            kind,
            subject: effect.target.as_ref().map(|target| target.name().clone()),
            time: now,
            data: effect.input.get("data").cloned().unwrap_or_else(|| json!({})),
            priority,
            deliver_at: after.map(|after| now.after(after)),
            during_test: false,
            extensions: JsonMap::new(),
        };
        let names = json!({ "source": event.source, "id": event.id });
        context.outlet.emit(event).await?;
        output(names)
    }
}

/// Which number the event has in a chain of events that led to each other.
async fn chain(kind: &str, effect: &Effect, context: &Context) -> Result<u8, ActionError> {
    let Some((source, id)) = &effect.cause else { return Ok(1) };
    let cause = context.store.event(source, id).await;
    let cause = cause.map_err(|error| ActionError::new(FailureKind::Transient, error.to_string()))?;
    let number = cause.map_or(0, |stored| stored.event.chain).saturating_add(1);
    if number > MAX_CHAIN {
        let message = format!("`{kind}` is not emitted: it would be number {number} of a chain of events");
        return Err(ActionError::permanent(message));
    }
    Ok(number)
}
