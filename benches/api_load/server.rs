//! The server under load: a `kabuki up` of its own, and what the kernel knows of it.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

use crate::connection::{Endpoint, request};
use crate::process::Process;

/// How often a server that does not answer yet is tried again.
const TRY_AGAIN: Duration = Duration::from_micros(500);
/// How long it may take to become ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `kabuki up`; stopped when it goes out of scope.
pub struct Server {
    process: Process,
    pub endpoint: Endpoint,
    /// From the spawn of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
}

/// What the administrator shows.
pub struct Credentials {
    pub authority: CertificateDer<'static>,
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
}

impl Credentials {
    fn read(directory: &Path) -> Result<Self, rustls_pki_types::pem::Error> {
        let pki = directory.join("pki");
        Ok(Self {
            authority: CertificateDer::from_pem_file(pki.join("ca.crt"))?,
            certificate: CertificateDer::from_pem_file(pki.join("admin.crt"))?,
            key: PrivateKeyDer::from_pem_file(pki.join("admin.key"))?,
        })
    }
}

impl Server {
    /// Starts a server over a data directory and waits until it is ready.
    pub async fn start(directory: &Path, more: &[&str]) -> Result<Self, Box<dyn Error>> {
        let address = free_address()?;
        let begun = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kabuki"));
        command.args(["up", "--listen", &address.to_string(), "--data-dir"]).arg(directory).args(more);
        let process = Process::start(&mut command)?;
        let endpoint = tokio::time::timeout(PATIENCE, ready(directory, address)).await?;
        Ok(Self { process, endpoint, ready_after: begun.elapsed() })
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Duration {
        self.process.cpu()
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let status = self.process.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

/// Tries until `/readyz` says yes.
async fn ready(directory: &Path, address: SocketAddr) -> Endpoint {
    let probe = request("GET", "/readyz", b"");
    loop {
        if let Ok(credentials) = Credentials::read(directory)
            && let Ok(endpoint) = Endpoint::new(address, credentials)
            && let Ok(mut connection) = endpoint.connect().await
            && connection.exchange(&probe).await.is_ok_and(|answer| answer.code == 200)
        {
            return endpoint;
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
