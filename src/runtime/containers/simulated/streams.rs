use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWrite, DuplexStream};
use tokio::sync::{mpsc, oneshot};

use super::journal::Journal;
use super::program::{End, Program};
use super::world::Container;
use crate::runtime::clock::{self, Instant};
use crate::runtime::containers::{AttachOptions, Duplex, Error, ExecOptions, LogLine, LogOptions, LogStream, Result, Session};
use crate::runtime::watch;

const PIPE: usize = 64 << 10;

/// Where a process prints to. What nobody reads any more is dropped.
struct Output {
    stdout: mpsc::Sender<Bytes>,
    stderr: mpsc::Sender<Bytes>,
}

impl Output {
    async fn print(&self, stream: LogStream, bytes: Bytes) {
        let sender = match stream {
            LogStream::Stdout => &self.stdout,
            LogStream::Stderr => &self.stderr,
        };
        let _ = sender.send(bytes).await;
    }
}

/// A command in a container that runs. Commands that are none of the simulated programs end at once, as the plan says.
pub(super) fn exec(container: &Container, options: &ExecOptions) -> Session {
    let mut program = Program::read(&options.command);
    if program.end == End::Unknown {
        let ready = container.ran().is_some_and(|(_, ran)| ran >= container.plan.ready_after);
        program.end = End::After(Duration::ZERO, if ready { container.plan.exec_code } else { 1 });
    }
    session(program, options.stdin, options.tty, container.exit.subscribe(), |_| ())
}

/// The process of a container. One that reads its standard input ends with it, if it takes only one; `end` is called then.
pub(super) fn attach(container: &Container, options: &AttachOptions, end: impl FnOnce(i32) + Send + 'static) -> Session {
    let mut exit = container.exit.subscribe();
    let exit = async move { ended(&mut exit).await }.boxed();
    if container.program.end == End::WithStdin && options.stdin {
        let once = container.spec.stdin_once;
        let end = move |code| {
            if once {
                end(code)
            }
        };
        return Session { exit, ..session(container.program.clone(), true, options.tty, container.exit.subscribe(), end) };
    }
    let since = Some(container.clock.now());
    let lines = |wanted: LogStream| {
        let lines = logs(container, &LogOptions { follow: true, since, tail: None });
        let of_stream =
            move |line: Result<LogLine>| async move { line.ok().filter(|line| line.stream == wanted).map(|line| Ok(line.bytes)) };
        lines.filter_map(of_stream).boxed()
    };
    Session {
        stdin: options.stdin.then(|| Box::new(tokio::io::sink()) as Box<dyn AsyncWrite + Send + Unpin>),
        stdout: lines(LogStream::Stdout),
        stderr: lines(LogStream::Stderr),
        resize: mpsc::channel(1).0,
        exit,
    }
}

fn session(
    program: Program,
    stdin: bool,
    tty: bool,
    mut container: watch::Receiver<Option<i32>>,
    end: impl FnOnce(i32) + Send + 'static,
) -> Session {
    let (client, process) = tokio::io::duplex(PIPE);
    let (stdout, stdout_reader) = mpsc::channel(16);
    let (stderr, stderr_reader) = mpsc::channel(16);
    let (exit, exited) = oneshot::channel();
    tokio::spawn(async move {
        let output = Output { stderr: if tty { stdout.clone() } else { stderr }, stdout };
        let code = tokio::select! { biased;
            _ = ended(&mut container) => 137,
            code = play(&program, process, &output) => code,
        };
        end(code);
        drop(output);
        let _ = exit.send(code);
    });
    Session {
        stdin: stdin.then(|| Box::new(client) as Box<dyn AsyncWrite + Send + Unpin>),
        stdout: bytes(stdout_reader),
        stderr: bytes(stderr_reader),
        resize: mpsc::channel(1).0,
        exit: exited.map(|code| code.map_err(|_| Error::Failed("the simulation ended".to_owned()))).boxed(),
    }
}

/// Lives through a program.
async fn play(program: &Program, mut stdin: DuplexStream, output: &Output) -> i32 {
    let start = clock::instant();
    for (at, stream, line) in &program.lines {
        tokio::time::sleep_until(start + *at).await;
        output.print(*stream, line.clone()).await;
    }
    match program.end {
        End::After(after, code) => {
            tokio::time::sleep_until(start + after).await;
            code
        }
        End::WithStdin | End::Unknown => {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stdin.read(&mut buffer).await {
                output.print(LogStream::Stdout, Bytes::copy_from_slice(&buffer[..read])).await;
            }
            0
        }
    }
}

async fn ended(exit: &mut watch::Receiver<Option<i32>>) -> Result<i32> {
    let code = exit.wait_for(Option::is_some).await.map(|code| code.unwrap_or_default());
    code.map_err(|_| Error::Conflict("the container has been removed".to_owned()))
}

fn bytes(mut receiver: mpsc::Receiver<Bytes>) -> BoxStream<'static, io::Result<Bytes>> {
    stream::poll_fn(move |context| receiver.poll_recv(context)).map(Ok).boxed()
}

/// The other end of a connection to a simulated service: it sends back what it gets.
pub(super) fn echo() -> impl Duplex {
    let (client, server) = tokio::io::duplex(PIPE);
    tokio::spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(server);
        // An error means that the client is gone.
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    client
}

/// A reader's place in a journal.
struct Place {
    journal: Journal,
    started_at: Timestamp,
    start: Instant,
    /// The number of the next line.
    next: u64,
    /// Set for who follows.
    exit: Option<watch::Receiver<Option<i32>>>,
    /// How many lines there will be, once that is certain.
    total: Option<u64>,
}

/// See [`super::super::ContainerRuntime::logs`].
pub(super) fn logs(container: &Container, options: &LogOptions) -> BoxStream<'static, Result<LogLine>> {
    let Some((started_at, ran)) = container.ran() else { return stream::empty().boxed() };
    let journal = container.journal();
    let count = journal.count(ran);
    let too_old = options.since.and_then(|since| Duration::try_from(since - started_at).ok());
    let skipped = too_old.and_then(|since| since.checked_sub(Duration::from_nanos(1))).map_or(0, |before| journal.count(before));
    let next = skipped.max(options.tail.map_or(0, |tail| count.saturating_sub(tail)));
    let follows = options.follow && container.is_running();
    let place = Place {
        journal,
        started_at,
        start: clock::instant() - ran,
        next,
        exit: follows.then(|| container.exit.subscribe()),
        total: (!follows).then_some(count),
    };
    stream::unfold(place, |mut place| async move { Some((Ok(place.line().await?), place)) }).boxed()
}

impl Place {
    async fn line(&mut self) -> Option<LogLine> {
        let line = self.journal.line(self.next);
        if let Some(exit) = self.exit.as_mut().filter(|_| self.total.is_none()) {
            let due = async {
                match &line {
                    Some((at, ..)) => tokio::time::sleep_until(self.start + *at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { biased;
                () = due => {}
                _ = exit.wait_for(Option::is_some) => self.total = Some(self.journal.count(clock::instant() - self.start)),
            }
        }
        if self.total.is_some_and(|total| self.next >= total) {
            return None;
        }
        let (at, stream, bytes) = line?;
        self.next += 1;
        Some(LogLine { stream, at: self.started_at + at, bytes })
    }
}
