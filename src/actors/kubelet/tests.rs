//! A node with simulated containers, on an API with a memory store, in paused time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, PersistentVolumeClaim, Pod};
use serde_json::{Value, json};

use super::*;
use crate::actors::informer::Informers;
use crate::api::client::{ClientRef, DeleteOptions, ListOptions, Patch, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::verbs::{Api, LocalClient, Settings, User};
use crate::runtime::clock;
use crate::runtime::containers::simulated::{Profile, Simulated};
use crate::runtime::containers::{ContainerFilter, ContainerRuntime};
use crate::runtime::entropy::Entropy;
use crate::runtime::store::LocalStore;
use crate::runtime::supervision::{Strategy, Supervisor};

struct Scene {
    supervisor: Supervisor,
    client: ClientRef,
    runtime: Simulated,
}

fn scene<F: Future<Output = ()>>(test: impl FnOnce(Scene) -> F) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(runtime).block_on(async {
        let _simulated = clock::simulate("2026-01-01T00:00:00Z".parse().unwrap());
        let entropy = Entropy::from_seed(1);
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let api = Api::new(Arc::new(LocalStore::in_memory(&supervisor)), Entropy::from_seed(2), Settings::default());
        let client: ClientRef = Arc::new(LocalClient::new(api, User::default()));
        for name in ["default", "kube-node-lease"] {
            let kind = Registry::built_in().kind("v1", "Namespace").unwrap();
            client.create(kind, "", json!({"metadata": {"name": name}}), &WriteOptions::default()).await.unwrap();
        }
        let account = Registry::built_in().kind("v1", "ServiceAccount").unwrap();
        client.create(account, "default", json!({"metadata": {"name": "default"}}), &WriteOptions::default()).await.unwrap();
        let runtime = Simulated::new(Profile::default(), "10.244.0.0/24".parse().unwrap(), entropy.split("runtime"));
        let scene = Scene { supervisor, client, runtime };
        scene.start_node(&entropy);
        test(scene).await;
    });
}

impl Scene {
    fn start_node(&self, entropy: &Entropy) -> KubeletHandle {
        let informers = Informers::new(self.supervisor.supervisor("informers", Strategy::OneForOne), self.client.clone(), entropy);
        let pods = PodRouter::start(&self.supervisor, informers.typed::<Pod>());
        let machine = Machine {
            runtime: Arc::new(self.runtime.clone()),
            files: Arc::new(SimulatedFiles),
            dial: Arc::new(SimulatedDial(self.runtime.clone())),
            findings: Arc::new(crate::runtime::recording::Unrecorded),
        };
        let mut options = Options::new("n1", "192.0.2.1".parse().unwrap());
        options.pod_range = Some("10.244.0.0/24".parse().unwrap());
        start(&self.supervisor, self.client.clone(), &informers, &pods, machine, entropy, options)
    }

    async fn create(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = "n1".into();
        spec["automountServiceAccountToken"] = false.into();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        let kind = Registry::built_in().kind("v1", "Pod").unwrap();
        self.client.create(kind, "default", pod, &WriteOptions::default()).await.unwrap();
    }

    async fn put(&self, kind: &str, namespace: &str, name: &str, body: Value) {
        let kind = Registry::built_in().kind("v1", kind).unwrap();
        let mut object = json!({"apiVersion": "v1", "kind": kind.kind(), "metadata": {"name": name}});
        object.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        self.client.create(kind, namespace, object, &WriteOptions::default()).await.unwrap();
    }

    async fn merge(&self, kind: &str, namespace: &str, name: &str, subresource: &str, patch: Value) {
        let kind = Registry::built_in().kind("v1", kind).unwrap();
        self.client.patch(kind, namespace, name, subresource, Patch::Merge(patch), &WriteOptions::default()).await.unwrap();
    }

    async fn web(&self, name: &str) {
        self.create(name, json!({"containers": [{"name": "web", "image": "nginx"}]})).await;
    }

