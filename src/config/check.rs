//! What a kind alone does not tell: bounds, and settings that do not go together.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::build::Given;
use super::values::host;
use crate::base::literal::{Percentage, Rate, format_duration};
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::network::AllowedHosts;

/// Where to point: at what was given, or, if it is a default, at the file.
fn place<T>(given: &Given<T>) -> Span {
    given.span.unwrap_or(Span::new(SourceId(0), 0, 0))
}

/// Without tokens and TLS nothing may be reachable from other machines.
pub(super) fn listen(listen: &Given<SocketAddr>, diagnostics: &mut Diagnostics) {
    if !listen.value.ip().is_loopback() {
        diagnostics.push(not_loopback(place(listen), listen.value));
    }
}

fn not_loopback(span: Span, address: SocketAddr) -> Diagnostic {
    Diagnostic::error(Code::NotLoopback, span, why_not_loopback(address)).help(format!(
        "listen on `127.0.0.1:{}` or `[::1]:{}`; to reach it from elsewhere, put a proxy that checks who calls in front of it",
        address.port(),
        address.port()
    ))
}

pub(super) fn why_not_loopback(address: SocketAddr) -> String {
    format!("`{address}` can be reached from other machines, and this version knows neither tokens nor TLS")
}

/// A level, or directives that the log's filter takes.
pub(super) fn log_level(level: Given<String>, diagnostics: &mut Diagnostics) -> String {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    // A single word that is no level would be the name of a module, and everything else silent.
    let is_word = level.value.chars().all(char::is_alphanumeric);
    let is_level = LEVELS.iter().any(|known| known.eq_ignore_ascii_case(&level.value));
    let is_right = if is_word { is_level } else { tracing_subscriber::EnvFilter::try_new(&level.value).is_ok() };
    if level.is_known && !is_right {
        let help =
            "levels are `error`, `warn`, `info`, `debug`, `trace`, or directives like `homeostat=debug,sqlx=warn`";
        let problem = Diagnostic::error(Code::BadSetting, place(&level), format!("`{}` is no level", level.value));
        diagnostics.push(problem.help(help).suggest(&level.value, LEVELS));
    }
    level.value
}

pub(super) fn network(mut entries: Given<Vec<Spanned<String>>>, diagnostics: &mut Diagnostics) -> Given<AllowedHosts> {
    for entry in &entries.value {
        if let Err(problem) = AllowedHosts::parse([entry.node.as_str()]) {
            let message = format!("`network.allow` is wrong: {problem}");
            let help = "write a host name, `*.example`, an address like `10.1.2.3` or a network like `10.0.0.0/8`";
            diagnostics.push(Diagnostic::error(Code::BadSetting, entry.span, message).help(help));
            entries.is_known = false;
        }
    }
    entries.map(|entries| AllowedHosts::parse(entries.iter().map(|entry| entry.node.as_str())).unwrap_or_default())
}

/// 0 < floor ≤ initial ≤ ceiling.
pub(super) fn rates(floor: &Given<f64>, initial: &Given<f64>, ceiling: &Given<f64>, diagnostics: &mut Diagnostics) {
    positive("rate.ceiling", ceiling, diagnostics);
    positive("rate.floor", floor, diagnostics);
    let mut ordered = |low: &Given<f64>, low_name: &str, high: &Given<f64>, high_name: &str| {
        if low.value <= high.value || !low.is_known || !high.is_known {
            return;
        }
        let (span, other) = match (low.span, high.span) {
            (Some(low), high) => (low, high),
            (None, _) => (place(high), None),
        };
        let message = format!("`{low_name}` ({}) is above `{high_name}` ({})", Rate(low.value), Rate(high.value));
        let mut diagnostic = Diagnostic::error(Code::BadSetting, span, message)
            .help("the floor must not be above the initial rate, and neither above the ceiling");
        if let Some(other) = other {
            diagnostic = diagnostic.also(other, format!("`{high_name}` is given here"));
        }
        diagnostics.push(diagnostic);
    };
    if floor.value > ceiling.value && floor.is_known && ceiling.is_known {
        ordered(floor, "rate.floor", ceiling, "rate.ceiling");
    } else {
        ordered(floor, "rate.floor", initial, "rate.initial");
        ordered(initial, "rate.initial", ceiling, "rate.ceiling");
    }
}

pub(super) fn positive(name: &str, rate: &Given<f64>, diagnostics: &mut Diagnostics) {
    if rate.value <= 0.0 && rate.is_known {
        let message = format!("`{name}` must be above 0rps");
        diagnostics.push(Diagnostic::error(Code::BadSetting, place(rate), message).help("write a rate, like `20rps`"));
    }
}

pub(super) fn share(name: &str, share: &Given<f64>, bounds: RangeInclusive<f64>, diagnostics: &mut Diagnostics) {
    if bounds.contains(&share.value) || !share.is_known {
        return;
    }
    let shown = Percentage(share.value);
    let message = if share.value < *bounds.start() {
        format!("`{name}` is {shown}; it must be at least {}", Percentage(*bounds.start()))
    } else {
        format!("`{name}` is {shown}; it must be at most {}", Percentage(*bounds.end()))
    };
    diagnostics.push(Diagnostic::error(Code::BadSetting, place(share), message));
}

pub(super) fn at_least(
    name: &str,
    duration: &Given<Duration>,
    least: &Given<Duration>,
    why: &str,
    diagnostics: &mut Diagnostics,
) {
    if duration.value < least.value && duration.is_known && least.is_known {
        let message = format!(
            "`{name}` is {}; it must be at least {}: {why}",
            format_duration(duration.value),
            format_duration(least.value)
        );
        // The one that was written is the one to change.
        let span = duration.span.unwrap_or_else(|| place(least));
        diagnostics.push(Diagnostic::error(Code::BadSetting, span, message));
    }
}

pub(super) fn fits(requests: &Given<u64>, trial: &Given<u64>, diagnostics: &mut Diagnostics) {
    if requests.value < trial.value && requests.is_known && trial.is_known {
        let message = format!(
            "`measure.limits.requests` is {}; it must be at least {}: that is `measure.trial_requests`, not one trial would fit",
            requests.value, trial.value
        );
        let span = requests.span.unwrap_or_else(|| place(trial));
        diagnostics.push(Diagnostic::error(Code::BadSetting, span, message));
    }
}

/// A URL whose host is written as an address is held against `network.allow` at once; names when they are resolved.
pub(super) fn reachable(name: &str, url: &Given<String>, network: &Given<AllowedHosts>, diagnostics: &mut Diagnostics) {
    if !network.is_known {
        return;
    }
    let Some(host) = host(&url.value) else { return };
    let Ok(address) = host.parse::<IpAddr>() else { return };
    if !network.value.allows(&host, address) {
        let message = format!("`{name}`: `{host}` is not among the hosts that `network.allow` allows");
        diagnostics.push(
            Diagnostic::error(Code::NotAllowed, place(url), message)
                .help(format!("add `{host}` or its network to `network.allow`, if it may be reached")),
        );
    }
}
