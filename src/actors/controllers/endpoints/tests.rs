use std::sync::Arc;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use serde_json::{Value, json};

use super::slice_plan::{Common, SliceOp, plan};
use super::*;
use crate::actors::controllers::Controller;
use crate::actors::controllers::fixtures::{PodBuilder, noon, now, pod, world};
use crate::actors::controllers::pod::PodView;

fn service(spec: Value) -> ServiceView {
    let metadata = json!({ "name": "s", "namespace": "default", "uid": "s" });
    ServiceView::from(&Object::from_value(json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec })).unwrap())
}

fn views(pods: Vec<PodBuilder>) -> Vec<Arc<PodView>> {
    pods.into_iter().map(PodBuilder::view).collect()
}

fn ready(name: &str, ip: &str) -> PodBuilder {
    pod(name).node("n").phase("Running").ip(ip).ready_since(noon())
}

/// Each subset as `ready addresses|others:ports`.
fn packed(service: &ServiceView, pods: Vec<PodBuilder>) -> Vec<String> {
    let ips = |addresses: Option<Vec<k8s_openapi::api::core::v1::EndpointAddress>>| {
        addresses.unwrap_or_default().into_iter().map(|address| address.ip).collect::<Vec<_>>().join(",")
    };
    let subsets = subsets::subsets(service, &views(pods)).into_iter();
    let describe = |subset: EndpointSubset| {
        let ports: Vec<_> = subset.ports.unwrap_or_default().iter().map(|port| port.port.to_string()).collect();
        format!("{}|{}:{}", ips(subset.addresses), ips(subset.not_ready_addresses), ports.join(","))
    };
    subsets.map(describe).collect()
}

#[test]
fn addresses_are_packed_by_the_ports_they_serve() {
    let spec = json!({ "selector": { "a": "b" }, "clusterIP": "10.96.0.9", "ports": [
        { "name": "web", "port": 80, "targetPort": 8080, "protocol": "TCP" },
        { "name": "tls", "port": 443, "targetPort": "tls", "protocol": "TCP" },
    ] });
    let service = service(spec);
    let tls = |pod: PodBuilder, port: i32| {
        pod.set("/spec/containers", json!([{ "ports": [{ "name": "tls", "containerPort": port, "protocol": "TCP" }] }]))
    };
    let unready = |name: &str, ip: &str| pod(name).node("n").phase("Running").ip(ip);
    let cases = vec![
        (vec![ready("a", "10.0.0.1"), ready("b", "10.0.0.2")], vec!["10.0.0.1,10.0.0.2|:8080"]),
        (vec![tls(ready("a", "10.0.0.1"), 8443), tls(ready("b", "10.0.0.2"), 8443)], vec!["10.0.0.1,10.0.0.2|:8443,8080"]),
        (
            vec![tls(ready("a", "10.0.0.1"), 1), tls(ready("b", "10.0.0.2"), 2)],
            vec!["10.0.0.1|:1", "10.0.0.1,10.0.0.2|:8080", "10.0.0.2|:2"],
        ),
        (vec![ready("a", "10.0.0.1"), unready("b", "10.0.0.2")], vec!["10.0.0.1|10.0.0.2:8080"]),
        (vec![ready("a", "10.0.0.1").phase("Failed"), ready("b", "10.0.0.2").deleting(), pod("no-address")], vec![]),
    ];
    for (pods, expected) in cases {
        assert_eq!(packed(&service, pods), expected);
    }
}

#[test]
fn a_headless_service_without_ports_still_has_addresses() {
    let service = service(json!({ "selector": { "a": "b" }, "clusterIP": "None" }));
    assert_eq!(packed(&service, vec![ready("a", "10.0.0.1")]), ["10.0.0.1|:"]);
}

#[test]
fn all_count_as_ready_when_the_service_says_so() {
    let port = json!([{ "port": 80, "protocol": "TCP" }]);
    let service = service(json!({ "selector": { "a": "b" }, "ports": port, "publishNotReadyAddresses": true }));
    let pods = vec![pod("a").node("n").ip("10.0.0.1"), ready("b", "10.0.0.2").deleting()];
    assert_eq!(packed(&service, pods), ["10.0.0.1,10.0.0.2|:80"]);
}

