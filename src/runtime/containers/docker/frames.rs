use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::runtime::containers::LogStream;

/// Reads the engine's streams: frames of 8 bytes (the stream's number, three of nothing, the length) and their payload; or, from a
/// terminal, bare bytes. (Docker's API reference, "Attach to a container", "Stream format".)
pub(super) struct Frames {
    terminal: bool,
    /// What is left of the frame that is being read: parts are given as they come.
    rest: usize,
    stream: LogStream,
    /// Give whole frames only.
    whole: bool,
}

const HEADER: usize = 8;

/// Far above what the engine puts in one.
const LONGEST: usize = 64 << 20;

impl Frames {
    /// Frames in the parts in which they come.
    pub fn parts(terminal: bool) -> Self {
        Self { terminal, rest: 0, stream: LogStream::Stdout, whole: false }
    }

    /// Frames as a whole: each is a message of a log.
    pub fn whole() -> Self {
        Self { whole: true, ..Self::parts(false) }
    }
}

impl Decoder for Frames {
    type Item = (LogStream, Bytes);
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        if self.terminal {
            return Ok((!buffer.is_empty()).then(|| (LogStream::Stdout, buffer.split().freeze())));
        }
        while self.rest == 0 {
            let Some(header) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
            self.stream = match header[0] {
                2 => LogStream::Stderr,
                0 | 1 => LogStream::Stdout,
                other => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("the engine sent stream {other}"))),
            };
            self.rest = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            if self.rest > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("the engine sent a frame of {} bytes", self.rest)));
            }
            buffer.advance(HEADER);
        }
        if buffer.is_empty() || (self.whole && buffer.len() < self.rest) {
            buffer.reserve(if self.whole { self.rest } else { 0 });
            return Ok(None);
        }
        let part = buffer.split_to(buffer.len().min(self.rest)).freeze();
        self.rest -= part.len();
        Ok(Some((self.stream, part)))
    }

    /// A stream that ends within a frame has been cut: what came of it has been given, the rest is lost with its process.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        let frame = self.decode(buffer)?;
        if frame.is_none() {
            buffer.clear();
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// All that comes of bytes that arrive in chunks of this size.
    fn decode(mut frames: Frames, bytes: &[u8], chunk: usize) -> Vec<(LogStream, Bytes)> {
        let (mut buffer, mut items) = (BytesMut::new(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            buffer.extend_from_slice(chunk);
            items.extend(std::iter::from_fn(|| frames.decode(&mut buffer).unwrap()));
        }
        items.extend(std::iter::from_fn(|| frames.decode_eof(&mut buffer).unwrap()));
        items
    }

    proptest! {
        #[test]
        fn whole_frames_do_not_depend_on_how_they_arrive(
            payloads in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 1..40)), 0..8),
            chunk in 1usize..60,
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|(stream, payload)| frame(*stream, payload)).collect();
            let expected: Vec<_> = payloads.iter().map(|(stream, payload)| {
                (if *stream == 2 { LogStream::Stderr } else { LogStream::Stdout }, Bytes::copy_from_slice(payload))
            }).collect();
            prop_assert_eq!(decode(Frames::whole(), &bytes, chunk), expected);
            let joined: Vec<u8> = decode(Frames::parts(false), &bytes, chunk).into_iter().flat_map(|(_, part)| part).collect();
            prop_assert_eq!(joined, payloads.into_iter().flat_map(|(_, payload)| payload).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_terminals_bytes_are_no_frames() {
        let bytes = [1, 0, 0, 0, 0, 0, 0, 1, b'x', 2];
        let joined: Vec<u8> = decode(Frames::parts(true), &bytes, 3).into_iter().flat_map(|(_, part)| part).collect();
        assert_eq!(joined, bytes);
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        let decode = |bytes: &[u8]| Frames::whole().decode(&mut BytesMut::from(bytes));
        assert!(decode(b"HTTP/1.1 500").is_err());
        assert!(decode(&[1, 0, 0, 0, 255, 255, 255, 255]).is_err());
        assert!(decode(&[1, 0, 0]).unwrap().is_none());
    }
}
