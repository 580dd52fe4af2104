//! The routed network, on this machine's own kernel: needs root and iptables, says so where it skips.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kabuki::runtime::network::{Cidr, NetworkError, NetworkNamespace, PodNetwork, RoutedNetwork};

/// A process in a network namespace of its own, in which there is nothing but a loopback.
struct Sandbox(Child);

impl Sandbox {
    fn new() -> Self {
        let mut child =
            Command::new("unshare").args(["--net", "sh", "-c", "echo; exec sleep 1000"]).stdout(Stdio::piped()).spawn().unwrap();
        // It is in its namespace once it speaks.
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
        NetworkNamespace::of_process(self.pid()).unwrap().run(work).await
    }

    /// Sends back what one client sends.
    async fn serve(&self) {
        let listener = self.run(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 7000))).await.unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut word) = (client.unwrap(), [0; 5]);
                client.read_exact(&mut word).unwrap();
                client.write_all(&word).unwrap();
            }
        });
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Asks the server at `ip`, and answers from where it was asked.
fn ask(ip: IpAddr) -> std::io::Result<IpAddr> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((ip, 7000)), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut word = [0; 5];
    stream.write_all(b"hello")?;
    stream.read_exact(&mut word)?;
    assert_eq!(&word, b"hello");
    Ok(stream.local_addr()?.ip())
}

fn shell(command: &str) -> String {
    String::from_utf8(Command::new("sh").args(["-c", command]).output().unwrap().stdout).unwrap()
}

/// Runs a check with a cluster of its own, of which nothing is left, unless it may not be: then it says so.
fn on_network<F: Future<Output = ()>>(range: &str, check: impl FnOnce(String, Cidr) -> F) {
    if !RoutedNetwork::is_permitted() || Command::new("iptables").arg("--version").output().is_err() {
        eprintln!("skipped: the pod network needs root and iptables");
        return;
    }
    let cluster = format!("test-{}-{range}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let checked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(check(cluster.clone(), range.parse().unwrap()))));
    runtime.block_on(RoutedNetwork::remove_everything(&cluster)).unwrap();
    assert_eq!(shell(&format!("ip -o link | grep {cluster}; iptables-save | grep {range}; ip route | grep {}", &range[..9])), "");
    if let Err(panic) = checked {
        std::panic::resume_unwind(panic);
    }
}

async fn open(cluster: &str, range: Cidr) -> RoutedNetwork {
    let network = RoutedNetwork::open(cluster, vec![range]).await.unwrap();
    network.set_range(range).await.unwrap();
    network
}

#[test]
fn sandboxes_reach_each_other_and_the_host_reaches_them() {
    on_network("198.18.1.0/24", |cluster, range| async move {
        let network = open(&cluster, range).await;
        let (one, two) = (Sandbox::new(), Sandbox::new());
        let first = network.attach("one", one.pid()).await.unwrap();
        let second = network.attach("two", two.pid()).await.unwrap();
        assert_eq!([first, second].map(|ip| ip.to_string()), ["198.18.1.2", "198.18.1.3"]);
        assert_eq!(network.address("two"), Some(second));
        two.serve().await;
        assert_eq!(one.run(move || ask(second)).await.unwrap(), first, "with its own address");
        assert_eq!(two.run(move || ask(second)).await.unwrap(), second, "and itself");
        assert_eq!(ask(second).unwrap().to_string(), "198.18.1.1", "from the node's own address");
    });
}

#[test]
fn what_is_connected_stays_and_is_known_to_who_comes_later() {
    on_network("198.18.2.0/29", |cluster, range| async move {
        let (one, two) = (Sandbox::new(), Sandbox::new());
        let first = open(&cluster, range).await.attach("one", one.pid()).await.unwrap();
        one.serve().await;

        let network = open(&cluster, range).await;
        assert_eq!(network.address("one"), Some(first));
        assert_eq!(ask(first).unwrap().to_string(), "198.18.2.1");
        let second = network.attach("two", two.pid()).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(shell("iptables-save | grep -c '198.18.2.0/29 -j MASQUERADE'"), "1\n", "the rules are there once");

        for _ in 0..2 {
            network.detach("one").await.unwrap();
        }
        assert_eq!(network.address("one"), None);
        assert_eq!(shell(&format!("ip route | grep {first}")), "");
        assert_eq!(open(&cluster, range).await.address("one"), None);
    });
}

#[test]
fn a_range_ends_and_what_failed_leaves_nothing() {
    on_network("198.18.3.0/30", |cluster, range| async move {
        let network = open(&cluster, range).await;
        let sandbox = Sandbox::new();
        let gone = { Sandbox::new().pid() };
        assert!(network.attach("gone", gone).await.is_err());
        let address = network.attach("one", sandbox.pid()).await.unwrap();
        assert_eq!(address.to_string(), "198.18.3.2", "the failed one gave its address back");
        assert_eq!(network.attach("two", sandbox.pid()).await, Err(NetworkError::Exhausted(range)));
    });
}

#[test]
fn ranges_of_others_are_refused() {
    on_network("198.18.4.0/24", |cluster, range| async move {
        let network = open(&cluster, range).await;
        let sandbox = Sandbox::new();
        network.attach("one", sandbox.pid()).await.unwrap();
        let stranger = RoutedNetwork::open(&format!("{cluster}-other"), vec![range]).await.unwrap();
        let refused = stranger.set_range("198.18.4.0/25".parse().unwrap()).await.unwrap_err().to_string();
        assert!(refused.contains("198.18.4.0/25 overlaps with 198.18.4.2/32"), "{refused}");
        assert!(network.set_range(range).await.is_ok());
        assert!(network.set_range("fd00::/64".parse().unwrap()).await.is_err());
    });
}
