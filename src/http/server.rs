//! The listener: TLS, HTTP/1.1 and HTTP/2, and the threads that answer.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::authentication::PeerUser;
use super::front::{Front, answer};
use super::identity::Identity;

/// Threads that answer requests.
const WORKERS: usize = 2;

/// TLS handshakes that may be under way at once in a worker: a thousand clients may come back together after a restart.
const HANDSHAKES: usize = 4096;

/// How long requests that are being answered may go on after a stop, in seconds.
const GRACE_SECONDS: u64 = 5;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A server that is listening.
pub struct Server {
    pub local_addr: SocketAddr,
    handle: ServerHandle,
    front: web::Data<Front>,
}

impl Server {
    /// Takes an address; who connects waits until [`Server::start`]. Port 0 is any that is free.
    ///
    /// # Errors
    /// The address is in use or not this machine's.
    pub fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
        let listening = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        listening.map_err(|source| ServerError::Listen { address, source })
    }

    /// Begins to answer. Must be called within an actix system.
    ///
    /// # Errors
    /// The identity cannot be used for TLS.
    pub fn start(listener: TcpListener, identity: &Identity, front: Front) -> Result<Self, ServerError> {
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let local_addr = listener.local_addr().map_err(|source| ServerError::Listen { address: unspecified, source })?;
        let failed = |source| ServerError::Listen { address: local_addr, source };
        let front = web::Data::new(front);
        let shared = front.clone();
        let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(answer)))
            .workers(WORKERS)
            .max_connection_rate(HANDSHAKES)
            .h1_allow_half_closed(false)
            .shutdown_timeout(GRACE_SECONDS)
            .disable_signals()
            .on_connect(remember_peer)
            .listen_rustls_0_23(listener, tls(identity)?)
            .map_err(failed)?
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the HTTP server ended");
            }
        });
        Ok(Self { local_addr, handle, front })
    }

    /// Stops listening, ends what would not end by itself, and waits for the requests that are being answered.
    pub async fn stop(&self) {
        self.front.shutdown.begin();
        self.handle.stop(true).await;
    }
}

/// TLS with the cluster's certificate; clients may show one that the cluster's authority has signed.
fn tls(identity: &Identity) -> Result<ServerConfig, ServerError> {
    let failed = |error: &dyn std::fmt::Display| ServerError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(identity.authority.pem().as_bytes()).map_err(|error| failed(&error))?)
        .map_err(|error| failed(&error))?;
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| failed(&error))?;
    let chain = CertificateDer::pem_slice_iter(identity.server.certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.server.key.as_bytes()).map_err(|error| failed(&error))?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| failed(&error))
}

/// Keeps who the client's certificate says it is, for all requests of the connection.
fn remember_peer(connection: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() else { return };
    let certificates = stream.get_ref().1.peer_certificates();
    if let Some(user) = certificates.and_then(|chain| chain.first()).and_then(PeerUser::from_certificate) {
        extensions.insert(user);
    }
}
