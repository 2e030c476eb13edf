//! What is listed under `webhooks`: where events are posted, which, and how long it is tried.

use std::time::Duration;

use super::{Builder, Given, Scope, text, texts};
use crate::base::span::Spanned;
use crate::config::check;
use crate::config::values::secret_name;
use crate::config::webhooks::Subscribed;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::network::AllowedHosts;
use crate::model::webhook::Webhook;

impl Builder<'_> {
    /// `None`: something that it needs is missing or wrong, which has been told.
    pub(super) fn webhook(
        &mut self,
        name: &Spanned<String>,
        network: &Given<AllowedHosts>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Subscribed> {
        let scope = Scope { prefix: vec!["webhooks", &name.node] };
        let url = self.optional(&scope, "url").map(text);
        let events = self.optional(&scope, "events").map(texts).map(|given| given.value).unwrap_or_default();
        let secret = self.optional(&scope, "secret").map(text);
        let missing = [(url.is_none(), "`url`"), (secret.is_none(), "`secret`")];
        let missing: Vec<_> = missing.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect();
        if !missing.is_empty() {
            let message = format!("`webhooks.{}` lacks {}", name.node, missing.join(" and "));
            let help = "give the URL that events are posted to, and the name of the secret that they are signed with: \
                        `secret: ${secret.NAME}`";
            diagnostics.push(Diagnostic::error(Code::BadSetting, name.span, message).help(help));
        }
        if let Some(url) = &url {
            check::reachable("url", url, network, diagnostics);
        }
        let timeout = self.duration(&scope, "timeout");
        let max_backoff = self.duration(&scope, "max_backoff");
        let shortest = Given::fixed(Duration::from_secs(1));
        check::at_least("max_backoff", &max_backoff, &shortest, "that is the first pause", diagnostics);
        let give_up_after = self.duration(&scope, "give_up_after");
        let refusals = self.count(&scope, "refusals");
        let webhook = Webhook {
            name: name.node.as_str().into(),
            url: url?.value,
            events: events.iter().map(|kind| kind.node.clone()).collect(),
            secret: secret_name(&secret?.value)?.to_owned(),
            timeout: timeout.value,
            max_backoff: max_backoff.value,
            give_up_after: give_up_after.value,
            refusals: refusals.value,
        };
        Some(Subscribed { webhook, events })
    }
}
