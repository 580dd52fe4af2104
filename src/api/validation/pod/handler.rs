//! What is run or asked in a container: probes and life cycle hooks.

use k8s_openapi::api::core::v1::{ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::validation::format::{port_name, port_number};
use crate::api::validation::numbers::{not_negative, positive};
use crate::api::validation::words::{required, required_one_of};
use crate::api::validation::{ErrorList, Path};

/// The ways to ask, of which a handler takes one.
#[derive(Default)]
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HTTPGetAction>,
    tcp_socket: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<&'a SleepAction>,
}

impl<'a> From<&'a Probe> for Handler<'a> {
    fn from(probe: &'a Probe) -> Self {
        Self {
            exec: probe.exec.as_ref(),
            http_get: probe.http_get.as_ref(),
            tcp_socket: probe.tcp_socket.as_ref(),
            grpc: probe.grpc.as_ref(),
            sleep: None,
        }
    }
}

impl<'a> From<&'a LifecycleHandler> for Handler<'a> {
    fn from(handler: &'a LifecycleHandler) -> Self {
        Self {
            exec: handler.exec.as_ref(),
            http_get: handler.http_get.as_ref(),
            tcp_socket: handler.tcp_socket.as_ref(),
            grpc: None,
            sleep: handler.sleep.as_ref(),
        }
    }
}

impl Handler<'_> {
    /// Judges the first way; all others are one too many.
    fn judge(&self, grace: Option<i64>, path: &Path, errors: &mut ErrorList) {
        let mut seen = false;
        let mut is_first = |name: &str, errors: &mut ErrorList| {
            if seen {
                errors.forbidden(&path.child(name), "may not specify more than 1 handler type");
            }
            !std::mem::replace(&mut seen, true)
        };
        if let Some(exec) = self.exec
            && is_first("exec", errors)
            && exec.command.as_deref().unwrap_or_default().is_empty()
        {
            errors.required(&path.child("exec").child("command"), "");
        }
        if let Some(get) = self.http_get
            && is_first("httpGet", errors)
        {
            http_get(get, &path.child("httpGet"), errors);
        }
        if let Some(socket) = self.tcp_socket
            && is_first("tcpSocket", errors)
        {
            port(&socket.port, &path.child("tcpSocket").child("port"), errors);
        }
        if let Some(grpc) = self.grpc
            && is_first("grpc", errors)
        {
            port(&IntOrString::Int(grpc.port), &path.child("grpc").child("port"), errors);
        }
        if let Some(sleep) = self.sleep
            && is_first("sleep", errors)
        {
            let grace = grace.unwrap_or_default();
            if !(0..=grace).contains(&sleep.seconds) {
                let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                errors.invalid(&path.child("sleep"), sleep.seconds, &why);
            }
        }
        if !seen {
            errors.required(path, "must specify a handler type");
        }
    }
}

fn http_get(get: &HTTPGetAction, path: &Path, errors: &mut ErrorList) {
    required(get.path.as_deref().unwrap_or_default(), &path.child("path"), errors);
    port(&get.port, &path.child("port"), errors);
    required_one_of(get.scheme.as_deref(), &["HTTP", "HTTPS"], &path.child("scheme"), errors);
    for header in get.http_headers.iter().flatten() {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if header.name.is_empty() || !header.name.bytes().all(is_allowed) {
            let why = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is \
                       '[-A-Za-z0-9]+')";
            errors.invalid(&path.child("httpHeaders"), &header.name, why);
        }
    }
}

/// A port by its number or its name.
pub fn port(port: &IntOrString, path: &Path, errors: &mut ErrorList) {
    match port {
        IntOrString::Int(number) => port_number(*number).into_iter().for_each(|why| errors.invalid(path, *number, why)),
        IntOrString::String(name) => errors.invalid_each(path, name, port_name(name)),
    }
}

pub fn lifecycle(lifecycle: Option<&Lifecycle>, grace: Option<i64>, path: &Path, errors: &mut ErrorList) {
    let Some(lifecycle) = lifecycle else { return };
    for (name, handler) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(handler) = handler {
            Handler::from(handler).judge(grace, &path.child(name), errors);
        }
    }
}

fn probe(probe: &Probe, grace: Option<i64>, path: &Path, errors: &mut ErrorList) {
    Handler::from(probe).judge(grace, path, errors);
    for (name, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        not_negative(value, &path.child(name), errors);
    }
    positive(probe.termination_grace_period_seconds, &path.child("terminationGracePeriodSeconds"), errors);
}

/// A liveness or startup probe: one success is success.
pub fn restarting_probe(asked: Option<&Probe>, grace: Option<i64>, path: &Path, errors: &mut ErrorList) {
    let Some(asked) = asked else { return };
    probe(asked, grace, path, errors);
    if let Some(threshold) = asked.success_threshold.filter(|threshold| *threshold != 1) {
        errors.invalid(&path.child("successThreshold"), threshold, "must be 1");
    }
}

/// A readiness probe ends nothing, so it has no grace.
pub fn readiness_probe(asked: Option<&Probe>, grace: Option<i64>, path: &Path, errors: &mut ErrorList) {
    let Some(asked) = asked else { return };
    probe(asked, grace, path, errors);
    if let Some(seconds) = asked.termination_grace_period_seconds {
        errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, "must not be set for readinessProbes");
    }
}
