//! What every store must do, run against each of them. A new store is its file and one line in [`stores`].

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use super::*;
use crate::runtime::supervision::{Strategy, Supervisor};

/// A value that is its text and its revision.
#[derive(Clone, Debug, PartialEq)]
struct Note {
    bytes: Bytes,
    revision: Revision,
}

fn note(text: &str) -> Note {
    Note { bytes: text.to_owned().into(), revision: Revision(0) }
}

impl Stored for Note {
    fn at(&self, revision: Revision) -> Self {
        Self { bytes: self.bytes.clone(), revision }
    }

    fn revision(&self) -> Revision {
        self.revision
    }

    fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn restore(bytes: Bytes, revision: Revision) -> Result<Self, String> {
        Ok(Self { bytes, revision })
    }
}

type Held = Arc<dyn Store<Note>>;

fn key(path: &str) -> Key {
    Key::new("notes", path)
}

fn put(path: &str, text: &str, expect: Expect) -> Write<Note> {
    Write { key: key(path), expect, value: Some(note(text)) }
}

fn delete(path: &str, expect: Expect) -> Write<Note> {
    Write { key: key(path), expect, value: None }
}

/// Runs one check against every store.
fn every_store<F: Future<Output = ()>>(check: impl Fn(Held) -> F) {
    let directory = tempfile::tempdir().unwrap();
    actix_rt::System::new().block_on(async {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        check(Arc::new(LocalStore::in_memory(&supervisor))).await;
        let engine = Arc::new(Embedded::open(directory.path()).unwrap());
        check(Arc::new(LocalStore::start(&supervisor, engine, Bounds::default()).unwrap())).await;
    });
}

fn texts(store: &Held, prefix: &str) -> Vec<(String, String)> {
    let snapshot = store.snapshot();
    snapshot.range("notes", prefix, None).map(|(key, note)| (key.path.to_string(), String::from_utf8_lossy(&note.bytes).into())).collect()
}

#[test]
fn a_commit_is_seen_by_the_next_snapshot_and_never_by_an_older_one() {
    every_store(async |store| {
        let before = store.snapshot();
        let committed = store.commit(vec![put("a", "1", Expect::Absent)]).await.unwrap();
        assert_eq!(store.snapshot().get(&key("a")).unwrap().revision, committed.revision);
        assert_eq!(before.get(&key("a")), None);
        assert!(committed.revision > before.revision());
    });
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    every_store(async |store| {
        store.commit(vec![put("a", "1", Expect::Absent)]).await.unwrap();
        let head = store.snapshot().revision();
        let refused = store.commit(vec![put("b", "2", Expect::Absent), put("a", "3", Expect::Absent)]).await;
        let Err(CommitError::Conflict { index: 1, current: Some(current) }) = refused else { panic!("{refused:?}") };
        assert_eq!(current.bytes, "1");
        assert_eq!(texts(&store, ""), [("a".into(), "1".into())]);
        assert_eq!(store.snapshot().revision(), head);
    });
}

#[test]
fn of_many_who_expect_the_same_revision_one_wins() {
    every_store(async |store| {
        let first = store.commit(vec![put("a", "0", Expect::Absent)]).await.unwrap().revision;
        let attempts = (1..=50).map(|n| store.commit(vec![put("a", &n.to_string(), Expect::At(first))]));
        let won = join_all(attempts).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(won, 1);
    });
}

#[test]
fn a_deletion_shows_the_last_state_as_of_its_own_revision() {
    every_store(async |store| {
        let created = store.commit(vec![put("a", "1", Expect::Absent)]).await.unwrap().revision;
        let deleted = store.commit(vec![delete("a", Expect::At(created))]).await.unwrap();
        let [Some(last)] = deleted.values.as_slice() else { panic!("{deleted:?}") };
        assert_eq!((last.bytes.as_ref(), last.revision), (b"1".as_slice(), deleted.revision));
        let again = store.commit(vec![delete("a", Expect::Any)]).await.unwrap();
        assert_eq!((again.values, again.revision), (vec![None], deleted.revision), "deleting nothing changes nothing");
    });
}

