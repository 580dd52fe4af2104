//! Reading a recording back, with every record checked.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::frame;
use super::record::{Entry, Head, Record};

/// The form of recordings that this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A recording, whole: what was dropped for its limit is not there any more.
#[derive(Debug)]
pub struct Recording {
    /// Of its newest file.
    pub head: Head,
    pub entries: Vec<Entry>,
    /// Its beginning is not there any more.
    pub is_partial: bool,
}

/// Why a recording cannot be used.
#[derive(Debug)]
pub struct RecordingError {
    file: PathBuf,
    what: String,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.as_os_str().is_empty() {
            return f.write_str(&self.what);
        }
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

impl std::error::Error for RecordingError {}

impl RecordingError {
    fn new(file: &Path, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), what: what.into() }
    }

    pub(super) fn io(file: &Path, error: &io::Error) -> Self {
        Self::new(file, error.to_string())
    }

    pub(super) fn thread(error: io::Error) -> Self {
        Self::new(Path::new(""), format!("the recorder's thread cannot be started: {error}"))
    }

    pub(super) fn other_cluster(file: &Path, cluster: &str) -> Self {
        Self::new(file, format!("this is the recording of another cluster ({cluster}): choose another file"))
    }

    pub(super) fn other_secrets(file: &Path, secrets: bool) -> Self {
        let what =
            if secrets { "with secret data: go on with --record-secrets" } else { "without secret data: go on without --record-secrets" };
        Self::new(file, format!("this recording was begun {what}, or choose another file"))
    }
}

/// Where the file before a recording's newest one is.
pub(super) fn previous(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

/// What one file holds.
struct Segment {
    head: Head,
    entries: Vec<Entry>,
    /// Up to where it is sound.
    sound: u64,
    /// What is wrong with what comes then.
    wrong: Option<RecordingError>,
}

impl Recording {
    /// Whether a file begins as a recording does.
    pub fn is_one(path: &Path) -> bool {
        use io::Read as _;
        let mut start = [0; 9];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
        read.is_ok() && start[8] == b' ' && start[..8].iter().all(u8::is_ascii_hexdigit)
    }

    /// Reads the whole of a recording: both of its files, if there are two.
    ///
    /// # Errors
    /// It cannot be read, is none, is of another version, or is damaged; with the place.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let segment = segment(path)?;
        match segment.wrong {
            Some(wrong) => Err(wrong),
            None => Self::join(path, segment),
        }
    }

    /// Reads it as far as it is sound, and says how far that is in its newest file.
    pub(super) fn read_sound(path: &Path) -> Result<(Self, u64), RecordingError> {
        let segment = segment(path)?;
        let sound = segment.sound;
        Ok((Self::join(path, segment)?, sound))
    }

    fn join(path: &Path, newest: Segment) -> Result<Self, RecordingError> {
        let Segment { head, mut entries, .. } = newest;
        let before = previous(path);
        if head.segment == 0 || !before.exists() {
            return Ok(Self { is_partial: head.segment > 0, head, entries });
        }
        let older = segment(&before)?;
        if older.head.recording != head.recording || older.head.segment + 1 != head.segment {
            return Ok(Self { is_partial: true, head, entries });
        }
        if let Some(wrong) = older.wrong {
            return Err(wrong);
        }
        // How things stood between the two is known from the first.
        let begun = entries.first().map(|entry| entry.at);
        entries.retain(|entry| Some(entry.at) != begun || !is_picture(&entry.record));
        let mut all = older.entries;
        all.append(&mut entries);
        Ok(Self { is_partial: older.head.segment > 0, head, entries: all })
    }
}

/// Whether a record tells how things stand, and may stand at a file's beginning.
fn is_picture(record: &Record) -> bool {
    matches!(
        record,
        Record::Object(_)
            | Record::Start(_)
            | Record::NameServer { .. }
            | Record::Node(_)
            | Record::Image { .. }
            | Record::Sandbox { .. }
            | Record::Container { .. }
            | Record::Finding { .. }
            | Record::Outage { .. }
    )
}

fn segment(path: &Path) -> Result<Segment, RecordingError> {
    let bytes = std::fs::read(path).map_err(|error| RecordingError::io(path, &error))?;
    let mut lines = Lines { bytes: &bytes, at: 0, number: 0 };
    let none = |why: &str| RecordingError::new(path, format!("this is no recording: {why}"));
    let first = lines.next().ok_or_else(|| none("it is empty"))?;
    let first = first.text.ok_or_else(|| none("its first line does not end")).and_then(|line| frame::open(line).map_err(none))?;
    let head: Head = serde_json::from_slice(first).map_err(|error| match format_of(first) {
        Some(other) if other != FORMAT => of_another(path, other),
        _ => none(&error.to_string()),
    })?;
    if head.format != FORMAT {
        return Err(of_another(path, head.format));
    }
    let (mut entries, mut sound) = (Vec::new(), lines.at as u64);
    while let Some(Line { number, at, text }) = lines.next() {
        let wrong = |what: &str| RecordingError::new(path, format!("record {number}, at byte {at}: {what}"));
        let entry = match text.map(frame::open) {
            None => Err(wrong("the recording is cut off within it")),
            Some(Err(what)) => Err(wrong(&format!("it is damaged: {what}"))),
            Some(Ok(text)) => serde_json::from_slice(text).map_err(|error| wrong(&format!("it cannot be read: {error}"))),
        };
        match entry {
            Ok(entry) => entries.push(entry),
            Err(wrong) => return Ok(Segment { head, entries, sound, wrong: Some(wrong) }),
        }
        sound = lines.at as u64;
    }
    Ok(Segment { head, entries, sound, wrong: None })
}

fn format_of(text: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    serde_json::from_slice(text).ok().map(|head: Format| head.format)
}

fn of_another(path: &Path, format: u32) -> RecordingError {
    RecordingError::new(path, format!("a recording of format {format} is none that this program reads ({FORMAT})"))
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: usize,
}

struct Line<'a> {
    /// Counted from 0; the first says what the file is.
    number: usize,
    at: usize,
    /// `None` if it does not end.
    text: Option<&'a [u8]>,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (number, at) = (self.number, self.at);
        self.number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        self.at += end.map_or(rest.len(), |end| end + 1);
        Some(Line { number, at, text: end.map(|end| &rest[..end]) })
    }
}
