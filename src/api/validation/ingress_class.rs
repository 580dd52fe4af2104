//! Ingress classes.

use k8s_openapi::api::networking::v1::{IngressClass, IngressClassParametersReference};

use super::format::{dns_label, dns_subdomain};
use super::ingress::reference;
use super::object_meta::{object_meta, object_meta_update};
use super::{ErrorList, NameForm, Path};

const CONTROLLER_LENGTH: usize = 250;
const SCOPES: [&str; 2] = ["Cluster", "Namespace"];
const PATH: &str = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";

pub fn ingress_class(class: &IngressClass) -> ErrorList {
    let mut errors = object_meta(&class.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let spec = class.spec.clone().unwrap_or_default();
    let path = Path::new("spec");
    controller(spec.controller.as_deref().unwrap_or_default(), &path.child("controller"), &mut errors);
    if let Some(one) = &spec.parameters {
        parameters(one, &path.child("parameters"), &mut errors);
    }
    errors
}

/// A path within a domain: `example.com/controller`.
fn controller(controller: &str, path: &Path, errors: &mut ErrorList) {
    if controller.is_empty() {
        return errors.required(path, "");
    }
    if controller.len() > CONTROLLER_LENGTH {
        errors.too_long(path, CONTROLLER_LENGTH);
    }
    match controller.split_once('/') {
        Some((domain, rest)) if !domain.is_empty() && !rest.is_empty() => {
            errors.invalid_each(path, domain, dns_subdomain(domain));
            if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte)) {
                errors.invalid(path, rest, PATH);
            }
        }
        _ => errors.invalid(path, controller, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

fn parameters(parameters: &IngressClassParametersReference, path: &Path, errors: &mut ErrorList) {
    reference(parameters.api_group.as_deref(), &parameters.kind, &parameters.name, path, errors);
    let at = path.child("namespace");
    match (parameters.scope.as_deref(), parameters.namespace.as_deref()) {
        (None, _) => errors.required(&path.child("scope"), ""),
        (Some("Namespace"), None) => errors.required(&at, "`parameters.scope` is set to 'Namespace'"),
        (Some("Namespace"), Some(namespace)) => errors.invalid_each(&at, namespace, dns_label(namespace)),
        (Some("Cluster"), Some(_)) => errors.forbidden(&at, "`parameters.scope` is set to 'Cluster'"),
        (Some("Cluster"), None) => {}
        (Some(other), _) => errors.not_supported(&path.child("scope"), other, &SCOPES),
    }
}

pub fn ingress_class_update(new: &IngressClass, old: &IngressClass) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let controller = |class: &IngressClass| class.spec.as_ref().and_then(|spec| spec.controller.clone()).unwrap_or_default();
    errors.immutable(&Path::new("spec").child("controller"), &controller(new), &controller(old), &controller(new));
    errors.extend(ingress_class(new));
    errors
}
