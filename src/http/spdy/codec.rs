//! Frames (SPDY/3.1, section 2.2).

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::headers::{HeaderReader, HeaderWriter, Headers};

const VERSION: u16 = 3;
const CONTROL: u8 = 0x80;
const FIN: u8 = 0x01;
const HEADER: usize = 8;

/// The longest frame that is read, in bytes; clients send some 32 KiB at a time.
const LIMIT: usize = 1024 * 1024;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;

/// `RST_STREAM` with the status `REFUSED_STREAM`.
const REFUSED_STREAM: u32 = 3;

/// What passes over a connection, as far as anybody acts on it.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The client opens a stream; with `fin` it will send nothing on it.
    Open {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    /// The server accepts a stream.
    Accept(u32),
    /// A stream ends at once, in both directions.
    Reset(u32),
    /// With `fin` the sender's direction ends.
    Data {
        stream: u32,
        fin: bool,
        bytes: Bytes,
    },
    Ping(u32),
    GoAway,
    /// Settings, windows (which this dialect does not use) and later headers.
    Other,
}

#[derive(Default)]
pub struct Codec {
    reader: HeaderReader,
    writer: HeaderWriter,
}

impl Decoder for Codec {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
        if buffer.len() < HEADER {
            return Ok(None);
        }
        let length = usize::from(buffer[5]) << 16 | usize::from(buffer[6]) << 8 | usize::from(buffer[7]);
        if length > LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
        }
        if buffer.len() < HEADER + length {
            buffer.reserve(HEADER + length - buffer.len());
            return Ok(None);
        }
        let mut head = buffer.split_to(HEADER);
        let mut payload = buffer.split_to(length).freeze();
        let (is_control, fin) = (head[0] & CONTROL != 0, head[4] & FIN != 0);
        if !is_control {
            return Ok(Some(Frame::Data { stream: head.get_u32(), fin, bytes: payload }));
        }
        head.advance(2);
        let kind = head.get_u16();
        let mut number = || payload.try_get_u32().map(|number| number & 0x7fff_ffff).map_err(io::Error::other);
        Ok(Some(match kind {
            SYN_STREAM => {
                let stream = number()?;
                number()?;
                if payload.len() < 2 {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a SYN_STREAM frame ends early"));
                }
                payload.advance(2);
                Frame::Open { stream, fin, headers: self.reader.read(&payload)? }
            }
            RST_STREAM => Frame::Reset(number()?),
            PING => Frame::Ping(number()?),
            GOAWAY => Frame::GoAway,
            _ => Frame::Other,
        }))
    }
}

impl Encoder<Frame> for Codec {
    type Error = io::Error;

    fn encode(&mut self, frame: Frame, buffer: &mut BytesMut) -> io::Result<()> {
        let mut payload = BytesMut::new();
        match frame {
            Frame::Data { stream, fin, bytes } => {
                buffer.put_u32(stream);
                put_length(buffer, if fin { FIN } else { 0 }, bytes.len())?;
                buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Frame::Accept(stream) => {
                payload.put_u32(stream);
                self.writer.write(&Headers::new(), &mut payload);
                control(buffer, SYN_REPLY, &payload)
            }
            Frame::Reset(stream) => {
                payload.put_u32(stream);
                payload.put_u32(REFUSED_STREAM);
                control(buffer, RST_STREAM, &payload)
            }
            Frame::Ping(id) => {
                payload.put_u32(id);
                control(buffer, PING, &payload)
            }
            Frame::Open { .. } | Frame::GoAway | Frame::Other => Err(io::Error::other("a server does not send this frame")),
        }
    }
}

fn control(buffer: &mut BytesMut, kind: u16, payload: &[u8]) -> io::Result<()> {
    buffer.put_u16(u16::from(CONTROL) << 8 | VERSION);
    buffer.put_u16(kind);
    put_length(buffer, 0, payload.len())?;
    buffer.extend_from_slice(payload);
    Ok(())
}

/// Flags, and the length in 24 bits.
fn put_length(buffer: &mut BytesMut, flags: u8, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).ok().filter(|length| *length < 1 << 24);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    buffer.put_u32(u32::from(flags) << 24 | length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> io::Result<Option<Frame>> {
        Codec::default().decode(&mut BytesMut::from(bytes))
    }

    #[test]
    fn data_can_be_read_as_it_was_written() {
        let mut buffer = BytesMut::new();
        let frame = || Frame::Data { stream: 5, fin: true, bytes: Bytes::from_static(b"hello") };
        Codec::default().encode(frame(), &mut buffer).unwrap();
        assert_eq!(decode(&buffer[..12]).unwrap(), None, "not all of it is there");
        assert_eq!(decode(&buffer).unwrap(), Some(frame()));
    }

    #[test]
    fn control_frames_are_read() {
        assert_eq!(decode(&[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9]).unwrap(), Some(Frame::Ping(9)));
        assert_eq!(decode(&[0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 5]).unwrap(), Some(Frame::Reset(7)));
        assert_eq!(decode(&[0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 5]).unwrap(), Some(Frame::Other));
    }

    #[test]
    fn damaged_and_oversized_frames_end_the_connection() {
        assert!(decode(&[0x80, 3, 0, 6, 0, 0, 0, 2, 0, 0]).is_err());
        assert!(decode(&[0x80, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0]).is_err());
        assert!(decode(&[0, 0, 0, 1, 0, 0xff, 0xff, 0xff]).is_err());
    }
}
