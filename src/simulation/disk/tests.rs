//! The store's own engine over a device that loses its power at any time, and the whole cast over that.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures::FutureExt;
use jiff::SignedDuration;
use rand::RngExt;
use redb::StorageBackend;

use super::Grain;
use super::device::{Attachment, Cut, Device, Fuse, Trouble};
use crate::runtime::entropy::Entropy;
use crate::runtime::flaw::{Flaw, plant};
use crate::runtime::store::{Embedded, Engine, EngineError, Key, Record, Revision};
use crate::simulation::{Deed, Entry, Scenario, Script, Span, Watching, rehearse};

/// What a store holds.
type Contents = BTreeMap<Key, (Revision, Bytes)>;

/// A machine on which a store is written to, and that is not spared.
struct Life<B> {
    device: Device,
    chance: Entropy,
    /// What was acknowledged.
    known: Contents,
    head: Revision,
    losses: u64,
    attach: fn(Attachment) -> B,
}

impl<B: StorageBackend> Life<B> {
    fn of(seed: u64, attach: fn(Attachment) -> B) -> Self {
        let device = Device::default();
        Embedded::format("device", attach(device.attach())).unwrap();
        Self { device, chance: Entropy::from_seed(seed), known: Contents::new(), head: Revision(0), losses: 0, attach }
    }

    fn draw(&mut self, most: u32) -> u32 {
        self.chance.rng().random_range(0..most)
    }

    fn power(&mut self) -> Cut {
        self.losses += 1;
        Cut::Power(Box::new(self.chance.split(&format!("loss {}", self.losses))))
    }

    /// What may go wrong with the next few writes.
    fn trouble(&mut self) -> Trouble {
        let after = self.draw(24);
        match self.draw(10) {
            0..3 => Trouble { fuse: Some(Fuse { after, cut: self.power() }), ..Trouble::default() },
            3 => Trouble { fuse: Some(Fuse { after, cut: Cut::Kill }), ..Trouble::default() },
            4 => Trouble { fails_next_sync: true, ..Trouble::default() },
            5 => Trouble { is_full: true, ..Trouble::default() },
            _ => Trouble::default(),
        }
    }

    /// Comes up, though it may lose its power on the way.
    fn up(&mut self) -> Result<Embedded, EngineError> {
        for _ in 0..self.draw(3) {
            let fuse = Some(Fuse { after: self.draw(8), cut: self.power() });
            self.device.set(Trouble { fuse, ..Trouble::default() });
            drop(self.open());
        }
        let is_full = self.draw(2) == 0;
        self.device.set(Trouble { is_full, ..Trouble::default() });
        let engine = self.open();
        self.device.set(Trouble::default());
        engine
    }

    fn open(&self) -> Result<Embedded, EngineError> {
        let (attachment, attach) = (self.device.attach(), self.attach);
        Embedded::over("device", move || attach(attachment.clone()))
    }

    fn batch(&mut self) -> Vec<Record> {
        let (revision, records) = (self.head.next(), 1 + self.draw(5));
        let record = |_| {
            let key = Key::new("notes", format!("n{}", self.draw(30)));
            let size = [10, 500, 9000][self.draw(3) as usize];
            let value = (self.draw(5) > 0).then(|| Bytes::from(vec![self.draw(256) as u8; self.draw(size) as usize]));
            Record { key, revision, value }
        };
        (0..records).map(record).collect()
    }

    /// Whether a store holds what was acknowledged, and of a batch that was not, all or nothing.
    fn compare(&mut self, engine: &Embedded, unknown: Option<&[Record]>) -> Result<(), String> {
        let found = engine.recover().map_err(|error| error.to_string())?;
        let entries: Contents = found.entries.into_iter().map(|(key, revision, bytes)| (key, (revision, bytes))).collect();
        if let Some(records) = unknown.filter(|records| records.iter().any(|record| record.revision <= found.revision)) {
            self.know(records);
        }
        if (found.revision, &entries) == (self.head, &self.known) {
            return Ok(());
        }
        Err(format!("it comes up at {} with {} notes, and knew {} at {}", found.revision, entries.len(), self.known.len(), self.head))
    }

    fn know(&mut self, records: &[Record]) {
        for Record { key, revision, value } in records {
            match value {
                Some(value) => drop(self.known.insert(key.clone(), (*revision, value.clone()))),
                None => drop(self.known.remove(key)),
            }
            self.head = *revision;
        }
    }

