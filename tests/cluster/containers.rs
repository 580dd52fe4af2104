//! Real containers on a real engine, driven by real kubectl.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::cluster::site::{IMAGE, Site, has, import_image, manifest};

fn web(replicas: u8) -> String {
    let command = "hostname > /www/index.html; echo serving; exec httpd -f -p 8080 -h /www";
    manifest(replicas, "", &format!("        image: {IMAGE}\n        command: [sh, -c, '{command}']"))
}

fn started(number: u8, replicas: u8) -> Option<Site> {
    if !has(&["docker", "kubectl", "root"]) {
        return None;
    }
    import_image();
    let site = Site::up(number, &["--runtime=docker"]);
    site.apply(&web(replicas));
    ready(&site, replicas);
    Some(site)
}

fn ready(site: &Site, replicas: u8) {
    site.ok(&["wait", "rc/web", &format!("--for=jsonpath={{.status.readyReplicas}}={replicas}"), "--timeout=120s"]);
}

fn pods(site: &Site) -> Vec<String> {
    site.ok(&["get", "pods", "-l", "app=web", "-o", "name"]).lines().map(str::to_owned).collect()
}

/// The body of one request's answer.
fn get(address: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim().to_owned()
}

/// The containers of the replicas, by name and id; the pauses left out.
fn containers() -> BTreeSet<String> {
    let mut ps = Command::new("docker");
    let output = ps.args(["ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}", "--filter", "name=kabuki_web_"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn three_replicas_behind_a_cluster_ip_all_answer() {
    let Some(site) = started(11, 3) else { return };
    let ip = site.ok(&["get", "svc", "web", "-o", "jsonpath={.spec.clusterIP}"]);
    site.ok(&["wait", "endpoints/web", "--for=jsonpath={.subsets[0].addresses[2].ip}", "--timeout=30s"]);
    let answered: BTreeSet<String> = (0..30).map(|_| format!("pod/{}", get(&format!("{ip}:80")))).collect();
    assert_eq!(answered, pods(&site).into_iter().collect());
}

#[test]
fn kubectl_works_inside_pods() {
    let Some(site) = started(12, 1) else { return };
    let pod = pods(&site).remove(0);
    let name = pod.strip_prefix("pod/").unwrap();
    assert_eq!(site.ok(&["logs", &pod]), "serving\n");
    assert_eq!(site.ok(&["exec", &pod, "--", "echo", "hello"]), "hello\n");
    assert_eq!(site.kubectl(&["exec", &pod, "--", "sh", "-c", "exit 7"]).status.code(), Some(7));

    let mut cat = site.spawn_kubectl(&["exec", "-i", &pod, "--", "cat"]);
    cat.stdin.take().unwrap().write_all(b"through stdin").unwrap();
    let mut echoed = String::new();
    cat.stdout.take().unwrap().read_to_string(&mut echoed).unwrap();
    assert_eq!(echoed, "through stdin");
    assert!(cat.wait().unwrap().success());

    let file = site.data().join("file");
    std::fs::write(&file, "copied").unwrap();
    site.ok(&["cp", file.to_str().unwrap(), &format!("default/{name}:/tmp/file")]);
    assert_eq!(site.ok(&["exec", &pod, "--", "cat", "/tmp/file"]), "copied");

    let mut forward = site.spawn_kubectl(&["port-forward", &pod, ":8080"]);
    // Kept to the end: kubectl dies of a pipe that is closed.
    let mut printed = BufReader::new(forward.stdout.take().unwrap()).lines();
    let line = printed.next().unwrap().unwrap();
    let port = line.split("127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(get(&format!("127.0.0.1:{port}")), name);
    forward.kill().unwrap();
    forward.wait().unwrap();

    site.apply(&format!(
        "\
apiVersion: v1
kind: Pod
metadata: {{name: echo}}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  containers: [{{name: c, image: '{IMAGE}', stdin: true, stdinOnce: true, command: [cat]}}]
"
    ));
    site.ok(&["wait", "pod/echo", "--for=condition=Ready", "--timeout=60s"]);
    let mut attach = site.spawn_kubectl(&["attach", "-i", "echo"]);
    attach.stdin.take().unwrap().write_all(b"attached\n").unwrap();
    let mut echoed = String::new();
    attach.stdout.take().unwrap().read_to_string(&mut echoed).unwrap();
    assert_eq!(echoed, "attached\n");
    attach.wait().unwrap();
    site.ok(&["wait", "pod/echo", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);
}

#[test]
fn kubectl_debugs_a_container_a_pod_and_a_node() {
    let Some(site) = started(16, 1) else { return };
    let pod = pods(&site).remove(0);
    let name = pod.strip_prefix("pod/").unwrap();
    let image = format!("--image={IMAGE}");
    let debug = |what: &[&str]| site.ok(&[&["debug"], what].concat());

    let first_process = "cat /proc/1/cmdline";
    debug(&[name, "--target=web", "-c=looker", &image, "--", "sh", "-c", first_process]);
    let ended = "jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}";
    site.ok(&["wait", &pod, &format!("--for={ended}=0"), "--timeout=60s"]);
    assert!(site.ok(&["logs", name, "-c=looker"]).starts_with("httpd"), "it sees the processes of its target");

    debug(&[name, "--copy-to=copy", "-c=looker", &image, "--", "sleep", "1000"]);
    site.ok(&["wait", "pod/copy", "--for=condition=Ready", "--timeout=60s"]);

    let node = site.ok(&["get", "nodes", "-o", "name"]);
    debug(&[node.trim(), &image, "--", "ls", "/host/proc/1"]);
    let all = site.ok(&["get", "pods", "-o", "name"]);
    let debugger = all.lines().find(|pod| pod.starts_with("pod/node-debugger-")).unwrap();
    site.ok(&["wait", debugger, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);
}

#[test]
fn what_goes_comes_back_and_scaling_works() {
    let Some(site) = started(13, 2) else { return };
    let first = pods(&site).remove(0);
    site.ok(&["delete", &first]);
    ready(&site, 2);
    assert!(!pods(&site).contains(&first));

    let victim = pods(&site).remove(0);
    let id = site.ok(&["get", &victim, "-o", "jsonpath={.status.containerStatuses[0].containerID}"]);
    let killed = Command::new("docker").args(["kill", id.trim_start_matches("docker://")]).output().unwrap();
    assert!(killed.status.success());
    site.ok(&["wait", &victim, "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=60s"]);
    ready(&site, 2);

    site.ok(&["scale", "rc", "web", "--replicas=4"]);
    ready(&site, 4);
    site.ok(&["scale", "rc", "web", "--replicas=1"]);
    site.ok(&["wait", "rc/web", "--for=jsonpath={.status.replicas}=1", "--timeout=60s"]);
}

#[test]
fn after_kill_minus_nine_nothing_is_lost_and_no_container_restarts() {
    let Some(mut site) = started(14, 3) else { return };
    let mine = |site: &Site| -> BTreeSet<String> {
        let pods = pods(site);
        containers().into_iter().filter(|line| pods.iter().any(|pod| line.contains(pod.strip_prefix("pod/").unwrap()))).collect()
    };
    let (pods_before, containers_before) = (pods(&site), mine(&site));
    assert_eq!(containers_before.len(), 3);
    site.ok(&["create", "configmap", "acknowledged", "--from-literal=a=b"]);
    site.kill_and_start_again();
    assert_eq!(site.ok(&["get", "configmap", "acknowledged", "-o", "jsonpath={.data.a}"]), "b");
    assert_eq!(pods(&site), pods_before);
    // It acts again: a pod that goes now is replaced.
    site.ok(&["delete", &pods_before[0]]);
    ready(&site, 3);
    let kept: BTreeSet<String> = containers_before.intersection(&mine(&site)).cloned().collect();
    assert_eq!(kept.len(), 2, "the containers of the other two pods are the ones that ran before");
    let restarts = site.ok(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.containerStatuses[0].restartCount}"]);
    assert_eq!(restarts, "0 0 0");
    assert!(site.interrupt(), "Ctrl-C stops it in order");
    assert!(containers().is_superset(&kept), "and leaves containers running");
}

#[test]
fn a_pod_finds_a_service_by_name() {
    let Some(site) = started(15, 1) else { return };
    let pod = pods(&site).remove(0);
    let answer = site.ok(&["exec", &pod, "--", "wget", "-qO-", "http://web.default.svc.cluster.local/"]);
    assert_eq!(format!("pod/{}", answer.trim()), pod);
    assert_eq!(site.ok(&["exec", &pod, "--", "wget", "-qO-", "http://web/"]), answer);
}
