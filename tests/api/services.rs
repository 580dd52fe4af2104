//! Cluster IPs and node ports.

use std::collections::BTreeSet;

use futures::future::join_all;
use kabuki::api::client::DeleteOptions;
use serde_json::{Value, json};

use super::world::{World, world};

fn service(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

async fn create(world: &World, name: &str, spec: Value) -> Result<Value, String> {
    let created = world.create("services", "default", service(name, spec)).await;
    created.map(|service| service.value()["spec"].clone()).map_err(|status| status.message)
}

#[test]
fn a_service_gets_an_address_of_the_upper_band() {
    world(async |world| {
        let spec = create(&world, "s", json!({"ports": [{"port": 80}]})).await.unwrap();
        let ip: std::net::Ipv4Addr = spec["clusterIP"].as_str().unwrap().parse().unwrap();
        assert_eq!(spec["clusterIPs"], json!([ip.to_string()]));
        assert_eq!((ip.octets()[0], ip.octets()[1]), (10, 96));
        assert!(ip.octets()[2] >= 1, "{ip} is in the band that is left to those who choose for themselves");
        assert_eq!((spec["ipFamilies"].clone(), spec["ipFamilyPolicy"].clone()), (json!(["IPv4"]), json!("SingleStack")));
    });
}

#[test]
fn services_that_are_created_at_once_share_nothing() {
    world(async |world| {
        let specs = join_all((0..200).map(|index| {
            let world = &world;
            async move {
                let ports = json!([{"name": "a", "port": 80}, {"name": "b", "port": 81}]);
                create(world, &format!("s-{index}"), json!({"type": "NodePort", "ports": ports})).await.unwrap()
            }
        }))
        .await;
        let ips: BTreeSet<_> = specs.iter().map(|spec| spec["clusterIP"].as_str().unwrap()).collect();
        let ports: BTreeSet<_> =
            specs.iter().flat_map(|spec| [0, 1].map(|port| spec["ports"][port]["nodePort"].as_u64().unwrap())).collect();
        assert_eq!((ips.len(), ports.len()), (200, 400));
        assert!(ports.iter().all(|port| (30000..=32767).contains(port)));
    });
}

#[test]
fn what_is_taken_or_out_of_range_is_refused_until_it_is_free() {
    world(async |world| {
        let spec = |ip: &str, port: u16| json!({"type": "NodePort", "clusterIP": ip, "ports": [{"port": 80, "nodePort": port}]});
        create(&world, "a", spec("10.96.7.7", 30080)).await.unwrap();
        for (wanted, message) in [
            (
                spec("10.96.7.7", 30081),
                "spec.clusterIPs: Invalid value: [\"10.96.7.7\"]: failed to allocate IP 10.96.7.7: provided IP is already allocated",
            ),
            (spec("10.96.7.8", 30080), "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"),
            (
                spec("10.97.0.1", 30081),
                "spec.clusterIPs: Invalid value: [\"10.97.0.1\"]: failed to allocate IP 10.97.0.1: the provided network does not match the current range",
            ),
            (
                spec("10.96.7.8", 80),
                "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
            ),
        ] {
            assert_eq!(create(&world, "b", wanted).await.unwrap_err(), format!("Service \"b\" is invalid: {message}"));
        }
        world.delete("services", "a", DeleteOptions::default()).await.unwrap();
        create(&world, "b", spec("10.96.7.7", 30080)).await.unwrap();
    });
}

#[test]
fn a_change_of_type_takes_and_frees() {
    world(async |world| {
        let first = create(&world, "s", json!({"ports": [{"port": 80}]})).await.unwrap();
        let open = service("s", json!({"type": "NodePort", "ports": [{"port": 80}]}));
        let opened = world.update("services", "s", open).await.unwrap().object.value();
        assert_eq!(opened["spec"]["clusterIP"], first["clusterIP"]);
        let port = opened["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
        let mut closed = opened.clone();
        closed["spec"]["type"] = "ClusterIP".into();
        let closed = world.update("services", "s", closed).await.unwrap().object.value();
        assert_eq!(closed["spec"]["ports"][0].get("nodePort"), None);
        let again = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]});
        create(&world, "t", again).await.unwrap();
        let external = service("s", json!({"type": "ExternalName", "externalName": "example.com"}));
        let external = world.update("services", "s", external).await.unwrap().object.value();
        assert_eq!(external["spec"].get("clusterIP"), None);
        create(&world, "u", json!({"clusterIP": first["clusterIP"], "ports": [{"port": 80}]})).await.unwrap();
    });
}

#[test]
fn a_headless_service_holds_nothing() {
    world(async |world| {
        let spec = create(&world, "s", json!({"clusterIP": "None", "selector": {"app": "x"}, "ports": [{"port": 80}]})).await.unwrap();
        assert_eq!((spec["clusterIPs"].clone(), spec["ipFamilies"].clone()), (json!(["None"]), json!(["IPv4"])));
        let spec = create(&world, "t", json!({"clusterIP": "None", "ports": [{"port": 80}]})).await.unwrap();
        assert_eq!((spec["ipFamilyPolicy"].clone(), spec["ipFamilies"].clone()), (json!("RequireDualStack"), json!(["IPv4", "IPv6"])));
    });
}
