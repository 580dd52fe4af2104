//! Calls webhooks over HTTPS. Each call is a connection of its own, bounded in time and in what it takes.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::api::admission::extension::{Answer, Caller, Destination, Failure};

/// How large an answer may be: bytes.
const LARGEST_ANSWER: usize = 3 << 20;
/// For how many bundles of authorities what TLS needs is kept.
const BUNDLES_KEPT: usize = 32;
/// Where machines keep the authorities that they trust.
const SYSTEM_BUNDLES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The world outside, as far as webhooks are in it.
#[derive(Default)]
pub struct WebhookClient {
    /// What TLS needs, by the bundle of authorities that was given.
    known: Mutex<Vec<(Vec<u8>, Arc<ClientConfig>)>>,
}

#[async_trait]
impl Caller for WebhookClient {
    async fn call(&self, destination: &Destination, body: Bytes) -> Result<Answer, Failure> {
        let named = |why: &str| Failure(format!("Post \"{}\": {why}", destination.url));
        match tokio::time::timeout(destination.timeout, self.post(destination, body)).await {
            Err(_) => Err(named("context deadline exceeded")),
            Ok(Err(why)) => Err(named(&why)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }
}

impl WebhookClient {
    async fn post(&self, destination: &Destination, body: Bytes) -> Result<Answer, String> {
        let uri: Uri = destination.url.parse().map_err(|error| format!("invalid URL: {error}"))?;
        let host = uri.host().ok_or("no Host in request URL")?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(443);
        let stream = connect(destination, &host, port).await?;
        let config = self.tls(&destination.authorities)?;
        let server = ServerName::try_from(host).map_err(|error| format!("tls: {error}"))?;
        let stream = TlsConnector::from(config).connect(server, stream).await.map_err(|error| refused(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let request = Request::post(path)
            .header(HOST, authority)
            .header(USER_AGENT, "kube-apiserver-admission")
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
            let code = response.status().as_u16();
            let mut body = response.into_body();
            let mut read = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
                if read.len() + data.len() > LARGEST_ANSWER {
                    return Err(format!("the response is larger than {LARGEST_ANSWER} bytes"));
                }
                read.extend_from_slice(&data);
            }
            Ok(Answer { code, body: read.freeze() })
        };
        // The connection ends with this call.
        tokio::pin!(connection, exchange);
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            ended = &mut connection => match ended {
                Ok(()) => exchange.await,
                Err(error) => Err(broken(&error)),
            },
        }
    }

    fn tls(&self, authorities: &[u8]) -> Result<Arc<ClientConfig>, String> {
        if let Some((_, config)) = self.known.lock().iter().find(|(bundle, _)| bundle == authorities) {
            return Ok(config.clone());
        }
        let mut roots = RootCertStore::empty();
        let system;
        let bundle = if authorities.is_empty() {
            system = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
            &system
        } else {
            authorities
        };
        for certificate in CertificateDer::pem_slice_iter(bundle) {
            let certificate = certificate.map_err(|error| format!("unable to load root certificates: {error}"))?;
            // Of what a machine trusts some may be of forms that are not known here.
            let added = roots.add(certificate);
            if !authorities.is_empty() {
                added.map_err(|error| format!("unable to load root certificates: {error}"))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        let mut known = self.known.lock();
        if known.len() == BUNDLES_KEPT {
            known.remove(0);
        }
        known.push((authorities.to_vec(), config.clone()));
        Ok(config)
    }
}

async fn connect(destination: &Destination, host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses: Vec<SocketAddr> = match &destination.addresses {
        Some(addresses) => addresses.clone(),
        None => {
            let found = tokio::net::lookup_host((host, port)).await;
            found.map_err(|_| format!("dial tcp: lookup {host}: no such host"))?.collect()
        }
    };
    let mut why = format!("dial tcp: lookup {host}: no such host");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => why = format!("dial tcp {address}: connect: {}", said(&error)),
        }
    }
    Err(why)
}

/// An error of the system as Go words it.
fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        std::io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
        std::io::ErrorKind::NetworkUnreachable => "network is unreachable".to_owned(),
        std::io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        _ => error.to_string(),
    }
}

/// Why there is no TLS.
fn refused(error: &std::io::Error) -> String {
    let Some(rustls::Error::InvalidCertificate(why)) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return if error.kind() == std::io::ErrorKind::UnexpectedEof { "EOF".to_owned() } else { format!("tls: {error}") };
    };
    let why = match why {
        rustls::CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority".to_owned(),
        rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
            "x509: certificate has expired or is not yet valid".to_owned()
        }
        rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. } => {
            "x509: certificate is not valid for the name that was asked for".to_owned()
        }
        other => format!("x509: {other:?}"),
    };
    format!("tls: failed to verify certificate: {why}")
}

/// Why an exchange broke off.
fn broken(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_closed() { "EOF".to_owned() } else { error.to_string() }
}
