use k8s_openapi::api::core::v1::{ContainerState as ApiState, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::runtime::containers::{ContainerState, ContainerStatus, Exit, Namespaces, SandboxState, SandboxStatus};

/// A pod, what runs of it and the time, driven by hand: each action is carried out at once and perfectly.
struct Scene {
    pod: Pod,
    gone: bool,
    world: World,
    probes: Probes,
    troubles: Troubles,
    now: Timestamp,
    ending_for: Duration,
}

impl Scene {
    fn new(spec: Value) -> Self {
        let metadata = json!({"name": "p", "namespace": "default", "uid": "u", "generation": 3});
        let pod = json!({"metadata": metadata, "spec": spec});
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let pod = serde_json::from_value(pod).unwrap();
        let (world, probes, troubles) = Default::default();
        Self { pod, gone: false, world, probes, troubles, now, ending_for: Duration::ZERO }
    }

    fn decide(&self) -> Outcome {
        pod_lifecycle(&Input {
            pod: &self.pod,
            gone: self.gone,
            world: &self.world,
            probes: &self.probes,
            troubles: &self.troubles,
            messages: &BTreeMap::new(),
            host_ips: &["192.0.2.1".parse().unwrap()],
            runtime: "docker",
            now: self.now,
            ending_for: self.ending_for,
        })
    }

    /// Decides, acts, and writes the status, until nothing is left to do at this time. Gives what was done.
    fn settle(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        for _ in 0..50 {
            let outcome = self.decide();
            self.pod.status = Some(outcome.status);
            if outcome.actions.is_empty() {
                return done;
            }
            for action in outcome.actions {
                done.push(self.act(action));
            }
        }
        panic!("it never settles: {done:?}");
    }

    fn act(&mut self, action: Action) -> String {
        match action {
            Action::RunSandbox { attempt } => {
                self.world.sandboxes.push(sandbox(attempt, self.now));
                format!("sandbox {attempt}")
            }
            Action::StopSandbox(id) => {
                self.kill_sandbox(&id);
                format!("stop sandbox {id}")
            }
            Action::RemoveSandbox(id) => {
                self.world.sandboxes.retain(|sandbox| sandbox.id != id);
                self.world.containers.retain(|container| container.sandbox != id);
                format!("remove sandbox {id}")
            }
            Action::Start { name, attempt, restart_delay } => {
                let sandbox = self.world.ready_sandbox().expect("containers start in a sandbox that is ready").id.clone();
                let members = members(&self.pod);
                let image = members.iter().find(|member| member.name() == name).unwrap().spec.image.clone().unwrap_or_default();
                let id = ContainerId(format!("{name}-{attempt}").into());
                let annotations = [(RESTART_DELAY.to_owned(), restart_delay.as_secs().to_string())].into();
                let state = ContainerState::Running { started_at: self.now };
                let (image_id, labels, created_at) = (String::new(), Default::default(), self.now);
                let text = format!("start {id}");
                self.world.containers.push(ContainerStatus {
                    id,
                    sandbox,
                    name,
                    attempt,
                    state,
                    created_at,
                    image,
                    image_id,
                    labels,
                    annotations,
                });
                text
            }
            Action::Stop { name, grace, .. } => {
                self.exit(&name, 143);
                format!("stop {name} {}", grace.as_secs())
            }
            Action::Remove(id) => {
                self.world.containers.retain(|container| container.id != id);
                format!("remove {id}")
            }
        }
    }

    fn exit(&mut self, name: &str, code: i32) {
        let now = self.now;
        let newest = self.world.newest(name).unwrap().id.clone();
        let container = self.world.containers.iter_mut().find(|container| container.id == newest).unwrap();
        if let ContainerState::Running { started_at } = container.state {
            let (started_at, message) = (Some(started_at), String::new());
            container.state = ContainerState::Exited(Exit { started_at, finished_at: now, code, oom_killed: false, message });
        }
    }

    fn kill_sandbox(&mut self, id: &SandboxId) {
        for sandbox in self.world.sandboxes.iter_mut().filter(|sandbox| sandbox.id == *id) {
            (sandbox.state, sandbox.ip) = (SandboxState::NotReady, None);
        }
        let names: Vec<_> = self.world.running().filter(|container| container.sandbox == *id).map(|c| c.name.clone()).collect();
        names.iter().for_each(|name| self.exit(name, 137));
    }

    fn later(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
    }

    /// By an API whose clock is ten minutes behind this node's.
    fn delete(&mut self, grace: i64) {
        self.pod.metadata.deletion_timestamp = Some(Time(self.now + jiff::SignedDuration::from_secs(grace - 600)));
        self.pod.metadata.deletion_grace_period_seconds = Some(grace);
    }

    fn verdicts(&mut self, id: &str, verdicts: Verdicts) {
        self.probes.insert(ContainerId(id.into()), verdicts);
    }

    fn phase(&self) -> String {
        self.decide().status.phase.unwrap()
    }

    fn state(&self, name: &str) -> (ApiState, Option<ApiState>) {
        let status = self.decide().status;
        let lists = [status.init_container_statuses, status.container_statuses, status.ephemeral_container_statuses];
        let status = lists.into_iter().flatten().flatten().find(|status| status.name == name).unwrap();
        (status.state.unwrap(), status.last_state)
    }

    fn waiting(&self, name: &str) -> String {
        self.state(name).0.waiting.map(|waiting| waiting.reason.unwrap()).unwrap_or_default()
    }

    fn condition(&self, kind: &str) -> PodCondition {
        self.decide().status.conditions.unwrap().into_iter().find(|condition| condition.type_ == kind).unwrap()
    }
}

fn sandbox(attempt: u32, now: Timestamp) -> SandboxStatus {
    SandboxStatus {
        id: SandboxId(format!("s{attempt}").into()),
        name: "p".into(),
        namespace: "default".into(),
        uid: "u".into(),
        attempt,
        state: SandboxState::Ready,
        created_at: now,
        ip: Some("10.244.0.2".parse().unwrap()),
        namespaces: Namespaces::default(),
        labels: Default::default(),
        annotations: Default::default(),
    }
}

fn web(extra: Value) -> Scene {
    let mut container = json!({"name": "web", "image": "nginx"});
    container.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Scene::new(json!({"restartPolicy": "Always", "containers": [container]}))
}

fn staged() -> Scene {
    Scene::new(json!({
        "initContainers": [
            {"name": "first"}, {"name": "proxy", "restartPolicy": "Always"}, {"name": "log", "restartPolicy": "Always"}, {"name": "last"},
        ],
        "containers": [{"name": "web"}, {"name": "db"}],
    }))
}

#[test]
fn a_pod_starts_its_sandbox_then_its_containers_and_is_ready() {
    let mut scene = web(json!({}));
    let first = scene.decide();
    assert_eq!(first.actions, [Action::RunSandbox { attempt: 0 }]);
    assert_eq!((scene.phase(), scene.waiting("web")), ("Pending".into(), "ContainerCreating".into()));
    assert_eq!(scene.condition("PodReadyToStartContainers").status, "False");
    assert_eq!(scene.settle(), ["sandbox 0", "start web-0"]);
    let status = scene.decide().status;
    assert_eq!((status.phase.as_deref(), status.pod_ip.as_deref()), (Some("Running"), Some("10.244.0.2")));
    assert_eq!((status.host_ip.as_deref(), status.qos_class.as_deref()), (Some("192.0.2.1"), Some("BestEffort")));
    assert_eq!(status.observed_generation, Some(3));
    let conditions = status.conditions.unwrap();
    assert!(conditions.iter().all(|condition| condition.status == "True" && condition.observed_generation == Some(3)));
    let types: Vec<_> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(types, ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]);
    assert_eq!(status.container_statuses.unwrap()[0].container_id.as_deref(), Some("docker://web-0"));
}

