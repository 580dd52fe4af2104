//! StorageObjectInUseProtection: claims, volumes and classes of attributes are held back from deletion while
//! they are used.

use serde_json::Value;

use super::Request;
use crate::api::status::Status;

pub(super) fn admit(request: &Request, object: &mut Value) -> Result<(), Status> {
    let finalizer = if request.creates("persistentvolumeclaims") {
        "kubernetes.io/pvc-protection"
    } else if request.creates("persistentvolumes") {
        "kubernetes.io/pv-protection"
    } else if request.creates("volumeattributesclasses") {
        "kubernetes.io/vac-protection"
    } else {
        return Ok(());
    };
    let finalizers = &mut object["metadata"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(present) if present.iter().any(|name| name == finalizer) => {}
        Some(present) => present.push(finalizer.into()),
        None => *finalizers = vec![finalizer].into(),
    }
    Ok(())
}
