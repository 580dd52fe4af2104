use std::net::SocketAddr;

use hickory_server::proto::op::{Message, Query, ResponseCode};
use hickory_server::proto::rr::{Name, RecordType};
use hickory_server::proto::serialize::binary::BinEncodable;
use kabuki::actors::dns::{self, Options};
use kabuki::runtime::entropy::Entropy;
use serde_json::json;
use tokio::net::UdpSocket;

use super::world::{Loopback, World, real};

const ADDRESS: &str = "10.96.0.10:53";

async fn ask(at: SocketAddr, name: &str) -> Message {
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question.to_bytes().unwrap(), at).await.unwrap();
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer).await.unwrap();
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(answer.metadata.id, question.metadata.id);
    answer
}

fn said(message: &Message) -> (ResponseCode, Vec<String>) {
    (message.metadata.response_code, message.answers.iter().map(|record| record.data.to_string()).collect())
}

/// A name server that knows one address for every name.
async fn upstream() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    actix_rt::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            let mut answer = Message::from_vec(&buffer[..length]).unwrap().into_response();
            let name = answer.queries[0].name.clone();
            let data = hickory_server::proto::rr::RData::A(std::net::Ipv4Addr::new(192, 0, 2, 1).into());
            answer.add_answer(hickory_server::proto::rr::Record::from_rdata(name, 60, data));
            socket.send_to(&answer.to_bytes().unwrap(), client).await.unwrap();
        }
    });
    address
}

async fn start(world: &World, upstreams: Vec<SocketAddr>) -> SocketAddr {
    world.create("namespaces", "", json!({"metadata": {"name": "kube-system"}})).await;
    let network = Loopback::new();
    let options = Options { address: ADDRESS.parse().unwrap(), upstreams, network: Some(network.clone()) };
    dns::start(&world.supervisor, &world.informers, world.client.clone(), &Entropy::from_seed(5), options);
    network.opened(ADDRESS, 1).await
}

#[test]
fn services_are_found_by_name_and_the_rest_is_asked_elsewhere() {
    real(|world| async move {
        world.service("web", 7, json!({})).await;
        let external = json!({"metadata": {"name": "far"}, "spec": {"type": "ExternalName", "externalName": "www.example.org"}});
        world.create("services", "default", external).await;
        let at = start(&world, vec![upstream().await]).await;
        let found = ask(at, "web.default.svc.cluster.local.").await;
        assert_eq!(said(&found), (ResponseCode::NoError, vec!["10.96.0.7".to_owned()]));
        assert!(found.metadata.authoritative && found.answers[0].ttl == 5);
        let none = ask(at, "nope.default.svc.cluster.local.").await;
        assert_eq!((said(&none), none.authorities.len()), ((ResponseCode::NXDomain, vec![]), 1));
        assert_eq!(said(&ask(at, "example.org.").await), (ResponseCode::NoError, vec!["192.0.2.1".to_owned()]));
        let chain = vec!["www.example.org.".to_owned(), "192.0.2.1".to_owned()];
        assert_eq!(said(&ask(at, "far.default.svc.cluster.local.").await), (ResponseCode::NoError, chain));
    });
}

#[test]
fn without_name_servers_other_names_fail() {
    real(|world| async move {
        let at = start(&world, vec![]).await;
        assert_eq!(said(&ask(at, "example.org.").await), (ResponseCode::ServFail, vec![]));
    });
}
