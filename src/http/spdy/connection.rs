//! A connection on which the client opens streams.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures::stream::SplitStream;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use super::codec::{Codec, Frame};
use super::headers::Headers;

/// Streams that may be open at once.
const STREAMS: usize = 1024;
/// Frames that wait for a stream's reader, or for the connection to be written: a slow end slows the other down.
const WAITING: usize = 16;

/// What the client sends on a stream; ends with its half of it.
pub type Incoming = mpsc::Receiver<Bytes>;

/// A stream that the client has opened.
pub struct Stream {
    pub headers: Headers,
    pub incoming: Incoming,
    pub outgoing: Outgoing,
}

/// The server's half of a stream.
pub struct Outgoing {
    stream: u32,
    frames: mpsc::Sender<Frame>,
}

/// The connection is gone.
#[derive(Debug, thiserror::Error)]
#[error("the connection is gone")]
pub struct Gone;

impl Outgoing {
    pub async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.frames.send(Frame::Data { stream: self.stream, fin: false, bytes }).await.map_err(|_| Gone)
    }

    /// Nothing more will come.
    pub async fn finish(self) -> Result<(), Gone> {
        self.frames.send(Frame::Data { stream: self.stream, fin: true, bytes: Bytes::new() }).await.map_err(|_| Gone)
    }
}

/// Serves a connection until either side ends it. Every stream that the client opens is given to `on_stream`.
///
/// # Errors
/// The connection broke, or the client does not speak SPDY.
pub async fn serve<T: AsyncRead + AsyncWrite + Unpin>(connection: T, on_stream: impl FnMut(Stream)) -> io::Result<()> {
    let (mut sink, frames) = Framed::new(connection, Codec::default()).split();
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let write = async {
        while let Some(frame) = receiver.recv().await {
            sink.send(frame).await?;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        read = read(frames, sender, on_stream) => read,
        written = write => written,
    }
}

async fn read<T: AsyncRead + AsyncWrite + Unpin>(
    mut frames: SplitStream<Framed<T, Codec>>,
    sender: mpsc::Sender<Frame>,
    mut on_stream: impl FnMut(Stream),
) -> io::Result<()> {
    let mut streams: BTreeMap<u32, mpsc::Sender<Bytes>> = BTreeMap::new();
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    while let Some(frame) = frames.next().await {
        match frame? {
            Frame::Open { stream, .. } if streams.len() >= STREAMS => sender.send(Frame::Reset(stream)).await.map_err(gone)?,
            Frame::Open { stream, fin, headers } => {
                sender.send(Frame::Accept(stream)).await.map_err(gone)?;
                let (data, incoming) = mpsc::channel(WAITING);
                if !fin {
                    streams.insert(stream, data);
                }
                on_stream(Stream { headers, incoming, outgoing: Outgoing { stream, frames: sender.clone() } });
            }
            Frame::Data { stream, fin, bytes } => {
                // What comes for a stream that nobody reads any more is dropped, as after a reset.
                if let Some(data) = streams.get(&stream)
                    && !bytes.is_empty()
                {
                    let _ = data.send(bytes).await;
                }
                if fin {
                    streams.remove(&stream);
                }
            }
            Frame::Reset(stream) => {
                streams.remove(&stream);
            }
            Frame::Ping(id) => sender.send(Frame::Ping(id)).await.map_err(gone)?,
            Frame::GoAway => return Ok(()),
            Frame::Accept(_) | Frame::Other => {}
        }
    }
    Ok(())
}
