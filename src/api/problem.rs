//! Why a request was not served, as a problem document.
//!
//! Format: RFC 9457, `application/problem+json`, with our `code` and, for events, the list of what is wrong with which.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::diagnostic::Code;
use crate::runtime::control::{AcceptError, ControlError, Refusal, RefusalKind};
use crate::runtime::ports::StoreError;

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem, for ever; the reference of codes tells more.
    #[schema(example = "H0600")]
    pub code: String,
    /// What kind of problem it is, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// What is wrong with which event.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = Vec<EventProblem>)]
    pub errors: Box<[EventProblem]>,
    /// What is wrong with the rules and workflows, as `homeostat validate --format json` tells it.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub problems: Box<[serde_json::Value]>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

/// What is wrong with one event of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventProblem {
    /// The event's place in the batch, from 0.
    pub index: usize,
    /// The attribute that is wrong, like `subject` or `data.p99_ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    pub code: String,
    pub detail: String,
}

impl Problem {
    /// A problem with that status and code.
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_string(),
            title: code.title().to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Box::default(),
            problems: Box::default(),
            retry_after_s: None,
        }
    }

    /// A request that is not formed as the interface says.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, detail)
    }

    /// The same, with what is wrong with each event.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<EventProblem>) -> Self {
        self.errors = errors.into();
        self
    }

    /// The same, with what is wrong with the rules and workflows.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<serde_json::Value>) -> Self {
        self.problems = problems.into();
        self
    }

    /// The same, and when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, Code::StoreFull),
            StoreError::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, Code::StoreBusy),
            StoreError::Newer { .. } => (StatusCode::SERVICE_UNAVAILABLE, Code::NewerStore),
            StoreError::WrongKey { .. } | StoreError::Sealing { .. } => (StatusCode::SERVICE_UNAVAILABLE, Code::BadKey),
            StoreError::Damaged { .. } | StoreError::Io { .. } => (StatusCode::SERVICE_UNAVAILABLE, Code::StoreBroken),
            StoreError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, Code::Refused),
            StoreError::Closed => (StatusCode::SERVICE_UNAVAILABLE, Code::Draining),
            StoreError::Fenced { .. } | StoreError::JournalMoved { .. } | StoreError::AssignmentMoved { .. } => {
                (StatusCode::CONFLICT, Code::Conflict)
            }
        };
        tracing::warn!(code = %code, error = %error, "the store did not do what a request needs");
        Self::new(status, code, error.to_string())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::UnknownTarget(_) => Self::new(
                StatusCode::NOT_FOUND,
                Code::UnknownTarget,
                format!("{error}; `GET /v1/targets` lists those that are"),
            ),
            ControlError::UnknownRun(_) => Self::not_found(format!("{error}; `GET /v1/runs` lists them")),
            ControlError::NoDeadLetter(_) => {
                Self::not_found(format!("{error}; `GET /v1/dead-letters` lists those that are"))
            }
            ControlError::Conflict(why) => Self::new(StatusCode::CONFLICT, Code::Conflict, why),
            ControlError::Store(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Refused(refusals) => {
                let detail = match refusals.as_slice() {
                    [only] => describe(only),
                    _ => format!("{} problems with the events; none was taken", refusals.len()),
                };
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::Refused, detail)
                    .with_errors(refusals.into_iter().map(EventProblem::from).collect())
            }
            AcceptError::Busy { retry_after_ms } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyEvents, error.to_string())
                    .retry_after(u32::try_from(retry_after_ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1))
            }
            AcceptError::Draining => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Code::Draining,
                "the engine is shutting down and takes no more events; send this one again later",
            )
            .retry_after(5),
            AcceptError::Store(error) => error.into(),
        }
    }
}

fn describe(refusal: &Refusal) -> String {
    match &refusal.attribute {
        Some(attribute) => format!("`{attribute}` {}", refusal.message),
        None => refusal.message.clone(),
    }
}

impl From<Refusal> for EventProblem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            RefusalKind::UnknownType => Code::UnknownEvent,
            RefusalKind::UnknownTarget => Code::UnknownTarget,
            RefusalKind::BadData | RefusalKind::Other => Code::Refused,
        };
        Self { index: refusal.index, attribute: refusal.attribute, code: code.to_string(), detail: refusal.message }
    }
}
