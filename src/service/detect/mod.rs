//! Sources of events that Homeostat has itself.
//!
//! [`agents`] turns what agents report into `HIGH_LATENCY`, `IDLE` and `WAKE`, as each target's settings want it. The others are
//! declared under `detectors`: what each of them watches is a file here, and all of them are run by the `supervisor`, which tells
//! what they see by `telling`, no more often than their `allowance`, so that no detector can flood the queue.
//! What it must not know: which rules take the events, and what they do.

pub mod agents;
mod alertmanager;
mod allowance;
mod board;
mod challenge;
mod expressions;
mod fetch;
mod file;
mod http;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod oci;
mod prometheus;
mod supervisor;
mod telling;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::alertmanager::{NotReceived, Received, Reception};
pub use self::board::{Board, Standing};
use self::expressions::Carried;
use self::fetch::Fetcher;
pub use self::supervisor::{Options, run};
use self::telling::Sight;
use crate::model::detector::{DetectorSettings, Watched};
use crate::model::event::Event;
use crate::model::network::AllowedHosts;
use crate::runtime::effect::ActionError;
use crate::runtime::engine::outlet::Outlet;
use crate::runtime::ports::{Secrets, Write};

/// Watches something outside.
#[async_trait]
trait Detector: Debug + Send {
    /// All that is to be seen now. It takes as long as it takes, within its own limits of time.
    async fn look(&mut self) -> Result<Vec<Sight>, Failure>;
}

/// What looks for a detector, and what its events carry.
type Opened = (Box<dyn Detector>, Carried);

/// Why a look showed nothing: nothing is known, which is no change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    /// Holds no secret.
    why: String,
    /// When whoever was asked wants to be asked again.
    retry_after: Option<Duration>,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, retry_after: None }
    }
}

/// Where events go: durable when it is `Ok`, together with what is written beside.
#[async_trait]
pub trait Inbox: Debug + Send + Sync {
    /// # Errors
    /// The event is not as it is declared; or, transiently, it is not taken now. Then nothing was written.
    async fn offer(&self, event: Event, beside: Vec<Write>) -> Result<(), ActionError>;
}

#[async_trait]
impl Inbox for Outlet {
    async fn offer(&self, event: Event, beside: Vec<Write>) -> Result<(), ActionError> {
        self.offer_with(event, beside).await
    }
}

/// What is needed to look at things outside.
#[derive(Clone, Debug)]
struct Senses {
    fetcher: Fetcher,
}

impl Senses {
    fn new(allowed: AllowedHosts, secrets: Arc<dyn Secrets>) -> Self {
        Self { fetcher: Fetcher::new(allowed, secrets) }
    }

    /// What looks for a detector, and what its events carry; `None`: it does not look, what it tells is posted to it.
    ///
    /// # Errors
    /// What of its settings is wrong, which the configuration should have told.
    fn open(&self, settings: &DetectorSettings) -> Result<Option<Opened>, String> {
        let fetcher = self.fetcher.clone();
        match &settings.watched {
            Watched::Http(watched) => http::open(settings, watched, fetcher),
            Watched::Oci(watched) => oci::open(settings, watched, fetcher),
            Watched::Prometheus(watched) => prometheus::open(settings, watched, fetcher),
            Watched::File(watched) => file::open(settings, watched),
            #[cfg(feature = "kubernetes")]
            Watched::Kubernetes(watched) => kubernetes::open(settings, watched, fetcher),
            #[cfg(not(feature = "kubernetes"))]
            Watched::Kubernetes(_) => Err("this program was built without `kubernetes`".to_owned()),
            Watched::Alertmanager(_) => return Ok(None),
        }
        .map(Some)
    }
}
