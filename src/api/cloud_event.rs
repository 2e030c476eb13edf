//! An HTTP message becomes events: CloudEvents 1.0.2, HTTP protocol binding, in structured, batch and binary mode.
//!
//! Knows the format only. Whether a type is declared, a target configured or the data of its shape is the engine's to say.

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;

use super::problem::{EventProblem, Problem};
use crate::base::clock::Timestamp;
use crate::diagnostic::Code;
use crate::model::event::{Event, Priority};
use crate::model::schema::{JsonMap, describe};

/// Most events of one batch.
pub const MAX_BATCH: usize = 1_000;
/// Longest attribute, in bytes.
const MAX_ATTRIBUTE: usize = 1_024;
/// Most extension attributes of one event.
const MAX_EXTENSIONS: usize = 64;

/// How a message carries its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentMode {
    Structured,
    Batch,
    Binary,
}

/// One thing that is wrong with one event.
#[derive(Debug)]
struct Fault {
    attribute: Option<String>,
    detail: String,
}

impl Fault {
    fn at(attribute: &str, detail: impl Into<String>) -> Self {
        Self { attribute: Some(attribute.to_owned()), detail: detail.into() }
    }
}

/// Reads every event of a message. An event without `time` happened `now`.
///
/// # Errors
/// 415 for a content type that carries no events, 400 for anything that is not as the format demands.
pub fn read(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Vec<Event>, Problem> {
    match content_mode(headers)? {
        ContentMode::Structured => {
            let value = parse(body)?;
            let attributes = match value {
                Json::Object(attributes) => attributes,
                Json::Array(_) => {
                    return Err(Problem::malformed(
                        "the body is a list; send it with the content type `application/cloudevents-batch+json`",
                    ));
                }
                other => {
                    return Err(Problem::malformed(format!(
                        "the body must be an event, but it is {}",
                        describe(&other)
                    )));
                }
            };
            gather(vec![structured(attributes, now)], false)
        }
        ContentMode::Batch => {
            let value = parse(body)?;
            let Json::Array(items) = value else {
                return Err(Problem::malformed("the body of a batch must be a list of events"));
            };
            if items.len() > MAX_BATCH {
                return Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    Code::BadRequest,
                    format!("the batch holds {} events; at most {MAX_BATCH} are taken at once", items.len()),
                ));
            }
            let events = items
                .into_iter()
                .map(|item| match item {
                    Json::Object(attributes) => structured(attributes, now),
                    other => Err(vec![Fault {
                        attribute: None,
                        detail: format!("must be an event, but it is {}", describe(&other)),
                    }]),
                })
                .collect();
            gather(events, true)
        }
        ContentMode::Binary => gather(vec![binary(headers, body, now)], false),
    }
}

/// All events, or everything that is wrong with any.
fn gather(events: Vec<Result<Event, Vec<Fault>>>, batch: bool) -> Result<Vec<Event>, Problem> {
    let mut good = Vec::with_capacity(events.len());
    let mut errors = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        match event {
            Ok(event) => good.push(event),
            Err(faults) => errors.extend(faults.into_iter().map(|fault| EventProblem {
                index,
                attribute: fault.attribute,
                code: Code::BadRequest.to_string(),
                detail: fault.detail,
            })),
        }
    }
    match errors.as_slice() {
        [] => Ok(good),
        [only] => {
            let attribute = only.attribute.as_ref().map(|name| format!("`{name}` ")).unwrap_or_default();
            let place = if batch { format!("event {}: ", only.index) } else { String::new() };
            Err(Problem::malformed(format!("{place}{attribute}{}", only.detail)).with_errors(errors))
        }
        many => {
            Err(Problem::malformed(format!("{} problems with the events; none was taken", many.len()))
                .with_errors(errors))
        }
    }
}

fn content_mode(headers: &HeaderMap) -> Result<ContentMode, Problem> {
    let content_type = content_type(headers)?;
    let binary = headers.keys().any(|name| name.as_str().starts_with("ce-"));
    match content_type.as_deref() {
        Some("application/cloudevents+json") => Ok(ContentMode::Structured),
        Some("application/cloudevents-batch+json") => Ok(ContentMode::Batch),
        Some(other) if other.starts_with("application/cloudevents") => Err(unsupported(&format!(
            "the content type `{other}` is not taken; events are taken as JSON: `application/cloudevents+json` or \
             `application/cloudevents-batch+json`"
        ))),
        _ if binary => Ok(ContentMode::Binary),
        // A courtesy to people with curl: an event is known by its `specversion`.
        Some("application/json") => Ok(ContentMode::Structured),
        Some(other) => Err(unsupported(&format!(
            "the content type `{other}` carries no event; send `application/cloudevents+json`, or `ce-…` headers"
        ))),
        None => Err(unsupported("the content type is missing; send `application/cloudevents+json`, or `ce-…` headers")),
    }
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::BadRequest, detail)
}

