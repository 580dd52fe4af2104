//! A file that is read, and written to only in memory: redb repairs what it opens, and a damaged file must stay as it is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use parking_lot::Mutex;
use redb::StorageBackend;

const BLOCK: u64 = 4096;

/// What redb would make of a file. All that it writes ends with this.
#[derive(Debug)]
pub struct Rehearsal {
    file: File,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    /// The file itself counts only below this: it has been cut off here.
    kept: u64,
    /// What differs from the file, by number of block.
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Rehearsal {
    pub fn of(file: &Path) -> io::Result<Self> {
        let file = File::open(file)?;
        let length = file.metadata()?.len();
        Ok(Self { file, written: Mutex::new(Written { length, kept: length, blocks: BTreeMap::new() }) })
    }

    fn original(&self, block: u64, kept: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK as usize];
        let there = kept.saturating_sub(block * BLOCK).min(BLOCK) as usize;
        self.file.read_exact_at(&mut bytes[..there], block * BLOCK)?;
        Ok(bytes)
    }
}

/// The blocks that a range touches: for each its number, the place within it, and the place within the range.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        (done < length).then(|| {
            let at = offset + done as u64;
            let start = (at % BLOCK) as usize;
            let count = (BLOCK as usize - start).min(length - done);
            let piece = (at / BLOCK, start..start + count, done..done + count);
            done += count;
            piece
        })
    })
}

impl StorageBackend for Rehearsal {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock();
        let end = offset + out.len() as u64;
        if end > written.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if end <= written.kept && written.blocks.range(offset / BLOCK..end.div_ceil(BLOCK)).next().is_none() {
            return self.file.read_exact_at(out, offset);
        }
        for (block, within, part) in pieces(offset, out.len()) {
            match written.blocks.get(&block) {
                Some(bytes) => out[part].copy_from_slice(&bytes[within]),
                None => out[part].copy_from_slice(&self.original(block, written.kept)?[within]),
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        if length < written.length {
            let last = length / BLOCK;
            written.blocks.retain(|block, _| *block <= last);
            if let Some(bytes) = written.blocks.get_mut(&last) {
                bytes[(length % BLOCK) as usize..].fill(0);
            }
        }
        written.length = length;
        written.kept = written.kept.min(length);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock();
        let kept = written.kept;
        for (block, within, part) in pieces(offset, data.len()) {
            let bytes = match written.blocks.entry(block) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(place) => place.insert(self.original(block, kept)?),
            };
            bytes[within].copy_from_slice(&data[part]);
        }
        written.length = written.length.max(offset + data.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![7; 10_000]).unwrap();
        let rehearsal = Rehearsal::of(&path).unwrap();
        let read = |offset, length| {
            let mut bytes = vec![0; length];
            rehearsal.read(offset, &mut bytes).map(|()| bytes)
        };
        rehearsal.write(4090, &[1; 12]).unwrap();
        assert_eq!(read(4088, 16).unwrap(), [7, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7, 7]);
        rehearsal.set_len(4096).unwrap();
        assert!(read(4090, 12).is_err());
        rehearsal.set_len(9000).unwrap();
        assert_eq!(read(4094, 4).unwrap(), [1, 1, 0, 0]);
        assert_eq!(std::fs::read(&path).unwrap(), vec![7; 10_000]);
    }
}
