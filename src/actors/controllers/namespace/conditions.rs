//! What a namespace that is being deleted says about itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NamespaceCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Remains;

/// Type, reason and message of each condition while there is nothing to say; in the order in which they are shown.
const WELL: [(&str, &str, &str); 5] = [
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    ("NamespaceDeletionContentFailure", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentRemoved", "All content successfully removed"),
];

/// The conditions after a try to delete the content.
pub fn conditions(old: &[NamespaceCondition], remains: &Remains, now: Timestamp) -> Vec<NamespaceCondition> {
    let told = told(remains);
    let mut all: Vec<NamespaceCondition> = old.to_vec();
    for (kind, reason, message) in WELL {
        let trouble = told.get(kind);
        let status = if trouble.is_some() { "True" } else { "False" };
        let (reason, message) = trouble.cloned().unwrap_or_else(|| (reason, message.to_owned()));
        let at = all.iter().position(|condition| condition.type_ == kind);
        let since = at.filter(|at| all[*at].status == status).map_or(Some(Time(now)), |at| all[at].last_transition_time.clone());
        let condition = NamespaceCondition {
            type_: kind.into(),
            status: status.into(),
            last_transition_time: since,
            reason: Some(reason.into()),
            message: Some(message),
        };
        match at {
            Some(at) => all[at] = condition,
            None => all.push(condition),
        }
    }
    all
}

/// Reason and message of the conditions that hold.
fn told(remains: &Remains) -> BTreeMap<&'static str, (&'static str, String)> {
    let mut told = BTreeMap::new();
    if !remains.errors.is_empty() {
        let mut messages: Vec<&str> = remains.errors.iter().map(|error| error.message.as_str()).collect();
        messages.sort_unstable();
        let message = format!("Failed to delete all resource types, {} remaining: {}", messages.len(), messages.join(", "));
        told.insert("NamespaceDeletionContentFailure", ("ContentDeletionFailed", message));
    }
    if !remains.objects.is_empty() {
        let list: Vec<_> = remains.objects.iter().map(|(kind, count)| format!("{kind} has {count} resource instances")).collect();
        told.insert("NamespaceContentRemaining", ("SomeResourcesRemain", format!("Some resources are remaining: {}", list.join(", "))));
    }
    if !remains.finalizers.is_empty() {
        let list: Vec<_> = remains.finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
        told.insert(
            "NamespaceFinalizersRemaining",
            ("SomeFinalizersRemain", format!("Some finalizers are remaining: {}", list.join(", "))),
        );
    }
    told
}
