//! The settings of a detector, and which of them only some kinds read.

use super::Fallback::{Is, Required, Says};
use super::{Key, Kind};

/// What detectors there are.
pub const KINDS: &[&str] = &["http", "oci", "prometheus", "alertmanager", "file", "kubernetes"];

/// Settings of a detector: under `detectors.NAME`.
pub const DETECTOR: &[Key] = keys! {
    "kind" Kind::Choice(KINDS), Required,
        "What it watches: `http` an endpoint, `oci` a tag in a registry, `prometheus` a query, `alertmanager` alerts that come, `file` a file, `kubernetes` the Deployments of a namespace. See [detectors](detectors.md).";
    "url" Kind::Url, Required,
        "`http`: what is asked. `prometheus`: the server, without `/api/v1`. `kubernetes`: the API server. Its host must be among those of `network.allow`.";
    "headers.KEY" Kind::Header, Says("none"),
        "`http`, `prometheus`, `kubernetes`: headers of the request, by their names. Secrets stand in them as `${secret.NAME}`.";
    "value" Kind::Expression, Says("`body`; for `kubernetes` the images of all containers"),
        "`http`: an expression over `status`, `headers` and `body`; `file`: over `body`; `kubernetes`: over `deployment`. A change of its value is told.";
    "image" Kind::Text, Required,
        "`oci`: registry, repository and tag, like `registry.example/shop/checkout:stable`. The registry's host must be among those of `network.allow`, and so must be that which gives its tokens.";
    "tls" Kind::Choice(&["on", "off"]), Is("on"),
        "`oci`: `off` speaks to the registry without encryption.";
    "username" Kind::Text, Says("nobody's"),
        "`oci`: the user that the registry is to know, with `password`.";
    "password" Kind::Secret, Says("none"),
        "`oci`: the name of the user's password, as `${secret.NAME}`.";
    "query" Kind::Text, Required,
        "`prometheus`: an instant query in PromQL; each series of its result is looked at for itself.";
    "when" Kind::Expression, Says("must be given for `prometheus`; `alert.status == \"firing\"` for `alertmanager`"),
        "`prometheus`: an expression over `value` and `labels`; a series is told while it holds. `alertmanager`: one over `alert`; alerts are told for which it holds.";
    "namespace" Kind::Text, Required,
        "`kubernetes`: the namespace.";
    "selector" Kind::Text, Says("all of the namespace"),
        "`kubernetes`: which Deployments, by their labels, like `app=checkout`.";
    "path" Kind::Path, Required,
        "`file`: the file.";
    "format" Kind::Choice(&["text", "json", "yaml"]), Is("text"),
        "`file`: how it is read. Text is watched without white space around it.";
    "event" Kind::Text, Says("`DEPLOYMENT_CHANGE`; must be given for `prometheus` and `alertmanager`"),
        "The type of its events.";
    "target" Kind::Text, Says("none"),
        "The target that they are about.";
    "target_label" Kind::Text, Says("none: `target` is given"),
        "`prometheus`, `alertmanager`, `kubernetes`: the label that names the target, in place of `target`.";
    "data" Kind::Data, Says("`{ signature: \"${string(value)}\" }` for a `DEPLOYMENT_CHANGE`, else nothing"),
        "What they carry, with `${…}` over what was seen.";
    "every" Kind::Duration, Is("30s"),
        "The time from one look to the next, at least `1s`.";
    "timeout" Kind::Duration, Is("10s"),
        "An answer that takes longer is a failure.";
    "for" Kind::Duration, Says("it is told at once"),
        "What is seen is told when it has held for so long; what goes by before is not.";
    "repeat" Kind::Duration, Says("never"),
        "What holds is told again after so long.";
    "first" Kind::Choice(&["tell", "skip"]), Is("tell"),
        "What becomes of what the very first look shows: it is told, or only what changes from then on.";
    "max_backoff" Kind::Duration, Is("5m"),
        "The pause between looks that fail doubles from a second up to this.";
    "per_minute" Kind::Count, Is("10"),
        "At most so many events a minute. What is more is told later, the latest of each only.";
};

/// Kinds that look by themselves.
const LOOKING: &[&str] = &["http", "oci", "prometheus", "file", "kubernetes"];
/// Kinds that ask over a network.
const ASKING: &[&str] = &["http", "oci", "prometheus", "kubernetes"];

/// Settings that only some kinds read, with those.
pub const OWN: &[(&str, &[&str])] = &[
    ("url", &["http", "prometheus", "kubernetes"]),
    ("headers", &["http", "prometheus", "kubernetes"]),
    ("value", &["http", "file", "kubernetes"]),
    ("image", &["oci"]),
    ("tls", &["oci"]),
    ("username", &["oci"]),
    ("password", &["oci"]),
    ("query", &["prometheus"]),
    ("when", &["prometheus", "alertmanager"]),
    ("path", &["file"]),
    ("format", &["file"]),
    ("target_label", &["prometheus", "alertmanager", "kubernetes"]),
    ("namespace", &["kubernetes"]),
    ("selector", &["kubernetes"]),
    ("every", LOOKING),
    ("timeout", ASKING),
    ("for", LOOKING),
    ("repeat", LOOKING),
    ("first", LOOKING),
    ("max_backoff", ASKING),
];

/// The settings that a detector of a kind cannot do without.
pub fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "http" => &["url"],
        "oci" => &["image"],
        "prometheus" => &["url", "query", "when", "event"],
        "alertmanager" => &["event"],
        "file" => &["path"],
        "kubernetes" => &["url", "namespace"],
        _ => &[],
    }
}

/// Whether a detector of a kind reads a setting; for headers and the like that of the group.
pub fn reads(kind: &str, path: &str) -> bool {
    let group = path.split('.').next().unwrap_or(path);
    OWN.iter().find(|(own, _)| *own == group).is_none_or(|(_, kinds)| kinds.contains(&kind))
}
