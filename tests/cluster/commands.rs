//! The program's own commands against a simulated cluster: nothing but Rust is needed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cluster::site::Site;

const WEB: &str = "\
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: 3
  selector: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web}]
";

#[test]
fn a_simulated_cluster_is_worked_with_by_kabukis_own_commands() {
    let site = Site::up(1, &["--runtime=simulated", "--nodes=5", "--store=memory"]);
    assert!(site.introduction.iter().any(|line| line.contains("simulated, on 5 nodes")), "{:?}", site.introduction);
    let manifest = site.data().join("web.yaml");
    std::fs::write(&manifest, WEB).unwrap();
    let file = manifest.to_str().unwrap();
    assert_eq!(site.kabuki_ok(&["apply", "-f", file]), "replicationcontroller/web created\n");
    assert_eq!(site.kabuki_ok(&["apply", "-f", file]), "replicationcontroller/web unchanged\n");
    assert!(site.kabuki_ok(&["get", "rc", "web", "-o", "yaml"]).contains("replicas: 3"));
    assert_eq!(site.kabuki_ok(&["get", "nodes", "-o", "name"]).lines().count(), 5);
    let tree = site.kabuki_ok(&["tree"]);
    for actor in ["writer", "scheduler", "replication", "kubelet"] {
        assert!(tree.contains(actor), "{tree}");
    }
    assert!(site.kabuki_ok(&["describe", "rc", "web"]).contains("Replicas: 3"));
    assert_eq!(site.kabuki_ok(&["delete", "rc", "web"]), "replicationcontroller \"web\" deleted\n");
    let missing = site.kabuki(&["get", "rc", "web"]);
    assert!(!missing.status.success());
    let error = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(error, "error: Error from server (NotFound): replicationcontrollers \"web\" not found\n");
}

#[test]
fn who_stops_it_reads_of_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut up = std::process::Command::new(env!("CARGO_BIN_EXE_kabuki"));
    up.args(["up", "--nodes=0", "--listen=127.0.0.1:0", "--data-dir"]).arg(directory.path());
    let mut up = up.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(up.stdout.take().unwrap()).lines();
    while !lines.next().unwrap().unwrap().starts_with("export KUBECONFIG=") {}
    let pid = nix::unistd::Pid::from_raw(up.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = up.wait_with_output().unwrap();
    assert_eq!(
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()),
        (true, "stopping; containers keep running\n".to_owned())
    );

    let mut moved = std::process::Command::new(env!("CARGO_BIN_EXE_kabuki"));
    moved.args(["up", "--nodes=0", "--listen=127.0.0.1:0", "--service-cidr=10.97.0.0/16", "--data-dir"]).arg(directory.path());
    let moved = moved.output().unwrap();
    let error = String::from_utf8_lossy(&moved.stderr).into_owned();
    assert!(!moved.status.success(), "{error}");
    assert!(error.contains("--service-cidr 10.97.0.0/16") && error.contains("default/kubernetes has 10.96.0.1"), "{error}");
}

#[test]
fn what_cannot_work_is_refused_in_one_line() {
    let refused = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kabuki")).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
    };
    let overlap = refused(&["up", "--service-cidr=10.0.0.0/8", "--pod-cidr=10.244.0.0/16"]);
    assert_eq!(overlap, "error: --service-cidr 10.0.0.0/8 and --pod-cidr 10.244.0.0/16 overlap: choose ranges apart");
    assert!(refused(&["up", "no-such.yaml"]).contains("no-such.yaml: there is no such file"));
    let small = refused(&["up", "--service-cidr=10.0.0.0/30"]);
    assert_eq!(small, "error: --service-cidr 10.0.0.0/30 is too small: it needs at least 16 addresses, a /28");
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(refused(&["up", "--data-dir", file.path().to_str().unwrap()]).contains("this is a file"));

    let site = Site::up(2, &["--nodes=0"]);
    let directory = site.data().to_str().unwrap();
    let in_use = refused(&["up", "--nodes=0", "--listen=127.0.0.1:0", "--data-dir", directory]);
    assert!(in_use.contains("in use by process"), "{in_use}");
    let held = refused(&["down", "--data-dir", directory]);
    assert!(held.contains("in use by process"), "{held}");
    let kubeconfig = std::fs::read_to_string(site.kubeconfig()).unwrap();
    let port = kubeconfig.split("https://").nth(1).unwrap().split('"').next().unwrap();
    let other = tempfile::tempdir().unwrap();
    let taken = refused(&["up", "--nodes=0", "--listen", port, "--data-dir", other.path().to_str().unwrap()]);
    assert!(taken.contains("Address already in use") && taken.contains(port), "{taken}");
}

#[test]
fn a_pod_that_waits_says_why_for_each_node() {
    let site = Site::up(1, &["--runtime=simulated", "--nodes=2", "--store=memory"]);
    let manifest = site.data().join("big.yaml");
    let account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: big}}";
    let container = "{name: big, image: x, resources: {requests: {cpu: 5k}}}";
    let spec = format!("{{serviceAccountName: big, containers: [{container}]}}");
    let big = format!("{account}\n---\n{{apiVersion: v1, kind: Pod, metadata: {{name: big}}, spec: {spec}}}\n");
    std::fs::write(&manifest, big).unwrap();
    site.kabuki_ok(&["apply", "-f", manifest.to_str().unwrap()]);
    let mut answers = (0..1000).map(|_| site.kabuki_ok(&["why", "pod/big"]));
    let why = answers.find(|why| why.contains("2 Insufficient cpu")).expect("the scheduler looks at it once the nodes are ready");
    assert_eq!(why.lines().filter(|line| line.contains(": NodeResourcesFit: Insufficient cpu")).count(), 2, "{why}");
    let json: serde_json::Value = serde_json::from_str(&site.kabuki_ok(&["why", "pod/big", "-o", "json"])).unwrap();
    assert_eq!((&json["nodes"], &json["refusals"][0]["plugin"]), (&2.into(), &"NodeResourcesFit".into()), "{json}");
    assert!(String::from_utf8_lossy(&site.kabuki(&["why", "pod/none"]).stderr).contains("pods \"none\" not found"));
    assert!(String::from_utf8_lossy(&site.kabuki(&["why", "service/web"]).stderr).contains("only of pods"));
}
