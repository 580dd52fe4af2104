//! Where a story is played: a cluster, the story's program, and whoever kills the cluster when the story asks for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::site::{Site, is_required};

/// How long a story may take.
const DEADLINE: Duration = Duration::from_secs(150);
/// What a story prints that wants the cluster killed and started again. It gets a line when that is done.
const KILL: &str = "KILL";

/// Plays a story to its end, which must be a good one.
pub fn play(site: &mut Site, mut program: Command) {
    program.env("KUBECONFIG", site.kubeconfig()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut told = program.spawn().unwrap();
    let (mut stdin, stdout) = (told.stdin.take().unwrap(), told.stdout.take().unwrap());
    let pid = Pid::from_raw(told.id().try_into().unwrap());
    let (ended, end) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let is_late = end.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout);
        if is_late {
            kill(pid, Signal::SIGKILL).unwrap();
        }
        is_late
    });
    for line in BufReader::new(stdout).lines() {
        let line = line.unwrap();
        println!("{line}");
        if line == KILL {
            site.kill_and_start_again();
            // Who has failed meanwhile reads no more: the status says so.
            let _ = stdin.write_all(b"it is back\n");
        }
    }
    let status = told.wait().unwrap();
    drop(ended);
    assert!(!watchdog.join().unwrap(), "{program:?} took longer than {DEADLINE:?}");
    assert!(status.success(), "{program:?}: {status}");
}

/// Where the sources of a story are.
pub fn sources(client: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(client)
}

/// A folder of the build's own with what these files ask for, installed once by `install`; `None` if it cannot be had, which is said.
pub fn installed(client: &str, pins: &[&str], install: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(client);
    let pinned: String = pins.iter().map(|file| std::fs::read_to_string(sources(client).join(file)).unwrap()).collect();
    // Two tests may want the same; and who was ended half way has left no note.
    let _alone = alone(&folder);
    let note = folder.join("installed");
    if std::fs::read_to_string(&note).is_ok_and(|there| there == pinned) {
        return Some(folder);
    }
    match install(&folder) {
        Ok(()) => std::fs::write(note, pinned).unwrap(),
        Err(reason) => {
            assert!(!is_required(client), "the packages of {client} cannot be installed: {reason}");
            println!("skipped: the packages of {client} cannot be installed: {reason}");
            return None;
        }
    }
    Some(folder)
}

/// While this is kept, no other test works in the folder, of whatever process.
fn alone(folder: &Path) -> Flock<File> {
    std::fs::create_dir_all(folder).unwrap();
    let file = File::create(folder.with_extension("lock")).unwrap();
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap()
}

/// Runs what must succeed; else the end of what it printed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let end: Vec<_> = printed.lines().rev().take(20).collect();
    Err(format!("{command:?}: {}", end.into_iter().rev().collect::<Vec<_>>().join("\n")))
}
