//! What the tests of this module share: settings, targets, a link.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::id::TargetName;
use crate::model::objective::Objective;
use crate::model::strategy::StrategySettings;
use crate::model::target::{Mode, OnExpiry, RateSettings, TargetSettings};
use crate::runtime::effect::{ActionError, Checkpoints, Link};
use crate::runtime::ports::Targets;

pub(crate) fn settings(name: &str) -> TargetSettings {
    TargetSettings {
        name: name.into(),
        mode: Mode::Enforce,
        labels: BTreeMap::new(),
        slo: Objective { p99_ms: 250.0, error_rate: 0.001 },
        rate: RateSettings {
            initial_rps: 40.0,
            floor_rps: 20.0,
            ceiling_rps: 2_000.0,
            interim: 0.7,
            max_step: None,
            time_to_live: Duration::from_secs(30),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::headroom(0.2),
        measure: None,
        push_agents: Vec::new(),
        detect: crate::model::target::DetectSettings::default(),
    }
}

#[derive(Debug)]
pub(crate) struct FixedTargets(pub(crate) Vec<Arc<TargetSettings>>);

impl Targets for FixedTargets {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        self.0.iter().find(|settings| settings.name == *name).cloned()
    }

    fn names(&self) -> Vec<TargetName> {
        self.0.iter().map(|settings| settings.name.clone()).collect()
    }
}

#[derive(Debug)]
struct NoCheckpoints;

#[async_trait::async_trait]
impl Checkpoints for NoCheckpoints {
    async fn save(&self, _: serde_json::Value) -> Result<(), ActionError> {
        Ok(())
    }
}

/// A link whose lease does not end.
pub(crate) fn link() -> Link {
    Link {
        stop: CancellationToken::new(),
        lease_until: watch::channel(Timestamp(i64::MAX)).1,
        progress: Arc::new(watch::channel(serde_json::Value::Null).0),
        checkpoints: Arc::new(NoCheckpoints),
    }
}