#[test]
fn init_containers_and_sidecars_come_in_their_order_before_the_main_ones() {
    let mut scene = staged();
    assert_eq!(scene.settle(), ["sandbox 0", "start first-0"]);
    assert_eq!((scene.phase(), scene.waiting("web")), ("Pending".into(), "PodInitializing".into()));
    assert_eq!(scene.condition("Initialized").message.unwrap(), "containers with incomplete status: [first proxy log last]");
    scene.exit("first", 0);
    assert_eq!(scene.settle(), ["start proxy-0", "start log-0", "start last-0"]);
    assert_eq!(scene.condition("Initialized").message.unwrap(), "containers with incomplete status: [last]");
    scene.exit("last", 0);
    assert_eq!(scene.settle(), ["start web-0", "start db-0"]);
    assert_eq!((scene.phase(), scene.condition("Ready").status), ("Running".into(), "True".into()));
}

#[test]
fn a_sidecar_is_waited_for_until_its_startup_probe_passes() {
    let probe = json!({"tcpSocket": {"port": 1}});
    let sidecar = json!({"name": "proxy", "restartPolicy": "Always", "startupProbe": probe});
    let mut scene = Scene::new(json!({"initContainers": [sidecar], "containers": [{"name": "web"}]}));
    assert_eq!(scene.settle(), ["sandbox 0", "start proxy-0"]);
    scene.verdicts("proxy-0", Verdicts { startup: Some(true), ..Verdicts::default() });
    assert_eq!(scene.settle(), ["start web-0"]);
}

