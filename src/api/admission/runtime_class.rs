//! RuntimeClass: what a pod's runtime costs beside its containers, and where it is to be found (KEP-688).

use serde_json::{Map, Value};

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
    match (fixed, given) {
        (None, Some(_)) => {
            return Err(request.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"));
        }
        (Some(fixed), Some(given)) if fixed != given => {
            return Err(request.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"));
        }
        (Some(fixed), _) => spec["overhead"] = fixed.clone(),
        (None, None) => {}
    }
    class.map_or(Ok(()), |class| place(request, spec, &class["scheduling"]))
}

/// A pod goes only where its class can run, and tolerates what the class does.
fn place(request: &Request, spec: &mut Value, scheduling: &Value) -> Result<(), Status> {
    for (label, value) in scheduling["nodeSelector"].as_object().into_iter().flatten() {
        if !spec["nodeSelector"].is_object() {
            spec["nodeSelector"] = Map::new().into();
        }
        let own = &mut spec["nodeSelector"][label];
        if !own.is_null() && own != value {
            let (wanted, own) = (value.as_str().unwrap_or_default(), own.as_str().unwrap_or_default());
            let why = format!("conflict: runtimeClass.scheduling.nodeSelector[{label}] = {wanted}; pod.spec.nodeSelector[{label}] = {own}");
            return Err(request.forbidden(&why));
        }
        *own = value.clone();
    }
    let more = scheduling["tolerations"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !more.is_empty() {
        let own = spec["tolerations"].as_array().map(Vec::as_slice).unwrap_or_default();
        spec["tolerations"] = merge(&[own, more].concat()).into();
    }
    Ok(())
}

/// Those tolerations that no other one makes needless.
fn merge(all: &[Value]) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for (index, toleration) in all.iter().enumerate() {
        let covers = |other: &Value| includes(other, toleration);
        if !merged.iter().any(covers) && !all[index + 1..].iter().any(|other| other != toleration && covers(other)) {
            merged.push(toleration.clone());
        }
    }
    merged
}

/// One toleration tolerates all that another one does.
fn includes(wide: &Value, narrow: &Value) -> bool {
    let text = |toleration: &'_ Value, field: &str| toleration[field].as_str().unwrap_or_default().to_owned();
    let same = |field: &str| text(wide, field) == text(narrow, field);
    if wide == narrow {
        return true;
    }
    let any_key = text(wide, "key").is_empty() && text(wide, "operator") == "Exists";
    let long_enough = || match (wide["tolerationSeconds"].as_i64(), narrow["tolerationSeconds"].as_i64()) {
        (Some(wide), Some(narrow)) => narrow <= wide,
        (Some(_), None) => false,
        (None, _) => true,
    };
    let by_value = match text(wide, "operator").as_str() {
        "" | "Equal" => text(narrow, "operator") == "Equal" && same("value"),
        operator => operator == "Exists",
    };
    let by_effect = text(wide, "effect").is_empty() || same("effect");
    (any_key || same("key")) && by_effect && (text(wide, "effect") != "NoExecute" || long_enough()) && by_value
}

fn is_empty(amounts: &Value) -> bool {
    amounts.as_object().is_none_or(|amounts| amounts.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_tolerations_the_one_that_includes_the_other_is_enough() {
        let narrow = json!({"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"});
        let wide = json!({"key": "k", "operator": "Exists"});
        let other = json!({"key": "l", "operator": "Exists"});
        assert_eq!(merge(&[narrow.clone(), other.clone(), wide.clone()]), [other.clone(), wide.clone()]);
        assert_eq!(merge(&[wide.clone(), narrow, wide.clone()]), [wide]);
        let short = json!({"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5});
        let forever = json!({"key": "k", "operator": "Exists", "effect": "NoExecute"});
        for pair in [[short.clone(), forever.clone()], [forever.clone(), short]] {
            assert_eq!(merge(&pair), std::slice::from_ref(&forever));
        }
    }
}
