//! Who may do what, for every kind of somebody against every verb and resource: the authorizer against what the roles say, read here by the
//! letter, and against a table for who has no roles.

use kabuki::api::authorization::{RequestInfo, Resource, defaults};
use kabuki::api::kinds::Registry;
use kabuki::api::verbs::User;
use kabuki::runtime::store::Store;
use serde_json::{Value, json};

use super::world::{World, world};

const VERBS: [&str; 12] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "impersonate", "approve"];
/// What is no kind, and yet asked for.
const BESIDES: [(&str, &str, &str); 6] = [
    ("", "users", ""),
    ("", "groups", ""),
    ("authentication.k8s.io", "userextras", "scopes"),
    ("certificates.k8s.io", "signers", ""),
    ("authentication.k8s.io", "tokenreviews", ""),
    ("example.com", "widgets", ""),
];
const NAMES: [&str; 3] = ["", "x", "kubernetes.io/kube-apiserver-client-kubelet"];
const PATHS: [&str; 8] = ["/", "/api", "/api/v1", "/apis/apps", "/healthz", "/healthz/ping", "/metrics", "/version"];

fn somebody(name: &str, groups: &[&str]) -> User {
    User { name: name.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..User::default() }
}

fn account(namespace: &str, name: &str) -> User {
    let of = format!("system:serviceaccounts:{namespace}");
    somebody(&format!("system:serviceaccount:{namespace}:{name}"), &["system:serviceaccounts", &of, "system:authenticated"])
}

/// All bindings and roles as they stand in the store.
struct Letter {
    bindings: Vec<Value>,
    roles: Vec<Value>,
}

impl Letter {
    fn read(world: &World) -> Self {
        let snapshot = world.store.snapshot();
        let all = |collections: [&str; 2]| {
            let of = |collection: &str| snapshot.range(collection, "", None).map(|(_, object)| object.value()).collect::<Vec<_>>();
            collections.iter().flat_map(|collection| of(collection)).collect()
        };
        Self { bindings: all(["clusterrolebindings", "rolebindings"]), roles: all(["clusterroles", "roles"]) }
    }

    fn may(&self, user: &User, asked: &RequestInfo) -> bool {
        let place = asked.resource.as_ref().map_or("", |resource| &resource.namespace);
        self.bindings.iter().any(|binding| {
            let own = binding["metadata"]["namespace"].as_str();
            own.is_none_or(|own| own == place)
                && binding["subjects"].as_array().into_iter().flatten().any(|subject| Self::names(subject, user))
                && self.rules(binding, own).iter().any(|rule| Self::says(rule, asked))
        })
    }

    fn names(subject: &Value, user: &User) -> bool {
        let text = |field: &str| subject[field].as_str().unwrap_or_default();
        match text("kind") {
            "User" => user.name == text("name"),
            "Group" => user.groups.iter().any(|group| group == text("name")),
            _ => user.name == format!("system:serviceaccount:{}:{}", text("namespace"), text("name")),
        }
    }

    fn rules(&self, binding: &Value, namespace: Option<&str>) -> Vec<Value> {
        let reference = &binding["roleRef"];
        let is_it = |role: &&Value| {
            let place = if reference["kind"] == "Role" { namespace } else { None };
            role["metadata"]["name"] == reference["name"] && role["metadata"]["namespace"].as_str() == place
        };
        self.roles.iter().find(is_it).and_then(|role| role["rules"].as_array()).cloned().unwrap_or_default()
    }