#[test]
fn events_come_in_order_and_none_is_skipped() {
    every_store(async |store| {
        let start = store.snapshot().revision();
        let mut reader = store.events("notes", start).unwrap();
        let writes = (0..200).map(|n| store.commit(vec![put(&format!("{:02}", n % 20), &n.to_string(), Expect::Any)]));
        join_all(writes).await;
        store.commit(vec![Write { key: Key::new("other", "x"), expect: Expect::Any, value: Some(note("x")) }]).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < 200 {
            seen.extend(reader.next(7).await.unwrap());
        }
        let revisions: Vec<u64> = seen.iter().map(|event| event.revision.0).collect();
        assert_eq!(revisions, (start.0 + 1..=start.0 + 200).collect::<Vec<_>>());
        assert!(reader.ready(7).unwrap().is_empty(), "another collection's events are not for this reader");
        assert_eq!(reader.place(), store.snapshot().revision(), "and yet it knows that it has seen all up to the head");
    });
}

#[test]
fn an_event_knows_what_stood_there_before() {
    every_store(async |store| {
        let mut reader = store.events("notes", store.snapshot().revision()).unwrap();
        for write in [put("a", "1", Expect::Any), put("a", "2", Expect::Any), delete("a", Expect::Any)] {
            store.commit(vec![write]).await.unwrap();
        }
        let told: Vec<String> = reader
            .ready(10)
            .unwrap()
            .iter()
            .map(|event| match &event.change {
                Change::Put { value, previous } => format!("{:?} after {:?}", value.bytes, previous.as_ref().map(|p| &p.bytes)),
                Change::Delete { previous, .. } => format!("nothing after {:?}", previous.bytes),
            })
            .collect();
        assert_eq!(told, [r#"b"1" after None"#, r#"b"2" after Some(b"1")"#, r#"nothing after b"2""#]);
    });
}

#[test]
fn a_past_revision_can_be_read_as_it_was() {
    every_store(async |store| {
        store.commit(vec![put("a", "1", Expect::Any), put("b", "1", Expect::Any)]).await.unwrap();
        let then = store.snapshot();
        for write in [put("a", "2", Expect::Any), delete("b", Expect::Any), put("c", "3", Expect::Any), put("a", "4", Expect::Any)] {
            store.commit(vec![write]).await.unwrap();
        }
        let again = store.snapshot_at(then.revision()).unwrap();
        assert_eq!(again.entries, then.entries);
        assert_eq!(again.revision(), then.revision());
        let newest = store.snapshot().revision();
        assert_eq!(store.snapshot_at(newest.next()).err(), Some(PlaceError::Future { newest }));
    });
}

#[test]
fn a_range_is_one_collection_in_order_of_path() {
    every_store(async |store| {
        for path in ["default/b", "default/a", "default2/a", "kube-system/a"] {
            store.commit(vec![put(path, path, Expect::Absent)]).await.unwrap();
        }
        let paths = |prefix, after| -> Vec<String> {
            store.snapshot().range("notes", prefix, after).map(|(key, _)| key.path.to_string()).collect()
        };
        assert_eq!(paths("default/", None), ["default/a", "default/b"]);
        assert_eq!(paths("default/", Some("default/a")), ["default/b"]);
        assert_eq!(paths("", None).len(), 4);
    });
}

#[test]
fn a_reader_that_history_moved_past_is_told_so() {
    actix_rt::System::new().block_on(async {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let bounds = Bounds { events: 3, ..Bounds::default() };
        let store: Held = Arc::new(LocalStore::start(&supervisor, Arc::new(Volatile), bounds).unwrap());
        let mut reader = store.events("notes", Revision(0)).unwrap();
        for n in 0..5 {
            store.commit(vec![put("a", &n.to_string(), Expect::Any)]).await.unwrap();
        }
        assert_eq!(reader.next(10).await.unwrap_err(), PlaceError::Compacted { oldest: Revision(2) });
        assert_eq!(store.events("notes", Revision(2)).unwrap().ready(10).unwrap().len(), 3);
    });
}

#[test]
fn a_reader_of_a_quiet_collection_keeps_its_place_while_others_are_written() {
    actix_rt::System::new().block_on(async {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let bounds = Bounds { events: 3, ..Bounds::default() };
        let store: Held = Arc::new(LocalStore::start(&supervisor, Arc::new(Volatile), bounds).unwrap());
        let mut reader = store.events("notes", Revision(0)).unwrap();
        for number in 0..5 {
            let other = Key::new("others", number.to_string());
            store.commit(vec![Write { key: other, expect: Expect::Absent, value: Some(note("x")) }]).await.unwrap();
        }
        store.commit(vec![put("a", "1", Expect::Absent)]).await.unwrap();
        let events = reader.next(10).await.unwrap();
        assert_eq!(events.iter().map(|event| &*event.key.path).collect::<Vec<_>>(), ["a"]);
    });
}

#[test]
fn what_was_acknowledged_is_there_when_the_directory_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let engine = Arc::new(Embedded::open(directory.path())?);
        LocalStore::<Note>::start(&supervisor, engine, Bounds::default()).map(|store| (supervisor, store))
    };
    let head = actix_rt::System::new().block_on(async {
        let (supervisor, store) = open().unwrap();
        store.commit(vec![put("a", "1", Expect::Any), put("b", "2", Expect::Any)]).await.unwrap();
        let head = store.commit(vec![delete("b", Expect::Any)]).await.unwrap().revision;
        let error = Embedded::open(directory.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
        supervisor.stop().await;
        head
    });
    actix_rt::System::new().block_on(async {
        let (_supervisor, store) = open().unwrap();
        assert_eq!((store.snapshot().len(), store.snapshot().revision()), (1, head));
        assert_eq!(store.events("notes", Revision(1)).err(), Some(PlaceError::Compacted { oldest: head }));
    });
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    std::fs::write(&file, b"this was never a database, and it is longer than any header that one could have").unwrap();
    let error = Embedded::open(directory.path()).err().unwrap().to_string();
    assert!(error.contains("store.redb") && error.contains("Restore a backup"), "{error}");
    assert!(std::fs::read(&file).unwrap().starts_with(b"this was never"));
}

#[test]
fn whatever_happened_to_the_file_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    drop(Embedded::open(directory.path()).unwrap());
    let sound = std::fs::read(&file).unwrap();
    let inverted = |from: usize| sound.iter().enumerate().map(|(at, byte)| if at < from { *byte } else { !byte }).collect::<Vec<u8>>();
    for damaged in [Vec::new(), sound[..sound.len() / 2].to_vec(), inverted(0), inverted(4096)] {
        std::fs::write(&file, &damaged).unwrap();
        let error = Embedded::open(directory.path()).and_then(|engine| engine.recover()).err().unwrap().to_string();
        assert!(error.contains("store.redb is damaged") && !error.contains('\n'), "{error}");
        assert!(std::fs::read(&file).unwrap() == damaged, "{error}");
    }
}

