//! What is recorded is read back, whole or with the place where it is not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::reader::previous;
use super::*;

fn options(file: &Path, limit: u64) -> Options {
    let redact = Arc::new(|collection: &str, _: &[u8]| (collection == "secrets").then(|| b"{}".to_vec()));
    Options { file: file.to_owned(), limit, cluster: "c".to_owned(), redact, secrets: false }
}

fn write(key: (&str, &str), revision: u64, value: Option<String>) -> crate::runtime::store::Record {
    crate::runtime::store::Record { key: Key::new(key.0, key.1), revision: Revision(revision), value: value.map(Bytes::from) }
}

fn start(forgets: bool) -> Record {
    Record::Start(Start {
        seed: "00".repeat(32),
        service_range: "10.96.0.0/16".to_owned(),
        pod_range: "10.244.0.0/16".to_owned(),
        advertised: "192.0.2.1:6443".parse().unwrap(),
        authority: String::new(),
        forgets,
    })
}

/// A recording of a process that wrote so many versions of an object.
fn record(file: &Path, limit: u64, versions: u64) {
    let recorder = Recorder::start(options(file, limit)).unwrap();
    recorder.write(|| start(false));
    recorder.recovered(vec![(Key::new("pods", "n/old"), Revision(1), Bytes::from_static(b"{}"))]);
    recorder.commits(vec![write(("secrets", "n/s"), 2, Some(r#"{"data": "hunter2"}"#.to_owned()))]);
    for version in 0..versions {
        let json = format!(r#"{{"version": {version}, "fill": "{}"}}"#, "x".repeat(1000));
        // Nothing is lost here: the queue has room for as many.
        recorder.commits(vec![write(("pods", "n/p"), 3 + version, Some(json))]);
    }
    recorder.commits(vec![write(("pods", "n/old"), 3 + versions, None)]);
    recorder.close();
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("r.kabuki");
    (directory, file)
}

/// How things stand at the end of a recording.
fn standing(recording: &Recording) -> picture::Picture {
    let mut picture = picture::Picture::default();
    recording.entries.iter().for_each(|entry| picture.see(&entry.record));
    picture
}

#[test]
fn what_is_recorded_is_read_back_without_what_may_not_be_kept() {
    let (_directory, file) = place();
    record(&file, 1 << 30, 3);
    let recording = Recording::read(&file).unwrap();
    assert_eq!(recording.entries.len(), 7);
    assert!(matches!(recording.entries[1].record, Record::Object(_)));
    let picture = standing(&recording);
    let keys: Vec<String> = picture.objects.keys().map(ToString::to_string).collect();
    assert_eq!(keys, ["pods/n/p", "secrets/n/s"]);
    assert!(!String::from_utf8(std::fs::read(&file).unwrap()).unwrap().contains("hunter2"));
}

#[test]
fn a_recording_keeps_within_its_limit_and_its_newest_parts() {
    let (_directory, file) = place();
    let limit = 1 << 20;
    record(&file, limit, 3000);
    let on_disk: u64 = [file.clone(), previous(&file)].iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    assert!(on_disk <= limit + 4096, "{on_disk}");
    let recording = Recording::read(&file).unwrap();
    assert!(recording.is_partial && recording.head.segment >= 2, "{:?}", recording.head);
    let picture = standing(&recording);
    let newest = &picture.objects[&Key::new("pods", "n/p")].1;
    assert!(newest.starts_with(br#"{"version": 2999,"#));
    assert!(!picture.objects.contains_key(&Key::new("pods", "n/old")));
    let starts = recording.entries.iter().filter(|entry| matches!(entry.record, Record::Start(_))).count();
    assert_eq!(starts, 1, "the picture between two files is not the process's");
    std::fs::remove_file(previous(&file)).unwrap();
    let alone = standing(&Recording::read(&file).unwrap());
    assert_eq!(alone.objects, picture.objects, "each file begins with how things stand");
}

#[test]
fn a_process_that_starts_again_goes_on_with_the_recording() {
    let (_directory, file) = place();
    record(&file, 1 << 30, 1);
    let whole = std::fs::read(&file).unwrap();
    // What a power cut leaves.
    std::fs::write(&file, [&whole[..], b"0badc0de {\"at\": \"20"].concat()).unwrap();
    let recorder = Recorder::start(options(&file, 1 << 30)).unwrap();
    recorder.recovered(vec![(Key::new("pods", "n/unrecorded"), Revision(9), Bytes::from_static(b"{}"))]);
    recorder.write(|| start(true));
    recorder.close();
    let recording = Recording::read(&file).unwrap();
    let keys: Vec<String> = standing(&recording).objects.keys().map(ToString::to_string).collect();
    assert_eq!(keys, ["pods/n/unrecorded"], "what was written and not recorded any more is made up for");
    let refused = Recorder::start(Options { cluster: "other".to_owned(), ..options(&file, 1 << 30) }).map(drop).unwrap_err().to_string();
    assert!(refused.contains("another cluster (c)"), "{refused}");
    let refused = Recorder::start(Options { secrets: true, ..options(&file, 1 << 30) }).map(drop).unwrap_err().to_string();
    assert!(refused.contains("without secret data"), "{refused}");
}

#[test]
fn what_is_damaged_is_said_with_its_place() {
    let (_directory, file) = place();
    record(&file, 1 << 30, 3);
    let whole = std::fs::read(&file).unwrap();
    let error = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        Recording::read(&file).map(drop).unwrap_err().to_string()
    };
    let line = |number: usize| {
        let ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        std::iter::once(0).chain(ends).nth(number).unwrap()
    };
    let mut flipped = whole.clone();
    flipped[line(3) + 20] ^= 1;
    assert!(error(&flipped).ends_with(&format!("record 3, at byte {}: it is damaged: its checksum does not match", line(3))));
    let cut = error(&whole[..line(5) + 30]);
    assert!(cut.ends_with(&format!("record 5, at byte {}: the recording is cut off within it", line(5))), "{cut}");
    assert!(error(b"").ends_with("this is no recording: it is empty"));
    assert!(error(b"{\"version\": 1}\n").contains("this is no recording"));
    let mut other = Vec::new();
    frame::append(&serde_json::json!({"format": 7}), &mut other).unwrap();
    assert!(error(&other).contains("a recording of format 7 is none that this program reads (1)"));
}
