//! RuntimeClass: what a pod's runtime costs beside its containers, and where it is to be found (KEP-688).

use serde_json::Value;

use super::Request;
use crate::api::object::Object;
use crate::api::status::Status;

const CLASSES: &str = "runtimeclasses";

/// A pod's overhead is its class's; it cannot be made up.
pub(super) fn admit(request: &Request, pod: &mut Value) -> Result<(), Status> {
    if !request.creates("pods") {
        return Ok(());
    }
    let spec = &mut pod["spec"];
    let class = match spec["runtimeClassName"].as_str().unwrap_or_default() {
        "" => None,
        name => {
            let class = request.find(CLASSES, name).map(Object::value);
            Some(class.ok_or_else(|| request.forbidden(&format!("pod rejected: RuntimeClass \"{name}\" not found")))?)
        }
    };
    let fixed = class.as_ref().and_then(|class| class.pointer("/overhead/podFixed")).filter(|fixed| !is_empty(fixed));
    let given = spec.get("overhead").filter(|given| !is_empty(given));
    let why = match (fixed, given) {
        (None, Some(_)) => "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        (Some(fixed), Some(given)) if fixed != given => "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        (fixed, _) => {
            if let Some(fixed) = fixed {
                spec["overhead"] = fixed.clone();
            }
            return Ok(());
        }
    };
    Err(request.forbidden(why))
}

fn is_empty(amounts: &Value) -> bool {
    amounts.as_object().is_none_or(|amounts| amounts.is_empty())
}
