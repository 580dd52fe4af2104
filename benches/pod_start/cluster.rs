//! A started `kabuki up` on Docker, and pods on it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::process::Process;
use crate::{Outcome, image};

const KABUKI: &str = env!("CARGO_BIN_EXE_kabuki");
/// How often is looked whether something has come or gone, outside of what is measured.
const LOOK: Duration = Duration::from_millis(20);

/// Taken down again, with all its containers, when it goes out of scope.
pub struct Cluster {
    // In this order: the process ends before its containers and its directory go.
    process: Process,
    _traces: Traces,
    pods: Api<Pod>,
    node: String,
}

/// What a cluster leaves behind when its process has ended.
struct Traces(TempDir);

impl Drop for Traces {
    fn drop(&mut self) {
        match Command::new(KABUKI).args(["down", "--purge", "--data-dir"]).arg(self.0.path()).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => eprintln!("down: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => eprintln!("down: {error}"),
        }
    }
}

/// A pod that is ready.
pub struct Started {
    /// From before its POST until the watch said Ready.
    pub after: Duration,
    /// Processor time of the cluster's process meanwhile.
    pub cpu: Duration,
    /// The engine's id of its one container.
    pub container: String,
}

impl Cluster {
    /// Starts it and waits until pods can be made.
    pub async fn up() -> Outcome<Self> {
        let traces = Traces(tempfile::tempdir()?);
        let directory = traces.0.path();
        let mut command = Command::new(KABUKI);
        command.args(["up", "--runtime=docker", "--listen=127.0.0.1:0", "--pod-cidr=10.231.0.0/16", "--service-cidr=10.131.0.0/16"]);
        let (process, printed) = Process::start_and_listen(command.arg("--data-dir").arg(directory))?;
        let mut lines = BufReader::new(printed).lines();
        lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("export KUBECONFIG=")).ok_or("kabuki up did not come up")?;
        // Whoever prints into a pipe that nobody reads would wait for ever.
        std::thread::spawn(move || lines.for_each(drop));
        let client = client(&directory.join("kubeconfig")).await?;
        let nodes = Api::<Node>::all(client.clone());
        let node = loop {
            match nodes.list(&ListParams::default()).await?.items.pop().filter(is_ready) {
                Some(node) => break node.metadata.name.unwrap_or_default(),
                None => sleep(LOOK).await,
            }
        };
        Ok(Self { process, _traces: traces, pods: Api::default_namespaced(client), node })
    }

    /// Makes a pod that is bound already, and waits until it is ready.
    pub async fn start(&self, name: &str) -> Outcome<Started> {
        let pod: Pod = serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "nodeName": self.node,
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "app", "image": image::NAME, "command": ["/bin/busybox", "sleep", "3600"]}],
            },
        }))?;
        let mut watch = Box::pin(self.watch(name).await?);
        let (before, begun) = (self.process.cpu(), Instant::now());
        self.pods.create(&PostParams::default(), &pod).await?;
        while let Some(event) = watch.try_next().await? {
            if let WatchEvent::Modified(pod) | WatchEvent::Added(pod) = event
                && has_condition(pod.status.iter().flat_map(|status| status.conditions.iter().flatten()).map(|c| (&*c.type_, &*c.status)))
            {
                let after = begun.elapsed();
                let status = pod.status.and_then(|status| status.container_statuses?.pop());
                let container = status.and_then(|status| Some(status.container_id?.strip_prefix("docker://")?.to_owned()));
                return Ok(Started {
                    after,
                    cpu: self.process.cpu() - before,
                    container: container.ok_or("a ready pod without a container")?,
                });
            }
        }
        Err("a watch that ended".into())
    }

    async fn watch(&self, name: &str) -> kube::Result<impl futures::Stream<Item = kube::Result<WatchEvent<Pod>>> + use<>> {
        self.pods.watch(&WatchParams::default().fields(&format!("metadata.name={name}")), "0").await
    }

    /// Deletes a pod and waits until nothing is left of it.
    pub async fn delete(&self, name: &str) -> Outcome<()> {
        self.pods.delete(name, &DeleteParams::default()).await?;
        while self.pods.get_opt(name).await?.is_some() {
            sleep(LOOK).await;
        }
        Ok(())
    }
}

async fn client(kubeconfig: &Path) -> Outcome<Client> {
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn is_ready(node: &Node) -> bool {
    has_condition(node.status.iter().flat_map(|status| status.conditions.iter().flatten()).map(|c| (&*c.type_, &*c.status)))
}

fn has_condition<'a>(mut conditions: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    conditions.any(|condition| condition == ("Ready", "True"))
}
