use std::collections::HashMap;

use crate::runtime::containers::{ContainerSpec, Labels, Namespaces, PidNamespace, SandboxId, SandboxSpec};

/// By these labels Kabuki knows what it made, also after a restart. Whatever lacks them is somebody else's.
pub(super) const CLUSTER: &str = "dev.kabuki.cluster";
pub(super) const NODE: &str = "dev.kabuki.node";
pub(super) const KIND: &str = "dev.kabuki.kind";
pub(super) const SANDBOX: &str = "dev.kabuki.sandbox";
pub(super) const OWNER: &str = "dev.kabuki.uid";
const NAME: &str = "dev.kabuki.name";
const NAMESPACE: &str = "dev.kabuki.namespace";
const ATTEMPT: &str = "dev.kabuki.attempt";
const PID_NAMESPACE: &str = "dev.kabuki.pid-namespace";
const CONTAINER: &str = "dev.kabuki.container";
const IMAGE: &str = "dev.kabuki.image";
const LABELS: &str = "dev.kabuki.labels";
const ANNOTATIONS: &str = "dev.kabuki.annotations";

/// The values of [`KIND`].
pub(super) const KIND_SANDBOX: &str = "sandbox";
pub(super) const KIND_CONTAINER: &str = "container";

/// Whose a container of the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub cluster: String,
    pub node: String,
}

impl Home {
    fn labels(&self, kind: &str) -> HashMap<String, String> {
        let pairs = [(CLUSTER, self.cluster.as_str()), (NODE, &self.node), (KIND, kind)];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// The engine's filter for all that is at home here, of this kind if one is given.
    pub fn filter(&self, kind: Option<&str>) -> Vec<String> {
        let kind = kind.map(|kind| (KIND, kind));
        let pairs = [(CLUSTER, self.cluster.as_str()), (NODE, &self.node)].into_iter().chain(kind);
        pairs.map(|(key, value)| format!("{key}={value}")).collect()
    }

    pub fn of_sandbox(&self, spec: &SandboxSpec) -> HashMap<String, String> {
        let pid = match spec.namespaces.pid {
            PidNamespace::Container => "container",
            PidNamespace::Sandbox => "sandbox",
            PidNamespace::Host => "host",
        };
        let mut labels = self.labels(KIND_SANDBOX);
        labels.extend(owner(&spec.uid, &spec.name, &spec.namespace));
        labels.extend([(ATTEMPT, spec.attempt.to_string()), (PID_NAMESPACE, pid.to_owned())].map(own));
        labels.extend(encoded(&spec.labels, &spec.annotations));
        labels
    }

    pub fn of_container(&self, sandbox: &SandboxId, of_sandbox: &Sealed, spec: &ContainerSpec) -> HashMap<String, String> {
        let mut labels = self.labels(KIND_CONTAINER);
        labels.extend(owner(&of_sandbox.owner, &of_sandbox.name, &of_sandbox.namespace));
        let own_labels = [
            (ATTEMPT, spec.attempt.to_string()),
            (SANDBOX, sandbox.to_string()),
            (CONTAINER, spec.name.clone()),
            (IMAGE, spec.image.clone()),
        ];
        labels.extend(own_labels.map(own));
        labels.extend(encoded(&spec.labels, &spec.annotations));
        labels
    }
}

fn own((key, value): (&str, String)) -> (String, String) {
    (key.to_owned(), value)
}

fn owner(uid: &str, name: &str, namespace: &str) -> [(String, String); 3] {
    [(OWNER, uid), (NAME, name), (NAMESPACE, namespace)].map(|(key, value)| own((key, value.to_owned())))
}

/// As JSON: the engine's own labels stay few, and those of others cannot be taken for ours.
fn encoded(labels: &Labels, annotations: &Labels) -> [(String, String); 2] {
    [(LABELS, labels), (ANNOTATIONS, annotations)].map(|(key, map)| own((key, serde_json::json!(map).to_string())))
}

/// What the labels of a container of the engine say, sandbox or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sealed {
    pub owner: String,
    /// The sandbox's.
    pub name: String,
    pub namespace: String,
    pub attempt: u32,
    pub pid: PidNamespace,
    pub sandbox: String,
    /// The container's name; empty for a sandbox.
    pub container: String,
    pub image: String,
    pub labels: Labels,
    pub annotations: Labels,
}

impl Sealed {
    /// Reads what was sealed; a label that is missing or cannot be read counts as empty.
    pub fn read(labels: &HashMap<String, String>) -> Self {
        let text = |key: &str| labels.get(key).cloned().unwrap_or_default();
        let map = |key: &str| labels.get(key).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        Self {
            owner: text(OWNER),
            name: text(NAME),
            namespace: text(NAMESPACE),
            attempt: text(ATTEMPT).parse().unwrap_or(0),
            pid: match labels.get(PID_NAMESPACE).map(String::as_str) {
                Some("sandbox") => PidNamespace::Sandbox,
                Some("host") => PidNamespace::Host,
                _ => PidNamespace::Container,
            },
            sandbox: text(SANDBOX),
            container: text(CONTAINER),
            image: text(IMAGE),
            labels: map(LABELS),
            annotations: map(ANNOTATIONS),
        }
    }

    pub fn namespaces(&self, network_mode: &str, ipc_mode: &str) -> Namespaces {
        Namespaces { host_network: network_mode == "host", host_ipc: ipc_mode == "host", pid: self.pid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_read_back() {
        let home = Home { cluster: "c".to_owned(), node: "n".to_owned() };
        let labels = Labels::from([("a/b".to_owned(), "ü\"\n".to_owned())]);
        let sandbox = SandboxSpec {
            name: "web".to_owned(),
            namespace: "default".to_owned(),
            uid: "u".to_owned(),
            attempt: 3,
            namespaces: Namespaces { pid: PidNamespace::Sandbox, ..Default::default() },
            labels: labels.clone(),
            ..Default::default()
        };
        let sealed = Sealed::read(&home.of_sandbox(&sandbox));
        assert_eq!((&*sealed.owner, &*sealed.name, &*sealed.namespace, sealed.attempt), ("u", "web", "default", 3));
        assert_eq!((sealed.labels.clone(), sealed.pid), (labels.clone(), PidNamespace::Sandbox));

        let spec = ContainerSpec { name: "main".to_owned(), image: "i:1".to_owned(), annotations: labels.clone(), ..Default::default() };
        let made = home.of_container(&SandboxId("s".into()), &sealed, &spec);
        let read = Sealed::read(&made);
        assert_eq!((&*read.owner, &*read.container, &*read.image, &*read.sandbox), ("u", "main", "i:1", "s"));
        assert_eq!((read.attempt, read.annotations), (0, labels));
        assert!(home.filter(Some(KIND_CONTAINER)).iter().all(|pair| made.iter().any(|(key, value)| *pair == format!("{key}={value}"))));
    }
}
