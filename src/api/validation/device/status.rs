//! What was given to a claim, who uses it, and how it fares.

use k8s_openapi::api::resource::v1::{AllocatedDeviceStatus, AllocationResult, DeviceRequestAllocationResult, ResourceClaim};
use serde_json::{Value, json};

use super::super::address::interface_address;
use super::super::conditions::typed_conditions;
use super::super::format::dns_label;
use super::super::node_selector::node_selector;
use super::super::words::{required, required_one_of};
use super::super::{ErrorList, IMMUTABLE, Path, pod};
use super::claim::Requests;
use super::{LIST_SIZE, configuration, each, name, unique};

const CONSUMERS: usize = 256;
const CONDITIONS: usize = 8;
const DATA_LENGTH: usize = 10 * 1024;
const INTERFACE_LENGTH: usize = 256;
const HARDWARE_ADDRESS_LENGTH: usize = 128;
const NETWORK_ADDRESSES: usize = 16;

/// The driver, the pool and the name of a device.
type Identity<'a> = [&'a str; 3];

pub fn status(new: &ResourceClaim, old: &ResourceClaim, path: &Path, errors: &mut ErrorList) {
    let names = Requests::of(new.spec.devices.as_ref());
    let (status, old_status) = (new.status.clone().unwrap_or_default(), old.status.clone().unwrap_or_default());
    let consumers = status.reserved_for.as_deref().unwrap_or_default();
    let at = path.child("reservedFor");
    each(consumers, CONSUMERS, &at, errors, |consumer, path, errors| {
        for (field, text) in [("resource", &consumer.resource), ("name", &consumer.name), ("uid", &consumer.uid)] {
            required(text, &path.child(field), errors);
        }
    });
    unique(consumers.iter().map(|consumer| consumer.uid.as_str()), CONSUMERS, &at, errors);
    let results = status.allocation.iter().filter_map(|allocation| allocation.devices.as_ref()?.results.as_deref()).flatten();
    let allocated: Vec<Identity> = results.map(|result| [&*result.driver, &*result.pool, &*result.device]).collect();
    devices(status.devices.as_deref().unwrap_or_default(), &allocated, &path.child("devices"), errors);
    if !consumers.is_empty() {
        let known = old_status.reserved_for.unwrap_or_default();
        if status.allocation.is_none() {
            errors.forbidden(&at, "may not be specified when `allocated` is not set");
        } else if new.metadata.deletion_timestamp.is_some() && consumers.iter().any(|consumer| !known.contains(consumer)) {
            errors.forbidden(&at, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set");
        }
    }
    let at = path.child("allocation");
    match (&status.allocation, &old_status.allocation) {
        (Some(new), Some(old)) if new != old => errors.invalid(&at, pod::struct_of(new), IMMUTABLE),
        (Some(new), None) => allocation(new, &names, &at, errors),
        _ => {}
    }
}

fn allocation(allocation: &AllocationResult, names: &Requests, path: &Path, errors: &mut ErrorList) {
    let at = path.child("devices");
    let devices = allocation.devices.clone().unwrap_or_default();
    each(devices.results.as_deref().unwrap_or_default(), LIST_SIZE, &at.child("results"), errors, |one, path, errors| {
        result(one, names, path, errors);
    });
    // Those of classes and those of the claim.
    each(devices.config.as_deref().unwrap_or_default(), 2 * LIST_SIZE, &at.child("config"), errors, |one, path, errors| {
        required_one_of(Some(&one.source), &["FromClaim", "FromClass"], &path.child("source"), errors);
        names.judge_each(one.requests.as_ref(), &path.child("requests"), errors);
        configuration::opaque(one.opaque.as_ref(), false, path, errors);
    });
    if let Some(selector) = &allocation.node_selector {
        node_selector(selector, &path.child("nodeSelector"), errors);
    }
}

fn result(result: &DeviceRequestAllocationResult, names: &Requests, path: &Path, errors: &mut ErrorList) {
    names.judge(&result.request, &path.child("request"), errors);
    name::driver(&result.driver, &path.child("driver"), errors);
    name::pool(&result.pool, &path.child("pool"), errors);
    errors.invalid_each(&path.child("device"), &result.device, dns_label(&result.device));
}

fn devices(devices: &[AllocatedDeviceStatus], allocated: &[Identity], path: &Path, errors: &mut ErrorList) {
    let identity = |device: &'_ AllocatedDeviceStatus| format!("{}/{}/{}", device.driver, device.pool, device.device);
    each(devices, usize::MAX, path, errors, |one, path, errors| {
        device(one, path, errors);
        if !allocated.contains(&[&*one.driver, &*one.pool, &*one.device]) {
            errors.invalid(path, identity_shown(one), "must be an allocated device in the claim");
        }
        rest(one, path, errors);
    });
    let identities: Vec<String> = devices.iter().map(identity).collect();
    unique(identities.iter().map(String::as_str), usize::MAX, path, errors);
}

fn identity_shown(device: &AllocatedDeviceStatus) -> Value {
    json!({"Driver": device.driver, "Pool": device.pool, "Device": device.device, "ShareID": ""})
}

fn device(device: &AllocatedDeviceStatus, path: &Path, errors: &mut ErrorList) {
    name::driver(&device.driver, &path.child("driver"), errors);
    name::pool(&device.pool, &path.child("pool"), errors);
    errors.invalid_each(&path.child("device"), &device.device, dns_label(&device.device));
}

/// What is said of the device, once it is clear which it is.
fn rest(device: &AllocatedDeviceStatus, path: &Path, errors: &mut ErrorList) {
    let all = device.conditions.as_deref().unwrap_or_default();
    let at = path.child("conditions");
    if all.len() > CONDITIONS {
        errors.too_many(&at, all.len(), CONDITIONS);
    }
    typed_conditions(all, &at, errors);
    if let Some(data) = device.data.as_ref().filter(|data| !data.0.is_null()) {
        configuration::object(&data.0, DATA_LENGTH, &path.child("data"), errors);
    }
    let Some(network) = &device.network_data else { return };
    let path = path.child("networkData");
    for (field, text, most) in [
        ("interfaceName", &network.interface_name, INTERFACE_LENGTH),
        ("hardwareAddress", &network.hardware_address, HARDWARE_ADDRESS_LENGTH),
    ] {
        if text.as_deref().unwrap_or_default().len() > most {
            errors.too_long(&path.child(field), most);
        }
    }
    let ips = network.ips.as_deref().unwrap_or_default();
    let at = path.child("ips");
    each(ips, NETWORK_ADDRESSES, &at, errors, |ip, path, errors| {
        errors.invalid_each(path, ip, interface_address(ip));
    });
    unique(ips.iter().map(String::as_str), NETWORK_ADDRESSES, &at, errors);
}
