//! TaintNodesByCondition: a new node takes no pods before it has said that it is ready.

use serde_json::{Value, json};

use super::Request;
use crate::api::status::Status;

const NOT_READY: &str = "node.kubernetes.io/not-ready";

pub(super) fn admit(request: &Request, node: &mut Value) -> Result<(), Status> {
    if !request.creates("nodes") {
        return Ok(());
    }
    let taint = json!({"key": NOT_READY, "effect": "NoSchedule"});
    let taints = &mut node["spec"]["taints"];
    match taints.as_array_mut() {
        Some(present) if present.iter().any(|taint| taint["key"] == NOT_READY && taint["effect"] == "NoSchedule") => {}
        Some(present) => present.push(taint),
        None => *taints = vec![taint].into(),
    }
    Ok(())
}
