//! Devices and claims: fields that belong to features which are not on by default in 1.35 are not taken (KEP-4815, KEP-5004, KEP-5007,
//! KEP-5055, KEP-5075).

use serde_json::Value;

use super::status_alone;
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;

/// Of a device in a slice.
const DEVICE_FIELDS: [&str; 9] = [
    "allNodes",
    "allowMultipleAllocations",
    "bindingConditions",
    "bindingFailureConditions",
    "bindsToNode",
    "consumesCounters",
    "nodeName",
    "nodeSelector",
    "taints",
];
const SLICE_FIELDS: [&str; 2] = ["perDeviceNodeSelection", "sharedCounters"];
const REQUEST_FIELDS: [&str; 2] = ["capacity", "tolerations"];
/// Of a device in an allocation.
const RESULT_FIELDS: [&str; 5] = ["bindingConditions", "bindingFailureConditions", "consumedCapacity", "shareID", "tolerations"];

fn drop_fields(object: Option<&mut Value>, fields: &[&str]) {
    if let Some(object) = object.and_then(Value::as_object_mut) {
        fields.iter().for_each(|field| drop(object.remove(*field)));
    }
}

fn each<'a>(object: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    object.at_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}

pub fn device_class(class: &mut Value) {
    drop_fields(class.at_mut("/spec"), &["extendedResourceName"]);
}

pub fn resource_slice(slice: &mut Value) {
    drop_fields(slice.at_mut("/spec"), &SLICE_FIELDS);
    for device in each(slice, "/spec/devices") {
        drop_fields(Some(device), &DEVICE_FIELDS);
        for capacity in device.at_mut("/capacity").and_then(Value::as_object_mut).into_iter().flat_map(|capacity| capacity.values_mut()) {
            drop_fields(Some(capacity), &["requestPolicy"]);
        }
    }
}

pub fn resource_claim(claim: &mut Value) {
    devices(claim.at_mut("/spec/devices"));
}

pub fn resource_claim_template(template: &mut Value) {
    devices(template.at_mut("/spec/spec/devices"));
}

fn devices(devices: Option<&mut Value>) {
    let Some(devices) = devices else { return };
    for request in each(devices, "/requests") {
        drop_fields(request.at_mut("/exactly"), &REQUEST_FIELDS);
        each(request, "/firstAvailable").for_each(|request| drop_fields(Some(request), &REQUEST_FIELDS));
    }
    each(devices, "/constraints").for_each(|constraint| drop_fields(Some(constraint), &["distinctAttribute"]));
}

/// What is said of a device that is no longer allocated goes with the allocation.
pub fn resource_claim_update(claim: &mut Value, old: &Value, subresource: Option<Subresource>) {
    if subresource != Some(Subresource::Status) {
        return resource_claim(claim);
    }
    status_alone(claim, old, subresource);
    drop_fields(claim.at_mut("/status/allocation"), &["allocationTimestamp"]);
    each(claim, "/status/allocation/devices/results").for_each(|result| drop_fields(Some(result), &RESULT_FIELDS));
    each(claim, "/status/devices").for_each(|device| drop_fields(Some(device), &["shareID"]));
    let allocated = |claim: &Value| -> Vec<[String; 3]> { claim.list("/status/allocation/devices/results").iter().map(identity).collect() };
    let (before, now) = (allocated(old), allocated(claim));
    let Some(status) = claim.at_mut("/status").and_then(Value::as_object_mut) else { return };
    let Some(devices) = status.get_mut("devices").and_then(Value::as_array_mut) else { return };
    devices.retain(|device| !before.contains(&identity(device)) || now.contains(&identity(device)));
    if devices.is_empty() {
        status.remove("devices");
    }
}

/// The driver, the pool and the name of a device.
fn identity(device: &Value) -> [String; 3] {
    ["/driver", "/pool", "/device"].map(|field| device.text(field).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_of_a_device_goes_with_its_allocation() {
        let device = |name: &str| json!({"driver": "d", "pool": "p", "device": name});
        let old = json!({"metadata": {}, "status": {"allocation": {"devices": {"results": [device("a"), device("b")]}}}});
        let mut new = json!({"metadata": {"labels": {"a": "b"}}, "status": {
            "allocation": {"devices": {"results": [device("b")]}}, "devices": [device("a"), device("b")]}});
        resource_claim_update(&mut new, &old, Some(Subresource::Status));
        assert_eq!(new["status"]["devices"], json!([device("b")]));
        assert_eq!(new["metadata"], json!({}));
    }

    #[test]
    fn fields_of_features_that_are_off_are_not_taken() {
        let mut slice = json!({"spec": {"sharedCounters": [], "devices": [{"name": "a", "taints": [], "capacity": {"m": {"value": "1", "requestPolicy": {}}}}]}});
        resource_slice(&mut slice);
        assert_eq!(slice, json!({"spec": {"devices": [{"name": "a", "capacity": {"m": {"value": "1"}}}]}}));
    }
}
