//! What a node serves of its pods: logs, exec, attach and port-forward, straight from the container runtime.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::spec::{CONTAINER_NAME, NODE, POD_UID};
use crate::api::status::Status;
use crate::api::streams::{LogOptions, PodStreams, PodTarget};
use crate::runtime::containers::{
    self, AttachOptions, ContainerFilter, ContainerRuntime, ContainerState, ContainerStatus, Duplex, ExecOptions, Labels, LogLine,
    SandboxState, Session,
};

/// Finds containers by their labels, so it knows those of an earlier kubelet as well.
pub struct Streams {
    node: String,
    runtime: Arc<dyn ContainerRuntime>,
}

impl Streams {
    pub fn new(node: String, runtime: Arc<dyn ContainerRuntime>) -> Self {
        Self { node, runtime }
    }

    fn labels(&self, pod: &PodTarget) -> Labels {
        [(POD_UID.to_owned(), pod.uid.clone()), (NODE.to_owned(), self.node.clone())].into()
    }

    /// The containers of that name, the newest first.
    async fn runs(&self, pod: &PodTarget, container: &str) -> Result<Vec<ContainerStatus>, Status> {
        let mut labels = self.labels(pod);
        labels.insert(CONTAINER_NAME.to_owned(), container.to_owned());
        let mut runs = self.runtime.list_containers(&ContainerFilter { sandbox: None, labels }).await.map_err(status)?;
        runs.sort_by_key(|run| std::cmp::Reverse(run.attempt));
        Ok(runs)
    }

    async fn running(&self, pod: &PodTarget, container: &str) -> Result<ContainerStatus, Status> {
        let newest = self.runs(pod, container).await?.into_iter().next();
        let running = newest.filter(|run| matches!(run.state, ContainerState::Running { .. }));
        running.ok_or_else(|| Status::bad_request(format!("container {container} is not running in pod {}", pod.name)))
    }
}

fn status(error: containers::Error) -> Status {
    match error {
        containers::Error::Conflict(message) | containers::Error::StartFailed(message) => Status::bad_request(message),
        error => Status::internal(error),
    }
}

#[async_trait]
impl PodStreams for Streams {
    async fn logs(&self, pod: &PodTarget, container: &str, options: &LogOptions) -> Result<BoxStream<'static, io::Result<Bytes>>, Status> {
        let runs = self.runs(pod, container).await?;
        let name = &pod.name;
        let run = if options.previous {
            let missing = || Status::bad_request(format!("previous terminated container {container:?} in pod {name:?} not found"));
            runs.get(1).ok_or_else(missing)?
        } else {
            let waiting = || Status::bad_request(format!("container {container:?} in pod {name:?} is waiting to start: ContainerCreating"));
            runs.first().ok_or_else(waiting)?
        };
        let wanted = containers::LogOptions { follow: options.follow, tail: options.tail_lines, since: options.since };
        let lines = self.runtime.logs(&run.id, &wanted).await.map_err(status)?;
        let timestamps = options.timestamps;
        let text = lines.map(move |line| line.map(|line| print(line, timestamps)).map_err(io::Error::other));
        Ok(match options.limit_bytes {
            None => text.boxed(),
            Some(limit) => limited(text.boxed(), limit).boxed(),
        })
    }

    async fn exec(&self, pod: &PodTarget, container: &str, options: &ExecOptions) -> Result<Session, Status> {
        let running = self.running(pod, container).await?;
        self.runtime.exec(&running.id, options).await.map_err(status)
    }

    async fn attach(&self, pod: &PodTarget, container: &str, options: &AttachOptions) -> Result<Session, Status> {
        let running = self.running(pod, container).await?;
        self.runtime.attach(&running.id, options).await.map_err(status)
    }

    async fn port_forward(&self, pod: &PodTarget, port: u16) -> Result<Box<dyn Duplex>, Status> {
        let sandboxes = self.runtime.list_sandboxes(&self.labels(pod)).await.map_err(status)?;
        let newest = sandboxes.into_iter().filter(|sandbox| sandbox.state == SandboxState::Ready).max_by_key(|sandbox| sandbox.attempt);
        let sandbox = newest.ok_or_else(|| Status::bad_request(format!("pod {} is not running", pod.name)))?;
        self.runtime.port_forward(&sandbox.id, port).await.map_err(status)
    }
}

/// A line as clients see it.
fn print(line: LogLine, timestamps: bool) -> Bytes {
    if !timestamps {
        return line.bytes;
    }
    // Nine digits always, as upstream prints them.
    let mut text = format!("{:.9} ", line.at).into_bytes();
    text.extend_from_slice(&line.bytes);
    text.into()
}

/// Ends after so many bytes.
fn limited(text: BoxStream<'static, io::Result<Bytes>>, limit: u64) -> impl futures::Stream<Item = io::Result<Bytes>> {
    stream::unfold((text, limit), |(mut text, left)| async move {
        if left == 0 {
            return None;
        }
        let item = text.next().await?;
        let item = item.map(|bytes| bytes.slice(..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))));
        let used = item.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Some((item, (text, left - used)))
    })
}
