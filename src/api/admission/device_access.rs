//! What of a device claim depends on its namespace: administrators' access is for namespaces that are marked for it (KEP-5018).

use serde_json::Value;

use super::Request;
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::validation::{ErrorList, Path};

const LABEL: &str = "resource.kubernetes.io/admin-access";

pub(super) fn judge(request: &Request, object: Option<&Value>) -> Result<(), Status> {
    let Some(object) = object else { return Ok(()) };
    let spec = match request.kind.plural() {
        "resourceclaims" if request.creates("resourceclaims") => &object["spec"],
        "resourceclaimtemplates" if request.creates("resourceclaimtemplates") => &object["spec"]["spec"],
        _ => return Ok(()),
    };
    let requests = spec["devices"]["requests"].as_array();
    let Some(index) = requests.into_iter().flatten().position(|request| request["exactly"]["adminAccess"] == true) else { return Ok(()) };
    let namespace = request.find("namespaces", request.namespace).map(Object::value).unwrap_or_default();
    if namespace["metadata"]["labels"][LABEL] == "true" {
        return Ok(());
    }
    let path = Path::new("spec");
    let path = path.child("devices");
    let path = path.child("requests");
    let mut errors = ErrorList::default();
    let why = format!("admin access to devices requires the `{LABEL}: true` label on the containing namespace");
    errors.forbidden(&path.index(index).child("adminAccess"), &why);
    Err(Status::invalid(request.kind.group(), request.kind.kind(), request.name, &errors))
}
