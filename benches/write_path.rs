//! What a write costs within the process, part by part: no disk, no wire.
//!
//! `cargo bench --bench write_path`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kabuki::api::bootstrap::bootstrap;
use kabuki::api::client::WriteOptions;
use kabuki::api::kinds::{KindRef, Registry};
use kabuki::api::object::Object;
use kabuki::api::schema::{self, Body};
use kabuki::api::selector::LabelSelector;
use kabuki::api::verbs::{Api, Call, Settings, User};
use kabuki::runtime::entropy::Entropy;
use kabuki::runtime::store::{LocalStore, Revision, Stored};
use kabuki::runtime::supervision::{Strategy, Supervisor};
use serde_json::{Value, json};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A pod is padded to so many bytes.
const POD_BYTES: usize = 3 * 1024;
const NAMESPACE: &str = "default";

fn container(name: &str, port: u16) -> Value {
    let variable = |number: usize| json!({"name": format!("SETTING_{number}"), "value": format!("value-of-setting-{number}")});
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": port}, "periodSeconds": 10, "timeoutSeconds": 2});
    json!({
        "name": name,
        "image": format!("registry.example.com/team/{name}:v1.2.3"),
        "env": (0..8).map(variable).collect::<Vec<_>>(),
        "ports": [{"name": name, "containerPort": port}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "livenessProbe": probe("/livez"),
        "readinessProbe": probe("/readyz"),
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config", "readOnly": true}],
    })
}

fn pod() -> Bytes {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "labels": {"app": "bench"}, "annotations": {"padding": ""}},
        "spec": {
            "containers": [container("server", 8080), container("proxy", 8081)],
            "volumes": [{"name": "config", "configMap": {"name": "settings"}}],
        },
    });
    pod["metadata"]["annotations"]["padding"] = "x".repeat(POD_BYTES.saturating_sub(pod.to_string().len())).into();
    pod.to_string().into()
}

fn config_map() -> Bytes {
    let metadata = json!({"generateName": "settings-", "labels": {"app": "bench"}});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mode": "production"}}).to_string().into()
}

fn kind(plural: &str) -> &'static KindRef {
    Registry::built_in().resource("", "v1", plural).expect("a built-in kind")
}

fn decoded(plural: &str, body: &[u8]) -> Value {
    schema::decode((&**kind(plural)).into(), Body::Json(body), Default::default()).expect("a good body").value
}

/// The steps of making an object from a body.
fn steps(criterion: &mut Criterion) {
    let (kind, body) = (kind("pods"), pod());
    let mut group = criterion.benchmark_group("pod of 3 KB");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("decode", |bencher| bencher.iter(|| decoded("pods", black_box(&body))));
    let bare = decoded("pods", &body);
    let complete = |mut pod: Value| {
        pod["metadata"]["name"] = "web".into();
        pod["metadata"]["namespace"] = NAMESPACE.into();
        (kind.defaults)(&mut pod);
        (kind.prepare_create)(&mut pod);
        schema::finish(&kind.schema, &mut pod);
        pod
    };
    group.bench_function("defaults and strategy", |bencher| bencher.iter_batched(|| bare.clone(), complete, BatchSize::SmallInput));
    let whole = complete(bare);
    group.bench_function("judge", |bencher| bencher.iter(|| kind.judges.create(black_box(&whole))));
    let encode = |pod| Object::from_value(pod).expect("an object");
    group.bench_function("encode", |bencher| bencher.iter_batched(|| whole.clone(), encode, BatchSize::SmallInput));
    let object = encode(whole);
    group.bench_function("seal at a revision", |bencher| bencher.iter(|| black_box(&object).at(Revision(123_456))));
    let stored = object.at(Revision(7));
    group.bench_function("restore", |bencher| bencher.iter(|| Object::restore(stored.json().clone(), Revision(7))));
    group.finish();
}

/// A whole create, from the body to the answer, over the memory store.
fn creates(criterion: &mut Criterion) {
    let system = actix_rt::System::new();
    let supervisor = system.block_on(async { Supervisor::root(Strategy::OneForOne) });
    let api = system.block_on(async {
        let api = Api::new(Arc::new(LocalStore::in_memory(&supervisor)), Entropy::from_seed(7), Settings::default());
        bootstrap(&api, ([127, 0, 0, 1], 6443).into()).await.expect("a fresh store takes everything");
        let account = json!({"metadata": {"name": "default"}});
        api.create(&call(), kind("serviceaccounts"), NAMESPACE, account).await.expect("nobody else made it");
        api
    });
    let mut group = criterion.benchmark_group("Api::create");
    for (plural, body) in [("configmaps", config_map()), ("pods", pod())] {
        group.bench_function(plural, |bencher| {
            bencher.iter(|| {
                let body = decoded(plural, &body);
                system.block_on(api.create(&call(), kind(plural), NAMESPACE, body)).expect("a good object")
            });
        });
    }
    group.finish();
}

fn call() -> Call {
    Call::new(User { name: "bench".into(), ..User::default() }, WriteOptions::default())
}

fn selectors(criterion: &mut Criterion) {
    let labels: BTreeMap<String, String> =
        [("app", "web"), ("tier", "front"), ("version", "v2")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let selector = LabelSelector::parse("app=web,tier in (front,back),!legacy,version!=v1").expect("a good selector");
    criterion.bench_function("label selector of four requirements", |bencher| bencher.iter(|| selector.matches(black_box(&labels))));
}

criterion_group!(benches, steps, creates, selectors);
criterion_main!(benches);
