//! What a driver has to give.

use std::sync::LazyLock;

use k8s_openapi::api::resource::v1::{Device, DeviceAttribute, ResourceSliceSpec};
use regex::Regex;
use serde_json::json;

use super::super::format::{dns_label, dns_subdomain};
use super::super::node_selector::node_selector;
use super::super::{ErrorList, Path, pod};
use super::{each, name, unique};

const DEVICES: usize = 128;
/// Attributes and capacities of one device.
const FEATURES: usize = 32;
const VALUE_LENGTH: usize = 64;
const ONE_PLACE: &str = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
/// A version as semver.org has it.
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    let (number, before, build) = ("(0|[1-9][0-9]*)", "(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)", "[0-9a-zA-Z-]+");
    let pattern = format!("^{number}\\.{number}\\.{number}(-{before}(\\.{before})*)?(\\+{build}(\\.{build})*)?$");
    Regex::new(&pattern).expect("the pattern is well formed")
});

pub fn specification(spec: &ResourceSliceSpec, old: Option<&ResourceSliceSpec>, path: &Path, errors: &mut ErrorList) {
    name::driver(&spec.driver, &path.child("driver"), errors);
    let pool = path.child("pool");
    name::pool(&spec.pool.name, &pool.child("name"), errors);
    if spec.pool.resource_slice_count <= 0 {
        errors.invalid(&pool.child("resourceSliceCount"), spec.pool.resource_slice_count, "must be greater than zero");
    }
    if spec.pool.generation < 0 {
        errors.invalid(&pool.child("generation"), spec.pool.generation, "must be greater than or equal to zero");
    }
    if let Some(old) = old {
        errors.immutable(&pool.child("name"), &spec.pool.name, &old.pool.name, &spec.pool.name);
        errors.immutable(&path.child("driver"), &spec.driver, &old.driver, &spec.driver);
        errors.immutable(&path.child("nodeName"), &spec.node_name, &old.node_name, &spec.node_name);
    }
    place(spec, path, errors);
    let devices = spec.devices.as_deref().unwrap_or_default();
    let at = path.child("devices");
    each(devices, DEVICES, &at, errors, device);
    unique(devices.iter().map(|device| device.name.as_str()), DEVICES, &at, errors);
}

/// On which nodes the devices can be used.
fn place(spec: &ResourceSliceSpec, path: &Path, errors: &mut ErrorList) {
    let mut places = Vec::new();
    let at = path.child("nodeName");
    match spec.node_name.as_deref() {
        None => {}
        Some("") => errors.invalid(&at, "", "must be either unset or set to a non-empty string"),
        Some(node) => {
            places.push("`nodeName`");
            errors.invalid_each(&at, node, dns_subdomain(node));
        }
    }
    if let Some(selector) = &spec.node_selector {
        places.push("`nodeSelector`");
        let path = path.child("nodeSelector");
        node_selector(selector, &path, errors);
        let terms = &selector.node_selector_terms;
        if terms.len() != 1 {
            errors.invalid(&path.child("nodeSelectorTerms"), pod::struct_of(terms), "must have exactly one node selector term");
        }
    }
    match spec.all_nodes {
        Some(true) => places.push("`allNodes`"),
        Some(false) => errors.invalid(&path.child("allNodes"), false, "must be either unset or set to true"),
        None => {}
    }
    match places[..] {
        [] => errors.required(path, ONE_PLACE),
        [_] => {}
        _ => errors.invalid(path, &format!("{{{}}}", places.join(", ")), &format!("{ONE_PLACE}, but multiple fields are set")),
    }
}

fn device(device: &Device, path: &Path, errors: &mut ErrorList) {
    errors.invalid_each(&path.child("name"), &device.name, dns_label(&device.name));
    let (attributes, capacities) = (device.attributes.iter().flatten(), device.capacity.iter().flatten());
    let features = device.attributes.as_ref().map_or(0, |map| map.len()) + device.capacity.as_ref().map_or(0, |map| map.len());
    if features > FEATURES {
        let why = format!("the total number of attributes and capacities must not exceed {FEATURES}");
        errors.invalid(path, json!(features), &why);
    }
    let at = path.child("attributes");
    for (name, value) in attributes {
        name::qualified(name, &at, errors);
        attribute(value, &at.key(&name::shortened(name)), errors);
    }
    for (name, _) in capacities {
        name::qualified(name, &path.child("capacity"), errors);
    }
}

fn attribute(attribute: &DeviceAttribute, path: &Path, errors: &mut ErrorList) {
    for (field, text) in [("string", &attribute.string), ("version", &attribute.version)] {
        let Some(text) = text else { continue };
        if field == "version" && !VERSION.is_match(text) {
            errors.invalid(&path.child(field), text, "must be a string compatible with semver.org spec 2.0.0");
        }
        if text.len() > VALUE_LENGTH {
            errors.too_long(&path.child(field), VALUE_LENGTH);
        }
    }
    let set = [attribute.bool.is_some(), attribute.int.is_some(), attribute.string.is_some(), attribute.version.is_some()];
    match set.iter().filter(|is_set| **is_set).count() {
        0 => errors.invalid(path, "", "exactly one value must be specified"),
        1 => {}
        _ => errors.invalid(path, pod::struct_of(attribute), "exactly one value must be specified"),
    }
}
