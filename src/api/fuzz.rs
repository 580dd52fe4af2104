//! What a stranger may send to be parsed: every input is answered, whatever it is. See [`runtime::fuzz`](crate::runtime::fuzz).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::client::{DeleteOptions, FieldValidation, Patch, WriteOptions};
use super::kinds::{KindRef, Registry, Subresource};
use super::object::Object;
use super::patch;
use super::quantity::Quantity;
use super::schema::{self, Body, Facts, sample};
use super::selector::{FieldSelector, LabelSelector};
use super::status::{Reason, Status};
use super::table::{self, IncludeObject};
use super::tokens::Tokens;
use super::verbs::{Api, Call, Settings, Target, User};
use super::yaml;
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::fuzz::{self, bytes, chance, distorted, judge};
use crate::runtime::store::LocalStore;
use crate::runtime::supervision::{Strategy, Supervisor};

const POD: &[u8] =
    br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i",
    "ports":[{"containerPort":80}],"resources":{"requests":{"cpu":"10m","memory":"1Gi"}}}],"tolerations":[{"operator":"Exists"}]}}"#;

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

#[test]
fn quantities() {
    let corpus: [&[u8]; 5] = [b"100m", b"1.5Gi", b"-12e6", b"+.5E", b"123456789012345678901234567890"];
    bytes("quantities", &corpus, &["Ki", "m", "e", "E", ".", "n", "999999999999999999"], |input| {
        if let Ok(quantity) = text(input).parse::<Quantity>() {
            assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity), "what is written is read again");
        }
        let _ = Quantity::normalise(&text(input), true);
    });
}

#[test]
fn selectors() {
    let corpus: [&[u8]; 4] = [b"a=b,c!=d", b"a in (b, c),d notin (),!e", b"x/y>1,z<2", b"metadata.name=a\\,b,status.phase!=x"];
    let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let pods = Registry::built_in().kind("v1", "Pod").unwrap();
    bytes("selectors", &corpus, &["in", "notin", "(", ")", ",", "!", "==", "\\"], |input| {
        if let Ok(selector) = LabelSelector::parse(&text(input)) {
            selector.matches(&labels);
        }
        if let Ok(selector) = FieldSelector::parse(&text(input)) {
            let _ = selector.check(pods);
            selector.matches(|_| None);
        }
    });
}

#[test]
fn yaml_documents() {
    let corpus: [&[u8]; 3] = [b"a: &x [1, 2]\nb: *x\n---\nc: |\n  text\n", b"{a: 'b', ? c : !!int 7}", b"- 1\n-  - 2\n   - \"\\u0041\"\n"];
    bytes("yaml", &corpus, &["&a ", "*a", "---\n", "!!binary ", "? ", ": ", "<<: *x\n", "|\n"], |input| {
        let _ = yaml::documents(&text(input));
        let _ = yaml::document(&text(input));
    });
}

#[test]
fn bodies() {
    let pods = Registry::built_in().kind("v1", "Pod").unwrap();
    let corpus: [&[u8]; 2] = [POD, b"{\"a\":[1,2.5e3,null,true,\"\\ud83d\\ude00\"]}"];
    let words = ["\"spec\":", "{}", "\"\\u0000\"", "1e999", "\"metadata\":{\"name\":\"x\"},", "null,", "\\ud800"];
    bytes("bodies", &corpus, &words, |input| {
        for validation in [FieldValidation::Ignore, FieldValidation::Strict] {
            let _ = schema::decode((&**pods).into(), Body::Json(input), validation);
            let _ = schema::decode((&**pods).into(), Body::Yaml(input), validation);
        }
        schema::duplicates(input);
    });
}