#[test]
fn sidecars_stop_last_and_in_reverse_order() {
    let mut scene = staged();
    scene.settle();
    scene.exit("first", 0);
    scene.settle();
    scene.exit("last", 0);
    scene.settle();
    scene.delete(20);
    assert_eq!(scene.settle(), ["stop web 20", "stop db 20", "stop log 20", "stop proxy 20", "stop sandbox s0"]);
    assert!(scene.decide().ended);
}

#[test]
fn a_crash_loop_waits_longer_each_time_and_forgives_a_long_run() {
    let mut scene = web(json!({}));
    scene.settle();
    scene.exit("web", 1);
    assert_eq!(scene.settle(), ["start web-1"]);
    for (attempt, delay, text) in [(2, 10, "10s"), (3, 20, "20s"), (4, 40, "40s"), (5, 80, "1m20s"), (6, 160, "2m40s"), (7, 300, "5m0s")] {
        scene.later(1);
        scene.exit("web", 1);
        let removed: Vec<_> = scene.settle().into_iter().filter(|action| !action.starts_with("remove")).collect();
        assert!(removed.is_empty(), "{removed:?}");
        let (state, last) = scene.state("web");
        let waiting = state.waiting.unwrap();
        assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
        assert_eq!(waiting.message.unwrap(), format!("back-off {text} restarting failed container=web pod=p_default(u)"));
        assert_eq!(last.unwrap().terminated.unwrap().exit_code, 1);
        assert_eq!(scene.phase(), "Running");
        assert_eq!(scene.decide().wake_at, Some(scene.now + jiff::SignedDuration::from_secs(delay)));
        scene.later(delay);
        assert_eq!(scene.settle()[0], format!("start web-{attempt}"));
    }
    scene.later(601);
    scene.exit("web", 1);
    assert_eq!(scene.settle()[0], "start web-8");
    assert_eq!(scene.decide().status.container_statuses.unwrap()[0].restart_count, 8);
}

#[test]
fn restart_policies_decide_on_restarts_and_on_the_last_phase() {
    let cases = [
        ("Never", json!({}), 0, None, "Succeeded"),
        ("Never", json!({}), 3, None, "Failed"),
        ("OnFailure", json!({}), 0, None, "Succeeded"),
        ("OnFailure", json!({}), 3, Some("start web-1"), "Running"),
        ("Always", json!({}), 0, Some("start web-1"), "Running"),
        ("Always", json!({"restartPolicy": "Never"}), 0, None, "Succeeded"),
        ("Never", json!({"restartPolicy": "OnFailure"}), 3, Some("start web-1"), "Running"),
        (
            "Always",
            json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]}),
            42,
            Some("start web-1"),
            "Running",
        ),
    ];
    for (policy, extra, code, restart, phase) in cases {
        let mut scene = web(extra.clone());
        scene.pod.spec.as_mut().unwrap().restart_policy = Some(policy.into());
        scene.settle();
        scene.exit("web", code);
        let done = scene.settle();
        assert_eq!(done.iter().find(|action| action.starts_with("start")).map(String::as_str), restart, "{policy} {extra} {code}");
        assert_eq!(scene.phase(), phase, "{policy} {extra} {code}");
    }
}

#[test]
fn a_failed_init_container_fails_a_pod_that_never_restarts_and_is_tried_again_in_others() {
    for (policy, phase) in [("Never", "Failed"), ("Always", "Pending"), ("OnFailure", "Pending")] {
        let mut scene =
            Scene::new(json!({"restartPolicy": policy, "initContainers": [{"name": "setup"}], "containers": [{"name": "web"}]}));
        scene.settle();
        scene.exit("setup", 2);
        let done = scene.settle();
        assert_eq!(done.contains(&"start setup-1".to_owned()), policy != "Never", "{policy}");
        assert_eq!(scene.phase(), phase, "{policy}");
    }
}

