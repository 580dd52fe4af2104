//! Volumes: what a pod's spec asks for, made real on its node.

mod payload;
mod token;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EmptyDirVolumeSource, PersistentVolume, PersistentVolumeClaim, Pod, ProjectedVolumeSource, Secret, Volume,
};

use super::context::Context;
use super::files::{Empty, Ownership, Payload, Place};
use super::spec::{self, NodeFacts};
use crate::api::quantity::Quantity;
use crate::api::status::Status;
use crate::runtime::containers::Mount;

pub use token::Tokens;

/// Where each volume of a pod is.
pub type Mounted = BTreeMap<String, PathBuf>;

/// Makes a pod's volumes, or brings them up to date: config maps, secrets, tokens and the downward API change while a pod runs.
///
/// # Errors
/// Each volume that cannot be made, as an event says it. The others are made all the same.
pub async fn mount(context: &Context, pod: &Pod, node: NodeFacts<'_>, tokens: &mut Tokens) -> Result<Mounted, Vec<String>> {
    let (mut mounted, mut failures) = (Mounted::new(), Vec::new());
    let mut maker = Maker { context, pod, node, tokens };
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        match maker.make(volume).await {
            Ok(path) => drop(mounted.insert(volume.name.clone(), path)),
            Err(error) => failures.push(format!("MountVolume.SetUp failed for volume {:?} : {error}", volume.name)),
        }
    }
    if failures.is_empty() { Ok(mounted) } else { Err(failures) }
}

/// The mounts of a container.
///
/// # Errors
/// A volume is not there, or a `subPath` leads out of it.
pub async fn mounts(context: &Context, container: &Container, mounted: &Mounted, env: &[(String, String)]) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let volume = mounted.get(&mount.name).ok_or_else(|| format!("volume {:?} is not mounted", mount.name))?;
        let value = |name: &str| env.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let relative = match (&mount.sub_path, &mount.sub_path_expr) {
            (Some(path), _) if !path.is_empty() => Some(path.clone()),
            (_, Some(template)) if !template.is_empty() => Some(spec::expand(template, value)),
            _ => None,
        };
        let source = match relative {
            Some(relative) => {
                let place = context.machine.files.sub_path(volume, &relative).await;
                place.map_err(|error| format!("failed to prepare subPath for volumeMount {:?}: {error}", mount.name))?
            }
            None => volume.clone(),
        };
        mounts.push(spec::mount(source, mount));
    }
    Ok(mounts)
}

/// Whether any volume of a pod may change while it runs.
pub fn may_change(pod: &Pod) -> bool {
    let changes = |volume: &Volume| {
        volume.config_map.is_some() || volume.secret.is_some() || volume.projected.is_some() || volume.downward_api.is_some()
    };
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).any(changes)
}

struct Maker<'a> {
    context: &'a Context,
    pod: &'a Pod,
    node: NodeFacts<'a>,
    tokens: &'a mut Tokens,
}

