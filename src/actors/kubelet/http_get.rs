//! One HTTP request to a pod, for probes and hooks.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::HTTPGetAction;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::dial::{Dial, refused};
use crate::runtime::containers::Duplex;

/// Of an answer's body, at most so much is read.
const MOST: usize = 10 << 10;

/// Asks, and gives the status and the body's text. Redirects are answers; certificates are not verified, as upstream's probes do not.
///
/// # Errors
/// What a person should know: the connection or the exchange failed.
pub async fn http_get(dial: &dyn Dial, address: SocketAddr, action: &HTTPGetAction, agent: &str) -> Result<(u16, String), String> {
    let stream = dial.connect(address).await.map_err(|error| refused(address, &error))?;
    let stream: Box<dyn Duplex> = if action.scheme.as_deref() == Some("HTTPS") { encrypted(stream, address).await? } else { stream };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let mut request = Request::get(path(action));
    let own = action.http_headers.iter().flatten();
    let has = |name: &str| own.clone().any(|header| header.name.eq_ignore_ascii_case(name));
    let defaults = [("host", address.to_string()), ("user-agent", agent.to_owned()), ("accept", "*/*".to_owned())];
    for (name, value) in defaults.into_iter().filter(|(name, _)| !has(name)) {
        request = request.header(name, value);
    }
    for header in own {
        request = request.header(&header.name, &header.value);
    }
    let request = request.header("connection", "close").body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MOST).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::select! {
        biased;
        answer = exchange => answer,
        // It ends only when the exchange has, or with an error that the exchange reports.
        _ = async { connection.await.ok(); std::future::pending::<()>().await } => Err("the connection ended".to_owned()),
    }
}

fn path(action: &HTTPGetAction) -> String {
    let path = action.path.as_deref().unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// What is asked for, as errors name it.
pub fn url(address: SocketAddr, action: &HTTPGetAction) -> String {
    let scheme = action.scheme.as_deref().filter(|scheme| !scheme.is_empty()).unwrap_or("HTTP").to_lowercase();
    format!("{scheme}://{address}{}", path(action))
}

async fn encrypted(stream: Box<dyn Duplex>, address: SocketAddr) -> Result<Box<dyn Duplex>, String> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.dangerous();
    let config = config.with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))).with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| error.to_string())?;
    Ok(Box::new(stream))
}

/// Takes any certificate: a probe asks whether a pod answers, not who it is.
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
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
