use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::api::object::Object;

#[derive(Default)]
struct Fake {
    services: BTreeMap<ObjectKey, Arc<ServiceView>>,
    slices: BTreeMap<ObjectKey, Arc<SliceView>>,
}

impl Fake {
    fn add(&mut self, name: &str, spec: Value, endpoints: Value) {
        let key = ObjectKey::new("default", name);
        let object = |version: &str, kind: &str, body: Value| {
            let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}});
            value.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            Object::from_value(value).unwrap()
        };
        self.services.insert(key.clone(), Arc::new(ServiceView::from(&object("v1", "Service", json!({"spec": spec})))));
        let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"}]);
        let slice = json!({"addressType": "IPv4", "endpoints": endpoints, "ports": ports});
        self.slices.insert(key, Arc::new(SliceView::from(&object("discovery.k8s.io/v1", "EndpointSlice", slice))));
    }
}

impl Directory for Fake {
    fn has_namespace(&self, name: &str) -> bool {
        name == "default"
    }

    fn service(&self, key: &ObjectKey) -> Option<Arc<ServiceView>> {
        self.services.get(key).cloned()
    }

    fn slices(&self, service: &ObjectKey) -> Vec<Arc<SliceView>> {
        self.slices.get(service).cloned().into_iter().collect()
    }

    fn service_at(&self, address: IpAddr) -> Option<ObjectKey> {
        self.services.iter().find(|(_, service)| service.cluster_ips.contains(&address)).map(|(key, _)| key.clone())
    }

    fn endpoint_at(&self, address: IpAddr) -> Option<ObjectKey> {
        let has = |slice: &SliceView| slice.endpoints.iter().any(|endpoint| endpoint.address == address);
        self.slices.iter().find(|(_, slice)| has(slice)).map(|(key, _)| key.clone())
    }
}

fn cluster() -> Fake {
    let mut fake = Fake::default();
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    let pods = json!([
        {"addresses": ["10.244.0.1"], "hostname": "db-0", "conditions": {"ready": true}},
        {"addresses": ["10.244.0.2"], "conditions": {"ready": true}},
        {"addresses": ["10.244.0.3"], "hostname": "db-2", "conditions": {"ready": false}},
    ]);
    fake.add("web", json!({"clusterIP": "10.96.0.7", "ports": ports}), json!([]));
    fake.add("db", json!({"clusterIP": "None", "ports": ports}), pods);
    fake.add("idle", json!({"clusterIP": "None", "ports": ports}), json!([]));
    fake.add("far", json!({"type": "ExternalName", "externalName": "www.example.org"}), json!([]));
    fake
}

/// The answer as text.
fn ask(name: &str, wanted: RecordType) -> String {
    match answer(&cluster(), &Name::from_ascii(name).unwrap(), wanted) {
        Answer::Records(records) => records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        other => format!("{other:?}"),
    }
}

#[test]
fn names_of_the_cluster_mean_what_the_specification_says() {
    use RecordType::{A, AAAA, CNAME, PTR, SRV};
    for (name, wanted, expected) in [
        ("web.default.svc.cluster.local.", A, "10.96.0.7"),
        ("WEB.Default.SVC.cluster.LOCAL.", A, "10.96.0.7"),
        ("web.default.svc.cluster.local.", AAAA, "NoData"),
        ("nope.default.svc.cluster.local.", A, "NoName"),
        ("web.other.svc.cluster.local.", A, "NoName"),
        ("_http._tcp.web.default.svc.cluster.local.", SRV, "0 100 80 web.default.svc.cluster.local."),
        ("_http._tcp.web.default.svc.cluster.local.", A, "NoData"),
        ("_http._udp.web.default.svc.cluster.local.", SRV, "NoName"),
        ("_nope._tcp.web.default.svc.cluster.local.", SRV, "NoName"),
        ("http._tcp.web.default.svc.cluster.local.", SRV, "NoName"),
        ("db.default.svc.cluster.local.", A, "10.244.0.1, 10.244.0.2"),
        ("db.default.svc.cluster.local.", AAAA, "NoData"),
        ("db-0.db.default.svc.cluster.local.", A, "10.244.0.1"),
        ("10-244-0-2.db.default.svc.cluster.local.", A, "10.244.0.2"),
        ("db-2.db.default.svc.cluster.local.", A, "NoName"),
        (
            "_http._tcp.db.default.svc.cluster.local.",
            SRV,
            "0 50 8080 db-0.db.default.svc.cluster.local., 0 50 8080 10-244-0-2.db.default.svc.cluster.local.",
        ),
        ("idle.default.svc.cluster.local.", A, "NoName"),
        ("far.default.svc.cluster.local.", A, "www.example.org."),
        ("far.default.svc.cluster.local.", CNAME, "www.example.org."),
        ("10-244-0-9.default.pod.cluster.local.", A, "10.244.0.9"),
        ("10-244-0-9.other.pod.cluster.local.", A, "NoName"),
        ("x.default.pod.cluster.local.", A, "NoName"),
        ("7.0.96.10.in-addr.arpa.", PTR, "web.default.svc.cluster.local."),
        ("1.0.244.10.in-addr.arpa.", PTR, "db-0.db.default.svc.cluster.local."),
        ("2.0.244.10.in-addr.arpa.", PTR, "10-244-0-2.db.default.svc.cluster.local."),
        ("3.0.244.10.in-addr.arpa.", PTR, "Elsewhere"),
        ("8.8.8.8.in-addr.arpa.", PTR, "Elsewhere"),
        ("96.10.in-addr.arpa.", PTR, "Elsewhere"),
        ("cluster.local.", A, "NoData"),
        ("svc.cluster.local.", A, "NoData"),
        ("default.svc.cluster.local.", A, "NoData"),
        ("other.svc.cluster.local.", A, "NoName"),
        ("a.b.c.d.e.svc.cluster.local.", A, "NoName"),
        ("x.cluster.local.", A, "NoName"),
        ("example.org.", A, "Elsewhere"),
        ("local.", A, "Elsewhere"),
        (".", A, "Elsewhere"),
    ] {
        assert_eq!(ask(name, wanted), expected, "{name} {wanted}");
    }
}
