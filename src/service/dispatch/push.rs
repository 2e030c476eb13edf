//! Posts commands to agents of other makes, and reads their answer.
//!
//! What it must not know: which command is due, and what an answer means for others.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::desk::Outgoing;
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::{Answer, Epoch};
use crate::model::network::AllowedHosts;
use crate::service::outbound::{Outbound, OutboundError, chain};

/// An answer must come within this.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More than any answer needs.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Why a command was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error(transparent)]
    NotSent(#[from] OutboundError),
    #[error("its answer was cut off: {0}")]
    Cut(String),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is no command's answer: {0}")]
    BadAnswer(String),
}

/// The body of a command. Documented in `docs/agents.md`; fields are only ever added.
#[derive(Debug, Serialize)]
struct Body<'a> {
    command_id: &'a str,
    target: &'a TargetName,
    agent: &'a AgentId,
    epoch: Epoch,
    rate_rps: f64,
    fallback_rps: f64,
    time_to_live_ms: u64,
    mode: &'a str,
}

/// Posts commands.
#[derive(Clone, Debug)]
pub struct Poster {
    outbound: Outbound,
}

impl Poster {
    pub fn new(allowed: AllowedHosts) -> Self {
        Self { outbound: Outbound::new(allowed) }
    }

    /// Posts one command and waits for its answer.
    ///
    /// # Errors
    /// Whatever keeps the command from being confirmed; it may have been taken all the same.
    pub async fn post(&self, url: &str, target: &TargetName, outgoing: &Outgoing) -> Result<Answer, PostError> {
        let body = Body {
            command_id: &outgoing.command_id,
            target,
            agent: &outgoing.agent,
            epoch: outgoing.epoch,
            rate_rps: outgoing.rate_rps,
            fallback_rps: outgoing.fallback_rps,
            time_to_live_ms: outgoing.time_to_live_ms,
            mode: if outgoing.enforce { "enforce" } else { "observe" },
        };
        // Numbers and texts are always JSON.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let mut response = self.outbound.post(url, headers, body, TIMEOUT).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(PostError::Status(status.as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| PostError::Cut(chain(&error.without_url())))? {
            answer.extend_from_slice(&chunk);
            if answer.len() > LONGEST_ANSWER {
                return Err(PostError::BadAnswer("it is too long".to_owned()));
            }
        }
        if answer.trim_ascii().is_empty() {
            return Ok(Answer::Applied);
        }
        serde_json::from_slice(&answer).map_err(|error| PostError::BadAnswer(error.to_string()))
    }
}
