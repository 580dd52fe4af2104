//! What binding looks at: read once from each version of a claim and of a volume.

use k8s_openapi::api::core::v1::{self, PersistentVolumeClaimSpec, PersistentVolumeSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::actors::informer::ObjectKey;
use crate::actors::informer::index::storage_class;
use crate::api::object::Object;
use crate::api::quantity::Quantity;
use crate::api::selector::LabelSelector;

/// The other half of the binding was written by the controller, not by the user.
pub const BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// The claim has been bound, and is for ever after.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Who made a volume, and is the one to delete it.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// Whom a volume is kept for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    pub key: ObjectKey,
    /// Empty as long as a user only wishes it.
    pub uid: String,
}

/// A volume.
#[derive(Debug)]
pub struct Volume {
    pub object: Object,
    pub name: String,
    pub class: String,
    pub access_modes: Vec<String>,
    pub capacity: Option<Quantity>,
    pub mode: String,
    pub attributes_class: String,
    pub claim: Option<Reserved>,
    pub policy: String,
    pub host_path: Option<String>,
    pub phase: String,
    pub by_controller: bool,
    pub provisioned_by: Option<String>,
    pub leaving: bool,
}

impl Volume {
    /// It is that claim's, or is kept for a claim of that name.
    pub fn is_for(&self, claim: &Claim) -> bool {
        let reserved = self.claim.as_ref().filter(|reserved| reserved.key == claim.key);
        reserved.is_some_and(|reserved| reserved.uid.is_empty() || reserved.uid == claim.uid)
    }

    /// Nobody's yet, though perhaps kept for somebody.
    pub fn is_free(&self) -> bool {
        self.claim.as_ref().is_none_or(|reserved| reserved.uid.is_empty())
    }
}

/// A claim.
#[derive(Debug)]
pub struct Claim {
    pub object: Object,
    pub key: ObjectKey,
    pub uid: String,
    pub class: String,
    pub access_modes: Vec<String>,
    pub size: Option<Quantity>,
    pub mode: String,
    pub attributes_class: String,
    pub selector: Option<LabelSelector>,
    /// The volume that it has or, until it is bound, wants; empty for any.
    pub volume: String,
    pub completed: bool,
}

fn mode(text: Option<String>) -> String {
    text.unwrap_or_else(|| "Filesystem".to_owned())
}

fn storage(amounts: Option<&std::collections::BTreeMap<String, Text>>) -> Option<Quantity> {
    amounts?.get("storage")?.0.parse().ok()
}

impl From<&Object> for Volume {
    /// A volume that the API stored is well formed; if it is not, it suits nobody.
    fn from(object: &Object) -> Self {
        let v1::PersistentVolume { spec, status, .. } = object.parse().unwrap_or_default();
        let annotations = &object.meta().annotations;
        let PersistentVolumeSpec {
            access_modes,
            capacity,
            claim_ref,
            host_path,
            persistent_volume_reclaim_policy,
            volume_attributes_class_name,
            volume_mode,
            ..
        } = spec.unwrap_or_default();
        let claim = claim_ref.map(|claim| Reserved {
            key: ObjectKey::new(claim.namespace.unwrap_or_default(), claim.name.unwrap_or_default()),
            uid: claim.uid.unwrap_or_default(),
        });
        Self {
            object: object.clone(),
            name: object.name().to_owned(),
            class: storage_class(object),
            access_modes: access_modes.unwrap_or_default(),
            capacity: storage(capacity.as_ref()),
            mode: mode(volume_mode),
            attributes_class: volume_attributes_class_name.unwrap_or_default(),
            claim,
            policy: persistent_volume_reclaim_policy.unwrap_or_default(),
            host_path: host_path.map(|host| host.path),
            phase: status.and_then(|status| status.phase).unwrap_or_default(),
            by_controller: annotations.contains_key(BY_CONTROLLER),
            provisioned_by: annotations.get(PROVISIONED_BY).cloned(),
            leaving: object.meta().deletion_timestamp.is_some(),
        }
    }
}

impl From<&Object> for Claim {
    /// A claim that the API stored is well formed; if it is not, it asks for what nobody has.
    fn from(object: &Object) -> Self {
        let v1::PersistentVolumeClaim { spec, .. } = object.parse().unwrap_or_default();
        let PersistentVolumeClaimSpec { access_modes, resources, selector, volume_attributes_class_name, volume_mode, volume_name, .. } =
            spec.unwrap_or_default();
        Self {
            object: object.clone(),
            key: object.into(),
            uid: object.uid().to_owned(),
            class: storage_class(object),
            access_modes: access_modes.unwrap_or_default(),
            size: resources.and_then(|resources| storage(resources.requests.as_ref())),
            mode: mode(volume_mode),
            attributes_class: volume_attributes_class_name.unwrap_or_default(),
            selector: selector.and_then(|selector| LabelSelector::from_spec(&selector).ok()),
            volume: volume_name.unwrap_or_default(),
            completed: object.meta().annotations.contains_key(BIND_COMPLETED),
        }
    }
}
