//! Alerts that an Alertmanager posts become events, each state of an alert once.
//!
//! An alert is known by its fingerprint and by when it began to fire, so that what is posted again and again is told once. What
//! cannot be taken now is refused in a way that has the Alertmanager post it again, by then as it is by then.
//! What it must not know: HTTP, and which alerts there are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::allowance::Allowance;
use super::expressions::{Carried, Expression, env};
use super::supervisor::Options;
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{DetectorName, TargetName};
use crate::model::detector::{AlertmanagerSettings, DetectorSettings, SOURCE, Watched, alertmanager_names};
use crate::model::event::Event;
use crate::model::metric;
use crate::model::schema::JsonMap;
use crate::runtime::effect::FailureKind;

/// The version of what is posted that is known here.
const VERSION: &str = "4";
/// When to post again what is not taken now.
const AGAIN: Duration = Duration::from_secs(1);

/// What became of the alerts that were posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Became events.
    pub accepted: usize,
    /// Had become events before.
    pub known: usize,
    /// Are not among those that are told.
    pub ignored: usize,
}

/// Why alerts were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReceived {
    #[error("there is no detector `{0}` of kind `alertmanager`")]
    Unknown(DetectorName),
    #[error("this is not what an Alertmanager posts: {0}")]
    Malformed(String),
    /// The others were taken.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    #[error("{why}; post it again")]
    Later { why: String, after: Duration },
}

/// What is posted: version 4 of the webhook's payload. What is not needed is not looked at.
#[derive(Debug, Deserialize)]
struct Payload {
    version: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    #[serde(default)]
    fingerprint: String,
}

/// Takes the alerts of one detector.
#[derive(Debug)]
struct Receiver {
    settings: DetectorSettings,
    when: Expression,
    carried: Carried,
    allowance: Mutex<Allowance>,
}

/// Takes what is posted to detectors.
#[derive(Debug)]
pub struct Reception {
    pub options: Options,
    receivers: BTreeMap<DetectorName, Receiver>,
}

impl Reception {
    /// Of these detectors, for those to which something is posted.
    pub fn new(options: Options, detectors: &[DetectorSettings]) -> Self {
        let mut receivers = BTreeMap::new();
        for settings in detectors {
            let Watched::Alertmanager(watched) = &settings.watched else { continue };
            options.board.note(&settings.name, |_| ());
            match Receiver::new(settings, watched) {
                Ok(receiver) => {
                    receivers.insert(settings.name.clone(), receiver);
                }
                Err(error) => {
                    tracing::error!(detector = settings.name.as_str(), "the detector does not begin: {error}");
                }
            }
        }
        Self { options, receivers }
    }

    /// Takes the alerts that were posted for a detector.
    ///
    /// # Errors
    /// They are not as they should be, or are not taken now.
    pub async fn alerts(&self, name: &DetectorName, payload: Json) -> Result<Received, NotReceived> {
        let receiver = self.receivers.get(name).ok_or_else(|| NotReceived::Unknown(name.clone()))?;
        let received = receiver.take(&self.options, payload).await;
        let now = self.options.clock.now();
        self.options.board.note(name, |standing| match &received {
            Ok(_) => {
                standing.succeeded_at = Some(now);
                standing.failing = None;
                standing.failures = 0;
            }
            Err(error) => {
                standing.failing = Some(error.to_string());
                standing.failures += 1;
            }
        });
        received
    }
}

impl Receiver {
    fn new(settings: &DetectorSettings, watched: &AlertmanagerSettings) -> Result<Self, String> {
        let env = env(&alertmanager_names());
        Ok(Self {
            when: Expression::new(&watched.when, &env)?,
            carried: Carried::new(&settings.data, &env)?,
            allowance: Mutex::new(Allowance::new(settings.per_minute)),
            settings: settings.clone(),
        })
    }

