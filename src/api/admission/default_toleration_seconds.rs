//! DefaultTolerationSeconds: a pod stays five minutes on a node that is lost, unless it says otherwise.

use serde_json::{Value, json};

use super::Request;
use crate::api::status::Status;

const SECONDS: i64 = 300;

pub(super) fn admit(request: &Request, pod: &mut Value) -> Result<(), Status> {
    if !request.writes("pods") {
        return Ok(());
    }
    let tolerations = &mut pod["spec"]["tolerations"];
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if tolerations.as_array().into_iter().flatten().any(|toleration| tolerates(toleration, key)) {
            continue;
        }
        if !tolerations.is_array() {
            *tolerations = Value::Array(Vec::new());
        }
        let own = json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS});
        tolerations.as_array_mut().expect("made an array above").push(own);
    }
    Ok(())
}

fn tolerates(toleration: &Value, key: &str) -> bool {
    let is = |field: &str, wanted: &str| matches!(toleration[field].as_str(), None | Some("")) || toleration[field] == wanted;
    is("key", key) && is("effect", "NoExecute")
}
