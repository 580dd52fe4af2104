//! What pods use and an export does not have: `kubectl get all` lists neither settings nor storage, and pods wait for both.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::text;

/// Sources of volumes that a simulated node can make by itself.
const MADE: [&str; 6] = ["emptyDir", "hostPath", "configMap", "secret", "projected", "downwardAPI"];
/// Where a container names settings: the list, the reference in each of its items, and the kind.
const IN_CONTAINERS: [(&str, &str, &str); 4] = [
    ("/env", "/valueFrom/configMapKeyRef", "ConfigMap"),
    ("/env", "/valueFrom/secretKeyRef", "Secret"),
    ("/envFrom", "/configMapRef", "ConfigMap"),
    ("/envFrom", "/secretRef", "Secret"),
];
/// Where a volume or a source of a projected one does: the reference, the field of the name, and the kind.
const IN_VOLUMES: [(&str, &str, &str); 3] =
    [("/configMap", "/name", "ConfigMap"), ("/secret", "/secretName", "Secret"), ("/secret", "/name", "Secret")];

/// Lets pods do without what an export does not have.
pub struct Without<'a> {
    /// Whether it has the object of that kind, namespace and name.
    pub has: &'a dyn Fn(&str, &str, &str) -> bool,
    /// Settings that are named and not there: kind, and namespace with name.
    pub settings: BTreeSet<(&'static str, String)>,
    /// How many volumes are of storage, which no simulated node has.
    pub storage: u32,
}

impl<'a> Without<'a> {
    pub fn new(has: &'a dyn Fn(&str, &str, &str) -> bool) -> Self {
        Self { has, settings: BTreeSet::new(), storage: 0 }
    }

    /// Makes settings that are not there optional, and storage an empty directory.
    pub fn settle(&mut self, namespace: &str, spec: &mut Value) {
        for list in ["/containers", "/initContainers"] {
            for container in items(spec, list) {
                for (list, reference, kind) in IN_CONTAINERS {
                    items(container, list).for_each(|item| self.reference(namespace, item, (reference, "/name", kind)));
                }
            }
        }
        for volume in items(spec, "/volumes") {
            IN_VOLUMES.into_iter().for_each(|place| self.reference(namespace, volume, place));
            for source in items(volume, "/projected/sources") {
                IN_VOLUMES.into_iter().for_each(|place| self.reference(namespace, source, place));
            }
            let has_source = |fields: &serde_json::Map<String, Value>| fields.keys().all(|key| key == "name" || MADE.contains(&&**key));
            if !volume.as_object().is_some_and(has_source) {
                *volume = json!({"name": volume["name"], "emptyDir": {}});
                self.storage += 1;
            }
        }
    }

    fn reference(&mut self, namespace: &str, within: &mut Value, (pointer, field, kind): (&str, &str, &'static str)) {
        let Some(reference) = within.pointer_mut(pointer) else { return };
        let name = text(reference, field).to_owned();
        if !name.is_empty() && !(self.has)(kind, namespace, &name) {
            reference["optional"] = true.into();
            self.settings.insert((kind, format!("{namespace}/{name}")));
        }
    }

    /// What people should know of it.
    pub fn remarks(self) -> Vec<String> {
        let settings = self.settings.into_iter().map(|(kind, name)| format!("{kind} {name} is not in the export: pods do without it"));
        let storage = (self.storage > 0).then(|| format!("{} volumes of storage are empty directories, tied to no node", self.storage));
        settings.chain(storage).collect()
    }
}

fn items<'a>(value: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}
