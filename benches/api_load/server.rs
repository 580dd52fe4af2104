//! The server under load: a `kabuki up` of its own, and what the kernel knows of it.

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

use crate::connection::{Endpoint, request};

/// How often a server that does not answer yet is tried again.
const TRY_AGAIN: Duration = Duration::from_micros(500);
/// How long it may take to become ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `kabuki up`; stopped when it goes out of scope.
pub struct Server {
    child: Child,
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
        let child = Command::new(env!("CARGO_BIN_EXE_kabuki"))
            .args(["up", "--listen", &address.to_string(), "--data-dir"])
            .arg(directory)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut starting = Starting(Some(child));
        let endpoint = tokio::time::timeout(PATIENCE, ready(directory, address)).await?;
        let child = starting.0.take().expect("nobody else takes it");
        Ok(Self { child, endpoint, ready_after: begun.elapsed() })
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }

    /// Processor time used so far, by the process and the kernel on its behalf.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // The second field is the program's name in parentheses; fields 14 and 15 are the times in clock ticks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let a_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
        Duration::from_secs_f64(ticks as f64 / a_second as f64)
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// A process that must not outlive a start that failed.
struct Starting(Option<Child>);

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(stop);
    }
}

fn stop(child: &mut Child) {
    // Who is gone already needs no signal.
    let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
    let _ = child.wait();
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
