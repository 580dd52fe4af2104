//! `kabuki sim serve`: a real API before a cluster whose clock moves when it is asked to.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use hyper::Method;
use kabuki::api::remote::{Ask, Remote, RemoteError};
use serde_json::{Value, json};

use crate::cluster::site::has;

/// A started world, and a client of it.
struct World {
    process: Child,
    kubeconfig: String,
    remote: Remote,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kabuki"));
        let mut process = command.args(["sim", "serve"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let kubeconfig = lines.find_map(|line| line.strip_prefix("export KUBECONFIG=").map(str::to_owned)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let remote = runtime.block_on(async { Remote::from_kubeconfig(kubeconfig.as_ref()).unwrap() });
        Self { process, kubeconfig, remote, runtime }
    }

    fn get(&self, path: &str) -> Value {
        self.runtime.block_on(self.remote.json(Ask::get(path))).unwrap()
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, RemoteError> {
        self.runtime.block_on(self.remote.json(Ask::with(Method::POST, path, body)))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap()
    }

    fn advance(&self, by: &str) -> Value {
        self.post(&format!("/debug/sim/advance?by={by}"), &Value::Null)
    }

    /// The whole journal, page by page.
    fn journal(&self) -> Vec<Value> {
        let (mut all, mut next) = (Vec::new(), json!(0));
        loop {
            let mut page = self.get(&format!("/debug/sim/journal?since={next}"));
            let Value::Array(entries) = page["entries"].take() else { panic!("{page}") };
            if entries.is_empty() {
                return all;
            }
            (next, all) = (page["next"].clone(), all.into_iter().chain(entries).collect());
        }
    }

    fn now(&self) -> jiff::Timestamp {
        self.get("/debug/sim")["now"].as_str().unwrap().parse().unwrap()
    }

    /// Of the pods in the default namespace: the name, the phase and the node.
    fn pods(&self) -> Vec<[String; 3]> {
        let list = self.get("/api/v1/namespaces/default/pods");
        let text = |pod: &Value, pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let row = |pod: &Value| ["/metadata/name", "/status/phase", "/spec/nodeName"].map(|pointer| text(pod, pointer));
        list["items"].as_array().unwrap().iter().map(row).collect()
    }

    fn running(&self) -> usize {
        self.pods().iter().filter(|[_, phase, _]| phase == "Running").count()
    }

    fn create_web(&self, replicas: u32) {
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}});
        let spec = json!({"replicas": replicas, "selector": {"app": "web"}, "template": template});
        let body = json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "web"}, "spec": spec});
        self.post("/api/v1/namespaces/default/replicationcontrollers", &body);
    }

    fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        command
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let ended = self.process.wait().unwrap();
        if std::thread::panicking() {
            return;
        }
        assert!(ended.success());
        assert!(!std::path::Path::new(&self.kubeconfig).exists(), "the kubeconfig is left behind");
    }
}

#[test]
fn time_passes_when_it_is_asked_to_and_not_before() {
    let world = World::start(&["--seed=7", "--nodes=3"]);
    let begun = world.now();
    assert_eq!(world.get("/api/v1/nodes")["items"].as_array().unwrap().len(), 3);
    assert_eq!(world.now(), begun, "who only reads takes no time");
    world.create_web(4);
    assert_eq!(world.now().duration_since(begun).as_millis(), 1, "who writes takes a millisecond");
    assert_eq!(world.running(), 0);
    let answer = world.advance("1h");
    assert_eq!(answer["now"], json!(world.now().to_string()));
    assert_eq!(world.now().duration_since(begun).as_millis(), 3_600_001);
    assert!(answer["events"].as_u64().unwrap() > 100, "{answer}");
    assert_eq!(world.running(), 4);
    let created = world.get("/api/v1/namespaces/default/replicationcontrollers/web")["metadata"]["creationTimestamp"].clone();
    let created: jiff::Timestamp = created.as_str().unwrap().parse().unwrap();
    assert_eq!(created.as_second(), begun.as_second(), "what is created is created in the world's time");
}

#[test]
fn the_same_requests_are_the_same_run() {
    let live = || {
        let world = World::start(&["--seed=11", "--nodes=4"]);
        world.create_web(6);
        world.advance("20s");
        let name = world.pods()[2][0].clone();
        let path = format!("/api/v1/namespaces/default/pods/{name}");
        world.runtime.block_on(world.remote.json(Ask { method: Method::DELETE, ..Ask::get(&path) })).unwrap();
        world.post("/debug/sim/inject", &json!({"lose-node": {"node": 1, "for": "10m"}}));
        world.advance("15m");
        (world.pods(), world.journal())
    };
    let ((pods, journal), (others_pods, others_journal)) = (live(), live());
    assert_eq!(pods, others_pods);
    for (one, other) in journal.iter().zip(&others_journal) {
        assert_eq!(one, other);
    }
    assert_eq!(journal.len(), others_journal.len());
}

