//! The cluster's name server: one actor, which owns the sockets at the tenth service address and answers from the informers' views
//! ([`zone`]); other names it asks of the node's name servers. It takes no messages.

mod directory;
mod server;
mod upstream;
mod zone;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, WrapFuture};
use hickory_server::Server;
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::sleep;

pub use upstream::name_servers;
pub use zone::DOMAIN;

use super::backoff::Backoff;
use super::informer::Informers;
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::Registry;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::{Place, ServiceNetwork};
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};
use directory::Informed;
use server::Handler;
use upstream::Upstreams;

const BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(30) };

/// A client's TCP connection may be silent for so long.
const SILENCE: Duration = Duration::from_secs(10);

/// Answers of a TCP connection that may wait to be sent.
const WAITING: usize = 32;

/// The object by which `kubectl get services` shows the name server.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";

/// Where the name server listens, and whom it asks.
#[derive(Clone)]
pub struct Options {
    /// Port 53 of the tenth address of the service range.
    pub address: SocketAddr,
    /// See [`name_servers`].
    pub upstreams: Vec<SocketAddr>,
    /// Without it no sockets are opened.
    pub network: Option<Arc<dyn ServiceNetwork>>,
}

/// Starts the name server under a supervisor, and has it make its Service if there is none.
pub fn start(supervisor: &Supervisor, informers: &Informers, client: ClientRef, entropy: &Entropy, options: Options) {
    let (directory, stream) = (Informed::new(informers), entropy.split("dns"));
    let mut starts = 0_u64;
    supervisor.start(ChildSpec::new("dns", move || {
        starts += 1;
        let entropy = Some(stream.split(&starts.to_string()));
        Dns { options: options.clone(), directory: directory.clone(), client: client.clone(), entropy }
    }));
}

struct Dns {
    options: Options,
    directory: Informed,
    client: ClientRef,
    /// Taken at the start.
    entropy: Option<Entropy>,
}

impl Actor for Dns {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let entropy = self.entropy.take().expect("an actor is started once");
        let announce = announce(self.client.clone(), self.options.address, entropy.split("announce"));
        ctx.spawn(announce.into_actor(self).map(|(), _, _| ()));
        if let Some(network) = self.options.network.clone() {
            let serve = serve(self.options.clone(), network, self.directory.clone(), entropy);
            ctx.spawn(serve.into_actor(self).map(|(), _, _| ()));
        }
    }
}

/// Never ends: sockets that fail are opened anew.
async fn serve(options: Options, network: Arc<dyn ServiceNetwork>, directory: Informed, mut entropy: Entropy) {
    directory.synced().await;
    let mut failures = 0;
    loop {
        match open(&options, &*network, &directory).await {
            Ok(mut server) => {
                failures = 0;
                if let Err(error) = server.block_until_done().await {
                    tracing::warn!(%error, "the name server's sockets failed");
                }
            }
            Err(error) => tracing::warn!(address = %options.address, %error, "the name server cannot listen"),
        }
        failures += 1;
        sleep(BACKOFF.delay(failures, &mut entropy)).await;
    }
}

async fn open(options: &Options, network: &dyn ServiceNetwork, directory: &Informed) -> std::io::Result<Server<Handler>> {
    let place = Place::Service(options.address);
    let socket = UdpSocket::from_std(network.bind(place).await?)?;
    let listener = TcpListener::from_std(network.listen(place).await?)?;
    let others = options.upstreams.iter().copied().filter(|server| *server != options.address).collect();
    let mut server = Server::new(Handler { directory: directory.clone(), upstreams: Upstreams::new(others) });
    server.register_socket(socket);
    server.register_listener(listener, SILENCE, WAITING);
    Ok(server)
}

/// Makes the Service, unless there is one.
async fn announce(client: ClientRef, address: SocketAddr, mut entropy: Entropy) {
    let kind = Registry::built_in().of::<Service>();
    let mut failures = 0;
    while let Err(error) = client.create(kind, NAMESPACE, service(address), &WriteOptions::default()).await {
        if error.is_already_exists() {
            return;
        }
        failures += 1;
        tracing::debug!(%error, "the name server's Service is not there yet");
        sleep(BACKOFF.delay(failures, &mut entropy)).await;
    }
}

fn service(address: SocketAddr) -> Value {
    let labels = json!({"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true"});
    let port =
        |name: &str, protocol: &str| json!({"name": name, "port": address.port(), "protocol": protocol, "targetPort": address.port()});
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {"clusterIP": address.ip(), "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")]},
    })
}