#[test]
fn probes_gate_readiness_and_a_failed_liveness_restarts() {
    let probe = json!({"httpGet": {"port": 80}});
    let mut scene = web(json!({"startupProbe": probe, "livenessProbe": probe, "readinessProbe": probe}));
    scene.settle();
    assert_eq!(scene.condition("Ready").message.unwrap(), "containers with unready status: [web]");
    scene.verdicts("web-0", Verdicts { startup: Some(true), liveness: Some(true), readiness: None });
    assert_eq!(scene.condition("ContainersReady").reason.as_deref(), Some("ContainersNotReady"));
    scene.verdicts("web-0", Verdicts { startup: Some(true), liveness: Some(true), readiness: Some(true) });
    assert_eq!(scene.condition("Ready").status, "True");
    scene.verdicts("web-0", Verdicts { startup: Some(true), liveness: Some(false), readiness: Some(true) });
    let stop = scene.decide().actions.remove(0);
    assert!(
        matches!(&stop, Action::Stop { message, .. } if message == "Container web failed liveness probe, will be restarted"),
        "{stop:?}"
    );
    assert_eq!(scene.settle(), ["stop web 30", "start web-1"]);
    assert_eq!(scene.condition("Ready").status, "False");
}

#[test]
fn readiness_gates_hold_a_pod_back() {
    let mut scene = web(json!({}));
    scene.pod.spec.as_mut().unwrap().readiness_gates =
        Some(vec![k8s_openapi::api::core::v1::PodReadinessGate { condition_type: "example.com/lb".into() }]);
    scene.settle();
    let ready = scene.condition("Ready");
    assert_eq!(ready.reason.as_deref(), Some("ReadinessGatesNotReady"));
    assert_eq!(ready.message.unwrap(), "corresponding condition of pod readiness gate \"example.com/lb\" does not exist.");
    assert_eq!(scene.condition("ContainersReady").status, "True");
    scene.pod.status.as_mut().unwrap().conditions.as_mut().unwrap().push(true_condition("example.com/lb"));
    assert_eq!(scene.condition("Ready").status, "True");
    assert_eq!(scene.condition("example.com/lb").status, "True");
}

#[test]
fn a_sandbox_that_died_is_replaced_and_its_containers_run_anew() {
    let mut scene = Scene::new(json!({"restartPolicy": "Always", "initContainers": [{"name": "setup"}], "containers": [{"name": "web"}]}));
    scene.settle();
    scene.exit("setup", 0);
    scene.settle();
    scene.kill_sandbox(&SandboxId("s0".into()));
    assert_eq!(scene.settle(), ["sandbox 1", "remove sandbox s0", "start setup-1"]);
    scene.exit("setup", 0);
    assert_eq!(scene.settle(), ["start web-1"]);
    let (state, last) = scene.state("web");
    assert!(state.running.is_some());
    assert_eq!(last.unwrap().terminated.unwrap().exit_code, 137);
}

#[test]
fn a_pod_beyond_its_deadline_fails() {
    let mut scene = web(json!({}));
    scene.pod.spec.as_mut().unwrap().active_deadline_seconds = Some(60);
    scene.settle();
    assert_eq!(scene.decide().wake_at, Some(scene.now + jiff::SignedDuration::from_secs(60)));
    scene.later(60);
    assert_eq!(scene.settle(), ["stop web 30", "stop sandbox s0"]);
    let status = scene.decide().status;
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("DeadlineExceeded")));
}

#[test]
fn trouble_is_shown_and_waited_out() {
    let mut scene = web(json!({}));
    scene.world.sandboxes.push(sandbox(0, scene.now));
    let retry_at = scene.now + jiff::SignedDuration::from_secs(10);
    let trouble = Trouble { reason: "ImagePullBackOff", message: "Back-off pulling image \"nginx\"".into(), retry_at };
    scene.troubles.insert("web".into(), trouble);
    assert!(scene.settle().is_empty());
    assert_eq!((scene.waiting("web"), scene.phase()), ("ImagePullBackOff".into(), "Pending".into()));
    assert_eq!(scene.decide().wake_at, Some(retry_at));
    scene.later(10);
    assert_eq!(scene.decide().actions.len(), 1);
}

#[test]
fn a_deleted_pod_has_only_the_time_that_is_left() {
    let mut scene = web(json!({}));
    scene.settle();
    scene.delete(30);
    scene.ending_for = Duration::from_secs(20);
    assert_eq!(scene.settle(), ["stop web 10", "stop sandbox s0"]);
    let mut scene = web(json!({}));
    scene.settle();
    scene.gone = true;
    assert_eq!(scene.settle(), ["stop web 1", "stop sandbox s0"]);
}