    /// The pod, once it is as wanted. Simulated time passes meanwhile; five minutes are too long.
    async fn pod(&self, name: &str, what: &str, wanted: impl Fn(&Pod) -> bool) -> Pod {
        let deadline = clock::instant() + Duration::from_secs(300);
        loop {
            let pod = self.client.typed::<Pod>().get("default", name).await.unwrap();
            if wanted(&pod) {
                return pod;
            }
            assert!(clock::instant() < deadline, "{name} is never {what}: {:#?}", pod.status);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn running(&self, name: &str) -> Pod {
        self.pod(name, "ready", |pod| condition(pod, "Ready").as_deref() == Some("True")).await
    }

    async fn gone(&self, name: &str) {
        while self.client.typed::<Pod>().get("default", name).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What was said for that reason, in order.
    async fn events(&self, reason: &str) -> Vec<String> {
        let events = self.client.typed::<Event>().list("default", &Default::default()).await.unwrap();
        let mut told: Vec<String> =
            events.into_iter().filter(|event| event.reason.as_deref() == Some(reason)).filter_map(|event| event.message).collect();
        told.sort();
        told
    }

    async fn containers(&self) -> Vec<String> {
        let all = self.runtime.list_containers(&ContainerFilter::default()).await.unwrap();
        all.into_iter().map(|container| format!("{} {}", container.name, container.id)).collect()
    }
}

fn condition(pod: &Pod, kind: &str) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.status.clone())
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

#[test]
fn a_container_that_cannot_be_started_counts_as_restarted_and_backs_off() {
    scene(|scene| async move {
        let metadata = json!({"annotations": {"sim.kabuki.dev/start-error": "no such command"}});
        let containers = json!([{"name": "web", "image": "nginx", "command": ["/no/such"]}]);
        let spec = json!({"nodeName": "n1", "automountServiceAccountToken": false, "containers": containers});
        for (name, policy) in [("lost", "Always"), ("once", "Never")] {
            let mut body = json!({"metadata": metadata, "spec": spec});
            body["metadata"]["name"] = name.into();
            body["spec"]["restartPolicy"] = policy.into();
            scene.put("Pod", "default", name, body).await;
        }
        let web = |pod: &Pod| pod.status.clone().and_then(|status| status.container_statuses).and_then(|all| all.into_iter().next());
        let lost = scene.pod("lost", "restarted thrice", |pod| web(pod).is_some_and(|web| web.restart_count == 3)).await;
        let lost = web(&lost).unwrap();
        let last = lost.last_state.and_then(|state| state.terminated).unwrap();
        assert_eq!((last.exit_code, last.reason.as_deref()), (128, Some("ContainerCannotRun")));
        assert!(last.message.unwrap().contains("no such command"));
        let waiting = lost.state.and_then(|state| state.waiting).unwrap();
        assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
        scene.pod("once", "failed", |pod| phase(pod) == "Failed").await;
        assert_eq!(scene.events("Failed").await.first().map(String::as_str), Some("Error: cannot start: no such command"));
    });
}

#[test]
fn a_node_registers_and_runs_what_is_bound_to_it() {
    scene(|scene| async move {
        scene.web("a").await;
        let pod = scene.running("a").await;
        let status = pod.status.unwrap();
        assert_eq!((status.phase.as_deref(), status.host_ip.as_deref()), (Some("Running"), Some("192.0.2.1")));
        assert!(status.pod_ip.unwrap().starts_with("10.244.0."));
        let node = scene.client.typed::<Node>().get("", "n1").await.unwrap();
        assert_eq!(node.metadata.labels.unwrap()["kubernetes.io/hostname"], "n1");
        let status = node.status.unwrap();
        let ready = status.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert_eq!((ready.status.as_str(), status.capacity.unwrap()["pods"].0.as_str()), ("True", "110"));
        let lease = scene.client.typed::<k8s_openapi::api::coordination::v1::Lease>().get("kube-node-lease", "n1").await.unwrap();
        assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some("n1"));
    });
}

#[test]
fn a_node_that_was_given_up_says_within_seconds_that_it_is_there() {
    scene(|scene| async move {
        tokio::time::sleep(Duration::from_secs(65)).await;
        let ready = async || {
            let node = scene.client.typed::<Node>().get("", "n1").await.unwrap();
            let conditions = node.status.unwrap().conditions.unwrap();
            conditions.into_iter().find(|condition| condition.type_ == "Ready").unwrap().status
        };
        assert_eq!(ready().await, "True");
        let unknown = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        scene.merge("Node", "", "n1", "status", unknown).await;
        assert_eq!(ready().await, "Unknown");
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(ready().await, "True");
    });
}

#[test]
fn a_deleted_pod_ends_and_leaves_nothing() {
    scene(|scene| async move {
        scene.web("a").await;
        scene.running("a").await;
        scene.client.typed::<Pod>().delete("default", "a", &DeleteOptions::default()).await.unwrap();
        scene.gone("a").await;
        assert!(scene.containers().await.is_empty());
        assert!(scene.runtime.list_sandboxes(&Default::default()).await.unwrap().is_empty());
    });
}

#[test]
fn a_container_that_is_killed_runs_again() {
    scene(|scene| async move {
        scene.web("a").await;
        scene.running("a").await;
        let all = scene.runtime.list_containers(&ContainerFilter::default()).await.unwrap();
        scene.runtime.kill(&all[0].id, 137, true);
        let restarts = |pod: &Pod| pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].restart_count;
        let pod = scene.pod("a", "restarted", |pod| restarts(pod) == 1 && condition(pod, "Ready").as_deref() == Some("True")).await;
        let last = pod.status.unwrap().container_statuses.unwrap().remove(0).last_state.unwrap().terminated.unwrap();
        assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some("OOMKilled")));
    });
}

