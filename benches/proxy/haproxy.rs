//! HAProxy as the other side: TCP mode, one thread, the same backends in turn.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::process::Process;

const PROGRAM: &str = "haproxy";

/// Splices what is bulk, as ours does.
const SETTINGS: &str = "\
global
  nbthread 1
  maxconn 1000
defaults
  mode tcp
  balance roundrobin
  option splice-auto
  timeout connect 3s
  timeout client 60s
  timeout server 60s
";

/// What it says of itself.
///
/// # Errors
/// It is not installed.
pub fn version() -> Outcome<String> {
    let output = Command::new(PROGRAM).arg("-v").output().map_err(|error| format!("{PROGRAM} is not here: {error}"))?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split(" - ").next().unwrap_or_default().trim().to_owned())
}

/// A process over a file that it reads in that directory, and where it listens.
pub fn start(directory: &Path, backends: &[SocketAddr]) -> Outcome<(Process, SocketAddr)> {
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut text = format!("{SETTINGS}listen web\n  bind {address}\n");
    for (number, backend) in backends.iter().enumerate() {
        writeln!(text, "  server s{number} {backend}")?;
    }
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text)?;
    // `-db` keeps it in the foreground: one process.
    Ok((Process::start(Command::new(PROGRAM).arg("-db").arg("-f").arg(file))?, address))
}
