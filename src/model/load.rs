//! What a load test sends, and how, as the configuration says it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::schema::{Field, Object, Shape};
use crate::base::digest::Digest;

/// Methods that change nothing at the target: load of them needs no leave.
pub const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Of a body so many bytes are kept for a `success` that looks at it.
pub const BODY_KEPT: usize = 64 * 1024;

/// The requests of a load test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadSettings {
    /// At least one.
    pub requests: Vec<RequestSettings>,
    /// Rows for the templates of the requests: a CSV or JSONL file.
    pub data: Option<PathBuf>,
    pub arrivals: Arrivals,
    /// What is by chance is the same for the same seed.
    pub seed: u64,
    pub connections: Connections,
    pub protocol: Protocol,
    pub tls: TlsSettings,
    /// Sends the trials in place of Homeostat's own generator.
    pub driver: Option<DriverSettings>,
}

/// One of the requests that are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestSettings {
    /// In upper case.
    pub method: String,
    /// With its query; `None`: that of the endpoint.
    pub path: Option<Template>,
    /// Its share of all requests is its weight among all weights.
    pub weight: u32,
    /// By names in lower case.
    pub headers: Vec<(String, Template)>,
    pub body: Body,
    /// A CEL expression over the answer, see [`response_shape`]; `None`: a status from 200 to 299, and for gRPC the status OK.
    pub success: Option<String>,
}

/// What a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Body {
    #[default]
    Nothing,
    Text(Template),
    /// A message of gRPC, as Protocol Buffers encode it.
    Grpc(Vec<u8>),
}

/// A text with expressions in it: in requests over one row of `data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Template(pub Vec<Piece>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Piece {
    Text(String),
    /// CEL.
    Expression(String),
}

impl fmt::Display for Template {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Expression(text) => write!(f, "${{{text}}}"),
        })
    }
}

/// When requests are due. One schedule for all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Arrivals {
    /// Evenly spaced.
    #[default]
    Constant,
    /// Independent of each other, as those of many users are: the gaps are exponential.
    Poisson,
}

/// Whether a connection serves more than one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Connections {
    #[default]
    Keep,
    /// Each request opens its own, and pays for it in latency.
    New,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// Over TLS what the target prefers, without it HTTP/1.1.
    #[default]
    Auto,
    Http1,
    /// Without TLS by prior knowledge.
    Http2,
}

/// Whom to trust as the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates of authorities (PEM) that are trusted in place of the system's.
    pub ca: Option<PathBuf>,
    /// Whether the target's certificate is checked at all.
    pub verify: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { ca: None, verify: true }
    }
}

/// A program that sends a trial and tells its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriverSettings {
    /// The program and its arguments, with expressions over `trial`, see [`trial_shape`].
    pub command: Vec<Template>,
    /// Where it is started.
    pub folder: PathBuf,
}

impl Default for LoadSettings {
    /// `GET` of the endpoint, evenly spaced, over kept connections.
    fn default() -> Self {
        Self {
            requests: vec![RequestSettings::default()],
            data: None,
            arrivals: Arrivals::default(),
            seed: 1,
            connections: Connections::default(),
            protocol: Protocol::default(),
            tls: TlsSettings::default(),
            driver: None,
        }
    }
}

impl LoadSettings {
    /// Names what is sent and how: two load tests with different names are not to be compared. `None`: nothing was said of it.
    pub fn digest(&self) -> Option<Digest> {
        let text = |load: &Self| {
            let Self { requests, data, arrivals, connections, protocol, driver, seed: _, tls: _ } = load;
            serde_json::to_string(&(requests, data, arrivals, connections, protocol, driver)).ok()
        };
        (text(self) != text(&Self::default())).then(|| text(self)).flatten().map(Digest::of)
    }
}

impl Default for RequestSettings {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            path: None,
            weight: 1,
            headers: Vec::new(),
            body: Body::Nothing,
            success: None,
        }
    }
}

/// What `response` is in the `success` of a request.
pub fn response_shape() -> Object {
    Object::new(vec![
        Field::required("status", Shape::Int, "the status, like 200"),
        Field::required("headers", Shape::Map(Box::new(Shape::String)), "by their names in lower case"),
        Field::required("body", Shape::String, "the first 64 KiB as text"),
    ])
}

/// What `trial` is in the arguments of a command that sends trials.
pub fn trial_shape() -> Object {
    Object::new(vec![
        Field::required("rate_rps", Shape::Double, "the rate to send, requests a second"),
        Field::required("seconds", Shape::Double, "for how long"),
        Field::required("requests", Shape::Int, "how many requests that is"),
        Field::required("arrivals", Shape::String, "`constant` or `poisson`"),
        Field::required("seed", Shape::Int, "of what is by chance"),
        Field::required("endpoint", Shape::String, "what is load-tested"),
        Field::required("run", Shape::String, "what `Homeostat-Run` is to say"),
    ])
}
