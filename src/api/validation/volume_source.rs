//! Sources that pods and persistent volumes name alike.

use k8s_openapi::api::core::v1::{
    AWSElasticBlockStoreVolumeSource, FCVolumeSource, GCEPersistentDiskVolumeSource, HostPathVolumeSource, NFSVolumeSource,
};

use super::format::dns_subdomain;
use super::words::{one_of, required};
use super::{ErrorList, Path, file_path};

const HOST_PATH_TYPES: [&str; 8] = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const DRIVER_LENGTH: usize = 63;

pub fn host_path(source: &HostPathVolumeSource, path: &Path, errors: &mut ErrorList) {
    if source.path.is_empty() {
        return errors.required(&path.child("path"), "");
    }
    file_path::without_backsteps(&source.path, &path.child("path"), errors);
    one_of(source.type_.as_deref(), &HOST_PATH_TYPES, &path.child("type"), errors);
}

pub fn nfs(source: &NFSVolumeSource, path: &Path, errors: &mut ErrorList) {
    required(&source.server, &path.child("server"), errors);
    required(&source.path, &path.child("path"), errors);
    if !source.path.starts_with('/') {
        errors.invalid(&path.child("path"), &source.path, "must be an absolute path");
    }
}

pub fn gce_disk(source: &GCEPersistentDiskVolumeSource, path: &Path, errors: &mut ErrorList) {
    required(&source.pd_name, &path.child("pdName"), errors);
    partition(source.partition, path, errors);
}

pub fn aws_disk(source: &AWSElasticBlockStoreVolumeSource, path: &Path, errors: &mut ErrorList) {
    required(&source.volume_id, &path.child("volumeID"), errors);
    partition(source.partition, path, errors);
}

fn partition(number: Option<i32>, path: &Path, errors: &mut ErrorList) {
    if let Some(number) = number.filter(|number| !(0..=255).contains(number)) {
        errors.invalid(&path.child("partition"), number, "must be between 0 and 255, inclusive");
    }
}

pub fn iscsi(portal: &str, iqn: &str, lun: i32, path: &Path, errors: &mut ErrorList) {
    required(portal, &path.child("targetPortal"), errors);
    if iqn.is_empty() {
        errors.required(&path.child("iqn"), "");
    } else if !["iqn.", "eui.", "naa."].iter().any(|prefix| iqn.starts_with(prefix)) {
        errors.invalid(&path.child("iqn"), iqn, "must be valid format starting with iqn, eui, or naa");
    }
    if !(0..=255).contains(&lun) {
        errors.invalid(&path.child("lun"), lun, "must be between 0 and 255, inclusive");
    }
}

pub fn rbd(monitors: &[String], image: &str, path: &Path, errors: &mut ErrorList) {
    if monitors.is_empty() {
        errors.required(&path.child("monitors"), "");
    }
    required(image, &path.child("image"), errors);
}

pub fn fibre_channel(source: &FCVolumeSource, path: &Path, errors: &mut ErrorList) {
    let has = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    match (has(&source.target_wwns), has(&source.wwids)) {
        (false, false) => errors.required(&path.child("targetWWNs"), "must specify either targetWWNs or wwids, but not both"),
        (true, true) => errors.invalid(
            &path.child("targetWWNs"),
            serde_json::json!(source.target_wwns),
            "targetWWNs and wwids can not be specified simultaneously",
        ),
        (true, false) => match source.lun {
            None => errors.required(&path.child("lun"), "lun is required if targetWWNs is specified"),
            Some(lun) if !(0..=255).contains(&lun) => errors.invalid(&path.child("lun"), lun, "must be between 0 and 255, inclusive"),
            Some(_) => {}
        },
        (false, true) => {}
    }
}

pub fn csi_driver(name: &str, path: &Path, errors: &mut ErrorList) {
    required(name, path, errors);
    if name.len() > DRIVER_LENGTH {
        errors.too_long(path, DRIVER_LENGTH);
    }
    errors.invalid_each(path, name, dns_subdomain(&name.to_lowercase()).into_iter().filter(|_| !name.is_empty()));
}