#[test]
fn who_waits_after_a_failure_says_so() {
    scene(|scene| async move {
        scene.web("a").await;
        for _ in 0..2 {
            scene.running("a").await;
            let all = scene.runtime.list_containers(&ContainerFilter::default()).await.unwrap();
            let newest = all.iter().max_by_key(|container| container.attempt).unwrap();
            scene.runtime.kill(&newest.id, 1, false);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let told = scene.events("BackOff").await;
        let uid = scene.client.typed::<Pod>().get("default", "a").await.unwrap().metadata.uid.unwrap();
        assert_eq!(told, [format!("Back-off restarting failed container web in pod a_default({uid})")]);
    });
}

#[test]
fn a_volume_that_cannot_be_made_does_not_keep_others_from_being_made() {
    scene(|scene| async move {
        let volume = |name: &str| json!({"name": name, "configMap": {"name": name}});
        let containers = json!([{"name": "web", "image": "nginx"}]);
        scene.create("a", json!({"containers": containers, "volumes": [volume("one"), volume("two")]})).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let told = scene.events("FailedMount").await;
        let failed = |name: &str| format!("MountVolume.SetUp failed for volume {name:?} : configmaps {name:?} not found");
        assert_eq!(told, [failed("one"), failed("two")]);
    });
}

#[test]
fn a_panic_of_the_kubelet_or_of_a_worker_restarts_no_container() {
    scene(|scene| async move {
        scene.web("a").await;
        scene.running("a").await;
        let before = scene.containers().await;
        let paths: Vec<String> = scene.supervisor.paths().into_iter().filter(|path| path.contains("/node n1/")).collect();
        assert!(paths.iter().any(|path| path.ends_with("/kubelet")), "{paths:?}");
        for path in paths.iter().filter(|path| path.ends_with("/kubelet") || path.contains("/pods/")) {
            assert!(scene.supervisor.inject_panic(path), "{path}");
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(scene.containers().await, before);
        scene.web("b").await;
        scene.running("b").await;
        scene.client.typed::<Pod>().delete("default", "a", &DeleteOptions::default()).await.unwrap();
        scene.gone("a").await;
    });
}

#[test]
fn a_second_kubelet_adopts_what_runs_and_clears_away_what_belongs_to_no_pod() {
    scene(|scene| async move {
        scene.web("a").await;
        scene.web("b").await;
        scene.running("a").await;
        scene.running("b").await;
        scene.supervisor.stop_child("node n1").await;
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        scene.client.typed::<Pod>().delete("default", "b", &options).await.unwrap();
        let kept: Vec<_> = scene.containers().await;
        assert_eq!(kept.len(), 2);
        scene.start_node(&Entropy::from_seed(9));
        tokio::time::sleep(Duration::from_secs(90)).await;
        let left = scene.containers().await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(kept.contains(&left[0]), "it was not restarted");
        assert_eq!(phase(&scene.running("a").await), "Running");
    });
}

#[test]
fn a_pod_that_does_not_fit_is_rejected() {
    scene(|scene| async move {
        let resources = json!({"requests": {"cpu": "64"}});
        scene.create("big", json!({"containers": [{"name": "web", "image": "nginx", "resources": resources}]})).await;
        let pod = scene.pod("big", "rejected", |pod| phase(pod) == "Failed").await;
        assert_eq!(pod.status.unwrap().reason.as_deref(), Some("OutOfcpu"));
        assert!(scene.containers().await.is_empty());
    });
}

/// It would hang: time stands still while a worker turns without waiting.
#[test]
fn the_worker_of_a_pod_that_has_ended_waits_though_its_volumes_are_old() {
    scene(|scene| async move {
        scene.put("ConfigMap", "default", "settings", json!({"data": {"a": "1"}})).await;
        let container = json!({"name": "once", "image": "job", "command": ["true"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]});
        let volumes = json!([{"name": "v", "configMap": {"name": "settings"}}]);
        scene.create("a", json!({"restartPolicy": "Never", "containers": [container], "volumes": volumes})).await;
        scene.pod("a", "done", |pod| phase(pod) == "Succeeded").await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(phase(&scene.client.typed::<Pod>().get("default", "a").await.unwrap()), "Succeeded");
    });
}

#[test]
fn a_missing_config_map_is_named_and_waited_for() {
    scene(|scene| async move {
        let env = json!([{"configMapRef": {"name": "late"}}]);
        scene.create("a", json!({"containers": [{"name": "web", "image": "nginx", "envFrom": env}]})).await;
        let waiting = |pod: &Pod| {
            let state = pod.status.as_ref()?.container_statuses.as_ref()?[0].state.clone()?;
            let waiting = state.waiting?;
            Some((waiting.reason?, waiting.message?))
        };
        let pod = scene.pod("a", "waiting", |pod| waiting(pod).is_some()).await;
        let expected = ("CreateContainerConfigError".to_owned(), "configmap \"late\" not found".to_owned());
        assert_eq!(waiting(&pod), Some(expected));
        let kind = Registry::built_in().kind("v1", "ConfigMap").unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}});
        scene.client.create(kind, "default", map, &WriteOptions::default()).await.unwrap();
        scene.running("a").await;
    });
}

