//! Persistent volumes.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec};
use serde_json::{Value, json};

use super::difference::difference;
use super::format::dns_subdomain;
use super::node_selector::node_selector;
use super::object_meta::{object_meta, object_meta_update};
use super::persistent_volume_claim::{VOLUME_MODES, access_modes};
use super::volume_source as source;
use super::words::{one_of, required};
use super::{ErrorList, NameForm, Path, file_path, resources};

pub fn persistent_volume(volume: &PersistentVolume) -> ErrorList {
    let mut errors = object_meta(&volume.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let empty = PersistentVolumeSpec::default();
    let spec = volume.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    access_modes(spec.access_modes.as_deref().unwrap_or_default(), &path.child("accessModes"), &mut errors);
    capacity(spec, &path.child("capacity"), &mut errors);
    let policies = ["Delete", "Recycle", "Retain"];
    one_of(spec.persistent_volume_reclaim_policy.as_deref(), &policies, &path.child("persistentVolumeReclaimPolicy"), &mut errors);
    let required_nodes = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    if let Some(selector) = required_nodes {
        node_selector(selector, &path.child("nodeAffinity").child("required"), &mut errors);
    } else if spec.node_affinity.is_some() {
        errors.required(&path.child("nodeAffinity").child("required"), "must specify required node constraints");
    }
    sources(spec, &path, &mut errors);
    if let Some(class) = spec.storage_class_name.as_deref().filter(|class| !class.is_empty()) {
        errors.invalid_each(&path.child("storageClassName"), class, dns_subdomain(class));
    }
    one_of(spec.volume_mode.as_deref(), &VOLUME_MODES, &path.child("volumeMode"), &mut errors);
    errors
}

/// A volume that is described where it is attached, and is no object of its own.
pub fn inline_volume(spec: &PersistentVolumeSpec, path: &Path, errors: &mut ErrorList) {
    let foreign = "may not be specified in the context of inline volumes";
    if spec.claim_ref.is_some() {
        errors.forbidden(&path.child("claimRef"), foreign);
    }
    if spec.capacity.as_ref().is_some_and(|amounts| !amounts.is_empty()) {
        errors.forbidden(&path.child("capacity"), foreign);
    }
    if spec.csi.is_none() {
        errors.required(&path.child("csi"), "has to be specified in the context of inline volumes");
    }
    access_modes(spec.access_modes.as_deref().unwrap_or_default(), &path.child("accessModes"), errors);
    if spec.persistent_volume_reclaim_policy.as_deref().is_some_and(|policy| !policy.is_empty() && policy != "Retain") {
        errors.forbidden(&path.child("persistentVolumeReclaimPolicy"), "may only be \"Retain\" in the context of inline volumes");
    }
    if spec.node_affinity.is_some() {
        errors.forbidden(&path.child("nodeAffinity"), foreign);
    }
    sources(spec, path, errors);
    if spec.storage_class_name.as_deref().is_some_and(|class| !class.is_empty()) {
        errors.forbidden(&path.child("storageClassName"), foreign);
    }
    if spec.volume_mode.as_deref().is_some_and(|mode| mode != "Filesystem") {
        errors.forbidden(&path.child("volumeMode"), "may not specify volumeMode other than Filesystem in the context of inline volumes");
    }
}

fn capacity(spec: &PersistentVolumeSpec, path: &Path, errors: &mut ErrorList) {
    let amounts = spec.capacity.as_ref();
    if amounts.is_none_or(|amounts| amounts.is_empty()) {
        errors.required(path, "");
    }
    if amounts.is_none_or(|amounts| amounts.len() != 1 || !amounts.contains_key("storage")) {
        errors.not_supported(path, json!(spec.capacity), &["storage"]);
    }
    for (name, text) in amounts.into_iter().flatten() {
        let quantity = resources::amount(text);
        if quantity.value() < 0 {
            errors.invalid(&path.key(name), quantity.value(), "must be a valid resource quantity");
        }
        if quantity.is_negative() || quantity.is_zero() {
            errors.invalid(&path.key(name), &quantity.to_string(), "must be greater than zero");
        }
    }
}

/// The sources, each with its judgment; all but the first are one too many.
fn sources(spec: &PersistentVolumeSpec, path: &Path, errors: &mut ErrorList) {
    let mut seen = false;
    let mut is_first = |is_set: bool, name: &str, errors: &mut ErrorList| {
        if is_set && seen {
            errors.forbidden(&path.child(name), "may not specify more than 1 volume type");
        }
        is_set && !std::mem::replace(&mut seen, true)
    };
    if is_first(spec.host_path.is_some(), "hostPath", errors) {
        spec.host_path.iter().for_each(|one| source::host_path(one, &path.child("hostPath"), errors));
    }
    if is_first(spec.gce_persistent_disk.is_some(), "gcePersistentDisk", errors) {
        spec.gce_persistent_disk.iter().for_each(|one| source::gce_disk(one, &path.child("gcePersistentDisk"), errors));
    }
    if is_first(spec.aws_elastic_block_store.is_some(), "awsElasticBlockStore", errors) {
        spec.aws_elastic_block_store.iter().for_each(|one| source::aws_disk(one, &path.child("awsElasticBlockStore"), errors));
    }
    if is_first(spec.nfs.is_some(), "nfs", errors) {
        spec.nfs.iter().for_each(|one| source::nfs(one, &path.child("nfs"), errors));
    }
    if is_first(spec.rbd.is_some(), "rbd", errors) {
        spec.rbd.iter().for_each(|one| source::rbd(&one.monitors, &one.image, &path.child("rbd"), errors));
    }
    is_first(spec.cephfs.is_some(), "cephfs", errors);
    if is_first(spec.iscsi.is_some(), "iscsi", errors) {
        spec.iscsi.iter().for_each(|one| source::iscsi(&one.target_portal, &one.iqn, one.lun, &path.child("iscsi"), errors));
    }
    is_first(spec.cinder.is_some(), "cinder", errors);
    if is_first(spec.fc.is_some(), "fc", errors) {
        spec.fc.iter().for_each(|one| source::fibre_channel(one, &path.child("fc"), errors));
    }
    for (is_set, name) in [
        (spec.flex_volume.is_some(), "flexVolume"),
        (spec.azure_file.is_some(), "azureFile"),
        (spec.vsphere_volume.is_some(), "vsphereVolume"),
        (spec.photon_persistent_disk.is_some(), "photonPersistentDisk"),
        (spec.portworx_volume.is_some(), "portworxVolume"),
        (spec.azure_disk.is_some(), "azureDisk"),
        (spec.scale_io.is_some(), "scaleIO"),
    ] {
        is_first(is_set, name, errors);
    }
    if is_first(spec.local.is_some(), "local", errors) {
        let at = path.child("local");
        if let Some(one) = &spec.local {
            required(&one.path, &at.child("path"), errors);
            file_path::without_backsteps(&one.path, &at.child("path"), errors);
        }
        if spec.node_affinity.is_none() {
            errors.required(&path.child("nodeAffinity"), "Local volume requires node affinity");
        }
    }
    if let Some(one) = spec.csi.as_ref().filter(|_| is_first(true, "csi", errors)) {
        source::csi_driver(&one.driver, &path.child("csi").child("driver"), errors);
        required(&one.volume_handle, &path.child("csi").child("volumeHandle"), errors);
    }
    if !seen {
        errors.required(path, "must specify a volume type");
    }
}

/// Where the data is, and how it is seen, never changes.
pub fn persistent_volume_update(new: &PersistentVolume, old: &PersistentVolume) -> ErrorList {
    let mut errors = persistent_volume(new);
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let (new_source, old_source) = (only_source(&new_spec), only_source(&old_spec));
    if new_source != old_source {
        let why = format!("spec.persistentvolumesource is immutable after creation\n{}", difference(&new_source, &old_source));
        errors.forbidden(&Path::new("spec").child("persistentvolumesource"), &why);
    }
    errors.immutable(&Path::new("volumeMode"), &new_spec.volume_mode, &old_spec.volume_mode, &new_spec.volume_mode);
    if old_spec.node_affinity.is_some() && new_spec.node_affinity != old_spec.node_affinity {
        let why = "field is immutable, except for updating from beta label to GA";
        errors.invalid(&Path::new("nodeAffinity"), super::pod::struct_of(&new_spec.node_affinity), why);
    }
    errors
}

pub fn persistent_volume_status_update(new: &PersistentVolume, old: &PersistentVolume) -> ErrorList {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
}

/// The specification without what is not a source.
fn only_source(spec: &PersistentVolumeSpec) -> Value {
    json!(PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    })
}
