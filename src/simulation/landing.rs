//! Where pods land: what became of those of another cluster. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::scene::Scene;

/// Where a pod is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// `namespace/name`.
    pub pod: String,
    pub uid: String,
    /// The UID of what owns it.
    pub owner: Option<String>,
    /// `None` if it is not bound.
    pub node: Option<String>,
    /// Why it is not bound, or has failed.
    pub why: String,
    pub has_failed: bool,
}

/// What became of a pod that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Landing {
    /// `namespace/name`.
    pub pod: String,
    pub fate: Fate,
    /// The pod that was there before, in whose place it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The node of the pod that was there before.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Why it waits or has failed, as its status says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// How it ended with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Another one is on another node in its place.
    Moved,
    /// It is on a node, and was on none before.
    Placed,
    /// It is on no node.
    Pending,
    /// Its node did not take it, or it ended.
    Failed,
    /// It is there no more, and nothing is in its place.
    Gone,
}

/// What became of all pods, and how many are where they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Landings {
    pub stayed: usize,
    /// By fate, then by name.
    pub pods: Vec<Landing>,
}

impl Landings {
    /// How many pods there are of a fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.pods.iter().filter(|landing| landing.fate == fate).count()
    }
}

/// Compares two moments. Of what one owner lost and gained, one pod is in the place of another, in the order of their names.
pub(super) fn landings(before: &[Spot], after: &[Spot]) -> Landings {
    let known: BTreeMap<&str, &Spot> = before.iter().map(|spot| (&*spot.uid, spot)).collect();
    let (stayed, new): (Vec<&Spot>, Vec<&Spot>) = after.iter().partition(|spot| known.contains_key(&*spot.uid));
    let uids: BTreeSet<&str> = stayed.iter().map(|spot| &*spot.uid).collect();
    let mut lost: BTreeMap<Option<&str>, VecDeque<&Spot>> = BTreeMap::new();
    for spot in sorted(before.iter().filter(|spot| !uids.contains(&*spot.uid))) {
        lost.entry(spot.owner.as_deref()).or_default().push_back(spot);
    }
    let mut landings = Landings::default();
    for spot in stayed {
        let was = known[&*spot.uid];
        if was.node.is_some() && was.node == spot.node && !spot.has_failed {
            landings.stayed += 1;
        } else {
            landings.pods.push(landing(spot, Some(was)));
        }
    }
    for spot in sorted(new.into_iter()) {
        // What nobody owns is in nobody's place.
        let was = spot.owner.as_deref().and_then(|owner| lost.get_mut(&Some(owner))?.pop_front());
        landings.pods.push(landing(spot, was));
    }
    let gone = |spot: &Spot| Landing {
        pod: spot.pod.clone(),
        fate: Fate::Gone,
        replaces: None,
        from: spot.node.clone(),
        to: None,
        why: String::new(),
    };
    landings.pods.extend(lost.into_values().flatten().map(gone));
    landings.pods.sort_by(|one, other| (one.fate, &one.pod).cmp(&(other.fate, &other.pod)));
    landings
}

fn sorted<'a>(spots: impl Iterator<Item = &'a Spot>) -> Vec<&'a Spot> {
    let mut spots: Vec<&Spot> = spots.collect();
    spots.sort_by(|one, other| one.pod.cmp(&other.pod));
    spots
}

fn landing(spot: &Spot, was: Option<&Spot>) -> Landing {
    let from = was.and_then(|was| was.node.clone());
    let fate = match (&from, &spot.node) {
        _ if spot.has_failed => Fate::Failed,
        (_, None) => Fate::Pending,
        (None, Some(_)) => Fate::Placed,
        (Some(_), Some(_)) => Fate::Moved,
    };
    let replaces = was.filter(|was| was.uid != spot.uid).map(|was| was.pod.clone());
    Landing { pod: spot.pod.clone(), fate, replaces, from, to: spot.node.clone(), why: spot.why.clone() }
}

impl Scene {
    /// Where all pods are that are not being deleted.
    pub(super) fn spots(&self) -> Vec<Spot> {
        let standing = self.pods().filter(|(_, view, _)| view.meta.deletion_timestamp.is_none());
        let spot = |view: &super::View, pod: &super::PodView| Spot {
            pod: format!("{}/{}", view.meta.namespace, view.meta.name),
            uid: view.meta.uid.clone(),
            owner: view.meta.owner_references.first().map(|owner| owner.uid.clone()),
            node: Some(pod.node.clone()).filter(|node| !node.is_empty()),
            why: pod.why.clone(),
            has_failed: pod.phase == "Failed",
        };
        standing.map(|(_, view, pod)| spot(view, pod)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(pod: &str, owner: &str, node: &str) -> Spot {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Spot { pod: pod.to_owned(), uid: pod.to_owned(), owner: some(owner), node: some(node), ..Spot::default() }
    }

    #[test]
    fn what_an_owner_made_is_in_the_place_of_what_it_lost() {
        let before = [spot("a-1", "a", "n1"), spot("a-2", "a", "n2"), spot("b-1", "b", "n1"), spot("bare", "", "n1"), spot("late", "", "")];
        let waits = Spot { why: "0/2 nodes are available".into(), ..spot("b-9", "b", "") };
        let after = [spot("a-2", "a", "n2"), spot("a-9", "a", "n2"), waits, spot("late", "", "n2"), spot("c-1", "c", "n2")];
        let landings = landings(&before, &after);
        let lines: Vec<String> =
            landings.pods.iter().map(|l| format!("{:?} {} {:?} {:?} {:?} {}", l.fate, l.pod, l.replaces, l.from, l.to, l.why)).collect();
        assert_eq!(
            lines,
            [
                "Moved a-9 Some(\"a-1\") Some(\"n1\") Some(\"n2\") ",
                "Placed c-1 None None Some(\"n2\") ",
                "Placed late None None Some(\"n2\") ",
                "Pending b-9 Some(\"b-1\") Some(\"n1\") None 0/2 nodes are available",
                "Gone bare None Some(\"n1\") None ",
            ]
        );
        assert_eq!((landings.stayed, landings.count(Fate::Placed)), (1, 2));
    }
}
