//! Labels of nodes that were renamed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Path;

/// The old label, since when it is old, and the new one.
const RENAMED: [(&str, &str, &str); 5] = [
    ("beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"),
    ("failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
    ("beta.kubernetes.io/instance-type", "v1.17", "node.kubernetes.io/instance-type"),
];

/// What is said of a label that has another name now.
pub fn renamed(label: &str) -> Option<String> {
    let (_, since, now) = RENAMED.iter().find(|(old, ..)| *old == label)?;
    Some(format!("deprecated since {since}; use {now:?} instead"))
}

/// The warnings of a selector of nodes.
pub fn selector_warnings(selector: Option<&LabelSelector>, path: &Path) -> Vec<String> {
    let Some(selector) = selector else { return Vec::new() };
    let expressions = selector.match_expressions.iter().flatten().enumerate();
    let by_expression = expressions.filter_map(|(index, expression)| {
        Some(format!("{}: {}", path.child("matchExpressions").index(index).child("key"), renamed(&expression.key)?))
    });
    let labels = selector.match_labels.iter().flatten();
    let by_label = labels.filter_map(|(label, _)| Some(format!("{}: {}", path.child("matchLabels").child(label), renamed(label)?)));
    by_expression.chain(by_label).collect()
}
