use std::path::PathBuf;

use k8s_openapi::api::core::v1::{AppArmorProfile, Container, Pod, PodSecurityContext, SeccompProfile, SecurityContext};

use crate::runtime::containers::{Capabilities, Seccomp, Security, User};

/// What a container's processes may do: its own security context before its pod's.
pub fn security(pod: &Pod, container: &Container) -> Security {
    let own = container.security_context.clone().unwrap_or_default();
    let pods = pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
    let capabilities = own.capabilities.clone().unwrap_or_default();
    let plain = |names: Option<Vec<String>>| {
        let names = names.unwrap_or_default().into_iter();
        names.map(|name| name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name)).collect()
    };
    let privileged = own.privileged == Some(true);
    Security {
        privileged,
        user: own.run_as_user.or(pods.run_as_user).and_then(id).map(User::Id),
        group: own.run_as_group.or(pods.run_as_group).and_then(id),
        supplementary_groups: supplementary_groups(&pods),
        capabilities: Capabilities { add: plain(capabilities.add), drop: plain(capabilities.drop) },
        read_only_root: own.read_only_root_filesystem == Some(true),
        no_new_privileges: own.allow_privilege_escalation == Some(false),
        seccomp: seccomp(privileged, own.seccomp_profile.as_ref().or(pods.seccomp_profile.as_ref())),
        apparmor: own.app_armor_profile.as_ref().or(pods.app_armor_profile.as_ref()).and_then(apparmor),
        unmasked_proc: own.proc_mount.as_deref() == Some("Unmasked"),
    }
}

fn id(id: i64) -> Option<u32> {
    u32::try_from(id).ok()
}

fn supplementary_groups(pods: &PodSecurityContext) -> Vec<u32> {
    pods.supplemental_groups.iter().flatten().copied().chain(pods.fs_group).filter_map(id).collect()
}

/// The group that owns a pod's volumes.
pub fn fs_group(pod: &Pod) -> Option<u32> {
    pod.spec.as_ref()?.security_context.as_ref()?.fs_group.and_then(id)
}

/// Without a profile nothing is confined (the kubelet's default).
fn seccomp(privileged: bool, profile: Option<&SeccompProfile>) -> Seccomp {
    match profile {
        _ if privileged => Seccomp::Unconfined,
        Some(profile) if profile.type_ == "RuntimeDefault" => Seccomp::RuntimeDefault,
        Some(SeccompProfile { type_, localhost_profile: Some(file) }) if type_ == "Localhost" => {
            Seccomp::File(PathBuf::from("/var/lib/kubelet/seccomp").join(file))
        }
        _ => Seccomp::Unconfined,
    }
}

fn apparmor(profile: &AppArmorProfile) -> Option<String> {
    match profile.type_.as_str() {
        "Localhost" => profile.localhost_profile.clone(),
        "Unconfined" => Some("unconfined".to_owned()),
        _ => None,
    }
}

/// Whether a container that must not run as root would; the error says why. `image_user` is whom its image names.
///
/// # Errors
/// `runAsNonRoot` is set, and the user is root or cannot be told not to be.
pub fn runs_as_root(pod: &Pod, container: &Container, image_user: Option<&User>) -> Result<(), String> {
    let own: SecurityContext = container.security_context.clone().unwrap_or_default();
    let pods = pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
    if own.run_as_non_root.or(pods.run_as_non_root) != Some(true) {
        return Ok(());
    }
    let name = &container.name;
    match (own.run_as_user.or(pods.run_as_user), image_user) {
        (Some(0), _) => Err(format!("container's runAsUser breaks non-root policy (container: {name})")),
        (Some(_), _) => Ok(()),
        (None, None | Some(User::Id(0))) => Err(format!("container has runAsNonRoot and image will run as root (container: {name})")),
        (None, Some(User::Id(_))) => Ok(()),
        (None, Some(User::Name(user))) => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root (container: {name})"
        )),
    }
}
