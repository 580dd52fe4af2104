//! Whole clusters in simulated time.

mod duplicates;
mod leaders;
mod skew;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ReplicationController, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use rand::RngExt;
use serde_json::{Value, json};

use super::{Cluster, Condition, Disturbance, Effect, Event, RunOutcome, Scenario, Setup, Side, Watching, rehearse, run};
use crate::api::client::{DeleteOptions, ListOptions, Patch, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::containers::{ContainerFilter, ContainerRuntime};
use crate::runtime::entropy::Entropy;

/// What a cluster may take to come right again after the last blow: a node's silence is noticed within 40 s, its pods are evicted after
/// five minutes.
const PATIENCE: Duration = Duration::from_secs(900);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Cluster {
    async fn create(&self, kind: &str, name: &str, spec: Value) {
        let kind = Registry::built_in().kind("v1", kind).unwrap();
        let body = json!({"apiVersion": "v1", "kind": kind.kind(), "metadata": {"name": name}, "spec": spec});
        let namespace = if kind.is_namespaced() { "default" } else { "" };
        self.client.create(kind, namespace, body, &WriteOptions::default()).await.unwrap();
    }

    /// A replication controller with a service of its name before it.
    async fn deploy(&self, name: &str, replicas: usize) {
        let container = json!({"name": "web", "image": "web", "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 2}});
        let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 5});
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": spec});
        self.create("ReplicationController", name, json!({"replicas": replicas, "template": template})).await;
        self.create("Service", name, json!({"selector": {"app": name}, "ports": [{"port": 80}]})).await;
    }

    async fn scale(&self, name: &str, replicas: usize) -> Result<ReplicationController, Status> {
        self.client.typed().patch("default", name, "", Patch::Merge(json!({"spec": {"replicas": replicas}}))).await
    }

    async fn pods(&self) -> Vec<Pod> {
        self.client.typed::<Pod>().list("default", &ListOptions::default()).await.unwrap()
    }

    /// As a user would see it: so many pods are ready, the endpoint slices name exactly them, and the proxy sends connections to exactly them.
    async fn serves(&self, name: &str, replicas: usize) -> Result<(), String> {
        let pods = self.pods().await;
        let of = |pod: &&Pod| pod.metadata.labels.as_ref().is_some_and(|labels| labels.get("app").is_some_and(|app| app == name));
        let mut ready: Vec<String> = pods.iter().filter(of).filter(|pod| is_ready(pod)).map(address).collect();
        ready.sort();
        if ready.len() != replicas || pods.iter().filter(of).count() != replicas {
            return Err(format!("{} of {replicas} pods of {name} are ready, of {} in all", ready.len(), pods.iter().filter(of).count()));
        }
        let slices = self.client.typed::<EndpointSlice>().list("default", &ListOptions::default()).await.unwrap();
        let prefix = format!("{name}-");
        let slices = slices.iter().filter(|slice| slice.metadata.name.as_ref().is_some_and(|slice| slice.starts_with(&prefix)));
        let endpoints = slices.flat_map(|slice| slice.endpoints.iter());
        let serving = endpoints.filter(|endpoint| endpoint.conditions.as_ref().is_some_and(|it| it.ready == Some(true)));
        let mut named: Vec<String> = serving.flat_map(|endpoint| endpoint.addresses.clone()).collect();
        named.sort();
        if named != ready {
            return Err(format!("the slices of {name} name {named:?}, and ready are {ready:?}"));
        }
        let table = self.proxy().table();
        let rows = table.iter().filter(|(_, row)| row.owner.key().name == name.into());
        let mut proxied: Vec<String> = rows.flat_map(|(_, row)| row.backends.addresses()).map(|address| address.ip().to_string()).collect();
        proxied.sort();
        if proxied == ready { Ok(()) } else { Err(format!("the proxy knows {proxied:?}, and ready are {ready:?}")) }
    }

    async fn comes_right(&self, name: &str, replicas: usize) {
        let deadline = clock::instant() + PATIENCE;
        while let Err(what) = self.serves(name, replicas).await {
            assert!(clock::instant() < deadline, "{what}");
            self.pass(seconds(1)).await;
        }
    }

    /// One blow that chance chooses.
    async fn suffer(&self, chance: &mut Entropy, replicas: &mut usize) {
        let actors = self.root().paths();
        let blow = chance.rng().random_range(0..6);
        let node = chance.rng().random_range(0..self.machines.len());
        let runtime = self.machines[node].runtime.clone();
        match blow {
            0 => {
                *replicas = chance.rng().random_range(20..60);
                self.scale("web", *replicas).await.unwrap();
            }
            1 => {
                let pods = self.pods().await;
                let pod = &pods[chance.rng().random_range(0..pods.len())];
                let name = pod.metadata.name.as_ref().unwrap();
                // It may be going already.
                let _ = self.client.typed::<Pod>().delete("default", name, &DeleteOptions::default()).await;
            }
            2 => {
                for container in runtime.list_containers(&ContainerFilter::default()).await.unwrap_or_default() {
                    runtime.kill(&container.id, 137, false);
                }
            }
            3 => runtime.reboot(),
            4 => {
                runtime.set_outage(Some("the engine does not answer".into()));
                self.pass(seconds(7)).await;
                runtime.set_outage(None);
            }
            // The first is the root, whose end is everybody's.
            _ => assert!(self.root().inject_panic(&actors[chance.rng().random_range(1..actors.len())])),
        }
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn address(pod: &Pod) -> String {
    pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default()
}

/// A day on a hundred nodes: load, blows, and then peace.
fn day(seed: u64) -> super::Journal {
    let story = |cluster: Arc<Cluster>| async move {
        let (mut replicas, mut chance) = (40, cluster.entropy.split("blows"));
        cluster.deploy("web", replicas).await;
        cluster.comes_right("web", replicas).await;
        for _ in 0..8 {
            cluster.suffer(&mut chance, &mut replicas).await;
            let pause = chance.rng().random_range(0..5000);
            cluster.pass(Duration::from_millis(pause)).await;
        }
        cluster.comes_right("web", replicas).await;
    };
    run(Setup::new(seed, 100), story).1
}

/// The journal of a day, which must be the same when it is lived again.
fn twice(seed: u64, day: fn(u64) -> super::Journal) -> super::Journal {
    let (first, second) = (day(seed), day(seed));
    if let Some((at, one, other)) = first.difference(&second) {
        panic!("seed {seed}: the runs differ first in event {at}:\n{one}\n{other}");
    }
    first
}

/// What comes of a scenario, which must be the same when it is played again.
fn played(scenario: &str, seed: u64) -> RunOutcome {
    let script = Scenario::read(scenario).unwrap().script(seed);
    let play = || rehearse(&script, &Watching::default()).unwrap().0;
    let (outcome, again) = (play(), play());
    assert_eq!(outcome.digest, again.digest, "seed {seed}");
    assert_eq!(outcome.violation, None, "seed {seed}");
    outcome
}

#[test]
fn the_whole_cast_on_a_hundred_nodes_does_the_same_again_from_its_seed() {
    let mut digests = BTreeMap::new();
    for seed in 0..20 {
        let first = twice(seed, day);
        assert!(first.count() > 1000, "seed {seed}: only {} events", first.count());
        digests.insert(first.digest(), seed);
    }
    assert_eq!(digests.len(), 20, "every seed is another day");
}

#[test]
fn every_actor_panics_once_under_load_and_no_healthy_pod_restarts() {
    let story = |cluster: Arc<Cluster>| async move {
        cluster.deploy("steady", 12).await;
        cluster.deploy("load", 6).await;
        cluster.comes_right("steady", 12).await;
        let before = runs(&cluster, "steady").await;
        let (mut panicked, mut replicas) = (0, 6);
        for path in cluster.root().paths().into_iter().skip(1) {
            // A pod's worker may have gone with its pod meanwhile.
            panicked += usize::from(cluster.root().inject_panic(&path));
            replicas = if replicas == 6 { 8 } else { 6 };
            while cluster.scale("load", replicas).await.is_err() {
                cluster.pass(Duration::from_millis(100)).await;
            }
            cluster.pass(seconds(2)).await;
        }
        assert!(panicked > 60, "only {panicked} actors");
        cluster.comes_right("load", replicas).await;
        cluster.comes_right("steady", 12).await;
        assert_eq!(runs(&cluster, "steady").await, before);
        let restarted = cluster.root().tree().iter().filter(|node| node.restarts > 0).count();
        assert!(restarted > 40, "only {restarted} were restarted");
        assert!(cluster.client.typed::<Service>().get("default", "load").await.is_ok());
    };
    run(Setup::new(1, 5), story);
}

/// Of every pod of an application: its name, its containers, and how often they were restarted.
async fn runs(cluster: &Cluster, app: &str) -> BTreeMap<String, (Option<String>, i32)> {
    let options = ListOptions { label_selector: format!("app={app}"), ..ListOptions::default() };
    let pods = cluster.client.typed::<Pod>().list("default", &options).await.unwrap();
    let of = |pod: Pod| {
        let status = pod.status.unwrap().container_statuses.unwrap().remove(0);
        (pod.metadata.name.unwrap(), (status.container_id, status.restart_count))
    };
    pods.into_iter().map(of).collect()
}

#[test]
fn a_pod_waits_for_its_claim_and_runs_where_its_volume_is() {
    let story = |cluster: Arc<Cluster>| async move {
        cluster.pass(seconds(5)).await;
        let resources = json!({"requests": {"storage": "1Gi"}});
        cluster.create("PersistentVolumeClaim", "data", json!({"accessModes": ["ReadWriteOnce"], "resources": resources})).await;
        let container = json!({"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/data"}]});
        let volume = json!({"name": "v", "persistentVolumeClaim": {"claimName": "data"}});
        cluster.create("Pod", "p", json!({"containers": [container], "volumes": [volume]})).await;
        cluster.pass(seconds(60)).await;
        let waiting = json!(cluster.pods().await[0].status);
        assert!(waiting.to_string().contains("pod has unbound immediate PersistentVolumeClaims"), "{waiting}");
        let here = json!([{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-3"]}]}]);
        let disk = json!({
            "capacity": {"storage": "2Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": "/disk"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": here}},
        });
        cluster.create("PersistentVolume", "disk", disk).await;
        cluster.pass(seconds(60)).await;
        let pod = cluster.pods().await.remove(0);
        assert!(is_ready(&pod), "{pod:?}");
        assert_eq!(pod.spec.unwrap().node_name.as_deref(), Some("node-3"));
    };
    run(Setup::new(1, 5), story);
}

#[test]
fn an_hour_of_peace_writes_nothing_but_heartbeats() {
    let story = |cluster: Arc<Cluster>| async move {
        cluster.deploy("web", 10).await;
        cluster.comes_right("web", 10).await;
        cluster.pass(seconds(120)).await;
        let before = cluster.journal.count();
        cluster.pass(seconds(3600)).await;
        let entries = cluster.journal.entries().split_off(before as usize);
        let noise: Vec<String> = entries
            .iter()
            .filter(|entry| match &entry.event {
                Event::Commit { key, .. } => !["leases", "minions"].contains(&&*key.collection),
                _ => false,
            })
            .map(|entry| entry.to_string())
            .collect();
        assert_eq!(noise, Vec::<String>::new());
        let statuses = entries.iter().filter(|entry| matches!(&entry.event, Event::Commit { key, .. } if &*key.collection == "minions"));
        assert_eq!(statuses.count(), 20 * 12, "a node's status that does not change is written every five minutes");
    };
    run(Setup::new(1, 20), story);
}

/// A day on which the process is killed and the wires are bad.
fn stormy_day(seed: u64) -> super::Journal {
    let story = |cluster: Arc<Cluster>| async move {
        let mut chance = cluster.entropy.split("storm");
        cluster.deploy("web", 12).await;
        cluster.comes_right("web", 12).await;
        let half = Condition { latency: Duration::from_millis(4), ..Condition::default() };
        cluster.disk.set(half);
        let storm = [
            Effect::Slow(Duration::from_millis(20)),
            Effect::LostAnswers(0.02),
            Effect::LostRequests(0.02),
            Effect::Conflicts(0.05),
            Effect::BrokenWatches(0.02),
            Effect::LostPlaces(0.006),
        ];
        for effect in storm {
            cluster.network.disturb(Disturbance { user: String::new(), effect });
        }
        for _ in 0..4 {
            cluster.pass(Duration::from_millis(chance.rng().random_range(0..4000))).await;
            // The answer may be lost, and is not waited for: the process is killed while it acts on the wish.
            let _ = tokio::time::timeout(Duration::from_millis(200), cluster.scale("web", chance.rng().random_range(4..20))).await;
            cluster.pass(Duration::from_millis(chance.rng().random_range(0..900))).await;
            cluster.crash().await;
            cluster.pass(Duration::from_millis(chance.rng().random_range(0..9000))).await;
            cluster.start().await;
        }
        cluster.network.calm_all();
        while cluster.scale("web", 12).await.is_err() {
            cluster.pass(seconds(1)).await;
        }
        cluster.comes_right("web", 12).await;
    };
    run(Setup::new(seed, 5), story).1
}

#[test]
fn a_process_that_is_killed_over_bad_wires_comes_right_and_does_the_same_again() {
    for seed in 0..5 {
        twice(seed, stormy_day);
    }
}

#[test]
fn a_store_in_doubt_asks_for_a_new_start_and_then_what_is_durable_counts() {
    let story = |cluster: Arc<Cluster>| async move {
        let kind = Registry::built_in().kind("v1", "ConfigMap").unwrap();
        let create = async |name: &str| {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
            cluster.client.create(kind, "default", body, &WriteOptions::default()).await.map_err(|status| status.code)
        };
        cluster.pass(seconds(5)).await;
        cluster.disk.set(Condition { is_doubtful: true, ..Condition::default() });
        assert_eq!(create("a").await.unwrap_err(), 504, "its fate is not known");
        assert_eq!(create("b").await.unwrap_err(), 503, "nothing is taken any more");
        assert_eq!(cluster.faces().unwrap().store.in_doubt().await, "fsync: input/output error");
        cluster.crash().await;
        cluster.start().await;
        assert_eq!(create("a").await.unwrap_err(), 409, "it had become durable");
        assert!(create("b").await.is_ok());
    };
    run(Setup::new(1, 1), story);
}

#[test]
fn a_process_that_a_trap_kills_while_it_is_founded_is_started_again() {
    let story = |cluster: Arc<Cluster>| async move {
        let service = Registry::built_in().kind("v1", "Service").unwrap();
        cluster.client.delete(service, "default", "kubernetes", &DeleteOptions::default()).await.unwrap();
        cluster.crash().await;
        // The first write of a life makes what is missing.
        cluster.disk.set_trap(0, Side::Before);
        let keeper = cluster.clone();
        let keeper = actix::spawn(async move { keeper.keep().await });
        cluster.pass(seconds(60)).await;
        assert!(cluster.client.get(service, "default", "kubernetes").await.is_ok());
        keeper.abort();
        let lives = |entry: &super::Entry| match &entry.event {
            Event::Process { what } => Some(what.clone()),
            _ => None,
        };
        let lives: Vec<String> = cluster.journal.entries().iter().filter_map(lives).collect();
        assert_eq!(lives, ["0 starts", "0 was killed", "1 starts", "1 was killed at a write, before it was founded", "2 starts"]);
    };
    run(Setup::new(1, 1), story);
}
