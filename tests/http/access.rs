//! Who may in.

use kabuki::api::tokens::{Bound, Claims, ISSUER, Reference, SecretClaims};
use kabuki::http::identity::Subject;
use kabuki::runtime::clock;
use serde_json::{Value, json};

use super::site::{Client, Site, site};

const SECRETS: &str = "/api/v1/namespaces/n/secrets";

async fn code(site: &Site, authorization: &str) -> u16 {
    site.nobody().with("authorization", authorization).get(SECRETS).await.code.as_u16()
}

#[test]
fn the_administrator_enters_by_certificate_or_token() {
    site(async |site| {
        assert_eq!(site.admin().get(SECRETS).await.code, 200);
        assert_eq!(code(&site, &format!("Bearer {}", site.identity.admin_token)).await, 200);
    });
}

#[test]
fn nobody_sees_only_what_is_public() {
    site(async |site| {
        for path in ["/livez", "/readyz", "/healthz", "/version"] {
            assert_eq!(site.nobody().get(path).await.code, 200, "{path}");
        }
        let forbidden =
            "secrets is forbidden: User \"system:anonymous\" cannot list resource \"secrets\" in API group \"\" in the namespace \"n\"";
        assert_eq!(site.nobody().get(SECRETS).await.failure(), (403, forbidden.to_owned()));
        assert_eq!(site.nobody().get("/healthz/ping").await.code, 403);
        let forbidden = "forbidden: User \"system:anonymous\" cannot get path \"/api\"";
        assert_eq!(site.nobody().get("/api").await.failure(), (403, forbidden.to_owned()));
    });
}

#[test]
fn whoever_is_known_may_ask_who_they_are() {
    site(async |site| {
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let answer = site.admin().post(path, "{}").await;
        assert_eq!((answer.code.as_u16(), &answer.json()["status"]["userInfo"]["username"]), (201, &"kubernetes-admin".into()));
        assert_eq!(site.nobody().post(path, "{}").await.code, 403);
        let discovered = site.admin().get("/apis/authentication.k8s.io/v1").await.json();
        assert_eq!(discovered["resources"][0]["kind"], "SelfSubjectReview");
    });
}

/// Whether a review allows what it asks about.
async fn allows(client: &Client<'_>, path: &str, body: Value) -> bool {
    let answer = client.post(&format!("/apis/authorization.k8s.io/v1/{path}"), &body.to_string()).await;
    assert_eq!(answer.code, 201, "{answer:?}");
    answer.json()["status"]["allowed"].as_bool().unwrap()
}

#[test]
fn a_review_says_what_the_server_would_do() {
    site(async |site| {
        let alice = || site.admin().with("impersonate-user", "alice");
        let create = json!({"spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": "n"}}});
        assert!(allows(&site.admin(), "selfsubjectaccessreviews", create.clone()).await);
        assert!(!allows(&alice(), "selfsubjectaccessreviews", create).await);
        let version = json!({"spec": {"nonResourceAttributes": {"verb": "get", "path": "/version"}}});
        assert!(allows(&alice(), "selfsubjectaccessreviews", version).await);
        let of = |user: &str, verb: &str| {
            let asked = json!({"verb": verb, "resource": "pods", "namespace": "n"});
            json!({"spec": {"user": user, "groups": ["system:serviceaccounts:kube-system"], "resourceAttributes": asked}})
        };
        let account = "system:serviceaccount:kube-system:replication-controller";
        for path in ["subjectaccessreviews", "namespaces/n/localsubjectaccessreviews"] {
            assert!(allows(&site.admin(), path, of(account, "create")).await, "{path}");
            assert!(!allows(&site.admin(), path, of(account, "update")).await, "{path}");
            let answer = alice().post(&format!("/apis/authorization.k8s.io/v1/{path}"), &of("alice", "get").to_string()).await;
            assert_eq!(answer.code, 403, "{path}");
        }
        let own = json!({"spec": {"resourceAttributes": {"verb": "get", "group": "authorization.k8s.io", "resource": "x"}}});
        assert!(allows(&site.admin(), "selfsubjectaccessreviews", own).await);
    });
}

