//! What every container runtime promises, as checks that panic. `main.rs` runs each against each runtime; a new runtime is
//! its file and one line there. The image holds a busybox; the commands are those that the simulation knows too.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use kabuki::runtime::containers::{
    AttachOptions, ContainerFilter, ContainerId, ContainerRuntime, ContainerSpec, ContainerState, ContainerStatus, Error, ExecOptions,
    Exit, Labels, LogOptions, LogStream, Namespaces, RuntimeChange, RuntimeEvent, SandboxId, SandboxSpec, SandboxState,
};

/// A runtime under test, with an image that is present, and one sandbox that the check may use.
pub struct Stage {
    pub runtime: Arc<dyn ContainerRuntime>,
    pub image: String,
    /// A reference whose pull fails.
    pub bad_image: String,
    pub sandbox: SandboxId,
}

const SECOND: Duration = Duration::from_secs(1);

/// Far beyond what any check needs: a check that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(30);

impl Stage {
    /// Owner and labels of sandboxes made with this spec are `uid`'s.
    pub fn sandbox_spec(uid: &str) -> SandboxSpec {
        SandboxSpec {
            name: format!("name-{uid}"),
            namespace: "contract".to_owned(),
            uid: uid.to_owned(),
            attempt: 3,
            hostname: Some("stage".to_owned()),
            labels: Labels::from([("owner".to_owned(), uid.to_owned())]),
            annotations: Labels::from([("note".to_owned(), "kept, with any bytes: ü \"\n".to_owned())]),
            ..Default::default()
        }
    }

    pub async fn set(runtime: Arc<dyn ContainerRuntime>, image: &str, bad_image: &str) -> Self {
        let sandbox = runtime.run_sandbox(&Self::sandbox_spec("stage")).await.unwrap();
        Self { runtime, image: image.to_owned(), bad_image: bad_image.to_owned(), sandbox }
    }

    pub fn spec(&self, name: &str, command: &[&str]) -> ContainerSpec {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        ContainerSpec { name: name.to_owned(), image: self.image.clone(), command, ..Default::default() }
    }

    pub async fn create(&self, spec: &ContainerSpec) -> ContainerId {
        self.runtime.create_container(&self.sandbox, spec).await.unwrap()
    }

    pub async fn start(&self, spec: &ContainerSpec) -> ContainerId {
        let id = self.create(spec).await;
        self.runtime.start_container(&id).await.unwrap();
        id
    }

    pub async fn exit(&self, id: &ContainerId) -> Exit {
        let mut events = self.runtime.events();
        let exit = async {
            while events.next().await.is_some() {
                if let ContainerState::Exited(exit) = self.status(id).await.state {
                    return exit;
                }
            }
            panic!("events end only with the runtime")
        };
        within(exit).await
    }

    async fn status(&self, id: &ContainerId) -> ContainerStatus {
        self.runtime.container_status(id).await.unwrap()
    }

