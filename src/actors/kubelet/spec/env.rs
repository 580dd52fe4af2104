//! A container's environment.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, EnvVarSource, Pod, Secret, Service, ServicePort};

use super::{NodeFacts, downward, expand};
use crate::api::object::Object;

/// The maps that an environment may name, by name; `None` for one that does not exist.
#[derive(Default)]
pub struct Sources {
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    pub secrets: BTreeMap<String, Option<Secret>>,
}

impl Sources {
    /// The names of the config maps and secrets that a container's environment names.
    pub fn names(container: &Container) -> (Vec<String>, Vec<String>) {
        let mut names = (Vec::new(), Vec::new());
        for from in container.env_from.iter().flatten() {
            names.0.extend(from.config_map_ref.iter().map(|map| map.name.clone()));
            names.1.extend(from.secret_ref.iter().map(|secret| secret.name.clone()));
        }
        for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            names.0.extend(source.config_map_key_ref.iter().map(|key| key.name.clone()));
            names.1.extend(source.secret_key_ref.iter().map(|key| key.name.clone()));
        }
        names
    }

    fn config_map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let map = self.config_maps.get(name)?.as_ref()?;
        Some(map.data.clone().unwrap_or_default())
    }

    fn secret(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.secrets.get(name)?.as_ref()?;
        let text = |(key, value): (&String, &k8s_openapi::ByteString)| (key.clone(), String::from_utf8_lossy(&value.0).into_owned());
        Some(secret.data.iter().flatten().map(text).collect())
    }
}

/// The variables of a container, in order: its services', those of whole maps, its own. Later ones win.
///
/// # Errors
/// A map, key or field that must exist does not: the message is upstream's.
pub fn environment(
    pod: &Pod,
    container: &Container,
    services: Vec<(String, String)>,
    sources: &Sources,
    node: NodeFacts,
) -> Result<Vec<(String, String)>, String> {
    let mut all: IndexMap<String, String> = services.into_iter().collect();
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let (kind, name, optional, map) = match (&from.config_map_ref, &from.secret_ref) {
            (Some(map), _) => ("configmap", &map.name, map.optional, sources.config_map(&map.name)),
            (None, Some(secret)) => ("secret", &secret.name, secret.optional, sources.secret(&secret.name)),
            (None, None) => continue,
        };
        match map {
            Some(map) => all.extend(map.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value))),
            None if optional == Some(true) => {}
            None => return Err(format!("{kind} {name:?} not found")),
        }
    }
    for EnvVar { name, value, value_from } in container.env.iter().flatten() {
        let value = match value_from {
            None => Some(expand(value.as_deref().unwrap_or_default(), |name| all.get(name).cloned())),
            Some(source) => from_source(pod, container, source, sources, node, namespace)?,
        };
        if let Some(value) = value {
            all.insert(name.clone(), value);
        }
    }
    Ok(all.into_iter().collect())
}

/// The value of a variable; `None` if it is optional and there is none.
fn from_source(
    pod: &Pod,
    container: &Container,
    source: &EnvVarSource,
    sources: &Sources,
    node: NodeFacts,
    namespace: &str,
) -> Result<Option<String>, String> {
    if let Some(field) = &source.field_ref {
        return downward::field(pod, &field.field_path, node).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        let other = |name: &String| pod.spec.as_ref()?.containers.iter().find(|container| container.name == *name);
        let container = resource.container_name.as_ref().and_then(other).unwrap_or(container);
        return downward::resource_field(container, resource, node).map(Some);
    }
    let (kind, title, name, key, optional, map) = match (&source.config_map_key_ref, &source.secret_key_ref) {
        (Some(from), _) => ("configmap", "ConfigMap", &from.name, &from.key, from.optional, sources.config_map(&from.name)),
        (None, Some(from)) => ("secret", "Secret", &from.name, &from.key, from.optional, sources.secret(&from.name)),
        (None, None) => return Ok(None),
    };
    let Some(map) = map else {
        return if optional == Some(true) { Ok(None) } else { Err(format!("{kind} {name:?} not found")) };
    };
    match map.get(key) {
        Some(value) => Ok(Some(value.clone())),
        None if optional == Some(true) => Ok(None),
        None => Err(format!("couldn't find key {key} in {title} {namespace}/{name}")),
    }
}

/// The variables by which containers find a service without DNS; none for one that has no address.
pub struct ServiceVariables(pub Vec<(String, String)>);

impl From<&Object> for ServiceVariables {
    fn from(object: &Object) -> Self {
        Self(object.parse().map(|service: Service| service_variables(&service)).unwrap_or_default())
    }
}

fn service_variables(service: &Service) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let Some(spec) = &service.spec else { return variables };
    let Some(ip) = spec.cluster_ip.as_ref().filter(|ip| !ip.is_empty() && *ip != "None") else { return variables };
    let Some(first) = spec.ports.iter().flatten().next() else { return variables };
    let prefix = service.metadata.name.as_deref().unwrap_or_default().to_uppercase().replace('-', "_");
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.clone() };
    variables.push((format!("{prefix}_SERVICE_HOST"), ip.clone()));
    variables.push((format!("{prefix}_SERVICE_PORT"), first.port.to_string()));
    for port in spec.ports.iter().flatten().filter(|port| port.name.as_ref().is_some_and(|name| !name.is_empty())) {
        let name = port.name.as_deref().unwrap_or_default().to_uppercase().replace('-', "_");
        variables.push((format!("{prefix}_SERVICE_PORT_{name}"), port.port.to_string()));
    }
    let url = |protocol: &str, port: i32| format!("{}://{host}:{port}", protocol.to_lowercase());
    let protocol = |port: &ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    variables.push((format!("{prefix}_PORT"), url(&protocol(first), first.port)));
    for port in spec.ports.iter().flatten() {
        let protocol = protocol(port);
        let base = format!("{prefix}_PORT_{}_{protocol}", port.port);
        variables.push((base.clone(), url(&protocol, port.port)));
        variables.push((format!("{base}_PROTO"), protocol.to_lowercase()));
        variables.push((format!("{base}_PORT"), port.port.to_string()));
        variables.push((format!("{base}_ADDR"), ip.clone()));
    }
    variables
}
