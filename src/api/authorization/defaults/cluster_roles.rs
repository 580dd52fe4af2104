//! The cluster roles that every cluster has, but for those of its controllers (the page "Using RBAC Authorization", "Default roles and role
//! bindings").

/// A role's name, into which role it is aggregated (`aggregate-to-` that), and its rules.
pub type ClusterRole = (&'static str, &'static str, &'static str);

/// Roles that are the sum of others: what they are called is what others are labelled with.
pub const SUMS: [(&str, &str); 3] = [("admin", ""), ("edit", "admin"), ("view", "edit")];

pub const ROLES: [ClusterRole; 26] = [
    ("cluster-admin", "", "* | * | *\n* | url | *"),
    ("system:discovery", "", "get | url | /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"),
    (
        "system:basic-user",
        "",
        "create | authorization.k8s.io | selfsubjectaccessreviews selfsubjectrulesreviews
        create | authentication.k8s.io | selfsubjectreviews",
    ),
    ("system:public-info-viewer", "", "get | url | /healthz /livez /readyz /version /version/"),
    (
        "system:aggregate-to-admin",
        "admin",
        "create | authorization.k8s.io | localsubjectaccessreviews
        create delete deletecollection get list patch update watch | rbac.authorization.k8s.io | rolebindings roles",
    ),
    ("system:aggregate-to-edit", "edit", EDIT),
    ("system:aggregate-to-view", "view", VIEW),
    ("system:heapster", "", "get list watch | - | events namespaces nodes pods\nget list watch | extensions | deployments"),
    ("system:node", "", NODE),
    (
        "system:node-problem-detector",
        "",
        "get | - | nodes
        patch | - | nodes/status
        create patch update | - events.k8s.io | events",
    ),
    (
        "system:kubelet-api-admin",
        "",
        "get list watch | - | nodes
        proxy | - | nodes
        * | - | nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
    ),
    ("system:node-bootstrapper", "", "create get list watch | certificates.k8s.io | certificatesigningrequests"),
    (
        "system:auth-delegator",
        "",
        "create | authentication.k8s.io | tokenreviews
        create | authorization.k8s.io | subjectaccessreviews",
    ),
    ("system:kube-aggregator", "", "get list watch | - | endpoints services"),
    ("system:kube-controller-manager", "", CONTROLLER_MANAGER),
    ("system:kube-dns", "", "list watch | - | endpoints services"),
    (
        "system:persistent-volume-provisioner",
        "",
        "create delete get list watch | - | persistentvolumes
        get list update watch | - | persistentvolumeclaims
        get list watch | storage.k8s.io | storageclasses
        watch | - | events
        create patch update | - events.k8s.io | events",
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        "",
        "create | certificates.k8s.io | certificatesigningrequests/nodeclient",
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "",
        "create | certificates.k8s.io | certificatesigningrequests/selfnodeclient",
    ),
    (
        "system:certificates.k8s.io:kube-apiserver-client-approver",
        "",
        "approve | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client",
    ),
    (
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        "",
        "approve | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client-kubelet",
    ),
    ("system:certificates.k8s.io:kubelet-serving-approver", "", "approve | certificates.k8s.io | signers | kubernetes.io/kubelet-serving"),
    ("system:certificates.k8s.io:legacy-unknown-approver", "", "approve | certificates.k8s.io | signers | kubernetes.io/legacy-unknown"),
    ("system:kube-scheduler", "", SCHEDULER),
    (
        "system:volume-scheduler",
        "",
        "get list patch update watch | - | persistentvolumes
        get list watch | storage.k8s.io | storageclasses
        get list patch update watch | - | persistentvolumeclaims",
    ),
    (
        "system:node-proxier",
        "",
        "list watch | - | endpoints services
        get list watch | - | nodes
        create patch update | - events.k8s.io | events
        list watch | networking.k8s.io | servicecidrs
        list watch | discovery.k8s.io | endpointslices",
    ),
];

/// Those about paths alone, for who watches the cluster and who verifies its tokens.
pub const VIEWERS: [ClusterRole; 2] = [
    (
        "system:monitoring",
        "",
        "get | url | /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*
        get | - | nodes/metrics",
    ),
    (
        "system:service-account-issuer-discovery",
        "",
        "get | url | /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
    ),
];

const EDIT: &str = "
    get list watch | - | pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy
    impersonate | - | serviceaccounts
    create delete deletecollection patch update | - | pods pods/attach pods/exec pods/portforward pods/proxy
    create | - | pods/eviction
    create delete deletecollection patch update | - | configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy
    create | - | serviceaccounts/token
    create delete deletecollection patch update | apps | daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale
    create delete deletecollection patch update | autoscaling | horizontalpodautoscalers
    create delete deletecollection patch update | batch | cronjobs jobs
    create delete deletecollection patch update | extensions | daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale
    create delete deletecollection patch update | policy | poddisruptionbudgets
    create delete deletecollection patch update | networking.k8s.io | ingresses networkpolicies
    create delete deletecollection get list patch update watch | coordination.k8s.io | leases
    create delete deletecollection patch update | resource.k8s.io | resourceclaims resourceclaimtemplates";

const VIEW: &str = "
    get list watch | - | configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status
    get list watch | - | bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status
    get list watch | - | namespaces
    get list watch | discovery.k8s.io | endpointslices
    get list watch | apps | controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status
    get list watch | autoscaling | horizontalpodautoscalers horizontalpodautoscalers/status
    get list watch | batch | cronjobs cronjobs/status jobs jobs/status
    get list watch | extensions | daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale
    get list watch | policy | poddisruptionbudgets poddisruptionbudgets/status
    get list watch | networking.k8s.io | ingresses ingresses/status networkpolicies
    get list watch | resource.k8s.io | resourceclaims resourceclaims/status resourceclaimtemplates";

/// What a node may do besides what its pods need; its authorizer narrows most of it down to its own.
pub const NODE: &str = "
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | localsubjectaccessreviews subjectaccessreviews
    get list watch | - | services
    create get list watch | - | nodes
    patch update | - | nodes/status
    patch update | - | nodes
    create patch update | - events.k8s.io | events
    get list watch | - | pods
    create delete | - | pods
    patch update | - | pods/status
    create | - | pods/eviction
    get list watch | - | configmaps secrets
    get | - | persistentvolumeclaims persistentvolumes
    get | - | endpoints
    create get list watch | certificates.k8s.io | certificatesigningrequests
    create delete get patch update | coordination.k8s.io | leases
    get | storage.k8s.io | volumeattachments
    create | - | serviceaccounts/token
    get patch update | - | persistentvolumeclaims/status
    get list watch | storage.k8s.io | csidrivers
    create delete get patch update | storage.k8s.io | csinodes
    get list watch | node.k8s.io | runtimeclasses
    get | resource.k8s.io | resourceclaims
    deletecollection | resource.k8s.io | resourceslices
    get | - | serviceaccounts";

const CONTROLLER_MANAGER: &str = "
    create patch update | - events.k8s.io | events
    create | coordination.k8s.io | leases
    get update | coordination.k8s.io | leases | kube-controller-manager
    create | - | secrets serviceaccounts
    delete | - | secrets
    get | - | configmaps namespaces secrets serviceaccounts
    update | - | secrets serviceaccounts
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | subjectaccessreviews
    list watch | * | *
    create | - | serviceaccounts/token";

const SCHEDULER: &str = "
    create patch update | - events.k8s.io | events
    create | coordination.k8s.io | leases
    get list update watch | coordination.k8s.io | leases | kube-scheduler
    create delete deletecollection get list patch update watch | coordination.k8s.io | leasecandidates
    get list watch | - | nodes
    delete get list watch | - | pods
    create | - | bindings pods/binding
    patch update | - | pods/status
    get list watch | - | replicationcontrollers services
    get list watch | apps extensions | replicasets
    get list watch | apps | statefulsets
    get list watch | policy | poddisruptionbudgets
    get list watch | - | persistentvolumeclaims persistentvolumes
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | subjectaccessreviews
    get list watch | storage.k8s.io | csinodes
    get list watch | - | namespaces
    get list watch | storage.k8s.io | csidrivers
    get list watch | storage.k8s.io | csistoragecapacities
    get list watch | resource.k8s.io | deviceclasses
    get list patch update watch | resource.k8s.io | resourceclaims
    get list patch update watch | resource.k8s.io | resourceclaims/status
    get list watch | resource.k8s.io | resourceslices";

/// Whom a cluster role is bound to everywhere: `user:`, `group:` and `account:` (of `kube-system`) by name.
pub const BINDINGS: [(&str, &str, &str); 12] = [
    ("cluster-admin", "cluster-admin", "group:system:masters"),
    ("system:monitoring", "system:monitoring", "group:system:monitoring"),
    ("system:discovery", "system:discovery", "group:system:authenticated"),
    ("system:basic-user", "system:basic-user", "group:system:authenticated"),
    ("system:public-info-viewer", "system:public-info-viewer", "group:system:authenticated group:system:unauthenticated"),
    ("system:node-proxier", "system:node-proxier", "user:system:kube-proxy"),
    ("system:kube-controller-manager", "system:kube-controller-manager", "user:system:kube-controller-manager"),
    ("system:kube-dns", "system:kube-dns", "account:kube-dns"),
    ("system:kube-scheduler", "system:kube-scheduler", "user:system:kube-scheduler"),
    ("system:volume-scheduler", "system:volume-scheduler", "user:system:kube-scheduler"),
    // Nodes have an authorizer of their own.
    ("system:node", "system:node", ""),
    ("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", "group:system:serviceaccounts"),
];