    async fn log(&self, id: &ContainerId, options: LogOptions) -> Vec<(LogStream, String)> {
        let lines = within(self.runtime.logs(id, &options)).await.unwrap();
        let lines = lines.map_ok(|line| (line.stream, text(&line.bytes)));
        within(lines.try_collect()).await.unwrap()
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it ends in time")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn all(stream: BoxStream<'static, std::io::Result<Bytes>>) -> String {
    text(&within(stream.try_collect::<Vec<_>>()).await.unwrap().concat())
}

pub async fn a_sandbox_is_ready_with_an_address_until_it_is_stopped(stage: Stage) {
    let spec = Stage::sandbox_spec("ready");
    let id = stage.runtime.run_sandbox(&spec).await.unwrap();
    let status = stage.runtime.sandbox_status(&id).await.unwrap();
    assert_eq!((status.state, status.uid, status.name, status.attempt), (SandboxState::Ready, spec.uid, spec.name, spec.attempt));
    assert_eq!((status.namespace, status.labels, status.annotations), (spec.namespace, spec.labels.clone(), spec.annotations));
    let other = stage.runtime.sandbox_status(&stage.sandbox).await.unwrap();
    assert!(status.ip.is_some() && status.ip != other.ip, "{:?} {:?}", status.ip, other.ip);

    let listed = stage.runtime.list_sandboxes(&spec.labels).await.unwrap();
    assert_eq!(listed.iter().map(|status| &status.id).collect::<Vec<_>>(), [&id]);
    assert_eq!(stage.runtime.list_sandboxes(&Labels::new()).await.unwrap().len(), 2);

    stage.runtime.stop_sandbox(&id).await.unwrap();
    let status = stage.runtime.sandbox_status(&id).await.unwrap();
    assert_eq!((status.state, status.ip), (SandboxState::NotReady, None));
    let refused = stage.runtime.create_container(&id, &stage.spec("late", &["true"])).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

pub async fn a_sandbox_on_the_hosts_network_has_no_address_of_its_own(stage: Stage) {
    let namespaces = Namespaces { host_network: true, ..Default::default() };
    let spec = SandboxSpec { namespaces, hostname: None, ..Stage::sandbox_spec("host") };
    let id = stage.runtime.run_sandbox(&spec).await.unwrap();
    let status = stage.runtime.sandbox_status(&id).await.unwrap();
    assert_eq!((status.ip, status.namespaces), (None, namespaces));
}

pub async fn what_ends_things_is_idempotent_and_the_rest_says_what_is_not_there(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
    for _ in 0..2 {
        stage.runtime.stop_container(&id, Duration::ZERO).await.unwrap();
    }
    for _ in 0..2 {
        stage.runtime.remove_container(&id).await.unwrap();
    }
    for _ in 0..2 {
        stage.runtime.stop_sandbox(&stage.sandbox).await.unwrap();
    }
    for _ in 0..2 {
        stage.runtime.remove_sandbox(&stage.sandbox).await.unwrap();
    }
    stage.runtime.stop_container(&id, SECOND).await.unwrap();
    stage.runtime.stop_sandbox(&stage.sandbox).await.unwrap();
    assert!(stage.runtime.container_status(&id).await.unwrap_err().is_not_found());
    assert!(stage.runtime.start_container(&id).await.unwrap_err().is_not_found());
    assert!(stage.runtime.sandbox_status(&stage.sandbox).await.unwrap_err().is_not_found());
    assert!(stage.runtime.create_container(&stage.sandbox, &stage.spec("late", &["true"])).await.unwrap_err().is_not_found());
}

pub async fn a_container_is_what_its_spec_says_and_reports_how_it_ended(stage: Stage) {
    let labels = Labels::from([("tier".to_owned(), "front".to_owned())]);
    let spec = ContainerSpec { attempt: 2, labels: labels.clone(), ..stage.spec("main", &["sh", "-c", "echo out; echo err >&2; exit 7"]) };
    let id = stage.create(&spec).await;
    let created = stage.status(&id).await;
    assert_eq!((created.state, created.sandbox, created.name), (ContainerState::Created, stage.sandbox.clone(), spec.name.clone()));
    assert_eq!((created.attempt, created.image, created.labels), (2, spec.image.clone(), labels.clone()));
    assert_eq!(created.image_id, stage.runtime.image(&stage.image).await.unwrap().id);

    stage.runtime.start_container(&id).await.unwrap();
    let exit = stage.exit(&id).await;
    assert_eq!((exit.code, exit.oom_killed, exit.reason()), (7, false, "Error"));
    assert!(exit.started_at.unwrap() <= exit.finished_at);
    let mut log = stage.log(&id, LogOptions::default()).await;
    log.sort_by_key(|(stream, _)| *stream == LogStream::Stderr);
    assert_eq!(log, [(LogStream::Stdout, "out\n".to_owned()), (LogStream::Stderr, "err\n".to_owned())]);
    let again = stage.runtime.start_container(&id).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");

    let other = stage.create(&stage.spec("other", &["true"])).await;
    let ids = async |filter: ContainerFilter| {
        let listed = stage.runtime.list_containers(&filter).await.unwrap();
        listed.into_iter().map(|status| status.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(ContainerFilter { labels, ..Default::default() }).await, std::slice::from_ref(&id));
    assert_eq!(ids(ContainerFilter::in_sandbox(&stage.sandbox)).await, [id, other]);
}

pub async fn two_containers_of_one_name_and_attempt_cannot_be(stage: Stage) {
    let spec = stage.spec("main", &["true"]);
    stage.create(&spec).await;
    let second = stage.runtime.create_container(&stage.sandbox, &spec).await;
    assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
    stage.create(&ContainerSpec { attempt: 1, ..spec }).await;
}

pub async fn a_container_that_does_not_listen_is_killed_after_its_grace(stage: Stage) {
    let id = stage.start(&stage.spec("deaf", &["sleep", "1000"])).await;
    within(stage.runtime.stop_container(&id, SECOND)).await.unwrap();
    let exit = stage.exit(&id).await;
    assert_eq!((exit.code, exit.oom_killed), (137, false));
}

pub async fn a_container_that_listens_ends_by_itself_when_asked(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["sh", "-c", "trap 'exit 4' TERM; echo ready; while :; do sleep 0.1; done"])).await;
    let mut log = stage.runtime.logs(&id, &LogOptions { follow: true, ..Default::default() }).await.unwrap();
    assert_eq!(within(log.next()).await.unwrap().unwrap().bytes, "ready\n");
    within(stage.runtime.stop_container(&id, PATIENCE)).await.unwrap();
    assert_eq!(stage.exit(&id).await.code, 4);
}

pub async fn what_cannot_be_started_says_why(stage: Stage) {
    let absent = ContainerSpec { image: stage.bad_image.clone(), ..stage.spec("absent", &["true"]) };
    let refused = stage.runtime.create_container(&stage.sandbox, &absent).await;
    assert!(matches!(refused, Err(Error::ImageNotFound(_))), "{refused:?}");

    let annotations = Labels::from([("sim.kabuki.dev/start-error".to_owned(), "no such command".to_owned())]);
    let id = stage.create(&ContainerSpec { annotations, ..stage.spec("lost", &["/no/such/command"]) }).await;
    let failed = stage.runtime.start_container(&id).await;
    assert!(matches!(&failed, Err(Error::StartFailed(message)) if message.contains("no such")), "{failed:?}");
    let ContainerState::Exited(exit) = stage.status(&id).await.state else { panic!("it has ended") };
    assert!(exit.started_at.is_none() && exit.code != 0 && exit.message.contains("no such"), "{exit:?}");
    assert_eq!(exit.reason(), "ContainerCannotRun");
}

pub async fn a_command_in_a_container_gives_its_output_and_code(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
    let run = async |command: &[&str], timeout| {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        within(stage.runtime.exec_sync(&id, &command, timeout)).await
    };
    let output = run(&["sh", "-c", "echo out; echo err >&2; exit 7"], PATIENCE).await.unwrap();
    assert_eq!((output.exit_code, text(&output.stdout), text(&output.stderr)), (7, "out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(run(&["true"], PATIENCE).await.unwrap().exit_code, 0);
    assert_eq!(run(&["sleep", "1000"], SECOND).await, Err(Error::Timeout(SECOND)));

    within(stage.runtime.stop_container(&id, Duration::ZERO)).await.unwrap();
    let refused = run(&["true"], PATIENCE).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

pub async fn the_end_of_standard_input_leaves_the_rest_of_a_command_open(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
    let options = ExecOptions { command: vec!["cat".to_owned()], stdin: true, stdout: true, stderr: true, ..Default::default() };
    let mut session = within(stage.runtime.exec(&id, &options)).await.unwrap();
    let mut stdin = session.stdin.take().unwrap();
    let sent = "line\n".repeat(40_000);
    let (exit, stdout, stderr) = (session.exit, session.stdout, session.stderr);
    let write = async {
        stdin.write_all(sent.as_bytes()).await.unwrap();
        stdin.shutdown().await.unwrap();
    };
    let ((), received, errors, code) = tokio::join!(within(write), all(stdout), all(stderr), within(exit));
    assert!(received == sent, "{} bytes of {} came back", received.len(), sent.len());
    assert_eq!((errors.as_str(), code), ("", Ok(0)));
}

pub async fn a_command_with_a_terminal_gives_one_stream_and_its_code(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["sleep", "1000"])).await;
    let command = ["sh", "-c", "echo hello; echo there >&2; exit 3"].map(str::to_owned).to_vec();
    let options = ExecOptions { command, stdin: true, stdout: true, tty: true, ..Default::default() };
    let session = within(stage.runtime.exec(&id, &options)).await.unwrap();
    let stdin = session.stdin;
    let (stdout, code) = tokio::join!(all(session.stdout), within(session.exit));
    assert_eq!(stdout.replace("\r\n", "\n"), "hello\nthere\n");
    assert_eq!(code, Ok(3));
    drop(stdin);
}

pub async fn an_attached_client_speaks_with_the_containers_own_process(stage: Stage) {
    let id = stage.start(&ContainerSpec { stdin: true, stdin_once: true, ..stage.spec("main", &["cat"]) }).await;
    let options = AttachOptions { stdin: true, stdout: true, stderr: true, tty: false };
    let mut session = within(stage.runtime.attach(&id, &options)).await.unwrap();
    let mut stdin = session.stdin.take().unwrap();
    stdin.write_all(b"hello\n").await.unwrap();
    assert_eq!(within(session.stdout.next()).await.unwrap().unwrap(), "hello\n");
    stdin.shutdown().await.unwrap();
    assert_eq!(all(session.stdout).await, "");
    assert_eq!(within(session.exit).await, Ok(0));
    assert_eq!(stage.exit(&id).await.code, 0);
}

pub async fn a_followed_log_ends_with_its_container_and_the_tail_is_the_end(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["sh", "-c", "echo 1; sleep 1; echo 2; sleep 1; echo 3"])).await;
    let lines = async |options| {
        let lines = stage.log(&id, options).await;
        lines.into_iter().map(|(_, line)| line).collect::<String>()
    };
    assert_eq!(lines(LogOptions { follow: true, ..Default::default() }).await, "1\n2\n3\n");
    assert_eq!(stage.exit(&id).await.code, 0);
    assert_eq!(lines(LogOptions { tail: Some(2), ..Default::default() }).await, "2\n3\n");
    assert_eq!(lines(LogOptions { tail: Some(0), ..Default::default() }).await, "");

