//! port-forward over a WebSocket: as a tunnelled SPDY connection (kubectl from 1.31 on), or by two channels a port (other clients).

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use bytes::{BufMut, Bytes, BytesMut};
use futures::future;
use k8s_openapi::api::core::v1::Pod;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::node;
use super::websocket::{self, Receiver, Sender, WebSocket};
use crate::api::status::Status;
use crate::api::streams::{PodStreams, PodTarget};
use crate::http::front::Exchange;
use crate::http::spdy;
use crate::runtime::containers::Duplex;

const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
const CHANNELS: &str = "v4.channel.k8s.io";

/// Bytes that are read at once.
const CHUNK: usize = 32 * 1024;
/// Ports of one request: each takes two of 256 channels.
const PORTS: usize = 128;
/// Messages that wait for a slow pod.
const WAITING: usize = 16;

/// The pod, and who can reach it.
#[derive(Clone)]
struct Reach {
    node: Arc<dyn PodStreams>,
    pod: PodTarget,
}

impl Reach {
    async fn connect(&self, port: u16) -> Result<Box<dyn Duplex>, String> {
        let refused = |status: Status| format!("error forwarding port {port} to pod {}, uid {}: {status}", self.pod.name, self.pod.uid);
        self.node.port_forward(&self.pod, port).await.map_err(refused)
    }
}

pub fn answer(exchange: &Exchange, pod: &Pod, target: PodTarget, payload: web::Payload) -> Result<HttpResponse, Status> {
    let reach = Reach { node: node(exchange, pod)?, pod: target };
    let ports = ports(exchange.query.all("ports"))?;
    let (response, socket) = websocket::accept(exchange, payload, &[TUNNEL, CHANNELS], Some(CHANNELS))?;
    let shutdown = exchange.front.shutdown.clone();
    actix_web::rt::spawn(async move {
        let closing = socket.sender.clone();
        let tunnelled = socket.protocol == TUNNEL;
        let conversation = async { if tunnelled { tunnel(socket, reach).await } else { channels(socket, reach, ports).await } };
        tokio::select! {
            biased;
            () = shutdown.begun() => {}
            () = conversation => {}
        }
        closing.close().await;
    });
    Ok(response)
}

/// The ports that the request names (a tunnel names them later).
fn ports<'a>(values: impl Iterator<Item = &'a str>) -> Result<Vec<u16>, Status> {
    let texts: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let parsed = texts.iter().map(|text| text.parse().ok().filter(|port| *port > 0)).collect::<Option<Vec<u16>>>();
    parsed.filter(|ports| ports.len() <= PORTS).ok_or_else(|| Status::bad_request(format!("invalid ports: {}", texts.join(","))))
}

/// A SPDY connection whose bytes are the WebSocket's messages.
async fn tunnel(socket: WebSocket, reach: Reach) {
    let WebSocket { sender, receiver, .. } = socket;
    let (near, far) = tokio::io::duplex(CHUNK);
    let (read, write) = tokio::io::split(near);
    let mut pairs = Pairs::default();
    let serve = spdy::serve(far, |stream| {
        if let Some((port, data, error)) = pairs.match_up(stream) {
            actix_web::rt::spawn(forward(reach.clone(), port, data, error));
        }
    });
    tokio::select! {
        biased;
        served = serve => if let Err(error) = served { tracing::debug!(%error, "a port-forward ended") },
        () = from_client(receiver, write) => {}
        () = to_client(read, sender) => {}
    }
}

