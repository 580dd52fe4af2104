//! The volumes of a pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Volume};

use super::env::{FILE_FIELDS, object_field, resource_field};
use super::projected::projected;
use crate::api::validation::format::dns_label;
use crate::api::validation::numbers::file_mode;
use crate::api::validation::persistent_volume_claim::claim_template;
use crate::api::validation::volume_source as shared;
use crate::api::validation::words::{one_of, required};
use crate::api::validation::{ErrorList, Path, file_path};

/// The volumes that are in order, by name.
pub type Volumes<'a> = BTreeMap<&'a str, &'a Volume>;

pub fn volumes<'a>(volumes: &'a [Volume], path: &Path, errors: &mut ErrorList) -> Volumes<'a> {
    let mut known = Volumes::new();
    for (index, volume) in volumes.iter().enumerate() {
        let at = path.index(index);
        let mut wrong = ErrorList::default();
        sources(volume, &at, &mut wrong);
        if volume.name.is_empty() {
            wrong.required(&at.child("name"), "");
        } else {
            wrong.invalid_each(&at.child("name"), &volume.name, dns_label(&volume.name));
        }
        if known.contains_key(volume.name.as_str()) {
            wrong.duplicate(&at.child("name"), &volume.name);
        }
        if wrong.is_empty() {
            known.insert(&volume.name, volume);
        }
        errors.extend(wrong);
    }
    known
}

/// Judges the first source; all others are one too many.
struct First<'e> {
    seen: bool,
    errors: &'e mut ErrorList,
}

impl First<'_> {
    fn judge<S>(&mut self, source: Option<&S>, name: &str, path: &Path, judge: impl FnOnce(&S, &Path, &mut ErrorList)) {
        let Some(source) = source else { return };
        let path = path.child(name);
        if std::mem::replace(&mut self.seen, true) {
            self.errors.forbidden(&path, "may not specify more than 1 volume type");
        } else {
            judge(source, &path, self.errors);
        }
    }
}

