//! Settings and rows of data become the requests of a load test.
//!
//! Every request is made whole before the first is sent: what cannot be sent is told before any load, and sending costs
//! no more than writing bytes that are there. What must not be known here: connections and time.

mod rows;
mod success;
mod template;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use serde_json::Value as Json;

pub(super) use self::success::{Reply, Success, Wants};
pub(super) use self::template::Argument;
use self::template::{Compiled, Escape};
use crate::base::id::RunId;
use crate::model::load::{Body, Connections, LoadSettings, RequestSettings, SAFE_METHODS, Template};

/// Marks every request of a load test, so that services and detectors can tell it from their users' traffic.
const RUN_HEADER: &str = "homeostat-run";

/// So many requests are made of all rows at most …
const MOST: usize = 200_000;

/// … and so many bytes.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Weights are taken as they are where they add up to no more; beyond it nobody can tell the difference.
const LONGEST_ROUND: u64 = 10_000;

/// All requests of a load test, and whose turn it is.
#[derive(Debug)]
pub(super) struct Mix {
    kinds: Vec<Kind>,
    /// The kinds in turn, so that each comes as often as it weighs, as evenly spread as can be.
    round: Vec<usize>,
    turn: AtomicUsize,
    /// The kind with the most weight.
    main: usize,
}

/// One entry of the configuration, made of every row.
#[derive(Debug)]
struct Kind {
    made: Vec<Made>,
    turn: AtomicUsize,
    success: Success,
}

/// A request, ready to be sent.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it may be sent again where its connection turned out to be closed.
    pub(super) repeatable: bool,
    /// All of it as HTTP/1.1 writes it.
    pub(super) written: Bytes,
}

/// A request that is to be sent now, and what its answer must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn<'a> {
    pub(super) made: &'a Made,
    pub(super) success: &'a Success,
}

impl Mix {
    /// Makes every request of `settings` to the host of `endpoint`.
    ///
    /// # Errors
    /// What cannot be sent, and why.
    pub(super) fn new(endpoint: &Uri, settings: &LoadSettings, run: RunId) -> Result<Self, String> {
        let rows = settings.data.as_deref().map(rows::read).transpose()?;
        let mut kinds = Vec::with_capacity(settings.requests.len());
        let mut room = Room { requests: MOST, bytes: MOST_BYTES };
        for (index, request) in settings.requests.iter().enumerate() {
            let maker = Maker { endpoint, request, run, connections: settings.connections };
            let made = maker.make(rows.as_deref(), &mut room).map_err(|why| {
                let path = request.path.as_ref().map_or_else(|| endpoint.path().to_owned(), Template::to_string);
                format!("request {} (`{} {path}`): {why}", index + 1, request.method)
            })?;
            kinds.push(Kind { made, turn: AtomicUsize::new(0), success: Success::new(request)? });
        }
        let weights: Vec<u64> = settings.requests.iter().map(|request| u64::from(request.weight)).collect();
        let main = (0..weights.len()).rev().max_by_key(|kind| weights.get(*kind)).unwrap_or(0);
        Ok(Self { kinds, round: round(&weights), turn: AtomicUsize::new(0), main })
    }

    /// The request whose turn it is; `None` only for a mix of nothing.
    pub(super) fn next(&self) -> Option<Turn<'_>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.round.get(turn % self.round.len().max(1)).and_then(|kind| self.of(*kind))
    }

    /// The next request of the kind that is sent most: one probe is like another.
    pub(super) fn probe(&self) -> Option<Turn<'_>> {
        self.of(self.main)
    }

    fn of(&self, kind: usize) -> Option<Turn<'_>> {
        let kind = self.kinds.get(kind)?;
        let made = kind.made.get(kind.turn.fetch_add(1, Ordering::Relaxed) % kind.made.len().max(1))?;
        Some(Turn { made, success: &kind.success })
    }
}

/// Smooth weighted round robin, as nginx spreads requests over its upstreams: `5, 1, 1` becomes `a a b a c a a`.
fn round(weights: &[u64]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, common_divisor).max(1);
    let sum: u64 = weights.iter().map(|weight| weight / divisor).sum();
    let scale = sum.div_ceil(LONGEST_ROUND).max(1);
    let weights: Vec<i64> = weights
        .iter()
        .map(|weight| i64::try_from((weight / divisor).div_ceil(scale)).unwrap_or(i64::MAX / 2))
        .collect();
    let sum: i64 = weights.iter().sum();
    let mut credit = vec![0_i64; weights.len()];
    let mut round = Vec::new();
    for _ in 0..sum {
        credit.iter_mut().zip(&weights).for_each(|(credit, weight)| *credit += weight);
        // The first of those with the most.
        let Some((next, _)) = credit.iter().enumerate().rev().max_by_key(|(_, credit)| **credit) else { break };
        credit.get_mut(next).into_iter().for_each(|credit| *credit -= sum);
        round.push(next);
    }
    round
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How much more may be made.
struct Room {
    requests: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.requests = self.requests.checked_sub(1).ok_or_else(|| {
            format!("more than {MOST} requests would have to be kept ready: give fewer rows in `data`")
        })?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            format!("more than {} MiB would have to be kept ready: give fewer rows in `data`", MOST_BYTES >> 20)
        })?;
        Ok(())
    }
}

