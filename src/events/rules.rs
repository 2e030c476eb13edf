//! Rules and workflows as one handler among others: events are given to an engine, where they are durable.

use std::sync::Arc;

use async_trait::async_trait;

use super::handler::{Context, Handler, HandlerError};
use crate::model::event::Event;
use crate::runtime::control::{AcceptError, Control};

/// Gives events to an engine. One that it has taken before, by source and id, changes nothing.
#[derive(Clone, Debug)]
pub struct Rules {
    control: Arc<dyn Control>,
    types: Vec<String>,
}

impl Rules {
    /// For events of these types: those that the engine's rules files declare.
    pub fn new(control: Arc<dyn Control>, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { control, types: types.into_iter().map(Into::into).collect() }
    }
}

#[async_trait]
impl Handler for Rules {
    fn name(&self) -> &'static str {
        "rules"
    }

    fn types(&self) -> Vec<String> {
        self.types.clone()
    }

    async fn handle(&self, event: &Event, _: &Context) -> Result<(), HandlerError> {
        match self.control.accept(vec![event.clone()]).await {
            Ok(_) => Ok(()),
            Err(AcceptError::Refused(refusals)) => {
                let list: Vec<_> = refusals
                    .iter()
                    .map(|refusal| match &refusal.attribute {
                        Some(attribute) => format!("`{attribute}` {}", refusal.message),
                        None => refusal.message.clone(),
                    })
                    .collect();
                Err(HandlerError::permanent(list.join("; ")))
            }
            Err(error) => Err(HandlerError::passing(error.to_string())),
        }
    }
}
