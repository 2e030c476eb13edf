//! Settings become what TLS connections are opened with: whom to trust, what to offer.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;

use crate::model::load::{LoadSettings, Protocol};

/// What HTTP/2 is called when it is offered.
pub(super) const H2: &[u8] = b"h2";

const HTTP1: &[u8] = b"http/1.1";

/// What opens TLS connections to `host`.
///
/// # Errors
/// The file of authorities cannot be used, or the host is no name that a certificate can be for.
pub(super) fn connector(host: &str, settings: &LoadSettings) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("`{host}`: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match (&settings.tls.ca, settings.tls.verify) {
        (_, false) => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        (Some(file), true) => builder.with_root_certificates(roots(file)?),
        (None, true) => builder.with_platform_verifier().map_err(|error| error.to_string())?,
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = match settings.protocol {
        Protocol::Auto => vec![H2.to_vec(), HTTP1.to_vec()],
        Protocol::Http1 => vec![HTTP1.to_vec()],
        Protocol::Http2 => vec![H2.to_vec()],
    };
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let wrong = |why: String| format!("`{}` in `measure.tls.ca`: {why}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("it holds no certificate".to_owned())) } else { Ok(roots) }
}

/// What to do about a handshake that failed, where that is known.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => "; name its authority with `measure.tls.ca`",
        Some(rustls::Error::InvalidMessage(_)) => "; does it speak TLS at that port?",
        _ => "",
    }
}

/// Trusts whoever answers. For targets whose certificates nobody can check, and only where it was asked for.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
