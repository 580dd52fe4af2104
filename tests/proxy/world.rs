//! An API, informers and a proxy on one thread; sockets on loopback.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kabuki::actors::informer::Informers;
use kabuki::actors::proxy::{self, Node, Options, Proxy};
use kabuki::api::client::{ClientRef, DeleteOptions, WriteOptions};
use kabuki::api::kinds::{KindRef, Registry};
use kabuki::api::object::Object;
use kabuki::api::verbs::{self, Api, LocalClient, Settings, User};
use kabuki::runtime::entropy::Entropy;
use kabuki::runtime::network::{Place, ServiceNetwork};
use kabuki::runtime::store::{Expect, LocalStore, Store, Write};
use kabuki::runtime::supervision::{Strategy, Supervisor, SupervisorSpec};
use kabuki::runtime::watch;
use serde_json::{Value, json};

pub struct World {
    pub supervisor: Supervisor,
    pub client: ClientRef,
    store: Arc<LocalStore<Object>>,
    pub informers: Informers,
}

fn run<F: Future<Output = ()>>(paused: bool, test: impl FnOnce(World) -> F) {
    let runtime = move || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap();
    actix_rt::System::with_tokio_rt(runtime).block_on(async {
        let supervisor = Supervisor::root(SupervisorSpec::new(Strategy::OneForOne).single_threaded().entropy(Entropy::from_seed(1)));
        let store = Arc::new(LocalStore::in_memory(&supervisor));
        let api = Api::new(store.clone(), Entropy::from_seed(2), Settings::default());
        let client: ClientRef = Arc::new(LocalClient::new(api, User::default()));
        let informers = Informers::new(supervisor.clone(), client.clone(), &Entropy::from_seed(3));
        let world = World { supervisor, client, store, informers };
        world.create("namespaces", "", json!({"metadata": {"name": "default"}})).await;
        test(world).await;
    });
}

/// Without sockets, on the paused clock.
pub fn simulated<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    run(true, test);
}

/// With sockets. A test that hangs fails after a minute.
pub fn real<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    run(false, |world| async { tokio::time::timeout(Duration::from_secs(60), test(world)).await.expect("the test hangs") });
}

fn kind(plural: &str) -> KindRef {
    Registry::built_in().all().find(|kind| kind.plural() == plural).unwrap().clone()
}

/// A service with the cluster IP 10.96.0.`last`, whose spec is completed by `spec`.
pub fn service(name: &str, last: u8, spec: Value) -> Value {
    let mut whole = json!({"clusterIP": format!("10.96.0.{last}"), "ports": [{"port": 80}]});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": whole})
}

/// The ready endpoints of a service; each has the port of the first.
pub fn slice(service: &str, protocol: &str, addresses: &[SocketAddr]) -> Value {
    let endpoints: Vec<Value> = addresses.iter().map(|at| json!({"addresses": [at.ip()], "conditions": {"ready": true}})).collect();
    let ports: Vec<Value> = addresses.iter().take(1).map(|at| json!({"name": "", "port": at.port(), "protocol": protocol})).collect();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        "metadata": {"name": service, "namespace": "default", "labels": {"kubernetes.io/service-name": service}}})
}

impl World {
    pub fn start(&self, network: Option<Arc<dyn ServiceNetwork>>) -> Proxy {
        let node = Node { name: "here".into(), addresses: vec![[127, 0, 0, 1].into()], api_server: None, opens_host_ports: true };
        proxy::start(&self.supervisor, &self.informers, &Entropy::from_seed(4), Options { node, network })
    }

    pub async fn create(&self, plural: &str, namespace: &str, body: Value) {
        self.client.create(&kind(plural), namespace, body, &WriteOptions::default()).await.unwrap();
    }

    pub async fn service(&self, name: &str, last: u8, spec: Value) {
        self.create("services", "default", service(name, last, spec)).await;
    }

    /// Says where a service is, or says it anew: straight to the store, as the API takes no loopback addresses.
    pub async fn endpoints(&self, service: &str, protocol: &str, addresses: &[SocketAddr]) {
        let key = verbs::key(&kind("endpointslices"), "default", service);
        let value = Some(Object::from_value(slice(service, protocol, addresses)).unwrap());
        self.store.commit(vec![Write { key, expect: Expect::Any, value }]).await.unwrap();
    }

    /// A pod that runs on the node "here" and takes a port of it, said straight to the store, as [`World::endpoints`].
    pub async fn pod(&self, name: &str, port: Value, address: SocketAddr) {
        let mut port = port;
        port["containerPort"] = address.port().into();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": "here", "containers": [{"name": "c", "ports": [port]}]},
            "status": {"phase": "Running", "podIP": address.ip(), "podIPs": [{"ip": address.ip()}]}});
        let key = verbs::key(&kind("pods"), "default", name);
        let value = Some(Object::from_value(pod).unwrap());
        self.store.commit(vec![Write { key, expect: Expect::Any, value }]).await.unwrap();
    }

    /// Removes an object at once.
    pub async fn forget(&self, plural: &str, name: &str) {
        let key = verbs::key(&kind(plural), "default", name);
        self.store.commit(vec![Write { key, expect: Expect::Any, value: None }]).await.unwrap();
    }

    pub async fn delete(&self, plural: &str, name: &str) {
        self.client.delete(&kind(plural), "default", name, &DeleteOptions::default()).await.unwrap();
    }
}

/// Opens every place at a port of loopback that the system chooses, and says which.
pub struct Loopback(watch::Sender<BTreeMap<Place, Vec<SocketAddr>>>);

impl Loopback {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(BTreeMap::new())))
    }

    /// Where that address of the service range was opened for the `nth` time.
    pub async fn opened(&self, address: &str, nth: usize) -> SocketAddr {
        self.opened_at(Place::Service(address.parse().unwrap()), nth).await
    }

    /// Where that place was opened for the `nth` time.
    pub async fn opened_at(&self, place: Place, nth: usize) -> SocketAddr {
        let mut opened = self.0.subscribe();
        opened.wait_for(|all| all.get(&place).is_some_and(|times| times.len() >= nth)).await.unwrap()[&place][nth - 1]
    }

    fn note(&self, place: Place, address: SocketAddr) {
        self.0.send_modify(|all| all.entry(place).or_default().push(address));
    }
}

#[async_trait]
impl ServiceNetwork for Loopback {
    fn has_service_addresses(&self) -> bool {
        true
    }

    async fn listen(&self, place: Place) -> io::Result<TcpListener> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        self.note(place, listener.local_addr()?);
        Ok(listener)
    }

    async fn bind(&self, place: Place) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        self.note(place, socket.local_addr()?);
        Ok(socket)
    }
}
