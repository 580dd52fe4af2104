use std::io;
use std::time::Duration;

use bollard::models::ExecConfig;
use bollard::query_parameters::{ResizeContainerTTYOptions, ResizeExecOptions, WaitContainerOptions};
use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::codec::FramedRead;

use super::engine::Engine;
use super::errors::from_bollard;
use super::frames::Frames;
use crate::runtime::containers::{AttachOptions, Duplex, Error, ExecOptions, LogStream, Result, Session, TerminalSize};

/// A command that the engine runs in a container.
pub(super) struct Exec {
    pub id: String,
    pub session: Session,
}

/// See [`super::super::ContainerRuntime::exec`]. An engine's `exec` is made, then started; its size can be set only after that.
pub(super) async fn exec(engine: &Engine, container: &str, options: &ExecOptions) -> Result<Exec> {
    let config = ExecConfig {
        cmd: Some(options.command.clone()),
        attach_stdin: Some(options.stdin),
        attach_stdout: Some(options.stdout || options.tty),
        attach_stderr: Some(options.stderr && !options.tty),
        tty: Some(options.tty),
        ..Default::default()
    };
    let id = engine.client.create_exec(container, config).await.map_err(from_bollard)?.id;
    let connection = engine.hijack(&format!("/exec/{id}/start"), &serde_json::json!({ "Detach": false, "Tty": options.tty })).await?;

    let (client, exec) = (engine.client.clone(), id.clone());
    let resize = resizer(move |w, h| {
        let (client, exec) = (client.clone(), exec.clone());
        async move { client.resize_exec(&exec, ResizeExecOptions { w, h }).await }
    });
    if let Some(size) = options.size.filter(|_| options.tty) {
        // The channel is empty: there is room.
        let _ = resize.try_send(size);
    }
    let exit = exec_exit(engine.clone(), id.clone()).boxed();
    let (stdin, stdout, stderr) = split(connection, options.tty);
    Ok(Exec { id, session: Session { stdin: options.stdin.then_some(stdin), stdout, stderr, resize, exit } })
}

/// Asks until the command has ended: its streams may end before it does, and the engine has no way to wait for it.
async fn exec_exit(engine: Engine, id: String) -> Result<i32> {
    let mut pause = Duration::from_millis(2);
    loop {
        let inspected = engine.client.inspect_exec(&id).await.map_err(from_bollard)?;
        match (inspected.running, inspected.exit_code) {
            (Some(false), Some(code)) => return Ok(code as i32),
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

/// See [`super::super::ContainerRuntime::attach`].
pub(super) async fn attach(engine: &Engine, container: &str, tty: bool, options: &AttachOptions) -> Result<Session> {
    let streams = [("stdin", options.stdin), ("stdout", options.stdout), ("stderr", options.stderr && !tty)];
    let query: String = streams.iter().map(|(name, wanted)| format!("&{name}={}", u8::from(*wanted))).collect();
    let path = format!("/containers/{container}/attach?stream=1{query}");
    let connection = engine.hijack(&path, &serde_json::Value::Null).await?;

    let (client, id) = (engine.client.clone(), container.to_owned());
    let resize = resizer(move |w, h| {
        let (client, id) = (client.clone(), id.clone());
        async move { client.resize_container_tty(&id, ResizeContainerTTYOptions { w, h }).await }
    });
    let exit = container_exit(engine.clone(), container.to_owned()).boxed();
    let (stdin, stdout, stderr) = split(connection, tty);
    Ok(Session { stdin: options.stdin.then_some(stdin), stdout, stderr, resize, exit })
}

async fn container_exit(engine: Engine, id: String) -> Result<i32> {
    let mut answers = engine.client.wait_container(&id, None::<WaitContainerOptions>);
    match answers.next().await {
        Some(Ok(answer)) => Ok(answer.status_code as i32),
        // The client takes a code that is not 0 for an error.
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code as i32),
        Some(Err(error)) => Err(from_bollard(error)),
        None => Err(Error::Unavailable("the engine stopped answering".to_owned())),
    }
}

/// Sets the terminal's size as often as asked. What fails is let go: a process that has just ended has no size.
fn resizer<F: Future<Output = std::result::Result<(), bollard::errors::Error>> + Send>(
    set: impl Fn(i32, i32) -> F + Send + 'static,
) -> mpsc::Sender<TerminalSize> {
    let (resize, mut sizes) = mpsc::channel::<TerminalSize>(4);
    tokio::spawn(async move {
        while let Some(TerminalSize { width, height }) = sizes.recv().await {
            let _ = set(width.into(), height.into()).await;
        }
    });
    resize
}

type Output = BoxStream<'static, io::Result<Bytes>>;

const PIPE: usize = 64 << 10;

/// Takes a hijacked connection apart into standard input, output and error.
fn split(connection: impl Duplex, terminal: bool) -> (Box<dyn AsyncWrite + Send + Unpin>, Output, Output) {
    let (reader, mut writer) = tokio::io::split(connection);
    let (stdin, mut stdin_reader) = tokio::io::duplex(PIPE);
    tokio::spawn(async move {
        // Whether the client has ended its input or the process is gone: nothing more can be written.
        let _ = tokio::io::copy(&mut stdin_reader, &mut writer).await;
        let _ = writer.shutdown().await;
    });
    let (stdout, stdout_reader) = mpsc::channel(16);
    let (stderr, stderr_reader) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut frames = FramedRead::with_capacity(reader, Frames::parts(terminal), PIPE);
        loop {
            let frame = tokio::select! { biased;
                _ = futures::future::join(stdout.closed(), stderr.closed()) => break,
                frame = frames.next() => frame,
            };
            // A stream that has been dropped is thrown away from then on.
            let _ = match frame {
                Some(Ok((LogStream::Stdout, bytes))) => stdout.send(Ok(bytes)).await,
                Some(Ok((LogStream::Stderr, bytes))) => stderr.send(Ok(bytes)).await,
                Some(Err(error)) => stdout.send(Err(error)).await,
                None => break,
            };
        }
    });
    (Box::new(stdin), receive(stdout_reader), receive(stderr_reader))
}

fn receive(mut receiver: mpsc::Receiver<io::Result<Bytes>>) -> Output {
    stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
}