#[test]
fn addresses_beyond_the_capacity_are_left_out_those_not_ready_first() {
    let service = service(json!({ "selector": { "a": "b" }, "clusterIP": "10.96.0.9", "ports": [{ "port": 80, "protocol": "TCP" }] }));
    let ip = |n: usize| format!("10.0.{}.{}", n / 250, n % 250);
    let pods = (0..1200).map(|n| if n < 600 { pod(&format!("p{n}")).node("n").ip(&ip(n)) } else { ready(&format!("p{n}"), &ip(n)) });
    let mut subsets = subsets::subsets(&service, &views(pods.collect()));
    assert!(subsets::truncate(&mut subsets));
    assert_eq!(subsets[0].addresses.as_ref().unwrap().len(), 600);
    assert_eq!(subsets[0].not_ready_addresses.as_ref().unwrap().len(), 400);
    assert!(!subsets::truncate(&mut subsets));
}

fn endpoint(n: usize) -> Endpoint {
    Endpoint { addresses: vec![format!("10.0.0.{n}")], ..Endpoint::default() }
}

fn slice(name: &str, endpoints: std::ops::Range<usize>) -> EndpointSlice {
    let mut slice = EndpointSlice { address_type: "IPv4".into(), endpoints: endpoints.map(endpoint).collect(), ..EndpointSlice::default() };
    slice.metadata.name = Some(name.into());
    slice
}

/// What a plan comes to, as `create 3`, `update a 2` (endpoints), `delete b`.
fn planned(wanted: std::ops::Range<usize>, existing: &[EndpointSlice]) -> Vec<String> {
    let common = Common { address_type: "IPv4".into(), ports: Vec::new() };
    let describe = |op: &SliceOp| match op {
        SliceOp::Create { endpoints, .. } => format!("create {}", endpoints.len()),
        SliceOp::Update { name, endpoints, .. } => format!("update {name} {}", endpoints.len()),
        SliceOp::Delete { name } => format!("delete {name}"),
    };
    plan(vec![(common, wanted.map(endpoint).collect())], &["IPv4"], existing, |_| false).iter().map(describe).collect()
}

#[test]
fn slices_change_as_little_as_possible() {
    let cases = [
        (0..0, vec![], vec!["create 0"]),
        (0..0, vec![slice("a", 0..0)], vec![]),
        (0..3, vec![], vec!["create 3"]),
        (0..250, vec![], vec!["create 100", "create 100", "create 50"]),
        (0..3, vec![slice("a", 0..3)], vec![]),
        (0..4, vec![slice("a", 0..3)], vec!["update a 4"]),
        (1..3, vec![slice("a", 0..3)], vec!["update a 2"]),
        (0..2, vec![slice("placeholder", 0..0)], vec!["update placeholder 2"]),
        (0..0, vec![slice("a", 0..3)], vec!["update a 0"]),
        (0..101, vec![slice("a", 0..100)], vec!["create 1"]),
        (0..51, vec![slice("a", 0..10), slice("b", 10..50)], vec!["update b 41"]),
        (0..100, vec![slice("a", 0..100), slice("b", 100..120)], vec!["delete b"]),
    ];
    for (wanted, existing, expected) in cases {
        assert_eq!(planned(wanted.clone(), &existing), expected, "{wanted:?}");
    }
}

#[test]
fn an_endpoint_shows_whether_its_pod_is_ready_serving_and_terminating() {
    let conditions = |publish: bool, pod: PodBuilder| {
        let service = service(json!({ "selector": { "a": "b" }, "publishNotReadyAddresses": publish, "ports": [] }));
        let wanted = slices::wanted(&service, &views(vec![pod]), |_| None);
        let conditions = wanted[0].1[0].conditions.clone().unwrap();
        (conditions.ready.unwrap(), conditions.serving.unwrap(), conditions.terminating.unwrap())
    };
    let unready = || pod("b").ip("10.0.0.2");
    let cases = [
        (false, ready("a", "10.0.0.1"), (true, true, false)),
        (false, unready(), (false, false, false)),
        (true, unready(), (true, false, false)),
        (false, ready("a", "10.0.0.1").deleting(), (false, true, true)),
        (true, ready("a", "10.0.0.1").deleting(), (true, true, true)),
    ];
    for (publish, pod, expected) in cases {
        assert_eq!(conditions(publish, pod), expected);
    }
}

