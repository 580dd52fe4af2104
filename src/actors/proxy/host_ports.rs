//! What the pods of this node ask of it: ports of its own addresses that lead to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::backends::Backends;
use super::frontend::{Frontend, Node};
use super::pod_view::PodView;
use crate::runtime::network::Place;

/// All frontends of a pod that runs on this node.
pub fn host_ports(pod: &PodView, node: &Node) -> BTreeMap<Frontend, Backends> {
    let mut frontends = BTreeMap::new();
    if !node.opens_host_ports || pod.node != node.name {
        return frontends;
    }
    for port in &pod.ports {
        let everywhere = node.addresses.iter().copied().filter(|_| port.address.is_none());
        for address in everywhere.chain(port.address) {
            let own = pod.addresses.iter().find(|own| own.is_ipv4() == address.is_ipv4());
            let Some(own) = own else { continue };
            let backends = Backends::new([SocketAddr::new(*own, port.container_port)], None);
            frontends.insert(Frontend { place: Place::Node(SocketAddr::new(address, port.number)), protocol: port.protocol }, backends);
        }
    }
    frontends
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::object::Object;

    /// The frontends as text.
    fn of(spec: Value, status: Value, opens_host_ports: bool) -> Vec<String> {
        let mut whole = json!({"nodeName": "here", "containers": []});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let metadata = json!({"name": "p", "namespace": "default"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": whole, "status": status});
        let addresses = vec![[192, 168, 0, 9].into(), [127, 0, 0, 1].into()];
        let node = Node { name: "here".into(), addresses, opens_host_ports, ..Node::default() };
        let found = host_ports(&PodView::from(&Object::from_value(pod).unwrap()), &node);
        found.into_iter().map(|(frontend, backends)| format!("{frontend} {}", backends.addresses()[0])).collect()
    }

    fn container(ports: Value) -> Value {
        json!([{"name": "c", "ports": ports}])
    }

    fn running() -> Value {
        json!({"phase": "Running", "podIP": "10.244.0.5", "podIPs": [{"ip": "10.244.0.5"}]})
    }

    #[test]
    fn a_host_port_leads_from_every_address_of_the_node_to_the_pods_port() {
        let ports = json!([{"containerPort": 80, "hostPort": 8080}, {"containerPort": 53, "hostPort": 5353, "protocol": "UDP"},
            {"containerPort": 90}, {"containerPort": 91, "hostPort": 91, "protocol": "SCTP"}]);
        let expected = [
            "127.0.0.1:5353/UDP 10.244.0.5:53",
            "127.0.0.1:8080/TCP 10.244.0.5:80",
            "192.168.0.9:5353/UDP 10.244.0.5:53",
            "192.168.0.9:8080/TCP 10.244.0.5:80",
        ];
        assert_eq!(of(json!({"containers": container(ports.clone())}), running(), true), expected);
        assert!(of(json!({"containers": container(ports)}), running(), false).is_empty());
    }

    #[test]
    fn a_host_ip_says_at_which_address() {
        let port = |ip: &str| json!({"containers": container(json!([{"containerPort": 80, "hostPort": 8080, "hostIP": ip}]))});
        assert_eq!(of(port("127.0.0.2"), running(), true), ["127.0.0.2:8080/TCP 10.244.0.5:80"]);
        assert_eq!(of(port("0.0.0.0"), running(), true).len(), 2);
        assert!(of(port("fd00::1"), running(), true).is_empty());
    }

    #[test]
    fn only_pods_with_a_network_of_their_own_have_them_and_sidecars_too() {
        let ports = json!([{"containerPort": 80, "hostPort": 80}]);
        let spec = json!({"containers": container(ports.clone())});
        assert!(of(spec.clone(), json!({"phase": "Pending"}), true).is_empty());
        let mut ended = running();
        ended["phase"] = "Failed".into();
        assert!(of(spec, ended, true).is_empty());
        assert!(of(json!({"hostNetwork": true, "containers": container(ports.clone())}), running(), true).is_empty());
        assert!(of(json!({"nodeName": "there", "containers": container(ports.clone())}), running(), true).is_empty());
        let sidecar = json!([{"name": "s", "restartPolicy": "Always", "ports": ports}, {"name": "i", "ports": [{"containerPort": 9, "hostPort": 9}]}]);
        assert_eq!(of(json!({"initContainers": sidecar}), running(), true).len(), 2);
    }
}
