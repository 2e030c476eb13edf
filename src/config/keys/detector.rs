//! The settings of a detector, and which of them only some kinds read.

use super::Fallback::{Is, Required, Says};
use super::{Key, Kind};

/// What detectors there are.
pub const KINDS: &[&str] = &["http"];

/// Settings of a detector: under `detectors.NAME`.
pub const DETECTOR: &[Key] = keys! {
    "kind" Kind::Choice(KINDS), Required,
        "What it watches: `http` an endpoint. See [detectors](detectors.md).";
    "url" Kind::Url, Required,
        "`http`: what is asked. Its host must be among those of `network.allow`.";
    "headers.KEY" Kind::Header, Says("none"),
        "`http`: headers of the request, by their names. Secrets stand in them as `${secret.NAME}`.";
    "value" Kind::Expression, Is("body"),
        "`http`: an expression over `status`, `headers` and `body`; a change of its value is told.";
    "event" Kind::Text, Is("DEPLOYMENT_CHANGE"),
        "The type of its events.";
    "target" Kind::Text, Says("none"),
        "The target that they are about.";
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

/// Settings that only some kinds read, with those.
pub const OWN: &[(&str, &[&str])] = &[("url", &["http"]), ("headers", &["http"]), ("value", &["http"])];

/// The settings that a detector of a kind cannot do without.
pub fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "http" => &["url"],
        _ => &[],
    }
}

/// Whether a detector of a kind reads a setting; for headers and the like that of the group.
pub fn reads(kind: &str, path: &str) -> bool {
    let group = path.split('.').next().unwrap_or(path);
    OWN.iter().find(|(own, _)| *own == group).is_none_or(|(_, kinds)| kinds.contains(&kind))
}
