//! An answer of the target is a success or not, by its status or by an expression over it.

use http::{HeaderMap, StatusCode};
use serde_json::{Value as Json, json};

use super::template::program;
use crate::expression::{Bindings, Program, TypeEnv};
use crate::model::load::{Body, RequestSettings, response_shape};
use crate::model::schema::Shape;
use crate::service::pressure::client::Answer;

/// What has to be kept of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service::pressure) struct Wants {
    pub(in crate::service::pressure) headers: bool,
    pub(in crate::service::pressure) body: bool,
}

/// An answer that came whole; what was not wanted of it is empty.
#[derive(Debug)]
pub(in crate::service::pressure) struct Reply {
    pub(in crate::service::pressure) status: StatusCode,
    pub(in crate::service::pressure) headers: HeaderMap,
    pub(in crate::service::pressure) body: Vec<u8>,
    /// What came after the body.
    pub(in crate::service::pressure) trailers: HeaderMap,
}

/// When an answer is a success.
#[derive(Debug)]
pub(in crate::service::pressure) enum Success {
    Status,
    /// The status that gRPC sends after its message, or at once where it sends none.
    Grpc,
    Expression(Box<Program>, Wants),
}

impl Success {
    pub(super) fn new(request: &RequestSettings) -> Result<Self, String> {
        let Some(text) = &request.success else {
            return Ok(if matches!(request.body, Body::Grpc(_)) { Self::Grpc } else { Self::Status });
        };
        let program = program(text, &TypeEnv::new().with("response", Shape::Object(response_shape())))?;
        let used = program.references("response");
        let uses = |name| used.iter().any(|reference| reference.name.as_deref().is_none_or(|used| used == name));
        let wants = Wants { headers: uses("headers"), body: uses("body") };
        Ok(Self::Expression(Box::new(program), wants))
    }

    pub(in crate::service::pressure) fn wants(&self) -> Wants {
        match self {
            Self::Status => Wants::default(),
            Self::Grpc => Wants { headers: true, body: false },
            Self::Expression(_, wants) => *wants,
        }
    }

    pub(in crate::service::pressure) fn judge(&self, reply: Reply) -> Answer {
        match self {
            Self::Status if reply.status.is_success() => Answer::Success,
            Self::Status => Answer::Status(reply.status),
            Self::Grpc => grpc(&reply),
            Self::Expression(program, _) => judged(program, reply),
        }
    }
}

fn grpc(reply: &Reply) -> Answer {
    if !reply.status.is_success() {
        return Answer::Status(reply.status);
    }
    let of = |name| reply.trailers.get(name).or_else(|| reply.headers.get(name)).and_then(|value| value.to_str().ok());
    match of("grpc-status") {
        Some("0") => Answer::Success,
        Some(status) => Answer::Unwanted(format!(
            "it answered with the gRPC status {status}{}",
            of("grpc-message").map_or_else(String::new, |message| format!(" ({message})"))
        )),
        None => Answer::Unwanted("it answered without a gRPC status: is it a gRPC service?".to_owned()),
    }
}

fn judged(program: &Program, reply: Reply) -> Answer {
    let status = reply.status;
    let headers: serde_json::Map<String, Json> = reply
        .headers
        .keys()
        .map(|name| {
            let values: Vec<_> =
                reply.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
            (name.as_str().to_owned(), Json::from(values.join(", ")))
        })
        .collect();
    let body =
        String::from_utf8(reply.body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let response = json!({ "status": status.as_u16(), "headers": headers, "body": body });
    match program.evaluate_bool(&Bindings::new().with("response", &response)) {
        Ok(true) => Answer::Success,
        Ok(false) => Answer::Unwanted(format!("it answered {status}, and `{}` does not hold", program.text())),
        Err(error) => Answer::Unwanted(format!("it answered {status}, and `{}` fails: {error}", program.text())),
    }
}
