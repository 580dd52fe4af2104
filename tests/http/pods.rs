//! Streams to pods, through real clients, to a node that pretends.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use futures::{FutureExt, SinkExt};
use hyper::Method;
use k8s_openapi::api::core::v1::Pod;
use kabuki::api::status::Status;
use kabuki::api::streams::{LogOptions, PodStreams, PodTarget};
use kabuki::runtime::containers::{AttachOptions, Duplex, ExecOptions, Session, TerminalSize};
use kube::api::{AttachParams, LogParams};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::site::{Site, site};

/// A node whose containers echo what they are told.
struct Echo;

#[async_trait]
impl PodStreams for Echo {
    async fn logs(&self, _: &PodTarget, container: &str, options: &LogOptions) -> Result<BoxStream<'static, io::Result<Bytes>>, Status> {
        let lines =
            vec![Ok(Bytes::from(format!("log of {container}, tail {:?}\n", options.tail_lines))), Ok(Bytes::new()), Ok("end\n".into())];
        Ok(stream::iter(lines).boxed())
    }

    /// `exit N` ends with N; `size` prints the first size of its terminal; anything else prints its input.
    async fn exec(&self, _: &PodTarget, _: &str, options: &ExecOptions) -> Result<Session, Status> {
        let (resize, mut sizes) = mpsc::channel::<TerminalSize>(8);
        let (stdin, output) = tokio::io::duplex(1024);
        let none = stream::empty().boxed();
        let words: Vec<&str> = options.command.iter().map(String::as_str).collect();
        let (stdout, stderr, code) = match words.as_slice() {
            ["exit", code] => (none, stream::iter([Ok(Bytes::from_static(b"goodbye\n"))]).boxed(), code.parse().unwrap()),
            ["size"] => {
                let size =
                    async move { sizes.recv().await.map(|TerminalSize { width, height }| Ok(Bytes::from(format!("{width}x{height}\n")))) };
                (stream::once(size).filter_map(async |size| size).boxed(), none, 0)
            }
            _ => (ReaderStream::new(output).boxed(), none, 0),
        };
        let stdin = options.stdin.then(|| Box::new(stdin) as Box<_>);
        Ok(Session { stdin, stdout, stderr, resize, exit: async move { Ok(code) }.boxed() })
    }

    /// A container that fails in the end.
    async fn attach(&self, pod: &PodTarget, container: &str, options: &AttachOptions) -> Result<Session, Status> {
        let options = ExecOptions { command: vec!["cat".into()], stdin: options.stdin, stdout: true, ..ExecOptions::default() };
        Ok(Session { exit: async { Ok(3) }.boxed(), ..self.exec(pod, container, &options).await? })
    }

    /// Port 1 is closed.
    async fn port_forward(&self, _: &PodTarget, port: u16) -> Result<Box<dyn Duplex>, Status> {
        if port == 1 {
            return Err(Status::internal("connection refused"));
        }
        let (near, far) = tokio::io::duplex(1024);
        actix_rt::spawn(async move {
            let (mut read, mut write) = tokio::io::split(near);
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = write.shutdown().await;
        });
        Ok(Box::new(far))
    }
}

/// A pod `p` on the node, and where its administrator's kubeconfig is.
async fn with_pod(site: &Site) -> PathBuf {
    site.nodes.register("echo", Arc::new(Echo));
    site.admin().post("/api/v1/namespaces/n/serviceaccounts", r#"{"metadata": {"name": "default"}}"#).await;
    let pod = r#"{"metadata": {"name": "p"}, "spec": {"nodeName": "echo", "containers": [{"name": "c", "image": "i"}]}}"#;
    let answer = site.admin().post("/api/v1/namespaces/n/pods", pod).await;
    assert_eq!(answer.code, 201, "{answer:?}");
    let patch = site.admin().with("content-type", "application/merge-patch+json");
    patch.send(Method::PATCH, "/api/v1/namespaces/n/pods/p/status", r#"{"status": {"phase": "Running"}}"#).await;
    let path = site.directory.path().join("kubeconfig");
    site.identity.kubeconfig(&format!("https://{}", site.address)).write(&path).unwrap();
    path
}

async fn pods(site: &Site) -> kube::Api<Pod> {
    let path = with_pod(site).await;
    let config = kube::config::Kubeconfig::read_from(path).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &kube::config::KubeConfigOptions::default()).await.unwrap();
    kube::Api::namespaced(kube::Client::try_from(config).unwrap(), "n")
}

#[test]
fn a_log_is_plain_text() {
    site(async |site| {
        let log = pods(&site).await.logs("p", &LogParams { tail_lines: Some(3), ..LogParams::default() }).await.unwrap();
        assert_eq!(log, "log of c, tail Some(3)\nend\n");
    });
}

#[test]
fn a_command_reads_its_input_to_the_end() {
    site(async |site| {
        let mut process = pods(&site).await.exec("p", ["cat"], &AttachParams::default().stdin(true).stderr(false)).await.unwrap();
        let mut stdin = process.stdin().unwrap();
        stdin.write_all(b"hello").await.unwrap();
        stdin.shutdown().await.unwrap();
        drop(stdin);
        let mut text = String::new();
        process.stdout().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
    });
}

#[test]
fn an_exit_code_comes_back() {
    site(async |site| {
        let mut process = pods(&site).await.exec("p", ["exit", "7"], &AttachParams::default()).await.unwrap();
        let status = process.take_status().unwrap();
        let mut text = String::new();
        process.stderr().unwrap().read_to_string(&mut text).await.unwrap();
        let status = status.await.unwrap();
        let code = status.details.unwrap().causes.unwrap().remove(0).message;
        assert_eq!((text.as_str(), status.reason.as_deref(), code.as_deref()), ("goodbye\n", Some("NonZeroExitCode"), Some("7")));
    });
}

/// The exit code is the container's own affair: kubectl would take it for a failure to attach.
#[test]
fn attaching_succeeds_however_the_container_ends() {
    site(async |site| {
        let mut process = pods(&site).await.attach("p", &AttachParams::default()).await.unwrap();
        let status = process.take_status().unwrap();
        assert_eq!(status.await.unwrap().status.as_deref(), Some("Success"));
    });
}

#[test]
fn a_terminal_is_resized() {
    site(async |site| {
        let mut process = pods(&site).await.exec("p", ["size"], &AttachParams::interactive_tty()).await.unwrap();
        let size = kube::api::TerminalSize { width: 80, height: 24 };
        process.terminal_size().unwrap().send(size).await.unwrap();
        let mut text = String::new();
        process.stdout().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "80x24\n");
    });
}

