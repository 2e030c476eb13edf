//! How a target is load-tested: within which limits, and with which requests.

use std::path::Path;
use std::time::Duration;

use super::given::{text, texts};
use super::{Builder, Given, Scope};
use crate::base::span::Spanned;
use crate::config::check;
use crate::config::values::{Request, Value};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::calendar::{Calendar, Freeze, Window};
use crate::model::load::{
    Arrivals, Body, Connections, DriverSettings, LoadSettings, Protocol, RequestSettings, SAFE_METHODS, TlsSettings,
};
use crate::model::network::AllowedHosts;
use crate::model::record::LiveTraffic;
use crate::model::target::{MeasureLimits, MeasureSettings};

impl Builder<'_> {
    /// `p99` and `ceiling`: what of the target's other settings bounds these.
    pub(super) fn measure(
        &mut self,
        scope: &Scope<'_>,
        (p99, ceiling): (&Given<Duration>, &Given<f64>),
        network: &Given<AllowedHosts>,
        folder: &Path,
        diagnostics: &mut Diagnostics,
    ) -> Option<MeasureSettings> {
        let own = self.below(scope.prefix.iter().chain(&["measure"])).next().map(|(_, found)| found.span);
        let Some(endpoint) = self.optional(scope, "measure.endpoint").map(text) else {
            // Limits without an endpoint are at home in `defaults` only.
            if let (Some(own), Some(&"targets")) = (own, scope.prefix.first()) {
                let message = format!("`{}.measure.endpoint` is missing", scope.prefix.join("."));
                diagnostics.push(
                    Diagnostic::error(Code::BadSetting, own, message)
                        .label("this tells how to measure, but not what")
                        .help("give the URL that load tests send requests to"),
                );
            }
            return None;
        };
        check::reachable("measure.endpoint", &endpoint, network, diagnostics);
        let health = self.optional(scope, "measure.health").map(text);
        if let Some(health) = &health {
            check::reachable("measure.health", health, network, diagnostics);
        }
        let live_traffic = self.text(scope, "measure.live_traffic");
        let max_rate = self.rate_or(scope, "measure.limits.max_rate", ceiling);
        let time = self.duration(scope, "measure.limits.time");
        let requests = self.count(scope, "measure.limits.requests");
        let request_timeout = self.duration(scope, "measure.request_timeout");
        let trial_time = self.duration(scope, "measure.trial_time");
        let trial_requests = self.count(scope, "measure.trial_requests");
        let precision = self.share(scope, "measure.precision");
        check::share("measure.precision", &precision, 0.001..=0.5, diagnostics);
        check::positive("measure.limits.max_rate", &max_rate, diagnostics);
        check::at_least(
            "measure.request_timeout",
            &request_timeout,
            p99,
            "that is `slo.p99`: no slower request could be seen",
            diagnostics,
        );
        check::at_least(
            "measure.limits.time",
            &time,
            &trial_time,
            "that is `measure.trial_time`: not one trial would fit",
            diagnostics,
        );
        check::fits(&requests, &trial_requests, diagnostics);
        let calendar = Calendar {
            windows: self.times(scope, "measure.windows", Window::parse, diagnostics),
            freezes: self.times(scope, "measure.freezes", Freeze::parse, diagnostics),
        };
        let load = self.load(scope, folder, diagnostics);
        Some(MeasureSettings {
            calendar,
            endpoint: endpoint.value,
            health: health.map(|health| health.value),
            live_traffic: match live_traffic.value.as_str() {
                "hold" => LiveTraffic::Hold,
                "isolated" => LiveTraffic::Isolated,
                _ => LiveTraffic::Count,
            },
            limits: MeasureLimits { max_rate_rps: max_rate.value, time: time.value, requests: requests.value },
            request_timeout: request_timeout.value,
            trial_time: trial_time.value,
            trial_requests: trial_requests.value,
            precision: precision.value,
            load,
        })
    }

    /// Each text of a list as what it says; what says nothing is told.
    fn times<T>(
        &mut self,
        scope: &Scope<'_>,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<T> {
        let given = self.optional(scope, key).map(texts).map(|given| given.value).unwrap_or_default();
        let read = |text: Spanned<String>| match read(&text.node) {
            Ok(read) => Some(read),
            Err(problem) => {
                let problem = Diagnostic::error(Code::BadSetting, text.span, format!("`{key}`: {problem}"));
                diagnostics.push(problem);
                None
            }
        };
        given.into_iter().filter_map(read).collect()
    }

    /// What is sent.
    fn load(&mut self, scope: &Scope<'_>, folder: &Path, diagnostics: &mut Diagnostics) -> LoadSettings {
        let requests = self.optional(scope, "measure.requests");
        let data = self.optional(scope, "measure.data").map(text);
        let success = self.optional(scope, "measure.success").map(text).map(|given| given.value);
        let allowed = self.text(scope, "measure.allow_unsafe");
        let arrivals = self.text(scope, "measure.arrivals").value;
        let seed = self.count(scope, "measure.seed").value;
        let connections = self.text(scope, "measure.connections").value;
        let http = self.text(scope, "measure.http");
        let ca = self.optional(scope, "measure.tls.ca").map(text);
        let verify = self.text(scope, "measure.tls.verify").value != "off";
        let command = self.optional(scope, "measure.command");
        let given = match requests.map(|given| given.value) {
            Some(Value::Requests(requests)) => requests,
            _ => Vec::new(),
        };
        if allowed.value != "true" && allowed.is_known {
            given.iter().for_each(|request| safe(request, diagnostics));
        }
        if data.is_none() {
            given.iter().for_each(|request| without_rows(request, diagnostics));
        }
        let has_grpc = given.iter().any(|request| matches!(request.settings.body, Body::Grpc(_)));
        let protocol = match http.value.as_str() {
            "1.1" => Protocol::Http1,
            "2" => Protocol::Http2,
            // gRPC has no other.
            _ if has_grpc => Protocol::Http2,
            _ => Protocol::Auto,
        };
        if let (Some(span), true, Protocol::Http1) = (http.span, has_grpc, protocol) {
            let message = "`measure.http` is `1.1`, and gRPC is spoken over HTTP/2 alone";
            diagnostics
                .push(Diagnostic::error(Code::BadSetting, span, message).help("write `http: 2`, or leave it out"));
        }
        let inherit = |request: Request| {
            let own = request.settings.success;
            // What gRPC calls a success is not a matter of the status.
            let inherited = if matches!(request.settings.body, Body::Grpc(_)) { None } else { success.clone() };
            RequestSettings { success: own.or(inherited), ..request.settings }
        };
        let mut requests: Vec<RequestSettings> = given.into_iter().map(inherit).collect();
        if requests.is_empty() {
            requests.push(RequestSettings { success, ..RequestSettings::default() });
        }
        LoadSettings {
            requests,
            data: data.map(|given| folder.join(given.value)),
            arrivals: if arrivals == "poisson" { Arrivals::Poisson } else { Arrivals::Constant },
            seed,
            connections: if connections == "new" { Connections::New } else { Connections::Keep },
            protocol,
            tls: TlsSettings { ca: ca.map(|given| folder.join(given.value)), verify },
            driver: match command.map(|given| given.value) {
                Some(Value::Command(command)) => Some(DriverSettings { command, folder: folder.to_owned() }),
                _ => None,
            },
        }
    }
}

/// A request that may change something is sent only where someone said that it may.
fn safe(request: &Request, diagnostics: &mut Diagnostics) {
    let method = request.settings.method.as_str();
    if SAFE_METHODS.contains(&method) {
        return;
    }
    let message = if matches!(request.settings.body, Body::Grpc(_)) {
        "a gRPC method may change what the target holds, and the load test would call it over and over".to_owned()
    } else {
        format!("`{method}` may change what the target holds, and the load test would send it over and over")
    };
    diagnostics.push(Diagnostic::error(Code::UnsafeMethod, request.method, message).help(
        "say `allow_unsafe: true` beside `requests` (`--allow-unsafe` on the command line) if that does no harm",
    ));
}

fn without_rows(request: &Request, diagnostics: &mut Diagnostics) {
    if let Some(row) = request.row {
        let message = "there are no rows to take this from: `measure.data` is not given";
        diagnostics
            .push(Diagnostic::error(Code::BadSetting, row, message).help("name a CSV or JSONL file with `data: FILE`"));
    }
}
