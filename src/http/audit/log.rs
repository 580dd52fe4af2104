//! The audit log's file: lines of JSON, bounded on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::runtime::clock;

/// So many lines may wait for the disk. Then requests wait, too: what is audited is not answered before there is a place for its line.
const QUEUE: usize = 1 << 12;

/// Where the log is, and how large it may grow.
#[derive(Clone, Debug)]
pub struct Options {
    pub file: PathBuf,
    /// A file of so many bytes is put aside, and another begun.
    pub size: u64,
    /// So many are kept besides the one that is written.
    pub backups: usize,
}

/// What the thread is handed.
enum Item {
    Line(Vec<u8>),
    /// Whoever waits until all before it is written.
    Settle(SyncSender<()>),
}

/// Writes lines by a thread of its own, until it is dropped.
pub struct Log {
    queue: Option<SyncSender<Item>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// # Errors
    /// The file cannot be written.
    pub fn open(options: Options) -> io::Result<Self> {
        let writer = Writer::open(options)?;
        let (queue, items) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("audit".into()).spawn(move || writer.work(&items))?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    pub fn write(&self, line: Vec<u8>) {
        self.hand(Item::Line(line));
    }

    /// Waits until all that was written before is in the file.
    pub fn settle(&self) {
        let (settled, all) = mpsc::sync_channel(0);
        self.hand(Item::Settle(settled));
        let _ = all.recv();
    }

    fn hand(&self, item: Item) {
        if let Some(queue) = &self.queue {
            // The thread ends when this is dropped, and not before.
            let _ = queue.send(item);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    options: Options,
    file: BufWriter<File>,
    written: u64,
    /// Lines that found no place on the disk since the last that did.
    lost: u64,
}

impl Writer {
    fn open(options: Options) -> io::Result<Self> {
        let (file, written) = append(&options.file)?;
        Ok(Self { options, file, written, lost: 0 })
    }

    fn work(mut self, queue: &Receiver<Item>) {
        while let Ok(item) = queue.recv() {
            let (mut outcome, mut lines, mut waiting) = (Ok(()), 0, Vec::new());
            let mut next = Some(item);
            while let Some(item) = next {
                match item {
                    Item::Line(line) => {
                        outcome = outcome.and(self.take(&line));
                        lines += 1;
                    }
                    Item::Settle(settled) => waiting.push(settled),
                }
                next = queue.try_recv().ok();
            }
            outcome = outcome.and_then(|()| self.file.flush());
            self.tell(outcome, lines);
            for settled in waiting {
                // Who does not wait any more has no need to know.
                let _ = settled.send(());
            }
        }
    }

    /// Says once that lines are lost, and once that they no longer are.
    fn tell(&mut self, outcome: io::Result<()>, lines: u64) {
        match outcome {
            Ok(()) if self.lost > 0 => {
                tracing::warn!(lines = self.lost, "the audit log is written again; lines were lost");
                self.lost = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    tracing::error!(%error, file = %self.options.file.display(), "the audit log cannot be written; lines are lost");
                }
                self.lost += lines;
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        if self.written > 0 && self.written + line.len() as u64 > self.options.size {
            self.put_aside()?;
        }
        self.file.write_all(line)?;
        self.file.write_all(b"\n")?;
        self.written += line.len() as u64 + 1;
        Ok(())
    }

    /// The file gets the time in its name, and the oldest goes.
    fn put_aside(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let file = &self.options.file;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let extension = file.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
        let time = clock::now().strftime("%Y-%m-%dT%H-%M-%S%.9f");
        fs::rename(file, file.with_file_name(format!("{stem}-{time}{extension}")))?;
        let mut backups = backups(file, &stem, &extension)?;
        while backups.len() > self.options.backups {
            fs::remove_file(backups.remove(0))?;
        }
        (self.file, self.written) = append(file)?;
        Ok(())
    }
}

/// The files that were put aside, oldest first.
fn backups(file: &Path, stem: &str, extension: &str) -> io::Result<Vec<PathBuf>> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let time = name.strip_prefix(&format!("{stem}-")).and_then(|rest| rest.strip_suffix(extension));
        if time.is_some_and(|time| time.len() == "2026-01-02T03-04-05.123456789".len() && time.starts_with(|c: char| c.is_ascii_digit())) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The file, only for its owner to read, and how much is in it.
fn append(file: &Path) -> io::Result<(BufWriter<File>, u64)> {
    use std::os::unix::fs::OpenOptionsExt;
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    let written = opened.metadata()?.len();
    Ok((BufWriter::new(opened), written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_to_its_bounds_and_ends_with_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("audit.log");
        std::fs::write(directory.path().join("audit-of-another-kind.log"), "stays").unwrap();
        let log = Log::open(Options { file: file.clone(), size: 100, backups: 2 }).unwrap();
        (0..50).for_each(|number| log.write(format!("{{\"number\": {number:>10}}}").into_bytes()));
        drop(log);
        let mut sizes: Vec<u64> = Vec::new();
        for entry in fs::read_dir(directory.path()).unwrap() {
            sizes.push(entry.unwrap().metadata().unwrap().len());
        }
        assert_eq!(sizes.len(), 4, "two put aside, one being written, one that is none of it");
        assert!(sizes.iter().all(|size| *size <= 100), "{sizes:?}");
        assert!(fs::read_to_string(&file).unwrap().contains("49"));
    }

    #[test]
    fn a_log_is_gone_on_with() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { file: directory.path().join("audit.log"), size: 100, backups: 1 };
        for line in ["first", "second"] {
            Log::open(options.clone()).unwrap().write(line.into());
        }
        assert_eq!(fs::read_to_string(&options.file).unwrap(), "first\nsecond\n");
        let nowhere = Options { file: directory.path().join("none/audit.log"), ..options };
        assert!(Log::open(nowhere).is_err());
    }
}
