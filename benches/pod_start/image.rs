//! The image of the app container: a root file system with nothing but a busybox, made without any registry.

use std::fs;

use kabuki::runtime::containers::ContainerRuntime;
use kabuki::runtime::containers::docker::{Docker, DockerOptions};

use crate::Outcome;

pub const NAME: &str = "kabuki-bench/busybox:1";
/// Statically linked (Debian: busybox-static).
const PROGRAM: &str = "/bin/busybox";

/// Makes the image unless it is there.
///
/// # Errors
/// No Docker, or no busybox.
pub async fn import() -> Outcome<()> {
    let options =
        DockerOptions { socket: DockerOptions::SOCKET.to_owned(), cluster: "bench".to_owned(), node: "none".to_owned(), network: None };
    let docker = Docker::connect(options).await?;
    if docker.image(NAME).await.is_err() {
        let program = fs::read(PROGRAM).map_err(|error| format!("{PROGRAM}: {error}"))?;
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o755);
        header.set_size(program.len() as u64);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, "bin/busybox", program.as_slice())?;
        docker.import_image(NAME, archive.into_inner()?.into()).await?;
    }
    Ok(())
}