    let all: Vec<_> = within(within(stage.runtime.logs(&id, &LogOptions::default())).await.unwrap().try_collect()).await.unwrap();
    let since = Some(all[1].at);
    assert_eq!(lines(LogOptions { since, ..Default::default() }).await, "2\n3\n");
}

pub async fn changes_are_told_in_order_after_the_call_to_list(stage: Stage) {
    let mut events = stage.runtime.events();
    assert_eq!(within(events.next()).await, Some(RuntimeEvent::Relist));
    let id = stage.start(&stage.spec("main", &["true"])).await;
    stage.exit(&id).await;
    stage.runtime.remove_sandbox(&stage.sandbox).await.unwrap();
    let mut changes = Vec::new();
    while !matches!(changes.last(), Some((None, RuntimeChange::Removed))) {
        match within(events.next()).await.unwrap() {
            RuntimeEvent::Relist => {}
            RuntimeEvent::Container { id, owner, change } => {
                assert_eq!(owner, "stage");
                changes.push((Some(id), change));
            }
            RuntimeEvent::Sandbox { id, change, .. } => {
                assert_eq!(id, stage.sandbox);
                changes.push((None, change));
            }
        }
    }
    use RuntimeChange::{Created, Exited, Removed, Started};
    let of_container: Vec<_> = changes.iter().filter_map(|(id, change)| id.as_ref().map(|_| *change)).collect();
    assert_eq!(of_container, [Created, Started, Exited, Removed]);
    let of_sandbox: Vec<_> = changes.iter().filter(|(id, _)| id.is_none()).map(|(_, change)| *change).collect();
    assert!(of_sandbox.ends_with(&[Exited, Removed]), "{of_sandbox:?}");
}

