//! Ingresses, network policies, addresses and ranges.

use kabuki::api::client::Patch;
use kabuki::api::kinds::Subresource;
use kabuki::api::verbs::Target;
use serde_json::{Value, json};

use super::world::{World, call, kind, world};

/// What the API has against a new object, without whose it is.
async fn refused(world: &World, plural: &str, body: Value) -> String {
    let namespace = if kind(plural).is_namespaced() { "default" } else { "" };
    match world.create(plural, namespace, body).await {
        Ok(_) => String::new(),
        Err(status) => status.message.split_once(" is invalid: ").map(|(_, why)| why.to_owned()).unwrap_or(status.message),
    }
}

fn ingress(spec: Value) -> Value {
    let mut body =
        json!({"metadata": {"generateName": "i-"}, "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}});
    json_patch::merge(&mut body["spec"], &spec);
    body
}

#[test]
fn an_ingress_says_where_requests_go() {
    let path = |fields: Value| {
        let mut path = json!({"pathType": "Prefix", "path": "/", "backend": {"service": {"name": "s", "port": {"number": 1}}}});
        json_patch::merge(&mut path, &fields);
        json!({"rules": [{"http": {"paths": [path]}}]})
    };
    world(async |world| {
        for (spec, wrong) in [
            (json!({}), ""),
            (json!({"defaultBackend": null}), "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"),
            (
                json!({"defaultBackend": {"service": null}}),
                "spec.defaultBackend: Invalid value: \"\": resource or service backend is required",
            ),
            (
                json!({"defaultBackend": {"service": {"port": {"number": 65536}}}}),
                "spec.defaultBackend.service.port.number: Invalid value: 65536: must be between 1 and 65535, inclusive",
            ),
            (
                json!({"defaultBackend": {"service": null, "resource": {"kind": "a/b", "name": ""}}}),
                "[spec.defaultBackend.resource.kind: Invalid value: \"a/b\": may not contain '/', spec.defaultBackend.resource.name: Required value]",
            ),
            (path(json!({"path": "/a/.."})), "spec.rules[0].http.paths[0].path: Invalid value: \"/a/..\": cannot end with '/..'"),
            (path(json!({"pathType": "ImplementationSpecific", "path": "/a/.."})), ""),
            (path(json!({"path": "/%2f"})), "spec.rules[0].http.paths[0].path: Invalid value: \"/%2f\": must not contain '%2f'"),
            (json!({"tls": [{"secretName": "a/b"}]}), "spec.tls[0].secretName: Invalid value: \"a/b\": a lowercase RFC 1123 subdomain"),
            (
                json!({"rules": [{"host": "a.*.b"}]}),
                "spec.rules[0].host: Invalid value: \"a.*.b\": a wildcard DNS-1123 subdomain must start with '*.'",
            ),
        ] {
            let why = refused(&world, "ingresses", ingress(spec.clone())).await;
            assert!(if wrong.is_empty() { why.is_empty() } else { why.starts_with(wrong) }, "{spec}: {why}");
        }
    });
}

#[test]
fn an_ingress_without_a_class_is_of_the_newest_default_one() {
    world(async |world| {
        for name in ["b", "a"] {
            let annotations = json!({"ingressclass.kubernetes.io/is-default-class": "true"});
            let class = json!({"metadata": {"name": name, "annotations": annotations}, "spec": {"controller": "example.com/c"}});
            world.create("ingressclasses", "", class).await.unwrap();
        }
        let class = |object: Value| object["spec"]["ingressClassName"].clone();
        assert_eq!(class(world.create("ingresses", "default", ingress(json!({}))).await.unwrap().value()), "a");
        let named = world.create("ingresses", "default", ingress(json!({"ingressClassName": "other"}))).await.unwrap();
        assert_eq!(class(named.value()), "other");
    });
}

#[test]
fn the_address_of_an_ingress_is_written_by_its_status() {
    world(async |world| {
        let mut body = ingress(json!({}));
        body["metadata"] = json!({"name": "i"});
        world.create("ingresses", "default", body).await.unwrap();
        let target = Target::new(&kind("ingresses"), "default", "i").subresource(Subresource::Status);
        for (point, wrong) in [
            (json!({"ip": "1.2.3.4"}), ""),
            (json!({"ip": "x"}), "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": must be a valid IP address"),
            (
                json!({"hostname": "1.2.3.4"}),
                "status.loadBalancer.ingress[0].hostname: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address",
            ),
        ] {
            let patch = Patch::Merge(json!({"status": {"loadBalancer": {"ingress": [point]}}}));
            let why = world.api.patch(&call(), &target, &patch, &[]).await.map_or_else(|status| status.message, |_| String::new());
            assert!(if wrong.is_empty() { why.is_empty() } else { why.contains(wrong) }, "{why}");
        }
    });
}

#[test]
fn a_network_policy_names_ports_and_peers() {
    let rule = |field: &str, rule: Value| json!({"metadata": {"generateName": "n-"}, "spec": {field: [rule]}});
    world(async |world| {
        for (body, wrong) in [
            (rule("ingress", json!({})), ""),
            (rule("ingress", json!({"from": [{}]})), "spec.ingress[0].from[0]: Required value: must specify a peer"),
            (rule("egress", json!({"to": [{"ipBlock": {"cidr": ""}}]})), "spec.egress[0].to[0].ipBlock.cidr: Required value"),
            (
                rule("egress", json!({"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]})),
                "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`",
            ),
            (
                rule("ingress", json!({"ports": [{"port": 5, "endPort": 4}]})),
                "spec.ingress[0].ports[0].endPort: Invalid value: 4: must be greater than or equal to `port`",
            ),
            (
                rule("ingress", json!({"ports": [{"endPort": 4}]})),
                "spec.ingress[0].ports[0].endPort: Invalid value: 4: may not be specified when `port` is not specified",
            ),
        ] {
            assert_eq!(refused(&world, "networkpolicies", body.clone()).await, wrong, "{body}");
        }
    });
}

#[test]
fn ranges_of_services_grow_by_the_other_family_only() {
    let ranges = |cidrs: Value| json!({"metadata": {"name": "r"}, "spec": {"cidrs": cidrs}});
    world(async |world| {
        for (cidrs, wrong) in [
            (json!([]), "spec.cidrs: Required value: at least one CIDR required"),
            (json!(["10.1.0.0/8"]), "spec.cidrs[0]: Invalid value: \"10.1.0.0/8\": must not have bits set beyond the prefix length"),
            (
                json!(["10.0.0.0/8", "11.0.0.0/8"]),
                "spec.cidrs: Invalid value: [\"10.0.0.0/8\",\"11.0.0.0/8\"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
            ),
            (json!(["10.0.0.0/8"]), ""),
        ] {
            assert_eq!(refused(&world, "servicecidrs", ranges(cidrs)).await, wrong);
        }
        let target = Target::new(&kind("servicecidrs"), "", "r");
        for (cidrs, wrong) in [
            (json!(["11.0.0.0/8"]), "spec.cidrs[0]: Invalid value: \"11.0.0.0/8\": field is immutable"),
            (json!(["10.0.0.0/8", "2001:db8::/64"]), ""),
            (json!(["10.0.0.0/8"]), "spec.cidrs: Invalid value: [\"10.0.0.0/8\"]: field is immutable"),
        ] {
            let patch = Patch::Merge(json!({"spec": {"cidrs": cidrs}}));
            let why = world.api.patch(&call(), &target, &patch, &[]).await.map_or_else(|status| status.message, |_| String::new());
            assert!(if wrong.is_empty() { why.is_empty() } else { why.ends_with(wrong) }, "{why}");
        }
    });
}
