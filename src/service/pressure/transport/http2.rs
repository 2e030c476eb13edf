//! One connection that serves many requests at a time: HTTP/2.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::dial::Stream;
use crate::model::load::BODY_KEPT;
use crate::service::pressure::client::Failure;
use crate::service::pressure::requests::{Made, Reply, Wants};

/// So many requests share a connection: what most servers allow. Beyond it another one is opened.
const STREAMS: usize = 100;

/// A connection; its clones are the same one.
#[derive(Clone)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Held by the pool and by every request in flight, and so counts them.
    in_flight: Arc<()>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("in_flight", &Arc::strong_count(&self.in_flight)).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) async fn open(stream: Stream) -> Result<Self, Failure> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(&error))?;
        // It ends when the last clone is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of the load test broke");
            }
        });
        Ok(Self { sender, in_flight: Arc::default() })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(super) fn has_room(&self) -> bool {
        Arc::strong_count(&self.in_flight) <= STREAMS
    }

    /// Takes the connection, so that it counts as in use until the answer is there.
    pub(super) async fn exchange(mut self, made: &Made, wants: Wants) -> Result<Reply, Failure> {
        let mut request = Request::new(Full::new(made.body.clone()));
        *request.version_mut() = Version::HTTP_2;
        *request.method_mut() = made.method.clone();
        *request.uri_mut() = made.uri.clone();
        *request.headers_mut() = made.headers.clone();
        let (head, mut rest) = self.sender.send_request(request).await.map_err(|error| failure(&error))?.into_parts();
        let headers = if wants.headers { head.headers } else { HeaderMap::new() };
        let mut reply = Reply { status: head.status, headers, body: Vec::new(), trailers: HeaderMap::new() };
        while let Some(frame) = rest.frame().await {
            let frame =
                frame.map_err(|error| Failure::Connection(format!("the answer broke off: {}", cause(&error))))?;
            match frame.into_data() {
                Ok(data) if wants.body => {
                    let room = BODY_KEPT.saturating_sub(reply.body.len());
                    reply.body.extend(data.iter().take(room));
                }
                Ok(_) => {}
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        reply.trailers = trailers;
                    }
                }
            }
        }
        Ok(reply)
    }
}

fn failure(error: &hyper::Error) -> Failure {
    Failure::Connection(cause(error))
}

/// The innermost cause: what a person can do something about.
fn cause(error: &hyper::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut told = error.to_string();
    while let Some(inner) = source {
        told = inner.to_string();
        source = inner.source();
    }
    told
}
