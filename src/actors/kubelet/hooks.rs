//! Lifecycle hooks: what is run in or asked of a container after its start and before its end.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};

use super::context::Machine;
use super::http_get::http_get;
use super::probe::http_address;
use crate::runtime::containers::ContainerId;

/// As what comes of hooks is called where findings are kept.
const FINDING: &str = "hook";

/// Runs a hook to its end.
///
/// # Errors
/// It failed, or took longer than `limit`.
pub async fn run(
    machine: &Machine,
    id: &ContainerId,
    container: &Container,
    ip: Option<IpAddr>,
    hook: &LifecycleHandler,
    limit: Duration,
) -> Result<(), String> {
    let result = match machine.findings.known(id, FINDING) {
        Some(true) => Ok(()),
        Some(false) => Err("it failed before".to_owned()),
        None => work(machine, id, container, ip, hook, limit).await,
    };
    machine.findings.found(id, FINDING, result.is_ok());
    result
}

async fn work(
    machine: &Machine,
    id: &ContainerId,
    container: &Container,
    ip: Option<IpAddr>,
    hook: &LifecycleHandler,
    limit: Duration,
) -> Result<(), String> {
    let work = async {
        if let Some(exec) = &hook.exec {
            let command = exec.command.as_deref().unwrap_or_default();
            let output = machine.runtime.exec_sync(id, command, limit).await.map_err(|error| error.to_string())?;
            return match output.exit_code {
                0 => Ok(()),
                code => Err(format!("command '{}' exited with {code}: {}", command.join(" "), String::from_utf8_lossy(&output.stderr))),
            };
        }
        if let Some(action) = &hook.http_get {
            let address = http_address(container, ip, action)?;
            return http_get(&*machine.dial, address, action, "kube-lifecycle/1.35").await.map(|_| ());
        }
        if let Some(sleep) = &hook.sleep {
            tokio::time::sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))).await;
        }
        Ok(())
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(format!("it did not end within {limit:?}")))
}
