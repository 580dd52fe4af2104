//! This program as its own child.

use std::process::{ChildStdout, Command};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::Outcome;
use crate::process::Process;

/// This program again, and what it prints.
pub fn start(arguments: impl IntoIterator<Item = String>) -> Outcome<(Process, ChildStdout)> {
    Ok(Process::start_and_listen(Command::new(std::env::current_exe()?).args(arguments))?)
}

/// Lets this process end with the one that started it.
pub fn end_with_parent() -> Outcome<()> {
    Ok(set_pdeathsig(Signal::SIGKILL)?)
}