/// Makes one entry of the configuration.
struct Maker<'a> {
    endpoint: &'a Uri,
    request: &'a RequestSettings,
    run: RunId,
    connections: Connections,
}

impl Maker<'_> {
    /// One for each row; one alone where no row is looked at.
    fn make(&self, rows: Option<&[Json]>, room: &mut Room) -> Result<Vec<Made>, String> {
        let method = Method::from_bytes(self.request.method.as_bytes())
            .map_err(|_| format!("`{}` is no method", self.request.method))?;
        let path = self.request.path.as_ref().map(|path| Compiled::new(path, Escape::Path)).transpose()?;
        let mut headers = Vec::with_capacity(self.request.headers.len());
        for (name, value) in &self.request.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no name of a header"))?;
            headers.push((name, Compiled::new(value, Escape::Header)?));
        }
        let body = match &self.request.body {
            Body::Text(text) => Some(Compiled::new(text, self.escape())?),
            Body::Nothing | Body::Grpc(_) => None,
        };
        let parts = path.iter().chain(headers.iter().map(|(_, value)| value)).chain(&body);
        let is_fixed = parts.clone().all(Compiled::is_fixed);
        let nothing = [Json::Null];
        let rows = match rows {
            Some(rows) if !is_fixed => rows,
            _ => nothing.as_slice(),
        };
        let mut made = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let one = self.one(&method, path.as_ref(), &headers, body.as_ref(), row);
            let one = one.map_err(|why| if is_fixed { why } else { format!("row {}: {why}", index + 1) })?;
            // Header names and values are kept twice: parsed and written.
            room.take(one.written.len() * 2 + one.body.len())?;
            made.push(one);
        }
        Ok(made)
    }

    fn one(
        &self,
        method: &Method,
        path: Option<&Compiled>,
        headers: &[(HeaderName, Compiled)],
        body: Option<&Compiled>,
        row: &Json,
    ) -> Result<Made, String> {
        let uri = match path {
            Some(path) => self.at(&path.render(row)?)?,
            None => self.endpoint.clone(),
        };
        let mut made = HeaderMap::with_capacity(headers.len() + 4);
        for (name, value) in headers {
            let value = value.render(row)?;
            let value = HeaderValue::from_str(&value)
                .map_err(|_| format!("the header `{name}` would hold characters that no header may: {value:?}"))?;
            made.append(name.clone(), value);
        }
        let run = HeaderValue::from_str(&self.run.to_string()).map_err(|error| error.to_string())?;
        made.insert(RUN_HEADER, run);
        let body = match (&self.request.body, body) {
            (Body::Grpc(message), _) => {
                made.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                made.insert(header::TE, HeaderValue::from_static("trailers"));
                framed(message)?
            }
            (_, Some(body)) => Bytes::from(body.render(row)?),
            (_, None) => Bytes::new(),
        };
        let written = self.write(method, &uri, &made, &body);
        let repeatable = SAFE_METHODS.contains(&method.as_str());
        Ok(Made { method: method.clone(), uri, headers: made, body, repeatable, written })
    }

    /// A path on the endpoint's host.
    fn at(&self, path: &str) -> Result<Uri, String> {
        let ends = path.find('?').unwrap_or(path.len());
        let segments = path.get(..ends).unwrap_or(path);
        if segments.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(format!("`{path}` leads elsewhere by a `.` or `..` in it"));
        }
        let path = PathAndQuery::try_from(path).map_err(|error| format!("`{path}` is no path: {error}"))?;
        let mut parts = self.endpoint.clone().into_parts();
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|error| error.to_string())
    }

    fn escape(&self) -> Escape {
        let of = |name: &str| self.request.headers.iter().find(|(known, _)| known == name);
        let kind = of("content-type").map(|(_, value)| value.to_string().to_ascii_lowercase()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match kind {
            "application/x-www-form-urlencoded" => Escape::Form,
            _ if kind == "application/json" || kind.ends_with("+json") => Escape::Json,
            _ => Escape::Nothing,
        }
    }

    fn write(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Bytes {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
        for (name, value) in headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        // A body of nothing has a length too, where a body is expected (RFC 9110, 8.6).
        if !body.is_empty() || !SAFE_METHODS.contains(&method.as_str()) {
            text.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        if self.connections == Connections::New {
            text.extend_from_slice(b"connection: close\r\n");
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body);
        Bytes::from(text)
    }
}

/// A message as gRPC sends it: not compressed, with its length before it.
fn framed(message: &[u8]) -> Result<Bytes, String> {
    let length = u32::try_from(message.len()).map_err(|_| "the message is too long for gRPC".to_owned())?;
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(Bytes::from(framed))
}

#[cfg(test)]
mod tests;