#[test]
fn a_claims_volume_is_mounted_once_they_are_bound_to_each_other() {
    scene(|scene| async move {
        let (modes, gib) = (json!(["ReadWriteOnce"]), json!({"storage": "1Gi"}));
        let claim = json!({"accessModes": modes, "resources": {"requests": gib}, "volumeName": "disk"});
        scene.put("PersistentVolumeClaim", "default", "data", json!({"spec": claim})).await;
        let kept = json!({"namespace": "default", "name": "data", "uid": "another"});
        let disk = json!({"accessModes": modes, "capacity": gib, "hostPath": {"path": "/disk"}, "claimRef": kept});
        scene.put("PersistentVolume", "", "disk", json!({"spec": disk})).await;
        let container = json!({"name": "web", "image": "nginx", "volumeMounts": [{"name": "v", "mountPath": "/data"}]});
        let volume = json!({"name": "v", "persistentVolumeClaim": {"claimName": "data"}});
        scene.create("a", json!({"containers": [container], "volumes": [volume]})).await;
        let waits_for = async |why: &str| {
            tokio::time::sleep(Duration::from_secs(300)).await;
            assert!(scene.containers().await.is_empty());
            let events = scene.client.typed::<Event>().list("default", &ListOptions::default()).await.unwrap();
            let told = |event: &Event| event.message.as_ref().is_some_and(|message| message.ends_with(why));
            assert!(events.iter().any(told), "{events:?}");
        };
        waits_for("the claim is not bound to a volume").await;
        scene.merge("PersistentVolumeClaim", "default", "data", "status", json!({"status": {"phase": "Bound"}})).await;
        waits_for("the volume disk is bound to another claim").await;
        let claim = scene.client.typed::<PersistentVolumeClaim>().get("default", "data").await.unwrap();
        scene.merge("PersistentVolume", "", "disk", "", json!({"spec": {"claimRef": {"uid": claim.metadata.uid}}})).await;
        scene.running("a").await;
    });
}

#[test]
fn probes_decide_on_readiness_and_restarts() {
    scene(|scene| async move {
        let ready = json!({"httpGet": {"port": 80}, "periodSeconds": 1});
        let alive = json!({"exec": {"command": ["/bin/false"]}, "periodSeconds": 1, "failureThreshold": 3});
        let container = json!({"name": "web", "image": "nginx", "readinessProbe": ready, "livenessProbe": alive});
        scene.create("a", json!({"containers": [container], "terminationGracePeriodSeconds": 1})).await;
        scene.running("a").await;
        let restarts = |pod: &Pod| pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].restart_count;
        scene.pod("a", "restarted", |pod| restarts(pod) > 0).await;
    });
}
