//! One connection that serves one request at a time: HTTP/1.1.
//!
//! A request is bytes that are ready; of the answer only what says where it ends is read (RFC 9112, 6.3), and what was
//! asked for. A connection on which something is left, or was promised no longer, is not used again.

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dial::{Stream, failure};
use crate::model::load::BODY_KEPT;
use crate::service::pressure::client::Failure;
use crate::service::pressure::requests::{Made, Reply, Wants};

/// Longest head of an answer, and longest line within a chunked one, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Most fields of a head.
const FIELDS: usize = 100;

/// So much is read at once.
const READ: usize = 8 * 1024;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// What came and was not looked at.
    buffer: BytesMut,
    /// Whether it has served a request.
    used: bool,
    reusable: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// A connection that had served before was closed, and nothing came: the target was done with it.
    Stale,
    Failed(Failure),
}

impl Broken {
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Stale => Failure::Connection("the connection was closed".to_owned()),
            Self::Failed(failure) => failure,
        }
    }
}

/// Where the body of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Sized(u64),
    Chunked,
    /// With the connection.
    ToEnd,
}

/// What is needed of a head.
struct Head {
    status: StatusCode,
    headers: HeaderMap,
    framing: Framing,
    keep: bool,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(READ), used: false, reusable: true }
    }

    /// Whether another request may follow.
    pub(super) fn is_reusable(&self) -> bool {
        self.reusable && self.buffer.is_empty()
    }

    pub(super) async fn exchange(&mut self, made: &Made, wants: Wants) -> Result<Reply, Broken> {
        if let Err(error) = self.write(&made.written).await {
            return Err(if self.used { Broken::Stale } else { Broken::Failed(failure(&error)) });
        }
        let head = self.head(made.method == Method::HEAD, wants).await?;
        self.used = true;
        self.reusable = head.keep && head.framing != Framing::ToEnd;
        let mut kept = Vec::new();
        let sink = if wants.body { Some(&mut kept) } else { None };
        self.body(head.framing, sink).await.map_err(Broken::Failed)?;
        Ok(Reply { status: head.status, headers: head.headers, body: kept, trailers: HeaderMap::new() })
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        match &self.stream {
            // Nothing is held back there.
            Stream::Plain(_) => Ok(()),
            Stream::Secure(_) => self.stream.flush().await,
        }
    }

    async fn head(&mut self, is_head: bool, wants: Wants) -> Result<Head, Broken> {
        loop {
            if !self.buffer.is_empty() {
                match parse(&self.buffer, is_head, wants).map_err(Broken::Failed)? {
                    // What comes before the answer itself, like 103 (Early Hints).
                    Some((length, head)) if head.status.is_informational() => {
                        self.buffer.advance(length);
                        continue;
                    }
                    Some((length, head)) => {
                        self.buffer.advance(length);
                        return Ok(head);
                    }
                    None if self.buffer.len() > LONGEST_HEAD => {
                        return Err(Broken::Failed(garbled("its head is too long")));
                    }
                    None => {}
                }
            }
            match self.more().await {
                Ok(0) | Err(_) if self.used && self.buffer.is_empty() => return Err(Broken::Stale),
                Ok(0) => {
                    let why = "the connection was closed without an answer".to_owned();
                    return Err(Broken::Failed(Failure::Connection(why)));
                }
                Ok(_) => {}
                Err(error) => return Err(Broken::Failed(failure(&error))),
            }
        }
    }

    /// Reads the body to its end; the first of it goes to `sink`.
    async fn body(&mut self, framing: Framing, mut sink: Option<&mut Vec<u8>>) -> Result<(), Failure> {
        match framing {
            Framing::Sized(length) => self.take(length, &mut sink).await,
            Framing::Chunked => loop {
                let length = self.chunk().await?;
                if length == 0 {
                    return self.trailers().await;
                }
                self.take(length, &mut sink).await?;
                self.line_end().await?;
            },
            Framing::ToEnd => loop {
                keep(&mut sink, &self.buffer);
                self.buffer.clear();
                if self.more().await.map_err(|error| failure(&error))? == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn take(&mut self, mut length: u64, sink: &mut Option<&mut Vec<u8>>) -> Result<(), Failure> {
        loop {
            let here = usize::try_from(length).unwrap_or(usize::MAX).min(self.buffer.len());
            keep(sink, self.buffer.get(..here).unwrap_or_default());
            self.buffer.advance(here);
            length -= u64::try_from(here).unwrap_or(length);
            if length == 0 {
                return Ok(());
            }
            self.must_have_more().await?;
        }
    }

    /// The length of the next chunk.
    async fn chunk(&mut self) -> Result<u64, Failure> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((begins, length))) => {
                    self.buffer.advance(begins);
                    return Ok(length);
                }
                Ok(Status::Partial) if self.buffer.len() <= LONGEST_HEAD => self.must_have_more().await?,
                _ => return Err(garbled("a chunk has no length")),
            }
        }
    }

    async fn trailers(&mut self) -> Result<(), Failure> {
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n');
            match end {
                Some(end) => {
                    let is_last = matches!(self.buffer.get(..end), Some([] | [b'\r']));
                    self.buffer.advance(end + 1);
                    if is_last {
                        return Ok(());
                    }
                }
                None if self.buffer.len() > LONGEST_HEAD => return Err(garbled("its trailers are too long")),
                None => self.must_have_more().await?,
            }
        }
    }

    async fn line_end(&mut self) -> Result<(), Failure> {
        while self.buffer.len() < 2 {
            self.must_have_more().await?;
        }
        if !self.buffer.starts_with(b"\r\n") {
            return Err(garbled("a chunk is longer than it says"));
        }
        self.buffer.advance(2);
        Ok(())
    }

    async fn must_have_more(&mut self) -> Result<(), Failure> {
        match self.more().await {
            Ok(0) => Err(Failure::Connection("the answer broke off".to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn more(&mut self) -> std::io::Result<usize> {
        self.buffer.reserve(READ);
        self.stream.read_buf(&mut self.buffer).await
    }
}

fn keep(sink: &mut Option<&mut Vec<u8>>, bytes: &[u8]) {
    if let Some(kept) = sink {
        let room = BODY_KEPT.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
    }
}

fn garbled(why: &str) -> Failure {
    Failure::Connection(format!("its answer is no HTTP/1.1: {why}"))
}

/// `None`: the head is not whole yet.
fn parse(bytes: &[u8], is_head: bool, wants: Wants) -> Result<Option<(usize, Head)>, Failure> {
    let mut fields = [EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(garbled(&error.to_string())),
    };
    let status =
        StatusCode::from_u16(response.code.unwrap_or_default()).map_err(|error| garbled(&error.to_string()))?;
    let mut keep = response.version == Some(1);
    let (mut sized, mut chunked, mut encoded) = (None, false, false);
    let mut headers = HeaderMap::new();
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let told: u64 = text(field.value).parse().map_err(|_| garbled("its length is no number"))?;
            if sized.is_some_and(|known| known != told) {
                return Err(garbled("it has two lengths"));
            }
            sized = Some(told);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            encoded = true;
            chunked =
                text(field.value).rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"));
        } else if field.name.eq_ignore_ascii_case("connection") {
            for option in text(field.value).split(',').map(str::trim) {
                keep = (keep || option.eq_ignore_ascii_case("keep-alive")) && !option.eq_ignore_ascii_case("close");
            }
        }
        if wants.headers
            && let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value))
        {
            headers.append(name, value);
        }
    }
    let without_body = is_head || matches!(status.as_u16(), 204 | 304) || status.is_informational();
    let framing = match sized {
        _ if without_body => Framing::Sized(0),
        _ if chunked => Framing::Chunked,
        Some(length) if !encoded => Framing::Sized(length),
        _ => Framing::ToEnd,
    };
    Ok(Some((length, Head { status, headers, framing, keep })))
}

/// Empty where it is no text.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
