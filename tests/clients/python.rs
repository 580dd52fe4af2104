//! `kubernetes`, the client for Python.

use std::path::Path;
use std::process::Command;

use super::stage::{installed, play, run, sources};
use crate::site::{Site, has};

/// The story's program; `None` if something that it needs cannot be had.
pub fn story() -> Option<Command> {
    let folder = has(&["python"]).then(|| installed("python", &["requirements.txt"], install))??;
    let mut program = Command::new(folder.join("bin/python"));
    program.arg(sources("python").join("story.py"));
    Some(program)
}

fn install(folder: &Path) -> Result<(), String> {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--no-deps", "-r"])
        .arg(sources("python").join("requirements.txt")))
}

#[test]
fn pythons_client_is_served_and_loses_nothing_by_a_kill() {
    let Some(story) = story() else { return };
    play(&mut Site::up(31, &["--nodes=0"]), story);
}
