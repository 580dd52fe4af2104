//! The cells of services and their endpoints.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Fields, NONE, UNSET, first_three, labels, or};

pub fn cluster_ip(service: &Value) -> Value {
    or(service.text("/spec/clusterIP"), NONE).into()
}

pub fn external_ip(service: &Value) -> Value {
    let texts = |list: &[Value]| list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let external = texts(service.list("/spec/externalIPs"));
    match service.text("/spec/type") {
        "ClusterIP" | "NodePort" => or(&external.join(","), NONE).into(),
        "LoadBalancer" => {
            let ingress = service.list("/status/loadBalancer/ingress").iter();
            let addresses: BTreeSet<_> = ingress
                .map(|ingress| or(ingress.text("/ip"), ingress.text("/hostname")).to_owned())
                .filter(|address| !address.is_empty())
                .collect();
            or(&addresses.into_iter().chain(external).collect::<Vec<_>>().join(","), "<pending>").into()
        }
        "ExternalName" => service.text("/spec/externalName").into(),
        _ => "<unknown>".into(),
    }
}

pub fn ports(service: &Value) -> Value {
    let ports = service.list("/spec/ports").iter().map(|port| match port.integer("/nodePort") {
        0 => format!("{}/{}", port.integer("/port"), port.text("/protocol")),
        node_port => format!("{}:{node_port}/{}", port.integer("/port"), port.text("/protocol")),
    });
    or(&ports.collect::<Vec<_>>().join(","), NONE).into()
}

pub fn selector(service: &Value) -> Value {
    labels(service, "/spec/selector").into()
}

pub fn endpoints(endpoints: &Value) -> Value {
    let mut list = Vec::new();
    for subset in endpoints.list("/subsets") {
        let addresses = || subset.list("/addresses").iter().map(|address| address.text("/ip"));
        match subset.list("/ports") {
            [] => list.extend(addresses().map(str::to_owned)),
            ports => list.extend(ports.iter().flat_map(|port| addresses().map(move |ip| host_port(ip, port.integer("/port"))))),
        }
    }
    first_three(&list, NONE).into()
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

pub fn slice_ports(slice: &Value) -> Value {
    let ports = slice.list("/ports").iter().map(|port| match (port.pointer("/port").and_then(Value::as_i64), port.is_set("/name")) {
        (Some(number), _) => number.to_string(),
        (None, true) => port.text("/name").to_owned(),
        (None, false) => "*".to_owned(),
    });
    first_three(&ports.collect::<Vec<_>>(), UNSET).into()
}

pub fn slice_endpoints(slice: &Value) -> Value {
    let addresses = slice.list("/endpoints").iter().flat_map(|endpoint| endpoint.list("/addresses"));
    first_three(&addresses.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>(), UNSET).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_show_three_and_count_the_rest() {
        let object = json!({"subsets": [
            {"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]},
            {"addresses": [{"ip": "::1"}, {"ip": "1.2.3.7"}], "ports": [{"port": 81}, {"port": 82}]}]});
        assert_eq!(endpoints(&object), "1.2.3.4:80,[::1]:81,1.2.3.7:81 + 2 more...");
        assert_eq!(endpoints(&json!({})), "<none>");
    }

    #[test]
    fn a_load_balancer_shows_its_addresses_or_that_it_waits() {
        let pending = json!({"spec": {"type": "LoadBalancer"}});
        assert_eq!(external_ip(&pending), "<pending>");
        let ready = json!({"spec": {"type": "LoadBalancer", "externalIPs": ["9.9.9.9"]},
            "status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "h"}]}}});
        assert_eq!(external_ip(&ready), "2.2.2.2,h,9.9.9.9");
    }
}