#[test]
fn ports_are_forwarded_over_channels() {
    site(async |site| {
        let pods = pods(&site).await;
        let mut forwarder = pods.portforward("p", &[80, 1]).await.unwrap();
        let mut stream = forwarder.take_stream(80).unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        let error = forwarder.take_error(1).unwrap().await.unwrap();
        assert!(error.contains("connection refused"), "{error}");
    });
}

#[test]
fn what_cannot_be_streamed_is_refused() {
    site(async |site| {
        with_pod(&site).await;
        let failure = async |path: &str| site.admin().get(&format!("/api/v1/namespaces/n/pods/{path}")).await.failure();
        assert_eq!(failure("none/log").await, (404, "pods \"none\" not found".to_owned()));
        assert_eq!(failure("p/log?container=z").await, (400, "container z is not valid for pod p".to_owned()));
        assert_eq!(failure("p/log?tailLines=-1").await.0, 422);
        assert_eq!(failure("p/exec?stdout=1").await, (400, "you must specify at least one command".to_owned()));
        assert_eq!(failure("p/exec?command=a").await.0, 400);
        assert_eq!(failure("p/exec?stdout=1&command=a").await, (400, "Upgrade request required".to_owned()));
        assert_eq!(failure("p/portforward").await, (400, "Upgrade request required".to_owned()));
    });
}

/// kubectl, if there is one.
fn kubectl(kubeconfig: &PathBuf) -> Option<Command> {
    if std::process::Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        eprintln!("skipped: there is no kubectl");
        return None;
    }
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", kubeconfig).args(["-n", "n"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    Some(command)
}

#[test]
fn kubectl_runs_commands_and_reads_logs() {
    site(async |site| {
        let kubeconfig = with_pod(&site).await;
        let Some(mut exec) = kubectl(&kubeconfig) else { return };
        let mut exec = exec.args(["exec", "-i", "p", "--", "cat"]).spawn().unwrap();
        exec.stdin.take().unwrap().write_all(b"hello").await.unwrap();
        let output = exec.wait_with_output().await.unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"hello"[..]));
        let failed = kubectl(&kubeconfig).unwrap().args(["exec", "p", "--", "exit", "7"]).output().await.unwrap();
        assert_eq!(failed.status.code(), Some(7));
        let log = kubectl(&kubeconfig).unwrap().args(["logs", "p", "--tail=2"]).output().await.unwrap();
        assert_eq!(&log.stdout[..], b"log of c, tail Some(2)\nend\n");
    });
}

#[test]
fn kubectl_forwards_ports_through_its_tunnel() {
    site(async |site| {
        let kubeconfig = with_pod(&site).await;
        let Some(mut forward) = kubectl(&kubeconfig) else { return };
        let mut forward = forward.args(["port-forward", "pod/p", "0:80", "--address", "127.0.0.1"]).spawn().unwrap();
        let mut said = String::new();
        // kubectl goes on talking, and dies if nobody listens.
        let mut stdout = BufReader::new(forward.stdout.take().unwrap());
        stdout.read_line(&mut said).await.unwrap();
        let port: u16 = said.split("127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        for text in ["one", "two"] {
            let mut connection = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            connection.write_all(text.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
            let mut echo = String::new();
            connection.read_to_string(&mut echo).await.unwrap();
            assert_eq!(echo, text);
        }
    });
}

#[test]
fn kubectl_creates_what_it_writes_in_protobuf() {
    site(async |site| {
        let kubeconfig = with_pod(&site).await;
        if kubectl(&kubeconfig).is_none() {
            return;
        }
        for arguments in [
            "create configmap c --from-literal=a=b",
            "create namespace m",
            "create secret generic s --from-literal=a=b",
            "create serviceaccount a",
            "create quota q --hard=pods=5",
            "create priorityclass high --value=5",
            "create token a",
            "create service clusterip w --tcp=80:http",
            "debug p --image=j --copy-to=q --container=d --env=A=B -- sleep 5",
        ] {
            let output = kubectl(&kubeconfig).unwrap().args(arguments.split(' ')).stderr(Stdio::piped()).output().await.unwrap();
            assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let secret = site.admin().get("/api/v1/namespaces/n/secrets/s").await.json();
        assert_eq!(secret["data"]["a"], "Yg==");
        let quota = site.admin().get("/api/v1/namespaces/n/resourcequotas/q").await.json();
        assert_eq!(quota["spec"]["hard"]["pods"], "5");
        let service = site.admin().get("/api/v1/namespaces/n/services/w").await.json();
        assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");
        let pod = site.admin().get("/api/v1/namespaces/n/pods/q").await.json();
        let debugger = &pod["spec"]["containers"][1];
        assert_eq!((&debugger["command"][1], &debugger["env"][0]["value"]), (&"5".into(), &"B".into()));
    });
}
