//! Records that were measured elsewhere.

use super::Engine;
use crate::model::record::Record;
use crate::runtime::control::ControlError;
use crate::runtime::ports::{RecordFilter, Transaction, Write};

impl Engine {
    pub(super) async fn keep_record(&self, record: Record) -> Result<bool, ControlError> {
        if self.settings(&record.target).is_none() {
            return Err(ControlError::UnknownTarget(record.target));
        }
        let store = &self.world.context.store;
        let (target, signature) = (Some(record.target.clone()), Some(record.signature.clone()));
        let known = store.records(&RecordFilter { target, signature, limit: u64::MAX }).await?;
        if known.iter().any(|known| known.run == record.run) {
            return Ok(false);
        }
        tracing::info!(target = %record.target, signature = %record.signature, "a record is taken in");
        store.commit(Transaction { guards: Vec::new(), writes: vec![Write::PutRecord(record)] }).await?;
        Ok(true)
    }
}
