//! The network of services, on this machine's own kernel, around a node that is a network namespace itself: needs root and iptables, says
//! so where it skips.

use std::future::Future;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kabuki::runtime::network::{NetworkNamespace, Place, PodNetwork, RoutedNetwork, ServiceNamespace, ServiceNetwork};
use nix::sched::{CloneFlags, unshare};
use tokio::net::TcpListener;

const CLUSTER: &str = "services-test";
const RANGE: &str = "10.96.0.0/16";

/// Runs a test on a node of its own.
fn on_node<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    if !RoutedNetwork::is_permitted() || Command::new("iptables").arg("--version").output().is_err() {
        let required = std::env::var("KABUKI_TEST_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|word| word == "root"), "the network of services needs root and iptables");
        eprintln!("skipped: the network of services needs root and iptables");
        return;
    }
    let node = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test());
    });
    node.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn links() -> String {
    String::from_utf8(Command::new("ip").args(["-o", "link"]).output().unwrap().stdout).unwrap()
}

/// A process in a network namespace of its own, attached to the pods' network.
struct Pod(Child);

impl Pod {
    async fn start(network: &RoutedNetwork) -> (Self, std::net::IpAddr) {
        let mut child =
            Command::new("unshare").args(["--net", "sh", "-c", "echo; exec sleep 1000"]).stdout(Stdio::piped()).spawn().unwrap();
        // It is in its namespace once it speaks.
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let address = network.attach("pod", child.id()).await.unwrap();
        (Self(child), address)
    }

    async fn connect(&self, to: SocketAddr) -> std::io::Result<TcpStream> {
        NetworkNamespace::of_process(self.0.id()).unwrap().run(move || TcpStream::connect_timeout(&to, Duration::from_secs(5))).await
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn service(port: u16) -> SocketAddr {
    ([10, 96, 0, 7], port).into()
}

#[test]
fn node_and_pods_reach_service_addresses_whatever_listens_on_the_node() {
    on_node(|| async {
        let ranges = vec!["10.244.0.0/24".parse().unwrap(), RANGE.parse().unwrap()];
        let pods = RoutedNetwork::open(CLUSTER, ranges).await.unwrap();
        pods.set_range("10.244.0.0/24".parse().unwrap()).await.unwrap();
        let (pod, address) = Pod::start(&pods).await;
        let services = ServiceNamespace::open(CLUSTER, RANGE.parse().unwrap()).await.unwrap();

        let _in_the_way = std::net::TcpListener::bind("0.0.0.0:80").unwrap();
        let listener = TcpListener::from_std(services.listen(Place::Service(service(80))).await.unwrap()).unwrap();
        let from_pod = pod.connect(service(80)).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, from_pod.local_addr().unwrap());
        assert_eq!(from_pod.local_addr().unwrap().ip(), address);
        let from_node = TcpStream::connect_timeout(&service(80), Duration::from_secs(5)).unwrap();
        assert_eq!(listener.accept().await.unwrap().1, from_node.local_addr().unwrap());

        let refused = pod.connect(service(81)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn datagrams_come_back_from_the_address_they_were_sent_to() {
    on_node(|| async {
        let services = ServiceNamespace::open(CLUSTER, RANGE.parse().unwrap()).await.unwrap();
        let server = tokio::net::UdpSocket::from_std(services.bind(Place::Service(service(53))).await.unwrap()).unwrap();
        // A new link takes up to a second to carry; TCP asks again until it does.
        let _listener = services.listen(Place::Service(service(53))).await.unwrap();
        TcpStream::connect_timeout(&service(53), Duration::from_secs(5)).unwrap();
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.send_to(b"hello", service(53)).unwrap();
        let (_, peer) = server.recv_from(&mut [0; 8]).await.unwrap();
        server.send_to(b"hi", peer).await.unwrap();
        assert_eq!(client.recv_from(&mut [0; 8]).unwrap(), (2, service(53)));
    });
}

#[test]
fn a_second_opening_takes_the_place_of_the_first_and_nothing_is_left_after_removal() {
    on_node(|| async {
        let before = links();
        let first = ServiceNamespace::open(CLUSTER, RANGE.parse().unwrap()).await.unwrap();
        let second = ServiceNamespace::open(CLUSTER, RANGE.parse().unwrap()).await.unwrap();
        drop(first);
        let listener = TcpListener::from_std(second.listen(Place::Service(service(80))).await.unwrap()).unwrap();
        TcpStream::connect_timeout(&service(80), Duration::from_secs(5)).unwrap();
        drop((listener, second));
        RoutedNetwork::remove_everything(CLUSTER).await.unwrap();
        assert_eq!(links(), before);
    });
}
