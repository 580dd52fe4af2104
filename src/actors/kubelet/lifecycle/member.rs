use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod};

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the next one.
    Init,
    /// An init container that stays (`restartPolicy: Always`, KEP-753).
    Sidecar,
    Main,
    /// Added to a running pod to look at it; never restarted.
    Ephemeral,
}

/// A container of a pod's spec.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    pub role: Role,
    pub spec: Cow<'a, Container>,
    /// The container that an ephemeral one looks into.
    pub target: Option<String>,
}

impl Member<'_> {
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Where it stands in the pod's spec, as events name it.
    pub fn field_path(&self) -> String {
        let list = match self.role {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        };
        format!("spec.{list}{{{}}}", self.name())
    }
}

/// All containers of a pod: init containers and sidecars in their order, then the main ones, then ephemeral ones.
pub fn members(pod: &Pod) -> Vec<Member<'_>> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let init = spec.init_containers.iter().flatten().map(|container| {
        let role = if container.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
        Member { role, spec: Cow::Borrowed(container), target: None }
    });
    let main = spec.containers.iter().map(|container| Member { role: Role::Main, spec: Cow::Borrowed(container), target: None });
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|container| {
        let target = container.target_container_name.clone().filter(|name| !name.is_empty());
        Member { role: Role::Ephemeral, spec: plain(container), target }
    });
    init.chain(main).chain(ephemeral).collect()
}

/// An ephemeral container is a container in all that it has.
fn plain(ephemeral: &EphemeralContainer) -> Cow<'static, Container> {
    let value = serde_json::to_value(ephemeral).unwrap_or_default();
    Cow::Owned(serde_json::from_value(value).unwrap_or_else(|_| Container { name: ephemeral.name.clone(), ..Container::default() }))
}
