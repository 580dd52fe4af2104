use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use kabuki::runtime::network::Place;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::{Loopback, World, real};

/// Answers each connection with its name, then echoes until the client has ended.
async fn backend(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    actix_rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            actix_rt::spawn(async move {
                stream.write_all(&address_bytes(address)).await.unwrap();
                let (mut from, mut to) = stream.split();
                _ = tokio::io::copy(&mut from, &mut to).await;
                _ = to.shutdown().await;
            });
        }
    });
    address
}

fn address_bytes(address: SocketAddr) -> [u8; 4] {
    let SocketAddr::V4(address) = address else { panic!("{address} is of IPv6") };
    address.ip().octets()
}

/// Backends at several addresses of loopback, all at one port.
async fn backends(count: u8) -> Vec<SocketAddr> {
    let mut all = vec![backend("127.0.1.1:0").await];
    for n in 2..=count {
        all.push(backend(&format!("127.0.1.{n}:{}", all[0].port())).await);
    }
    all
}

async fn connect(at: SocketAddr) -> io::Result<(TcpStream, [u8; 4])> {
    let mut stream = TcpStream::connect(at).await?;
    let mut name = [0; 4];
    stream.read_exact(&mut name).await?;
    Ok((stream, name))
}

/// A service of some backends, and where it is reached.
async fn serve(world: &World, spec: serde_json::Value, backends: &[SocketAddr]) -> SocketAddr {
    let network = Loopback::new();
    world.start(Some(network.clone()));
    world.service("web", 7, spec).await;
    world.endpoints("web", "TCP", backends).await;
    network.opened("10.96.0.7:80", 1).await
}

#[test]
fn connections_are_spread_over_all_backends() {
    real(|world| async move {
        let at = serve(&world, json!({}), &backends(3).await).await;
        let mut counts = BTreeMap::new();
        for _ in 0..30 {
            *counts.entry(connect(at).await.unwrap().1).or_insert(0) += 1;
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10]);
    });
}

#[test]
fn a_port_of_the_node_that_a_pod_takes_leads_to_the_pod_while_it_is_there() {
    real(|world| async move {
        let network = Loopback::new();
        world.start(Some(network.clone()));
        let (first, second) = (backend("127.0.1.1:0").await, backend("127.0.1.2:0").await);
        let place = |address: &str| Place::Node(address.parse().unwrap());
        world.pod("one", json!({"hostPort": 8080}), first).await;
        let at = network.opened_at(place("127.0.0.1:8080"), 1).await;
        assert_eq!(connect(at).await.unwrap().1, address_bytes(first));
        world.forget("pods", "one").await;
        while connect(at).await.is_ok() {}
        world.pod("two", json!({"hostPort": 8080}), second).await;
        let at = network.opened_at(place("127.0.0.1:8080"), 2).await;
        assert_eq!(connect(at).await.unwrap().1, address_bytes(second));
        world.pod("three", json!({"hostPort": 8080, "hostIP": "127.0.0.3"}), first).await;
        let at = network.opened_at(place("127.0.0.3:8080"), 1).await;
        assert_eq!(connect(at).await.unwrap().1, address_bytes(first));
    });
}

#[test]
fn a_client_stays_with_its_backend_if_the_service_wants_it_so() {
    real(|world| async move {
        let at = serve(&world, json!({"sessionAffinity": "ClientIP"}), &backends(3).await).await;
        let (_, first) = connect(at).await.unwrap();
        for _ in 0..9 {
            assert_eq!(connect(at).await.unwrap().1, first);
        }
    });
}

#[test]
fn a_backend_that_refuses_costs_no_connection_and_if_all_do_the_client_is_reset() {
    real(|world| async move {
        let mut all = backends(2).await;
        let refuses = SocketAddr::from(([127, 0, 1, 9], all[0].port()));
        all.push(refuses);
        let at = serve(&world, json!({}), &all).await;
        for _ in 0..6 {
            connect(at).await.unwrap();
        }
        world.endpoints("web", "TCP", &[refuses]).await;
        while connect(at).await.is_ok() {}
        assert_eq!(connect(at).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_backend_that_goes_away_fails_only_its_own_connections() {
    real(|world| async move {
        let stays = backend("127.0.1.1:0").await;
        let goes = TcpListener::bind(("127.0.1.2", stays.port())).await.unwrap();
        let at = serve(&world, json!({}), &[stays, goes.local_addr().unwrap()]).await;
        let (mut doomed, mut lucky) = (None, None);
        while doomed.is_none() || lucky.is_none() {
            let mut stream = TcpStream::connect(at).await.unwrap();
            tokio::select! {
                biased;
                accepted = goes.accept() => doomed = Some((stream, accepted.unwrap().0)),
                read = stream.read_u32() => { read.unwrap(); lucky = Some(stream); }
            }
        }
        let ((mut doomed, mut backend), mut lucky) = (doomed.unwrap(), lucky.unwrap());
        backend.write_u8(1).await.unwrap();
        assert_eq!(doomed.read_u8().await.unwrap(), 1);
        backend.set_zero_linger().unwrap();
        drop((backend, goes));
        assert_eq!(doomed.read_u8().await.map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
        lucky.write_u8(7).await.unwrap();
        assert_eq!(lucky.read_u8().await.unwrap(), 7);
    });
}

#[test]
fn connections_outlive_their_service() {
    real(|world| async move {
        let at = serve(&world, json!({}), &backends(1).await).await;
        let (mut stream, _) = connect(at).await.unwrap();
        world.delete("services", "web").await;
        while TcpStream::connect(at).await.is_ok() {}
        stream.write_u8(7).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 7);
    });
}

#[test]
fn what_a_client_sends_before_it_ends_its_half_is_answered_whole_also_in_bulk() {
    real(|world| async move {
        let at = serve(&world, json!({}), &backends(1).await).await;
        let sent: Vec<u8> = (0..20_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in [0, 1, 16 * 1024, 3 * 16 * 1024 + 1, sent.len()] {
            let (mut stream, _) = connect(at).await.unwrap();
            let (mut from, mut to) = stream.split();
            let send = async {
                to.write_all(&sent[..length]).await.unwrap();
                to.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let (read, ()) = tokio::join!(from.read_to_end(&mut received), send);
            read.unwrap();
            assert!(received == sent[..length], "{length} bytes came back as {}", received.len());
        }
    });
}

#[test]
fn small_messages_go_back_and_forth_at_once() {
    real(|world| async move {
        let at = serve(&world, json!({}), &backends(1).await).await;
        let (mut stream, _) = connect(at).await.unwrap();
        let mut echo = vec![0; 100];
        for n in 0..500 {
            stream.write_all(&[n as u8; 100]).await.unwrap();
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(echo, [n as u8; 100]);
        }
    });
}
