use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio_util::codec::{Decoder, FramedRead};
use tokio_util::io::StreamReader;

use super::engine::Engine;
use super::frames::Frames;
use crate::runtime::containers::{Error, LogLine, LogOptions, LogStream, Result};

/// See [`super::super::ContainerRuntime::logs`]. The engine filters by whole seconds; the rest of it is done here.
pub(super) async fn logs(engine: &Engine, container: &str, tty: bool, options: &LogOptions) -> Result<BoxStream<'static, Result<LogLine>>> {
    let tail = options.tail.map_or("all".to_owned(), |tail| tail.to_string());
    let since = options.since.map_or(0, |since| since.as_second().max(0));
    let follow = u8::from(options.follow);
    let path = format!("/containers/{container}/logs?stdout=1&stderr=1&timestamps=1&follow={follow}&tail={tail}&since={since}");
    let bytes = engine.stream(&path).await?.map_err(std::io::Error::other);
    let lines = FramedRead::new(StreamReader::new(bytes), Lines { frames: (!tty).then(Frames::whole) });
    let since = options.since;
    let recent = lines.try_filter(move |line| std::future::ready(since.is_none_or(|since| line.at >= since)));
    Ok(stop_at_error(recent.map_err(|error| Error::Unavailable(error.to_string()))).boxed())
}

/// An error ends a stream: what comes after it has no meaning.
fn stop_at_error(
    lines: impl stream::Stream<Item = Result<LogLine>> + Send + 'static,
) -> impl stream::Stream<Item = Result<LogLine>> + Send {
    lines.scan(false, |failed, line| {
        let item = (!*failed).then_some(line);
        *failed |= matches!(item, Some(Err(_)));
        std::future::ready(item)
    })
}

/// Reads lines that begin with their time: one a frame, or, from a terminal, separated by newlines.
struct Lines {
    frames: Option<Frames>,
}

impl Decoder for Lines {
    type Item = LogLine;
    type Error = std::io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> std::io::Result<Option<LogLine>> {
        let (stream, line) = match &mut self.frames {
            Some(frames) => match frames.decode(buffer)? {
                Some(frame) => frame,
                None => return Ok(None),
            },
            None => match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => (LogStream::Stdout, buffer.split_to(end + 1).freeze()),
                None => return Ok(None),
            },
        };
        timed(stream, line).map(Some)
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> std::io::Result<Option<LogLine>> {
        match self.decode(buffer)? {
            // A terminal's last line may have no newline.
            None if self.frames.is_none() && !buffer.is_empty() => timed(LogStream::Stdout, buffer.split().freeze()).map(Some),
            None => {
                buffer.clear();
                Ok(None)
            }
            line => Ok(line),
        }
    }
}

fn timed(stream: LogStream, mut line: Bytes) -> std::io::Result<LogLine> {
    let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the engine sent a log line without its time");
    let space = line.iter().position(|byte| *byte == b' ').ok_or_else(invalid)?;
    let at: Option<Timestamp> = std::str::from_utf8(&line[..space]).ok().and_then(|text| text.parse().ok());
    let at = at.ok_or_else(invalid)?;
    Ok(LogLine { stream, at, bytes: line.split_off(space + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminals_lines_end_with_newlines_and_the_last_one_with_the_stream() {
        let mut buffer = BytesMut::from("2026-01-02T03:04:05.5Z a b\r\n2026-01-02T03:04:06Z \n2026-01-02T03:04:07Z $ ");
        let mut lines = Lines { frames: None };
        let read: Vec<_> = std::iter::from_fn(|| lines.decode_eof(&mut buffer).unwrap()).collect();
        let bytes: Vec<&[u8]> = read.iter().map(|line| &*line.bytes).collect();
        assert_eq!(bytes, [&b"a b\r\n"[..], b"\n", b"$ "]);
        assert_eq!(read[0].at, "2026-01-02T03:04:05.5Z".parse().unwrap());
    }

    #[test]
    fn a_line_without_its_time_is_an_error() {
        for line in ["hello\n", "yesterday hello\n"] {
            assert!(Lines { frames: None }.decode(&mut BytesMut::from(line)).is_err(), "{line}");
        }
    }
}
