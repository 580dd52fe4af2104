//! What a cluster has from its first moment on: the system's namespaces and priority classes, who may do what, how its API shares itself out, and the service by
//! which pods find it.

use std::net::SocketAddr;

use futures::future::try_join_all;
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Endpoints, Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use serde_json::{Value, json};

use super::authorization::defaults;
use super::kinds::Registry;
use super::status::Status;
use super::verbs::{Api, Call};
use super::{api_services, flow_control};

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
const CLASSES: [(&str, i32, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their current node."),
];
/// The service, its endpoints and their slice.
const API: &str = "kubernetes";

/// Makes it all, or completes what a crash left unfinished. `advertised` is where the API listens, as seen from the cluster's nodes.
///
/// # Errors
/// The store takes no writes.
pub async fn bootstrap(api: &Api, advertised: SocketAddr) -> Result<(), Status> {
    for name in NAMESPACES {
        ensure::<Namespace>(api, "", json!({"metadata": {"name": name}})).await?;
    }
    for (name, value, description) in CLASSES {
        ensure::<PriorityClass>(api, "", json!({"metadata": {"name": name}, "value": value, "description": description})).await?;
    }
    defaults::found(api).await?;
    try_join_all(flow_control::levels().into_iter().map(|level| ensure::<PriorityLevelConfiguration>(api, "", level))).await?;
    try_join_all(flow_control::schemas().into_iter().map(|schema| ensure::<FlowSchema>(api, "", schema))).await?;
    try_join_all(api_services::local().into_iter().map(|service| register(api, service))).await?;
    ensure::<Service>(api, "default", service(api, advertised)).await?;
    let (ip, port) = (advertised.ip().to_string(), advertised.port());
    let ports = json!([{"name": "https", "port": port, "protocol": "TCP"}]);
    let endpoints = json!({
        "metadata": {"name": API, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": [{"ip": ip}], "ports": ports}],
    });
    let family = if advertised.is_ipv4() { "IPv4" } else { "IPv6" };
    let slice = json!({
        "metadata": {"name": API, "labels": {"kubernetes.io/service-name": API}},
        "addressType": family,
        "endpoints": [{"addresses": [ip], "conditions": {"ready": true}}],
        "ports": ports,
    });
    let registry = Registry::built_in();
    api.establish(registry.of::<Endpoints>(), "default", endpoints).await?;
    api.establish(registry.of::<EndpointSlice>(), "default", slice).await
}

fn service(api: &Api, advertised: SocketAddr) -> Value {
    let ip = api.ranges().cluster_ips.nth(1).map(|ip| ip.to_string());
    json!({
        "metadata": {"name": API, "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": ip, "ports": [{"name": "https", "port": 443, "targetPort": advertised.port()}]},
    })
}

/// Says that the server answers for a group, once.
async fn register(api: &Api, service: Value) -> Result<(), Status> {
    let kind = Registry::built_in().of::<APIService>();
    match api.get(kind, "", service["metadata"]["name"].as_str().unwrap_or_default()).await {
        Err(status) if status.is_not_found() => api.establish(kind, "", service).await,
        found => found.map(drop),
    }
}

async fn ensure<K: Resource>(api: &Api, namespace: &str, body: Value) -> Result<(), Status> {
    let kind = Registry::built_in().of::<K>();
    match api.get(kind, namespace, body["metadata"]["name"].as_str().unwrap_or_default()).await {
        Err(status) if status.is_not_found() => api.create(&Call::default(), kind, namespace, body).await.map(drop),
        found => found.map(drop),
    }
}
