//! exec, logs and port-forward by every client, in containers that really run.

use super::stage::play;
use super::{go, node, python};
use crate::site::{IMAGE, Site, has, import_image};

/// What the stories speak to.
fn talker() -> String {
    let serve = "echo talking > /www/index.html; echo serving; exec httpd -f -p 8080 -h /www";
    format!(
        "\
apiVersion: v1
kind: Namespace
metadata: {{name: story}}
---
apiVersion: v1
kind: Pod
metadata: {{name: talker, namespace: story}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: talker
    image: {IMAGE}
    command: [sh, -c, '{serve}']
    readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
"
    )
}

#[test]
fn every_client_speaks_with_what_runs_in_a_container() {
    if !has(&["docker", "kubectl", "root"]) {
        return;
    }
    import_image();
    let mut site = Site::up(39, &["--runtime=docker"]);
    site.apply(&talker());
    site.ok(&["wait", "--namespace=story", "pod/talker", "--for=condition=Ready", "--timeout=60s"]);
    for story in [python::story(), node::story(), go::program("story")].into_iter().flatten() {
        let mut story = story;
        story.arg("containers");
        play(&mut site, story);
    }
}
