//! Posts commands to agents of other makes, and reads their answer.
//!
//! Only hosts that the configuration allows are reached, checked for every address that is connected to; redirects are
//! not followed, and no proxy of the environment is used.
//! What it must not know: which command is due, and what an answer means for others.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Serialize;

use super::desk::Outgoing;
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::{Answer, Epoch};
use crate::model::network::AllowedHosts;

/// An answer must come within this.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More than any answer needs.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Why a command was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("`{0}` is no `http` or `https` URL")]
    BadUrl(String),
    #[error("`{host}` ({address}) is not allowed; add the host or its network to `network.allow`")]
    NotAllowed { host: String, address: IpAddr },
    #[error("{0}")]
    Unreachable(String),
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
    allowed: AllowedHosts,
    /// Made with the first command: it reads the machine's certificates. `None`: the machine gives none, or no randomness.
    client: Arc<OnceLock<Option<reqwest::Client>>>,
}

impl Poster {
    pub fn new(allowed: AllowedHosts) -> Self {
        Self { allowed, client: Arc::default() }
    }

    fn client(&self) -> Option<&reqwest::Client> {
        let make = || {
            // Fails only where a provider was chosen already: then that one is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("homeostat/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(AllowedResolver(self.allowed.clone())))
                .build()
                .ok()
        };
        self.client.get_or_init(make).as_ref()
    }

    /// Posts one command and waits for its answer.
    ///
    /// # Errors
    /// Whatever keeps the command from being confirmed; it may have been taken all the same.
    pub async fn post(&self, url: &str, target: &TargetName, outgoing: &Outgoing) -> Result<Answer, PostError> {
        let url = self.check(url)?;
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
        let client = self.client().ok_or_else(|| PostError::Unreachable("no HTTP client could be made".to_owned()))?;
        let mut response =
            client.post(url).json(&body).send().await.map_err(|error| PostError::Unreachable(chain(&error)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(PostError::Status(status.as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| PostError::Unreachable(chain(&error)))? {
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

    /// Addresses that are written out are not resolved, so they are checked here.
    fn check(&self, text: &str) -> Result<Url, PostError> {
        let bad = || PostError::BadUrl(text.to_owned());
        let url = Url::parse(text).map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad());
        }
        let host = url.host_str().ok_or_else(bad)?;
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>()
            && !self.allowed.allows(host, address)
        {
            return Err(PostError::NotAllowed { host: host.to_owned(), address });
        }
        Ok(url)
    }
}

/// Resolves names to the addresses that are allowed.
#[derive(Debug)]
struct AllowedResolver(AllowedHosts);

impl Resolve for AllowedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let refused = found.iter().find(|address| !allowed.allows(&host, address.ip())).map(SocketAddr::ip);
            let kept: Vec<_> = found.into_iter().filter(|address| allowed.allows(&host, address.ip())).collect();
            match refused {
                Some(address) if kept.is_empty() => Err(PostError::NotAllowed { host, address }.into()),
                _ => Ok(Box::new(kept.into_iter()) as Addrs),
            }
        })
    }
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
