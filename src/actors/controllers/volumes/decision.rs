//! What to do about a claim, and about a volume.

use std::sync::Arc;

use super::matching::{best, mismatch};
use super::views::{Claim, Volume};
use crate::actors::events::Severity;

/// Something that is to be said about a claim or volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub severity: Severity,
    pub reason: &'static str,
    pub message: String,
}

impl Remark {
    fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Normal, reason, message: message.into() }
    }

    fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, reason, message: message.into() }
    }
}

/// What becomes of a claim.
#[derive(Debug)]
pub enum ClaimStep {
    Bind(Arc<Volume>),
    /// There is no volume for it yet.
    Wait(Option<Remark>),
    /// What it was bound to is gone, and cannot come back.
    Lose(Remark),
}

/// `named` is the volume of the name that the claim gives; `offered` are those that might suit.
pub fn claim(claim: &Claim, named: Option<&Arc<Volume>>, offered: &[Arc<Volume>]) -> ClaimStep {
    match (claim.completed, claim.volume.is_empty()) {
        (true, _) => bound_claim(claim, named),
        (false, false) => choosing_claim(claim, named),
        (false, true) => match best(claim, offered) {
            Some(volume) => ClaimStep::Bind(volume),
            None => ClaimStep::Wait(Some(nothing_found(claim))),
        },
    }
}

/// Nobody makes volumes here, whatever the class.
fn nothing_found(claim: &Claim) -> Remark {
    match claim.class.as_str() {
        "" => Remark::normal("FailedBinding", "no persistent volumes available for this claim and no storage class is set"),
        class => Remark::warning("ProvisioningFailed", format!("storageclass.storage.k8s.io {class:?} not found")),
    }
}

fn choosing_claim(claim: &Claim, named: Option<&Arc<Volume>>) -> ClaimStep {
    let Some(volume) = named else { return ClaimStep::Wait(None) };
    if volume.is_for(claim) {
        return ClaimStep::Bind(volume.clone());
    }
    if volume.claim.is_some() {
        let message = format!("volume {:?} already bound to a different claim.", volume.name);
        return ClaimStep::Wait(Some(Remark::warning("FailedBinding", message)));
    }
    match mismatch(claim, volume) {
        None => ClaimStep::Bind(volume.clone()),
        Some(why) => {
            let message = format!("Cannot bind to requested volume {:?}: {why}", volume.name);
            ClaimStep::Wait(Some(Remark::warning("VolumeMismatch", message)))
        }
    }
}

fn bound_claim(claim: &Claim, named: Option<&Arc<Volume>>) -> ClaimStep {
    let lost = |reason, message: &str| ClaimStep::Lose(Remark::warning(reason, message));
    match named {
        _ if claim.volume.is_empty() => {
            lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")
        }
        None => lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"),
        Some(volume) if volume.claim.as_ref().is_none_or(|reserved| reserved.uid == claim.uid) => ClaimStep::Bind(volume.clone()),
        Some(_) => lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly"),
    }
}

/// What becomes of a volume.
#[derive(Debug, PartialEq, Eq)]
pub enum VolumeStep {
    /// The claim's turn will settle it.
    Leave,
    Phase(&'static str),
    /// Its claim went elsewhere.
    Unbind,
    /// Its claim is gone, or has another volume.
    Release,
}

/// `claim` is the one that the volume names, if it is that very one.
pub fn volume(volume: &Volume, claim: Option<&Claim>) -> VolumeStep {
    if volume.is_free() {
        return VolumeStep::Phase("Available");
    }
    match claim {
        None => VolumeStep::Release,
        Some(claim) if claim.volume.is_empty() => VolumeStep::Leave,
        Some(claim) if claim.volume == volume.name => VolumeStep::Phase("Bound"),
        Some(_) if volume.provisioned_by.is_some() && volume.policy == "Delete" => VolumeStep::Release,
        Some(_) => VolumeStep::Unbind,
    }
}

/// What the reclaim policy cannot do for a released volume: nobody here deletes or cleans what a volume holds. `None` if there is nothing to do, or
/// if it is somebody else's to do.
pub fn reclaim(volume: &Volume) -> Option<Remark> {
    match volume.policy.as_str() {
        "Recycle" => Some(Remark::warning("VolumeFailedRecycle", "No recycler plugin found for the volume!")),
        "Delete" if volume.provisioned_by.as_ref().is_some_and(|name| !name.starts_with("kubernetes.io/")) => None,
        "Delete" => {
            let message = match &volume.host_path {
                Some(path) if !path.starts_with("/tmp/") => format!("host_path deleter only supports /tmp/.+ but received provided {path}"),
                _ => format!("error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched", volume.name),
            };
            Some(Remark::warning("VolumeFailedDelete", message))
        }
        _ => None,
    }
}
