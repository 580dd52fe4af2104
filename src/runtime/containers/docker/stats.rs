use bollard::query_parameters::StatsOptions;
use futures::stream::StreamExt;

use super::engine::Engine;
use super::errors::from_bollard;
use crate::runtime::clock;
use crate::runtime::containers::{ContainerStats, ContainerStatus, Error, Result};

/// What a container uses now.
pub(super) async fn stats(engine: &Engine, container: ContainerStatus) -> Result<ContainerStats> {
    let options = StatsOptions { stream: false, one_shot: true };
    let mut answers = engine.client.stats(&container.id.0, Some(options));
    let answer = answers.next().await.ok_or_else(|| Error::no_container(&container.id))?.map_err(from_bollard)?;
    let memory = answer.memory_stats.unwrap_or_default();
    let usage = memory.usage.unwrap_or(0);
    // Version 1 of control groups says `total_`.
    let pages = memory.stats.unwrap_or_default();
    let inactive = pages.get("total_inactive_file").or_else(|| pages.get("inactive_file")).copied().unwrap_or(0);
    let cpu = answer.cpu_stats.and_then(|cpu| cpu.cpu_usage).and_then(|cpu| cpu.total_usage);
    Ok(ContainerStats {
        id: container.id,
        sandbox: container.sandbox,
        name: container.name,
        labels: container.labels,
        at: clock::now(),
        cpu_nanos: cpu.unwrap_or(0),
        memory_bytes: usage,
        working_set_bytes: usage.saturating_sub(inactive),
    })
}
