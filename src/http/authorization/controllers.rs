//! What the service accounts of controllers may do, by upstream's names and for upstream's reasons (`system:controller:…` of RBAC's default
//! roles). No other account may do anything to objects.

use crate::http::request::Resource;

/// Verbs, and the resources that they go with: `*` is all of them, `pods/status` a subresource.
type Rule = (&'static str, &'static str);

/// All of them also write events.
const EVENTS: Rule = ("create update patch", "events events.events.k8s.io");

const CONTROLLERS: [(&str, &[Rule]); 14] = [
    ("endpoint-controller", &[("get list watch", "services pods"), ("get list watch create update delete", "endpoints")]),
    (
        "endpointslice-controller",
        &[("get list watch", "services pods nodes"), ("get list watch create update delete", "endpointslices.discovery.k8s.io")],
    ),
    (
        "endpointslicemirroring-controller",
        &[("get list watch", "services endpoints"), ("get list watch create update delete", "endpointslices.discovery.k8s.io")],
    ),
    ("generic-garbage-collector", &[("get list watch patch update delete", "*")]),
    (
        "namespace-controller",
        &[
            ("get list watch delete", "namespaces"),
            ("update", "namespaces/finalize namespaces/status"),
            ("get list delete deletecollection", "*"),
        ],
    ),
    (
        "node-controller",
        &[
            ("get list watch update patch delete", "nodes"),
            ("patch update", "nodes/status"),
            ("get list watch delete", "pods"),
            ("patch", "pods/status"),
        ],
    ),
    ("pod-garbage-collector", &[("get list watch delete", "pods"), ("get list watch", "nodes"), ("patch", "pods/status")]),
    ("pv-protection-controller", &[("get list watch update", "persistentvolumes")]),
    ("pvc-protection-controller", &[("get list watch update", "persistentvolumeclaims"), ("get list watch", "pods")]),
    (
        "replication-controller",
        &[
            ("get list watch update", "replicationcontrollers"),
            ("update", "replicationcontrollers/status"),
            ("list watch create delete patch", "pods"),
        ],
    ),
    ("resourcequota-controller", &[("list watch", "*"), ("update", "resourcequotas/status")]),
    ("root-ca-cert-publisher", &[("list watch", "namespaces"), ("get list watch create update", "configmaps")]),
    ("service-account-controller", &[("list watch", "namespaces"), ("get list watch create", "serviceaccounts")]),
    ("taint-eviction-controller", &[("get list watch delete", "pods"), ("get list watch", "nodes"), ("patch", "pods/status")]),
];

/// What the service account of that name in `kube-system` may do.
pub fn rules(account: &str) -> impl Iterator<Item = &'static Rule> {
    let own = CONTROLLERS.iter().find(|(name, _)| *name == account).map(|(_, rules)| *rules);
    own.into_iter().flat_map(|rules| rules.iter().chain([&EVENTS]))
}

/// Whether the service account of that name in `kube-system` may.
pub fn may(account: &str, verb: &str, resource: &Resource) -> bool {
    let mut asked = resource.plural.clone();
    for (mark, part) in [('.', &resource.group), ('/', &resource.subresource)] {
        if !part.is_empty() {
            asked.extend([mark]);
            asked.push_str(part);
        }
    }
    let names = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    let covers = |resources: &str| names(resources, &asked) || resources == "*" && resource.subresource.is_empty();
    rules(account).any(|(verbs, resources)| names(verbs, verb) && covers(resources))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(account: &str, verb: &str, resource: &str) -> bool {
        let (plural, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let (plural, group) = plural.split_once('.').unwrap_or((plural, ""));
        let [group, plural, subresource] = [group, plural, subresource].map(str::to_owned);
        may(account, verb, &Resource { group, plural, subresource, ..Resource::default() })
    }

    #[test]
    fn a_controller_does_its_work_and_nothing_else() {
        for (account, verb, resource, expected) in [
            ("replication-controller", "create", "pods", true),
            ("replication-controller", "create", "pods/exec", false),
            ("replication-controller", "update", "replicationcontrollers/status", true),
            ("replication-controller", "get", "secrets", false),
            ("replication-controller", "create", "events", true),
            ("endpointslice-controller", "delete", "endpointslices.discovery.k8s.io", true),
            ("endpointslice-controller", "delete", "endpointslices", false),
            ("generic-garbage-collector", "delete", "leases.coordination.k8s.io", true),
            ("generic-garbage-collector", "create", "serviceaccounts/token", false),
            ("resourcequota-controller", "get", "pods", false),
            ("default", "create", "events", false),
        ] {
            assert_eq!(asks(account, verb, resource), expected, "{account} {verb} {resource}");
        }
    }
}
