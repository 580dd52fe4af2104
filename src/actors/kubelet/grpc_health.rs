//! The gRPC health protocol (`grpc.health.v1.Health/Check`) as a probe needs it: one unary call on a connection of its own.
//!
//! Of HTTP/2 (RFC 9113) only what that takes: a preface, one request with uncompressed headers, and the data of its answer. A whole
//! client would be a dependency for two frames.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dial::Dial;
use crate::runtime::containers::Duplex;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// No frame is longer unless we said that we take longer ones.
const LONGEST_FRAME: usize = 1 << 14;
/// The answer is a status of one byte; what sends more frames than this is something else.
const MOST_FRAMES: usize = 64;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;

/// `SERVING` in `HealthCheckResponse.ServingStatus`.
const SERVING: u8 = 1;

struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

/// Asks a server for the health of a service (empty: of itself).
///
/// # Errors
/// It cannot be reached, does not know the service, or is not serving.
pub async fn check(dial: &dyn Dial, address: SocketAddr, service: &str) -> Result<(), String> {
    let mut stream = dial.connect(address).await.map_err(|error| format!("failed to connect service {address}: {error}"))?;
    exchange(&mut *stream, address, service).await.map_err(|error| format!("service {address}: {error}"))?
}

async fn exchange(stream: &mut dyn Duplex, address: SocketAddr, service: &str) -> std::io::Result<Result<(), String>> {
    let mut request = PREFACE.to_vec();
    request.extend(frame(SETTINGS, 0, 0, &[]));
    request.extend(frame(HEADERS, END_HEADERS, 1, &headers(&address.to_string())));
    request.extend(frame(DATA, END_STREAM, 1, &message(service)));
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    for _ in 0..MOST_FRAMES {
        let Frame { kind, flags, payload } = read(stream).await?;
        match kind {
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            PING if flags & ACK == 0 => stream.write_all(&frame(PING, ACK, 0, &payload)).await?,
            DATA => answer.extend(unpadded(flags, payload)),
            RST_STREAM | GOAWAY => return Ok(Err("the server ended the call".to_owned())),
            _ => {}
        }
        if let Some(status) = status(&answer) {
            let verdict = if status == SERVING { Ok(()) } else { Err(format!("service unhealthy (responded with {:?})", name(status))) };
            return Ok(verdict);
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            return Ok(Err("the server does not implement the grpc health protocol for this service".to_owned()));
        }
    }
    Ok(Err("the server does not speak the grpc health protocol".to_owned()))
}

fn name(status: u8) -> &'static str {
    match status {
        0 => "UNKNOWN",
        2 => "NOT_SERVING",
        _ => "SERVICE_UNKNOWN",
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("our own frames are short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

async fn read(stream: &mut dyn Duplex) -> std::io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    if length > LONGEST_FRAME {
        return Err(std::io::Error::other("the server does not speak HTTP/2"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(Frame { kind: head[3], flags: head[4], payload })
}

fn unpadded(flags: u8, payload: Vec<u8>) -> Vec<u8> {
    if flags & PADDED == 0 {
        return payload;
    }
    let padding = payload.first().copied().map_or(0, usize::from);
    let end = payload.len().saturating_sub(padding).max(1).min(payload.len());
    payload.get(1..end).unwrap_or_default().to_vec()
}

/// Each header as a literal that is not to be indexed (RFC 7541, 6.2.2), without Huffman coding.
fn headers(authority: &str) -> Vec<u8> {
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "kube-probe/1.35"),
    ];
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("our own headers are short"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A `HealthCheckRequest` with gRPC's prefix: not compressed, and its length.
fn message(service: &str) -> Vec<u8> {
    let mut body = Vec::new();
    if !service.is_empty() {
        body.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            body.push((length & 0x7f | 0x80) as u8);
            length >>= 7;
        }
        body.push(length as u8);
        body.extend(service.as_bytes());
    }
    let mut message = vec![0];
    message.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend(body);
    message
}

/// The status in a whole `HealthCheckResponse`; a message without the field says 0.
fn status(answer: &[u8]) -> Option<u8> {
    let (head, body) = answer.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let body = body.get(..length)?;
    Some(if let [0x08, status, ..] = body { *status } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves one call with these frames.
    async fn verdict(frames: Vec<Vec<u8>>) -> Result<(), String> {
        let (mut near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(&frames.concat()).await.unwrap();
        let answer = exchange(&mut near, "192.0.2.1:50051".parse().unwrap(), "db").await.unwrap();
        let mut preface = [0; 24];
        far.read_exact(&mut preface).await.unwrap();
        assert_eq!(preface, PREFACE);
        assert_eq!(read(&mut far).await.unwrap().kind, SETTINGS);
        assert_eq!(read(&mut far).await.unwrap().kind, HEADERS);
        assert_eq!(read(&mut far).await.unwrap().payload, b"\0\0\0\0\x04\x0a\x02db");
        answer
    }

    #[tokio::test]
    async fn a_server_is_healthy_only_if_it_says_that_it_is_serving() {
        let settings = frame(SETTINGS, 0, 0, &[]);
        let head = frame(HEADERS, END_HEADERS, 1, &[0x88]);
        let said = |status: u8| frame(DATA, 0, 1, &[0, 0, 0, 0, 2, 0x08, status]);
        assert_eq!(verdict(vec![settings.clone(), head.clone(), said(1)]).await, Ok(()));
        let error = verdict(vec![settings.clone(), head.clone(), said(2)]).await.unwrap_err();
        assert_eq!(error, "service unhealthy (responded with \"NOT_SERVING\")");
        assert!(verdict(vec![settings, frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x88])]).await.is_err());
    }
}