#[test]
fn expressions() {
    use super::validation::expression::{Names, compile};
    let corpus: [&[u8]; 4] = [
        b"self.a.all(x, x > 1 && x in [1, 2])",
        b"has(object.spec.b) ? oldSelf == 'x' : !true",
        b"{'a': 1.0}[\"a\"].size()",
        b"b'\\x00' + r'a'",
    ];
    bytes("expressions", &corpus, &["self", ".map(", ")", "?:", "in", "'''", "[", "matches(", "-", "!!!!"], |input| {
        let _ = compile(&text(input), &Names::default());
    });
}

#[test]
fn tokens() {
    let tokens = Tokens::ephemeral();
    let corpus: [&[u8]; 2] = [b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4IiwiZXhwIjoxfQ.AAAA", b"a.b.c"];
    bytes("tokens", &corpus, &[".", "=", "eyJ", "none"], |input| {
        assert!(tokens.verify(&text(input)).is_ok_and(|claims| claims.is_none()), "it is no token of this cluster");
        assert!(tokens.verify_for_secret(&text(input)).is_none());
    });
}

#[test]
fn patches() {
    let operations = json!([{"op": "add", "path": "/spec/containers/-", "value": {"name": "d"}}, {"op": "test", "path": "/metadata/name", "value": "a"},
        {"op": "move", "from": "/metadata/labels/a", "path": "/metadata/labels/~1"}, {"op": "remove", "path": "/spec/tolerations/0"}]);
    let merge = json!({"spec": {"containers": [{"name": "c", "image": "j", "$patch": "replace"}], "$setElementOrder/containers": [{"name": "c"}],
        "$retainKeys": ["containers"]}, "metadata": {"$deleteFromPrimitiveList/finalizers": ["x"], "labels": {"$patch": "delete"}}});
    let pods = Registry::built_in().kind("v1", "Pod").unwrap();
    let pod: Value = serde_json::from_slice(POD).unwrap();
    fuzz::values("patches", &[operations, merge], |value| {
        for patch in [Patch::Json(value.clone()), Patch::Merge(value.clone()), Patch::Strategic(value.clone())] {
            let _ = patch::apply((&**pods).into(), &pod, &patch, &[], FieldValidation::Strict);
        }
    });
}

/// Manifests that are taken as they are, so that what comes after the first judgment is reached, too.
fn taken() -> Vec<Value> {
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let workload = |kind: &str| json!({"apiVersion": "apps/v1", "kind": kind, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, "serviceName": "s"}});
    vec![
        serde_json::from_slice(POD).unwrap(),
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"a": "b"}}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "3", "requests.cpu": "1"}}}),
        workload("Deployment"),
        workload("StatefulSet"),
        workload("DaemonSet"),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template":
            {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"rules": [{"host": "a.b", "http": {"paths": [{"path": "/",
            "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 3, "scaleTargetRef":
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}}),
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "a.b", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"}, "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}}}}}]}}),
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "spec": {"matchConstraints": {"resourceRules":
            [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}]}, "validations": [{"expression": "true"}]}}),
    ]
}

struct Site {
    api: Api,
    corpus: Vec<(KindRef, Value)>,
}

impl Site {
    async fn new(supervisor: &Supervisor) -> Self {
        let store = Arc::new(LocalStore::in_memory(supervisor));
        let api = Api::new(store, Entropy::from_seed(2), Settings::default());
        let site = Self { api, corpus: corpus() };
        let call = call(false);
        for (kind, name) in [("Namespace", "n"), ("ServiceAccount", "default")] {
            let kind = Registry::built_in().kind("v1", kind).unwrap();
            let namespace = if kind.is_namespaced() { "n" } else { "" };
            site.api.create(&call, kind, namespace, json!({"metadata": {"name": name}})).await.unwrap();
        }
        site
    }

    /// Everything that can be done with an object that is sent like this.
    async fn live_through(&self, chance: &mut Entropy, kind: &KindRef, sent: &Value) -> Result<(), Status> {
        let call = call(chance.rng().random());
        let namespace = if kind.is_namespaced() { "n" } else { "" };
        let body = call.decode((&**kind).into(), Body::Json(sent.to_string().as_bytes()))?;
        let made = self.api.create(&call, kind, namespace, body).await?;
        let target = Target::new(kind, namespace, made.name());
        let outcome = self.change(chance, &call, &target, &made).await;
        let shown = made.value();
        table::table(kind, "v1", Value::Null, [&shown], IncludeObject::Object, true);
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        self.api.delete(&call.user, &target, &options).await?;
        outcome
    }

