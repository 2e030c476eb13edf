//! Webhooks held against what the rules declare: events of a type that nobody declares never come.

use std::collections::BTreeMap;

use crate::base::span::Spanned;
use crate::base::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::schema::Object;
use crate::model::webhook::Webhook;

/// A webhook, with where its event types were written.
#[derive(Clone, Debug)]
pub struct Subscribed {
    pub webhook: Webhook,
    pub(super) events: Vec<Spanned<String>>,
}

impl Subscribed {
    /// Which of its types no rules declare, where `events` are declared. A warning each: nothing is lost by it.
    pub fn misfits(&self, events: &BTreeMap<String, Object>) -> Vec<Diagnostic> {
        let unknown = self.events.iter().filter(|kind| !events.contains_key(&kind.node));
        let told = unknown.map(|kind| {
            let message =
                format!("webhook `{}`: no rules file declares `{}`, so none comes", self.webhook.name, kind.node);
            let problem = Diagnostic::warning(Code::UnknownEvent, kind.span, message);
            match nearest(&kind.node, events.keys().map(String::as_str)) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem.help("delete it, or declare it in a rules file"),
            }
        });
        told.collect()
    }
}