#[test]
fn a_lost_nodes_pods_are_made_elsewhere_and_a_killed_api_comes_back() {
    let world = World::start(&["--nodes=2"]);
    world.create_web(4);
    world.advance("30s");
    assert_eq!(world.running(), 4);
    let did = world.post("/debug/sim/inject", &json!({"lose-node": {"node": "node-0", "for": "20m"}}));
    assert_eq!(did["did"], "lose-node");
    world.advance("10m");
    let on_the_other = world.pods().iter().filter(|[_, phase, node]| phase == "Running" && node == "node-1").count();
    assert_eq!(on_the_other, 4, "{:?}", world.pods());
    world.post("/debug/sim/inject", &json!({"crash": {"down": "30s"}}));
    let down = world.try_post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).unwrap_err();
    assert_eq!(down.status().map(|status| status.code), Some(503), "{down}");
    world.advance("1m");
    world.post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}}));
    let journal = world.journal();
    let told = |what: &str| journal.iter().any(|entry| entry["what"].as_str().unwrap().contains(what));
    assert!(told("lose-node") && told("was killed") && told("process 1 starts"));
}

#[test]
fn a_scenario_s_timeline_is_played_as_time_passes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.yaml");
    let scenario = "{name: s, about: x, nodes: {count: 3}, pods: 6, timeline: [{at: 10m, do: {drain: {node: 0}}}]}";
    std::fs::write(&file, scenario).unwrap();
    let world = World::start(&["--scenario", file.to_str().unwrap()]);
    let on_first = || world.pods().iter().filter(|[_, _, node]| node == "node-0").count();
    assert_eq!((world.running(), on_first()), (6, 2));
    world.advance("9m");
    assert_eq!(on_first(), 2);
    world.advance("2m");
    assert_eq!((world.running(), on_first()), (6, 0));
}

#[test]
fn what_cannot_be_done_is_said() {
    let world = World::start(&["--nodes=1"]);
    let refused = |path: &str, body: Value| {
        let error = world.try_post(path, &body).unwrap_err();
        (error.status().unwrap().code, error.status().unwrap().message.clone())
    };
    let (code, why) = refused("/debug/sim/advance?by=soon", Value::Null);
    assert!(code == 400 && why.contains("\"soon\" is no duration"), "{why}");
    assert_eq!(refused("/debug/sim/advance?by=1000000h", Value::Null).0, 400);
    let (code, why) = refused("/debug/sim/inject", json!({"explode": {}}));
    assert!(code == 400 && why.contains("explode"), "{why}");
    let (code, why) = refused("/debug/sim/inject", json!({"drain": {"node": "omega"}}));
    assert_eq!((code, &*why), (400, "drain: there is no node \"omega\": there are node-0"));
    assert_eq!(refused("/debug/sim", Value::Null).0, 405);
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&world.kubeconfig).unwrap()).unwrap();
    config["users"][0]["user"] = json!({});
    let nobody = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(nobody.path(), config.to_string()).unwrap();
    let nobody = world.runtime.block_on(async { Remote::from_kubeconfig(nobody.path())?.json(Ask::get("/debug/sim")).await });
    assert_eq!(nobody.unwrap_err().status().map(|status| status.code), Some(403));
}

#[test]
fn kubectl_applies_watches_and_waits_in_a_world() {
    if !has(&["kubectl"]) {
        return;
    }
    let world = World::start(&["--nodes=3"]);
    let mut apply = world.kubectl(&["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n";
    apply.stdin.take().unwrap().write_all(pod.as_bytes()).unwrap();
    assert!(apply.wait().unwrap().success());
    let mut watch = world.kubectl(&["get", "pods", "-w", "--no-headers"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with('p') && !first.contains("Running"), "{first}");
    let mut wait = world.kubectl(&["wait", "--for=condition=Ready", "pod/p", "--timeout=60s"]).stdout(Stdio::null()).spawn().unwrap();
    world.advance("10s");
    assert!(lines.any(|line| line.contains("Running")), "the watch ended");
    assert!(wait.wait().unwrap().success());
    watch.kill().unwrap();
    watch.wait().unwrap();
    let raw = world.kubectl(&["create", "--raw", "/debug/sim/advance?by=30s", "-f", "/dev/null"]).output().unwrap();
    assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
    assert!(String::from_utf8_lossy(&raw.stdout).contains("\"now\""));
}