async fn from_client(mut receiver: Receiver, mut write: WriteHalf<DuplexStream>) {
    while let Some(message) = receiver.next().await {
        if write.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn to_client(mut read: ReadHalf<DuplexStream>, mut sender: Sender) {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    while read.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
        if sender.send(buffer.split().freeze()).await.is_err() {
            return;
        }
        buffer.reserve(CHUNK);
    }
}

/// Streams whose other half has not come yet, by their request: a connection is a data stream and an error stream.
#[derive(Default)]
struct Pairs(BTreeMap<String, spdy::Stream>);

impl Pairs {
    /// The port, the data stream and the error stream, once both are there.
    fn match_up(&mut self, stream: spdy::Stream) -> Option<(u16, spdy::Stream, spdy::Stream)> {
        let header = |stream: &spdy::Stream, name| stream.headers.get(name).cloned().unwrap_or_default();
        let request = header(&stream, "requestid");
        let Some(other) = self.0.remove(&request) else {
            self.0.insert(request, stream);
            return None;
        };
        let (data, error) = if header(&stream, "streamtype") == "data" { (stream, other) } else { (other, stream) };
        let port = header(&data, "port").parse().ok()?;
        Some((port, data, error))
    }
}

/// One connection to the pod, for as long as both sides like.
async fn forward(reach: Reach, port: u16, data: spdy::Stream, error: spdy::Stream) {
    let failure = match reach.connect(port).await {
        Ok(connection) => exchange_bytes(connection, data.incoming, &data.outgoing).await.err().map(|error| error.to_string()),
        Err(refusal) => Some(refusal),
    };
    if let Some(failure) = failure {
        let _ = error.outgoing.send(Bytes::from(failure)).await;
    }
    let _ = future::join(error.outgoing.finish(), data.outgoing.finish()).await;
}

/// Ends when the pod has; a client that has said all it has to say may still listen.
async fn exchange_bytes(connection: Box<dyn Duplex>, mut incoming: spdy::Incoming, outgoing: &spdy::Outgoing) -> std::io::Result<()> {
    let (mut read, mut write) = tokio::io::split(connection);
    let input = async {
        while let Some(bytes) = incoming.recv().await {
            write.write_all(&bytes).await?;
        }
        write.shutdown().await?;
        future::pending::<std::io::Result<()>>().await
    };
    let output = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        while read.read_buf(&mut buffer).await? > 0 {
            if outgoing.send(buffer.split().freeze()).await.is_err() {
                break;
            }
            buffer.reserve(CHUNK);
        }
        Ok(())
    };
    tokio::select! {
        biased;
        ended = output => ended,
        failed = input => failed,
    }
}

/// Two channels a port: an even one for data, the next one for errors. Each begins with the port's number.
async fn channels(socket: WebSocket, reach: Reach, ports: Vec<u16>) {
    let WebSocket { mut sender, mut receiver, .. } = socket;
    let mut inputs = Vec::new();
    let mut connections = Vec::new();
    for (channel, port) in (0u8..).step_by(2).zip(ports) {
        for channel in [channel, channel + 1] {
            if sender.send(message(channel, &port.to_le_bytes())).await.is_err() {
                return;
            }
        }
        let (input, incoming) = mpsc::channel(WAITING);
        inputs.push(input);
        connections.push(channel_pair(reach.clone(), port, channel, incoming, sender.clone()));
    }
    let read = async {
        while let Some(message) = receiver.next().await {
            let Some((channel, bytes)) = message.split_first() else { continue };
            if let Some(input) = inputs.get(usize::from(channel / 2)).filter(|_| channel % 2 == 0) {
                let _ = input.send(message.slice_ref(bytes)).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = read => {}
        _ = future::join_all(connections) => {}
    }
}

async fn channel_pair(reach: Reach, port: u16, channel: u8, mut incoming: mpsc::Receiver<Bytes>, mut sender: Sender) {
    let connection = match reach.connect(port).await {
        Ok(connection) => connection,
        Err(refusal) => {
            let _ = sender.send(message(channel + 1, refusal.as_bytes())).await;
            return;
        }
    };
    let (mut read, mut write) = tokio::io::split(connection);
    let input = async {
        while let Some(bytes) = incoming.recv().await {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let output = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        while read.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            if sender.send(message(channel, &buffer.split())).await.is_err() {
                return;
            }
            buffer.reserve(CHUNK);
        }
    };
    tokio::select! {
        biased;
        () = output => {}
        () = input => {}
    }
}

fn message(channel: u8, bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(bytes.len() + 1);
    message.put_u8(channel);
    message.extend_from_slice(bytes);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_come_one_by_one_or_joined() {
        assert_eq!(ports(["80,81", "443"].into_iter()).unwrap(), [80, 81, 443]);
        assert!(ports(["0"].into_iter()).is_err());
        assert!(ports(["http"].into_iter()).is_err());
    }
}
