//! Where a webhook is: at a URL, or behind a service.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::caller::{Destination, Failure};
use crate::api::object::Object;
use crate::runtime::store::{Key, Snapshot};

pub fn of(client: &WebhookClientConfig, seconds: i32, snapshot: &Snapshot<Object>) -> Result<Destination, Failure> {
    let timeout = Duration::from_secs(u64::try_from(seconds).unwrap_or(10).clamp(1, 30));
    let authorities = client.ca_bundle.as_ref().map(|bundle| bundle.0.clone()).unwrap_or_default();
    let (url, addresses) = match (&client.url, &client.service) {
        (Some(url), _) => (url.clone(), None),
        (None, Some(service)) => {
            let port = service.port.unwrap_or(443);
            let path = service.path.as_deref().unwrap_or_default();
            let slash = if path.starts_with('/') { "" } else { "/" };
            (format!("https://{}.{}.svc:{port}{slash}{path}", service.name, service.namespace), Some(service))
        }
        (None, None) => return Err(Failure("neither url nor service is given".to_owned())),
    };
    let url = format!("{url}?timeout={}s", timeout.as_secs());
    let addresses = addresses.map(|service| behind(service, snapshot)).transpose();
    let addresses = addresses.map_err(|why| Failure(format!("Post \"{url}\": {why}")))?;
    Ok(Destination { url, addresses, authorities, timeout })
}

/// The endpoints that are ready behind the port of a service.
fn behind(reference: &ServiceReference, snapshot: &Snapshot<Object>) -> Result<Vec<SocketAddr>, String> {
    let (namespace, name) = (&reference.namespace, &reference.name);
    let key = Key::new("services", format!("{namespace}/{name}"));
    let service = snapshot.get(&key).and_then(|object| object.parse::<Service>().ok()).ok_or(format!("service \"{name}\" not found"))?;
    let spec = service.spec.unwrap_or_default();
    let number = reference.port.unwrap_or(443);
    let port = spec.ports.iter().flatten().find(|port| port.port == number);
    let port = port.ok_or(format!("no service port {number} found for service \"{name}\""))?;
    let mut found = Vec::new();
    let prefix = format!("{namespace}/");
    for (_, object) in snapshot.range("endpointslices", &prefix, None) {
        if object.labels().get("kubernetes.io/service-name") != Some(name) {
            continue;
        }
        let Ok(slice) = object.parse::<EndpointSlice>() else { continue };
        let own = |name: &Option<String>| name.clone().unwrap_or_default();
        let Some(target) = slice.ports.iter().flatten().find(|one| own(&one.name) == own(&port.name)).and_then(|one| one.port) else {
            continue;
        };
        let ready = slice.endpoints.iter().filter(|one| one.conditions.as_ref().is_none_or(|conditions| conditions.ready != Some(false)));
        let addresses = ready.flat_map(|one| &one.addresses).filter_map(|address| address.parse::<IpAddr>().ok());
        found.extend(addresses.map(|address| SocketAddr::new(address, target as u16)));
    }
    let address = spec.cluster_ip.and_then(|address| address.parse::<IpAddr>().ok());
    match (found.is_empty(), address, &port.target_port) {
        (false, _, _) => Ok(found),
        // Nobody selects pods for it, but somebody may listen there.
        (true, Some(address), Some(IntOrString::Int(_)) | None) if spec.selector.is_none() => {
            Ok(vec![SocketAddr::new(address, number as u16)])
        }
        _ => Err(format!("no endpoints available for service \"{name}\"")),
    }
}