#[test]
fn the_rules_of_a_user_can_be_listed() {
    site(async |site| {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
        let rules = async |user: &str| {
            let answer = site.admin().with("impersonate-user", user).post(path, r#"{"spec": {"namespace": "n"}}"#).await;
            answer.json()["status"].clone()
        };
        let all = site.admin().post(path, r#"{"spec": {"namespace": "n"}}"#).await.json();
        let everything = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
        assert!(all["status"]["resourceRules"].as_array().unwrap().contains(&everything), "{all}");
        let alice = rules("alice").await;
        assert!(alice["resourceRules"].as_array().unwrap().iter().all(|rule| rule["verbs"] == json!(["create"])), "{alice}");
        let pods = json!({"verbs": ["create", "delete", "list", "patch", "watch"], "apiGroups": [""], "resources": ["pods"]});
        let account = rules("system:serviceaccount:kube-system:replication-controller").await;
        assert!(account["resourceRules"].as_array().unwrap().contains(&pods), "{account}");
        assert_eq!(site.admin().post(path, "{}").await.failure(), (400, "no namespace on request".to_owned()));
    });
}

#[test]
fn reviews_can_only_be_asked() {
    site(async |site| {
        let group = "/apis/authorization.k8s.io/v1";
        for (path, code) in [("subjectaccessreviews", 405), ("subjectaccessreviews/x", 404), ("localsubjectaccessreviews", 404)] {
            assert_eq!(site.admin().get(&format!("{group}/{path}")).await.failure().0, code, "{path}");
        }
        let discovered = site.admin().get(group).await.json();
        let names: Vec<&str> = discovered["resources"].as_array().unwrap().iter().filter_map(|found| found["name"].as_str()).collect();
        let expected = ["localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"];
        assert_eq!(names, expected);
    });
}

#[test]
fn wrong_tokens_are_unauthorized_and_other_schemes_are_nobody() {
    site(async |site| {
        assert_eq!(code(&site, "Bearer wrong").await, 401);
        assert_eq!(code(&site, "bearer wrong").await, 401);
        assert_eq!(code(&site, "Basic dTpw").await, 403);
        assert_eq!(code(&site, "oracle").await, 403);
    });
}

#[test]
fn a_token_lives_as_long_as_its_account() {
    site(async |site| {
        let accounts = "/api/v1/namespaces/n/serviceaccounts";
        let account = site.admin().post(accounts, r#"{"metadata": {"name": "a"}}"#).await.json();
        let now = clock::now().as_second();
        let claims = |audience: &str, uid: &str| Claims {
            aud: vec![audience.into()],
            exp: now + 600,
            iat: now,
            nbf: now,
            sub: "system:serviceaccount:n:a".into(),
            kubernetes: Bound {
                namespace: "n".into(),
                serviceaccount: Reference { name: "a".into(), uid: uid.into() },
                ..Bound::default()
            },
            ..Claims::default()
        };
        let uid = account["metadata"]["uid"].as_str().unwrap();
        let token = format!("Bearer {}", site.identity.tokens.issue(claims(ISSUER, uid)));
        assert_eq!(code(&site, &token).await, 403, "known, and may not");
        assert_eq!(code(&site, &format!("Bearer {}", site.identity.tokens.issue(claims("elsewhere", uid)))).await, 401);
        assert_eq!(code(&site, &format!("Bearer {}", site.identity.tokens.issue(claims(ISSUER, "another")))).await, 401);
        site.admin().send(hyper::Method::DELETE, &format!("{accounts}/a"), "").await;
        assert_eq!(code(&site, &token).await, 401, "its account is gone");
    });
}

#[test]
fn a_token_that_a_secret_keeps_lives_as_long_as_the_secret_keeps_it() {
    site(async |site| {
        let admin = site.admin();
        let account = admin.post("/api/v1/namespaces/n/serviceaccounts", r#"{"metadata": {"name": "a"}}"#).await.json();
        let account_uid = account["metadata"]["uid"].as_str().unwrap().to_owned();
        let claims = SecretClaims { namespace: "n".into(), secret: "s".into(), account: "a".into(), account_uid };
        let token = site.identity.tokens.issue_for_secret(claims);
        let bearer = format!("Bearer {token}");
        assert_eq!(code(&site, &bearer).await, 401, "no secret keeps it yet");
        let keep = |token: &str| format!(r#"{{"metadata": {{"name": "s"}}, "stringData": {{"token": "{token}"}}}}"#);
        admin.post(SECRETS, &keep(&token)).await;
        assert_eq!(code(&site, &bearer).await, 403, "known, and may not");
        let path = format!("{SECRETS}/s");
        admin.send(hyper::Method::PUT, &path, &keep("another")).await;
        assert_eq!(code(&site, &bearer).await, 401);
        admin.send(hyper::Method::PUT, &path, &keep(&token)).await;
        assert_eq!(code(&site, &bearer).await, 403);
        admin.send(hyper::Method::DELETE, &path, "").await;
        assert_eq!(code(&site, &bearer).await, 401);
    });
}

#[test]
fn a_node_changes_its_own_node_and_no_other() {
    site(async |site| {
        for name in ["own", "other"] {
            site.admin().post("/api/v1/nodes", &format!(r#"{{"metadata": {{"name": "{name}"}}}}"#)).await;
        }
        let certificate = site.identity.authority.issue(&Subject::client("system:node:own", "system:nodes")).unwrap();
        let node = site.with_certificate(certificate).with("content-type", "application/merge-patch+json");
        let label = r#"{"metadata": {"labels": {"a": "b"}}}"#;
        assert_eq!(node.send(hyper::Method::PATCH, "/api/v1/nodes/own", label).await.code, 200);
        assert_eq!(node.send(hyper::Method::PATCH, "/api/v1/nodes/other", label).await.code, 403);
        assert_eq!(node.send(hyper::Method::DELETE, "/api/v1/nodes/own", "").await.code, 403);
    });
}

#[test]
fn the_administrator_may_act_as_somebody_else_and_then_may_no_more_than_they() {
    site(async |site| {
        assert_eq!(site.admin().with("impersonate-user", "alice").get(SECRETS).await.code, 403);
        let master = site.admin().with("impersonate-user", "alice").with("impersonate-group", "system:masters");
        assert_eq!(master.get(SECRETS).await.code, 200);
        let nobody = site.nobody().with("impersonate-user", "kubernetes-admin").get(SECRETS).await;
        assert_eq!(nobody.code, 403);
    });
}
