//! What roles give, as clients meet it.

use hyper::Method;
use serde_json::{Value, json};

use super::site::{Client, Site, site};

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/n/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/n/rolebindings";
const CLUSTER_ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const CLUSTER_BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
const MAPS: &str = "/api/v1/namespaces/n/configmaps";

fn user<'a>(site: &'a Site, name: &str) -> Client<'a> {
    site.admin().with("impersonate-user", name)
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

/// A role and its binding to a user, in the namespace or (with paths for clusters) everywhere.
async fn grant(site: &Site, (roles, bindings, kind): (&str, &str, &str), name: &str, to: &str, rules: Value) {
    let admin = site.admin();
    let role = json!({"metadata": {"name": name}, "rules": rules});
    assert_eq!(admin.post(roles, &role.to_string()).await.code, 201);
    let binding = json!({"metadata": {"name": name}, "subjects": [{"kind": "User", "name": to}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}});
    assert_eq!(admin.post(bindings, &binding.to_string()).await.code, 201);
}

const HERE: (&str, &str, &str) = (ROLES, BINDINGS, "Role");
const EVERYWHERE: (&str, &str, &str) = (CLUSTER_ROLES, CLUSTER_BINDINGS, "ClusterRole");

#[test]
fn what_a_role_gives_counts_at_once_and_ends_with_its_binding() {
    site(async |site| {
        let alice = user(&site, "alice");
        assert_eq!(alice.get(MAPS).await.code, 403);
        grant(&site, HERE, "r", "alice", json!([rule(&[""], &["configmaps"], &["list"])])).await;
        assert_eq!(alice.get(MAPS).await.code, 200);
        assert_eq!(alice.get("/api/v1/namespaces/default/configmaps").await.code, 403);
        assert_eq!(site.admin().send(Method::DELETE, &format!("{BINDINGS}/r"), "").await.code, 200);
        assert_eq!(alice.get(MAPS).await.code, 403);
    });
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    site(async |site| {
        let may = json!([rule(&["rbac.authorization.k8s.io"], &["*"], &["create", "update"]), rule(&[""], &["configmaps"], &["get"])]);
        grant(&site, HERE, "r", "alice", may).await;
        let alice = user(&site, "alice");
        let role = |name: &str, rules: Value| json!({"metadata": {"name": name}, "rules": rules}).to_string();
        let less = role("less", json!([rule(&[""], &["configmaps"], &["get"])]));
        assert_eq!(alice.post(ROLES, &less).await.code, 201);
        let more = role("less", json!([rule(&[""], &["configmaps"], &["get", "list"])]));
        let why = "roles.rbac.authorization.k8s.io \"less\" is forbidden: user \"alice\" (groups=[\"system:authenticated\"]) is attempting to \
                   grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"list\"]}";
        assert_eq!(alice.send(Method::PUT, &format!("{ROLES}/less"), &more).await.failure(), (403, why.to_owned()));
        let binding = |role: &str| {
            json!({"metadata": {"name": "b"}, "subjects": [{"kind": "User", "name": "bob"}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}})
            .to_string()
        };
        let refused = alice.post(BINDINGS, &binding("view")).await;
        assert_eq!(refused.code, 201, "view has no rules before its controller runs: {refused:?}");
        assert_eq!(alice.post(BINDINGS, &binding("system:aggregate-to-view")).await.code, 403);
        assert_eq!(alice.post(BINDINGS, &binding("none")).await.code, 404);
        let bind = json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"],
            "resourceNames": ["system:aggregate-to-view"]});
        grant(&site, HERE, "binds", "alice", json!([bind])).await;
        let bound = json!({"metadata": {"name": "c"}, "subjects": [{"kind": "User", "name": "bob"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:aggregate-to-view"}});
        assert_eq!(alice.post(BINDINGS, &bound.to_string()).await.code, 201);
        assert_eq!(user(&site, "bob").get(MAPS).await.code, 200);
    });
}

#[test]
fn a_sum_of_roles_is_the_masters_to_make() {
    site(async |site| {
        let may = json!([rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &["create"])]);
        grant(&site, EVERYWHERE, "makes-roles", "alice", may).await;
        let sum =
            json!({"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, "rules": []});
        let (code, why) = user(&site, "alice").post(CLUSTER_ROLES, &sum.to_string()).await.failure();
        assert_eq!(code, 403);
        assert!(why.ends_with("must have cluster-admin privileges to use the aggregationRule"), "{why}");
        let escalates = json!([rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &["create", "escalate"])]);
        grant(&site, EVERYWHERE, "escalates", "bob", escalates).await;
        assert_eq!(user(&site, "bob").post(CLUSTER_ROLES, &sum.to_string()).await.code, 201);
    });
}

#[test]
fn who_may_act_as_somebody_may_not_act_as_others() {
    site(async |site| {
        let rules = json!([
            {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["bob"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes"], "verbs": ["impersonate"], "resourceNames": ["view"]},
        ]);
        let account = "system:serviceaccount:n:robot";
        grant(&site, EVERYWHERE, "acts", account, rules).await;
        let created = site.admin().post("/api/v1/namespaces/n/serviceaccounts", r#"{"metadata": {"name": "robot"}}"#).await;
        assert_eq!(created.code, 201);
        let token = site.admin().post("/api/v1/namespaces/n/serviceaccounts/robot/token", r#"{"spec": {}}"#).await.json();
        let bearer = format!("Bearer {}", token["status"]["token"].as_str().unwrap());
        let whoami = async |headers: &[(&'static str, &str)]| {
            let robot = site.nobody().with("authorization", &bearer);
            let robot = headers.iter().fold(robot, |robot, (name, value)| robot.with(name, value));
            let answer = robot.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}").await;
            (answer.code.as_u16(), answer.json())
        };
        let (code, bob) = whoami(&[("impersonate-user", "bob"), ("impersonate-extra-scopes", "view")]).await;
        assert_eq!((code, &bob["status"]["userInfo"]["username"]), (201, &json!("bob")), "{bob}");
        for (headers, expected) in [
            (&[("impersonate-user", "eve")][..], "users \"eve\" is forbidden"),
            (&[("impersonate-user", "bob"), ("impersonate-group", "g")], "groups \"g\" is forbidden"),
            (&[("impersonate-user", "bob"), ("impersonate-uid", "7")], "uids.authentication.k8s.io \"7\" is forbidden"),
            (&[("impersonate-user", "bob"), ("impersonate-extra-scopes", "all")], "userextras.authentication.k8s.io \"all\" is forbidden"),
            (&[("impersonate-user", "system:serviceaccount:n:x")], "serviceaccounts \"x\" is forbidden"),
        ] {
            let (code, status) = whoami(headers).await;
            assert_eq!(code, 403, "{status}");
            assert!(status["message"].as_str().unwrap().starts_with(expected), "{status}");
        }
    });
}

#[test]
fn whose_a_token_is_can_be_asked() {
    site(async |site| {
        let review = async |token: &str| {
            let body = json!({"spec": {"token": token}}).to_string();
            site.admin().post("/apis/authentication.k8s.io/v1/tokenreviews", &body).await
        };
        let admin = review(&site.identity.admin_token).await.json();
        assert_eq!((&admin["status"]["authenticated"], &admin["status"]["user"]["username"]), (&json!(true), &json!("kubernetes-admin")));
        assert_eq!(review("x.y.z").await.json()["status"], json!({"error": "invalid bearer token", "user": {}}));
        assert_eq!(review("").await.code, 400);
        assert_eq!(user(&site, "alice").post("/apis/authentication.k8s.io/v1/tokenreviews", "{}").await.code, 403);
    });
}

#[test]
fn a_role_that_is_broken_by_hand_is_completed_at_the_next_start() {
    site(async |site| {
        let path = format!("{CLUSTER_ROLES}/system:basic-user");
        let admin = site.admin();
        let before = admin.get(&path).await.json();
        let mut broken = before.clone();
        broken["rules"] = json!([]);
        assert_eq!(admin.send(Method::PUT, &path, &broken.to_string()).await.code, 200);
        assert_eq!(user(&site, "alice").post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}").await.code, 403);
        kabuki::api::authorization::defaults::found(&site.api).await.unwrap();
        assert_eq!(admin.get(&path).await.json()["rules"].as_array().unwrap().len(), 3, "a rule a resource");
        assert_eq!(user(&site, "alice").post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}").await.code, 201);
    });
}
