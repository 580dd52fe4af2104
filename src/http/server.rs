//! The actor that listens: TLS, HTTP/1.1 and HTTP/2, and the threads that answer.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Running, WrapFuture};
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::authentication::PeerUser;
use super::door::{Door, come_in};
use super::front::Front;
use super::identity::Identity;
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};

/// Threads that answer requests.
const WORKERS: usize = 2;

/// TLS handshakes that may be under way at once in a worker: a thousand clients may come back together after a restart.
const HANDSHAKES: usize = 4096;

/// How long requests that are being answered may go on after a stop.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// Takes an address; who connects waits until [`serve`]. Port 0 is any that is free.
///
/// # Errors
/// The address is in use or not this machine's.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    let listening = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listening.map_err(|source| ServerError::Listen { address, source })
}

/// Begins to answer, by an actor under that supervisor. When the actor is stopped, what would not end by itself is ended, and requests that
/// are being answered have five seconds.
///
/// # Errors
/// The identity cannot be used for TLS.
pub fn serve(supervisor: &Supervisor, socket: TcpListener, identity: &Identity, front: Front) -> Result<(), ServerError> {
    let door = Door::default();
    door.open(front);
    serve_by(supervisor, socket, identity, Arc::new(door))
}

/// The same, by a door behind which fronts may come and go.
///
/// # Errors
/// The identity cannot be used for TLS.
pub fn serve_by(supervisor: &Supervisor, socket: TcpListener, identity: &Identity, door: Arc<Door>) -> Result<(), ServerError> {
    let (tls, door) = (tls(identity)?, web::Data::from(door));
    let listener = move || Listener {
        socket: Some(socket.try_clone().expect("the process may have a descriptor more")),
        tls: tls.clone(),
        door: door.clone(),
        server: None,
    };
    supervisor.start(ChildSpec::new("listener", listener).shutdown(GRACE + Duration::from_secs(1)));
    Ok(())
}

/// The actor of a listening socket. The socket outlives it: who connects while a new one is being made, waits.
struct Listener {
    /// Taken at the start.
    socket: Option<TcpListener>,
    tls: ServerConfig,
    door: web::Data<Door>,
    server: Option<ServerHandle>,
}

impl Actor for Listener {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (socket, door) = (self.socket.take().expect("an actor is started once"), self.door.clone());
        let app = move || {
            door.enter();
            App::new().app_data(door.clone()).default_service(web::to(come_in))
        };
        let server = HttpServer::new(app)
            .workers(WORKERS)
            .max_connection_rate(HANDSHAKES)
            .h1_allow_half_closed(false)
            .shutdown_timeout(GRACE.as_secs())
            .disable_signals()
            .on_connect(remember_peer)
            .listen_rustls_0_23(socket, self.tls.clone())
            .expect("the socket listens already")
            .run();
        self.server = Some(server.handle());
        // A task of its own: it has to see to its threads' end when this actor is gone.
        let ended = actix_web::rt::spawn(server);
        let restart = |outcome, listener: &mut Self, ctx: &mut Self::Context| {
            if listener.server.is_some() {
                tracing::error!(?outcome, "the HTTP server ended");
            }
            ctx.stop();
        };
        ctx.spawn(ended.into_actor(self).map(restart));
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        let Some(server) = self.server.take() else { return Running::Stop };
        self.door.hush();
        ctx.spawn(server.stop(true).into_actor(self).map(|(), _, ctx| ctx.stop()));
        Running::Continue
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // After a panic: requests that are being answered are none of its business.
        if let Some(server) = self.server.take() {
            drop(server.stop(true));
        }
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
