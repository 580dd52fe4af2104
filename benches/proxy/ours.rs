//! Our side: the actors as they ship, over an API in memory, in a process of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use kabuki::actors::informer::Informers;
use kabuki::actors::proxy::{self, Node, Options};
use kabuki::api::client::{ClientRef, WriteOptions};
use kabuki::api::kinds::{KindRef, Registry};
use kabuki::api::object::Object;
use kabuki::api::verbs::{self, Api, LocalClient, Settings, User};
use kabuki::runtime::entropy::Entropy;
use kabuki::runtime::network::NodeOnly;
use kabuki::runtime::store::{Expect, LocalStore, Store, Write};
use kabuki::runtime::supervision::{Strategy, Supervisor};
use serde_json::{Value, json};

use crate::{Outcome, Proxy, role};

pub const ROLE: &str = "proxy";

/// Where node ports may be.
const NODE_PORTS: std::ops::Range<u16> = 30_000..32_768;

/// A process with the proxy.
pub fn start(backends: &[SocketAddr]) -> Outcome<Proxy> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = NODE_PORTS.rev().find(is_free).ok_or("there is no free node port")?;
    let arguments = [ROLE.to_owned(), port.to_string()].into_iter().chain(backends.iter().map(SocketAddr::to_string));
    let (process, _) = role::start(arguments)?;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    Ok(Proxy { process, small: address, bulk: address })
}

/// Proxies a node port until it is killed.
pub fn main(port: u16, backends: &[&str]) -> Outcome<()> {
    role::end_with_parent()?;
    let backends: Vec<SocketAddr> = backends.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    actix_rt::System::new().block_on(async {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let store = Arc::new(LocalStore::in_memory(&supervisor));
        let api = Api::new(store.clone(), Entropy::from_seed(1), Settings::default());
        let client: ClientRef = Arc::new(LocalClient::new(api, User::default()));
        let informers = Informers::new(supervisor.clone(), client.clone(), &Entropy::from_seed(2));
        client.create(kind("namespaces"), "", json!({"metadata": {"name": "default"}}), &WriteOptions::default()).await?;
        client.create(kind("services"), "default", service(port), &WriteOptions::default()).await?;
        // Straight to the store: the API takes no endpoints on loopback.
        let key = verbs::key(kind("endpointslices"), "default", "web");
        let value = Some(Object::from_value(slice(&backends))?);
        store.commit(vec![Write { key, expect: Expect::Any, value }]).await?;
        let node = Node { name: "here".into(), addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..Node::default() };
        let below = supervisor.supervisor("proxy", Strategy::OneForOne);
        proxy::start(&below, &informers, &Entropy::from_seed(3), Options { node, network: Some(Arc::new(NodeOnly)) });
        std::future::pending().await
    })
}

fn kind(plural: &str) -> &'static KindRef {
    Registry::built_in().all().find(|kind| kind.plural() == plural).expect("a built-in kind")
}

fn service(node_port: u16) -> Value {
    let spec = json!({"type": "NodePort", "clusterIP": "10.96.0.7", "ports": [{"port": 80, "nodePort": node_port}]});
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec})
}

fn slice(backends: &[SocketAddr]) -> Value {
    let endpoints: Vec<Value> = backends.iter().map(|at| json!({"addresses": [at.ip()], "conditions": {"ready": true}})).collect();
    let ports: Vec<Value> = backends.iter().take(1).map(|at| json!({"name": "", "port": at.port(), "protocol": "TCP"})).collect();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        "metadata": {"name": "web", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}}})
}
