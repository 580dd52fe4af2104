//! Incidents of live clusters, recorded and lived through again.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::cluster::site::{IMAGE, Site, has, import_image, manifest};

fn replay(file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kabuki")).args(["sim", "replay"]).arg(file).args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ready(site: &Site, replicas: u8) {
    site.ok(&["wait", "rc/web", &format!("--for=jsonpath={{.status.readyReplicas}}={replicas}"), "--timeout=120s"]);
}

/// A pod's container has been restarted once, and is ready again.
fn restarted(site: &Site, pod: &str) {
    site.ok(&["wait", pod, "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=60s"]);
    site.ok(&["wait", pod, "--for=condition=Ready", "--timeout=60s"]);
}

fn pods(site: &Site) -> Vec<String> {
    site.ok(&["get", "pods", "-l", "app=web", "-o", "name"]).lines().map(str::to_owned).collect()
}

/// The path of the actor whose name begins so.
fn actor(site: &Site, name: &str) -> String {
    let tree: Value = serde_json::from_str(&site.kabuki_ok(&["tree", "-o", "json"])).unwrap();
    let mut open = vec![&tree];
    while let Some(node) = open.pop() {
        if node["name"].as_str().unwrap().starts_with(name) {
            return node["path"].as_str().unwrap().to_owned();
        }
        open.extend(node["children"].as_array().into_iter().flatten());
    }
    panic!("there is no actor {name}: {tree}");
}

fn kill(site: &Site, name: &str) {
    let path = actor(site, name);
    assert_eq!(site.kabuki_ok(&["kill-actor", &path]), format!("{path} killed\n"));
}

/// Both replays are as the recording, and as each other.
fn replays_twice(file: &Path) {
    let digests: Vec<Value> = (0..2)
        .map(|_| {
            let output = replay(file, &["--output", "json"]);
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert_eq!(output.status.code(), Some(0), "{said}");
            let replayed: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(replayed["differences"], serde_json::json!([]));
            assert!(replayed["states"].as_u64().unwrap() > 30, "{said}");
            replayed["digest"].clone()
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_killed_container_and_a_killed_actor_on_docker_replay_to_the_same_object_history_twice() {
    if !has(&["docker", "kubectl", "root"]) {
        return;
    }
    import_image();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("incident.kabuki");
    let mut site = Site::up(21, &["--runtime=docker", "--record", file.to_str().unwrap()]);
    let container =
        format!("        image: {IMAGE}\n        command: [sh, -c, 'hostname > /www/index.html; exec httpd -f -p 8080 -h /www']");
    site.apply(&manifest(3, "", &container));
    ready(&site, 3);

    let victim = pods(&site).remove(0);
    let id = site.ok(&["get", &victim, "-o", "jsonpath={.status.containerStatuses[0].containerID}"]);
    let killed = Command::new("docker").args(["kill", id.trim_start_matches("docker://")]).output().unwrap();
    assert!(killed.status.success(), "{}", text(&killed.stderr));
    restarted(&site, &victim);

    kill(&site, "scheduler");
    kill(&site, victim.strip_prefix("pod/").unwrap());
    site.ok(&["scale", "rc", "web", "--replicas=4"]);
    ready(&site, 4);
    let first = pods(&site).remove(1);
    site.ok(&["delete", &first]);
    ready(&site, 4);
    site.ok(&["create", "secret", "generic", "s", "--from-literal=password=hunter2"]);
    site.ok(&["scale", "rc", "web", "--replicas=1"]);
    site.ok(&["wait", "rc/web", "--for=jsonpath={.status.replicas}=1", "--timeout=60s"]);
    assert!(site.interrupt());

    replays_twice(&file);
    let recorded = text(&std::fs::read(&file).unwrap());
    assert!(!recorded.contains("aHVudGVyMg==") && !recorded.contains("hunter2"), "a secret's value is in the recording");
    let stopped = replay(&file, &["--break-on", &victim.replace('/', "/default/")]);
    assert_eq!(stopped.status.code(), Some(0));
    assert!(text(&stopped.stdout).contains("the last events that touched it:"), "{}", text(&stopped.stdout));
}

#[test]
fn an_incident_on_simulated_containers_replays_to_the_same_object_history_twice() {
    if !has(&["kubectl"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("incident.kabuki");
    let mut site = Site::up(22, &["--runtime=simulated", "--nodes=3", "--record", file.to_str().unwrap()]);
    // The first life of each container ends by itself.
    let annotations = "sim.kabuki.dev/exit-after: 4s, sim.kabuki.dev/exit-code: '3', sim.kabuki.dev/exit-attempts: '1'";
    site.apply(&manifest(3, annotations, "        image: web"));
    ready(&site, 3);
    pods(&site).iter().for_each(|pod| restarted(&site, pod));
    kill(&site, "replication");
    kill(&site, "kubelet");
    site.ok(&["annotate", &pods(&site)[0], "note=seen"]);
    site.ok(&["scale", "rc", "web", "--replicas=5"]);
    ready(&site, 5);
    site.kill_and_start_again();
    pods(&site).iter().for_each(|pod| drop(site.ok(&["wait", pod, "--for=condition=Ready", "--timeout=60s"])));
    site.ok(&["delete", "rc", "web"]);
    site.ok(&["wait", "pods", "-l", "app=web", "--for=delete", "--timeout=60s"]);
    assert!(site.interrupt());
    replays_twice(&file);
}

#[test]
fn what_cannot_be_replayed_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("incident.kabuki");
    let mut site = Site::up(23, &["--nodes=0", "--store=memory", "--record", file.to_str().unwrap()]);
    assert!(site.introduction.iter().any(|line| line.starts_with("recording to ")), "{:?}", site.introduction);
    assert!(site.interrupt());
    let whole = std::fs::read(&file).unwrap();
    let refused = |bytes: &[u8], more: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        let output = replay(&file, more);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        text(&output.stderr)
    };
    let cut = refused(&whole[..whole.len() - 5], &[]);
    assert!(cut.starts_with("error: ") && cut.contains("incident.kabuki: record ") && cut.contains("the recording is cut off"), "{cut}");
    assert_eq!(cut.lines().count(), 1);
    let other = refused(&[b"00000000 ", &whole[9..]].concat(), &[]);
    assert!(other.contains("this is no recording: its checksum does not match"), "{other}");
    assert!(refused(&whole, &["--until", "soon"]).contains("--until \"soon\" is no time"));
    assert!(refused(&whole, &["--until", "2001-01-01T00:00:00Z"]).contains("is before the run begins"));
    assert!(refused(&whole, &["--break-on", "pig/default/x"]).contains("there is no kind \"pig\""));
    assert!(refused(&whole, &["--verbose", "nobody"]).contains("there is no actor \"nobody\" in this run"));
    std::fs::write(&file, &whole).unwrap();
    let stopped = replay(&file, &["--until", "500ms"]);
    assert_eq!(stopped.status.code(), Some(0), "{}", text(&stopped.stderr));
    assert!(text(&stopped.stdout).contains("the last events:"), "{}", text(&stopped.stdout));
}
