//! `/v1/reload`: what the files say now comes into force.

use std::fmt::Debug;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::ApiState;
use super::problem::Problem;
use crate::diagnostic::Code;

/// Reads the rules and workflows again and has the engine run by them.
#[async_trait]
pub trait Reload: Debug + Send + Sync {
    /// # Errors
    /// They do not check as a whole; nothing has changed.
    async fn reload(&self) -> Result<Reloaded, NotReloaded>;
}

/// What is in force now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Names all rules and workflows in force.
    pub digest: String,
    /// What differs in meaning, as `homeostat plan --diff --format json` tells it.
    pub changes: Vec<JsonValue>,
}

/// Why what was in force before stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReloaded {
    /// In one line.
    pub summary: String,
    /// As `homeostat validate --format json` tells them.
    pub problems: Vec<JsonValue>,
}

/// What is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReloadView {
    /// Names all rules and workflows in force.
    digest: String,
    /// Whether anything differs in meaning from what was in force before.
    changed: bool,
    /// What differs, one entry a difference.
    #[schema(value_type = Vec<Object>)]
    changes: Vec<JsonValue>,
}

/// Brings the rules and workflows of the configured files into force, all at once. Runs keep the plan they began with.
#[utoipa::path(post, path = "/v1/reload", tag = "program", operation_id = "reload", responses(
    (status = 200, description = "In force; what has changed", body = ReloadView),
    (status = 422, description = "They do not check: what was in force before stays, and `problems` lists what is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reload(State(state): State<ApiState>) -> Result<Json<ReloadView>, Problem> {
    let Reloaded { digest, changes } = state.reloader.reload().await.map_err(|refused| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::ProgramRefused, refused.summary)
            .with_problems(refused.problems)
    })?;
    Ok(Json(ReloadView { digest, changed: !changes.is_empty(), changes }))
}
