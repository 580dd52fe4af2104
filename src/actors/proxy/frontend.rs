//! What a service asks of this node: where to listen, and where to pass connections on.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::backends::Backends;
use super::service_view::{ServicePort, ServiceView};
use super::slice_view::{Condition, Endpoint, SliceView};
use crate::actors::informer::ObjectKey;
use crate::runtime::network::{Place, Protocol};

/// One socket at which clients arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    pub place: Place,
    pub protocol: Protocol,
}

impl fmt::Display for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place, self.protocol)
    }
}

/// The node on which the proxy stands.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub name: String,
    /// Where node ports listen.
    pub addresses: Vec<IpAddr>,
    /// Where this node reaches the API server: the endpoints of `default/kubernetes` can name no loopback address, and the API server
    /// may listen on nothing else.
    pub api_server: Option<SocketAddr>,
    /// Nobody else opens the ports of the node that its pods take, as Docker does on a network of its own.
    pub opens_host_ports: bool,
}

/// All frontends of a service with their backends, which may be none: then a client is to be refused.
pub fn frontends(key: &ObjectKey, service: &ServiceView, slices: &[Arc<SliceView>], node: &Node) -> BTreeMap<Frontend, Backends> {
    let mut frontends = BTreeMap::new();
    if service.cluster_ips.is_empty() || !service.is_ours {
        return frontends;
    }
    let api_server = node.api_server.filter(|_| &*key.namespace == "default" && &*key.name == "kubernetes");
    for port in &service.ports {
        let Some(protocol) = port.protocol else { continue };
        let mut add = |place: Place, local: bool| {
            let family = place.address().is_ipv4();
            let found = match api_server {
                Some(address) => vec![address],
                None => addresses(port, protocol, slices, local.then_some(node.name.as_str()), family),
            };
            frontends.insert(Frontend { place, protocol }, Backends::new(found, service.affinity));
        };
        for ip in &service.cluster_ips {
            add(Place::Service(SocketAddr::new(*ip, port.port)), service.internal_local);
        }
        for (ip, node_port) in node.addresses.iter().zip(std::iter::repeat(port.node_port)) {
            node_port.into_iter().for_each(|node_port| add(Place::Node(SocketAddr::new(*ip, node_port)), service.external_local));
        }
    }
    frontends
}

