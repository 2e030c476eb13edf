//! A detector: what is watched outside, when that is worth an event, and which.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::load::Template;
use super::schema::{Field, JsonMap, Object, Shape};
use crate::base::digest::Digest;
use crate::base::id::{DetectorName, TargetName};

/// The source of the events of all detectors that are declared.
pub const SOURCE: &str = "homeostat:detectors";

/// What is sent where a detector that watches for changes names no event.
pub const DEPLOYMENT_CHANGE: &str = "DEPLOYMENT_CHANGE";

/// A detector as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorSettings {
    pub name: DetectorName,
    pub watched: Watched,
    /// The type of its events.
    pub event: String,
    /// What they are about.
    pub target: Option<TargetName>,
    /// The label that names what they are about, in place of `target`.
    pub target_label: Option<String>,
    /// What they carry.
    pub data: DataTemplate,
    /// From one look to the next.
    pub every: Duration,
    /// An answer must come within it.
    pub timeout: Duration,
    /// What is seen must hold for so long before it is told; zero: it is told at once.
    pub lasting: Duration,
    /// What still holds is told again after so long.
    pub repeat: Option<Duration>,
    /// The pause between looks that fail doubles up to this.
    pub max_backoff: Duration,
    /// At most so many events a minute.
    pub per_minute: usize,
    /// Whether what the first look of all shows is told.
    pub tells_first: bool,
}

/// What a detector watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    Http(HttpSettings),
    Oci(OciSettings),
    Prometheus(PrometheusSettings),
    Alertmanager(AlertmanagerSettings),
    File(FileSettings),
    Kubernetes(KubernetesSettings),
}

/// An endpoint that is asked again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpSettings {
    pub url: String,
    /// By names in lower case; the expressions are those of secrets.
    #[serde(skip)]
    pub headers: Vec<(String, Template)>,
    /// CEL over what is answered: a change of it is told.
    pub value: String,
}

/// A tag of a repository in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OciSettings {
    /// Its host, perhaps with a port.
    pub registry: String,
    pub repository: String,
    pub tag: String,
    /// Whether it is spoken to over TLS.
    #[serde(skip)]
    pub tls: bool,
    #[serde(skip)]
    pub username: Option<String>,
    /// The name of the secret.
    #[serde(skip)]
    pub password: Option<String>,
}

impl fmt::Display for OciSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.registry, self.repository, self.tag)
    }
}

/// A query, and for which of its values something is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrometheusSettings {
    /// Without what the API begins with.
    pub url: String,
    #[serde(skip)]
    pub headers: Vec<(String, Template)>,
    /// In PromQL.
    pub query: String,
    /// CEL over one sample: it is told while that holds.
    pub when: String,
}

/// Which alerts are told of those that come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertmanagerSettings {
    /// CEL over the alert.
    pub when: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSettings {
    pub path: PathBuf,
    pub format: FileFormat,
    /// CEL over what it holds: a change of it is told.
    pub value: String,
}

/// The Deployments of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KubernetesSettings {
    /// Of the API server.
    pub url: String,
    #[serde(skip)]
    pub headers: Vec<(String, Template)>,
    pub namespace: String,
    /// By labels, as `kubectl` takes it.
    pub selector: Option<String>,
    /// CEL over the Deployment: a change of it is told once it is rolled out.
    pub value: String,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    #[default]
    Text,
    Json,
    Yaml,
}

impl Watched {
    /// Names what is watched: what was told of something else says nothing of it.
    pub fn digest(&self) -> Digest {
        // Texts and numbers are always JSON.
        Digest::of(serde_json::to_string(self).unwrap_or_default())
    }
}

/// What an event carries, with expressions over what was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum DataTemplate {
    Fixed(serde_json::Value),
    /// One expression alone keeps its type; within text there is text.
    Text(Template),
    List(Vec<DataTemplate>),
    Map(Vec<(String, DataTemplate)>),
}

impl Default for DataTemplate {
    fn default() -> Self {
        Self::Fixed(JsonMap::new().into())
    }
}

/// What the expressions of a detector of that kind see, as names with their shapes.
pub fn http_names() -> Object {
    Object::new(vec![
        Field::required("status", Shape::Int, "the status, like 200"),
        Field::required("headers", Shape::Map(Box::new(Shape::String)), "by their names in lower case"),
        Field::required("body", Shape::Any, "what is answered: JSON as such, anything else as text"),
    ])
}

/// The same of a registry.
pub fn oci_names() -> Object {
    Object::new(vec![Field::required("image", Shape::String, "registry, repository and tag, as they are configured")])
}

/// The same of a query: one sample.
pub fn prometheus_names() -> Object {
    Object::new(vec![
        Field::required("value", Shape::Double, "the sample's value"),
        Field::required("labels", Shape::Map(Box::new(Shape::String)), "the labels of its series"),
    ])
}

/// The same of an alert.
pub fn alertmanager_names() -> Object {
    let texts = || Shape::Map(Box::new(Shape::String));
    let alert = Object::new(vec![
        Field::required("status", Shape::String, "`firing` or `resolved`"),
        Field::required("labels", texts(), "its labels; its name is `alertname`"),
        Field::required("annotations", texts(), "its annotations"),
        Field::required("starts_at", Shape::String, "since when it fires"),
        Field::required("ends_at", Shape::String, "since when it is resolved, once it is"),
        Field::required("fingerprint", Shape::String, "names its labels"),
        Field::required("generator_url", Shape::String, "what causes it"),
    ]);
    Object::new(vec![Field::required("alert", Shape::Object(alert), "the alert")])
}

/// The same of a file.
pub fn file_names() -> Object {
    Object::new(vec![Field::required("body", Shape::Any, "what it holds, by its format")])
}

/// The same of a Deployment.
pub fn kubernetes_names() -> Object {
    Object::new(vec![Field::required("deployment", Shape::Any, "the Deployment, as the API has it")])
}