/// A store's file as a kill leaves it, and as it is once the store has been closed.
async fn files(directory: &std::path::Path) -> [Vec<u8>; 2] {
    let supervisor = Supervisor::root(Strategy::OneForOne);
    let store = {
        let engine = Arc::new(Embedded::open(directory).unwrap());
        LocalStore::<Note>::start(&supervisor, engine, Bounds::default()).unwrap()
    };
    for n in 0..200 {
        store.commit(vec![put(&format!("n{n}"), &"text".repeat(n), Expect::Any)]).await.unwrap();
    }
    let file = directory.join("store.redb");
    let killed = std::fs::read(&file).unwrap();
    supervisor.stop().await;
    drop(store);
    drop(Embedded::open(directory).unwrap());
    [killed, std::fs::read(&file).unwrap()]
}

#[test]
fn a_file_that_is_damaged_anywhere_is_read_whole_or_refused_and_then_not_a_byte_of_it_changes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    let [killed, closed] = actix_rt::System::new().block_on(files(directory.path()));
    let open = || Embedded::open(directory.path()).and_then(|engine| engine.recover());
    let mut refused = 0;
    let places = |length| (0..256).chain((256..length).step_by(4001));
    for (sound, at) in [killed, closed].iter().flat_map(|sound| places(sound.len()).map(move |at| (sound, at))) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&file, &damaged).unwrap();
        match open() {
            Ok(recovered) => {
                let texts = recovered.entries.iter().all(|(_, _, bytes)| bytes.chunks(4).all(|text| text == b"text"));
                assert!(texts && recovered.entries.len() >= 199, "byte {at}: {} notes", recovered.entries.len());
            }
            Err(_) => {
                refused += 1;
                assert!(std::fs::read(&file).unwrap() == damaged, "byte {at}: the file was changed");
            }
        }
    }
    assert!(refused > 10, "hardly anything was found: {refused}");
}

#[test]
fn a_first_start_that_was_cut_short_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("store.redb.new"), b"half of").unwrap();
    drop(Embedded::open(directory.path()).unwrap());
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, ["lock", "store.redb"]);
}
