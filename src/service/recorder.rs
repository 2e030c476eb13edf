//! The throughput recorder: what was measured under today's conditions, from and to the store.
//!
//! A record counts only under the conditions it was measured under: another objective, endpoint or kind of live traffic
//! makes it a record of something else. It must not know how anything is measured.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::base::clock::Clock;
use crate::base::id::Signature;
use crate::model::record::{Conditions, Record, without_credentials};
use crate::model::target::TargetSettings;
use crate::runtime::effect::{ActionError, FailureKind};
use crate::runtime::ports::{Guard, RecordFilter, Recorder, Store, StoreError, Transaction, Write};

/// Keeps records in the store.
#[derive(Debug)]
pub struct StoreRecorder {
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
}

impl StoreRecorder {
    pub fn new(clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Self {
        Self { clock, store }
    }
}

#[async_trait]
impl Recorder for StoreRecorder {
    async fn lookup(
        &self,
        settings: &TargetSettings,
        signature: &Signature,
        max_age: Option<Duration>,
    ) -> Result<Option<Record>, ActionError> {
        let Some(today) = Conditions::of(settings) else { return Ok(None) };
        let filter = RecordFilter { target: Some(settings.name.clone()), signature: Some(signature.clone()), limit: 0 };
        let records = self.store.records(&filter).await.map_err(|error| failure(&error))?;
        let now = self.clock.now();
        let fresh = |record: &Record| max_age.is_none_or(|age| now.since(record.recorded_at) <= age);
        Ok(records.into_iter().find(|record| record.conditions == today && fresh(record)))
    }

    async fn save(&self, mut record: Record, token: u64) -> Result<(), ActionError> {
        record.conditions.endpoint = without_credentials(&record.conditions.endpoint);
        let filter =
            RecordFilter { target: Some(record.target.clone()), signature: Some(record.signature.clone()), limit: 0 };
        let known = self.store.records(&filter).await.map_err(|error| failure(&error))?;
        // Whoever holds the lease is the only one who saves, so nothing comes between the look and the write.
        if known.iter().any(|other| other.run == record.run) {
            return Ok(());
        }
        let guards = vec![Guard::Lease { target: record.target.clone(), token }];
        self.store
            .commit(Transaction { guards, writes: vec![Write::PutRecord(record)] })
            .await
            .map_err(|error| failure(&error))?;
        Ok(())
    }
}

/// What a failure of the store means for the step.
fn failure(error: &StoreError) -> ActionError {
    let kind = match error {
        StoreError::Fenced { .. } => FailureKind::LeaseLost,
        StoreError::Full { .. } | StoreError::Busy { .. } | StoreError::Io { .. } | StoreError::Closed => {
            FailureKind::Transient
        }
        _ => FailureKind::Permanent,
    };
    ActionError::new(kind, error.to_string())
}

#[cfg(test)]
mod tests;
