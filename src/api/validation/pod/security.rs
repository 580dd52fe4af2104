//! Security contexts of pods and containers.

use k8s_openapi::api::core::v1::{AppArmorProfile, PodSpec, SeccompProfile, SecurityContext, Sysctl};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::api::validation::format::account_number;
use crate::api::validation::words::{one_of, required_one_of};
use crate::api::validation::{ErrorList, Path, file_path};

const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
const SYSCTL: &str =
    "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// A struct as errors show it: by the names that its fields have in Go.
pub fn struct_of(value: &impl Serialize) -> Value {
    fn capitalised(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (capital(&name), capitalised(value))).collect::<Map<_, _>>().into()
            }
            Value::Array(items) => items.into_iter().map(capitalised).collect(),
            other => other,
        }
    }
    fn capital(name: &str) -> String {
        let mut letters = name.chars();
        letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    }
    serde_json::to_value(value).map(capitalised).unwrap_or_default()
}

fn account(number: Option<i64>, path: &Path, errors: &mut ErrorList) {
    if let Some(number) = number
        && let Some(why) = account_number(number)
    {
        errors.invalid(path, number, why);
    }
}

/// A container's. `host_users` is false where the pod has a user namespace of its own.
pub fn container(context: Option<&SecurityContext>, host_users: bool, path: &Path, errors: &mut ErrorList) {
    let Some(context) = context else { return };
    account(context.run_as_user, &path.child("runAsUser"), errors);
    account(context.run_as_group, &path.child("runAsGroup"), errors);
    if let Some(mount) = context.proc_mount.as_deref() {
        one_of(Some(mount), &["Default", "Unmasked"], &path.child("procMount"), errors);
        if mount == "Unmasked" && host_users {
            errors.invalid(&path.child("procMount"), mount, "`hostUsers` must be false to use `Unmasked`");
        }
    }
    seccomp(context.seccomp_profile.as_ref(), &path.child("seccompProfile"), errors);
    if context.allow_privilege_escalation == Some(false) {
        if context.privileged == Some(true) {
            errors.invalid(path, struct_of(context), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        let added = context.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        for _ in added.filter(|capability| *capability == "CAP_SYS_ADMIN") {
            errors.invalid(path, struct_of(context), "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
        }
    }
    app_armor(context.app_armor_profile.as_ref(), &path.child("appArmorProfile"), errors);
}

/// A pod's, and what of the pod's namespaces goes with it.
pub fn pod(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    let Some(context) = &spec.security_context else { return };
    account(context.fs_group, &path.child("fsGroup"), errors);
    account(context.run_as_user, &path.child("runAsUser"), errors);
    account(context.run_as_group, &path.child("runAsGroup"), errors);
    for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
        account(Some(*group), &path.child("supplementalGroups").index(index), errors);
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        errors.invalid(&path.child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    sysctls(context.sysctls.as_deref().unwrap_or_default(), spec, &path.child("sysctls"), errors);
    one_of(context.fs_group_change_policy.as_deref(), &["Always", "OnRootMismatch"], &path.child("fsGroupChangePolicy"), errors);
    seccomp(context.seccomp_profile.as_ref(), &path.child("seccompProfile"), errors);
    one_of(context.supplemental_groups_policy.as_deref(), &["Merge", "Strict"], &path.child("supplementalGroupsPolicy"), errors);
    one_of(context.se_linux_change_policy.as_deref(), &["MountOption", "Recursive"], &path.child("seLinuxChangePolicy"), errors);
    app_armor(context.app_armor_profile.as_ref(), &path.child("appArmorProfile"), errors);
}

fn sysctls(sysctls: &[Sysctl], spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    for (index, sysctl) in sysctls.iter().enumerate() {
        let at = path.index(index);
        let (at, name) = (at.child("name"), sysctl.name.as_str());
        if name.is_empty() {
            errors.required(&at, "");
        } else if !is_sysctl(name) {
            errors.invalid(&at, name, SYSCTL);
        } else if sysctls[..index].iter().any(|other| other.name == name) {
            errors.duplicate(&at, name);
        }
        let dotted = name.replace('/', ".");
        if dotted.starts_with("net.") && spec.host_network == Some(true) {
            errors.invalid(&at, name, "may not be specified when 'hostNetwork' is true");
        }
        let of_ipc = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];
        if of_ipc.iter().any(|prefix| dotted.starts_with(prefix)) && spec.host_ipc == Some(true) {
            errors.invalid(&at, name, "may not be specified when 'hostIPC' is true");
        }
    }
}

/// Segments of lower case letters, digits, `-` and `_`, between dots or slashes.
fn is_sysctl(name: &str) -> bool {
    let alphanumeric = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_segment = |segment: &str| {
        let allowed = |byte: u8| alphanumeric(Some(byte)) || byte == b'-' || byte == b'_';
        alphanumeric(segment.bytes().next()) && alphanumeric(segment.bytes().last()) && segment.bytes().all(allowed)
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_segment)
}

fn seccomp(profile: Option<&SeccompProfile>, path: &Path, errors: &mut ErrorList) {
    let Some(profile) = profile else { return };
    if profile.type_.is_empty() {
        errors.required(&path.child("type"), "type is required when seccompProfile is set");
    } else {
        required_one_of(Some(&profile.type_), &PROFILES, &path.child("type"), errors);
    }
    let at = path.child("localhostProfile");
    match &profile.localhost_profile {
        None if profile.type_ == "Localhost" => errors.required(&at, "must be set when seccomp type is Localhost"),
        Some(file) if profile.type_ == "Localhost" => file_path::descending(file, &at, errors),
        Some(_) => errors.invalid(&at, struct_of(profile), "can only be set when seccomp type is Localhost"),
        None => {}
    }
}

fn app_armor(profile: Option<&AppArmorProfile>, path: &Path, errors: &mut ErrorList) {
    let Some(profile) = profile else { return };
    let at = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", Some(name)) if !name.trim().is_empty() => {
            if name.trim() != name {
                errors.invalid(&at, name, "must not be padded with whitespace");
            }
        }
        ("Localhost", _) => errors.required(&at, "must be set when AppArmor type is Localhost"),
        ("RuntimeDefault" | "Unconfined", Some(name)) => errors.invalid(&at, name, "can only be set when AppArmor type is Localhost"),
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => errors.required(&path.child("type"), "type is required when appArmorProfile is set"),
        (other, _) => errors.not_supported(&path.child("type"), other, &PROFILES),
    }
}
