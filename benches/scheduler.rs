//! The scheduler's decision alone, without actors, API or disk: pods a second on a large cluster.
//!
//! `cargo bench --bench scheduler`. Each line is the median of several runs, each on a cluster of its own; a decision includes taking its
//! result into the picture of the cluster, as the scheduler does before the next. Nothing is asserted on time: machines differ.

use std::sync::Arc;

use kabuki::actors::scheduler::framework::{Search, schedule};
use kabuki::actors::scheduler::{Cluster, PodInfo, default_profile};
use kabuki::api::object::Object;
use kabuki::runtime::entropy::Entropy;
use serde_json::{Value, json};
use tokio::time::Instant;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NODES: usize = 5_000;
const ZONES: usize = 3;
const RUNS: usize = 5;
/// The goal for pods that ask for nothing but resources.
const GOAL: f64 = 50_000.0;

/// A sort of pod, and how many of them are placed.
struct Case {
    name: &'static str,
    pods: usize,
    spec: Value,
    /// Pods are selected by a service, so that they are spread by default.
    in_service: bool,
}

fn cases() -> [Case; 4] {
    let own = json!({"matchLabels": {"app": "web"}});
    let spread =
        json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": own}]);
    let apart = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": own}]}});
    [
        Case { name: "requests only", pods: 20_000, spec: json!({}), in_service: false },
        Case { name: "of a service (spread by default)", pods: 2_000, spec: json!({}), in_service: true },
        Case { name: "spread over zones", pods: 2_000, spec: json!({"topologySpreadConstraints": spread}), in_service: false },
        Case { name: "one a node (anti-affinity)", pods: 1_000, spec: json!({"affinity": apart}), in_service: false },
    ]
}

fn object(value: Value) -> Object {
    Object::from_value(value).expect("a well-formed object")
}

fn node(number: usize) -> Object {
    let name = format!("node-{number}");
    let labels = json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": format!("zone-{}", number % ZONES)});
    let allocatable = json!({"cpu": "32", "memory": "128Gi", "ephemeral-storage": "100Gi", "pods": "110"});
    object(
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": {"allocatable": allocatable}}),
    )
}

fn pod(number: usize, spec: &Value) -> Arc<PodInfo> {
    let metadata = json!({"name": format!("web-{number}"), "namespace": "default", "uid": number.to_string(), "labels": {"app": "web"}});
    let mut spec = spec.clone();
    let requests = json!({"cpu": format!("{}m", 50 + number % 7 * 50), "memory": format!("{}Mi", 64 + number % 5 * 64)});
    spec["containers"] = json!([{"name": "server", "image": "web:1", "resources": {"requests": requests}}]);
    Arc::new(PodInfo::from(&object(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))))
}

/// Places all pods, one after another; pods a second.
fn place(mut cluster: Cluster, pods: &[Arc<PodInfo>]) -> f64 {
    let plugins = default_profile();
    let mut search = Search { start: 0, entropy: Entropy::from_seed(7) };
    let begun = Instant::now();
    for pod in pods {
        let node = schedule(&plugins, pod, &mut cluster, &mut search).unwrap_or_else(|why| panic!("{}", why.message()));
        cluster.put_pod(pod.clone(), &node);
    }
    pods.len() as f64 / begun.elapsed().as_secs_f64()
}

fn main() {
    println!("{NODES} nodes in {ZONES} zones, median of {RUNS} runs");
    let nodes: Vec<Object> = (0..NODES).map(node).collect();
    for Case { name, pods, spec, in_service } in cases() {
        let pods: Vec<_> = (0..pods).map(|number| pod(number, &spec)).collect();
        let mut rates: Vec<f64> = (0..RUNS)
            .map(|_| {
                let mut cluster = Cluster::default();
                nodes.iter().for_each(|node| cluster.put_node(node));
                if in_service {
                    let selector = [("app".to_owned(), "web".to_owned())].into();
                    cluster.groups.entry("default".into()).or_default().insert("Service/web".into(), selector);
                }
                place(cluster, &pods)
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        let (median, least, most) = (rates[RUNS / 2], rates[0], rates[RUNS - 1]);
        println!("{name:<34} {median:>9.0} pods/s ({least:.0} to {most:.0}), {:.2} of the goal", median / GOAL);
    }
}
