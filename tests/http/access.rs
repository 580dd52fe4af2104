//! Who may in.

use kabuki::api::tokens::{Bound, Claims, ISSUER, Reference, SecretClaims};
use kabuki::http::identity::Subject;
use kabuki::runtime::clock;

use super::site::{Site, site};

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
        for path in ["/livez", "/readyz", "/healthz/ping", "/version"] {
            assert_eq!(site.nobody().get(path).await.code, 200, "{path}");
        }
        let forbidden =
            "secrets is forbidden: User \"system:anonymous\" cannot list resource \"secrets\" in API group \"\" in the namespace \"n\"";
        assert_eq!(site.nobody().get(SECRETS).await.failure(), (403, forbidden.to_owned()));
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