    fn says(rule: &Value, asked: &RequestInfo) -> bool {
        let says = |field: &str, word: &str| rule[field].as_array().is_some_and(|words| words.contains(&json!(word)));
        let verb = says("verbs", "*") || says("verbs", &asked.verb);
        let Some(Resource { group, plural, name, subresource, .. }) = &asked.resource else {
            let urls = rule["nonResourceURLs"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fits = |url: &str| match url.strip_suffix('*') {
                Some(start) => asked.path.starts_with(start),
                None => asked.path == url,
            };
            return verb && urls.into_iter().any(fits);
        };
        let full = if subresource.is_empty() { plural.clone() } else { format!("{plural}/{subresource}") };
        let resource =
            says("resources", "*") || says("resources", &full) || !subresource.is_empty() && says("resources", &format!("*/{subresource}"));
        let named = rule["resourceNames"].as_array().is_none_or(Vec::is_empty) || says("resourceNames", name);
        verb && resource && named && (says("apiGroups", "*") || says("apiGroups", group))
    }
}

/// All that can be asked of resources and paths.
fn questions() -> Vec<RequestInfo> {
    let mut things: Vec<(String, String, String)> =
        BESIDES.iter().map(|(group, plural, below)| ((*group).into(), (*plural).into(), (*below).into())).collect();
    for kind in Registry::built_in().all() {
        let whole = ["".to_owned()].into_iter().chain(kind.subresources.iter().map(|below| below.name().to_owned()));
        things.extend(whole.map(|below| (kind.group().to_owned(), kind.plural().to_owned(), below)));
    }
    let mut all = Vec::new();
    for (group, plural, subresource) in things {
        for verb in VERBS {
            for namespace in ["", "default", "kube-system"] {
                all.extend(NAMES.iter().map(|name| {
                    let resource = Resource {
                        group: group.clone(),
                        plural: plural.clone(),
                        subresource: subresource.clone(),
                        namespace: namespace.to_owned(),
                        name: (*name).to_owned(),
                        ..Resource::default()
                    };
                    RequestInfo::of(verb, resource)
                }));
            }
        }
    }
    let path = |verb: &str, path: &str| RequestInfo { verb: verb.to_owned(), path: path.to_owned(), ..RequestInfo::default() };
    all.extend(PATHS.iter().flat_map(|of| ["get", "post"].map(|verb| path(verb, of))));
    all
}

/// What the controllers would have made of the sums, and some bindings of users.
async fn settle(world: &World) {
    defaults::found(&world.api).await.unwrap();
    let create = async |plural: &str, namespace: &str, body: Value| drop(world.create(plural, namespace, body).await.unwrap());
    let to = |kind: &str, role: &str, user: &str| {
        json!({"metadata": {"name": format!("{role}-{user}")}, "subjects": [{"kind": "User", "name": user}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}})
    };
    create("rolebindings", "default", to("ClusterRole", "system:aggregate-to-admin", "admin")).await;
    create("rolebindings", "default", to("ClusterRole", "system:aggregate-to-edit", "editor")).await;
    create("clusterrolebindings", "", to("ClusterRole", "system:aggregate-to-view", "viewer")).await;
    create("clusterrolebindings", "", to("ClusterRole", "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver", "approver"))
        .await;
    let acts = json!([{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["x"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes"], "verbs": ["impersonate"]}]);
    create("clusterroles", "", json!({"metadata": {"name": "acts"}, "rules": acts})).await;
    create("clusterrolebindings", "", to("ClusterRole", "acts", "impersonator")).await;
    create("rolebindings", "default", to("Role", "gone", "viewer")).await;
}

#[test]
fn everybody_may_what_the_roles_say_by_the_letter() {
    world(async |world| {
        settle(&world).await;
        let letter = Letter::read(&world);
        let users = [
            somebody("system:anonymous", &["system:unauthenticated"]),
            somebody("alice", &["system:authenticated"]),
            somebody("admin", &["system:authenticated"]),
            somebody("editor", &["system:authenticated"]),
            somebody("viewer", &["system:authenticated"]),
            somebody("approver", &["system:authenticated"]),
            somebody("impersonator", &["system:authenticated"]),
            somebody("watcher", &["system:monitoring", "system:authenticated"]),
            somebody("system:kube-scheduler", &["system:authenticated"]),
            somebody("system:kube-controller-manager", &["system:authenticated"]),
            account("kube-system", "replication-controller"),
            account("kube-system", "generic-garbage-collector"),
            account("kube-system", "bootstrap-signer"),
            account("default", "default"),
        ];
        let questions = questions();
        for user in &users {
            let mut granted = 0;
            for asked in &questions {
                let may = world.api.authorizer().may(user, asked);
                assert_eq!(may, letter.may(user, asked), "{} {asked:?}", user.name);
                granted += usize::from(may);
            }
            assert!(granted < questions.len(), "{}", user.name);
        }
        let master = somebody("root", &["system:masters"]);
        assert!(questions.iter().all(|asked| world.api.authorizer().may(&master, asked)));
    });
}

#[test]
fn a_node_may_what_is_its_own_and_nothing_of_another() {
    world(async |world| {
        settle(&world).await;
        world.pod("p", json!({"nodeName": "one", "volumes": [{"name": "v", "secret": {"secretName": "s"}}]})).await;
        let ask = |verb: &str, group: &str, thing: &str, namespace: &str, name: &str| {
            let (plural, subresource) = thing.split_once('/').unwrap_or((thing, ""));
            let [group, plural, subresource, namespace, name] = [group, plural, subresource, namespace, name].map(str::to_owned);
            RequestInfo::of(verb, Resource { group, plural, subresource, namespace, name, ..Resource::default() })
        };
        for (verb, group, thing, namespace, name, own, other) in [
            ("get", "", "pods", "default", "p", true, false),
            ("get", "", "secrets", "default", "s", true, false),
            ("list", "", "secrets", "default", "", false, false),
            ("get", "", "secrets", "default", "t", false, false),
            ("update", "", "secrets", "default", "s", false, false),
            ("get", "", "nodes", "", "one", true, false),
            ("patch", "", "nodes/status", "", "one", true, false),
            ("delete", "", "nodes", "", "one", false, false),
            ("create", "", "nodes", "", "", true, true),
            ("update", "coordination.k8s.io", "leases", "kube-node-lease", "one", true, false),
            ("update", "coordination.k8s.io", "leases", "default", "one", false, false),
            ("update", "storage.k8s.io", "csinodes", "", "one", true, false),
            ("create", "", "serviceaccounts/token", "default", "default", true, false),
            ("create", "", "events", "default", "", true, true),
            ("list", "", "services", "", "", true, true),
            ("create", "certificates.k8s.io", "certificatesigningrequests", "", "", true, true),
            ("update", "certificates.k8s.io", "certificatesigningrequests/approval", "", "x", false, false),
            ("create", "authorization.k8s.io", "subjectaccessreviews", "", "", true, true),
            ("create", "authentication.k8s.io", "tokenreviews", "", "", true, true),
            ("list", "node.k8s.io", "runtimeclasses", "", "", true, true),
            ("create", "apps", "deployments", "default", "", false, false),
            ("create", "rbac.authorization.k8s.io", "clusterrolebindings", "", "", false, false),
        ] {
            for (node, expected) in [("one", own), ("two", other)] {
                let user = somebody(&format!("system:node:{node}"), &["system:nodes", "system:authenticated"]);
                let asked = ask(verb, group, thing, namespace, name);
                assert_eq!(world.api.authorizer().may(&user, &asked), expected, "{node}: {asked:?}");
            }
        }
    });
}