/// The media type without parameters, in lower case; its charset must be UTF-8.
fn content_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().map_err(|_| unsupported("the content type is not ASCII"))?;
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    for parameter in parts {
        if let Some((name, charset)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("charset")
            && !charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        {
            return Err(unsupported(&format!("the charset `{}` is not taken; send UTF-8", charset.trim())));
        }
    }
    Ok(Some(media))
}

fn parse(body: &[u8]) -> Result<Json, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::malformed(format!("the body is not valid JSON: {error}")))
}

fn is_json(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

// ---- structured --------------------------------------------------------------------------------------------------

fn structured(mut attributes: JsonMap, now: Timestamp) -> Result<Event, Vec<Fault>> {
    let mut faults = Vec::new();
    let data = structured_data(&mut attributes).unwrap_or_else(|fault| {
        faults.push(fault);
        Json::Null
    });
    attributes.remove("datacontenttype");
    assemble(attributes, data, now, faults)
}

fn structured_data(attributes: &mut JsonMap) -> Result<Json, Fault> {
    let media = match attributes.get("datacontenttype") {
        Some(Json::String(media)) if !media.is_empty() => Some(media.clone()),
        None | Some(Json::Null) => None,
        Some(other) => {
            return Err(Fault::at("datacontenttype", format!("must be a media type, but it is {}", describe(other))));
        }
    };
    let plain = attributes.remove("data");
    let encoded = attributes.remove("data_base64").filter(|value| !value.is_null());
    match (plain, encoded) {
        (Some(_), Some(_)) => Err(Fault::at("data_base64", "stands beside `data`; send one of the two")),
        (data, None) => Ok(data.unwrap_or(Json::Null)),
        (None, Some(Json::String(text))) => {
            let bytes = BASE64
                .decode(text.as_bytes())
                .map_err(|error| Fault::at("data_base64", format!("is not valid Base64: {error}")))?;
            decode_data("data_base64", media.as_deref(), &bytes)
        }
        (None, Some(other)) => {
            Err(Fault::at("data_base64", format!("must be a Base64 string, but it is {}", describe(&other))))
        }
    }
}

/// Data that came as bytes: JSON, or text as a string.
fn decode_data(attribute: &str, media: Option<&str>, bytes: &[u8]) -> Result<Json, Fault> {
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    match media {
        media if media.is_none_or(is_json) => {
            serde_json::from_slice(bytes).map_err(|error| Fault::at(attribute, format!("is not valid JSON: {error}")))
        }
        Some(media) if media.trim_start().to_ascii_lowercase().starts_with("text/") => {
            match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Json::from(text)),
                Err(_) => Err(Fault::at(attribute, "is not UTF-8 text")),
            }
        }
        media => Err(Fault::at(
            attribute,
            format!("of the type `{}` cannot be read; data must be JSON or text", media.unwrap_or_default()),
        )),
    }
}

// ---- binary ------------------------------------------------------------------------------------------------------

fn binary(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut attributes = JsonMap::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("ce-") else { continue };
        if attributes.contains_key(name) {
            faults.push(Fault::at(name, "stands twice among the headers"));
            continue;
        }
        match header_value(value.as_bytes()) {
            Ok(text) => {
                attributes.insert(name.to_owned(), Json::from(text));
            }
            Err(why) => {
                // Kept, so that it is not called missing as well.
                attributes.insert(name.to_owned(), Json::from("?"));
                faults.push(Fault::at(name, why));
            }
        }
    }
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let data = decode_data("data", media, body).unwrap_or_else(|fault| {
        faults.push(fault);
        Json::Null
    });
    assemble(attributes, data, now, faults)
}

/// The text of a header value: unquoted, then percent-decoded, as the HTTP binding says (3.1.3.2).
fn header_value(bytes: &[u8]) -> Result<String, &'static str> {
    let unquoted = match bytes {
        [b'"', inner @ .., b'"'] => {
            let mut plain = Vec::with_capacity(inner.len());
            let mut rest = inner.iter();
            while let Some(byte) = rest.next() {
                plain.push(if *byte == b'\\' { *rest.next().unwrap_or(byte) } else { *byte });
            }
            plain
        }
        plain => plain.to_vec(),
    };
    let mut decoded = Vec::with_capacity(unquoted.len());
    let mut rest = unquoted.as_slice();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        // A percent sign without two hexadecimal digits stands for itself.
        if *byte == b'%'
            && let Some((digits, after)) = tail.split_at_checked(2)
            && digits.iter().all(u8::is_ascii_hexdigit)
            && let Some(value) = std::str::from_utf8(digits).ok().and_then(|text| u8::from_str_radix(text, 16).ok())
        {
            decoded.push(value);
            rest = after;
        } else {
            decoded.push(*byte);
        }
    }
    String::from_utf8(decoded).map_err(|_| "is not UTF-8 after percent-decoding")
}

// ---- attributes --------------------------------------------------------------------------------------------------