    /// Lets it live. Says what was lost.
    fn pass(&mut self) -> Result<(), String> {
        let text = |error: EngineError| error.to_string();
        let mut engine = self.up().map_err(text)?;
        for _ in 0..40 {
            let (records, trouble) = (self.batch(), self.trouble());
            self.device.set(trouble);
            let told = engine.append(self.head.next(), records.clone()).now_or_never().unwrap();
            self.device.set(Trouble::default());
            let unknown = match told {
                Ok(()) => {
                    self.know(&records);
                    if self.draw(8) > 0 {
                        continue;
                    }
                    None
                }
                Err(EngineError::Refused(_)) => {
                    self.compare(&engine, None)?;
                    continue;
                }
                Err(_) => Some(&*records),
            };
            // Some are killed, some lose their power, some stop in order, and those that were cut off come up as they are.
            match self.draw(4) {
                0 => self.device.detach(),
                1 => {
                    let mut chance = self.chance.split(&format!("pause {}", self.head));
                    self.device.lose_power(&mut chance);
                }
                _ => {}
            }
            drop(engine);
            engine = self.up().map_err(text)?;
            self.compare(&engine, unknown)?;
        }
        self.compare(&engine, None)?;
        engine.check().map_err(text)
    }
}

/// How many of so many lives end badly, and how one did.
fn bad<B: StorageBackend>(lives: u64, attach: fn(Attachment) -> B) -> (u64, String) {
    let ends = (0..lives).filter_map(|seed| Life::of(seed, attach).pass().err().map(|why| format!("seed {seed}: {why}")));
    let ends: Vec<String> = ends.collect();
    (ends.len() as u64, ends.first().cloned().unwrap_or_default())
}

#[test]
fn whatever_the_disk_does_what_was_acknowledged_is_there_and_every_batch_is_whole() {
    assert_eq!(bad(300, |attachment| attachment), (0, String::new()));
}

#[test]
fn an_engine_that_does_not_wait_for_the_disk_is_found_out() {
    let _guard = plant(Flaw::SkipsFsync);
    let (bad, why) = bad(20, |attachment| attachment);
    assert!(bad > 15, "{bad}: {why}");
}

/// A disk that says that it has synced, and has not.
#[derive(Debug)]
struct Liar(Attachment);

impl StorageBackend for Liar {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let (bad, why) = bad(20, Liar);
    assert!(bad > 15, "{bad}: {why}");
}

/// Ten minutes of chaos on a disk of blocks, with no other deed than these if there are any.
fn chaos(seed: u64, among: &[&str]) -> Script {
    let mut scenario = Scenario::read(include_str!("../../../examples/scenarios/chaos.yaml")).unwrap();
    (scenario.nodes.count, scenario.pods, scenario.disk) = (5, 12, Some(Grain::Blocks));
    let chaos = scenario.chaos.as_mut().unwrap();
    chaos.during = Span::seconds(600);
    chaos.among = among.iter().map(|name| (*name).to_owned()).collect();
    scenario.script(seed)
}

/// How many losses of power a run had, and how many of them came in the midst of a write: those are not waited for.
fn losses(entries: &[Entry]) -> (usize, usize) {
    let asked = entries.iter().enumerate().filter(|(_, entry)| entry.event.to_string().contains("power-loss"));
    let in_midst = asked.clone().filter(|(at, asked)| {
        let lost = entries[*at..].iter().find(|entry| entry.event.to_string().ends_with("lost its power"));
        lost.is_some_and(|lost| lost.time.duration_since(asked.time) < SignedDuration::from_secs(10))
    });
    (asked.clone().count(), in_midst.count())
}

#[test]
fn chaos_on_blocks_breaks_nothing_and_is_the_same_again() {
    let mut all = (0, 0);
    for seed in 0..6 {
        let among: &[&str] =
            if seed % 2 == 0 { &[] } else { &["power-loss", "crash-at-write", "fail-fsync", "full-disk", "scale", "herd"] };
        let script = chaos(seed, among);
        let watching = Watching { keeps_journal: true, ..Watching::default() };
        let [(first, journal), (second, other)] = [(); 2].map(|()| rehearse(&script, &watching).unwrap());
        assert_eq!(first.violation, None, "seed {seed}");
        assert_eq!(journal.difference(&other), None, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
        let (asked, in_midst) = losses(&journal.entries());
        all = (all.0 + asked, all.1 + in_midst);
    }
    assert!(all.0 > 5 && all.1 > 2, "{all:?}");
}

#[test]
fn one_seed_of_chaos_in_eight_has_blocks_and_knows_losses_of_power() {
    let mut scenario = Scenario::read(include_str!("../../../examples/scenarios/chaos.yaml")).unwrap();
    scenario.disk = None;
    let scripts: Vec<_> = (0..400).map(|seed| scenario.clone().script(seed)).collect();
    let has_blocks = |script: &&Script| script.scenario.disk == Some(Grain::Blocks);
    let loses = |script: &Script| script.steps.iter().any(|step| matches!(step.deed, Deed::PowerLoss { .. }));
    assert!((30..=70).contains(&scripts.iter().filter(has_blocks).count()));
    assert!(scripts.iter().filter(has_blocks).any(loses) && !scripts.iter().filter(|script| !has_blocks(script)).any(loses));
}
