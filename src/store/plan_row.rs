//! A plan's texts become its row, and the other way round. They stand in clear, as the files that they come from do.

use super::entity::plan;
use crate::base::digest::Digest;
use crate::runtime::ports::{CalledSource, PlanSource, StoreError};

pub(super) fn row(digest: &Digest, source: PlanSource) -> Result<plan::Model, StoreError> {
    let called = if source.called.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&source.called).map_err(|_| damaged(digest.as_str()))?)
    };
    Ok(plan::Model { digest: digest.to_string(), path: source.path, text: source.text.to_string(), called })
}

pub(super) fn source(row: plan::Model) -> Result<PlanSource, StoreError> {
    let called: Vec<CalledSource> = match &row.called {
        None => Vec::new(),
        Some(called) => serde_json::from_str(called).map_err(|_| damaged(&row.digest))?,
    };
    Ok(PlanSource { path: row.path, text: row.text.into(), called })
}

fn damaged(digest: &str) -> StoreError {
    StoreError::Damaged { what: format!("plan {digest}") }
}
