//! How a certificate is asked for, granted and given.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kabuki::api::client::{Patch, WriteOptions};
use kabuki::api::kinds::Subresource;
use kabuki::api::verbs::{Call, Target, User};
use serde_json::{Value, json};

use super::world::{World, call, kind, world};

/// A request for a certificate of an organization.
fn pem(organization: &str) -> String {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
    parameters.serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

fn asked(pem: &str, fields: Value) -> Value {
    let mut spec = json!({"request": BASE64_STANDARD.encode(pem), "signerName": "example.com/s", "usages": ["client auth"]});
    json_patch::merge(&mut spec, &fields);
    json!({"metadata": {"name": "r"}, "spec": spec})
}

async fn change(world: &World, subresource: Subresource, change: Value) -> Result<Value, String> {
    let target = Target::new(&kind("certificatesigningrequests"), "", "r").subresource(subresource);
    world
        .api
        .patch(&call(), &target, &Patch::Merge(change), &[])
        .await
        .map(|updated| updated.object.value())
        .map_err(|status| status.message)
}

#[test]
fn a_request_says_who_asked_whatever_it_said_itself() {
    world(async |world| {
        let user = User { name: "alice".into(), uid: "u".into(), groups: vec!["g".into()], ..User::default() };
        let body = asked(&pem("o"), json!({"username": "bob", "extra": {"a": ["b"]}}));
        let made =
            world.api.create(&Call::new(user, WriteOptions::default()), &kind("certificatesigningrequests"), "", body).await.unwrap();
        let spec = &made.value()["spec"];
        assert_eq!((&spec["username"], &spec["uid"], &spec["groups"]), (&json!("alice"), &json!("u"), &json!(["g"])));
        assert!(spec.get("extra").is_none());
    });
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let foreign = pem("o").replacen("CERTIFICATE REQUEST", "CERTIFICATE", 2);
    world(async |world| {
        for (pem, fields, wrong) in [
            (foreign.as_str(), json!({}), "PEM block type must be CERTIFICATE REQUEST"),
            (
                &pem("o"),
                json!({"signerName": "a/b"}),
                "spec.signerName: Invalid value: \"a\": should be a domain with at least two segments separated by dots",
            ),
            (
                &pem("o"),
                json!({"signerName": "a.b/C"}),
                "spec.signerName: Invalid value: \"C\": validating label \"C\": a lowercase RFC 1123 subdomain",
            ),
            (&pem("o"), json!({"signerName": "kubernetes.io/legacy-unknown"}), "the legacy signerName is not allowed via this API version"),
            (
                &pem("system:masters"),
                json!({"signerName": "kubernetes.io/kube-apiserver-client"}),
                "is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
            ),
        ] {
            let why = world.create("certificatesigningrequests", "", asked(pem, fields)).await.unwrap_err().message;
            assert!(why.contains(wrong), "{why}");
        }
    });
}

#[test]
fn approval_grants_and_the_status_gives() {
    world(async |world| {
        world.create("certificatesigningrequests", "", asked(&pem("o"), json!({}))).await.unwrap();
        let verdict = |kind: &str| json!({"status": {"conditions": [{"type": kind, "status": "True", "reason": "R", "message": "m"}]}});
        let why = change(&world, Subresource::Status, verdict("Denied")).await.unwrap_err();
        assert!(why.ends_with("status.conditions: Forbidden: updates may not add a condition of type \"Denied\""), "{why}");
        let approved = change(&world, Subresource::Approval, verdict("Approved")).await.unwrap();
        assert!(approved["status"]["conditions"][0]["lastUpdateTime"].is_string());
        let why = change(&world, Subresource::Approval, json!({"status": {"conditions": null}})).await.unwrap_err();
        assert!(why.ends_with("status.conditions: Forbidden: updates may not remove a condition of type \"Approved\""), "{why}");
        let key = rcgen::KeyPair::generate().unwrap();
        let given = |pem: String| json!({"status": {"certificate": BASE64_STANDARD.encode(pem)}});
        let why = change(&world, Subresource::Status, given(key.serialize_pem())).await.unwrap_err();
        assert!(why.contains("only CERTIFICATE PEM blocks are allowed, found \"PRIVATE KEY\""), "{why}");
        let certificate = |key| rcgen::CertificateParams::default().self_signed(key).unwrap().pem();
        change(&world, Subresource::Status, given(certificate(&key))).await.unwrap();
        let other = certificate(&rcgen::KeyPair::generate().unwrap());
        let why = change(&world, Subresource::Status, given(other)).await.unwrap_err();
        assert!(why.ends_with("status.certificate: Forbidden: updates may not modify existing certificate content"), "{why}");
    });
}
