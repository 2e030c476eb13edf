//! Asks servers outside, and reads what they answer within limits.
//!
//! Only allowed hosts are reached, redirects are not followed, and secrets go into headers when a request is made.
//! What it must not know: what an answer means.

use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::Failure;
use crate::model::load::{Piece, Template};
use crate::model::network::AllowedHosts;
use crate::runtime::ports::Secrets;
use crate::service::outbound::{Outbound, chain};

/// Longest answer, in bytes.
pub(super) const LONGEST: usize = 1024 * 1024;

/// Asks servers outside.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    outbound: Outbound,
    secrets: Arc<dyn Secrets>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Vec<u8>,
}

impl Fetcher {
    pub(super) fn new(allowed: AllowedHosts, secrets: Arc<dyn Secrets>) -> Self {
        Self { outbound: Outbound::new(allowed), secrets }
    }

    /// Asks, and reads the whole answer, whatever its status.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let sent = self.outbound.ask(method, url, headers, timeout).await;
        let mut response = sent.map_err(|error| Failure::from(error.to_string()))?;
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| format!("its answer was cut off: {}", chain(&error.without_url())))?;
            let Some(chunk) = chunk else { break };
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(format!("its answer is longer than {LONGEST} bytes").into());
            }
        }
        Ok(Answer { status: response.status(), headers: response.headers().clone(), body })
    }

    /// Opens an answer that goes on: its head must come within `timeout`, its end within `limit`.
    #[cfg(feature = "kubernetes")]
    pub(super) async fn open(
        &self,
        url: &str,
        headers: HeaderMap,
        limit: Duration,
        timeout: Duration,
    ) -> Result<reqwest::Response, Failure> {
        let opened = tokio::time::timeout(timeout, self.outbound.ask(Method::GET, url, headers, limit)).await;
        let opened = opened.map_err(|_| Failure::from("it does not answer in time".to_owned()))?;
        opened.map_err(|error| Failure::from(error.to_string()))
    }

    /// Headers with the secrets that they name.
    pub(super) async fn headers(&self, templates: &[(String, Template)]) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for (name, Template(pieces)) in templates {
            let mut text = Zeroizing::new(String::new());
            for piece in pieces {
                match piece {
                    Piece::Text(fixed) => text.push_str(fixed),
                    Piece::Expression(expression) => {
                        let secret = expression.strip_prefix("secret.").unwrap_or(expression);
                        text.push_str(self.secret(secret).await?.expose_secret());
                    }
                }
            }
            let unfit = || Failure::from(format!("the header `{name}` cannot be made: its value is none of a header"));
            let mut value = HeaderValue::from_str(&text).map_err(|_| unfit())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?, value);
        }
        Ok(headers)
    }

    pub(super) async fn secret(&self, name: &str) -> Result<secrecy::SecretString, Failure> {
        self.secrets.secret(name).await.map_err(Failure::from)
    }
}

impl Answer {
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The answer, if its status is a success.
    pub(super) fn successful(self) -> Result<Self, Failure> {
        if self.status.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// What its status means where it is no success.
    pub(super) fn failure(&self) -> Failure {
        let status = self.status;
        let why = if status.is_redirection() {
            format!("it answered {status}, and redirects are not followed")
        } else {
            format!("it answered {status}")
        };
        Failure { why, retry_after: self.header(RETRY_AFTER.as_str()).and_then(|text| seconds(&text)) }
    }

    /// A header as text; values of several are joined.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// All headers by their names.
    pub(super) fn headers_json(&self) -> Json {
        let named =
            |name: &HeaderName| (name.as_str().to_owned(), self.header(name.as_str()).unwrap_or_default().into());
        Json::Object(self.headers.keys().map(named).collect())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Json, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| format!("its answer is no JSON: {error}").into())
    }

    /// The body: JSON where it says that it is, anything else as text.
    pub(super) fn content(&self) -> Result<Json, Failure> {
        let kind = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.ends_with("/json") || kind.ends_with("+json") {
            return self.json();
        }
        Ok(String::from_utf8_lossy(&self.body).trim().into())
    }
}

/// `Retry-After` as a number of seconds; as a date it is not looked at.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}
