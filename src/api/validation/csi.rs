//! Storage drivers, what they have on nodes, and how much room they have.

use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, CSINodeDriver, CSIStorageCapacity, TokenRequest};
use serde_json::json;

use super::format::{dns_subdomain, qualified_name};
use super::label_selector::label_selector;
use super::numbers::not_negative;
use super::object_meta::{object_meta, object_meta_update};
use super::renamed_label::selector_warnings;
use super::volume_source::csi_driver as driver_name;
use super::words::one_of;
use super::{ErrorList, NameForm, Path, pod, resources};

const GROUP_POLICIES: [&str; 3] = ["File", "None", "ReadWriteOnceWithFSType"];
const LIFECYCLE_MODES: [&str; 2] = ["Persistent", "Ephemeral"];
const NODE_ID_LENGTH: usize = 256;
/// Seconds.
const SHORTEST_PERIOD: i64 = 10;
const SHORTEST_TOKEN: i64 = 600;
const LONGEST_TOKEN: i64 = 1 << 32;

pub fn csi_driver(driver: &CSIDriver) -> ErrorList {
    let mut errors = object_meta(&driver.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    specification(driver, &mut errors);
    errors
}

fn specification(driver: &CSIDriver, errors: &mut ErrorList) {
    let (spec, path) = (&driver.spec, Path::new("spec"));
    one_of(spec.fs_group_policy.as_deref(), &GROUP_POLICIES, &path.child("fsGroupPolicy"), errors);
    tokens(spec.token_requests.as_deref().unwrap_or_default(), &path.child("tokenRequests"), errors);
    if let Some(in_secrets) = spec.service_account_token_in_secrets.filter(|_| spec.token_requests.iter().flatten().next().is_none()) {
        let why = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
        errors.invalid(&path.child("serviceAccountTokenInSecrets"), in_secrets, why);
    }
    for mode in spec.volume_lifecycle_modes.iter().flatten() {
        one_of(Some(mode), &LIFECYCLE_MODES, &path.child("volumeLifecycleModes"), errors);
    }
    if let Some(period) = spec.node_allocatable_update_period_seconds.filter(|period| *period < SHORTEST_PERIOD) {
        errors.invalid(&path.child("nodeAllocatableUpdatePeriodSeconds"), period, "must be greater than or equal to 10 seconds");
    }
}

fn tokens(requests: &[TokenRequest], path: &Path, errors: &mut ErrorList) {
    for (index, request) in requests.iter().enumerate() {
        let path = path.index(index);
        if requests[..index].iter().any(|other| other.audience == request.audience) {
            errors.duplicate(&path.child("audience"), &request.audience);
            continue;
        }
        let Some(seconds) = request.expiration_seconds else { continue };
        let path = path.child("expirationSeconds");
        if seconds < SHORTEST_TOKEN {
            errors.invalid(&path, seconds, "may not specify a duration less than 10 minutes");
        }
        if seconds > LONGEST_TOKEN {
            errors.invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds");
        }
    }
}

pub fn csi_driver_update(new: &CSIDriver, old: &CSIDriver) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    specification(new, &mut errors);
    let path = Path::new("spec");
    let (attach, modes) = (&new.spec.attach_required, &new.spec.volume_lifecycle_modes);
    // Upstream's name of the field.
    errors.immutable(&path.child("attachedRequired"), attach, &old.spec.attach_required, json!(attach));
    errors.immutable(&path.child("volumeLifecycleModes"), modes, &old.spec.volume_lifecycle_modes, json!(modes));
    errors
}

pub fn csi_node(node: &CSINode) -> ErrorList {
    let mut errors = object_meta(&node.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let path = Path::new("spec");
    let path = path.child("drivers");
    let drivers = &node.spec.drivers;
    for (index, driver) in drivers.iter().enumerate() {
        let is_known = drivers[..index].iter().any(|other| other.name == driver.name);
        node_driver(driver, is_known, &path.index(index), &mut errors);
    }
    errors
}

fn node_driver(driver: &CSINodeDriver, is_known: bool, path: &Path, errors: &mut ErrorList) {
    driver_name(&driver.name, &path.child("name"), errors);
    let id = path.child("nodeID");
    if driver.node_id.is_empty() {
        errors.required(&id, "");
    }
    if driver.node_id.len() > NODE_ID_LENGTH {
        errors.invalid(&id, &driver.node_id, &format!("must be {NODE_ID_LENGTH} characters or less"));
    }
    let count = driver.allocatable.as_ref().and_then(|allocatable| allocatable.count);
    not_negative(count, &path.child("allocatable").child("count"), errors);
    if is_known {
        errors.duplicate(&path.child("name"), &driver.name);
    }
    let keys = driver.topology_keys.as_deref().unwrap_or_default();
    for (index, key) in keys.iter().enumerate() {
        if key.is_empty() {
            errors.required(path, "");
        }
        if keys[..index].contains(key) {
            errors.duplicate(path, key);
        }
        errors.invalid_each(path, key, qualified_name(key));
    }
}

/// A driver comes and goes, but changes nothing besides how many volumes it takes.
pub fn csi_node_update(new: &CSINode, old: &CSINode) -> ErrorList {
    let mut errors = csi_node(new);
    let fixed = |driver: &CSINodeDriver| CSINodeDriver { allocatable: None, ..driver.clone() };
    for before in &old.spec.drivers {
        for driver in new.spec.drivers.iter().filter(|driver| driver.name == before.name) {
            errors.immutable(&Path::new("spec").child("drivers"), &fixed(driver), &fixed(before), pod::struct_of(&fixed(driver)));
        }
    }
    errors
}

pub fn csi_storage_capacity(capacity: &CSIStorageCapacity) -> ErrorList {
    let mut errors = object_meta(&capacity.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    label_selector(capacity.node_topology.as_ref(), &Path::new("nodeTopology"), &mut errors);
    let class = &capacity.storage_class_name;
    errors.invalid_each(&Path::new("storageClassName"), class, dns_subdomain(class));
    if let Some(amount) = &capacity.capacity {
        resources::not_negative(&resources::amount(amount), &Path::new("capacity"), &mut errors);
    }
    errors
}

/// Nodes are no longer named by these labels.
pub fn csi_storage_capacity_warnings(capacity: &CSIStorageCapacity, _old: Option<&CSIStorageCapacity>) -> Vec<String> {
    selector_warnings(capacity.node_topology.as_ref(), &Path::new("nodeTopology"))
}

pub fn csi_storage_capacity_update(new: &CSIStorageCapacity, old: &CSIStorageCapacity) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.immutable(&Path::new("nodeTopology"), &new.node_topology, &old.node_topology, json!(new.node_topology));
    errors.immutable(&Path::new("storageClassName"), &new.storage_class_name, &old.storage_class_name, &new.storage_class_name);
    errors
}
