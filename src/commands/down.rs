//! `kabuki down`: this machine as it was before `up`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::access::default_data_directory;
use super::{Failure, cluster, docker_socket};
use crate::actors::kubelet::HostFiles;
use crate::runtime::containers::docker::Docker;
use crate::runtime::network::RoutedNetwork;
use crate::runtime::store::Embedded;

#[derive(Args, Debug)]
pub struct Down {
    /// Where the cluster keeps its state
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Remove the cluster's objects, certificates and volumes, too
    #[arg(long)]
    purge: bool,
}

impl Down {
    pub async fn run(self) -> Result<(), Failure> {
        let directory = self.data_dir.clone().unwrap_or_else(default_data_directory);
        let Some(cluster) = cluster::existing(&directory)? else {
            println!("{}: there is no cluster", directory.display());
            return Ok(());
        };
        // Held to the end: nothing is taken from under a cluster that runs, and none starts meanwhile.
        let lock = Embedded::lock_directory(&directory).map_err(|error| format!("{error} (Ctrl-C there stops it)"))?;
        let socket = docker_socket()?;
        if Path::new(&socket).exists() {
            Docker::remove_everything(&socket, &cluster).await?;
            println!("containers removed");
        }
        if RoutedNetwork::is_permitted() {
            RoutedNetwork::remove_everything(&cluster).await?;
            println!("links and rules removed");
        }
        HostFiles::remove_everything(&directory.join("kubelet")).map_err(|error| format!("{}: {error}", directory.display()))?;
        if self.purge {
            purge(&directory)?;
            println!("{} removed", directory.display());
        }
        drop(lock);
        Ok(())
    }
}

/// Removes what `up` keeps in a data directory, and the directory if nothing of anybody else's is in it.
fn purge(directory: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::from(format!("{}: {error}", path.display()));
    for name in ["store.redb", "store.redb.new", "kubeconfig", "cluster", "lock"] {
        let path = directory.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, error)),
            _ => {}
        }
    }
    for name in ["pki", "kubelet"] {
        let path = directory.join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, error)),
            _ => {}
        }
    }
    match std::fs::remove_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        Err(error) => Err(failed(directory, error)),
        Ok(()) => Ok(()),
    }
}