    async fn change(&self, chance: &mut Entropy, call: &Call, target: &Target, made: &Object) -> Result<(), Status> {
        let subresources: Vec<Option<Subresource>> = [None].into_iter().chain(target.kind.subresources.iter().copied().map(Some)).collect();
        for _ in 0..4 {
            let mut changed = distorted(chance, &made.value());
            if let Some(version) = changed.pointer_mut("/metadata/resourceVersion") {
                version.take();
            }
            let at = Target { subresource: *subresources.choose(chance.rng()).unwrap(), ..target.clone() };
            let outcome = match chance.rng().random_range(0..4) {
                0 => match call.decode(at.body(), Body::Json(changed.to_string().as_bytes())) {
                    Ok(body) => self.api.update(call, &at, body).await.map(drop),
                    Err(status) => Err(status),
                },
                1 => self.api.patch(call, &at, &Patch::Merge(changed), &[]).await.map(drop),
                2 => self.api.patch(call, &at, &Patch::Strategic(changed), &[]).await.map(drop),
                _ => self.api.patch(call, &at, &Patch::Apply(changed), &[]).await.map(drop),
            };
            answered(outcome)?;
        }
        Ok(())
    }
}

fn call(force: bool) -> Call {
    let options = WriteOptions { field_manager: "fuzz".to_owned(), force, ..WriteOptions::default() };
    Call::new(User::master("fuzz"), options)
}

/// An object with everything in it of each kind, and those that are taken.
fn corpus() -> Vec<(KindRef, Value)> {
    let registry = Registry::built_in();
    let full = registry.all().filter(|kind| kind.synthesis.is_none()).map(|kind| {
        let mut object = sample(Facts::get().named(kind.schema.known().unwrap()).unwrap());
        object["metadata"]["name"] = "full".into();
        (kind.clone(), object)
    });
    let good = taken().into_iter().map(|mut object| {
        let kind = registry.kind(object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap()).unwrap().clone();
        object["metadata"]["name"] = if kind.kind() == "CustomResourceDefinition" { "things.a.b".into() } else { "good".into() };
        (kind, object)
    });
    let good: Vec<_> = good.collect();
    // What is taken is worth more: it goes further.
    full.chain(good.iter().cloned()).chain(good.iter().cloned()).chain(good.iter().cloned()).collect()
}

/// A refusal is an answer, also one that upstream gives without a reason and with the code 500; an error of the server's own is none.
fn answered(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(status) if status.code < 500 || status.reason == Reason::Unknown => Ok(()),
        other => other,
    }
}

#[test]
fn every_write_is_answered() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(runtime).block_on(async {
        let _simulated = clock::simulate("2026-01-01T00:00:00Z".parse().unwrap());
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let site = Site::new(&supervisor).await;
        let mut chance = chance("writes");
        let mut broken: BTreeMap<String, String> = BTreeMap::new();
        for round in 0..fuzz::rounds() {
            let (kind, object) = site.corpus.choose(chance.rng()).unwrap();
            let sent = distorted(&mut chance, object);
            let mut stream = chance.split(&round.to_string());
            let lived = std::panic::AssertUnwindSafe(site.live_through(&mut stream, kind, &sent)).catch_unwind().await;
            let outcome = judge(
                "writes",
                round,
                || format!("{}: {sent}", kind.kind()),
                || lived.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
            if let Err(status) = answered(outcome) {
                broken.entry(status.message).or_insert_with(|| format!("round {round}: {} {sent}", kind.kind()));
            }
        }
        assert!(broken.is_empty(), "{broken:#?}");
    });
}