fn sources(volume: &Volume, path: &Path, errors: &mut ErrorList) {
    let mut first = First { seen: false, errors };
    first.judge(volume.empty_dir.as_ref(), "emptyDir", path, |source, path, errors| {
        if source.size_limit.as_ref().is_some_and(|limit| crate::api::validation::resources::amount(limit).is_negative()) {
            errors.forbidden(&path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
        }
    });
    first.judge(volume.host_path.as_ref(), "hostPath", path, shared::host_path);
    first.judge(volume.git_repo.as_ref(), "gitRepo", path, |source, path, errors| {
        required(&source.repository, &path.child("repository"), errors);
        file_path::descending(source.directory.as_deref().unwrap_or_default(), &path.child("directory"), errors);
    });
    first.judge(volume.gce_persistent_disk.as_ref(), "gcePersistentDisk", path, shared::gce_disk);
    first.judge(volume.aws_elastic_block_store.as_ref(), "awsElasticBlockStore", path, shared::aws_disk);
    first.judge(volume.secret.as_ref(), "secret", path, |source, path, errors| {
        required(source.secret_name.as_deref().unwrap_or_default(), &path.child("secretName"), errors);
        file_mode(source.default_mode, &path.child("defaultMode"), errors);
        keys_to_paths(source.items.as_deref().unwrap_or_default(), path, errors);
    });
    first.judge(volume.nfs.as_ref(), "nfs", path, shared::nfs);
    first.judge(volume.iscsi.as_ref(), "iscsi", path, |source, path, errors| {
        shared::iscsi(&source.target_portal, &source.iqn, source.lun, path, errors);
    });
    first.judge(volume.persistent_volume_claim.as_ref(), "persistentVolumeClaim", path, |source, path, errors| {
        required(&source.claim_name, &path.child("claimName"), errors);
    });
    first.judge(volume.rbd.as_ref(), "rbd", path, |source, path, errors| shared::rbd(&source.monitors, &source.image, path, errors));
    first
        .judge(volume.cinder.as_ref(), "cinder", path, |source, path, errors| required(&source.volume_id, &path.child("volumeID"), errors));
    first.judge(volume.cephfs.as_ref(), "cephfs", path, |source, path, errors| {
        if source.monitors.is_empty() {
            errors.required(&path.child("monitors"), "");
        }
    });
    more_sources(volume, path, &mut first);
    if !first.seen {
        errors.required(path, "must specify a volume type");
    }
}

/// The sources that come later in upstream's order.
fn more_sources(volume: &Volume, path: &Path, first: &mut First) {
    first.judge(volume.downward_api.as_ref(), "downwardAPI", path, |source, path, errors| {
        file_mode(source.default_mode, &path.child("defaultMode"), errors);
        source.items.iter().flatten().for_each(|file| downward_file(file, path, errors));
    });
    first.judge(volume.fc.as_ref(), "fc", path, shared::fibre_channel);
    first.judge(volume.flex_volume.as_ref(), "flexVolume", path, |source, path, errors| {
        required(&source.driver, &path.child("driver"), errors)
    });
    first.judge(volume.config_map.as_ref(), "configMap", path, |source, path, errors| {
        required(&source.name, &path.child("name"), errors);
        file_mode(source.default_mode, &path.child("defaultMode"), errors);
        keys_to_paths(source.items.as_deref().unwrap_or_default(), path, errors);
    });
    first.judge(volume.azure_file.as_ref(), "azureFile", path, |source, path, errors| {
        required(&source.secret_name, &path.child("secretName"), errors);
        required(&source.share_name, &path.child("shareName"), errors);
    });
    first.judge(volume.projected.as_ref(), "projected", path, projected);
    first.judge(volume.csi.as_ref(), "csi", path, |source, path, errors| {
        shared::csi_driver(&source.driver, &path.child("driver"), errors);
        if let Some(reference) = &source.node_publish_secret_ref {
            required(&reference.name, &path.child("nodePublishSecretRef").child("name"), errors);
        }
    });
    first.judge(volume.ephemeral.as_ref(), "ephemeral", path, |source, path, errors| match &source.volume_claim_template {
        None => errors.required(&path.child("volumeClaimTemplate"), ""),
        Some(template) => claim_template(template, &path.child("volumeClaimTemplate"), errors),
    });
    first.judge(volume.image.as_ref(), "image", path, |source, path, errors| {
        required(source.reference.as_deref().unwrap_or_default(), &path.child("reference"), errors);
        one_of(source.pull_policy.as_deref(), &["Always", "IfNotPresent", "Never"], &path.child("pullPolicy"), errors);
    });
}

fn keys_to_paths(items: &[KeyToPath], path: &Path, errors: &mut ErrorList) {
    for (index, item) in items.iter().enumerate() {
        key_to_path(item, &path.child("items").index(index), errors);
    }
}

pub fn key_to_path(item: &KeyToPath, path: &Path, errors: &mut ErrorList) {
    required(&item.key, &path.child("key"), errors);
    required(&item.path, &path.child("path"), errors);
    file_path::not_reserved(&item.path, &path.child("path"), errors);
    file_mode(item.mode, &path.child("mode"), errors);
}

/// Upstream reports a wrong file on the volume, without its index.
pub fn downward_file(file: &DownwardAPIVolumeFile, path: &Path, errors: &mut ErrorList) {
    required(&file.path, &path.child("path"), errors);
    file_path::not_reserved(&file.path, &path.child("path"), errors);
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), other) => {
            object_field(field, &FILE_FIELDS, &path.child("fieldRef"), errors);
            if other.is_some() {
                errors.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
            }
        }
        (None, Some(field)) => resource_field(field, true, &path.child("resourceFieldRef"), errors),
        (None, None) => errors.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    file_mode(file.mode, &path.child("mode"), errors);
}
