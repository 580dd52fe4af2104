//! A block device: what is written to it is durable only once a sync has confirmed it.
//!
//! Until then it is in the page cache: a process that is killed loses nothing, and a machine that loses power keeps any part of it. The
//! data of a file reaches the disk in any order, sector by sector; its length is in the file system's journal, so of several changes of
//! it the first ones survive.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::{Rng, RngExt};
use redb::StorageBackend;

use crate::runtime::entropy::Entropy;

/// What is written whole or not at all.
const SECTOR: usize = 512;
/// What a file takes from its disk at once when it is first written there.
const BLOCK: usize = 4096;
/// How likely a write that no sync has confirmed survives a loss of power: it differs from loss to loss.
const SURVIVAL: [f64; 5] = [0.0, 0.2, 0.5, 0.8, 1.0];
/// How likely one that would survive is torn.
const TORN: f64 = 0.2;

/// The device of a machine, with one file on it. Clones are the same device.
#[derive(Clone, Default)]
pub struct Device(Arc<Mutex<State>>);

/// A process's hold of a device. When the process has ended, nothing comes through any more.
#[derive(Clone)]
pub struct Attachment {
    device: Device,
    life: u64,
}

/// What goes wrong on a device.
#[derive(Default)]
pub struct Trouble {
    /// The file can take no more of the disk than it has.
    pub is_full: bool,
    /// The next sync says that it failed, and what it was to confirm stays unconfirmed.
    pub fails_next_sync: bool,
    pub fuse: Option<Fuse>,
}

/// What cuts a process off in the midst of its writing.
pub struct Fuse {
    /// So many of its writes come before the one at which it springs; at the latest it springs at the next sync.
    pub after: u32,
    pub cut: Cut,
}

/// How a process is cut off.
pub enum Cut {
    /// With the power. Chance says what is left of what no sync had confirmed.
    Power(Box<Entropy>),
    /// Alone: nothing is lost that it had written.
    Kill,
}

#[derive(Default)]
struct State {
    /// The file as it is read.
    cached: Vec<u8>,
    /// The file as a sync has confirmed it.
    durable: Vec<u8>,
    /// What makes the one of the other, oldest first.
    unsynced: Vec<Change>,
    /// The blocks that the file has taken from the disk.
    taken: BTreeSet<usize>,
    trouble: Trouble,
    /// Of the process that has it now.
    life: u64,
}

enum Change {
    Length(usize),
    Data { offset: usize, bytes: Vec<u8> },
}

impl Device {
    /// What a new process holds. All that held it before are cut off.
    pub fn attach(&self) -> Attachment {
        let mut state = self.0.lock();
        state.life += 1;
        Attachment { device: self.clone(), life: state.life }
    }

    /// The process that holds it is cut off.
    pub fn detach(&self) {
        self.0.lock().life += 1;
    }

    /// Lets this go wrong from now on, and returns what is left of what was to go wrong before.
    pub fn set(&self, trouble: Trouble) -> Trouble {
        std::mem::replace(&mut self.0.lock().trouble, trouble)
    }

    /// The process that holds it is cut off, and of what no sync has confirmed only a part is left.
    pub fn lose_power(&self, chance: &mut Entropy) {
        self.0.lock().lose_power(chance);
    }
}

