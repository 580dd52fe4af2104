//! A child process writes to the embedded store and says what was acknowledged; it is killed at a random moment; what it said must
//! be there.
//!
//! Each batch writes the same number under two keys of its task, so that half a batch shows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kabuki::runtime::entropy::Entropy;
use kabuki::runtime::store::{Bounds, Embedded, Engine, Expect, Key, LocalStore, Revision, Store, Stored, Write};
use kabuki::runtime::supervision::{Strategy, Supervisor};
use rand::RngExt;

const ROUNDS: usize = 100;
const TASKS: usize = 8;
const DIRECTORY: &str = "KABUKI_TEST_DURABILITY_DIRECTORY";

#[derive(Clone, Debug)]
struct Number {
    bytes: Bytes,
    revision: Revision,
}

impl Stored for Number {
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

/// Not a test of its own: what the parent below starts. Writes until it is killed.
#[test]
fn child_that_writes() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    actix_rt::System::new().block_on(async move {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let engine = Arc::new(Embedded::open(Path::new(&directory)).unwrap());
        let store = Arc::new(LocalStore::<Number>::start(&supervisor, engine, Bounds::default()).unwrap());
        let writers = (0..TASKS).map(|task| write_forever(store.clone(), task));
        futures::future::join_all(writers).await;
    });
}

async fn write_forever(store: Arc<LocalStore<Number>>, task: usize) {
    let keys = ["left", "right"].map(|side| Key::new("numbers", format!("{task}/{side}")));
    let mut number: u64 = store.snapshot().get(&keys[0]).map_or(0, |old| text(&old.bytes).parse().unwrap());
    loop {
        number += 1;
        let value = Some(Number { bytes: number.to_string().into(), revision: Revision(0) });
        let writes = keys.iter().map(|key| Write { key: key.clone(), expect: Expect::Any, value: value.clone() }).collect();
        let revision = store.commit(writes).await.unwrap().revision;
        // One write call a line: a line that arrives is whole, or ends without a newline.
        std::io::stdout().write_all(format!("ack {task} {number} {revision}\n").as_bytes()).unwrap();
    }
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What was acknowledged before the kill: for each task its last number, and the newest revision.
fn run_and_kill(directory: &Path, lifetime: Duration) -> (BTreeMap<usize, u64>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runtime::durability::child_that_writes", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let killer = std::thread::spawn(move || {
        // The random moment itself, not a wait for something to happen.
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(lifetime);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let mut last = BTreeMap::new();
    let mut newest = 0;
    for line in output.split(b'\n') {
        if let Some((task, number, revision)) = acknowledgement(&String::from_utf8(line.unwrap()).unwrap()) {
            last.insert(task, number);
            newest = newest.max(revision);
        }
    }
    killer.join().unwrap();
    (last, newest)
}

/// The harness may have printed something before the first one on its line.
fn acknowledgement(line: &str) -> Option<(usize, u64, u64)> {
    let mut words = line[line.find("ack ")?..].split(' ').skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[test]
fn everything_acknowledged_survives_sigkill_and_every_batch_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut chance = Entropy::from_seed(1).split("kills");
    let mut acknowledged = BTreeMap::new();
    let mut newest = 0;
    for round in 0..ROUNDS {
        let lifetime = Duration::from_millis(chance.rng().random_range(5..80));
        let (last, revision) = run_and_kill(directory.path(), lifetime);
        assert!(revision == 0 || revision > newest, "round {round}: revision {revision} after {newest} was given twice");
        acknowledged.extend(last);
        newest = newest.max(revision);

        let recovered = Embedded::open(directory.path()).unwrap().recover().unwrap();
        assert!(recovered.revision.0 >= newest, "round {round}: {} is older than the acknowledged {newest}", recovered.revision);
        newest = recovered.revision.0;
        let numbers: BTreeMap<&str, (u64, Revision)> =
            recovered.entries.iter().map(|(key, revision, bytes)| (&*key.path, (text(bytes).parse().unwrap(), *revision))).collect();
        for task in 0..TASKS {
            let [left, right] = ["left", "right"].map(|side| numbers.get(format!("{task}/{side}").as_str()));
            assert_eq!(left, right, "round {round}: half a batch of task {task}");
            let wanted = acknowledged.get(&task).copied().unwrap_or(0);
            let found = left.map_or(0, |(number, _)| *number);
            assert!(found >= wanted, "round {round}: task {task} was told {wanted}, found {found}");
            acknowledged.insert(task, found);
        }
    }
    assert!(newest > 100, "the children wrote almost nothing: {newest}");
}
