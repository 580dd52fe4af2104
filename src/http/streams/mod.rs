//! Streams to pods: logs, and what goes over WebSockets: exec, attach and port-forward.

mod log;
mod port_forward;
mod remote_command;
mod websocket;

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use k8s_openapi::api::core::v1::Pod;

use super::front::Exchange;
use crate::api::kinds::Subresource;
use crate::api::status::Status;
use crate::api::streams::{self, PodStreams, PodTarget};
use crate::api::verbs::Target;

/// Answers a request for one of a pod's streams.
pub async fn answer(exchange: &Exchange, target: &Target, subresource: Subresource, payload: web::Payload) -> Result<HttpResponse, Status> {
    let pod = exchange.front.api.get(&target.kind, &target.namespace, &target.name).await?;
    let uid = pod.uid().to_owned();
    let pod: Pod = pod.parse().map_err(Status::internal)?;
    let target = PodTarget { namespace: target.namespace.clone(), name: target.name.clone(), uid };
    match subresource {
        Subresource::Log => log::answer(exchange, &pod, target).await,
        Subresource::Exec => remote_command::exec(exchange, &pod, target, payload).await,
        Subresource::Attach => remote_command::attach(exchange, &pod, target, payload).await,
        Subresource::PortForward => port_forward::answer(exchange, &pod, target, payload),
        _ => Err(Status::method_not_allowed()),
    }
}

/// Who serves the pod's streams.
fn node(exchange: &Exchange, pod: &Pod) -> Result<Arc<dyn PodStreams>, Status> {
    exchange.front.nodes.find(streams::node(pod)?)
}
