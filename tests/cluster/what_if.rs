//! What-ifs: a rehearsal that goes on from the state of a live cluster.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use kabuki::http::identity::Identity;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::cluster::site::Site;

/// Two of these fit on a node of four CPUs.
const WEB: &str = "\
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: 5
  selector: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, resources: {requests: {cpu: 1500m}}}]
";
const DRAIN: &str = "\
name: drain
about: A node is drained
timeline:
- {at: 1s, do: {drain: {node: node-0}}}
";

/// A folder with the scenario in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("drain.yaml"), DRAIN).unwrap();
    folder
}

fn sim(folder: &tempfile::TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kabuki"));
    command.args(["sim", "run", "drain.yaml"]).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_live_clusters_pods_land_elsewhere_or_say_why_they_wait() {
    let site = Site::up(3, &["--runtime=simulated", "--nodes=3", "--store=memory"]);
    let manifest = site.data().join("web.yaml");
    std::fs::write(&manifest, WEB).unwrap();
    site.kabuki_ok(&["apply", "-f", manifest.to_str().unwrap()]);
    let folder = folder();
    let kubeconfig = site.kubeconfig();
    let live = sim(&folder, &["--from-kubeconfig", kubeconfig.to_str().unwrap(), "--context", "kabuki", "--output", "json"]);
    assert_eq!(live.status.code(), Some(0), "{}{}", text(&live.stdout), text(&live.stderr));
    let outcome: Value = serde_json::from_slice(&live.stdout).unwrap();
    let pods = outcome["landings"]["pods"].as_array().unwrap();
    assert!(pods.iter().all(|pod| pod["to"] != "node-0"), "{pods:?}");
    let pending: Vec<&Value> = pods.iter().filter(|pod| pod["fate"] == "pending").collect();
    let [pending] = &pending[..] else { panic!("one does not fit: {pods:?}") };
    let why = pending["why"].as_str().unwrap();
    assert!(why.contains("2 Insufficient cpu") && why.contains("1 node(s) were unschedulable"), "{why}");

    let exported = site.kabuki_ok(&["get", "nodes,pods,rc", "-o", "yaml"]);
    std::fs::write(folder.path().join("export.yaml"), exported).unwrap();
    let exported = sim(&folder, &["--from-objects", "export.yaml"]);
    assert_eq!(exported.status.code(), Some(0), "{}", text(&exported.stderr));
    let printed = text(&exported.stdout);
    assert!(printed.contains(" 1 pending") && printed.contains("-> pending"), "{printed}");
}

/// A server that answers each path with these bytes, and the kubeconfig that leads to it.
fn server(answer: fn(&str) -> String) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::open(directory.path(), &[]).unwrap();
    let chain = CertificateDer::pem_slice_iter(identity.server.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.server.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    identity.kubeconfig(&format!("https://{}", listener.local_addr().unwrap())).write(&kubeconfig).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream.unwrap());
            let (mut head, mut byte) = (String::new(), [0]);
            while !head.ends_with("\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0].into());
            }
            // A client that has gone is none of this server's business.
            let _ = stream.write_all(answer(head.split(' ').nth(1).unwrap_or_default()).as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (directory, kubeconfig)
}

fn json(code: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn list() -> String {
    json("200 OK", r#"{"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}"#)
}

fn forbidden() -> String {
    json("403 Forbidden", r#"{"kind": "Status", "status": "Failure", "message": "not for you", "reason": "Forbidden", "code": 403}"#)
}

#[test]
fn a_cluster_that_answers_half_is_one_line_and_nothing_is_run() {
    let folder = folder();
    let said = |answer: fn(&str) -> String| {
        let (_directory, kubeconfig) = server(answer);
        let output = sim(&folder, &["--from-kubeconfig", kubeconfig.to_str().unwrap()]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
        text(&output.stderr).lines().last().unwrap().to_owned()
    };
    let refused = said(|path| if path.starts_with("/api/v1/nodes") { forbidden() } else { list() });
    assert!(
        refused.starts_with("error: https://127.0.0.1:") && refused.ends_with("/api/v1/nodes: Error from server (Forbidden): not for you"),
        "{refused}"
    );
    let page = said(|path| if path.starts_with("/api/v1/pods") { json("200 OK", "<html>log in</html>") } else { list() });
    assert!(page.contains("/api/v1/pods: the server's answer cannot be read"), "{page}");
    let cut = said(|path| if path.starts_with("/api/v1/services") { json("200 OK", "{}").replace(": 2", ": 2000") } else { list() });
    assert!(cut.contains("/api/v1/services: cannot reach https://127.0.0.1:"), "{cut}");
    let object = said(|path| if path.starts_with("/api/v1/secrets") { json("200 OK", "{}") } else { list() });
    assert!(object.ends_with("/api/v1/secrets: the answer is no list"), "{object}");
    let empty = said(|path| if path.starts_with("/api/v1/secrets") { forbidden() } else { list() });
    assert!(empty.contains("the export has no nodes"), "{empty}");
}

#[test]
fn a_kubeconfig_that_leads_nowhere_is_refused_with_its_place() {
    let folder = folder();
    let (directory, kubeconfig) = server(|_| list());
    let said = |arguments: &[&str]| {
        let output = sim(&folder, arguments);
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr)
    };
    let file = kubeconfig.to_str().unwrap();
    assert_eq!(said(&["--from-kubeconfig", file, "--context", "x"]), format!("error: {file}: the context \"x\" is not defined\n"));
    std::fs::write(directory.path().join("bad"), "certainly not").unwrap();
    assert!(said(&["--from-kubeconfig", directory.path().join("bad").to_str().unwrap()]).contains("bad: not a kubeconfig"));
    assert!(said(&["--from-objects", "no-such.yaml"]).contains("no-such.yaml: "));
    std::fs::write(folder.path().join("one.yaml"), "{kind: List, apiVersion: v1, items: [{kind: Node, apiVersion: v1, metadata: {}}]}")
        .unwrap();
    assert_eq!(said(&["--from-objects", "one.yaml"]), "error: one.yaml: object 1 of the export has no kind or no metadata.name\n");
}
