//! One probe of a container, and what its results in a row mean.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::Machine;
use super::dial::refused;
use super::http_get::{http_get, url};
use crate::runtime::containers::{ContainerId, Error};

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    /// As it is called where findings are kept.
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }

    pub fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => container.startup_probe.as_ref(),
            Self::Liveness => container.liveness_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
        }
    }
}

/// Results in a row, and the verdict that they have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    last: bool,
    in_a_row: i32,
    verdict: Option<bool>,
}

impl Tally {
    /// Counts a result; gives the new verdict if it changed.
    pub fn count(&mut self, probe: &Probe, passed: bool) -> Option<bool> {
        self.in_a_row = if self.in_a_row > 0 && self.last == passed { self.in_a_row + 1 } else { 1 };
        self.last = passed;
        let threshold = if passed { probe.success_threshold.unwrap_or(1) } else { probe.failure_threshold.unwrap_or(3) };
        let settled = self.in_a_row >= threshold && self.verdict != Some(passed);
        settled.then(|| *self.verdict.insert(passed))
    }
}

pub fn seconds(value: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(default))
}

/// Asks once.
///
/// # Errors
/// Why it failed, as the `Unhealthy` event says it.
pub async fn ask(machine: &Machine, id: &ContainerId, container: &Container, ip: Option<IpAddr>, probe: &Probe) -> Result<(), String> {
    let timeout = seconds(probe.timeout_seconds, 1);
    if let Some(exec) = &probe.exec {
        return match machine.runtime.exec_sync(id, exec.command.as_deref().unwrap_or_default(), timeout).await {
            Ok(output) if output.exit_code == 0 => Ok(()),
            Ok(output) => {
                let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
                Err(String::from_utf8_lossy(said).into_owned())
            }
            Err(Error::Timeout(_)) => Err(format!("command timed out after {timeout:?}")),
            Err(error) => Err(error.to_string()),
        };
    }
    if let Some(action) = &probe.http_get {
        let address = http_address(container, ip, action)?;
        let answer = tokio::time::timeout(timeout, http_get(&*machine.dial, address, action, "kube-probe/1.35")).await;
        let late = |_| Err("context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned());
        return match answer.unwrap_or_else(late) {
            Ok((200..400, _)) => Ok(()),
            Ok((status, _)) => Err(format!("HTTP probe failed with statuscode: {status}")),
            Err(why) => Err(format!("Get {:?}: {why}", url(address, action))),
        };
    }
    if let Some(action) = &probe.tcp_socket {
        let address = address(container, ip, action.host.as_deref(), &action.port)?;
        return match tokio::time::timeout(timeout, machine.dial.connect(address)).await {
            Ok(connection) => connection.map(drop).map_err(|error| refused(address, &error)),
            Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
        };
    }
    if let Some(action) = &probe.grpc {
        let address = address(container, ip, None, &IntOrString::Int(action.port))?;
        let check = super::grpc_health::check(&*machine.dial, address, action.service.as_deref().unwrap_or_default());
        return tokio::time::timeout(timeout, check).await.unwrap_or_else(|_| {
            Err(format!("timeout: failed to connect service \"{address}\" within {timeout:?}: context deadline exceeded"))
        });
    }
    Err("the probe has no handler".to_owned())
}

/// Where an HTTP hook or probe goes.
pub fn http_address(container: &Container, ip: Option<IpAddr>, action: &HTTPGetAction) -> Result<SocketAddr, String> {
    address(container, ip, action.host.as_deref(), &action.port)
}

/// The pod's address, or the one that is named; the port by number or by its name in the container.
fn address(container: &Container, ip: Option<IpAddr>, host: Option<&str>, port: &IntOrString) -> Result<SocketAddr, String> {
    let ip = match host.filter(|host| !host.is_empty()) {
        Some(host) => host.parse().map_err(|_| format!("{host:?} is not an address"))?,
        None => ip.ok_or("the pod has no address")?,
    };
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|port| port.name.as_ref() == Some(name));
            named.map(|port| port.container_port).or_else(|| name.parse().ok())
        }
    };
    let port = number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    Ok(SocketAddr::new(ip, port.ok_or("the probe's port is not one of the container's")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_as_many_results_in_a_row_as_its_threshold() {
        let probe = Probe { failure_threshold: Some(3), success_threshold: Some(2), ..Probe::default() };
        let mut tally = Tally::default();
        let verdicts: Vec<_> = [true, true, false, false, true, false, false, false, false, true, true]
            .into_iter()
            .map(|passed| tally.count(&probe, passed))
            .collect();
        let (pass, fail) = (Some(true), Some(false));
        assert_eq!(verdicts, [None, pass, None, None, None, None, None, fail, None, None, pass]);
    }

    #[test]
    fn a_failure_says_what_was_asked_and_why_there_was_no_answer() {
        use crate::actors::kubelet::Tcp;
        use crate::runtime::containers::simulated::Profile;
        use crate::runtime::entropy::Entropy;

        actix_rt::System::new().block_on(async {
            let (machine, _) = Machine::simulated(Profile::default(), "10.0.0.0/24".parse().unwrap(), Entropy::from_seed(1));
            let machine = Machine { dial: std::sync::Arc::new(Tcp), ..machine };
            // Whoever has a port and does not listen refuses there.
            let socket = std::net::UdpSocket::bind("127.0.0.9:0").unwrap();
            let silent = std::net::TcpListener::bind("127.0.0.9:0").unwrap();
            let ports = [socket.local_addr().unwrap().port(), silent.local_addr().unwrap().port()];
            let asks = [
                (
                    serde_json::json!({"httpGet": {"path": "healthz", "port": ports[0]}}),
                    "Get \"http://127.0.0.9:PORT0/healthz\": dial tcp 127.0.0.9:PORT0: connect: connection refused",
                ),
                (serde_json::json!({"tcpSocket": {"port": ports[0]}}), "dial tcp 127.0.0.9:PORT0: connect: connection refused"),
                (
                    serde_json::json!({"httpGet": {"port": ports[1]}}),
                    "Get \"http://127.0.0.9:PORT1/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                ),
            ];
            for (probe, expected) in asks {
                let probe = serde_json::from_value(probe).unwrap();
                let ip = Some("127.0.0.9".parse().unwrap());
                let said = ask(&machine, &ContainerId("c".into()), &Container::default(), ip, &probe).await.unwrap_err();
                let expected = expected.replace("PORT0", &ports[0].to_string()).replace("PORT1", &ports[1].to_string());
                assert_eq!(said, expected);
            }
        });
    }

    #[test]
    fn a_port_is_found_by_its_name() {
        let container: Container =
            serde_json::from_value(serde_json::json!({"name": "web", "ports": [{"name": "http", "containerPort": 8080}]})).unwrap();
        let ip = Some("10.244.0.2".parse().unwrap());
        let port = |port: IntOrString| address(&container, ip, None, &port).map(|address| address.to_string());
        assert_eq!(port(IntOrString::String("http".into())).unwrap(), "10.244.0.2:8080");
        assert_eq!(port(IntOrString::Int(80)).unwrap(), "10.244.0.2:80");
        assert!(port(IntOrString::String("admin".into())).is_err());
    }
}
