//! Requests to hosts outside: to those that the configuration allows, and to no other.
//!
//! The host is checked for the very address that is connected to, so that a name that resolves differently the next moment
//! leads nowhere else. Redirects are answers, never followed, and no proxy of the environment is used.
//! What it must not know: what is sent, and what an answer means.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use crate::model::network::AllowedHosts;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("`{0}` is no `http` or `https` URL")]
    BadUrl(String),
    #[error("`{host}` ({address}) is not allowed; add the host or its network to `network.allow`")]
    NotAllowed { host: String, address: IpAddr },
    #[error("{0}")]
    Unreachable(String),
}

/// Sends to allowed hosts.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    allowed: AllowedHosts,
    /// Made with the first request: it reads the machine's certificates. `None`: the machine gives none, or no randomness.
    client: Arc<OnceLock<Option<reqwest::Client>>>,
}

impl Outbound {
    pub(super) fn new(allowed: AllowedHosts) -> Self {
        Self { allowed, client: Arc::default() }
    }

    /// Posts a body, and returns the head of what is answered. All of the answer must come within `timeout`.
    ///
    /// # Errors
    /// There is none, or nothing may be sent there.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<reqwest::Response, OutboundError> {
        self.send(url, timeout, |client, url| client.post(url).headers(headers).body(body)).await
    }

    /// Asks with a method that carries nothing; else as [`Self::post`].
    ///
    /// # Errors
    /// As [`Self::post`].
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<reqwest::Response, OutboundError> {
        self.send(url, timeout, |client, url| client.request(method, url).headers(headers)).await
    }

    async fn send(
        &self,
        url: &str,
        timeout: Duration,
        make: impl FnOnce(&reqwest::Client, Url) -> reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, OutboundError> {
        let url = self.check(url)?;
        let client =
            self.client().ok_or_else(|| OutboundError::Unreachable("no HTTP client could be made".to_owned()))?;
        // A URL may hold what is nobody's business.
        let sent = make(client, url).timeout(timeout).send().await;
        sent.map_err(|error| OutboundError::Unreachable(chain(&error.without_url())))
    }

    fn client(&self) -> Option<&reqwest::Client> {
        let make = || {
            // Fails only where a provider was chosen already: then that one is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("homeostat/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(AllowedResolver(self.allowed.clone())))
                .build()
                .ok()
        };
        self.client.get_or_init(make).as_ref()
    }

    /// Addresses that are written out are not resolved, so they are checked here.
    fn check(&self, text: &str) -> Result<Url, OutboundError> {
        let bad = || OutboundError::BadUrl(text.to_owned());
        let url = Url::parse(text).map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad());
        }
        let host = url.host_str().ok_or_else(bad)?;
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>()
            && !self.allowed.allows(host, address)
        {
            return Err(OutboundError::NotAllowed { host: host.to_owned(), address });
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
                Some(address) if kept.is_empty() => Err(OutboundError::NotAllowed { host, address }.into()),
                _ => Ok(Box::new(kept.into_iter()) as Addrs),
            }
        })
    }
}

/// An error with what caused it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The pause after so many tries in vain: it doubles from a second up to `most`, and is shortened by chance, by up to a half,
/// so that those that failed together are not tried together.
pub(super) fn backoff(tries: u64, most: Duration, chance: f64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1).min(30)).unwrap_or(30);
    let pause = Duration::from_secs(1).saturating_mul(1 << doublings).min(most);
    pause.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_shortened_by_chance() {
        let most = Duration::from_mins(1);
        let pauses: Vec<_> = (1..=8).map(|tries| backoff(tries, most, 0.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(3, most, 1.0), Duration::from_secs(2));
        assert_eq!(backoff(u64::MAX, most, 0.5), Duration::from_secs(45));
        assert_eq!(backoff(0, Duration::from_millis(10), 0.0), Duration::from_millis(10));
    }
}
