//! HAProxy as the other side: TCP mode, one thread, the same backends in turn.

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::process::Process;
use crate::{Outcome, Proxy};

const PROGRAM: &str = "haproxy";

const SETTINGS: &str = "\
global
  nbthread 1
  maxconn 1000
defaults
  mode tcp
  balance roundrobin
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

/// A process over a file that it reads in that directory. It is at its best with large bodies where it always splices, and with small ones
/// where it never does: it gets an address for each.
pub fn start(directory: &Path, backends: &[SocketAddr]) -> Outcome<Proxy> {
    // Held together until both are known, so that they differ.
    let free = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [small, bulk] = [free[0].local_addr()?, free[1].local_addr()?];
    drop(free);
    let mut text = SETTINGS.to_owned();
    for (name, address, options) in [("small", small, ""), ("bulk", bulk, "  option splice-request\n  option splice-response\n")] {
        write!(text, "listen {name}\n  bind {address}\n{options}")?;
        for (number, backend) in backends.iter().enumerate() {
            writeln!(text, "  server s{number} {backend}")?;
        }
    }
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text)?;
    // `-db` keeps it in the foreground: one process.
    let process = Process::start(Command::new(PROGRAM).arg("-db").arg("-f").arg(file))?;
    Ok(Proxy { process, small, bulk })
}