/// The ready endpoints of a port, on one node if it is given; if there are none, those that terminate and still serve (KEP-1669).
fn addresses(port: &ServicePort, protocol: Protocol, slices: &[Arc<SliceView>], node: Option<&str>, ipv4: bool) -> Vec<SocketAddr> {
    let under = |wanted: Condition| {
        let is_wanted = move |endpoint: &&Endpoint| {
            endpoint.condition == wanted
                && endpoint.address.is_ipv4() == ipv4
                && node.is_none_or(|node| endpoint.node.as_deref() == Some(node))
        };
        let of_slice = move |slice: &Arc<SliceView>| {
            let numbers = slice.ports.iter().filter(|found| found.name == port.name && found.protocol == Some(protocol));
            let at = |number: u16| slice.endpoints.iter().filter(is_wanted).map(move |found| SocketAddr::new(found.address, number));
            numbers.flat_map(|found| at(found.port)).collect::<Vec<_>>()
        };
        slices.iter().flat_map(of_slice).collect::<Vec<_>>()
    };
    let ready = under(Condition::Ready);
    if ready.is_empty() { under(Condition::ServingTerminating) } else { ready }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::object::Object;

    fn object(version: &str, kind: &str, name: &str, body: Value) -> Object {
        let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}});
        value.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        Object::from_value(value).unwrap()
    }

    fn node() -> Node {
        let api_server = Some(([127, 0, 0, 1], 6443).into());
        Node { name: "here".into(), addresses: vec![[127, 0, 0, 1].into()], api_server, ..Node::default() }
    }

    /// The frontends as text, with the last byte of each backend's address.
    fn of(name: &str, spec: Value, endpoints: Value) -> Vec<String> {
        let service = ServiceView::from(&object("v1", "Service", name, json!({"spec": spec})));
        let ports = json!([{"name": "", "port": 8080, "protocol": "TCP"}, {"name": "dns", "port": 5353, "protocol": "UDP"}]);
        let slice = json!({"addressType": "IPv4", "endpoints": endpoints, "ports": ports});
        let slices = [Arc::new(SliceView::from(&object("discovery.k8s.io/v1", "EndpointSlice", "s", slice)))];
        let found = frontends(&ObjectKey::new("default", name), &service, &slices, &node());
        let row = |(frontend, backends): (Frontend, Backends)| {
            let addresses: Vec<_> = backends.addresses().iter().map(ToString::to_string).collect();
            format!("{frontend} {}", addresses.join(" ")).trim_end().to_owned()
        };
        found.into_iter().map(row).collect()
    }

    fn endpoint(last: u8, ready: bool, serving: bool, terminating: bool, node: &str) -> Value {
        let conditions = json!({"ready": ready, "serving": serving, "terminating": terminating});
        json!({"addresses": [format!("10.1.0.{last}")], "conditions": conditions, "nodeName": node})
    }

    fn all() -> Value {
        json!([
            endpoint(1, true, true, false, "here"),
            endpoint(2, true, true, false, "there"),
            endpoint(3, false, true, true, "here"),
            endpoint(4, false, false, false, "here"),
        ])
    }

    fn terminating_here() -> Value {
        json!([endpoint(1, false, true, true, "here"), endpoint(2, true, true, false, "there"), endpoint(3, false, false, true, "here"),])
    }

    #[test]
    fn only_ready_endpoints_get_connections() {
        let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
        assert_eq!(of("web", spec.clone(), all()), ["10.96.0.7:80/TCP 10.1.0.1:8080 10.1.0.2:8080"]);
        let none = json!([endpoint(4, false, false, false, "here")]);
        assert_eq!(of("web", spec.clone(), none), ["10.96.0.7:80/TCP"]);
        let unsaid = json!([{"addresses": ["10.1.0.9"], "conditions": {}}]);
        assert_eq!(of("web", spec, unsaid), ["10.96.0.7:80/TCP 10.1.0.9:8080"]);
    }

    #[test]
    fn endpoints_that_terminate_and_serve_are_the_last_resort() {
        let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
        let last = json!([endpoint(3, false, true, true, "here"), endpoint(4, false, false, true, "here")]);
        assert_eq!(of("web", spec, last), ["10.96.0.7:80/TCP 10.1.0.3:8080"]);
    }

    #[test]
    fn a_local_policy_keeps_connections_on_the_node() {
        let spec = |internal: &str, external: &str| {
            json!({"clusterIP": "10.96.0.7", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}],
                "internalTrafficPolicy": internal, "externalTrafficPolicy": external})
        };
        let (inside, outside) = ("10.96.0.7:80/TCP", "127.0.0.1:30080/TCP");
        let (one, both) = ("10.1.0.1:8080", "10.1.0.1:8080 10.1.0.2:8080");
        for (internal, external, at_inside, at_outside) in
            [("Cluster", "Cluster", both, both), ("Local", "Cluster", one, both), ("Cluster", "Local", both, one)]
        {
            assert_eq!(of("web", spec(internal, external), all()), [format!("{inside} {at_inside}"), format!("{outside} {at_outside}")]);
        }
        let expected = [format!("{inside} 10.1.0.1:8080"), format!("{outside} 10.1.0.2:8080")];
        assert_eq!(of("web", spec("Local", "Cluster"), terminating_here()), expected);
        assert_eq!(of("web", spec("Local", "Local"), json!([endpoint(2, true, true, false, "there")])), [inside, outside]);
    }

    #[test]
    fn ports_meet_by_name_and_protocol() {
        let ports = json!([{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns", "port": 53, "protocol": "TCP"},
            {"name": "other", "port": 54}, {"name": "", "port": 55, "protocol": "SCTP"}]);
        let found = of("web", json!({"clusterIPs": ["10.96.0.7"], "ports": ports}), all());
        assert_eq!(found, ["10.96.0.7:53/TCP", "10.96.0.7:53/UDP 10.1.0.1:5353 10.1.0.2:5353", "10.96.0.7:54/TCP"]);
    }

    #[test]
    fn what_has_no_address_or_another_proxy_is_left_alone() {
        for spec in [
            json!({"clusterIP": "None", "ports": [{"port": 80}]}),
            json!({"type": "ExternalName", "externalName": "example.org", "clusterIP": "10.96.0.7", "ports": [{"port": 80}]}),
            json!({"ports": [{"port": 80}]}),
        ] {
            assert!(of("web", spec, all()).is_empty());
        }
        let metadata = json!({"name": "n", "labels": {"service.kubernetes.io/service-proxy-name": "mine"}});
        let value = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 1}]}});
        let service = ServiceView::from(&Object::from_value(value).unwrap());
        assert!(frontends(&ObjectKey::new("default", "n"), &service, &[], &node()).is_empty());
    }

    #[test]
    fn the_api_server_is_where_the_node_reaches_it() {
        let spec = json!({"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443}]});
        assert_eq!(of("kubernetes", spec, json!([])), ["10.96.0.1:443/TCP 127.0.0.1:6443"]);
    }
}
