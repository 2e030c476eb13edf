//! One load test without an engine: an endpoint and an objective in, a measurement out, for a person or a pipeline.
//!
//! It is the same search with the same limits. No agent is counted or told, nothing is stored, and there is no lease: who
//! started it stops it. What must not be known here: terminals and files.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::live::Live;
use super::session::Endpoints;
use super::session::{Reached, Session, reached};
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::RunId;
use crate::model::network::AllowedHosts;
use crate::model::record::{Measurement, Trial};
use crate::model::target::{MeasureSettings, TargetSettings};
use crate::runtime::effect::{ActionError, Checkpoints, Link};
use crate::runtime::ports::MeasureProgress;

/// How often the onlooker is told.
const LOOK: Duration = Duration::from_millis(100);

/// What came of a load test.
#[derive(Debug)]
pub struct Report {
    /// The measurement, or why there is none.
    pub result: Result<Measurement, ActionError>,
    /// Every trial, also where nothing was verified.
    pub curve: Vec<Trial>,
    /// Whether even the lowest rate did not meet the objective.
    pub held_nothing: bool,
    /// Whether it was told to stop before its end.
    pub told: bool,
}

/// The last checkpoint, kept in memory.
#[derive(Debug, Default)]
struct Kept(Mutex<Option<Json>>);

#[async_trait]
impl Checkpoints for Kept {
    async fn save(&self, state: Json) -> Result<(), ActionError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        Ok(())
    }
}

impl Kept {
    fn last(&self) -> Option<Json> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Measures one endpoint. `look` is told how far it is, a few times a second. When `stop` is cancelled not another request
/// is sent, and what was verified by then is the result.
pub async fn measure(
    clock: &dyn Clock,
    settings: &TargetSettings,
    measure: &MeasureSettings,
    allowed: AllowedHosts,
    stop: CancellationToken,
    mut look: impl FnMut(&MeasureProgress),
) -> Report {
    let run = RunId::generate();
    let endpoints = match Endpoints::new(measure, Arc::new(allowed), run).await {
        Ok(endpoints) => endpoints,
        Err(problem) => {
            let result = Err(ActionError::permanent(problem));
            return Report { result, curve: Vec::new(), held_nothing: false, told: false };
        }
    };
    let kept = Arc::new(Kept::default());
    let (_lease, lease_until) = watch::channel(Timestamp(i64::MAX));
    let link = Link {
        stop: stop.clone(),
        lease_until,
        progress: Arc::new(watch::Sender::new(Json::Null)),
        checkpoints: Arc::clone(&kept) as Arc<dyn Checkpoints>,
    };
    let live = Live { clock, dispatcher: None, target: &settings.name, kind: measure.live_traffic };
    let session = Session {
        settings,
        measure,
        run,
        endpoint: endpoints.target,
        health: endpoints.health,
        live,
        link: &link,
        hint_rps: None,
    };
    let mut shown = link.progress.subscribe();
    let mut running = Box::pin(session.run(None));
    let mut told = false;
    let mut result = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                told = true;
                break Err(ActionError::permanent("it was stopped before any rate was verified"));
            }
            result = &mut running => break result,
            () = tokio::time::sleep(LOOK) => {}
        }
        if shown.has_changed().unwrap_or(false)
            && let Ok(progress) = serde_json::from_value(shown.borrow_and_update().clone())
        {
            look(&progress);
        }
    };
    // What is still in flight is abandoned with the future.
    drop(running);
    let Reached { verified, curve, held_nothing } = kept.last().and_then(reached).unwrap_or_default();
    if told && let Some(measurement) = verified {
        result = Ok(Measurement { ended_at: clock.now(), ..measurement });
    }
    Report { result, curve, held_nothing, told }
}
