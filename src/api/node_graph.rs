//! What a node has to do with: the pods that are bound to it, and what those refer to (the page "Using Node Authorization").

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, PersistentVolume, Pod, PodSpec, Volume};

use super::kinds::Registry;
use super::object::Object;
use crate::runtime::store::{Key, Snapshot};

/// One node's part of one moment. A question costs a look at the node name of each pod in a namespace, and reading those of the node.
#[derive(Clone, Copy)]
pub struct NodeGraph<'a> {
    snapshot: &'a Snapshot<Object>,
    node: &'a str,
}

impl<'a> NodeGraph<'a> {
    pub fn new(snapshot: &'a Snapshot<Object>, node: &'a str) -> Self {
        Self { snapshot, node }
    }

    /// The pod of that name, if it is bound to the node.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&'a Object> {
        self.find("pods", namespace, name).filter(|pod| is_bound(pod, self.node))
    }

    /// Whether a pod of the node refers to the object, directly or (a volume) by its claim.
    pub fn refers_to(&self, plural: &str, namespace: &str, name: &str) -> bool {
        let refers: fn(&Pod, &str) -> bool = match plural {
            "secrets" => |pod, name| secrets(pod).any(|known| known == name),
            "configmaps" => |pod, name| config_maps(pod).any(|known| known == name),
            "persistentvolumeclaims" => |pod, name| claims(pod).any(|known| known == name),
            "serviceaccounts" => |pod, name| service_account(pod) == name,
            "persistentvolumes" => return self.refers_to_volume(name),
            _ => return false,
        };
        self.pods(namespace).any(|pod| refers(&pod, name))
    }

    fn refers_to_volume(&self, name: &str) -> bool {
        let volume = self.find("persistentvolumes", "", name).and_then(|volume| volume.parse::<PersistentVolume>().ok());
        let claim = volume.and_then(|volume| volume.spec).and_then(|spec| spec.claim_ref).unwrap_or_default();
        match (claim.namespace, claim.name) {
            (Some(namespace), Some(claim)) => self.refers_to("persistentvolumeclaims", &namespace, &claim),
            _ => false,
        }
    }

    fn pods(&self, namespace: &str) -> impl Iterator<Item = Pod> {
        let prefix = format!("{namespace}/");
        let all = self.snapshot.range("pods", &prefix, None).map(|(_, pod)| pod);
        let bound: Vec<&'a Object> = all.filter(|pod| is_bound(pod, self.node)).collect();
        bound.into_iter().filter_map(|pod| pod.parse().ok())
    }

    fn find(&self, plural: &str, namespace: &str, name: &str) -> Option<&'a Object> {
        let path = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        self.snapshot.get(&Key::new(plural, path))
    }
}

fn is_bound(pod: &Object, node: &str) -> bool {
    !node.is_empty() && Registry::built_in().of::<Pod>().field(pod, "spec.nodeName").is_some_and(|bound| bound == node)
}

fn spec(pod: &Pod) -> impl Iterator<Item = &PodSpec> {
    pod.spec.iter()
}

fn volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    spec(pod).flat_map(|spec| spec.volumes.iter().flatten())
}

/// What the variables of the containers of all three lists are read from: whole objects, and single keys.
fn environments(pod: &Pod) -> impl Iterator<Item = (&[EnvFromSource], &[EnvVar])> {
    spec(pod).flat_map(|spec| {
        let lasting = spec.init_containers.iter().flatten().chain(&spec.containers);
        let lasting = lasting.map(|container| (container.env_from.as_deref(), container.env.as_deref()));
        let passing = spec.ephemeral_containers.iter().flatten();
        let passing = passing.map(|container| (container.env_from.as_deref(), container.env.as_deref()));
        lasting.chain(passing).map(|(whole, single)| (whole.unwrap_or_default(), single.unwrap_or_default()))
    })
}

