//! A process that a bench has started, and what the kernel knows of it.

use std::fs;
use std::io::Result;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Ended in order when it goes out of scope.
pub struct Process(Child);

#[allow(dead_code, reason = "each bench starts its processes one way or the other")]
impl Process {
    /// It reads nothing, and what it prints is dropped.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map(Self)
    }

    /// Together with what it prints.
    pub fn start_and_listen(command: &mut Command) -> Result<(Self, ChildStdout)> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let printed = child.stdout.take().expect("it was asked for");
        Ok((Self(child), printed))
    }

    /// What `/proc` has of it; nothing once it is gone.
    pub fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap_or_default()
    }

    /// Processor time used so far, by the process and the kernel on its behalf.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // The second field is the program's name in parentheses; fields 14 and 15 are the times in clock ticks.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let a_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
        Duration::from_secs_f64(ticks as f64 / a_second as f64)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Who is gone already needs no signal.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
