//! Volume attachments.

use std::collections::BTreeMap;

use k8s_openapi::api::storage::v1::{VolumeAttachment, VolumeAttachmentSource, VolumeError};

use super::format::dns_subdomain;
use super::object_meta::object_meta;
use super::persistent_volume::inline_volume;
use super::volume_source::csi_driver;
use super::words::required;
use super::{ErrorList, IMMUTABLE, NameForm, Path, pod};

/// Keys and values of what a driver says of a volume: 256 KiB.
const METADATA_LENGTH: usize = 256 * 1024;
const ERROR_LENGTH: usize = 1024;

pub fn volume_attachment(attachment: &VolumeAttachment) -> ErrorList {
    let mut errors = whole(attachment);
    let path = Path::new("spec");
    csi_driver(&attachment.spec.attacher, &path.child("attacher"), &mut errors);
    if let Some(name) = attachment.spec.source.persistent_volume_name.as_deref() {
        errors.invalid_each(&path.child("source").child("persistentVolumeName"), name, dns_subdomain(name));
    }
    errors
}

fn whole(attachment: &VolumeAttachment) -> ErrorList {
    let mut errors = object_meta(&attachment.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let (spec, path) = (&attachment.spec, Path::new("spec"));
    required(&spec.attacher, &path.child("attacher"), &mut errors);
    source(&spec.source, &path.child("source"), &mut errors);
    errors.invalid_each(&path.child("nodeName"), &spec.node_name, dns_subdomain(&spec.node_name));
    let Some(status) = &attachment.status else { return errors };
    let path = Path::new("status");
    let length = |(key, value): (&String, &String)| key.len() + value.len();
    if status.attachment_metadata.iter().flat_map(BTreeMap::iter).map(length).sum::<usize>() > METADATA_LENGTH {
        errors.too_long(&path.child("attachmentMetadata"), METADATA_LENGTH);
    }
    volume_error(status.attach_error.as_ref(), &path.child("attachError"), &mut errors);
    volume_error(status.detach_error.as_ref(), &path.child("detachError"), &mut errors);
    errors
}

fn source(source: &VolumeAttachmentSource, path: &Path, errors: &mut ErrorList) {
    let one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (&source.inline_volume_spec, source.persistent_volume_name.as_deref()) {
        (None, None) => errors.required(path, one),
        (Some(_), Some(_)) => errors.forbidden(path, one),
        (None, Some("")) => errors.required(&path.child("persistentVolumeName"), "must specify non empty persistentVolumeName"),
        (None, Some(_)) => {}
        (Some(spec), None) => inline_volume(spec, &path.child("inlineVolumeSpec"), errors),
    }
}

fn volume_error(error: Option<&VolumeError>, path: &Path, errors: &mut ErrorList) {
    let Some(error) = error else { return };
    if error.message.as_deref().unwrap_or_default().len() > ERROR_LENGTH {
        // Upstream's own limit is not what it tells.
        errors.too_long(&path.child("message"), METADATA_LENGTH);
    }
    if let Some(code) = error.error_code.filter(|code| *code < 0) {
        errors.invalid(&path.child("errorCode"), code, "must be between 0 and 2147483647, inclusive");
    }
}

/// What is attached where does not change.
pub fn volume_attachment_update(new: &VolumeAttachment, old: &VolumeAttachment) -> ErrorList {
    let mut errors = whole(new);
    if new.spec != old.spec {
        errors.invalid(&Path::new("spec"), pod::struct_of(&new.spec), IMMUTABLE);
    }
    errors
}
