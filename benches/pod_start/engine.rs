//! What the engine takes to make and start a pod's two containers, asked straight over its socket.

use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerConfig, ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions};
use tokio::time::Instant;

use crate::Outcome;

/// An engine, and what it is to make: all that Kabuki asks of it for a pod, but for the labels, by which Kabuki would know them.
pub struct Engine {
    client: Docker,
    pause: ContainerCreateBody,
    app: ContainerCreateBody,
}

/// How long each step took.
pub struct Started {
    pub steps: [Duration; Self::STEPS.len()],
}

impl Started {
    pub const STEPS: [&'static str; 4] = ["create pause", "start pause", "create app", "start app"];

    pub fn sum(&self) -> Duration {
        self.steps.iter().sum()
    }
}

impl Engine {
    /// Learns what to make from a container that Kabuki has made, and from the pause that this has joined.
    pub async fn like(container: &str) -> Outcome<Self> {
        let client = Docker::connect_with_unix_defaults()?;
        let app = body(&client, container).await?;
        let joined = app.host_config.as_ref().and_then(|host| host.network_mode.as_deref()?.strip_prefix("container:"));
        let pause = body(&client, joined.ok_or("a container that has joined no other")?).await?;
        Ok(Self { client, pause, app })
    }

    /// Makes both, one after the other, and removes them again; the removal is not counted.
    pub async fn start(&self, number: usize) -> Outcome<Started> {
        let mut at = Instant::now();
        let mut lap = || {
            let last = std::mem::replace(&mut at, Instant::now());
            at - last
        };
        let pause = self.create(self.pause.clone(), &format!("kabuki-bench-pause-{number}")).await?;
        let pause_created = lap();
        self.client.start_container(&pause, None).await?;
        let pause_started = lap();
        let mut body = self.app.clone();
        let joined = Some(format!("container:{pause}"));
        body.host_config = body.host_config.map(|host| HostConfig { network_mode: joined.clone(), ipc_mode: joined, ..host });
        let app = self.create(body, &format!("kabuki-bench-app-{number}")).await?;
        let app_created = lap();
        self.client.start_container(&app, None).await?;
        let app_started = lap();
        for id in [app, pause] {
            let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
            self.client.remove_container(&id, Some(options)).await?;
        }
        Ok(Started { steps: [pause_created, pause_started, app_created, app_started] })
    }

    async fn create(&self, body: ContainerCreateBody, name: &str) -> Outcome<String> {
        let name = Some(format!("{name}-{}", std::process::id()));
        let options = CreateContainerOptions { name, ..Default::default() };
        Ok(self.client.create_container(Some(options), body).await?.id)
    }
}

/// What would make a container anew.
async fn body(client: &Docker, id: &str) -> Outcome<ContainerCreateBody> {
    let found = client.inspect_container(id, None::<InspectContainerOptions>).await?;
    let config = found.config.ok_or("a container without a configuration")?;
    let host = found.host_config.ok_or("a container without a host configuration")?;
    let has_joined = host.network_mode.as_deref().is_some_and(|mode| mode.starts_with("container:"));
    // Who joins another's network has its names too.
    let hostname = config.hostname.clone().filter(|_| !has_joined);
    let config = ContainerConfig { hostname, domainname: None, labels: None, ..config };
    // Both types are the same configuration; one more has the host's part.
    let body: ContainerCreateBody = serde_json::from_value(serde_json::to_value(config)?)?;
    Ok(ContainerCreateBody { host_config: Some(host), ..body })
}