pub async fn a_sandbox_takes_its_containers_with_it(stage: Stage) {
    let running = stage.start(&stage.spec("running", &["sleep", "1000"])).await;
    let created = stage.create(&stage.spec("created", &["true"])).await;
    within(stage.runtime.stop_sandbox(&stage.sandbox)).await.unwrap();
    assert_eq!(stage.exit(&running).await.code, 137);
    within(stage.runtime.remove_sandbox(&stage.sandbox)).await.unwrap();
    for id in [running, created] {
        assert!(stage.runtime.container_status(&id).await.unwrap_err().is_not_found());
    }
    assert!(stage.runtime.list_containers(&ContainerFilter::in_sandbox(&stage.sandbox)).await.unwrap().is_empty());
}

pub async fn a_port_of_the_sandbox_can_be_reached(stage: Stage) {
    let id = stage.start(&stage.spec("main", &["nc", "-ll", "-p", "7000", "-e", "cat"])).await;
    let listening = ["sh", "-c", "until netstat -ltn | grep -q :7000; do sleep 0.05; done"].map(str::to_owned);
    stage.runtime.exec_sync(&id, &listening, PATIENCE).await.unwrap();
    let mut stream = within(stage.runtime.port_forward(&stage.sandbox, 7000)).await.unwrap();
    let sent = "line\n".repeat(20_000);
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let write = async {
        writer.write_all(sent.as_bytes()).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut received = String::new();
    let ((), read) = within(async { tokio::join!(write, reader.read_to_string(&mut received)) }).await;
    read.unwrap();
    assert!(received == sent, "{} bytes of {} came back", received.len(), sent.len());

    within(stage.runtime.stop_sandbox(&stage.sandbox)).await.unwrap();
    assert!(stage.runtime.port_forward(&stage.sandbox, 7000).await.is_err());
}

pub async fn images_are_found_by_name_and_id_and_a_failed_pull_says_why(stage: Stage) {
    let image = stage.runtime.image(&stage.image).await.unwrap();
    assert!(image.id.starts_with("sha256:") && image.size_bytes > 0 && image.tags.contains(&stage.image), "{image:?}");
    assert_eq!(stage.runtime.image(&image.id).await, Ok(image.clone()));
    assert!(stage.runtime.list_images().await.unwrap().contains(&image));
    assert_eq!(stage.runtime.image(&stage.bad_image).await, Err(Error::ImageNotFound(stage.bad_image.clone())));
    stage.runtime.remove_image(&stage.bad_image).await.unwrap();

    let pulled = within(stage.runtime.pull_image(&stage.bad_image, None, None)).await;
    assert!(matches!(&pulled, Err(Error::PullFailed { image, .. }) if *image == stage.bad_image), "{pulled:?}");
    let pulled = within(stage.runtime.pull_image("Not A Reference", None, None)).await;
    assert!(matches!(pulled, Err(Error::InvalidImageName(_))), "{pulled:?}");

    stage.create(&stage.spec("user", &["true"])).await;
    let removed = stage.runtime.remove_image(&image.id).await;
    assert!(matches!(removed, Err(Error::Conflict(_))), "{removed:?}");
}

pub async fn what_runs_has_statistics(stage: Stage) {
    let running = stage.start(&stage.spec("running", &["sleep", "1000"])).await;
    stage.create(&stage.spec("created", &["true"])).await;
    let stats = within(stage.runtime.stats(&ContainerFilter::in_sandbox(&stage.sandbox))).await.unwrap();
    assert_eq!(stats.iter().map(|stats| (&stats.id, stats.name.as_str())).collect::<Vec<_>>(), [(&running, "running")]);
    assert!(stats[0].memory_bytes >= stats[0].working_set_bytes && stats[0].memory_bytes > 0, "{stats:?}");
}
