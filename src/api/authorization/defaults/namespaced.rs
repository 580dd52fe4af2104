//! The roles and bindings of the system's namespaces.

/// Namespace, name, rules.
pub const ROLES: [(&str, &str, &str); 7] = [
    ("kube-system", "extension-apiserver-authentication-reader", "get list watch | - | configmaps | extension-apiserver-authentication"),
    ("kube-system", "system:controller:bootstrap-signer", "get list watch | - | secrets"),
    ("kube-system", "system:controller:cloud-provider", "create get list watch | - | configmaps"),
    (
        "kube-system",
        "system:controller:token-cleaner",
        "delete get list watch | - | secrets\ncreate patch update | - events.k8s.io | events",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-controller-manager",
        "watch | - | configmaps\nget update | - | configmaps | kube-controller-manager",
    ),
    ("kube-system", "system::leader-locking-kube-scheduler", "watch | - | configmaps\nget update | - | configmaps | kube-scheduler"),
    (
        "kube-public",
        "system:controller:bootstrap-signer",
        "get list watch | - | configmaps
        update | - | configmaps | cluster-info
        create patch update | - events.k8s.io | events",
    ),
];

/// Namespace, name, role, subjects.
pub const BINDINGS: [(&str, &str, &str, &str); 7] = [
    (
        "kube-system",
        "system::extension-apiserver-authentication-reader",
        "extension-apiserver-authentication-reader",
        "user:system:kube-controller-manager user:system:kube-scheduler",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-controller-manager",
        "system::leader-locking-kube-controller-manager",
        "user:system:kube-controller-manager account:kube-controller-manager",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-scheduler",
        "system::leader-locking-kube-scheduler",
        "user:system:kube-scheduler account:kube-scheduler",
    ),
    ("kube-system", "system:controller:bootstrap-signer", "system:controller:bootstrap-signer", "account:bootstrap-signer"),
    ("kube-system", "system:controller:cloud-provider", "system:controller:cloud-provider", "account:cloud-provider"),
    ("kube-system", "system:controller:token-cleaner", "system:controller:token-cleaner", "account:token-cleaner"),
    ("kube-public", "system:controller:bootstrap-signer", "system:controller:bootstrap-signer", "account:bootstrap-signer"),
];
