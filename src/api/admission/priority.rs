//! Priority: a pod's priority is its class's, and at most one class is the default.

use serde::Deserialize;
use serde_json::Value;

use super::{Operation, Request};
use crate::api::object::Object;
use crate::api::status::Status;

const CLASSES: &str = "priorityclasses";
/// Of a class, and of a pod without one, that does not say.
const PREEMPTION: &str = "PreemptLowerPriority";

/// What counts of a class.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Class {
    value: i32,
    #[serde(default)]
    global_default: bool,
    preemption_policy: Option<String>,
}

fn class(object: &Object) -> Result<Class, Status> {
    object.parse().map_err(Status::internal)
}

pub(super) fn admit(request: &Request, pod: &mut Value) -> Result<(), Status> {
    if request.kind.plural() != "pods" || request.operation == Operation::Delete {
        return Ok(());
    }
    match request.old {
        Some(old) => keep(&mut pod["spec"], &old["spec"]),
        None if request.subresource.is_none() => return resolve(request, &mut pod["spec"]),
        None => {}
    }
    Ok(())
}

/// An update that leaves them out keeps them.
fn keep(spec: &mut Value, old: &Value) {
    for field in ["priority", "preemptionPolicy"] {
        if spec[field].is_null() && !old[field].is_null() {
            spec[field] = old[field].clone();
        }
    }
}

fn resolve(request: &Request, spec: &mut Value) -> Result<(), Status> {
    let class = match spec["priorityClassName"].as_str().unwrap_or_default() {
        "" => default_class(request)?,
        name => {
            let object = request.find(CLASSES, name);
            let object = object.ok_or_else(|| request.forbidden(&format!("no PriorityClass with name {name} was found")))?;
            Some((object.name(), class(object)?))
        }
    };
    let (priority, policy) = match &class {
        None => (0, PREEMPTION),
        Some((_, class)) => (class.value, class.preemption_policy.as_deref().unwrap_or(PREEMPTION)),
    };
    let computed = "priority admission controller computed";
    if let Some(given) = spec["priority"].as_i64().filter(|given| *given != i64::from(priority)) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; {computed} {priority} from the given PriorityClass name"
        );
        return Err(request.forbidden(&why));
    }
    if let Some(given) = spec["preemptionPolicy"].as_str().filter(|given| *given != policy) {
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; {computed} {policy} from the given PriorityClass name"
        );
        return Err(request.forbidden(&why));
    }
    spec["preemptionPolicy"] = policy.into();
    spec["priority"] = priority.into();
    if let Some((name, _)) = class {
        spec["priorityClassName"] = name.into();
    }
    Ok(())
}

/// The class that is the default, with its name; of several the lowest.
fn default_class<'a>(request: &Request<'a>) -> Result<Option<(&'a str, Class)>, Status> {
    let mut lowest: Option<(&str, Class)> = None;
    for (_, object) in request.snapshot.range(CLASSES, "", None) {
        let class = class(object)?;
        if class.global_default && lowest.as_ref().is_none_or(|(_, lowest)| class.value < lowest.value) {
            lowest = Some((object.name(), class));
        }
    }
    Ok(lowest)
}

pub(super) fn judge(request: &Request, object: Option<&Value>) -> Result<(), Status> {
    if request.kind.plural() != CLASSES {
        return Ok(());
    }
    let Some(object) = object else {
        let system = request.name.starts_with("system-");
        return if system { Err(request.forbidden("this is a system priority class and cannot be deleted")) } else { Ok(()) };
    };
    match default_class(request)? {
        Some((name, _)) if object["globalDefault"] == true && name != request.name => {
            Err(request.forbidden(&format!("PriorityClass {name} is already marked as default. Only one default can exist")))
        }
        _ => Ok(()),
    }
}
