//! One request to an engine, and what its answer means.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value as Json;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, list};
use crate::diagnostic::Code;

/// Where the engine is, and how its answers are printed.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// Where the engine is.
    #[arg(long, env = "HOMEOSTAT_URL", default_value = "http://127.0.0.1:7400", value_name = "URL")]
    pub url: String,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What is sent.
#[derive(Debug, Default)]
pub(super) struct Order<'a> {
    /// Segments of the path; escaped here.
    pub path: &'a [&'a str],
    pub query: Vec<(&'a str, String)>,
    pub content_type: Option<&'a str>,
    pub body: Option<Vec<u8>>,
}

impl Connection {
    pub(super) fn get(&self, path: &[&str], query: Vec<(&str, String)>) -> Result<Json, Failure> {
        self.call(Method::GET, Order { path, query, ..Order::default() })
    }

    pub(super) fn post(&self, path: &[&str], content_type: &str, body: Vec<u8>) -> Result<Json, Failure> {
        let order = Order { path, content_type: Some(content_type), body: Some(body), ..Order::default() };
        self.call(Method::POST, order)
    }

    /// Something to be done that is answered with nothing.
    pub(super) fn order(&self, method: Method, path: &[&str]) -> Result<(), Failure> {
        self.call(method, Order { path, ..Order::default() }).map(drop)
    }

    fn call(&self, method: Method, order: Order<'_>) -> Result<Json, Failure> {
        let url = self.address(&order)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Internal, Code::Internal, format!("cannot start: {error}")))?;
        runtime.block_on(self.send(method, url, order))
    }

    fn address(&self, order: &Order<'_>) -> Result<Url, Failure> {
        let wrong = |why: String| {
            Failure::usage(format!("`{}` is no URL of an engine: {why}", self.url))
                .help("give it like `--url http://127.0.0.1:7400`, or in the variable HOMEOSTAT_URL")
        };
        let mut url = Url::parse(&self.url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it must start with `http://` or `https://`".to_owned()));
        }
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(order.path);
            }
            Err(()) => return Err(wrong("it has no path".to_owned())),
        }
        if !order.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&order.query);
        }
        Ok(url)
    }

    async fn send(&self, method: Method, url: Url, order: Order<'_>) -> Result<Json, Failure> {
        let internal = |error: reqwest::Error| Failure::new(Exit::Internal, Code::Internal, error.to_string());
        let mut builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1));
        // Who has installed one already has chosen; either serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if url.scheme() == "http" {
            // No need to look for the machine's certificates, nor to fail where there are none.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(internal)?;
        let mut request = client.request(method, url);
        if let Some(content_type) = order.content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(body) = order.body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| self.away(&error))?;
        let status = response.status();
        tracing::debug!(url = %response.url(), status = status.as_u16(), "the engine answered");
        let body = response.bytes().await.map_err(|error| self.away(&error))?;
        if status == reqwest::StatusCode::NO_CONTENT {
            return Ok(Json::Null);
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.strange(status.as_u16(), &error.to_string()));
        }
        Err(self.refused(status.as_u16(), &body))
    }

    /// The engine was not reached, or the connection broke.
    fn away(&self, error: &reqwest::Error) -> Failure {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
        Failure::new(Exit::Internal, Code::EngineAway, format!("the engine at {} {what}: {cause}", self.url))
            .help("start it with `homeostat serve`, or say where it is with `--url`")
    }

    fn strange(&self, status: u16, why: &str) -> Failure {
        let message = format!("{} answered with status {status} what no engine answers: {why}", self.url);
        Failure::new(Exit::Internal, Code::BadAnswer, message).help("check that `--url` is that of a Homeostat engine")
    }

    /// A problem document becomes a failure.
    fn refused(&self, status: u16, body: &[u8]) -> Failure {
        let problem: Json = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Json, field: &str| value.get(field).and_then(Json::as_str).map(str::to_owned);
        let (Some(code), Some(detail)) = (text(&problem, "code"), text(&problem, "detail")) else {
            return self.strange(status, "it is no problem document");
        };
        let exit = match status {
            401 | 403 => Exit::Refused,
            409 => Exit::Findings,
            429 => Exit::Internal,
            400..500 => Exit::Usage,
            _ => Exit::Internal,
        };
        let errors = list(&problem, "errors");
        let several = errors.len() > 1;
        let notes = errors
            .iter()
            .filter(|_| several)
            .map(|error| {
                let index = error.get("index").and_then(Json::as_u64).unwrap_or_default();
                let place = text(error, "attribute").map(|name| format!(", `{name}`")).unwrap_or_default();
                let detail = text(error, "detail").unwrap_or_default();
                format!("event {index}{place}: {detail} ({})", text(error, "code").unwrap_or_default())
            })
            .collect();
        Failure { exit, code, message: detail, notes, help: None }
    }
}
