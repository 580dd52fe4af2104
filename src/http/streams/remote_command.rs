//! exec and attach over a WebSocket (KEP-4006): every message begins with the number of its channel.

use actix_web::{HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt};
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::node;
use super::websocket::{self, Receiver, Sender, WebSocket};
use crate::api::status::Status;
use crate::api::streams::{self, PodTarget};
use crate::http::front::Exchange;
use crate::http::response;
use crate::runtime::containers::{self, AttachOptions, ExecOptions, Session, TerminalSize};
use crate::runtime::shutdown::Shutdown;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
/// Carries one `Status`: how it ended.
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
/// The client has ended the channel that the next byte names (from v5 on).
const CLOSE: u8 = 255;

const PROTOCOLS: [&str; 3] = ["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"];

/// Which streams are wanted.
struct Wanted {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

impl Wanted {
    /// # Errors
    /// None at all.
    fn new(exchange: &Exchange, options: &str) -> Result<Self, Status> {
        let [stdin, stdout, stderr, tty] = ["stdin", "stdout", "stderr", "tty"].map(|name| exchange.query.is_true(name));
        if !(stdin || stdout || stderr) {
            return Err(Status::bad_request(format!("{options}: you must specify at least 1 of stdin, stdout, stderr")));
        }
        // A terminal has one output.
        Ok(Self { stdin, stdout, stderr: stderr && !tty, tty })
    }
}

pub async fn exec(exchange: &Exchange, pod: &Pod, target: PodTarget, payload: web::Payload) -> Result<HttpResponse, Status> {
    let Wanted { stdin, stdout, stderr, tty } = Wanted::new(exchange, "PodExecOptions")?;
    let command: Vec<String> = exchange.query.all("command").map(str::to_owned).collect();
    if command.is_empty() {
        return Err(Status::bad_request("you must specify at least one command"));
    }
    let container = streams::container(pod, exchange.query.text("container"))?;
    let node = node(exchange, pod)?;
    if websocket::is_another_asked_for(exchange) {
        streams::runs(pod, &container)?;
    }
    let (response, socket) = websocket::accept(exchange, payload, &PROTOCOLS, Some("channel.k8s.io"))?;
    let options = ExecOptions { command, stdin, stdout, stderr, tty, size: None };
    let session = node.exec(&target, &container, &options).await?;
    actix_web::rt::spawn(converse(socket, session, exchange.front.shutdown.clone()));
    Ok(response)
}

pub async fn attach(exchange: &Exchange, pod: &Pod, target: PodTarget, payload: web::Payload) -> Result<HttpResponse, Status> {
    let Wanted { stdin, stdout, stderr, tty } = Wanted::new(exchange, "PodAttachOptions")?;
    let container = streams::container(pod, exchange.query.text("container"))?;
    let node = node(exchange, pod)?;
    if websocket::is_another_asked_for(exchange) {
        streams::runs(pod, &container)?;
    }
    let (response, socket) = websocket::accept(exchange, payload, &PROTOCOLS, Some("channel.k8s.io"))?;
    let session = node.attach(&target, &container, &AttachOptions { stdin, stdout, stderr, tty }).await?;
    // How the container ended is told by its pod: to attach to it was a success.
    let session = Session { exit: session.exit.map_ok(|_| 0).boxed(), ..session };
    actix_web::rt::spawn(converse(socket, session, exchange.front.shutdown.clone()));
    Ok(response)
}

/// Carries a session to its end: the process's, the client's or the server's.
async fn converse(socket: WebSocket, session: Session, shutdown: Shutdown) {
    let WebSocket { sender, receiver, .. } = socket;
    let Session { stdin, stdout, stderr, resize, exit } = session;
    let output = output(sender.clone(), stdout, stderr, exit);
    let input = input(receiver, stdin, resize);
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = output => {}
        () = input => {}
    }
    sender.close().await;
}

/// Sends what the process prints, then how it ended. Ends early if the client is gone.
async fn output(
    mut sender: Sender,
    stdout: BoxStream<'static, std::io::Result<Bytes>>,
    stderr: BoxStream<'static, std::io::Result<Bytes>>,
    exit: impl Future<Output = containers::Result<i32>>,
) {
    // An empty message tells the client that the process has been reached.
    if sender.send(Bytes::from_static(&[STDOUT])).await.is_err() {
        return;
    }
    let (printed, complained, exit) =
        tokio::join!(pump(sender.clone(), STDOUT, stdout), pump(sender.clone(), STDERR, stderr), exit.map(|exit| outcome(&exit)));
    if printed.and(complained).is_ok() {
        let _ = sender.send(message(ERROR, exit.to_string().as_bytes())).await;
    }
}

async fn pump(mut sender: Sender, channel: u8, mut stream: BoxStream<'static, std::io::Result<Bytes>>) -> Result<(), websocket::Gone> {
    while let Some(Ok(bytes)) = stream.next().await {
        if !bytes.is_empty() {
            sender.send(message(channel, &bytes)).await?;
        }
    }
    Ok(())
}

fn message(channel: u8, bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(bytes.len() + 1);
    message.extend_from_slice(&[channel]);
    message.extend_from_slice(bytes);
    message.freeze()
}

/// How the process ended, as kubectl takes it for its own exit code.
fn outcome(exit: &containers::Result<i32>) -> Value {
    match exit {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(error) => response::failure_value(&Status::internal(format!("error executing command in container: {error}"))),
    }
}

/// A terminal's size, as clients send it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resize {
    width: u16,
    height: u16,
}

/// Hands over what the client sends, until it is gone.
async fn input(mut receiver: Receiver, mut stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>, resize: mpsc::Sender<TerminalSize>) {
    while let Some(message) = receiver.next().await {
        match (message.first(), message.get(1..)) {
            (Some(&STDIN), Some(bytes)) => {
                if let Some(open) = &mut stdin
                    && open.write_all(bytes).await.and(open.flush().await).is_err()
                {
                    stdin = None;
                }
            }
            (Some(&CLOSE), Some([STDIN])) => {
                if let Some(mut open) = stdin.take() {
                    let _ = open.shutdown().await;
                }
            }
            (Some(&RESIZE), Some(bytes)) => {
                if let Ok(Resize { width, height }) = serde_json::from_slice(bytes) {
                    let _ = resize.send(TerminalSize { width, height }).await;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_told_as_a_cause() {
        assert_eq!(outcome(&Ok(0))["status"], "Success");
        let failed = outcome(&Ok(7));
        assert_eq!((&failed["reason"], &failed["details"]["causes"][0]["message"]), (&json!("NonZeroExitCode"), &json!("7")));
    }
}
