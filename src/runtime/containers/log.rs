use bytes::Bytes;
use jiff::Timestamp;

/// Which part of a log is wanted. `since` first, then the last `tail` of those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what will be printed, until the container ends.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail: Option<u64>,
    /// Only lines that are not older.
    pub since: Option<Timestamp>,
}

/// One line that a container has printed, or a part of one that was very long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub stream: LogStream,
    pub at: Timestamp,
    /// With its newline, if it has one.
    pub bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// Also all that a terminal shows.
    Stdout,
    Stderr,
}
