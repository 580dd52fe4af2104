//! Which endpoint slices to create, change and delete, so that they hold the endpoints wanted with few changes (KEP-752).

use std::collections::BTreeMap;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

/// Endpoints in one slice at most.
pub const CAPACITY: usize = 100;

/// What the endpoints of a slice have in common: the type of address, and the ports.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    pub address_type: String,
    pub ports: Vec<EndpointPort>,
}

/// A change to the slices.
#[derive(Clone, Debug, PartialEq)]
pub enum SliceOp {
    Create {
        common: Common,
        endpoints: Vec<Endpoint>,
    },
    /// The slice of that name is to have this.
    Update {
        name: String,
        common: Common,
        endpoints: Vec<Endpoint>,
    },
    Delete {
        name: String,
    },
}

/// A slice in the making.
struct Draft {
    name: String,
    common: Common,
    endpoints: Vec<Endpoint>,
    changed: bool,
}

/// Brings the slices to the endpoints wanted. `types` are those of which there is to be a slice even without endpoints; `stale` says of a
/// slice that something else about it has to be written.
pub fn plan(
    wanted: Vec<(Common, Vec<Endpoint>)>,
    types: &[&str],
    existing: &[EndpointSlice],
    stale: impl Fn(&EndpointSlice) -> bool,
) -> Vec<SliceOp> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut spare: Vec<(String, String)> = Vec::new();
    let mut missing = wanted;
    for slice in existing {
        let name = slice.metadata.name.clone().unwrap_or_default();
        let common = Common { address_type: slice.address_type.clone(), ports: slice.ports.clone().unwrap_or_default() };
        let kept = match missing.iter_mut().find(|(wanted, _)| *wanted == common) {
            Some((_, endpoints)) => keep(&slice.endpoints, endpoints),
            None => Vec::new(),
        };
        if kept.is_empty() {
            spare.push((name, slice.address_type.clone()));
        } else {
            let changed = stale(slice) || kept != slice.endpoints;
            drafts.push(Draft { name, common, endpoints: kept, changed });
        }
    }
    let mut fresh: Vec<(Common, Vec<Endpoint>)> = Vec::new();
    for (common, endpoints) in missing {
        fresh.extend(fill(&mut drafts, common, endpoints));
    }
    for address_type in types {
        let drafted = drafts.iter().map(|draft| &draft.common).chain(fresh.iter().map(|(common, _)| common));
        if drafted.into_iter().all(|common| common.address_type != *address_type) {
            fresh.push((Common { address_type: (*address_type).to_owned(), ports: Vec::new() }, Vec::new()));
        }
    }
    let changed = drafts.into_iter().filter(|draft| draft.changed);
    let mut ops: Vec<SliceOp> = changed.map(|Draft { name, common, endpoints, .. }| SliceOp::Update { name, common, endpoints }).collect();
    for (common, endpoints) in fresh {
        // A slice that is no longer needed is used again rather than deleted.
        match spare.iter().position(|(_, address_type)| *address_type == common.address_type) {
            Some(at) => {
                let (name, _) = spare.remove(at);
                let same = |slice: &&EndpointSlice| slice.metadata.name.as_ref() == Some(&name);
                let unchanged = existing.iter().find(same).is_some_and(|slice| {
                    !stale(slice) && slice.endpoints == endpoints && slice.ports.as_deref().unwrap_or_default() == common.ports
                });
                if !unchanged {
                    ops.push(SliceOp::Update { name, common, endpoints });
                }
            }
            None => ops.push(SliceOp::Create { common, endpoints }),
        }
    }
    ops.extend(spare.into_iter().map(|(name, _)| SliceOp::Delete { name }));
    ops
}

/// The endpoints of a slice that are still wanted, as they are wanted now. They are taken out of `wanted`.
fn keep(present: &[Endpoint], wanted: &mut Vec<Endpoint>) -> Vec<Endpoint> {
    let mut left: BTreeMap<Identity, Endpoint> =
        std::mem::take(wanted).into_iter().map(|endpoint| (identity(&endpoint), endpoint)).collect();
    let kept = present.iter().filter_map(|endpoint| left.remove(&identity(endpoint))).collect();
    *wanted = left.into_values().collect();
    kept
}

/// Puts endpoints into slices that change anyway, then into the fullest that takes all the rest; what is left makes new slices.
fn fill(drafts: &mut [Draft], common: Common, mut endpoints: Vec<Endpoint>) -> Vec<(Common, Vec<Endpoint>)> {
    let room = |draft: &Draft| CAPACITY.saturating_sub(draft.endpoints.len());
    for draft in drafts.iter_mut().filter(|draft| draft.changed && draft.common == common) {
        let count = room(draft).min(endpoints.len());
        draft.endpoints.extend(endpoints.drain(..count));
    }
    let rest = endpoints.len() % CAPACITY;
    if rest > 0 {
        let fitting = drafts.iter_mut().filter(|draft| draft.common == common && room(draft) >= rest);
        if let Some(draft) = fitting.min_by_key(|draft| room(draft)) {
            draft.endpoints.extend(endpoints.drain(..rest));
            draft.changed = true;
        }
    }
    endpoints.chunks(CAPACITY).map(|chunk| (common.clone(), chunk.to_vec())).collect()
}

type Identity = (Option<String>, Vec<String>);

/// What makes an endpoint the same one, whatever its conditions.
fn identity(endpoint: &Endpoint) -> Identity {
    (endpoint.target_ref.as_ref().and_then(|target| target.uid.clone()), endpoint.addresses.clone())
}
