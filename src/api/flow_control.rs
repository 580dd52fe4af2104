//! The flow schemas and priority levels that a server has from its start (KEP-1040): those that it cannot be without, and those that it suggests.

use serde_json::{Value, json};

/// Says that the server keeps the object as it suggests it.
const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";

const MANDATORY: [&str; 2] = ["exempt", "catch-all"];

/// Name, shares, share of the shares that may be lent (percent), and queues with the size of a hand of them.
type Level = (&'static str, u32, u32, Option<(u32, u32)>);

const LEVELS: [Level; 7] = [
    ("catch-all", 5, 0, None),
    ("system", 30, 33, Some((64, 6))),
    ("node-high", 40, 25, Some((64, 6))),
    ("leader-election", 10, 0, Some((16, 4))),
    ("workload-high", 40, 50, Some((128, 6))),
    ("workload-low", 100, 90, Some((128, 6))),
    ("global-default", 20, 50, Some((128, 6))),
];

/// How long a queue may get.
const QUEUE_LENGTH: u32 = 50;

const EVERYBODY: [&str; 2] = ["system:unauthenticated", "system:authenticated"];

/// A level that no server is without.
pub fn mandatory_level(name: &str) -> Option<Value> {
    MANDATORY.contains(&name).then(|| levels().into_iter().find(|level| level["metadata"]["name"] == name)).flatten()
}

/// A schema that no server is without.
pub fn mandatory_schema(name: &str) -> Option<Value> {
    MANDATORY.contains(&name).then(|| schemas().into_iter().find(|schema| schema["metadata"]["name"] == name)).flatten()
}

pub fn levels() -> Vec<Value> {
    let exempt = json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}});
    let limited = LEVELS.iter().map(|(name, shares, lendable, queues)| {
        let response = match queues {
            None => json!({"type": "Reject"}),
            Some((queues, hand)) => {
                json!({"type": "Queue", "queuing": {"queues": queues, "handSize": hand, "queueLengthLimit": QUEUE_LENGTH}})
            }
        };
        let limited = json!({"nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response});
        object(name, json!({"type": "Limited", "limited": limited}))
    });
    std::iter::once(object("exempt", exempt)).chain(limited).collect()
}

pub fn schemas() -> Vec<Value> {
    let controllers = [user("system:kube-controller-manager"), user("system:kube-scheduler"), account("*")];
    let elections = |namespace: &str| {
        json!([
            resources(&["get", "create", "update"], "", &["endpoints", "configmaps"], namespace),
            resources(&["get", "create", "update"], "coordination.k8s.io", &["leases"], "*"),
        ])
    };
    let mut nodes = resources(&["*"], "", &["nodes", "nodes/status"], "*");
    nodes["clusterScope"] = true.into();
    let node_leases = resources(&["*"], "coordination.k8s.io", &["leases"], "*");
    let probes = json!([{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}]);
    vec![
        schema("exempt", "exempt", 1, "", all(&groups(&["system:masters"]))),
        schema("catch-all", "catch-all", 10000, "ByUser", all(&groups(&EVERYBODY))),
        schema("system-nodes", "system", 500, "ByUser", all(&groups(&["system:nodes"]))),
        schema(
            "system-node-high",
            "node-high",
            400,
            "ByUser",
            json!({"subjects": groups(&["system:nodes"]), "resourceRules": [nodes, node_leases]}),
        ),
        schema("probes", "exempt", 2, "", json!({"subjects": groups(&EVERYBODY), "nonResourceRules": probes})),
        schema(
            "system-leader-election",
            "leader-election",
            100,
            "ByUser",
            json!({"subjects": controllers, "resourceRules": elections("kube-system")}),
        ),
        schema(
            "workload-leader-election",
            "leader-election",
            200,
            "ByUser",
            json!({"subjects": [account("*")], "resourceRules": elections("*")}),
        ),
        schema("endpoint-controller", "workload-high", 150, "ByUser", endpoint_controllers()),
        schema("kube-controller-manager", "workload-high", 800, "ByNamespace", all(&[user("system:kube-controller-manager")])),
        schema("kube-scheduler", "workload-high", 800, "ByNamespace", all(&[user("system:kube-scheduler")])),
        schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", all(&[account("*")])),
        schema("service-accounts", "workload-low", 9000, "ByUser", all(&groups(&["system:serviceaccounts"]))),
        schema("global-default", "global-default", 9900, "ByUser", all(&groups(&EVERYBODY))),
    ]
}

fn endpoint_controllers() -> Value {
    let subjects = [user("system:kube-controller-manager"), account("endpoint-controller"), account("endpointslicemirroring-controller")];
    json!({"subjects": subjects, "resourceRules": [resources(&["get", "create", "update"], "", &["endpoints"], "*")]})
}

fn object(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name, "annotations": {AUTO_UPDATE: "true"}}, "spec": spec})
}

fn schema(name: &str, level: &str, precedence: u32, distinguisher: &str, rule: Value) -> Value {
    let mut spec = json!({
        "priorityLevelConfiguration": {"name": level},
        "matchingPrecedence": precedence,
        "rules": [rule],
    });
    if !distinguisher.is_empty() {
        spec["distinguisherMethod"] = json!({"type": distinguisher});
    }
    object(name, spec)
}

/// Whatever the subjects ask for.
fn all(subjects: &[Value]) -> Value {
    let mut everything = resources(&["*"], "*", &["*"], "*");
    everything["clusterScope"] = true.into();
    json!({
        "subjects": subjects,
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    })
}

fn resources(verbs: &[&str], group: &str, resources: &[&str], namespace: &str) -> Value {
    json!({"verbs": verbs, "apiGroups": [group], "resources": resources, "namespaces": [namespace]})
}

fn groups(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({"kind": "Group", "group": {"name": name}})).collect()
}

fn user(name: &str) -> Value {
    json!({"kind": "User", "user": {"name": name}})
}

/// A service account of `kube-system`.
fn account(name: &str) -> Value {
    json!({"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": "kube-system"}})
}
