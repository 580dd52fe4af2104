//! Which volume suits a claim.

use std::sync::Arc;

use super::views::{Claim, Volume};

/// The volume to bind a claim to: one that is kept for it, else the smallest of those that suit, looked for first among those that can be used
/// in the fewest ways. Of equals the first.
pub fn best(claim: &Claim, volumes: &[Arc<Volume>]) -> Option<Arc<Volume>> {
    let usable = volumes.iter().filter(|volume| volume.claim.is_none() || volume.is_for(claim));
    let usable = usable.filter(|volume| !volume.leaving && has_modes(claim, volume) && is_large_enough(claim, volume));
    let usable = usable.filter(|volume| volume.mode == claim.mode && volume.attributes_class == claim.attributes_class);
    // A volume that was kept for the claim need not be of its class.
    let suiting = usable.filter(|volume| volume.is_for(claim) || is_on_offer(claim, volume));
    suiting.min_by_key(|volume| (volume.access_modes.len(), &volume.access_modes, !volume.is_for(claim), volume.capacity)).cloned()
}

fn has_modes(claim: &Claim, volume: &Volume) -> bool {
    claim.access_modes.iter().all(|mode| volume.access_modes.contains(mode))
}

fn is_large_enough(claim: &Claim, volume: &Volume) -> bool {
    claim.size.is_some() && volume.capacity >= claim.size
}

/// To whoever asks for such a volume.
fn is_on_offer(claim: &Claim, volume: &Volume) -> bool {
    let selected = claim.selector.as_ref().is_none_or(|selector| selector.matches(volume.object.labels()));
    volume.phase == "Available" && volume.class == claim.class && selected
}

/// What keeps a claim from the volume that it names, in upstream's words.
pub fn mismatch(claim: &Claim, volume: &Volume) -> Option<String> {
    let why = if volume.leaving {
        return Some(format!("the volume is marked for deletion {:?}", volume.name));
    } else if !is_large_enough(claim, volume) {
        "requested PV is too small"
    } else if volume.class != claim.class {
        "storageClassName does not match"
    } else if volume.mode != claim.mode {
        "incompatible volumeMode"
    } else if volume.attributes_class != claim.attributes_class {
        "VolumeAttributesClassName does not match"
    } else if !has_modes(claim, volume) {
        "incompatible accessMode"
    } else {
        return None;
    };
    Some(why.to_owned())
}
