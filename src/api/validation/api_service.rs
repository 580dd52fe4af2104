//! API services.

use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

use super::format::{Wrong, dns_1035_label, dns_subdomain, path_segment};
use super::object_meta::{named_object_meta, object_meta_update};
use super::words::{one_of, required};
use super::{ErrorList, Path};

const GROUP_PRIORITY: i32 = 20000;
const VERSION_PRIORITY: i32 = 1000;

pub fn api_service(service: &APIService) -> ErrorList {
    let spec = service.spec.clone().unwrap_or_default();
    let (group, version) = (spec.group.unwrap_or_default(), spec.version.unwrap_or_default());
    let wanted = format!("{version}.{group}");
    let mut errors = named_object_meta(&service.metadata, false, |name| named(name, &wanted), &Path::new("metadata"));
    let path = Path::new("spec");
    match group.as_str() {
        "" if version != "v1" => errors.required(&path.child("group"), "only v1 may have an empty group and it better be legacy kube"),
        "" => {}
        group => errors.invalid_each(&path.child("group"), group, dns_subdomain(group)),
    }
    errors.invalid_each(&path.child("version"), &version, dns_1035_label(&version));
    let priorities = [
        ("groupPriorityMinimum", spec.group_priority_minimum, GROUP_PRIORITY),
        ("versionPriority", spec.version_priority, VERSION_PRIORITY),
    ];
    for (field, priority, most) in priorities {
        if !(1..=most).contains(&priority) {
            errors.invalid(&path.child(field), priority, &format!("must be positive and less than {most}"));
        }
    }
    let bundle = spec.ca_bundle.map_or(0, |bundle| bundle.0.len());
    let insecure = spec.insecure_skip_tls_verify == Some(true);
    let (bundle_path, insecure_path) = (path.child("caBundle"), path.child("insecureSkipTLSVerify"));
    let Some(behind) = spec.service else {
        if bundle > 0 {
            errors.invalid(&bundle_path, &format!("{bundle} bytes"), "local APIServices may not have a caBundle");
        }
        if insecure {
            errors.invalid(&insecure_path, true, "local APIServices may not have insecureSkipTLSVerify");
        }
        return errors;
    };
    let path = path.child("service");
    required(behind.namespace.as_deref().unwrap_or_default(), &path.child("namespace"), &mut errors);
    required(behind.name.as_deref().unwrap_or_default(), &path.child("name"), &mut errors);
    if insecure && bundle > 0 {
        errors.invalid(&insecure_path, true, "may not be true if caBundle is present");
    }
    errors
}

/// The name says version and group.
fn named(name: &str, wanted: &str) -> Wrong {
    match path_segment(name) {
        wrong if !wrong.is_empty() => wrong,
        _ if name != wanted => vec![format!("must be `spec.version+\".\"+spec.group`: {wanted:?}")],
        _ => Wrong::new(),
    }
}

pub fn api_service_update(new: &APIService, old: &APIService) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(api_service(new));
    errors
}

pub fn api_service_status_update(new: &APIService, old: &APIService) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let path = Path::new("status");
    let path = path.child("conditions");
    for (index, condition) in new.status.iter().flat_map(|status| status.conditions.iter().flatten()).enumerate() {
        one_of(Some(&condition.status), &["True", "False", "Unknown"], &path.index(index).child("status"), &mut errors);
    }
    errors
}
