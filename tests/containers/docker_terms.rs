//! What is promised of Docker beyond the contract.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::TryStreamExt;
use kabuki::runtime::containers::docker::{Docker, DockerOptions};
use kabuki::runtime::containers::{
    AttachOptions, ContainerFilter, ContainerId, ContainerRuntime, ContainerSpec, Dns, Error, ExecOptions, Labels, LogLimits, LogOptions,
    Namespaces, PidNamespace, SandboxSpec, Session, TerminalSize,
};
use kabuki::runtime::network::{Cidr, PodNetwork, RoutedNetwork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::contract::Stage;
use crate::docker_stage::{Cluster, IMAGE, on_cluster, on_docker, options};

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

async fn output(stage: &Stage, id: &ContainerId, words: &[&str]) -> String {
    let output = stage.runtime.exec_sync(id, &command(words), Duration::from_secs(30)).await.unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

async fn terminal(stage: &Stage, id: &ContainerId, script: &str, size: Option<TerminalSize>) -> Session {
    let options = ExecOptions { command: command(&["sh", "-c", script]), stdin: true, stdout: true, tty: true, size, ..Default::default() };
    stage.runtime.exec(id, &options).await.unwrap()
}

#[test]
fn a_terminals_bytes_come_as_they_are() {
    on_docker(|stage| async move {
        let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
        let session = terminal(&stage, &id, r"printf '\001\000\000\000\000\000\000\377abc'; exit 3", None).await;
        let bytes = session.stdout.try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(bytes, b"\x01\0\0\0\0\0\0\xffabc");
        assert_eq!(session.exit.await, Ok(3));
    });
}

#[test]
fn a_terminal_has_the_size_that_was_asked_for_last() {
    on_docker(|stage| async move {
        let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
        let wait = r#"for s in "40 100" "50 120"; do until [ "$(stty size 2>/dev/null)" = "$s" ]; do sleep 0.01; done; echo "$s"; done"#;
        let session = terminal(&stage, &id, wait, Some(TerminalSize { width: 100, height: 40 })).await;
        let (resize, mut stdout) = (session.resize, session.stdout);
        let mut seen = Vec::new();
        while !seen.ends_with(b"\n") {
            seen.extend(stdout.try_next().await.unwrap().unwrap());
        }
        assert_eq!(seen, b"40 100\r\n");
        resize.send(TerminalSize { width: 120, height: 50 }).await.unwrap();
        seen.extend(stdout.try_collect::<Vec<_>>().await.unwrap().concat());
        assert_eq!(seen, b"40 100\r\n50 120\r\n");
        assert_eq!(session.exit.await, Ok(0));
    });
}

#[test]
fn a_containers_own_terminal_can_be_attached_to() {
    on_docker(|stage| async move {
        let spec = ContainerSpec { tty: true, stdin: true, ..stage.spec("main", &["sh", "-c", "read line; echo got $line; exit 5"]) };
        let id = stage.start(&spec).await;
        let options = AttachOptions { stdin: true, stdout: true, stderr: false, tty: true };
        let mut session = stage.runtime.attach(&id, &options).await.unwrap();
        session.stdin.as_mut().unwrap().write_all(b"\x01x\n").await.unwrap();
        let bytes = session.stdout.try_collect::<Vec<_>>().await.unwrap().concat();
        assert!(String::from_utf8_lossy(&bytes).contains("got \u{1}x\r\n"), "{bytes:?}");
        assert_eq!(session.exit.await, Ok(5));
        let lines: Vec<_> = stage.runtime.logs(&id, &LogOptions::default()).await.unwrap().try_collect().await.unwrap();
        assert!(lines.iter().any(|line| line.bytes == "got \u{1}x\r\n"), "{lines:?}");
    });
}

#[test]
fn containers_share_what_their_sandbox_has() {
    on_docker(|stage| async move {
        let dns = Dns {
            servers: vec!["10.96.0.10".parse().unwrap()],
            searches: vec!["svc.cluster.local".to_owned()],
            options: vec!["ndots:5".to_owned()],
        };
        let namespaces = Namespaces { pid: PidNamespace::Sandbox, ..Default::default() };
        let sysctls = [("net.ipv4.ip_unprivileged_port_start".to_owned(), "80".to_owned())].into();
        let spec = SandboxSpec { dns: Some(dns), namespaces, sysctls, ..Stage::sandbox_spec("shared") };
        let sandbox = stage.runtime.run_sandbox(&spec).await.unwrap();
        let stage = Stage { sandbox, ..stage };
        let one = stage.start(&stage.spec("one", &["nc", "-ll", "-p", "7000", "-e", "cat"])).await;
        let two = stage.start(&stage.spec("two", &["sleep", "1000"])).await;
        assert_eq!(output(&stage, &two, &["hostname"]).await, "stage\n");
        let resolv = output(&stage, &two, &["cat", "/etc/resolv.conf"]).await;
        assert_eq!(resolv, "search svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n");
        assert!(output(&stage, &two, &["ps"]).await.contains("nc -ll"), "one sees the other's processes");
        assert!(output(&stage, &two, &["netstat", "-ltn"]).await.contains(":7000"));
        assert_eq!(output(&stage, &two, &["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"]).await, "80\n");
        let status = stage.runtime.sandbox_status(&stage.sandbox).await.unwrap();
        assert_eq!(status.namespaces, namespaces);
        stage.runtime.stop_container(&one, Duration::ZERO).await.unwrap();
    });
}

#[test]
fn who_comes_later_finds_what_is_there_and_nothing_of_others() {
    on_cluster(|cluster, docker| async move {
        let first = Stage::set(Arc::new(docker), IMAGE, "").await;
        let id = first.start(&first.spec("main", &["sleep", "1000"])).await;
        let before = first.runtime.container_status(&id).await.unwrap();

        let second = Docker::connect(options(&cluster)).await.unwrap();
        assert_eq!(second.list_containers(&ContainerFilter::default()).await.unwrap(), std::slice::from_ref(&before));
        let sandboxes = second.list_sandboxes(&Labels::new()).await.unwrap();
        assert_eq!(sandboxes.iter().map(|status| &status.id).collect::<Vec<_>>(), [&first.sandbox]);

        let stranger = Cluster::new();
        let other = Docker::connect(options(&stranger.0)).await.unwrap();
        assert_eq!(other.list_containers(&ContainerFilter::default()).await.unwrap(), []);
        Docker::remove_everything(DockerOptions::SOCKET, &stranger.0).await.unwrap();
        assert_eq!(first.runtime.container_status(&id).await.unwrap(), before);
        Docker::remove_everything(DockerOptions::SOCKET, &cluster).await.unwrap();
        assert!(first.runtime.container_status(&id).await.unwrap_err().is_not_found());
    });
}

#[test]
fn a_removed_sandbox_leaves_no_control_group() {
    on_cluster(|cluster, docker| async move {
        let stage = Stage::set(Arc::new(docker), IMAGE, "").await;
        let root = format!("kabuki-test-{}", std::process::id());
        let groups = || {
            let found =
                std::process::Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-path"]).arg(format!("*/{root}*")).output();
            String::from_utf8(found.unwrap().stdout).unwrap()
        };
        let spec = SandboxSpec { cgroup_parent: Some(format!("/{root}/pod")), ..Stage::sandbox_spec("grouped") };
        let sandbox = stage.runtime.run_sandbox(&spec).await.unwrap();
        let stage = Stage { sandbox: sandbox.clone(), ..stage };
        stage.start(&stage.spec("main", &["sleep", "1000"])).await;
        assert!(groups().contains("/pod/"));
        stage.runtime.remove_sandbox(&sandbox).await.unwrap();
        assert!(!groups().contains("/pod"), "{}", groups());

        stage.runtime.run_sandbox(&SandboxSpec { attempt: 4, ..spec }).await.unwrap();
        Docker::remove_everything(DockerOptions::SOCKET, &cluster).await.unwrap();
        assert_eq!(groups(), "");
    });
}

#[test]
fn an_endless_log_fills_no_more_than_its_bounds() {
    on_docker(|stage| async move {
        let log = LogLimits { max_file_bytes: 20_000, max_files: 2 };
        let script = "i=0; while [ $i -lt 3000 ]; do echo a line of the log with number $i; i=$((i+1)); done";
        let id = stage.start(&ContainerSpec { log, ..stage.spec("main", &["sh", "-c", script]) }).await;
        assert_eq!(stage.exit(&id).await.code, 0);
        let lines: Vec<_> = stage.runtime.logs(&id, &LogOptions::default()).await.unwrap().try_collect().await.unwrap();
        assert_eq!(lines.last().unwrap().bytes, "a line of the log with number 2999\n");
        let kept: usize = lines.iter().map(|line| line.bytes.len()).sum();
        assert!(kept < 40_000, "{kept} bytes in {} lines", lines.len());
    });
}

#[test]
fn a_command_that_takes_too_long_is_killed() {
    on_docker(|stage| async move {
        let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
        let late = stage.runtime.exec_sync(&id, &command(&["sleep", "777"]), Duration::from_millis(200)).await;
        assert_eq!(late, Err(Error::Timeout(Duration::from_millis(200))));
        // The engine has reaped it, or is about to.
        assert_eq!(output(&stage, &id, &["sh", "-c", "while ps | grep -q '[s]leep 777'; do sleep 0.01; done"]).await, "");
    });
}

#[test]
fn a_sandbox_may_have_a_network_that_kabuki_makes() {
    if !RoutedNetwork::is_permitted() {
        eprintln!("skipped: the pod network needs root");
        return;
    }
    on_cluster(|cluster, _| async move {
        let range: Cidr = "198.19.1.0/24".parse().unwrap();
        let network = || async { Some(Arc::new(RoutedNetwork::open(&cluster, vec![range]).await.unwrap()) as Arc<dyn PodNetwork>) };
        let docker = Docker::connect(DockerOptions { network: network().await, ..options(&cluster) }).await.unwrap();
        docker.set_pod_range(range).await.unwrap();
        let stage = Stage::set(Arc::new(docker), IMAGE, "").await;
        let ip = stage.runtime.sandbox_status(&stage.sandbox).await.unwrap().ip.unwrap();
        assert_eq!(ip.to_string(), "198.19.1.2");
        let id = stage.start(&stage.spec("main", &["nc", "-ll", "-p", "7000", "-e", "cat"])).await;
        output(&stage, &id, &["sh", "-c", "until netstat -ltn | grep -q :7000; do sleep 0.05; done"]).await;
        let mut stream = tokio::net::TcpStream::connect((ip, 7000)).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();

        // Another process finds it as it is.
        let docker = Docker::connect(DockerOptions { network: network().await, ..options(&cluster) }).await.unwrap();
        assert_eq!(docker.sandbox_status(&stage.sandbox).await.unwrap().ip, Some(ip));
        docker.remove_sandbox(&stage.sandbox).await.unwrap();
        RoutedNetwork::remove_everything(&cluster).await.unwrap();
    });
}

async fn refusal(socket: &std::path::Path) -> String {
    let options = DockerOptions { socket: socket.to_str().unwrap().to_owned(), ..options("nobody") };
    match Docker::connect(options).await {
        Err(Error::Unavailable(reason)) => reason,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("there is no such engine"),
    }
}

#[test]
fn the_engine_is_where_its_other_clients_look_for_it() {
    let socket = |host| DockerOptions::socket_named_by(host).map_err(|error| error.to_string());
    assert_eq!(socket(None).unwrap(), "/var/run/docker.sock");
    assert_eq!(socket(Some("")).unwrap(), "/var/run/docker.sock");
    assert_eq!(socket(Some("unix:///run/user/7/docker.sock")).unwrap(), "/run/user/7/docker.sock");
    for elsewhere in ["tcp://192.0.2.1:2375", "ssh://me@there", "unix://docker.sock", "/run/docker.sock"] {
        assert!(socket(Some(elsewhere)).unwrap_err().contains(&format!("DOCKER_HOST is {elsewhere:?}")), "{elsewhere}");
    }
}

#[tokio::test]
async fn a_missing_or_too_old_engine_is_named_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    let path = socket.display();
    assert_eq!(refusal(&socket).await, format!("there is no Docker socket at {path}; is Docker installed and running?"));

    let listener = UnixListener::bind(&socket).unwrap();
    let old = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(client.read(&mut request).await.unwrap() > 0);
        let body = r#"{"Version":"17.06.0-ce","ApiVersion":"1.30","MinAPIVersion":"1.12"}"#;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        client.write_all((head + body).as_bytes()).await.unwrap();
    });
    assert_eq!(refusal(&socket).await, format!("Docker at {path} is 17.06.0-ce; Kabuki needs Docker 20.10 or newer"));
    old.await.unwrap();

    // The socket is there, its listener is gone.
    let reason = refusal(&socket).await;
    assert!(reason.starts_with(&format!("Docker does not answer at {path}: ")) && !reason.contains('\n'), "{reason}");
}