/// Makes an event of attributes, whichever mode they came by.
fn assemble(mut attributes: JsonMap, data: Json, now: Timestamp, mut faults: Vec<Fault>) -> Result<Event, Vec<Fault>> {
    match text_attribute(&mut attributes, "specversion", &mut faults) {
        Some(version) if version == "1.0" => {}
        Some(version) => faults.push(Fault::at("specversion", format!("must be `1.0`, but it is `{version}`"))),
        None => {}
    }
    let mut required = |name: &str, faults: &mut Vec<Fault>| text_attribute(&mut attributes, name, faults);
    let id = required("id", &mut faults);
    let source = required("source", &mut faults);
    let kind = required("type", &mut faults);
    let subject = optional(&mut attributes, "subject", &mut faults);
    let time = time_attribute(&mut attributes, "time", &mut faults);
    let deliver_at = time_attribute(&mut attributes, "deliverat", &mut faults);
    let priority = priority_attribute(&mut attributes, &mut faults);
    let extensions = extensions(attributes, &mut faults);
    match (id, source, kind) {
        (Some(id), Some(source), Some(kind)) if faults.is_empty() => Ok(Event {
            id,
            source,
            kind,
            subject: subject.map(Into::into),
            time: time.unwrap_or(now),
            data,
            priority: priority.unwrap_or_default(),
            deliver_at,
            during_test: false,
            chain: 0,
            extensions,
        }),
        _ => Err(faults),
    }
}

fn text_attribute(attributes: &mut JsonMap, name: &str, faults: &mut Vec<Fault>) -> Option<String> {
    let before = faults.len();
    let value = optional(attributes, name, faults);
    if value.is_none() && faults.len() == before {
        faults.push(Fault::at(name, "is missing"));
    }
    value
}

fn optional(attributes: &mut JsonMap, name: &str, faults: &mut Vec<Fault>) -> Option<String> {
    let problem = match attributes.remove(name)? {
        Json::Null => return None,
        Json::String(text) => match check_text(&text) {
            Ok(()) => return Some(text),
            Err(problem) => problem,
        },
        other => format!("must be a string, but it is {}", describe(&other)),
    };
    faults.push(Fault::at(name, problem));
    None
}

/// Not empty, not too long, and none of the characters that the specification forbids in strings.
fn check_text(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.len() > MAX_ATTRIBUTE {
        return Err(format!("is longer than {MAX_ATTRIBUTE} bytes"));
    }
    match text.chars().find(|c| c.is_control() || is_noncharacter(*c)) {
        Some(bad) => Err(format!("holds the character U+{:04X}, which is not allowed", u32::from(bad))),
        None => Ok(()),
    }
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

fn time_attribute(attributes: &mut JsonMap, name: &str, faults: &mut Vec<Fault>) -> Option<Timestamp> {
    let text = optional(attributes, name, faults)?;
    let time = Timestamp::parse(&text);
    if time.is_none() {
        faults.push(Fault::at(name, format!("must be a time like `2026-03-01T09:30:00Z`, but it is `{text}`")));
    }
    time
}

/// A number in JSON; a string in headers, where everything is one.
fn priority_attribute(attributes: &mut JsonMap, faults: &mut Vec<Fault>) -> Option<Priority> {
    let value = attributes.remove("priority").filter(|value| !value.is_null())?;
    let level = match &value {
        Json::Number(number) => number.as_u64().and_then(|level| u8::try_from(level).ok()),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    let priority = level.and_then(Priority::new);
    if priority.is_none() {
        let problem = format!("must be a whole number from 0 (first) to 9 (last), but it is {}", describe(&value));
        faults.push(Fault::at("priority", problem));
    }
    priority
}

fn extensions(attributes: JsonMap, faults: &mut Vec<Fault>) -> JsonMap {
    if attributes.len() > MAX_EXTENSIONS {
        faults.push(Fault {
            attribute: None,
            detail: format!("the event has {} extension attributes; at most {MAX_EXTENSIONS}", attributes.len()),
        });
        return JsonMap::new();
    }
    let mut kept = JsonMap::new();
    for (name, value) in attributes {
        let well_named = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let problem = match &value {
            _ if name.is_empty() || name.len() > MAX_ATTRIBUTE || !well_named => {
                Some("is no name for an attribute: only the letters a–z and digits may stand in it".to_owned())
            }
            Json::Null => continue,
            // An empty string is a value here: only the attributes of the core must not be empty.
            Json::String(text) if text.is_empty() => None,
            Json::String(text) => check_text(text).err(),
            Json::Bool(_) => None,
            Json::Number(number) if number.as_i64().is_some_and(|int| i32::try_from(int).is_ok()) => None,
            other => Some(format!(
                "must be a string, a boolean or a whole number of 32 bits, but it is {}; structured values go into `data`",
                describe(other)
            )),
        };
        match problem {
            Some(problem) => faults.push(Fault::at(&name, problem)),
            None => {
                kept.insert(name, value);
            }
        }
    }
    kept
}