impl State {
    fn lose_power(&mut self, chance: &mut Entropy) {
        self.life += 1;
        self.durable = remains(&self.durable, &self.unsynced, chance.rng());
        self.cached.clone_from(&self.durable);
        self.unsynced.clear();
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.admit(&change)?;
        change.apply(&mut self.cached);
        self.unsynced.push(change);
        match &mut self.trouble.fuse {
            Some(Fuse { after: 0, .. }) => self.spring(),
            Some(fuse) => {
                fuse.after -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether the disk has room for it.
    fn admit(&mut self, change: &Change) -> io::Result<()> {
        let is_full = self.trouble.is_full;
        match change {
            Change::Length(length) if is_full && *length > self.cached.len() => Err(ErrorKind::StorageFull.into()),
            Change::Length(length) => {
                self.taken.retain(|block| block * BLOCK < *length);
                Ok(())
            }
            Change::Data { offset, bytes } => {
                let mut blocks = offset / BLOCK..(offset + bytes.len()).div_ceil(BLOCK);
                if is_full && !blocks.all(|block| self.taken.contains(&block)) {
                    return Err(ErrorKind::StorageFull.into());
                }
                self.taken.extend(blocks);
                Ok(())
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.spring()?;
        if std::mem::take(&mut self.trouble.fails_next_sync) {
            return Err(io::Error::other("fsync: input/output error"));
        }
        let durable = &mut self.durable;
        self.unsynced.drain(..).for_each(|change| change.apply(durable));
        Ok(())
    }

    /// Cuts the process off, if there is a fuse.
    fn spring(&mut self) -> io::Result<()> {
        match self.trouble.fuse.take().map(|fuse| fuse.cut) {
            Some(Cut::Power(mut chance)) => self.lose_power(&mut chance),
            Some(Cut::Kill) => self.life += 1,
            None => return Ok(()),
        }
        Err(gone())
    }
}

fn gone() -> io::Error {
    io::Error::new(ErrorKind::BrokenPipe, "the process is gone")
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Length(length) => file.resize(*length, 0),
            Self::Data { offset, bytes } => file[*offset..offset + bytes.len()].copy_from_slice(bytes),
        }
    }
}

/// What is left of a file when the power goes.
fn remains(durable: &[u8], unsynced: &[Change], rng: &mut impl Rng) -> Vec<u8> {
    // A sector that survives is as the page cache had it at one of its writes.
    let (mut cached, mut left) = (durable.to_vec(), durable.to_vec());
    let lengths = unsynced.iter().filter(|change| matches!(change, Change::Length(_))).count();
    let mut lengths = rng.random_range(0..=lengths);
    let survival = SURVIVAL[rng.random_range(0..SURVIVAL.len())];
    for change in unsynced {
        change.apply(&mut cached);
        match change {
            Change::Length(_) if lengths > 0 => {
                lengths -= 1;
                change.apply(&mut left);
            }
            Change::Length(_) => {}
            Change::Data { offset, bytes } => {
                let sectors = surviving(offset / SECTOR..(offset + bytes.len()).div_ceil(SECTOR), survival, rng);
                let end = (sectors.end * SECTOR).min(cached.len()).min(left.len());
                let start = (sectors.start * SECTOR).min(end);
                left[start..end].copy_from_slice(&cached[start..end]);
            }
        }
    }
    left
}

/// All sectors of a write, none, or those on one side of a tear.
fn surviving(sectors: Range<usize>, survival: f64, rng: &mut impl Rng) -> Range<usize> {
    if !rng.random_bool(survival) {
        return sectors.start..sectors.start;
    }
    if !rng.random_bool(TORN) {
        return sectors;
    }
    let tear = rng.random_range(sectors.clone());
    if rng.random_bool(0.5) { sectors.start..tear } else { tear..sectors.end }
}

impl Attachment {
    fn state<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.device.0.lock();
        if state.life == self.life { work(&mut state) } else { Err(gone()) }
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("life", &self.life).finish_non_exhaustive()
    }
}

/// A place in the file. A simulated file is in memory, and so are all its places.
fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for Attachment {
    fn len(&self) -> io::Result<u64> {
        self.state(|state| Ok(state.cached.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = place(offset)?;
        self.state(|state| {
            let there = state.cached.get(offset..offset + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(there);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = place(length)?;
        self.state(|state| state.change(Change::Length(length)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state(State::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = place(offset)?;
        self.state(|state| {
            let end = offset + data.len();
            if end > state.cached.len() {
                state.change(Change::Length(end))?;
            }
            state.change(Change::Data { offset, bytes: data.to_vec() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(device: &Device) -> Vec<u8> {
        device.0.lock().cached.clone()
    }

    /// One with four sectors of ones that are durable.
    fn device() -> (Device, Attachment) {
        let device = Device::default();
        let attachment = device.attach();
        attachment.write(0, &[1; 4 * SECTOR]).unwrap();
        attachment.sync_data().unwrap();
        (device, attachment)
    }

    #[test]
    fn what_was_synced_is_there_after_a_loss_of_power_and_who_held_it_is_cut_off() {
        for seed in 0..50 {
            let (device, attachment) = device();
            device.lose_power(&mut Entropy::from_seed(seed));
            assert_eq!(read(&device), [1; 4 * SECTOR]);
            assert!(attachment.write(0, &[2]).is_err() && attachment.sync_data().is_err());
            assert_eq!(read(&device), [1; 4 * SECTOR]);
        }
    }

    #[test]
    fn what_was_not_synced_is_lost_kept_or_torn_between_sectors_and_a_kill_loses_nothing() {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let (device, attachment) = device();
            attachment.write(0, &[2; 4 * SECTOR]).unwrap();
            device.detach();
            assert_eq!(read(&device), [2; 4 * SECTOR]);
            device.lose_power(&mut Entropy::from_seed(seed));
            let left = read(&device);
            let sectors: Vec<u8> = left.chunks(SECTOR).map(|sector| sector[0]).collect();
            assert!(left.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])), "a sector is torn");
            seen.insert(sectors);
        }
        for expected in [[1, 1, 1, 1], [2, 2, 2, 2], [2, 2, 1, 1], [1, 2, 2, 2]] {
            assert!(seen.contains(&expected[..]), "{seen:?}");
        }
    }

    #[test]
    fn writes_to_several_places_reach_the_disk_in_any_order() {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let (device, attachment) = device();
            attachment.write(0, &[2; SECTOR]).unwrap();
            attachment.write(3 * SECTOR as u64, &[3; SECTOR]).unwrap();
            device.lose_power(&mut Entropy::from_seed(seed));
            let left = read(&device);
            seen.insert((left[0], left[3 * SECTOR]));
        }
        assert_eq!(seen, BTreeSet::from([(1, 1), (1, 3), (2, 1), (2, 3)]));
    }

    #[test]
    fn a_sector_survives_as_it_was_at_one_of_its_writes() {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let (device, attachment) = device();
            attachment.write(0, &[2; 100]).unwrap();
            attachment.write(100, &[3; 100]).unwrap();
            device.lose_power(&mut Entropy::from_seed(seed));
            let left = read(&device);
            seen.insert((left[0], left[100]));
        }
        assert_eq!(seen, BTreeSet::from([(1, 1), (2, 1), (2, 3)]));
    }

    #[test]
    fn a_sync_that_fails_confirms_nothing_and_the_next_one_all() {
        let lost = |confirmed: bool| {
            (0..50).any(|seed| {
                let (device, attachment) = device();
                attachment.write(0, &[2; SECTOR]).unwrap();
                device.set(Trouble { fails_next_sync: true, ..Trouble::default() });
                assert!(attachment.sync_data().is_err());
                if confirmed {
                    attachment.sync_data().unwrap();
                }
                device.lose_power(&mut Entropy::from_seed(seed));
                read(&device)[0] == 1
            })
        };
        assert!(lost(false) && !lost(true));
    }

    #[test]
    fn a_full_disk_takes_what_is_written_again_and_nothing_new() {
        let device = Device::default();
        let attachment = device.attach();
        attachment.set_len(3 * BLOCK as u64).unwrap();
        attachment.write(0, &[1; BLOCK]).unwrap();
        device.set(Trouble { is_full: true, ..Trouble::default() });
        attachment.write(0, &[2; BLOCK]).unwrap();
        assert_eq!(attachment.write(BLOCK as u64, &[2]).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(attachment.set_len(4 * BLOCK as u64).unwrap_err().kind(), ErrorKind::StorageFull);
        attachment.set_len(2 * BLOCK as u64).unwrap();
        device.set(Trouble::default());
        attachment.write(BLOCK as u64, &[2]).unwrap();
        assert_eq!(read(&device).len(), 2 * BLOCK);
    }

    #[test]
    fn a_fuse_springs_after_so_many_writes_and_at_a_sync_at_the_latest() {
        let done = |after| {
            let (device, attachment) = device();
            device.set(Trouble { fuse: Some(Fuse { after, cut: Cut::Kill }), ..Trouble::default() });
            let writes = [0, 1, 2].map(|at| attachment.write(at * SECTOR as u64, &[2; SECTOR]).is_ok());
            let synced = attachment.sync_data().is_ok();
            (writes, synced, read(&device).iter().filter(|byte| **byte == 2).count() / SECTOR)
        };
        assert_eq!(done(0), ([false, false, false], false, 1));
        assert_eq!(done(2), ([true, true, false], false, 3));
        assert_eq!(done(9), ([true, true, true], false, 3));
    }
}
