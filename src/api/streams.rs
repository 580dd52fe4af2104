//! Streams to pods: what a node serves of them, and where to find the node.
//!
//! The API server looks the pod up, picks the container ([`container`]) and asks the pod's node by [`NodeDirectory`]; the node's kubelet
//! implements [`PodStreams`]. A node that is reached over the network is one more implementation.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use parking_lot::RwLock;

use super::status::Status;
use crate::runtime::containers::{AttachOptions, Duplex, ExecOptions, Session};

/// A pod as the API server knew it. A node refuses a pod of the same name with another uid: it is not the one that was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodTarget {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// Which part of a container's log is wanted (`v1.PodLogOptions`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what will be printed, until the container ends.
    pub follow: bool,
    /// Of the container's last run before this one.
    pub previous: bool,
    /// Only lines that are not older.
    pub since: Option<Timestamp>,
    /// Each line begins with its time (RFC 3339, nanoseconds) and a space.
    pub timestamps: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// End after so many bytes, also within a line.
    pub limit_bytes: Option<u64>,
}

/// What a node offers of its pods. An error becomes the answer to the client: `bad_request` for a container that is not running or not
/// there, `not_found` for a pod that the node does not have, `internal` for what the container runtime could not do.
#[async_trait]
pub trait PodStreams: Send + Sync + 'static {
    /// What the container has printed, as text. Dropping the stream ends the reading.
    async fn logs(&self, pod: &PodTarget, container: &str, options: &LogOptions) -> Result<BoxStream<'static, io::Result<Bytes>>, Status>;

    /// Runs a command in a running container.
    async fn exec(&self, pod: &PodTarget, container: &str, options: &ExecOptions) -> Result<Session, Status>;

    /// The streams of a running container's own process.
    async fn attach(&self, pod: &PodTarget, container: &str, options: &AttachOptions) -> Result<Session, Status>;

    /// A new connection to a TCP port on the loopback of the pod. An error is the failure of this one connection.
    async fn port_forward(&self, pod: &PodTarget, port: u16) -> Result<Box<dyn Duplex>, Status>;
}

/// Where each node's pods are served. Clones share one directory.
#[derive(Clone, Default)]
pub struct NodeDirectory(Arc<RwLock<BTreeMap<String, Arc<dyn PodStreams>>>>);

impl NodeDirectory {
    /// Serves a node's pods from here on; what served them before is replaced.
    pub fn register(&self, node: &str, streams: Arc<dyn PodStreams>) {
        self.0.write().insert(node.to_owned(), streams);
    }

    pub fn remove(&self, node: &str) {
        self.0.write().remove(node);
    }

    /// # Errors
    /// Nobody serves that node.
    pub fn find(&self, node: &str) -> Result<Arc<dyn PodStreams>, Status> {
        let found = self.0.read().get(node).cloned();
        found.ok_or_else(|| Status::internal(format!("the node {node:?} cannot be reached: its kubelet is not connected")))
    }
}

/// The node that a pod runs on.
///
/// # Errors
/// The pod has not been bound to one.
pub fn node(pod: &Pod) -> Result<&str, Status> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", name(pod))));
    }
    Ok(node)
}

/// The container that is meant: the one that was asked for, or the only one.
///
/// # Errors
/// There is none of that name, or several and none was named.
pub fn container(pod: &Pod, asked: &str) -> Result<String, Status> {
    let Some(spec) = &pod.spec else { return Err(Status::bad_request("the pod has no spec")) };
    let main: Vec<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    let init: Vec<&str> = spec.init_containers.iter().flatten().map(|container| container.name.as_str()).collect();
    let ephemeral: Vec<&str> = spec.ephemeral_containers.iter().flatten().map(|container| container.name.as_str()).collect();
    match (asked, main.as_slice()) {
        ("", [only]) => Ok((*only).to_owned()),
        ("", _) => {
            let mut choices = format!("choose one of: [{}]", main.join(" "));
            if !init.is_empty() {
                choices += &format!(" or one of the init containers: [{}]", init.join(" "));
            }
            if !ephemeral.is_empty() {
                choices += &format!(" or one of the ephemeral containers: [{}]", ephemeral.join(" "));
            }
            Err(Status::bad_request(format!("a container name must be specified for pod {}, {choices}", name(pod))))
        }
        _ if main.iter().chain(&init).chain(&ephemeral).any(|name| *name == asked) => Ok(asked.to_owned()),
        _ => Err(Status::bad_request(format!("container {asked} is not valid for pod {}", name(pod)))),
    }
}

/// Whether a container of the pod runs, as far as its status says.
///
/// # Errors
/// It does not.
pub fn runs(pod: &Pod, container: &str) -> Result<(), Status> {
    let Some(status) = &pod.status else { return Err(not_found(container)) };
    let lists = [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses];
    let mut statuses = lists.into_iter().flatten().flatten();
    let is_running = |state: &ContainerState| state.running.is_some();
    match statuses.find(|status| status.name == container) {
        Some(status) if status.state.as_ref().is_some_and(is_running) => Ok(()),
        _ => Err(not_found(container)),
    }
}

fn not_found(container: &str) -> Status {
    Status::internal(format!("unable to upgrade connection: container not found ({container:?})"))
}

fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(containers: &[&str], init: &[&str]) -> Pod {
        let named = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": named(containers), "initContainers": named(init)}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn the_only_container_needs_no_name() {
        assert_eq!(container(&pod(&["a"], &["i"]), ""), Ok("a".to_owned()));
        assert_eq!(container(&pod(&["a", "b"], &["i"]), "i"), Ok("i".to_owned()));
    }

    #[test]
    fn a_choice_that_is_missing_names_all_that_can_be_chosen() {
        let message = |pod: &Pod, asked| container(pod, asked).unwrap_err().message;
        assert_eq!(
            message(&pod(&["a", "b"], &["i"]), ""),
            "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"
        );
        assert_eq!(message(&pod(&["a"], &[]), "z"), "container z is not valid for pod p");
    }
}
