use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Empty, NodeFiles, Ownership, Payload, Place};

/// Files that nobody reads: every place exists and nothing is kept.
pub struct SimulatedFiles;

fn at(place: Place<'_>) -> PathBuf {
    Path::new("/pods").join(place.pod).join(place.path)
}

#[async_trait]
impl NodeFiles for SimulatedFiles {
    async fn empty(&self, place: Place<'_>, _: Empty) -> io::Result<PathBuf> {
        Ok(at(place))
    }

    async fn write(&self, place: Place<'_>, _: &Payload, _: Ownership) -> io::Result<PathBuf> {
        Ok(at(place))
    }

    async fn file(&self, place: Place<'_>, _: &[u8], _: u32) -> io::Result<PathBuf> {
        Ok(at(place))
    }

    async fn host_path(&self, path: &Path, _: &str) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    async fn sub_path(&self, volume: &Path, relative: &str) -> io::Result<PathBuf> {
        Ok(volume.join(relative))
    }

    async fn tail(&self, _: Place<'_>, _: usize) -> io::Result<String> {
        Ok(String::new())
    }

    async fn read_host(&self, _: &str) -> io::Result<String> {
        Ok(String::new())
    }

    async fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    async fn pods(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
