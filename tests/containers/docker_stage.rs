//! Where the tests that need Docker play: an engine, an image with a busybox, and a cluster of their own on it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kabuki::runtime::containers::ContainerRuntime;
use kabuki::runtime::containers::docker::{Docker, DockerOptions};
use tokio::sync::Mutex;

use crate::BAD_IMAGE;
use crate::contract::Stage;

pub const IMAGE: &str = "kabuki-test/busybox:1";

/// A statically linked one (Debian: busybox-static).
const BUSYBOX: &str = "/bin/busybox";

pub fn options(cluster: &str) -> DockerOptions {
    DockerOptions { socket: DockerOptions::SOCKET.to_owned(), cluster: cluster.to_owned(), node: "node".to_owned(), network: None }
}

/// A cluster of a test, of which nothing is left when the test ends.
pub struct Cluster(pub String);

impl Cluster {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // On a thread of its own: this one may be in a runtime.
        let cluster = self.0.clone();
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(Docker::remove_everything(DockerOptions::SOCKET, &cluster))
        });
        if let Err(error) = removal.join().unwrap() {
            eprintln!("cannot remove cluster {}: {error}", self.0);
        }
    }
}

/// Runs a check on a stage of its own, unless there is no Docker: then it says so, or fails if Docker is required.
pub fn on_docker<F: Future<Output = ()>>(check: impl FnOnce(Stage) -> F) {
    on_cluster(|_, runtime| async move { check(Stage::set(Arc::new(runtime), IMAGE, BAD_IMAGE).await).await });
}

pub fn on_cluster<F: Future<Output = ()>>(check: impl FnOnce(String, Docker) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = Cluster::new();
    match runtime.block_on(ready(&cluster.0)) {
        Ok(docker) => runtime.block_on(check(cluster.0.clone(), docker)),
        Err(reason) => {
            let required = std::env::var("KABUKI_TEST_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|what| what == "docker"), "{reason}");
            eprintln!("skipped: {reason}");
            std::mem::forget(cluster);
        }
    }
}

async fn ready(cluster: &str) -> Result<Docker, String> {
    let docker = Docker::connect(options(cluster)).await.map_err(|error| error.to_string())?;
    // Two imports would make two images, and move the name from one to the other.
    static IMPORT: Mutex<()> = Mutex::const_new(());
    let root = busybox().map_err(|error| format!("{BUSYBOX}: {error}"))?;
    let guard = IMPORT.lock().await;
    if docker.image(IMAGE).await.is_err() {
        docker.import_image(IMAGE, root.into()).await.map_err(|error| error.to_string())?;
    }
    drop(guard);
    Ok(docker)
}

/// A root file system with busybox under its many names.
fn busybox() -> std::io::Result<Vec<u8>> {
    let program = std::fs::read(BUSYBOX)?;
    let names = String::from_utf8(std::process::Command::new(BUSYBOX).arg("--list").output()?.stdout).map_err(std::io::Error::other)?;
    let mut archive = tar::Builder::new(Vec::new());
    for directory in ["bin/", "etc/", "tmp/"] {
        let mut header = header(tar::EntryType::Directory, 0);
        archive.append_data(&mut header, directory, std::io::empty())?;
    }
    archive.append_data(&mut header(tar::EntryType::Regular, program.len()), "bin/busybox", program.as_slice())?;
    for name in names.lines().filter(|name| *name != "busybox") {
        archive.append_link(&mut header(tar::EntryType::Symlink, 0), Path::new("bin").join(name), "busybox")?;
    }
    archive.into_inner()
}

fn header(kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(size as u64);
    header
}
