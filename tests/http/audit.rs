//! The audit log, line by line.

use http_body_util::BodyExt;
use hyper::Method;
use serde_json::{Value, json};

use super::site::{audited, site};

const CONFIGS: &str = "/api/v1/namespaces/n/configmaps";

/// What was said of the namespace `n`, which every test's site has.
fn without_the_site(lines: Vec<Value>) -> Vec<Value> {
    lines.into_iter().filter(|line| line["objectRef"]["resource"] != "namespaces").collect()
}

fn policy(rules: &str) -> String {
    format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{rules}")
}

#[test]
fn a_request_is_said_to_have_come_and_to_have_been_answered() {
    let lines = audited(&policy("omitManagedFields: true\nrules: [{level: RequestResponse}]"), async |site| {
        let admin = site.admin().with("audit-id", "mine").with("user-agent", "story/1");
        let answer = admin.post(CONFIGS, r#"{"metadata": {"name": "a"}, "data": {"k": "v"}}"#).await;
        assert_eq!((answer.code.as_u16(), answer.header("audit-id")), (201, "mine"));
    });
    let lines = without_the_site(lines);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!((&lines[0]["stage"], &lines[1]["stage"]), (&json!("RequestReceived"), &json!("ResponseComplete")));
    let line = &lines[1];
    assert_eq!(line["kind"], "Event");
    assert_eq!(line["apiVersion"], "audit.k8s.io/v1");
    assert_eq!((&line["auditID"], &line["verb"], &line["userAgent"]), (&json!("mine"), &json!("create"), &json!("story/1")));
    assert_eq!(line["sourceIPs"], json!(["127.0.0.1"]));
    assert!(line["user"]["groups"].as_array().unwrap().contains(&json!("system:masters")));
    assert_eq!(line["objectRef"], json!({"resource": "configmaps", "namespace": "n", "apiVersion": "v1"}));
    assert_eq!(line["requestObject"]["data"], json!({"k": "v"}));
    assert_eq!((&line["responseStatus"]["code"], &line["responseObject"]["data"]["k"]), (&json!(201), &json!("v")));
    assert!(line["responseObject"]["metadata"]["managedFields"].is_null());
    assert_eq!(line["annotations"]["authorization.k8s.io/decision"], "allow");
}

#[test]
fn nothing_secret_is_said() {
    let lines = audited(&policy("rules: [{level: RequestResponse}]"), async |site| {
        let secret = r#"{"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}"#;
        assert_eq!(site.admin().post("/api/v1/namespaces/n/secrets", secret).await.code, 201);
        site.admin().get("/api/v1/namespaces/n/secrets/s?access_token=hunter2").await;
        site.nobody().with("authorization", "Bearer hunter2").get("/api/v1/namespaces/n/secrets/s").await;
        let review = r#"{"spec": {"token": "hunter2"}}"#;
        site.admin().post("/apis/authentication.k8s.io/v1/tokenreviews", review).await;
    });
    let text = json!(lines).to_string();
    assert!(text.contains("access_token=REDACTED") && text.contains("\"resource\":\"secrets\""), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
}

#[test]
fn who_is_refused_is_said_with_the_reason_and_for_whom_they_act() {
    let lines = audited(&policy("omitStages: [RequestReceived]\nrules: [{level: Metadata}]"), async |site| {
        site.nobody().with("authorization", "Bearer nonsense").get(CONFIGS).await;
        site.admin().with("impersonate-user", "bob").get(CONFIGS).await;
    });
    let lines = without_the_site(lines);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!((&lines[0]["user"], &lines[0]["responseStatus"]["code"]), (&json!({}), &json!(401)));
    assert_eq!((&lines[1]["impersonatedUser"]["username"], &lines[1]["responseStatus"]["reason"]), (&json!("bob"), &json!("Forbidden")));
    assert_eq!(lines[1]["annotations"]["authorization.k8s.io/decision"], "forbid");
}

#[test]
fn a_watch_is_said_to_begin_and_to_end() {
    let lines = audited(&policy("rules: [{level: Metadata, verbs: [watch]}]"), async |site| {
        let response = site.admin().open(Method::GET, &format!("{CONFIGS}?watch=1&timeoutSeconds=1"), "").await;
        assert!(response.headers().contains_key("audit-id"));
        response.into_body().collect().await.unwrap();
    });
    let stages: Vec<&str> = lines.iter().filter_map(|line| line["stage"].as_str()).collect();
    assert_eq!(stages, ["RequestReceived", "ResponseStarted", "ResponseComplete"]);
}

#[test]
fn every_answer_has_an_id() {
    site(async |site| {
        let ids = [site.admin().get(CONFIGS).await, site.nobody().get("/nonsense").await];
        assert!(ids.iter().all(|answer| answer.header("audit-id").len() == 36), "{ids:?}");
        assert_ne!(ids[0].header("audit-id"), ids[1].header("audit-id"));
        let bad = site.admin().with("audit-id", &"x".repeat(100)).get(CONFIGS).await;
        assert_eq!(bad.header("audit-id").len(), 36);
    });
}