#[test]
fn an_ephemeral_container_runs_once() {
    let mut scene = web(json!({}));
    scene.settle();
    scene.pod.spec.as_mut().unwrap().ephemeral_containers = serde_json::from_value(json!([{"name": "debug", "image": "sh"}])).unwrap();
    assert_eq!(scene.settle(), ["start debug-0"]);
    scene.exit("debug", 1);
    assert!(scene.settle().is_empty());
    assert_eq!(scene.phase(), "Running");
}

#[test]
fn quality_of_service_follows_requests_and_limits() {
    let class = |resources: Value| qos_class(&web(json!({"resources": resources})).pod).to_string();
    assert_eq!(class(json!({})), "BestEffort");
    assert_eq!(class(json!({"limits": {"cpu": "1", "memory": "1Gi"}})), "Guaranteed");
    assert_eq!(class(json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}})), "Guaranteed");
    assert_eq!(class(json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}})), "Burstable");
    assert_eq!(class(json!({"requests": {"cpu": "1"}})), "Burstable");
}

#[derive(Clone, Debug)]
enum Fate {
    Exit(&'static str, i32),
    Later(i64),
    KillSandbox,
    Probe(&'static str, Option<bool>, Option<bool>),
    Delete,
}

fn fate() -> impl Strategy<Value = Fate> {
    let name = prop::sample::select(vec!["setup", "proxy", "web", "db"]);
    prop_oneof![
        4 => (name.clone(), prop::sample::select(vec![0, 1, 137])).prop_map(|(name, code)| Fate::Exit(name, code)),
        4 => (1..400_i64).prop_map(Fate::Later),
        1 => Just(Fate::KillSandbox),
        2 => (name, any::<Option<bool>>(), any::<Option<bool>>()).prop_map(|(name, startup, live)| Fate::Probe(name, startup, live)),
        1 => Just(Fate::Delete),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_order_is_kept_and_what_is_final_stays(
        policy in prop::sample::select(vec!["Always", "OnFailure", "Never"]),
        fates in prop::collection::vec(fate(), 0..40),
    ) {
        let probe = json!({"tcpSocket": {"port": 1}});
        let mut scene = Scene::new(json!({
            "restartPolicy": policy,
            "initContainers": [{"name": "setup"}, {"name": "proxy", "restartPolicy": "Always"}],
            "containers": [{"name": "web", "startupProbe": probe, "livenessProbe": probe}, {"name": "db"}],
        }));
        let mut last: Option<String> = None;
        for fate in fates {
            scene.settle();
            // The main containers run only in a sandbox in which the init containers are done.
            let sandbox = scene.world.sandbox().map(|sandbox| sandbox.id.clone());
            let here = |name: &str| scene.world.runs(name).into_iter().find(|container| Some(&container.sandbox) == sandbox.as_ref());
            if here("web").is_some() || here("db").is_some() {
                prop_assert!(here("setup").and_then(super::world::exit).is_some_and(|exit| exit.code == 0));
                prop_assert!(here("proxy").is_some());
            }
            // No two containers of a name run at once.
            for name in ["setup", "proxy", "web", "db"] {
                prop_assert!(scene.world.running().filter(|container| container.name == name).count() <= 1);
            }
            let outcome = scene.decide();
            let phase = outcome.status.phase.clone();
            if matches!(last.as_deref(), Some("Succeeded" | "Failed")) {
                prop_assert_eq!(&phase, &last);
            }
            if outcome.ended {
                prop_assert_eq!(scene.world.running().count(), 0);
                prop_assert!(matches!(phase.as_deref(), Some("Succeeded" | "Failed")));
            }
            last = phase;
            match fate {
                Fate::Exit(name, code) if scene.world.newest(name).is_some() => scene.exit(name, code),
                Fate::Later(seconds) => scene.later(seconds),
                Fate::KillSandbox => {
                    let ids: Vec<_> = scene.world.sandboxes.iter().map(|sandbox| sandbox.id.clone()).collect();
                    ids.iter().for_each(|id| scene.kill_sandbox(id));
                }
                Fate::Probe(name, startup, liveness) if scene.world.newest(name).is_some() => {
                    let id = scene.world.newest(name).unwrap().id.clone();
                    scene.probes.insert(id, Verdicts { startup, liveness, readiness: None });
                }
                Fate::Delete if scene.pod.metadata.deletion_timestamp.is_none() => scene.delete(30),
                _ => {}
            }
        }
    }
}