#[test]
fn a_service_gets_endpoints_and_a_slice_which_follow_its_pods_and_then_are_silent() {
    world(|world| async move {
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || Endpoints::new(&tools));
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || EndpointSlices::new(&tools));
        let ports = json!([{ "name": "web", "port": 80, "targetPort": 8080 }]);
        let spec = json!({ "selector": { "app": "x" }, "ports": ports, "clusterIP": "10.96.0.9" });
        world.create("services", "default", json!({ "metadata": { "name": "s", "labels": { "l": "m" } }, "spec": spec })).await;
        let endpoints = world.get("endpoints", "default", "s").await.unwrap();
        assert_eq!(endpoints["metadata"]["labels"], json!({ "endpoints.kubernetes.io/managed-by": "endpoint-controller", "l": "m" }));
        assert_eq!(endpoints["subsets"], Value::Null);
        let empty = &world.list("endpointslices", "default").await[0];
        assert_eq!((&empty["endpoints"], &empty["ports"], &empty["addressType"]), (&Value::Null, &Value::Null, &json!("IPv4")));
        world.running_pod("a", json!({ "app": "x" }), "n", "10.1.0.1").await;
        let subsets = world.get("endpoints", "default", "s").await.unwrap()["subsets"].take();
        let target = json!({ "kind": "Pod", "name": "a", "namespace": "default", "uid": subsets[0]["addresses"][0]["targetRef"]["uid"] });
        assert_eq!(subsets[0]["addresses"], json!([{ "ip": "10.1.0.1", "nodeName": "n", "targetRef": target }]));
        assert_eq!(subsets[0]["ports"], json!([{ "name": "web", "port": 8080, "protocol": "TCP" }]));
        let slices = world.list("endpointslices", "default").await;
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0]["metadata"]["name"], empty["metadata"]["name"]);
        assert_eq!(slices[0]["endpoints"][0]["conditions"], json!({ "ready": true, "serving": true, "terminating": false }));
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
        world.delete("pods", "default", "a", now()).await;
        assert_eq!(world.get("endpoints", "default", "s").await.unwrap()["subsets"], Value::Null);
        assert_eq!(world.list("endpointslices", "default").await[0]["endpoints"], Value::Null);
        world.delete("services", "default", "s", now()).await;
        assert!(world.get("endpoints", "default", "s").await.unwrap_err().is_not_found());
    });
}

#[test]
fn endpoints_of_ones_own_are_mirrored_into_a_slice_for_as_long_as_they_are_there() {
    world(|world| async move {
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || Mirroring::new(&tools));
        let spec = json!({ "ports": [{ "port": 80 }], "clusterIP": "10.96.0.9" });
        world.create("services", "default", json!({ "metadata": { "name": "s" }, "spec": spec })).await;
        let subsets = json!([{ "addresses": [{ "ip": "10.9.9.9" }], "ports": [{ "port": 81 }] }]);
        world.create("endpoints", "default", json!({ "metadata": { "name": "s" }, "subsets": subsets })).await;
        let slices = world.list("endpointslices", "default").await;
        assert_eq!(slices[0]["endpoints"], json!([{ "addresses": ["10.9.9.9"], "conditions": { "ready": true } }]));
        assert_eq!(slices[0]["ports"], json!([{ "name": "", "port": 81, "protocol": "TCP" }]));
        assert_eq!(slices[0]["metadata"]["ownerReferences"][0]["kind"], "Endpoints");
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
        world.delete("endpoints", "default", "s", now()).await;
        assert!(world.list("endpointslices", "default").await.is_empty());
    });
}
