//! What users do: as by kubectl, over the network, and without insisting.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, ReplicationController, Service};
use serde_json::{Value, json};

use super::{Deed, Dependents, Which};
use crate::api::client::{DeleteOptions, ListOptions, Patch, Propagation, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;
use crate::api::yaml;
use crate::simulation::cluster::Cluster;

/// How often a user looks whether something has happened.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl From<Dependents> for Propagation {
    fn from(dependents: Dependents) -> Self {
        match dependents {
            Dependents::Background => Self::Background,
            Dependents::Foreground => Self::Foreground,
            Dependents::Orphan => Self::Orphan,
        }
    }
}

/// The pods that a cluster is founded with: replication controllers, each behind a service of its name.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub pods: u32,
    pub groups: u32,
}

impl Load {
    /// So many pods, in groups of at most a hundred, and at least two groups.
    pub fn of(pods: u32) -> Self {
        Self { pods, groups: pods.div_ceil(100).max(2).min(pods) }
    }

    /// Of the group of that number, counted modulo how many there are.
    fn name(self, pick: u32) -> String {
        format!("load-{}", pick % self.groups.max(1))
    }

    /// How many pods a group has at first.
    fn replicas(self, group: u32) -> u32 {
        self.pods / self.groups + u32::from(group < self.pods % self.groups)
    }

    /// The objects of a group.
    fn objects(self, group: u32) -> [Value; 2] {
        let (name, replicas) = (self.name(group), self.replicas(group % self.groups.max(1)));
        let probe = json!({"httpGet": {"port": 80}, "periodSeconds": 10});
        let container = json!({
            "name": "main",
            "image": "load",
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            "readinessProbe": probe,
            "livenessProbe": probe,
        });
        // As is advised where services are many: every container would get seven variables for each.
        let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 5, "enableServiceLinks": false});
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": spec});
        let metadata = json!({"name": name, "namespace": "default"});
        let controller = json!({"replicas": replicas, "selector": {"app": name}, "template": template});
        [
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}),
            json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": metadata, "spec": controller}),
        ]
    }

    /// All objects of the load.
    pub fn manifests(self) -> Vec<Value> {
        (0..self.groups).flat_map(|group| self.objects(group)).collect()
    }
}

fn kind_of(api_version: &str, kind: &str) -> Result<&'static KindRef, Status> {
    let found = Registry::built_in().kind(api_version, kind);
    found.ok_or_else(|| Status::bad_request(format!("there is no kind {kind} in {api_version}")))
}

impl Cluster {
    /// Applies every object of a text in YAML or JSON, in order.
    ///
    /// # Errors
    /// It is no YAML, or as [`Cluster::apply`].
    pub async fn apply_text(&self, text: &str) -> Result<(), Status> {
        for object in yaml::documents(text).map_err(|error| Status::bad_request(error.to_string()))? {
            self.apply(&object).await?;
        }
        Ok(())
    }

    /// Creates what is not there, and changes what is, as `kubectl apply` by a merge patch.
    ///
    /// # Errors
    /// There is no such kind, or the API refuses it.
    pub async fn apply(&self, object: &Value) -> Result<(), Status> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = kind_of(text("/apiVersion"), text("/kind"))?;
        let namespace = match (kind.is_namespaced(), text("/metadata/namespace")) {
            (false, _) => "",
            (true, "") => "default",
            (true, namespace) => namespace,
        };
        match self.client.create(kind, namespace, object.clone(), &WriteOptions::default()).await {
            Err(status) if status.code == 409 => {
                let patch = Patch::Merge(object.clone());
                self.client.patch(kind, namespace, text("/metadata/name"), "", patch, &WriteOptions::default()).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// Does what a user does once. What the API refuses or does not answer is left at that: it is written down in the journal.
    ///
    /// # Errors
    /// What the API says.
    pub async fn act(&self, deed: &Deed) -> Result<(), Status> {
        let (typed, load) = (&self.client, self.load);
        match deed {
            Deed::Apply { objects } => {
                for object in objects {
                    self.apply(object).await?;
                }
            }
            Deed::Delete { api_version, kind, namespace, name } => {
                let kind = kind_of(api_version, kind)?;
                typed.delete(kind, namespace, name, &DeleteOptions::default()).await?;
            }
            Deed::Scale { pick, replicas } => {
                let name = match pick {
                    Which::Number(number) => load.name(*number),
                    Which::Name(name) => name.clone(),
                };
                let (namespace, name) = name.split_once('/').unwrap_or(("default", &name));
                let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
                typed.typed::<ReplicationController>().patch(namespace, name, "", patch).await?;
            }
            Deed::DeletePod { pick } => {
                let pods = typed.typed::<Pod>().list("default", &ListOptions::default()).await?;
                if let Some(name) = pods.get(*pick as usize % pods.len().max(1)).and_then(|pod| pod.metadata.name.as_ref()) {
                    typed.typed::<Pod>().delete("default", name, &DeleteOptions::default()).await?;
                }
            }
            Deed::RecreateService { pick } => {
                typed.typed::<Service>().delete("default", &load.name(*pick), &DeleteOptions::default()).await?;
                self.apply(&load.objects(*pick)[0]).await?;
            }
            Deed::RecreateController { pick, dependents } => {
                let options = DeleteOptions { propagation: Some((*dependents).into()), ..DeleteOptions::default() };
                let (controllers, name) = (typed.typed::<ReplicationController>(), load.name(*pick));
                controllers.delete("default", &name, &options).await?;
                while controllers.get("default", &name).await.is_ok() {
                    self.pass(LOOK_AGAIN).await;
                }
                self.apply(&load.objects(*pick)[1]).await?;
            }
            Deed::Drain { node } => self.drain(node).await?,
            Deed::Uncordon { node } => self.cordon(node, false).await?,
            Deed::Herd { pods } => {
                for number in 0..*pods {
                    let container = json!({"name": "main", "image": "herd", "resources": {"requests": {"cpu": "1m"}}});
                    let metadata = json!({"generateName": format!("herd-{number}-"), "namespace": "default"});
                    let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 1});
                    self.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn cordon(&self, node: &Which, unschedulable: bool) -> Result<(), Status> {
        let name = &self.machines[self.node(node)].name;
        let patch = Patch::Merge(json!({"spec": {"unschedulable": unschedulable}}));
        self.client.typed::<Node>().patch("", name, "", patch).await.map(drop)
    }

    async fn drain(&self, node: &Which) -> Result<(), Status> {
        self.cordon(node, true).await?;
        let name = &self.machines[self.node(node)].name;
        let options = ListOptions { field_selector: format!("spec.nodeName={name}"), ..ListOptions::default() };
        let kind = Registry::built_in().of::<Pod>();
        for pod in self.client.typed::<Pod>().list("", &options).await?.into_iter().filter(|pod| !belongs_to_node(pod)) {
            let (Some(namespace), Some(name)) = (pod.metadata.namespace, pod.metadata.name) else { continue };
            let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}});
            self.client.create_subresource(kind, &namespace, &name, "eviction", eviction, &WriteOptions::default()).await?;
        }
        Ok(())
    }
}

/// What a drain leaves where it is: pods of daemon sets, and those that the node runs by itself.
fn belongs_to_node(pod: &Pod) -> bool {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let is_mirror = pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key("kubernetes.io/config.mirror"));
    is_mirror || owners.any(|owner| owner.controller == Some(true) && owner.kind == "DaemonSet")
}
