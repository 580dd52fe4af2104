//! PersistentVolumeClaimResize: a claim grows once it is bound, and if its class allows that.

use serde_json::Value;

use super::{Operation, Request};
use crate::api::object::Object;
use crate::api::quantity::Quantity;
use crate::api::status::Status;

pub(super) fn judge(request: &Request, claim: Option<&Value>) -> Result<(), Status> {
    let (Some(claim), Some(old)) = (claim, request.old) else { return Ok(()) };
    if request.operation != Operation::Update || !request.writes("persistentvolumeclaims") || size(claim) <= size(old) {
        return Ok(());
    }
    if old["status"]["phase"] != "Bound" {
        return Err(request.forbidden("Only bound persistent volume claims can be expanded"));
    }
    let name = class_name(claim);
    let class = request.find("storageclasses", name).filter(|_| !name.is_empty() && name == class_name(old)).map(Object::value);
    if class.is_some_and(|class| class["allowVolumeExpansion"] == true) {
        return Ok(());
    }
    let why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
    Err(request.forbidden(why))
}

fn size(claim: &Value) -> Quantity {
    claim["spec"]["resources"]["requests"]["storage"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn class_name(claim: &Value) -> &str {
    let annotation = claim["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].as_str();
    annotation.or_else(|| claim["spec"]["storageClassName"].as_str()).unwrap_or_default()
}
