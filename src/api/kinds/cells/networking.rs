//! The cells of ingresses, network policies and addresses.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde::Deserialize;
use serde_json::Value;

use super::{Fields, NONE, first_three, or};
use crate::api::selector::LabelSelector;

pub fn ingress_class(ingress: &Value) -> Value {
    ingress.at("/spec/ingressClassName").cloned().unwrap_or_else(|| NONE.into())
}

/// Each host once, in the order in which they are named.
pub fn ingress_hosts(ingress: &Value) -> Value {
    let mut hosts: Vec<String> = Vec::new();
    for host in ingress.list("/spec/rules").iter().map(|rule| rule.text("/host")).filter(|host| !host.is_empty()) {
        if !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    }
    first_three(&hosts, "*").into()
}

pub fn ingress_address(ingress: &Value) -> Value {
    let addresses = ingress.list("/status/loadBalancer/ingress").iter();
    let addresses: BTreeSet<&str> =
        addresses.map(|one| or(one.text("/ip"), one.text("/hostname"))).filter(|address| !address.is_empty()).collect();
    addresses.into_iter().collect::<Vec<_>>().join(",").into()
}

pub fn ingress_ports(ingress: &Value) -> Value {
    if ingress.list("/spec/tls").is_empty() { "80" } else { "80, 443" }.into()
}

/// `Kind.group/name`.
pub fn class_parameters(class: &Value) -> Value {
    if !class.is_set("/spec/parameters") {
        return NONE.into();
    }
    let (kind, name) = (class.text("/spec/parameters/kind"), class.text("/spec/parameters/name"));
    match class.at("/spec/parameters/apiGroup").and_then(Value::as_str) {
        Some(group) => format!("{kind}.{group}/{name}").into(),
        None => format!("{kind}/{name}").into(),
    }
}

pub fn policy_selector(policy: &Value) -> Value {
    let selector = policy.at("/spec/podSelector").and_then(|selector| v1::LabelSelector::deserialize(selector).ok()).unwrap_or_default();
    match LabelSelector::from_spec(&selector) {
        Ok(selector) => or(&selector.to_string(), NONE).into(),
        Err(_) => "<error>".into(),
    }
}

/// `resource.group/namespace/name`.
pub fn address_parent(address: &Value) -> Value {
    if !address.is_set("/spec/parentRef") {
        return NONE.into();
    }
    let part = |field: &str| address.text(&format!("/spec/parentRef/{field}"));
    let group = if part("group").is_empty() { String::new() } else { format!(".{}", part("group")) };
    let namespace = if part("namespace").is_empty() { String::new() } else { format!("/{}", part("namespace")) };
    format!("{}{namespace}/{}", format!("{}{group}", part("resource")).to_lowercase(), part("name")).into()
}

pub fn service_ranges(ranges: &Value) -> Value {
    ranges.list("/spec/cidrs").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ingress_shows_its_hosts_and_where_it_is_reached() {
        let ingress = json!({
            "spec": {"rules": [{"host": "b"}, {"host": "a"}, {"host": "b"}, {"host": "c"}, {"host": "d"}, {}], "tls": [{}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "h"}, {"ip": "1.1.1.1"}]}}});
        assert_eq!(ingress_hosts(&ingress), "b,a,c + 1 more...");
        assert_eq!((ingress_address(&ingress), ingress_ports(&ingress)), ("1.1.1.1,2.2.2.2,h".into(), "80, 443".into()));
        assert_eq!((ingress_hosts(&json!({})), ingress_class(&json!({}))), ("*".into(), "<none>".into()));
    }

    #[test]
    fn an_address_shows_whose_it_is() {
        for (parent, shown) in [
            (json!({"resource": "services", "namespace": "n", "name": "s"}), "services/n/s"),
            (json!({"group": "example.com", "resource": "Things", "name": "t"}), "things.example.com/t"),
        ] {
            assert_eq!(address_parent(&json!({"spec": {"parentRef": parent}})), shown);
        }
    }

    #[test]
    fn a_class_shows_its_parameters() {
        let class = |parameters: Value| json!({"spec": {"parameters": parameters}});
        assert_eq!(class_parameters(&class(json!({"apiGroup": "example.com", "kind": "P", "name": "n"}))), "P.example.com/n");
        assert_eq!(class_parameters(&class(json!({"kind": "P", "name": "n"}))), "P/n");
        assert_eq!(class_parameters(&json!({})), "<none>");
    }

    #[test]
    fn a_policy_shows_which_pods_it_is_about() {
        let policy = |selector: Value| json!({"spec": {"podSelector": selector}});
        assert_eq!(policy_selector(&policy(json!({}))), "<none>");
        assert_eq!(policy_selector(&policy(json!({"matchLabels": {"a": "b"}}))), "a=b");
    }
}
