use std::collections::BTreeMap;
use std::net::SocketAddr;

use kabuki::runtime::network::Place;
use serde_json::json;
use tokio::net::UdpSocket;

use super::world::{Loopback, real};

/// Answers every datagram with its own address.
async fn backend(address: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind(address).await.unwrap();
    let address = socket.local_addr().unwrap();
    actix_rt::spawn(async move {
        let mut buffer = [0; 100];
        while let Ok((_, client)) = socket.recv_from(&mut buffer).await {
            socket.send_to(address.to_string().as_bytes(), client).await.unwrap();
        }
    });
    address
}

async fn ask(client: &UdpSocket, at: SocketAddr) -> String {
    client.send_to(b"who are you?", at).await.unwrap();
    let mut buffer = [0; 100];
    let (length, from) = client.recv_from(&mut buffer).await.unwrap();
    assert_eq!(from, at);
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn a_pod_takes_a_port_of_the_node_for_datagrams_too() {
    real(|world| async move {
        let network = Loopback::new();
        world.start(Some(network.clone()));
        let pod = backend(([127, 0, 1, 1], 0).into()).await;
        world.pod("dns", json!({"hostPort": 53, "protocol": "UDP"}), pod).await;
        let at = network.opened_at(Place::Node(([127, 0, 0, 1], 53).into()), 1).await;
        assert_eq!(ask(&UdpSocket::bind("127.0.0.1:0").await.unwrap(), at).await, pod.to_string());
    });
}

#[test]
fn a_client_keeps_its_backend_until_that_goes() {
    real(|world| async move {
        let first = backend(([127, 0, 1, 1], 0).into()).await;
        let second = backend(([127, 0, 1, 2], first.port()).into()).await;
        let network = Loopback::new();
        let proxy = world.start(Some(network.clone()));
        world.service("dns", 7, json!({"ports": [{"port": 53, "protocol": "UDP"}]})).await;
        world.endpoints("dns", "UDP", &[first, second]).await;
        let at = network.opened("10.96.0.7:53", 1).await;
        let mut counts = BTreeMap::new();
        let mut clients = Vec::new();
        for _ in 0..10 {
            let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let backend = ask(&client, at).await;
            for _ in 0..3 {
                assert_eq!(ask(&client, at).await, backend);
            }
            *counts.entry(backend).or_insert(0) += 1;
            clients.push(client);
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [5, 5]);
        world.endpoints("dns", "UDP", &[second]).await;
        proxy.reached(|table| table.iter().all(|(_, row)| row.backends.addresses() == [second])).await;
        for client in &clients {
            assert_eq!(ask(client, at).await, second.to_string());
        }
    });
}
