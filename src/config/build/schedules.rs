//! What is listed under `schedules`: when each comes, and the event that comes then.

use std::time::Duration;

use super::{Builder, Given, Scope, duration, text};
use crate::base::id::TargetName;
use crate::base::span::{Span, Spanned};
use crate::base::suggest::nearest;
use crate::config::schedules::Scheduled;
use crate::config::values::{Data, Value};
use crate::config::{TargetTable, check};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::schedule::{CatchUp, Cron, Schedule, Timing};

/// An event that comes more often belongs to a source of its own.
const SHORTEST: Duration = Duration::from_secs(1);

/// Neither `cron` nor `every` is given.
struct NotSaid;

impl Builder<'_> {
    /// `None`: something that it needs is missing or wrong, which has been told.
    pub(super) fn schedule(
        &mut self,
        name: &Spanned<String>,
        targets: &TargetTable,
        diagnostics: &mut Diagnostics,
    ) -> Option<Scheduled> {
        let scope = Scope { prefix: vec!["schedules", &name.node] };
        let timing = self.timing(&scope, diagnostics);
        let event = self.optional(&scope, "event").map(text);
        let missing = [(timing.is_err(), "`cron` or `every`"), (event.is_none(), "`event`")];
        let missing: Vec<_> = missing.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect();
        if !missing.is_empty() {
            let message = format!("`schedules.{}` lacks {}", name.node, missing.join(", and "));
            let help =
                "say when its events come, with `cron: \"30 2 * * *\"` or `every: 1h`, and of which type they are";
            diagnostics.push(Diagnostic::error(Code::BadSetting, name.span, message).help(help));
        }
        let target = self.target_of(&scope, targets, diagnostics);
        let data = match self.optional(&scope, "data").map(|given| given.value) {
            Some(Value::Data(data)) => data,
            _ => Data::default(),
        };
        let catch_up = match self.text(&scope, "catch_up").value.as_str() {
            "none" => CatchUp::None,
            "all" => CatchUp::All,
            _ => CatchUp::Last,
        };
        let event = event?;
        let event_place = event.span.unwrap_or(name.span);
        let schedule = Schedule {
            name: name.node.as_str().into(),
            timing: timing.ok().flatten()?,
            event: event.value,
            target,
            data: data.json.clone(),
            catch_up,
        };
        Some(Scheduled { schedule, event_place, data })
    }

    /// When its events come; an error where that is not said, and nothing where it is wrong, which has been told.
    fn timing(&mut self, scope: &Scope<'_>, diagnostics: &mut Diagnostics) -> Result<Option<Timing>, NotSaid> {
        let cron = self.optional(scope, "cron").map(text);
        let zone = self.text(scope, "time_zone");
        let every = self.optional(scope, "every").map(duration);
        Ok(match (cron, every) {
            (None, None) => return Err(NotSaid),
            (Some(cron), None) => Cron::new(&cron.value, &zone.value).ok().map(|cron| Timing::Cron(Box::new(cron))),
            (None, Some(every)) => {
                if let Some(span) = zone.span {
                    let message = "`time_zone` has no effect beside `every`: an interval goes by no clock";
                    let useless = Diagnostic::error(Code::BadSetting, span, message);
                    diagnostics.push(useless.help("delete it, or give `cron`"));
                }
                let (shortest, why) = (Given::fixed(SHORTEST), "what comes more often needs a source of its own");
                check::at_least("every", &every, &shortest, why, diagnostics);
                Some(Timing::Every(every.value))
            }
            (Some(cron), Some(every)) => {
                // Where something of it was wrong, that has been told.
                if let (Some(cron), Some(every)) = (cron.span, every.span) {
                    diagnostics.push(
                        Diagnostic::error(Code::BadSetting, every, "when the events come is given in two ways")
                            .also(cron, "the other way")
                            .help("give one of `cron` and `every`"),
                    );
                }
                None
            }
        })
    }

    pub(super) fn target_of(
        &mut self,
        scope: &Scope<'_>,
        targets: &TargetTable,
        diagnostics: &mut Diagnostics,
    ) -> Option<TargetName> {
        let given = self.optional(scope, "target").map(text)?;
        let target = TargetName::from(given.value.as_str());
        if let Some(span) = given.span.filter(|_| targets.settings(&target).is_none()) {
            diagnostics.push(unknown_target(&target, span, targets));
        }
        Some(target)
    }
}

fn unknown_target(target: &TargetName, span: Span, targets: &TargetTable) -> Diagnostic {
    let names = targets.names();
    let unknown = Diagnostic::error(Code::UnknownTarget, span, format!("target `{target}` is not configured"));
    match nearest(target.as_str(), names.iter().map(TargetName::as_str)) {
        Some(name) => unknown.help(format!("did you mean `{name}`?")),
        None => unknown.help("list it under `targets`, or give `defaults` for targets that are not listed"),
    }
}