    async fn take(&self, options: &Options, payload: Json) -> Result<Received, NotReceived> {
        let malformed = |error: serde_json::Error| NotReceived::Malformed(error.to_string());
        let Payload { version, alerts } = serde_json::from_value(payload).map_err(malformed)?;
        if version != VERSION {
            return Err(NotReceived::Malformed(format!("its version is `{version}`, and only `{VERSION}` is known")));
        }
        let mut received = Received::default();
        let mut refused = Vec::new();
        for alert in &alerts {
            match self.take_one(options, alert).await {
                Ok(None) => received.ignored += 1,
                Ok(Some(true)) => received.accepted += 1,
                Ok(Some(false)) => received.known += 1,
                Err(NotReceived::Refused(why)) => refused.extend(why),
                // Those before it are known when they come again.
                Err(error) => return Err(error),
            }
        }
        if refused.is_empty() { Ok(received) } else { Err(NotReceived::Refused(refused)) }
    }

    /// Whether it was new; `None`: it is not told.
    async fn take_one(&self, options: &Options, alert: &Alert) -> Result<Option<bool>, NotReceived> {
        let refused = |why: String| {
            self.count("refused");
            let name = alert.labels.get("alertname").map_or("", String::as_str);
            NotReceived::Refused(vec![format!("the alert `{name}` is not taken: {why}")])
        };
        let names = alert.names();
        if self.when.value(&names).map_err(refused)? != json!(true) {
            return Ok(None);
        }
        let event = self.event(alert, &names).map_err(refused)?;
        let stored = options.store.event(SOURCE, &event.id).await;
        if stored.map_err(|error| NotReceived::Later { why: error.to_string(), after: AGAIN })?.is_some() {
            return Ok(Some(false));
        }
        let now = options.clock.now();
        if let Some(next) = self.allowance().wait(now) {
            self.count("held_back");
            let why = format!("more than {} events a minute are not taken", self.settings.per_minute);
            return Err(NotReceived::Later { why, after: next.since(now) });
        }
        match options.inbox.offer(event, Vec::new()).await {
            Ok(()) => {
                self.count("accepted");
                self.allowance().spend(now);
                options.board.note(&self.settings.name, |standing| standing.told_at = Some(now));
                Ok(Some(true))
            }
            Err(error) if error.kind == FailureKind::Permanent => Err(refused(error.message)),
            Err(error) => {
                self.count("postponed");
                Err(NotReceived::Later { why: error.message, after: AGAIN })
            }
        }
    }

    fn event(&self, alert: &Alert, names: &JsonMap) -> Result<Event, String> {
        let DetectorSettings { name, event, target, target_label, .. } = &self.settings;
        let subject = match target_label {
            Some(label) => match alert.labels.get(label).filter(|name| !name.is_empty()) {
                Some(name) => Some(TargetName::from(name.as_str())),
                None => return Err(format!("it has no label `{label}` that would name its target")),
            },
            None => target.clone(),
        };
        let started = Timestamp::parse(&alert.starts_at)
            .ok_or_else(|| format!("`startsAt` is `{}`, which is no time", alert.starts_at))?;
        let is_over = alert.status == "resolved";
        let time = if is_over { Timestamp::parse(&alert.ends_at).unwrap_or(started) } else { started };
        let fingerprint = match alert.fingerprint.as_str() {
            "" => Digest::of(json!(alert.labels).to_string()).short().to_owned(),
            fingerprint => fingerprint.to_owned(),
        };
        let data = self.carried.make(names)?;
        let id = format!("{name}/{fingerprint}/{started}/{}", alert.status);
        Ok(Event { subject, time, data, ..Event::new(SOURCE, id, event.clone()) })
    }

    fn allowance(&self) -> std::sync::MutexGuard<'_, Allowance> {
        // A lock whose holder panicked still guards plain data.
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, result: &'static str) {
        let detector = self.settings.name.to_string();
        metrics::counter!(metric::DETECTOR_EVENTS.name, "detector" => detector, "result" => result).increment(1);
    }
}

impl Alert {
    fn names(&self) -> JsonMap {
        let Self { status, labels, annotations, starts_at, ends_at, generator_url, fingerprint } = self;
        let alert = json!({
            "status": status, "labels": labels, "annotations": annotations, "starts_at": starts_at, "ends_at": ends_at,
            "fingerprint": fingerprint, "generator_url": generator_url,
        });
        JsonMap::from_iter([("alert".to_owned(), alert)])
    }
}