/// The secrets that a pod refers to in a way that a kubelet of ours follows.
pub fn secrets(pod: &Pod) -> impl Iterator<Item = String> {
    let pull = spec(pod).flat_map(|spec| spec.image_pull_secrets.iter().flatten()).map(|secret| secret.name.clone());
    let environment = environments(pod).flat_map(|(whole, single)| {
        let whole = whole.iter().filter_map(|from| from.secret_ref.as_ref()).map(|secret| secret.name.clone());
        let sources = single.iter().filter_map(|variable| variable.value_from.as_ref());
        whole.chain(sources.filter_map(|source| source.secret_key_ref.as_ref()).map(|secret| secret.name.clone()))
    });
    let mounted = volumes(pod).flat_map(|volume| {
        let whole = volume.secret.iter().filter_map(|secret| secret.secret_name.clone());
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        whole.chain(sources.filter_map(|source| source.secret.as_ref()).map(|secret| secret.name.clone()))
    });
    pull.chain(environment).chain(mounted)
}

/// The config maps that a pod refers to.
pub fn config_maps(pod: &Pod) -> impl Iterator<Item = String> {
    let environment = environments(pod).flat_map(|(whole, single)| {
        let whole = whole.iter().filter_map(|from| from.config_map_ref.as_ref()).map(|map| map.name.clone());
        let sources = single.iter().filter_map(|variable| variable.value_from.as_ref());
        whole.chain(sources.filter_map(|source| source.config_map_key_ref.as_ref()).map(|map| map.name.clone()))
    });
    let mounted = volumes(pod).flat_map(|volume| {
        let whole = volume.config_map.iter().map(|map| map.name.clone());
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        whole.chain(sources.filter_map(|source| source.config_map.as_ref()).map(|map| map.name.clone()))
    });
    environment.chain(mounted)
}

/// The claims that a pod's volumes name, or stand for.
pub fn claims(pod: &Pod) -> impl Iterator<Item = String> {
    let owner = pod.metadata.name.as_deref().unwrap_or_default();
    let claim = move |volume: &Volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(claim.claim_name.clone()),
        (None, Some(_)) => Some(format!("{owner}-{}", volume.name)),
        (None, None) => None,
    };
    volumes(pod).filter_map(claim)
}

/// The account that a pod runs as; empty if it has none.
pub fn service_account(pod: &Pod) -> &str {
    spec(pod).find_map(|spec| spec.service_account_name.as_deref()).unwrap_or_default()
}

/// The audiences that a pod wants tokens for; the empty one is the API's own.
pub fn audiences(pod: &Pod) -> impl Iterator<Item = &str> {
    let sources = volumes(pod).flat_map(|volume| &volume.projected).flat_map(|projected| projected.sources.iter().flatten());
    sources.filter_map(|source| source.service_account_token.as_ref()).map(|token| token.audience.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_refers_to_what_its_containers_and_volumes_name() {
        let env = |n: &str| {
            json!([{"name": "V", "valueFrom": {"secretKeyRef": {"name": format!("key-{n}"), "key": "k"}}},
            {"name": "W", "valueFrom": {"configMapKeyRef": {"name": format!("map-{n}"), "key": "k"}}}])
        };
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {
            "serviceAccountName": "a",
            "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"name": "i", "env": env("init")}],
            "containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "whole"}}, {"configMapRef": {"name": "all"}}]}],
            "ephemeralContainers": [{"name": "e", "env": env("debug")}],
            "volumes": [
                {"name": "s", "secret": {"secretName": "volume"}},
                {"name": "m", "configMap": {"name": "mounted"}},
                {"name": "p", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "projected"}},
                    {"serviceAccountToken": {"path": "t", "audience": "vault"}}]}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
                {"name": "scratch", "ephemeral": {}},
            ],
        }}))
        .unwrap();
        let all = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(" ");
        assert_eq!(all(&mut secrets(&pod)), "pull key-init whole key-debug volume projected");
        assert_eq!(all(&mut config_maps(&pod)), "map-init all map-debug mounted projected");
        assert_eq!(all(&mut claims(&pod)), "claim p-scratch");
        assert_eq!((service_account(&pod), audiences(&pod).collect::<Vec<_>>()), ("a", vec!["vault"]));
    }
}
