use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bollard::query_parameters::CreateContainerOptions;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::net::TcpStream;

use super::labels::{KIND_SANDBOX, Sealed};
use super::reading::Inspected;
use super::{CONCURRENCY, Docker, blueprint, carries, cgroups, from_bollard, images, inspect, pause, remove, stop};
use crate::runtime::containers::{ContainerFilter, ContainerRuntime, Duplex, Error, Labels, Result, SandboxId, SandboxSpec, SandboxStatus};
use crate::runtime::network::NetworkNamespace;

/// What sandboxes are on a Docker engine.
impl Docker {
    pub(super) async fn make_sandbox(&self, spec: &SandboxSpec) -> Result<SandboxId> {
        let created = match self.create_pause(spec).await {
            Err(Error::ImageNotFound(_)) => {
                self.import_pause().await?;
                self.create_pause(spec).await
            }
            created => created,
        };
        let id = created?;
        match self.start_sandbox(&id, spec.namespaces.host_network).await {
            Ok(()) => Ok(id),
            Err(error) => {
                // What failed is what the caller must know; what is left over carries our labels and can be removed later.
                let _ = self.clear_sandbox(&id).await;
                Err(error)
            }
        }
    }

    async fn create_pause(&self, spec: &SandboxSpec) -> Result<SandboxId> {
        let body = blueprint::sandbox(spec, self.home.of_sandbox(spec), &pause::image_name(), &self.ground);
        let options = CreateContainerOptions { name: Some(blueprint::sandbox_name(&self.home, spec)), ..Default::default() };
        let created = self.engine.client.create_container(Some(options), body).await.map_err(from_bollard)?;
        Ok(SandboxId(created.id.into()))
    }

    async fn import_pause(&self) -> Result<()> {
        let root = pause::root().map_err(|error| Error::Failed(format!("the pause image: {error}")))?;
        images::import(&self.engine, &pause::image_name(), root.into()).await
    }

    async fn start_sandbox(&self, id: &SandboxId, host_network: bool) -> Result<()> {
        self.engine.client.start_container(&id.0, None).await.map_err(from_bollard)?;
        if let Some(network) = self.network.as_ref().filter(|_| !host_network) {
            let pid = self.inspect_sandbox(id).await?.pid.ok_or_else(|| Error::Failed("the pause program has ended".to_owned()))?;
            network.attach(&id.0, pid).await.map_err(|error| Error::Failed(error.to_string()))?;
        }
        Ok(())
    }

    pub(super) async fn inspect_sandbox(&self, id: &SandboxId) -> Result<Inspected> {
        match inspect(&self.engine, &id.0).await {
            Err(error) if error.is_not_found() => Err(Error::no_sandbox(id)),
            inspected => inspected,
        }
    }

    /// The address on the network that Kabuki made for it.
    pub(super) fn own_address(&self, id: &SandboxId) -> Option<IpAddr> {
        self.network.as_ref()?.address(&id.0)
    }

    pub(super) async fn end_sandbox(&self, id: &SandboxId) -> Result<()> {
        let running = self.select(&ContainerFilter::in_sandbox(id), false).await?;
        try_join_all(running.iter().map(|container| stop(&self.engine, &container.0, Duration::ZERO))).await?;
        stop(&self.engine, &id.0, Duration::from_secs(1)).await?;
        self.detach(id).await
    }

    async fn detach(&self, id: &SandboxId) -> Result<()> {
        match &self.network {
            Some(network) => network.detach(&id.0).await.map_err(|error| Error::Failed(error.to_string())),
            None => Ok(()),
        }
    }

    pub(super) async fn clear_sandbox(&self, id: &SandboxId) -> Result<()> {
        let parent = match self.inspect_sandbox(id).await {
            Err(error) if error.is_not_found() => None,
            found => found?.cgroup_parent,
        };
        let containers = self.select(&ContainerFilter::in_sandbox(id), true).await?;
        try_join_all(containers.iter().map(|container| self.remove_container(container))).await?;
        remove(&self.engine, &id.0).await?;
        self.detach(id).await?;
        if let Some(parent) = parent {
            cgroups::remove(&parent);
        }
        Ok(())
    }

    pub(super) async fn find_sandboxes(&self, labels: &Labels) -> Result<Vec<SandboxStatus>> {
        let listed = self.list(KIND_SANDBOX, true).await?;
        let matching = listed.into_iter().filter(|summary| {
            let sealed = Sealed::read(summary.labels.as_ref().unwrap_or(&Default::default()));
            carries(&sealed.labels, labels)
        });
        let ids: Vec<_> = matching.filter_map(|summary| Some(SandboxId(summary.id?.into()))).collect();
        let inspected = stream::iter(ids).map(|id| async move {
            let inspected = self.inspect_sandbox(&id).await?;
            Ok(inspected.sandbox(self.own_address(&id)))
        });
        // What has gone since it was listed is not there.
        let present = inspected.buffered(CONCURRENCY).filter(|status: &Result<SandboxStatus>| {
            let gone = status.as_ref().is_err_and(Error::is_not_found);
            std::future::ready(!gone)
        });
        let mut statuses: Vec<_> = present.try_collect().await?;
        statuses.sort_by_key(|status| status.created_at);
        Ok(statuses)
    }

    /// Connects to the sandbox's own loopback, where it may; else to its address.
    pub(super) async fn connect_to(&self, id: &SandboxId, port: u16) -> Result<Box<dyn Duplex>> {
        let inspected = self.inspect_sandbox(id).await?;
        let pid = inspected.pid.ok_or_else(|| Error::Conflict(format!("sandbox {id} is not ready")))?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = if inspected.namespaces.host_network {
            TcpStream::connect(loopback).await
        } else if nix::unistd::geteuid().is_root() {
            connect_inside(pid, loopback).await
        } else {
            let ip = inspected.sandbox(self.own_address(id)).ip.ok_or_else(|| Error::Conflict(format!("sandbox {id} has no address")))?;
            TcpStream::connect((ip, port)).await
        };
        let stream = stream.map_err(|error| Error::Failed(format!("cannot connect to port {port}: {error}")))?;
        Ok(Box::new(stream))
    }
}

async fn connect_inside(pid: u32, address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = NetworkNamespace::of_process(pid)?.run(move || std::net::TcpStream::connect(address)).await?;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}
