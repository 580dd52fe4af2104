//! How containers see the volumes of their pod.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, VolumeMount};

use super::volume::Volumes;
use crate::api::validation::words::required;
use crate::api::validation::{ErrorList, Path, file_path};

pub fn volume_mounts(container: &Container, volumes: &Volumes, path: &Path, errors: &mut ErrorList) {
    let mut seen = BTreeSet::new();
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let at = path.index(index);
        required(&mount.name, &at.child("name"), errors);
        if !volumes.contains_key(mount.name.as_str()) {
            errors.not_found(&at.child("name"), &mount.name, "");
        }
        required(&mount.mount_path, &at.child("mountPath"), errors);
        if !seen.insert(mount.mount_path.as_str()) {
            errors.invalid(&at.child("mountPath"), &mount.mount_path, "must be unique");
        }
        if devices.iter().any(|device| device.name == mount.name) {
            errors.invalid(&at.child("name"), &mount.name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| device.device_path == mount.mount_path) {
            errors.invalid(&at.child("mountPath"), &mount.mount_path, "must not already exist as a path in volumeDevices");
        }
        sub_path(mount, path, &at, errors);
        propagation(mount, container, path, errors);
        recursive_read_only(mount, &at.child("recursiveReadOnly"), errors);
    }
}

/// Upstream reports a wrong sub-path on the whole list.
fn sub_path(mount: &VolumeMount, list: &Path, path: &Path, errors: &mut ErrorList) {
    let set = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
    let plain = set(&mount.sub_path);
    if let Some(plain) = &plain {
        file_path::descending(plain, &list.child("subPath"), errors);
    }
    if let Some(expression) = set(&mount.sub_path_expr) {
        if plain.is_some() {
            errors.invalid(&path.child("subPathExpr"), &expression, "subPathExpr and subPath are mutually exclusive");
        }
        file_path::descending(&expression, &list.child("subPathExpr"), errors);
    }
}

fn propagation(mount: &VolumeMount, container: &Container, list: &Path, errors: &mut ErrorList) {
    let Some(propagation) = mount.mount_propagation.as_deref() else { return };
    let path = list.child("mountPropagation");
    let known = ["Bidirectional", "HostToContainer", "None"];
    if !known.contains(&propagation) {
        errors.not_supported(&path, propagation, &known);
    }
    let is_privileged = container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true));
    if propagation == "Bidirectional" && !is_privileged {
        errors.forbidden(&path, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn recursive_read_only(mount: &VolumeMount, path: &Path, errors: &mut ErrorList) {
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            if mount.mount_propagation.as_deref().is_some_and(|propagation| propagation != "None") {
                errors.forbidden(path, "may only be specified when mountPropagation is None or not specified");
            }
        }
        Some(other) => errors.not_supported(path, other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

pub fn volume_devices(container: &Container, volumes: &Volumes, path: &Path, errors: &mut ErrorList) {
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    for (index, device) in devices.iter().enumerate() {
        let at = path.index(index);
        required(&device.name, &at.child("name"), errors);
        if devices[..index].iter().any(|other| other.name == device.name) {
            errors.invalid(&at.child("name"), &device.name, "must be unique");
        }
        match volumes.get(device.name.as_str()) {
            Some(volume) if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() => {
                errors.invalid(
                    &at.child("name"),
                    &device.name,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                );
            }
            Some(_) => {}
            None => errors.not_found(&at.child("name"), &device.name, ""),
        }
        if device.device_path.is_empty() {
            errors.required(&at.child("devicePath"), "");
        } else if devices[..index].iter().any(|other| other.device_path == device.device_path) {
            errors.invalid(&at.child("devicePath"), &device.device_path, "must be unique");
        }
        file_path::without_backsteps(&device.device_path, &at.child("devicePath"), errors);
        if mounts.iter().any(|mount| mount.name == device.name) {
            errors.invalid(&at.child("name"), &device.name, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| mount.mount_path == device.device_path) {
            errors.invalid(&at.child("devicePath"), &device.device_path, "must not already exist as a path in volumeMounts");
        }
    }
}
