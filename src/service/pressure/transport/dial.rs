//! A host becomes an open connection to an allowed address.
//!
//! A name is resolved once for each connection, and the connection goes to the very address that was checked, so that a
//! name that resolves differently the next moment leads nowhere else.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::client::Failure;
use super::{http1, http2, tls};
use crate::model::load::{LoadSettings, Protocol};
use crate::model::network::AllowedHosts;

/// Opens connections to one host.
pub(super) struct Dialer {
    host: String,
    port: u16,
    allowed: Arc<AllowedHosts>,
    protocol: Protocol,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// An open connection, by what is spoken on it.
pub(super) enum Spoken {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

impl Dialer {
    pub(super) fn new(endpoint: &Uri, settings: &LoadSettings, allowed: Arc<AllowedHosts>) -> Result<Self, String> {
        let host = endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = endpoint.scheme_str() == Some("https");
        let tls = if is_tls { Some(tls::connector(&host, settings)?) } else { None };
        let port = endpoint.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self { host, port, allowed, protocol: settings.protocol, tls })
    }

    /// Whether a connection may turn out to serve many requests at a time.
    pub(super) fn may_share(&self) -> bool {
        match self.protocol {
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::Auto => self.tls.is_some(),
        }
    }

    pub(super) async fn dial(&self) -> Result<Spoken, Failure> {
        let stream = self.connect().await.map_err(|error| failure(&error))?;
        stream.set_nodelay(true).map_err(|error| failure(&error))?;
        let Some((connector, name)) = &self.tls else {
            let stream = Stream::Plain(stream);
            return match self.protocol {
                Protocol::Http2 => http2::Connection::open(stream).await.map(Spoken::Http2),
                Protocol::Auto | Protocol::Http1 => Ok(Spoken::Http1(http1::Connection::new(stream))),
            };
        };
        let stream = connector
            .connect(name.clone(), stream)
            .await
            .map_err(|error| Failure::Connection(format!("no TLS connection: {error}{}", tls::advice(&error))))?;
        let chosen = stream.get_ref().1.alpn_protocol() == Some(tls::H2);
        let stream = Stream::Secure(Box::new(stream));
        match (self.protocol, chosen) {
            (Protocol::Http2, false) => {
                Err(Failure::Connection("it does not speak HTTP/2; set `measure.http: auto`".to_owned()))
            }
            (_, true) => http2::Connection::open(stream).await.map(Spoken::Http2),
            (_, false) => Ok(Spoken::Http1(http1::Connection::new(stream))),
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let host = self.host.as_str();
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, self.port)).await?.collect();
        let mut refused = None;
        let mut failed = None;
        for address in found {
            if !self.allowed.allows(host, address.ip()) {
                refused = Some(address.ip());
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Some(error),
            }
        }
        Err(match (failed, refused) {
            (Some(error), _) => error,
            (None, Some(ip)) => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("`{host}` is at {ip}, and the configuration allows no load there; add it to `network.allow`"),
            ),
            (None, None) => io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address")),
        })
    }
}

/// The cause that a person can do something about.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        // From our own check of the address.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Failure::NotAllowed(error.to_string()),
        io::ErrorKind::AddrNotAvailable => Failure::Sender("no local port is free".to_owned()),
        _ if out_of_files(error) => Failure::Sender("too many open files: raise `ulimit -n`".to_owned()),
        _ => Failure::Connection(error.to_string()),
    }
}

fn out_of_files(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// A connection, with or without TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