impl Maker<'_> {
    fn uid(&self) -> &str {
        self.pod.metadata.uid.as_deref().unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn ownership(&self) -> Ownership {
        Ownership { group: spec::fs_group(self.pod), user: None }
    }

    async fn make(&mut self, volume: &Volume) -> Result<PathBuf, String> {
        let path = format!("volumes/{}", volume.name);
        if let Some(empty) = &volume.empty_dir {
            return self.empty(&path, empty).await;
        }
        if let Some(host) = &volume.host_path {
            let kind = host.type_.as_deref().unwrap_or_default();
            return self.context.machine.files.host_path(Path::new(&host.path), kind).await.map_err(|error| error.to_string());
        }
        if let Some(claim) = &volume.persistent_volume_claim {
            return self.claimed(&claim.claim_name).await;
        }
        let payload = if let Some(source) = &volume.config_map {
            let map = self.config_map(&source.name, source.optional).await?;
            payload::config_map(&map, source.items.as_deref(), source.default_mode, source.optional)?
        } else if let Some(source) = &volume.secret {
            let secret = self.secret(source.secret_name.as_deref().unwrap_or_default(), source.optional).await?;
            payload::secret(&secret, source.items.as_deref(), source.default_mode, source.optional)?
        } else if let Some(source) = &volume.downward_api {
            payload::downward(self.pod, source.items.as_deref(), source.default_mode, self.node)?
        } else if let Some(source) = &volume.projected {
            self.projected(&volume.name, source).await?
        } else {
            return Err("this kind of volume is not supported".to_owned());
        };
        let place = Place { pod: self.uid(), path: &path };
        self.context.machine.files.write(place, &payload, self.ownership()).await.map_err(|error| error.to_string())
    }

    async fn empty(&self, path: &str, empty: &EmptyDirVolumeSource) -> Result<PathBuf, String> {
        let limit = empty.size_limit.as_ref().and_then(|limit| limit.0.parse::<Quantity>().ok());
        let empty = Empty {
            memory: empty.medium.as_deref() == Some("Memory"),
            size_limit_bytes: limit.and_then(|limit| u64::try_from(limit.value()).ok()).filter(|limit| *limit > 0),
            ownership: self.ownership(),
        };
        let place = Place { pod: self.uid(), path };
        self.context.machine.files.empty(place, empty).await.map_err(|error| error.to_string())
    }

    /// The directory of the node behind a claim. Claim and volume must name each other: a volume that is somebody else's is not looked into.
    async fn claimed(&self, claim: &str) -> Result<PathBuf, String> {
        let text = |error: Status| error.message;
        let claim = self.context.client.typed::<PersistentVolumeClaim>().get(self.namespace(), claim).await.map_err(text)?;
        let is_bound = claim.status.and_then(|status| status.phase).as_deref() == Some("Bound");
        let name = claim.spec.and_then(|spec| spec.volume_name).filter(|name| is_bound && !name.is_empty());
        let name = name.ok_or("the claim is not bound to a volume")?;
        let volume = self.context.client.typed::<PersistentVolume>().get("", &name).await.map_err(text)?;
        let spec = volume.spec.unwrap_or_default();
        if spec.claim_ref.and_then(|reference| reference.uid) != claim.metadata.uid {
            return Err(format!("the volume {name} is bound to another claim"));
        }
        let (path, kind) = match (spec.host_path, spec.local) {
            (Some(host), _) => (host.path, host.type_.unwrap_or_default()),
            (None, Some(local)) => (local.path, "Directory".to_owned()),
            (None, None) => return Err("this kind of persistent volume is not supported".to_owned()),
        };
        self.context.machine.files.host_path(Path::new(&path), &kind).await.map_err(|error| error.to_string())
    }

    async fn config_map(&self, name: &str, optional: Option<bool>) -> Result<ConfigMap, String> {
        absent_if_optional(self.context.client.typed::<ConfigMap>().get(self.namespace(), name).await, optional)
    }

    async fn secret(&self, name: &str, optional: Option<bool>) -> Result<Secret, String> {
        absent_if_optional(self.context.client.typed::<Secret>().get(self.namespace(), name).await, optional)
    }

    async fn projected(&mut self, volume: &str, projected: &ProjectedVolumeSource) -> Result<Payload, String> {
        let mode = projected.default_mode;
        let mut all = Payload::new();
        for (index, source) in projected.sources.iter().flatten().enumerate() {
            if let Some(source) = &source.config_map {
                let map = self.config_map(&source.name, source.optional).await?;
                all.extend(payload::config_map(&map, source.items.as_deref(), mode, source.optional)?);
            }
            if let Some(source) = &source.secret {
                let secret = self.secret(&source.name, source.optional).await?;
                all.extend(payload::secret(&secret, source.items.as_deref(), mode, source.optional)?);
            }
            if let Some(source) = &source.downward_api {
                all.extend(payload::downward(self.pod, source.items.as_deref(), mode, self.node)?);
            }
            if let Some(source) = &source.service_account_token {
                let token = self.tokens.get(self.context, self.pod, (volume, index), source).await?;
                // Only who needs a token may read it: its group where there is one, else everybody in the pod.
                let mode = if spec::fs_group(self.pod).is_some() { 0o600 } else { payload::mode(None, mode) };
                all.extend([(source.path.clone(), payload::content(token.into_bytes(), mode))]);
            }
        }
        Ok(all)
    }
}

/// An optional object that does not exist counts as an empty one.
fn absent_if_optional<T: Default>(result: Result<T, Status>, optional: Option<bool>) -> Result<T, String> {
    match result {
        Err(error) if error.is_not_found() && optional == Some(true) => Ok(T::default()),
        result => result.map_err(|error| error.message),
    }
}
