use std::io;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, TryStreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::{Error, Result};

/// A byte stream in both directions. Shutting down its writing half leaves the reading half open.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// A command in a running container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOptions {
    pub command: Vec<String>,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Standard output and error come as one stream, from a terminal.
    pub tty: bool,
    /// The terminal's first size.
    pub size: Option<TerminalSize>,
}

/// Which streams of a running container's process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachOptions {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// As [`super::ContainerSpec::tty`] has it.
    pub tty: bool,
}

/// What a command that has ended printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    pub exit_code: i32,
    pub stdout: Bytes,
    pub stderr: Bytes,
}

impl ExecOutput {
    /// How much of a stream is kept: a probe's or hook's output is for a message.
    pub const LIMIT: usize = 16 << 20;
}

/// In characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    pub width: u16,
    pub height: u16,
}

/// The streams of a process. Dropping it lets the process go on without a client.
pub struct Session {
    /// Shutting it down, or dropping it, ends the process's standard input and nothing else.
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pub stdout: BoxStream<'static, io::Result<Bytes>>,
    /// Empty with a terminal.
    pub stderr: BoxStream<'static, io::Result<Bytes>>,
    /// Sizes for the terminal; what is sent when there is none does nothing.
    pub resize: mpsc::Sender<TerminalSize>,
    /// The exit code. Resolves only while both output streams are being read, after they have ended.
    pub exit: BoxFuture<'static, Result<i32>>,
}

impl Session {
    /// Lives through it without any input, and gathers what it prints.
    pub async fn output(self) -> Result<ExecOutput> {
        drop(self.stdin);
        let (stdout, stderr, exit_code) = tokio::join!(gather(self.stdout), gather(self.stderr), self.exit);
        Ok(ExecOutput { exit_code: exit_code?, stdout: stdout?, stderr: stderr? })
    }
}

async fn gather(stream: BoxStream<'static, io::Result<Bytes>>) -> Result<Bytes> {
    let gathered = stream.try_fold(Vec::new(), |mut all, bytes| async move {
        let room = ExecOutput::LIMIT - all.len();
        all.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(all)
    });
    gathered.await.map(Bytes::from).map_err(|error| Error::Failed(error.to_string()))
}
