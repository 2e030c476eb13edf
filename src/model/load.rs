//! What a load test sends, and how, as the configuration says it.

use std::path::PathBuf;
use std::time::Duration;

use super::schema::{Field, Object, Shape};

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    #[default]
    Nothing,
    Text(Template),
    /// A message of gRPC, as Protocol Buffers encode it.
    Grpc(Vec<u8>),
}

/// A text with expressions over one row of the data in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// CEL, over `data`.
    Expression(String),
}

/// When requests are due. One schedule for all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly spaced.
    #[default]
    Constant,
    /// Independent of each other, as those of many users are: the gaps are exponential.
    Poisson,
}

/// Whether a connection serves more than one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    #[default]
    Keep,
    /// Each request opens its own, and pays for it in latency.
    New,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverSettings {
    /// The program and its arguments, with placeholders.
    pub command: Vec<String>,
    /// Where it is started.
    pub folder: PathBuf,
    /// It is ended when it takes so much longer than the trial.
    pub grace: Duration,
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
