//! Only programs of this machine may speak to an engine that knows no tokens.
//!
//! A loopback address alone does not keep web pages out: a browser runs on this machine too. A page cannot choose the
//! headers `Host` and `Origin`, so a name that is not ours (DNS rebinding) and an origin that is not ours are refused.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::diagnostic::Code;

/// Passes on what comes under a name of this machine and from no foreign page.
pub(super) async fn same_machine(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request).await,
        Err(detail) => Problem::new(StatusCode::FORBIDDEN, Code::ForeignOrigin, detail).into_response(),
    }
}

fn check(request: &Request) -> Result<(), String> {
    let header = |name| request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    // HTTP/2 carries the name in the URI.
    let authority = request.uri().authority().map(ToString::to_string).or_else(|| header(header::HOST));
    if let Some(authority) = &authority
        && !is_loopback(authority)
    {
        return Err(format!(
            "the request was sent to `{authority}`; the engine answers only to `localhost` and loopback addresses"
        ));
    }
    match header(header::ORIGIN) {
        Some(origin) if !same_origin(&origin, authority.as_deref()) => {
            Err(format!("the request was sent by a web page of `{origin}`; pages may not command the engine"))
        }
        _ => Ok(()),
    }
}

fn same_origin(origin: &str, authority: Option<&str>) -> bool {
    match (origin.split_once("://"), authority) {
        (Some((_, host)), Some(authority)) => host.eq_ignore_ascii_case(authority),
        _ => false,
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_loopback, same_origin};

    #[test]
    fn names_of_this_machine_are_known() {
        for ours in ["localhost", "LOCALHOST:7400", "127.0.0.1", "127.8.9.1:80", "[::1]:7400", "demo.localhost:1"] {
            assert!(is_loopback(ours), "{ours}");
        }
        for foreign in ["evil.example:7400", "localhost.evil.example", "10.0.0.1:7400", "[fe80::1]:7400", ""] {
            assert!(!is_loopback(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_another_port_is_another_origin() {
        assert!(same_origin("http://127.0.0.1:7400", Some("127.0.0.1:7400")));
        assert!(!same_origin("http://127.0.0.1:3000", Some("127.0.0.1:7400")));
        assert!(!same_origin("null", Some("127.0.0.1:7400")));
    }
}
